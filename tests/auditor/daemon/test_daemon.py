"""
The daemon as a child process: schedules, signals, requests, reload and stop.
"""

from __future__ import annotations

import json
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.status import read_status
from tests.support.audits import git
from tests.support.daemons import Site, eventually, free_port, site, small_database  # noqa: F401


class Systemd:
    """
    Reads what a service says, as it says it.
    """

    def __init__(self, path: Path) -> None:
        self.variables = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while lines := self._socket.recv(4096).decode():
            self.heard += lines.split("\n")

    def wait_for(self, word: str, count: int = 1) -> None:
        eventually(lambda: self.heard.count(word) >= count)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(b"", self.variables["NOTIFY_SOCKET"])
        self._thread.join()
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listening = Systemd(tmp_path / "notify")
    yield listening
    listening.close()


def test_a_day_of_a_daemon(site: Site, systemd: Systemd) -> None:  # noqa: F811
    """
    It catches up at start, says READY, feeds the watchdog, runs on demand and on SIGUSR1, answers monitoring, dumps its
    stacks on SIGUSR2, and ends with 0 on SIGTERM.
    """
    port = free_port()
    site.rest = f'[metrics]\nlisten = "127.0.0.1:{port}"'
    one = site.add("one")
    site.add("two")
    with site.daemon(**systemd.variables) as daemon:
        systemd.wait_for("READY=1")
        systemd.wait_for("WATCHDOG=1")
        for name in ("one", "two"):
            assert daemon.event("run", server=name)["reason"] == "catch-up"
            assert git(site.root / f"{name}.git", "rev-list", "--count", "main") == "1"

        one.run("UPDATE Project SET Name = Name || '!'")
        assert site.command("trigger", "--server", "one").return_value == 0
        assert daemon.event("run", server="one", reason="demand")["outcome"] == "changed"
        assert not daemon.events("run", server="two", reason="demand")

        daemon.send(signal.SIGUSR1)
        daemon.event("run", server="two", reason="demand")
        daemon.event("run", count=2, server="one", reason="demand")

        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        assert 'auditor_runs_total{outcome="changed",server="one"} 2.0' in page
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200

        shown = json.loads(site.command("status", "--json").output)["servers"]["one"]
        assert (shown["last_outcome"], shown["window"], shown["last_error"]) == ("unchanged", "closed", None)
        assert shown["next_run"].startswith("20")

        daemon.send(signal.SIGUSR2)
        eventually(lambda: "most recent call first" in daemon.log.read_text())
        assert daemon.end() == 0
        systemd.wait_for("STOPPING=1")
    assert "no daemon runs for one, two" in str(site.command("trigger").exception)


def test_reload(site: Site, systemd: Systemd) -> None:  # noqa: F811
    """
    SIGHUP takes in a new server and lets go of an old one; a configuration with errors keeps the one of before, and
    says so; a file that is only edited changes nothing.
    """
    site.add("one")
    with site.daemon(**systemd.variables) as daemon:
        daemon.event("run", server="one")
        good = site.config.read_text()
        site.config.write_text(good.replace("[servers.one.export]", "[servers.one.exprot]"))
        daemon.send(signal.SIGHUP)
        refused = daemon.event("reload-refused")
        assert refused["level"] == "error"
        assert "did you mean export" in refused["reason"]
        systemd.wait_for("RELOADING=1")
        systemd.wait_for("READY=1", count=2)
        daemon.send(signal.SIGUSR1)
        daemon.event("run", server="one", reason="demand", outcome="unchanged")

        del site.servers["one"]
        site.add("two")
        daemon.send(signal.SIGHUP)
        daemon.event("reloaded")
        daemon.event("run", server="two", reason="catch-up")
        before = len(daemon.events("run", server="one"))
        daemon.send(signal.SIGUSR1)
        daemon.event("run", server="two", reason="demand")
        assert len(daemon.events("run", server="one")) == before
        assert daemon.end(signal.SIGINT) == 0


def test_catches_up_once_after_a_restart(site: Site) -> None:  # noqa: F811
    """
    The last success is on disk: a restart runs at once only what missed a fire time.
    """
    site.add("one")
    site.add("late", schedule={"cron": "* * * * *"})
    for name in ("one", "late"):
        assert site.audit(name).error is None
    path = site.state("late").status
    status = json.loads(path.read_text())
    path.write_text(json.dumps(status | {"last_success": "2020-01-01T00:00:00+00:00"}))
    with site.daemon() as daemon:
        daemon.event("run", server="late", reason="catch-up")
        assert not daemon.events("run", server="one")
        assert daemon.end() == 0
    success = read_status(site.state("late")).success_time()
    assert success is not None
    assert success.year > 2020


def test_readiness_fails_on_age(site: Site) -> None:  # noqa: F811
    """
    A daemon that cannot do its work is alive, but not ready.
    """
    port = free_port()
    site.rest = f'[metrics]\nlisten = "127.0.0.1:{port}"'
    server = site.add("one")
    server.path.write_bytes(b"no database")
    with site.daemon() as daemon:
        failed = daemon.event("run", server="one", outcome="failed")
        assert failed["level"] == "error"
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).status == 200
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
        refused.value.close()
        assert refused.value.code == 503


def test_a_wrong_configuration_is_exit_code_two(site: Site) -> None:  # noqa: F811
    """
    The daemon does not start on a configuration with errors, and the unit does not restart it for that.
    """
    site.config.write_text("[servers.one]\n")
    done = site.auditor("run")
    assert done.returncode == 2
    assert "servers.one.repository: is missing" in done.stderr
