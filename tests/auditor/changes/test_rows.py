"""
Which rows differ: from nothing, from a state, and when a run is told to stop meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from auditor.audit import RunOptions
from auditor.changes.rows import RowChanges, changed_rows, changed_tables
from auditor.changes.state import State, StateRow
from auditor.stop import Stop, Stopped
from migrator.documents.layout import Layout
from migrator.export.read import look_at, read_rows
from migrator.export.render import Renderer, RenderOptions
from migrator.export.spool import Spool
from migrator.export.stream import Stream
from migrator.secrets.ciphers import MasterKeyCipher
from tests.support.audits import Audited
from tests.support.servers import SampleServer


@contextmanager
def opened(server: SampleServer) -> Iterator[Stream]:
    looked = look_at(server.address)
    with Spool() as spool:
        content = read_rows(looked, spool)
        yield Stream(spool, Renderer(RenderOptions(), Layout(content.clashes), None, lambda secret, context: {}))
    looked.close()


def changed(server: SampleServer, state: State | None) -> tuple[RowChanges, list[tuple[str, str]]]:
    """
    Return what the rows are, and which documents are rendered for it.
    """
    with opened(server) as stream:
        rows = changed_rows(stream, changed_tables(stream, state), state, lambda: None)
        return rows, [tuple(document.identity) for document in stream.documents()]


def remember(server: SampleServer, state: State) -> None:
    with opened(server) as stream:
        rows = changed_rows(stream, changed_tables(stream, None), None, lambda: None)
        state.put(StateRow(*one.identity, one.row_hash, one.name, ()) for one in stream.documents())
        state.finish("tree", 1, rows.wholes)


@pytest.fixture
def server(audited: Audited) -> SampleServer:
    return audited.database


def test_a_row_that_changed_is_found_among_those_that_did_not(server: SampleServer, tmp_path: Path) -> None:
    """
    Against a state nothing differs until a row does; then that row alone is rendered, and one that is gone is named.
    """
    with State(tmp_path / "rows.sqlite") as state:
        remember(server, state)
        rows, rendered = changed(server, state)
        assert (rows.differ, rendered, rows.gone) == (False, [], [])

        server.edit("Machine", "Machines-2", lambda body: body.update(Name="another name"))
        server.run("DELETE FROM Machine WHERE Id = 'Machines-3'")
        rows, rendered = changed(server, state)
        assert rendered == [("Machine", "Machines-2")]
        assert [(table.name, identity) for table, identity in rows.gone] == [("Machine", "Machines-3")]
        assert rows.differ


def test_a_row_that_is_gone_is_a_difference(server: SampleServer, tmp_path: Path) -> None:
    """
    Also where no other row changed, so that there is nothing to render; and so is a whole table that is gone.
    """
    with State(tmp_path / "rows.sqlite") as state:
        remember(server, state)
        server.run("DELETE FROM Machine WHERE Id = 'Machines-3'")
        rows, rendered = changed(server, state)
        assert (rows.differ, rendered) == (True, [])
        server.run("DROP TABLE Machine")
        rows, rendered = changed(server, state)
        assert (rows.differ, rendered, {table.name for table, _ in rows.gone}) == (True, [], {"Machine"})


def test_a_row_that_does_not_tell_its_owner_is_always_rendered(server: SampleServer, tmp_path: Path) -> None:
    """
    Where only the body says whose a document is, an equal row may have another path, so that its hash is not believed.
    """
    for statement in ("CREATE TABLE Other AS SELECT Id, Name, JSON FROM Channel", "DROP TABLE Channel"):
        server.run(statement)
    server.run("ALTER TABLE Other RENAME TO Channel")
    channels = server.run("SELECT Id FROM Channel")
    with State(tmp_path / "rows.sqlite") as state:
        remember(server, state)
        _, rendered = changed(server, state)

    assert sorted(rendered) == sorted(("Channel", identity) for (identity,) in channels)


def test_an_owner_that_changed_brings_what_it_owns(server: SampleServer, tmp_path: Path) -> None:
    """
    A project that is renamed moves the files of its parts, whose rows are the same.
    """
    with State(tmp_path / "rows.sqlite") as state:
        remember(server, state)
        server.edit("Project", "Projects-7", lambda body: body.update(Name="Main ledger"))
        _, rendered = changed(server, state)

    assert ("Project", "Projects-7") in rendered
    assert ("VariableSet", "variableset-Projects-7") in rendered
    assert ("Project", "Projects-1") not in rendered


def test_a_stop_is_asked_for_while_rows_are_compared(server: SampleServer) -> None:
    """
    Being told to stop ends the comparison within a few hundred rows, in the middle of a table too.
    """
    asked: list[int] = []
    stop = Stop()

    def check() -> None:
        asked.append(len(asked))
        if len(asked) == 2:
            stop.request()
        stop.check()

    with opened(server) as stream, pytest.raises(Stopped):
        changed_rows(stream, changed_tables(stream, None), None, check)
    assert asked == [0, 1]


def test_a_large_table_asks_now_and_then(server: SampleServer) -> None:
    """
    It is asked at the first row of a table, and again after every 256.
    """
    server.run(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION SELECT n + 1 FROM n LIMIT 600) "
        "INSERT INTO ProjectGroup (Id, Name, JSON) SELECT 'ProjectGroups-9' || n, 'Group ' || n, '{}' FROM n"
    )
    with opened(server) as stream:
        rows = [item.count for _, item in stream.tables()]
        asked: list[None] = []
        changed_rows(stream, changed_tables(stream, None), None, lambda: asked.append(None))

    assert len(asked) == sum(-(-count // 256) for count in rows)
    assert max(rows) > 600


@pytest.mark.parametrize("options", [RunOptions(), RunOptions(full=True)], ids=["hashes", "full"])
def test_a_run_looks_twice_and_opens_once(
    audited: Audited, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No row is handed out more than twice in a run, and no secret is opened more than once, whatever changed; where a
    secret came or went, which any row may hold in clear, those that did not change are looked at again.
    """
    seen: Counter[tuple[int, int]] = Counter()
    opened: Counter[str] = Counter()
    rows, opens = Spool.rows, MasterKeyCipher.open

    def counted(spool: Spool, position: int, wanted: bytearray | None = None) -> Iterator[Any]:
        for index, head, packed in rows(spool, position, wanted):
            seen[position, index] += 1
            yield index, head, packed

    def counting(cipher: MasterKeyCipher, text: str) -> str:
        opened[text] += 1
        return opens(cipher, text)

    audited.edit("change only a secret")
    audited.edit("rename a project")
    monkeypatch.setattr(Spool, "rows", counted)
    monkeypatch.setattr(MasterKeyCipher, "open", counting)
    assert audited.good(options).commits

    assert max(seen.values()) <= (2 if options.full else 4)
    assert set(opened.values()) == {1}
