"""
What a SQL Server is sent, proved without one: bound types, names, limits, connections and their order.
"""

from __future__ import annotations

import dataclasses
import re
import traceback
from pathlib import Path

import pytest
from sqlalchemy import text

from migrator.credentials import Secret
from migrator.errors import DatabaseError
from migrator.exporter import export, partial_export
from migrator.importer import ImportOptions, import_tree
from migrator.report import Report
from migrator.selection.request import Selection
from migrator.sql.engine import Limits, open_engine, transaction
from migrator.tree.files import FolderFiles
from tests.support.imports import Server, doc, outcomes, tree
from tests.support.recording import ADDRESS, Recording, recorded
from tests.support.servers import KEY_TEXT, PASSWORD, SampleServer, contents

FEW = 12
"""Statements of a run beside one for each table: SQLAlchemy's own five, the catalogue, the counts and the like."""


@pytest.fixture
def sql_server(server: SampleServer, monkeypatch: pytest.MonkeyPatch) -> Recording:
    return recorded(monkeypatch, server.path)


def take(folder: Path, **changes: object) -> Report:
    options = ImportOptions(password=Secret(PASSWORD), master_key=Secret(KEY_TEXT))
    return import_tree(ADDRESS, FolderFiles(folder), dataclasses.replace(options, **changes))  # type: ignore[arg-type]


def test_a_sql_server_gives_the_bytes_of_a_file(sql_server: Recording, server: SampleServer, tmp_path: Path) -> None:
    """
    The same content, read through the dialect of SQL Server with its own forms of times, is the same tree.
    """
    export(ADDRESS, tmp_path / "server", server.options())
    export(server.address, tmp_path / "file", server.options())
    assert contents(tmp_path / "server") == contents(tmp_path / "file")


def test_every_text_is_nvarchar(
    sql_server: Recording, server: SampleServer, empty_server: SampleServer, tmp_path: Path
) -> None:
    """
    Exports, partial exports and imports bind every text as nvarchar, whatever the first of a list looks like.
    """
    server.edit("DeploymentEnvironment", "Environments-1", lambda item: item.update(Name="Слова"))
    server.edit("ProjectGroup", "ProjectGroups-2", lambda item: item.update(Name="数据同步"))
    export(ADDRESS, tmp_path / "tree", server.options())
    name = server.run("SELECT Name FROM Project ORDER BY Id LIMIT 1")[0][0]
    partial_export(ADDRESS, tmp_path / "part", Selection((name,)), server.options())
    take(tmp_path / "tree")
    sql_server.database = empty_server.path
    take(tmp_path / "tree")
    again = take(tmp_path / "tree", overwrite=True)
    assert {word for kinds in again.counts.values() for word in kinds} == {"Unchanged"}
    assert [sent for sent in sql_server.sent if sent.varchars] == []
    # A parameter of T-SQL written as text has no type, and pyodbc binds it as nvarchar by itself.
    typed = [sent for sent in sql_server.sent if not re.search("OBJECT_ID|applock", sent.text, re.IGNORECASE)]
    bound = [pair for sent in typed for pair in zip(sent.values, sent.types, strict=True)]
    assert {kind for value, kind in bound if isinstance(value, str)} == {"WVARCHAR"}


