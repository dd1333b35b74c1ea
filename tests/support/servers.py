"""
Sample servers for tests: a filled embedded database, its secrets, and the migrator's command line.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.demo.schema import read, update
from migrator.cli.main import main
from migrator.credentials import Secret
from migrator.exporter import ExportOptions
from migrator.secrets.ciphers import MasterKeyCipher
from tests.support.program import child

KEY = bytes(range(16))
KEY_TEXT = base64.b64encode(KEY).decode()
PASSWORD = "correct horse battery"
SECRETS = {"OCTOPUS_MASTER_KEY": KEY_TEXT, "MIGRATOR_PASSWORD": PASSWORD}
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


def migrator(*arguments: str) -> subprocess.CompletedProcess[str]:
    """
    Run the command line in this process, with the sample secrets in its environment.
    """
    shown, told = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(shown), redirect_stderr(told):
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        code = main(arguments)
    return subprocess.CompletedProcess(list(arguments), code, shown.getvalue(), told.getvalue())


def migrator_process(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """
    Run the command in a process of its own, with the sample secrets and *variables* in its environment.
    """
    return subprocess.run(
        child("migrator.cli.main", *arguments),
        env=os.environ | SECRETS | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
