"""
Sample servers, filled once and copied for each test that wants one.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from auditor.demo.content.server import fill
from auditor.demo.schema import create_database
from tests.support.imports import Server, Servers, empty_database
from tests.support.servers import KEY, SampleServer


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "server.db"
    fill(path, KEY)
    return path


@pytest.fixture(scope="session")
def filled_spaces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled-spaces") / "server.db"
    fill(path, KEY, spaces=True)
    return path


@pytest.fixture(scope="session")
def created(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("created") / "server.db"
    create_database(path)
    return path


@pytest.fixture
def server(filled: Path, tmp_path: Path) -> SampleServer:
    return SampleServer(Path(shutil.copy(filled, tmp_path / "server.db")))


@pytest.fixture
def server_with_spaces(filled_spaces: Path, tmp_path: Path) -> SampleServer:
    return SampleServer(Path(shutil.copy(filled_spaces, tmp_path / "spaces.db")))


@pytest.fixture
def empty_server(created: Path, tmp_path: Path) -> SampleServer:
    return SampleServer(Path(shutil.copy(created, tmp_path / "empty.db")))


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    An empty database to copy.
    """
    return empty_database(tmp_path_factory.mktemp("empty"))


@pytest.fixture
def target(tmp_path: Path, empty: Path) -> Server:
    """
    An empty target.
    """
    return Servers(tmp_path, empty).make()
