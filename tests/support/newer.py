"""
Servers of the newer shape, made of older ones: lists in tables of their own, and documents that are columns alone.
"""

from __future__ import annotations

import json
from typing import Any

from tests.support.servers import SampleServer

NORMALISED = ("Tenant", "ProjectGroup", "UserRole", "Team", "User", "ScopedUserRole", "ApiKey", "WorkerPool")
"""Tables that lost their JSON by 2024.4."""


def join_sets(server: SampleServer, *, keep: bool = False) -> None:
    """
    Move the sets that projects include into a table of their own, as the upgrade to 2026.1 does; *keep* the old column.
    """
    with server.connection() as connection:
        connection.execute(
            "CREATE TABLE ProjectLibraryVariableSet (ProjectId TEXT COLLATE NOCASE NOT NULL, LibraryVariableSetId TEXT "
            "COLLATE NOCASE NOT NULL, SortOrder INTEGER NOT NULL, PRIMARY KEY (ProjectId, LibraryVariableSetId))"
        )
        for project, ids in connection.execute("SELECT Id, IncludedLibraryVariableSetIds FROM Project").fetchall():
            rows = [(project, item, at) for at, item in enumerate((ids or "").strip("|").split("|")) if item]
            connection.executemany("INSERT INTO ProjectLibraryVariableSet VALUES (?, ?, ?)", rows)
        if not keep:
            connection.execute("ALTER TABLE Project DROP COLUMN IncludedLibraryVariableSetIds")


def normalise(server: SampleServer) -> None:
    """
    Move what is in the JSON of tables that lost it into columns: lists and dictionaries as texts of JSON.
    """
    with server.connection() as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in NORMALISED:
            if table not in tables:
                continue
            bodies = {row[0]: json.loads(row[1]) for row in connection.execute(f'SELECT Id, JSON FROM "{table}"')}
            for name in sorted({name for body in bodies.values() for name in body}):
                flag = any(isinstance(body.get(name), bool) for body in bodies.values())
                connection.execute(f'ALTER TABLE "{table}" ADD COLUMN "{name}" {"INTEGER" if flag else "TEXT"}')
                for identity, body in bodies.items():
                    update = f'UPDATE "{table}" SET "{name}" = ? WHERE Id = ?'
                    connection.execute(update, (_stored(body.get(name)), identity))
            connection.execute(f'ALTER TABLE "{table}" DROP COLUMN JSON')


def _stored(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return int(value) if isinstance(value, bool) else value