@pytest.mark.parametrize("names", [("words", "Слова"), ("Kaßenabschluß", "Z"), ("数据同步", "a"), ("İstanbul", "b")])
def test_names_in_any_script_are_found_again(
    target: Server, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """
    A second import finds every document by its name, beside an ASCII one that would make a list varchar.
    """
    recorded(monkeypatch, target.path)
    there = dataclasses.replace(target)
    some = tree(*[doc("Lifecycle", f"Lifecycles-{number}", Name=name) for number, name in enumerate(names, 1)])
    with monkeypatch.context() as patch:
        patch.setattr(Server, "address", ADDRESS)
        there.take(some)
        plan, _ = there.take(some)
    assert outcomes(plan) == {"Unchanged": 2}


def test_freetds_is_left_to_pyodbc(target: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With FreeTDS no type is set for any value: pyodbc binds each text as nvarchar by itself.
    """
    recording = recorded(monkeypatch, target.path, drivers=["FreeTDS"])
    monkeypatch.setattr(Server, "address", "mssql+pyodbc://reader@sql01:1433/Octopus?driver=FreeTDS")
    target.take(tree(doc("Lifecycle", "Lifecycles-1", Name="words"), doc("Lifecycle", "Lifecycles-2", Name="Слова")))
    assert {kind for sent in recording.sent for kind in sent.types} == {None}
    assert sorted(item["Name"] for item in target.all("Lifecycle")) == ["words", "Слова"]


@pytest.mark.parametrize("name", ["x" * 4001, "\U0001f419" * 2001])
def test_a_name_that_is_longer_than_any_key_is_new(target: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """
    A driver cannot even send such a name as a key, and no column holds it; the other names are still found.
    """
    target.add("Lifecycle", "Lifecycles-7", Name="there")
    recorded(monkeypatch, target.path)
    monkeypatch.setattr(Server, "address", ADDRESS)
    some = [doc("Lifecycle", "Lifecycles-1", Name=name), doc("Lifecycle", "Lifecycles-2", Name="there")]
    assert outcomes(target.preview(tree(*some))) == {"Created": 1, "Unchanged": 1}


@pytest.mark.parametrize("remote", [True, False])
def test_half_a_character_is_told(target: Server, monkeypatch: pytest.MonkeyPatch, remote: bool) -> None:
    """
    A lone surrogate, which JSON can hold and no driver can send, is one sentence without the text.
    """
    recorded(monkeypatch, target.path)
    engine = open_engine(ADDRESS if remote else target.address, writable=True)
    update = text("UPDATE Lifecycle SET Name = :name").bindparams(name="the val" + "ue\ud800")
    with pytest.raises(DatabaseError, match="half a character") as error, transaction(engine, "SERIALIZABLE") as opened:
        opened.execute(update)
    assert "the value" not in "".join(traceback.format_exception(error.value)) + repr(error.value.__cause__)


def test_names_are_asked_for_as_they_are_written(target: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The server's collation decides what is equal, so it gets the spelling of the tree beside the folded one.
    """
    recording = recorded(monkeypatch, target.path)
    monkeypatch.setattr(Server, "address", ADDRESS)
    target.preview(tree(doc("Lifecycle", "Lifecycles-1", Name="Kaßenabschluß ")))
    (asked,) = [sent for sent in recording.sent if "FROM [Lifecycle]" in sent.text and "IN (" in sent.text]
    assert set(asked.values) == {"Kaßenabschluß ", "kassenabschluss"}


def test_what_only_the_collation_takes_for_one_is_told(target: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the server's collation minds no accents, a name that it has already is a problem before anything is written.
    """
    target.add("Lifecycle", "Lifecycles-7", Name="Cafe")
    recording = recorded(monkeypatch, target.path)
    recording.collation = lambda text: text.replace("é", "e").casefold()
    monkeypatch.setattr(Server, "address", ADDRESS)
    wanted = [doc("Lifecycle", "Lifecycles-1", Name="Café"), doc("Lifecycle", "Lifecycles-2", Name="Tea")]
    plan = target.preview(tree(*wanted))
    (problem,) = plan.problems
    assert "Cafe (Lifecycles-7)" in problem.message
    assert "rename" in problem.message


def test_instants_are_compared_as_instants(
    sql_server: Recording, server: SampleServer, empty_server: SampleServer, tmp_path: Path
) -> None:
    """
    A tree whose times were written with seven digits, or in another zone, is unchanged on the server it came from.
    """
    export(ADDRESS, tmp_path / "tree", server.options(history=True))
    for path in (tmp_path / "tree").rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(".000+00:00", ".0000000+00:00"), encoding="utf-8")
    report = take(tmp_path / "tree", overwrite=True)
    assert {word for kinds in report.counts.values() for word in kinds} == {"Unchanged"}
    assert {"ApiKey", "Certificate", "ServerTask", "Deployment"} <= set(report.counts)


def test_an_export_takes_one_connection_and_few_statements(
    sql_server: Recording, server: SampleServer, tmp_path: Path
) -> None:
    """
    An export costs one connection, one statement for each table, and a dozen others.
    """
    export(ADDRESS, tmp_path / "tree", server.options())
    tables = len(sql_server.of_tables())
    assert tables > 20
    assert sql_server.connections == 1
    assert len(sql_server.sent) <= FEW + tables
    assert sql_server.open == set()


def test_an_import_takes_two_connections(sql_server: Recording, server: SampleServer, tmp_path: Path) -> None:
    """
    One holds the lock, before anything is read. A plan asks for keys and bodies by type, all over the other one, and
    for each table's columns not at all.
    """
    export(ADDRESS, tmp_path / "tree", server.options())
    sql_server.clear()
    take(tmp_path / "tree", dry_run=True)
    assert sql_server.connections == 2
    locked = next(at for at, sent in enumerate(sql_server.sent) if "sp_getapplock" in sent.text)
    assert locked < next(at for at, sent in enumerate(sql_server.sent) if "sys.objects" in sent.text)
    assert sql_server.count()["catalogue"] == 6
    assert len(sql_server.sent) < 90


@pytest.mark.parametrize(("snapshot", "level"), [(True, "SNAPSHOT"), (False, "READ COMMITTED")])
def test_rows_are_read_in_one_transaction(
    server: SampleServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, snapshot: bool, level: str
) -> None:
    """
    The rows are read at the level that the catalogue allows, which was read before, and no transaction stays open.
    """
    recording = recorded(monkeypatch, server.path, snapshot=snapshot)
    export(ADDRESS, tmp_path / "tree", server.options())
    events = [text for _, text in recording.events]
    catalogue = next(at for at, text in enumerate(events) if "sys.objects" in text)
    first = next(at for at, text in enumerate(events) if "FROM [Project]" in text)
    last = max(at for at, text in enumerate(events) if "FROM [Project]" in text)
    set_at = max(at for at, text in enumerate(events) if "ISOLATION LEVEL" in text and at < first)
    assert level in events[set_at]
    assert set_at < first if not snapshot else catalogue < set_at < first
    assert not {"commit", "rollback"} & set(events[first:last])
    assert events[-1] == "close"


def test_limits_reach_every_connection(sql_server: Recording, server: SampleServer, tmp_path: Path) -> None:
    """
    Waiting for a connection, for a lock and for a statement is bounded on each connection, before a table is touched.
    """
    export(ADDRESS, tmp_path / "tree", server.options(limits=Limits(connect=3, lock=1.5, statement=70)))
    assert sql_server.timeouts == {1: 70}
    first = next(at for at, sent in enumerate(sql_server.sent) if "FROM sys.objects" in sent.text)
    assert "SET LOCK_TIMEOUT 1500;" in sql_server.sent[first - 1].text
    assert sql_server.options == [{"timeout": 3}]


def test_a_driver_without_a_limit_for_statements_still_has_that_of_locks(
    sql_server: Recording, server: SampleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    FreeTDS of some versions refuses the attribute; the run goes on.
    """
    sql_server.fail("timeout", "HYC00", "[HYC00] [FreeTDS][SQL Server]Optional feature not implemented (0)")
    export(ADDRESS, tmp_path / "tree", server.options())
    assert sql_server.texts("SET LOCK_TIMEOUT 30000;")
