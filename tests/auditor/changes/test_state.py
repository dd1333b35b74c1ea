"""
The state file: it counts only for what it was finished for, and damage costs time alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.changes.state import State, StateError, StateRow, Whole

ROW = StateRow("Project", "Projects-1", b"hash", "Web", (("projects/Web/Web.json", b"blob"),))


def test_what_is_put_counts_after_finish(tmp_path: Path) -> None:
    """
    Rows that were put are there again only after finish, and only for what it was made on.
    """
    with State(tmp_path / "rows.sqlite") as state:
        state.put([ROW])
    with State(tmp_path / "rows.sqlite") as state:
        assert state.hashes("Project") == {}
        state.put([ROW])
        state.finish("tree", 1)
    with State(tmp_path / "rows.sqlite") as state:
        assert state.made_on() == "tree"
        assert state.made_on() != "another"
        assert state.hashes("Project") == {"Projects-1": b"hash"}
        assert state.files("Project", "Projects-1") == (ROW[3], ROW[4])
        assert state.counts() == {"Project": 1}
        assert state.total_files() == 1


def test_tables_as_a_whole(tmp_path: Path) -> None:
    """
    What is known of whole tables is what the last finish said, and nothing else.
    """
    first, second = Whole("Project", b"one", 3), Whole("Machine", b"two", 4)
    with State(tmp_path / "rows.sqlite") as state:
        state.put([ROW])
        state.finish("tree", 1, [first])
    with State(tmp_path / "rows.sqlite") as state:
        assert (state.whole("Project"), state.whole("Machine"), state.types()) == (first, None, {"Project"})
        state.finish("tree", 1, [second])
        assert (state.whole("Project"), state.whole("Machine")) == (None, second)
        state.clear()
        assert state.whole("Machine") is None
        assert state.types() == set()


def test_forget_and_clear(tmp_path: Path) -> None:
    """
    What is forgotten is gone, what was never there is empty.
    """
    with State(tmp_path / "rows.sqlite") as state:
        state.put([ROW])
        state.forget([("Project", "Projects-1")])
        assert state.files("Project", "Projects-1") == ("", ())
        state.put([ROW])
        state.clear()
        assert state.counts() == {}


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_file_is_thrown_away(tmp_path: Path, content: bytes) -> None:
    """
    A damaged file is no error: the state is empty.
    """
    path = tmp_path / "rows.sqlite"
    path.write_bytes(content)

    with State(path) as state:
        assert state.made_on() != "tree"


def test_a_file_of_another_shape(tmp_path: Path) -> None:
    """
    A file whose tables are others is one sentence, and is gone for the next run.
    """
    import sqlite3
    from contextlib import closing

    path = tmp_path / "rows.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE row (something TEXT)")
        other.execute("CREATE TABLE made (something TEXT)")

    with State(path) as state, pytest.raises(StateError, match="makes it anew"):
        state.made_on()

    with State(path) as state:
        assert state.made_on() != "tree"


def test_the_file_is_private(tmp_path: Path) -> None:
    """
    Nobody else may read names from it.
    """
    with State(tmp_path / "rows.sqlite"):
        pass

    assert (tmp_path / "rows.sqlite").stat().st_mode & 0o077 == 0
