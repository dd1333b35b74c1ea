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
from migrator.sql.engine import open_engine
from migrator.sql.locks import AlreadyLocked, application_lock
from tests.support.audits import NAME, Audited
from tests.support.recording import ADDRESS, OperationalError, Recording, microsoft, recorded

EDIT = "rename a project"
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
    With when-changed an unchanged server is not read, and any edit is seen.
    """
    fresh.change(maintenance={"mode": "when-changed"})
    fresh.good()
    sql_server.clear()
    assert fresh.good().outcome == "unchanged"
    assert sql_server.of_tables() == []
    fresh.edit(EDIT)
    assert fresh.good().outcome == "changed"


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
