"""
What an audit costs a SQL Server, and when it asks: connections, statements and their order, from the recording DBAPI.
"""

from __future__ import annotations

import json

import pytest

from auditor.audit import RunOptions
from auditor.checks.check import Level, Subject
from auditor.checks.database import database, driver
from auditor.cli.once import exit_code, summary
from auditor.status import read_status
from migrator.export.read import look_at, probe
from migrator.sql.engine import open_engine
from migrator.sql.locks import AlreadyLocked, application_lock
from tests.support.audits import NAME, Audited
from tests.support.recording import ADDRESS, OperationalError, Recording, microsoft, recorded

EDIT = "rename a project"
STAMPED = "DataVersion = x'7fffffffffff"
"""What a server does by itself at each change, without the last two bytes; a file leaves it to who writes."""
FEW = 12
"""Statements beside one for each table."""


@pytest.fixture
def sql_server(fresh: Audited, monkeypatch: pytest.MonkeyPatch) -> Recording:
    recording = recorded(monkeypatch, fresh.database.path)
    monkeypatch.setenv("AUDIT_TEST_DATABASE", ADDRESS)
    fresh.change(database="env:AUDIT_TEST_DATABASE")
    return recording


@pytest.mark.parametrize("mode", ["always", "when-changed", "never"])
def test_a_run_takes_two_connections_and_few_statements(fresh: Audited, sql_server: Recording, mode: str) -> None:
    """
    One connection holds the lock and one reads; the structure, the signs and the counts of all tables are one statement
    each, and who commits asks once whether the lock is still held.
    """
    fresh.change(maintenance={"mode": mode})
    for outcome in ("changed", "unchanged", "changed"):
        if outcome == "changed" and fresh.repository.is_dir():
            fresh.edit(EDIT)
        sql_server.clear()
        result = fresh.good()
        read = len(sql_server.of_tables())
        assert result.outcome == outcome
        assert (read > 20) is (mode != "when-changed" or outcome == "changed")
        assert sql_server.connections <= 2
        assert len(sql_server.sent) <= FEW + read + len(result.commits)
        assert sql_server.open == set()


def test_the_window_holds_no_connecting(fresh: Audited, sql_server: Recording) -> None:
    """
    Both connections stand before maintenance mode is switched on: a login may take seconds.
    """
    before: list[int] = []

    def step(name: str) -> None:
        if name == "window-open":
            before.append(sql_server.connections)

    fresh.good(step=step)
    assert before == [2] == [sql_server.connections]


def test_the_tree_is_that_of_a_file(fresh: Audited, sql_server: Recording) -> None:
    """
    An audit through the dialect of SQL Server commits what an export of the same content as a file gives.
    """
    fresh.good()
    assert fresh.tree() == fresh.exported_tree()


def test_a_probe_is_moved_by_an_edit_and_not_by_a_window(fresh: Audited, sql_server: Recording) -> None:
    """
    With when-changed an unchanged server gets no window, and the tables with a rowversion are not read; any edit is
    seen.
    """
    fresh.change(maintenance={"mode": "when-changed"})
    fresh.good()
    sql_server.clear()
    switched = len(fresh.puts())
    assert fresh.good().outcome == "unchanged"
    assert not [text for text in sql_server.of_tables() if "FROM [Project]" in text or "FROM [Machine]" in text]
    assert len(fresh.puts()) == switched
    fresh.edit(EDIT)
    assert fresh.good().outcome == "changed"


def test_an_edit_by_sql_is_seen_in_every_table(fresh: Audited, sql_server: Recording) -> None:
    """
    Where no rowversion counts it, and no audit event tells of it: a thorough probe reads the rows.
    """
    server = look_at(ADDRESS)
    edited = []
    for table in server.schema.tables:
        if table.has_body and fresh.database.run(f'SELECT 1 FROM "{table.name}" LIMIT 1'):
            before = probe(server, thorough=True)
            one = f'SELECT max(Id) FROM "{table.name}"'
            stamp = f", {STAMPED}{1:04x}'" if server.schema.rowversion(table) else ""
            fresh.database.run(f'UPDATE "{table.name}" SET JSON = \'{{"Edited": true}}\' {stamp} WHERE Id = ({one})')
            after = probe(server, thorough=True)
            assert {name for name in after if before[name] != after[name]} == {table.name}
            edited.append(table.name)
    server.close()
    assert {"VariableSet", "DeploymentProcess", "User", "Account", "Project"} <= set(edited)


def test_an_edit_by_sql_is_committed(fresh: Audited, sql_server: Recording) -> None:
    """
    With when-changed too, though nothing of it is in the audit events, and the count is the same.
    """
    fresh.change(maintenance={"mode": "when-changed"})
    fresh.good()
    fresh.database.run("UPDATE UserRole SET JSON = json_set(JSON, '$.Description', 'by hand')")
    assert fresh.good().outcome == "changed"
    assert any(path.startswith("UserRoles/") for path in fresh.changed())


