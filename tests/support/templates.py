"""
Databases to copy: made once in each process, since making one costs as much as exporting it.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from auditor.demo.content.server import fill
from auditor.demo.schema import create_database
from tests.support.servers import KEY


def empty(path: Path, *, spaces: bool = False, newest: bool = False) -> Path:
    """
    Put an empty database at *path* and return it.
    """
    path.write_bytes(_empty(spaces, newest))
    return path


def sample(path: Path, *, spaces: bool = False, newest: bool = False, key: bytes = KEY) -> Path:
    """
    Put the sample server's database at *path* and return it.
    """
    path.write_bytes(_sample(spaces, newest, key))
    return path


def small(path: Path) -> Path:
    """
    Put a sample server that was cut down at *path*, for tests with many runs, and return it.
    """
    path.write_bytes(_small())
    return path


@cache
def _empty(spaces: bool, newest: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        create_database(path := Path(folder) / "empty.db", spaces, newest=newest)
        return path.read_bytes()


@cache
def _sample(spaces: bool, newest: bool, key: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        fill(path := Path(folder) / "sample.db", key, spaces, newest=newest)
        return path.read_bytes()


@cache
def _small() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _cut_down(path := sample(Path(folder) / "small.db"))
        return path.read_bytes()


def _cut_down(path: Path) -> None:
    """
    Make a sample database small, as an older server's: few tables, projects and machines.
    """
    with closing(sqlite3.connect(path)) as db, db:
        for statement in _cuts(3):
            db.execute(statement)
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not table.startswith("sqlite_") and table not in _KEPT:
                db.execute(f'DROP TABLE "{table}"')
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM")


_KEPT = (
    *("Project", "VariableSet", "DeploymentProcess", "LibraryVariableSet", "DeploymentEnvironment", "Configuration"),
    *("Machine", "Lifecycle", "ProjectGroup", "Team", "User", "UserRole", "Account", "Channel", "Feed"),
    *("Event", "EventRelatedDocument", "KeyAllocation", "OctopusServerInstallationHistory", "RelatedDocument"),
)


def _cuts(projects: int) -> list[str]:
    kept = ", ".join(f"'Projects-{number}'" for number in range(1, projects + 1))
    return [
        "DELETE FROM VariableSet WHERE IsFrozen = 1",
        f"DELETE FROM VariableSet WHERE OwnerId LIKE 'Projects-%' AND OwnerId NOT IN ({kept})",
        f"DELETE FROM DeploymentProcess WHERE OwnerId NOT IN ({kept}) OR IsFrozen = 1",
        f"DELETE FROM Channel WHERE ProjectId NOT IN ({kept})",
        f"DELETE FROM Project WHERE Id NOT IN ({kept})",
        "DELETE FROM Machine WHERE Id NOT IN (SELECT Id FROM Machine ORDER BY Id LIMIT 8)",
    ]
