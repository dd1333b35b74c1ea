"""
Fixtures of the tests of audits: servers that were filled, or audited, once and are copied for each test.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from auditor.demo.stub import RestStub
from auditor.stop import Stop
from auditor.world import Tools
from tests.support.audits import API_KEY, ENVIRONMENT, Audited, bare, settings_for
from tests.support.servers import SampleServer
from tests.support.templates import sample, small

Template = Callable[[Path], Path]


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
def small_fresh(tmp_path: Path, stub: RestStub, secrets_in_environment: None) -> Audited:
    """
    A small server that was never audited, for tests whose rule does not need a large one.
    """
    return _server(small, tmp_path, stub)


@pytest.fixture
def fresh(tmp_path: Path, stub: RestStub, secrets_in_environment: None) -> Audited:
    """
    A server with everything a server may have, that was never audited.
    """
    return _server(sample, tmp_path, stub)


def _server(template: Template, root: Path, stub: RestStub) -> Audited:
    database = template(root / "server.db")
    settings = settings_for(root, database, stub.url)
    return Audited(root, SampleServer(database), stub, settings, tools=Tools(QuickStop()))


@pytest.fixture(scope="session")
def audited_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Template], Path]:
    """
    Return, for a template, a folder with the repository and the state of such a server after its first run.
    """

    @cache
    def once(template: Template) -> Path:
        root = tmp_path_factory.mktemp("audited-once")
        with pytest.MonkeyPatch.context() as patch, RestStub(API_KEY) as stub:
            for name, value in ENVIRONMENT.items():
                patch.setenv(name, value)
            _server(template, root, stub).good()
        return root

    return once


@pytest.fixture
def small_audited(small_fresh: Audited, audited_once: Callable[[Template], Path]) -> Audited:
    """
    A small server after its first run.
    """
    return _after(small_fresh, audited_once(small))


@pytest.fixture
def audited(fresh: Audited, audited_once: Callable[[Template], Path]) -> Audited:
    """
    A server with everything a server may have, after its first run.
    """
    return _after(fresh, audited_once(sample))


def _after(server: Audited, once: Path) -> Audited:
    for name in ("state", "repository.git"):
        shutil.copytree(once / name, server.root / name)
    return server


@pytest.fixture
def remote(audited: Audited) -> Path:
    """
    The remote of ``audited``, with its first commit.
    """
    path = bare(audited.root / "remote.git")
    audited.change(repository={"path": str(audited.repository), "remote": str(path)})
    audited.run()
    return path
