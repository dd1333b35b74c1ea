"""
Fixtures of the tests of audits: servers that were filled, or audited, once and are copied for each test.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.demo.stub import RestStub
from auditor.stop import Stop
from auditor.world import Tools
from tests.support.audits import API_KEY, ENVIRONMENT, Audited, bare, settings_for
from tests.support.servers import SampleServer
from tests.support.templates import sample


class QuickStop(Stop):
    """
    Sleeps a hundredth of what it is told to.
    """

    def sleep(self, seconds: float) -> bool:
        return super().sleep(seconds / 100)


@pytest.fixture
def secrets_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def stub() -> Iterator[RestStub]:
    with RestStub(API_KEY) as stub:
        yield stub


@pytest.fixture
def fresh(tmp_path: Path, stub: RestStub, secrets_in_environment: None) -> Audited:
    """
    A server that was never audited.
    """
    database = sample(tmp_path / "server.db")
    return Audited(
        tmp_path,
        SampleServer(database),
        stub,
        settings_for(tmp_path, database, stub.url),
        tools=Tools(QuickStop()),
    )


@pytest.fixture(scope="session")
def audited_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A repository and a state folder after the first run.
    """
    root = tmp_path_factory.mktemp("audited-once")
    patch = pytest.MonkeyPatch()
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    with RestStub(API_KEY) as stub:
        database = sample(root / "server.db")
        Audited(root, SampleServer(database), stub, settings_for(root, database, stub.url)).good()
    patch.undo()
    return root


@pytest.fixture
def audited(fresh: Audited, audited_once: Path) -> Audited:
    """
    A server after its first run.
    """
    for name in ("state", "repository.git"):
        shutil.copytree(audited_once / name, fresh.root / name)
    return fresh


@pytest.fixture
def remote(audited: Audited) -> Path:
    """
    The remote of ``audited``, with its first commit.
    """
    path = bare(audited.root / "remote.git")
    audited.change(repository={"path": str(audited.repository), "remote": str(path)})
    audited.run()
    return path