@pytest.mark.parametrize("window", [True, False])
@pytest.mark.parametrize("times", [1, 100])
def test_two_states_are_not_mixed_in_silence(
    fresh: Audited, monkeypatch: pytest.MonkeyPatch, window: bool, times: int
) -> None:
    """
    Where snapshot isolation is off, what is written between two tables during the read, also within a window, is
    noticed: the read is repeated, and if something always moves, the run and the commit name the tables.
    """
    sql_server = recorded(monkeypatch, fresh.database.path, snapshot=False)
    monkeypatch.setenv("AUDIT_TEST_DATABASE", ADDRESS)
    monkeypatch.setattr("auditor.scope._PAUSE", 0)
    fresh.change(database="env:AUDIT_TEST_DATABASE", maintenance={"mode": "always" if window else "never"})
    edits: list[int] = []

    def progress(table: str, rows: int) -> None:
        if table == "VariableSet" and len(edits) < times:
            edits.append(len(edits))
            for name, stamp in (("UserRole", ""), ("Lifecycle", f", {STAMPED}{len(edits):04x}'")):
                edit = f"json_set(JSON, '$.Description', 'edit {len(edits)}')"
                fresh.database.run(f"UPDATE {name} SET JSON = {edit} {stamp}")

    result = fresh.good(progress=progress)

    told = fresh.git("log", "-1", "--format=%(trailers:key=Changed-During-Read,valueonly)", "main")
    if times == 1:
        assert result.warnings == ()
        assert told == ""
        assert fresh.tree() == fresh.exported_tree()
    else:
        assert [("Lifecycle, UserRole" in item.message, item.document) for item in result.warnings] == [(True, "")]
        assert told == "Lifecycle, UserRole"
        assert len(edits) == (3 if window else 5)
    assert exit_code(result) == 0
    assert not fresh.stub.in_maintenance
    assert sql_server.open == set()


def test_a_lock_lasts_as_long_as_its_connection(fresh: Audited, sql_server: Recording) -> None:
    """
    The lock's connection is its own: while it is held another run is refused, and closing it gives the lock back.
    """
    one, two = open_engine(ADDRESS), open_engine(ADDRESS)
    with application_lock(one), pytest.raises(AlreadyLocked), application_lock(two):
        pass
    with application_lock(two):
        pass
    assert sql_server.open == set()


@pytest.mark.parametrize("gone", ["session", "lock"])
@pytest.mark.parametrize("also", ["", "rollback", "close"])
def test_a_lost_lock_is_one_sentence_and_no_commit(fresh: Audited, sql_server: Recording, gone: str, also: str) -> None:
    """
    Where the lock's session was ended, or has the lock no more, the branch stays, and the run's end is told as any
    other: in its result, in the status, by exit code 1. What fails on top when the lock is left hides nothing.
    """
    broken = microsoft("08S01", 10054, "Communication link failure")

    def step(name: str) -> None:
        if name == "commit-made":
            sql_server.locks.clear()
            if gone == "session":
                sql_server.fail("APPLOCK_MODE", *broken, kind=OperationalError)
            if also:
                sql_server.fail(also, *broken, kind=OperationalError)

    result = fresh.run(step=step)

    assert "the lock on the database was lost" in str(result.error)
    assert "\n" not in str(result.error)
    assert result.commits == ()
    assert exit_code(result) == 1
    assert json.loads(json.dumps(summary(result)))["error"] == result.error
    assert read_status(fresh.folder).last_error == result.error
    assert not fresh.git("for-each-ref", "refs/heads")
    assert "Communication" not in repr(fresh.log.calls)
    sql_server.faults.clear()
    assert fresh.good().outcome == "changed"


def test_a_lock_that_cannot_be_given_back_fails_nothing(fresh: Audited, sql_server: Recording) -> None:
    """
    A run that has committed is a good one, whatever becomes of its sessions afterwards.
    """

    def step(name: str) -> None:
        if name == "branch-moved":
            for what in ("rollback", "close"):
                sql_server.fail(what, *microsoft("08S01", 10054, "Communication link failure"), kind=OperationalError)

    assert fresh.good(step=step).outcome == "changed"


def test_a_locked_table_is_one_sentence(fresh: Audited, sql_server: Recording) -> None:
    """
    A lock that lasts too long fails the run with the limit's name, closes the window and commits nothing.
    """
    sql_server.fail(r"FROM \[Lifecycle\]$", *microsoft("42000", 1222, "Lock request time out period exceeded."))
    result = fresh.run(RunOptions(full=True))
    assert "limits.lock" in str(result.error)
    assert fresh.puts()[-1] != fresh.puts()[0]
    assert not fresh.git("for-each-ref")


def test_check_names_the_driver_and_the_rights(fresh: Audited, sql_server: Recording) -> None:
    """
    `check` says which driver is used, and that the login reads every table.
    """
    subject = Subject(NAME, fresh.settings, fresh.folder, fresh.root / "auditor.toml")
    found = {item.name: item for finding in (driver, database) for item in finding(subject)}
    assert found["driver"].message == "ODBC: ODBC Driver 18 for SQL Server"
    assert found["driver"].level is found["rights"].level is found["isolation"].level is Level.PASS
    assert "SELECT on every table" in found["rights"].message


@pytest.mark.parametrize(
    ("state", "committed", "says"),
    [
        (1, 0, "one frozen state"),
        (0, 1, "snapshot isolation is off; read committed snapshot is on, so each statement"),
        (0, 0, "snapshot isolation is off; read committed snapshot is off too"),
        (3, 1, "being switched"),
    ],
)
def test_check_says_what_the_settings_guarantee(
    fresh: Audited, sql_server: Recording, state: int, committed: int, says: str
) -> None:
    """
    Both of a database's settings are told with what they mean for a read, and how to get one frozen state.
    """
    sql_server.answer("is_read_committed_snapshot_on", lambda sent: [(state, committed)])
    subject = Subject(NAME, fresh.settings, fresh.folder, fresh.root / "auditor.toml")
    (found,) = [item for item in database(subject) if item.name == "isolation"]
    assert says in found.message
    assert found.level is (Level.PASS if state == 1 else Level.WARN)
    assert ("ALTER DATABASE [Octopus] SET ALLOW_SNAPSHOT_ISOLATION ON" in found.remedy) is (state != 1)
