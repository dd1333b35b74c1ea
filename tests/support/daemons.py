"""
The auditor as a child process: configurations on disk, secrets in the environment, its log read as it grows.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from auditor.audit import RunOptions, audit
from auditor.cli.program import PROGRAM
from auditor.demo.stub import RestStub
from auditor.result import AuditResult
from auditor.settings import Settings, load
from auditor.state_folder import StateFolder
from auditor.world import Tools
from tests.support.program import child
from tests.support.servers import KEY_TEXT, PASSWORD, ROOT, SampleServer
from tests.support.templates import small

API_KEY = "API-TESTS"
NEVER = "0 0 1 1 *"
"""A schedule that does not come by during a test."""
PATIENCE = 30.0
SECRETS = {"T_KEY": KEY_TEXT, "T_PASSWORD": PASSWORD, "T_OTHER": "another password", "T_API": API_KEY}
RUNNING = {"Id": "ServerTasks-1", "State": "Executing"}


@pytest.fixture(scope="session")
def small_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "server.db"
    return small(path)


@pytest.fixture
def site(small_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return Site(tmp_path, small_database)


def eventually(what: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """
    Return the first true value of *what*; fail if there is none in time.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come about in time")


@dataclass
class Site:
    """
    A folder with a configuration of some servers, each with a database of its own.
    """

    root: Path
    template: Path
    servers: dict[str, dict[str, Any]] = field(default_factory=dict)
    rest: str = ""

    @property
    def config(self) -> Path:
        return self.root / "auditor.toml"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **SECRETS}

    def add(self, name: str, stub: RestStub | None = None, **tables: Any) -> SampleServer:
        """
        Add a server to the configuration and write it.
        """
        database = self.root / f"{name}.db"
        shutil.copy(self.template, database)
        value: dict[str, Any] = {
            "database": f"sqlite:///{database}",
            "master_key": "env:T_KEY",
            "export": {"password": "env:T_PASSWORD"},
            "repository": {"path": str(self.root / f"{name}.git")},
            "schedule": {"cron": NEVER},
            "maintenance": {"request_timeout": 2},
        }
        if stub is not None:
            value |= {"url": stub.url, "api_key": "env:T_API"}
        self.servers[name] = value
        self.change(name, **tables)
        return SampleServer(database)

    def change(self, server: str, **tables: Any) -> None:
        """
        Change a server's settings in the file.
        """
        value = self.servers[server]
        for name, new in tables.items():
            value[name] = {**value.get(name, {}), **new} if isinstance(new, dict) else new
        self.write()

    def write(self) -> None:
        lines = [line for name, value in self.servers.items() for line in _table(f"servers.{name}", value)]
        self.config.write_text("\n".join([self.rest, *lines, ""]))
        self.config.chmod(0o600)

    def load(self) -> Settings:
        return load(self.config)

    def state(self, server: str) -> StateFolder:
        return StateFolder(self.root / f"{server}.git.state")

    def journal(self, server: str) -> Path:
        return self.state(server).journal

    def audit(self, server: str, options: RunOptions | None = None, **tools: Any) -> AuditResult:
        """
        Audit a server in this process.
        """
        settings = self.load()
        run_tools = Tools(**{"log": structlog.get_logger("test"), **tools})
        return audit(server, settings.servers[server], self.state(server), run_tools, options or RunOptions())

    def command(self, *words: str) -> Result:
        """
        Run a command of the auditor in this process.
        """
        return CliRunner().invoke(PROGRAM, [*words, "--config", str(self.config)], standalone_mode=False)

    def auditor(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """
        Run a command of the auditor in a process of its own, to its end.
        """
        return subprocess.run(
            child("auditor.cli.main", *words, "--config", str(self.config)),
            env=self.environment | variables,
            cwd=ROOT,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )

    @contextmanager
    def start(self, *words: str, **variables: str) -> Iterator[Child]:
        """
        Start a command of the auditor; it is killed at the end if it still lives.
        """
        log = self.root / f"log-{len(list(self.root.glob('log-*')))}"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                child("auditor.cli.main", *words, "--config", str(self.config)),
                env=self.environment | variables,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
            )
        try:
            yield Child(process, log)
        finally:
            process.kill()
            process.wait()

    def daemon(self, **variables: str) -> Any:
        """
        Start the daemon, impatient.
        """
        return self.start("run", "--poll", "0.1", **variables)


@dataclass
class Child:
    """
    A running auditor and its log.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def events(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """
        Return the log's events of a name that have these fields.
        """
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith("{") and line.endswith("}"):
                event = json.loads(line)
                if event.get("event") == name and fields.items() <= event.items():
                    found.append(event)
        return found

    def event(self, name: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """
        Wait for the *count*-th event of a name.
        """

        def found() -> Any:
            events = self.events(name, **fields)
            if len(events) < count and self.process.poll() is not None:
                raise AssertionError(f"it ended without {name} {fields}: {self.log.read_text()}")
            return events[count - 1] if len(events) >= count else None

        try:
            event: dict[str, Any] = eventually(found)
        except AssertionError as error:
            raise AssertionError(f"no event {name} {fields}: {self.log.read_text()}") from error
        return event

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """
        Send a signal and return the exit code.
        """
        self.send(number)
        return self.process.wait(PATIENCE)


def _table(name: str, value: dict[str, Any]) -> list[str]:
    plain = [f"{key} = {json.dumps(item)}" for key, item in value.items() if not isinstance(item, dict)]
    tables = [line for key, item in value.items() if isinstance(item, dict) for line in _table(f"{name}.{key}", item)]
    return [f"[{name}]", *plain, *tables]


def free_port() -> int:
    """
    Return a port that nobody listens on.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
