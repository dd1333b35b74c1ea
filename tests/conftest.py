"""
What all tests share: hypothesis profiles, a home folder that no test may touch, and the tests that need a real server.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from migrator.secrets import ciphers
from tests.support.program import cheapen

MEMORY = "/dev/shm"
ROOM = 4 << 30
SERVER_VARIABLE = "MIGRATOR_TEST_DATABASE"

FULL_COST = ciphers.COST
cheapen()

settings.register_profile(
    "quick", max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", parent=settings.get_profile("quick"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """
    Give every test, and its child processes, an empty home and none of the variables that hold secrets.
    """
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp() / "no-home"))
    for name in ("OCTOPUS_MASTER_KEY", "MIGRATOR_PASSWORD", "MIGRATOR_DEBUG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def keys_cost_what_they_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Derive keys as the programs do, for a test of that; everywhere else they are cheap.
    """
    monkeypatch.setattr(ciphers, "COST", FULL_COST)


def pytest_configure(config: pytest.Config) -> None:
    """
    Put what tests write into memory where there is room and programs may run: a disk's syncing proves nothing here.
    """
    with suppress(OSError):
        memory = os.statvfs(MEMORY)
        if memory.f_bavail * memory.f_frsize > ROOM and not memory.f_flag & os.ST_NOEXEC:
            # For the children; this process may have asked for its own before.
            tempfile.tempdir = os.environ.setdefault("TMPDIR", MEMORY)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Leave the tests of tests/backend out, and say so at the end, unless there is a server to run them against.
    """
    if os.environ.get(SERVER_VARIABLE):
        return
    backend = [item for item in items if "backend" in Path(str(item.fspath)).parts]
    if backend:
        config.stash[LEFT_OUT] = len(backend)
        config.hook.pytest_deselected(items=backend)
        items[:] = [item for item in items if item not in backend]


LEFT_OUT = pytest.StashKey[int]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """
    Say which tests were left out, and how to run them.
    """
    count = config.stash.get(LEFT_OUT, 0)
    if count:
        terminalreporter.write_line(
            f"{count} tests need a SQL Server: set {SERVER_VARIABLE} to its address to run them"
        )
