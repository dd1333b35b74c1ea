"""
/metrics, /healthz and /readyz, asked over a real socket.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from pydantic import ValidationError

from auditor.monitoring.metrics import Metrics
from auditor.monitoring.status_server import Heartbeat, MetricsSettings, StatusServer, split_listen
from auditor.result import AuditResult
from migrator.errors import UsageError


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def served(clock: Clock, metrics: Metrics, heartbeat: Heartbeat, listen: str = "127.0.0.1:0") -> Iterator[httpx.Client]:
    settings = MetricsSettings(listen=listen, heartbeat_seconds=30)
    host, _ = split_listen(listen)
    with StatusServer(settings, metrics, heartbeat) as server:
        shown = f"[{host}]" if ":" in host else host
        with httpx.Client(base_url=f"http://{shown}:{server.port}", trust_env=False) as client:
            yield client


def test_health_fails_when_the_main_loop_is_silent() -> None:
    """Alive means that the main loop came by lately, not that a thread can answer."""
    clock = Clock()
    heartbeat = Heartbeat(clock)
    with served(clock, Metrics(clock), heartbeat) as client:
        assert client.get("/healthz").status_code == 200
        clock.now += 31
        sick = client.get("/healthz")
        heartbeat.beat()
        assert client.get("/healthz").status_code == 200

    assert sick.status_code == 503
    assert "31 s" in sick.text


def test_readiness_fails_on_age_and_names_the_server() -> None:
    """A daemon whose history is old is not ready, and says which server's."""
    clock = Clock()
    metrics = Metrics(clock)
    metrics.expect("prod", max_age=60)
    with served(clock, metrics, Heartbeat(clock)) as client:
        never = client.get("/readyz")
        metrics.record(AuditResult("r1", "prod", "", "unchanged"))
        ready = client.get("/readyz")
        clock.now += 61
        stale = client.get("/readyz")

    assert (never.status_code, never.text) == (503, "prod: no success yet\n")
    assert ready.status_code == 200
    assert stale.status_code == 503
    assert stale.text.startswith("prod: ")


def test_metrics_are_served_in_prometheus_format() -> None:
    """Prometheus can read what it gets."""
    clock = Clock()
    metrics = Metrics(clock)
    metrics.record(AuditResult("r1", "prod", "", "unchanged", documents=7))
    with served(clock, metrics, Heartbeat(clock)) as client:
        answer = client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'auditor_documents{server="prod"} 7.0' in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_only_reading_is_allowed(method: str) -> None:
    """Nothing can be changed through this server."""
    clock = Clock()
    with served(clock, Metrics(clock), Heartbeat(clock)) as client:
        answer = client.request(method, "/healthz")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_head_is_get_without_a_body() -> None:
    """A probe may ask for the head alone; unknown paths do not exist."""
    clock = Clock()
    with served(clock, Metrics(clock), Heartbeat(clock)) as client:
        head = client.head("/metrics")
        assert head.status_code == 200
        assert int(head.headers["content-length"]) > 0
        assert head.content == b""
        assert client.get("/metrics/../etc/passwd").status_code == 404
        assert client.get("/").status_code == 404


def test_ipv6_loopback() -> None:
    """[::1] is a loopback address too, where the machine has one."""
    clock = Clock()
    if not _has_ipv6():
        assert split_listen("[::1]:9823") == ("::1", 9823)
        return
    with served(clock, Metrics(clock), Heartbeat(clock), "[::1]:0") as client:
        assert client.get("/readyz").status_code == 200


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("listen", ["0.0.0.0:9823", "[::]:9823", "10.0.0.1:9823"])
def test_other_interfaces_must_be_asked_for(listen: str) -> None:
    """There is no login, so the network sees this server only if somebody said so."""
    with pytest.raises(ValidationError, match="loopback"):
        MetricsSettings(listen=listen)
    assert MetricsSettings(listen=listen, allow_remote=True).listen == listen


@pytest.mark.parametrize("listen", ["9823", ":9823", "127.0.0.1", "127.0.0.1:99999", "example.com:80", "127.0.0.1:x"])
def test_no_address_is_refused(listen: str) -> None:
    """What cannot be listened on is told when the settings are read."""
    with pytest.raises(ValidationError, match="address to listen on"):
        MetricsSettings(listen=listen)


def test_a_taken_port_is_an_operators_error() -> None:
    """A second daemon is told that the port is taken, in one sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = MetricsSettings(listen=f"127.0.0.1:{taken.getsockname()[1]}")
        with (
            pytest.raises(UsageError, match="choose a free port"),
            StatusServer(settings, Metrics(Clock()), Heartbeat(Clock())),
        ):
            pass
