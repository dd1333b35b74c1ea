"""
What systemd hears, on a real datagram socket.
"""

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.daemon.systemd import ServiceManager, Watchdog, watchdog_seconds


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@auditor-test-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        listening.settimeout(5)
        yield listening, {"NOTIFY_SOCKET": name}


def heard(listening: socket.socket) -> list[str]:
    return listening.recv(4096).decode().split("\n")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_word_of_the_protocol(systemd: tuple[socket.socket, dict[str, str]]) -> None:
    """Readiness, status, reload and stop arrive as sd_notify(3) spells them; a status is one line."""
    listening, environ = systemd
    manager = ServiceManager(environ, monotonic_ns=lambda: 5_000_999)

    assert manager.ready("two servers")
    assert heard(listening) == ["READY=1", "STATUS=two servers"]
    assert manager.status("prod:\nREADY=1  next 12:00")
    assert heard(listening) == ["STATUS=prod: READY=1 next 12:00"]
    assert manager.reloading()
    assert heard(listening) == ["RELOADING=1", "MONOTONIC_USEC=5000"]
    assert manager.stopping()
    assert heard(listening) == ["STOPPING=1"]
    assert manager.watchdog()
    assert heard(listening) == ["WATCHDOG=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/no/such/socket"}])
def test_without_systemd_nothing_happens(environ: dict[str, str]) -> None:
    """Started from a shell, or with a socket that is gone, each word is a no-op that says so."""
    manager = ServiceManager(environ)

    assert not manager.ready()
    assert not manager.watchdog()


def test_only_the_watched_process_feeds() -> None:
    """The limit is in microseconds, and another process's watchdog is not ours."""
    assert watchdog_seconds({}) is None
    assert watchdog_seconds({"WATCHDOG_USEC": "0"}) is None
    assert watchdog_seconds({"WATCHDOG_USEC": "nonsense"}) is None
    assert watchdog_seconds({"WATCHDOG_USEC": "30000000"}) == 30
    assert watchdog_seconds({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}) == 30
    assert watchdog_seconds({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}) is None


def test_only_progress_feeds_the_watchdog(systemd: tuple[socket.socket, dict[str, str]]) -> None:
    """A hung run starves the watchdog although its thread goes on; progress feeds it again."""
    listening, environ = systemd
    clock = Clock()
    watchdog = Watchdog(ServiceManager(environ), patience=60, environ=environ, clock=clock)

    assert watchdog.tick()
    assert heard(listening) == ["WATCHDOG=1"]
    clock.now = 61
    assert not watchdog.tick()
    watchdog.progress()
    clock.now = 121
    assert watchdog.tick()
    assert heard(listening) == ["WATCHDOG=1"]
    listening.setblocking(False)
    with pytest.raises(BlockingIOError):
        listening.recv(1)


def test_the_thread_feeds_again_and_again(systemd: tuple[socket.socket, dict[str, str]]) -> None:
    """Under a watchdog the thread speaks at half its limit, and ends with the block."""
    listening, environ = systemd
    environ = environ | {"WATCHDOG_USEC": "20000"}

    with Watchdog(ServiceManager(environ), environ=environ):
        assert [heard(listening) for _ in range(3)] == [["WATCHDOG=1"]] * 3
