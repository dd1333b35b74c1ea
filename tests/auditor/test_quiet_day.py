"""
A server that nobody touches: whatever it does by itself over a day makes no commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from auditor.demo import rows
from migrator.maps import CONFIGURATION
from migrator.maps.document_map import DocumentMap, Noise
from migrator.maps.system import EXCLUDED_TABLES, INSTALLATIONS
from tests.support.audits import Audited

RUNS = 8
"""One each three hours."""
_OWN = ("IsFrozen",)
"""What tells a release's copy from the living document: it never moves."""


def _tables(connection: sqlite3.Connection) -> dict[str, str]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name.lower(): name for (name,) in names}


def _add_bookkeeping(connection: sqlite3.Connection) -> None:
    there = _tables(connection)
    for name in EXCLUDED_TABLES:
        if name.lower() not in there:
            connection.execute(f'CREATE TABLE "{name}" (Id TEXT PRIMARY KEY, LastModified TEXT, JSON TEXT)')
            connection.execute(f"INSERT INTO \"{name}\" VALUES ('{name}s-1', '', '{{}}')")


def _keep_books(connection: sqlite3.Connection, hour: int) -> int:
    there, moved = _tables(connection), 0
    for name in EXCLUDED_TABLES:
        if name == INSTALLATIONS:  # A row of it is an upgrade, which is no housekeeping.
            continue
        table = there[name.lower()]
        columns = {row[1].lower(): row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
        if "json" in columns:
            connection.execute(f'UPDATE "{table}" SET "{columns["json"]}" = ?', (f'{{"Seen": {hour}}}',))
            moved += 1
        if {"id", "lastmodified", "json"} == columns.keys():
            connection.execute(f'INSERT INTO "{table}" VALUES (?, ?, ?)', (f"{name}s-{hour}-0", str(hour), "{}"))
    return moved


def _volatile_moved(document_map: DocumentMap, body: dict[str, Any], hour: int) -> dict[str, Any]:
    """
    Return a document with every field in which the server notes what it saw at another value.
    """
    for rule in document_map.volatile:
        *way, last = rule.path.split("/")
        holder: Any = body
        for part in way:
            holder = holder.get(part) if isinstance(holder, dict) else None
        if rule.level is not Noise.NORMAL or not isinstance(holder, dict) or "*" in rule.path or rule.path in _OWN:
            continue
        old = holder.get(last)
        holder[last] = (old or 0) + 1 if isinstance(old, int) else f"2026-05-13T{hour:02}:00:00.000+00:00"
    return body


def _look_after_targets(connection: sqlite3.Connection, hour: int) -> set[str]:
    there, moved = _tables(connection), set()
    for document_map in CONFIGURATION:
        table = there.get(document_map.table.lower())
        if table is None:
            continue
        for (identity,) in connection.execute(f'SELECT Id FROM "{table}" ORDER BY Id LIMIT 5').fetchall():
            body = rows.read(connection, table, identity)
            if isinstance(body, Mapping) and body.get("IsFrozen") is not True and body.get("IsFrozen") != 1:
                rows.update(connection, table, _volatile_moved(document_map, dict(body), hour))
                moved.add(table)
    return moved


def test_a_day_of_housekeeping_makes_no_commit(fresh: Audited) -> None:
    """
    Every bookkeeping table and every field that health checks and saves move, at each run, all day: no commit.
    """
    with closing(sqlite3.connect(fresh.database.path)) as connection, connection:
        _add_bookkeeping(connection)
    fresh.good()
    first = fresh.head()

    for run in range(1, RUNS + 1):
        with closing(sqlite3.connect(fresh.database.path)) as connection, connection:
            assert _keep_books(connection, 3 * run) > 30
            assert {"Machine", "Worker", "Subscription", "Project"} <= _look_after_targets(connection, 3 * run)
        result = fresh.good()
        assert fresh.head() == first, fresh.changed()
        assert not result.commits

    fresh.edit("rename a project")
    fresh.good()
    assert fresh.head() != first
