"""
The commands about a clone: its index, and how plain git shows it.
"""

from __future__ import annotations

from pathlib import Path

from auditor.history.opened import index_path
from tests.auditor.cli.conftest import Run
from tests.support.histories import History


def test_an_index_is_made_anew_and_checked(run: Run, history: History) -> None:
    """
    Whatever stands in its place, it is made from git, and then it is what git says.
    """
    index_path(history.path).parent.mkdir(exist_ok=True)
    index_path(history.path).write_bytes(b"something else")

    assert run("index") == (0, f"3 commits, {index_path(history.path)}\n", "")
    assert run("index", "--check")[0] == 0


def test_a_clone_is_set_up_and_back(run: Run, history: History, tmp_path: Path) -> None:
    """
    Each way is told, also where nothing was to be done.
    """
    clone = str(tmp_path / "clone")
    history.git("clone", "-q", str(history.path), clone)

    words = [run("git-config", "--repository", clone, *more, repository=False) for more in ((), (), ("--undo",))]

    assert [(code, out.split(";")[0]) for code, out, _ in words] == [
        (0, "set"),
        (0, "it was set already"),
        (0, "taken out\n"),
    ]
    assert run("git-config", "--repository", str(tmp_path / "none"), repository=False)[0] == 2
