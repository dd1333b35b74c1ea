"""
Sample servers for tests: a filled embedded database, its secrets, and the migrator run as a child process.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.demo.schema import read, update
from migrator.credentials import Secret
from migrator.exporter import ExportOptions
from migrator.secrets.ciphers import MasterKeyCipher

KEY = bytes(range(16))
KEY_TEXT = base64.b64encode(KEY).decode()
PASSWORD = "correct horse battery"
CIPHER = MasterKeyCipher(KEY)
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class SampleServer:
    """
    One embedded database, free for a test to change.
    """

    path: Path

    @property
    def address(self) -> str:
        return f"sqlite:///{self.path}"

    def options(self, **changes: Any) -> ExportOptions:
        return ExportOptions(**({"password": Secret(PASSWORD), "master_key": Secret(KEY_TEXT)} | changes))

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            yield connection

    def run(self, statement: str, *values: Any) -> list[Any]:
        with self.connection() as connection:
            return connection.execute(statement, values).fetchall()

    def read(self, table: str, identity: str) -> dict[str, Any]:
        with self.connection() as connection:
            return read(connection, table, identity)

    def edit(self, table: str, identity: str, change: Callable[[dict[str, Any]], object]) -> None:
        """
        Change one document in place.
        """
        with self.connection() as connection:
            document = read(connection, table, identity)
            change(document)
            update(connection, table, document)


def contents(directory: Path) -> dict[str, bytes]:
    """
    Return every file below a directory by its path.
    """
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def document(directory: Path, path: str) -> dict[str, Any]:
    """
    Return a file of a tree as a value.
    """
    value: dict[str, Any] = json.loads((directory / path).read_text(encoding="utf-8"))
    return value


def migrator(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """
    Run the command in a process of its own, with the sample secrets in its environment.
    """
    secrets = {"OCTOPUS_MASTER_KEY": KEY_TEXT, "MIGRATOR_PASSWORD": PASSWORD}
    return subprocess.run(
        [sys.executable, "-m", "migrator.cli.main", *arguments],
        env=os.environ | secrets | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
