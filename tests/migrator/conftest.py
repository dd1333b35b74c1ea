"""
Sample servers, made once and copied for each test that wants one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.imports import Server
from tests.support.imports import empty_server as new_server
from tests.support.servers import SampleServer
from tests.support.templates import empty, sample


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample(tmp_path_factory.mktemp("filled") / "server.db")


@pytest.fixture(scope="session")
def filled_spaces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample(tmp_path_factory.mktemp("filled-spaces") / "server.db", spaces=True)


@pytest.fixture
def server(tmp_path: Path) -> SampleServer:
    return SampleServer(sample(tmp_path / "server.db"))


@pytest.fixture
def server_with_spaces(tmp_path: Path) -> SampleServer:
    return SampleServer(sample(tmp_path / "spaces.db", spaces=True))


@pytest.fixture
def empty_server(tmp_path: Path) -> SampleServer:
    return SampleServer(empty(tmp_path / "empty.db"))


@pytest.fixture
def target(tmp_path: Path) -> Server:
    """
    An empty target.
    """
    return new_server(tmp_path)
