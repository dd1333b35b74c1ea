"""
Fixtures of the tests of audits: servers that were filled, or audited, once and are copied for each test.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import auditor.audit
import migrator.exporter
from auditor.demo.content.server import fill
from auditor.demo.stub import RestStub
from auditor.stop import Stop
from auditor.world import RunTools
from migrator.secrets.ciphers import KeyDerivation
from tests.support.audits import API_KEY, ENVIRONMENT, Audited, bare, settings_for
from tests.support.servers import KEY, SampleServer
from torture.zygote import CHEAP


class QuickStop(Stop):
    """
    Sleeps a hundredth of what it is told to.
    """

    def sleep(self, seconds: float) -> bool:
        return super().sleep(seconds / 100)


@pytest.fixture(autouse=True)
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Derive keys at next to no cost: scrypt would be half of the time of all runs.
    """
    for module in (auditor.audit, migrator.exporter):
        monkeypatch.setattr(module, "KeyDerivation", partial(KeyDerivation, cost=CHEAP))


@pytest.fixture
def secrets_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def sample_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit-sample") / "server.db"
    fill(path, KEY)
    return path


@pytest.fixture
def stub() -> Iterator[RestStub]:
    with RestStub(API_KEY) as stub:
        yield stub


@pytest.fixture
def fresh(sample_database: Path, tmp_path: Path, stub: RestStub, secrets_in_environment: None) -> Audited:
    """
    A server that was never audited.
    """
    database = Path(shutil.copy(sample_database, tmp_path / "server.db"))
    return Audited(
        tmp_path,
        SampleServer(database),
        stub,
        settings_for(tmp_path, database, stub.url),
        tools=RunTools(QuickStop()),
    )


@pytest.fixture(scope="session")
def audited_once(sample_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A repository and a state folder after the first run.
    """
    root = tmp_path_factory.mktemp("audited-once")
    patch = pytest.MonkeyPatch()
    for module in (auditor.audit, migrator.exporter):
        patch.setattr(module, "KeyDerivation", partial(KeyDerivation, cost=CHEAP))
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    with RestStub(API_KEY) as stub:
        database = Path(shutil.copy(sample_database, root / "server.db"))
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
