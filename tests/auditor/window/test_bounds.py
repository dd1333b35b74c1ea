"""
The window is off, or told to be stuck, within its limit and half a minute, whatever the server does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import CapturingLogger

from auditor.demo.stub import RestStub
from auditor.stop import Stop, Stopped, TooLong
from auditor.window import window as window_module
from auditor.window.journal import Entry, Journal
from auditor.window.octopus_api import ApiOptions, OctopusApi
from auditor.window.window import WindowOptions, WindowStuck, maintenance_window, release
from auditor.world import Tools
from migrator.credentials import Secret
from migrator.errors import OperatorError
from tests.support.audits import API_KEY
from tests.support.daemons import RUNNING

OPTIONS = WindowOptions("prod", "https://octopus.example.com", limit=0.2, release_limit=600)
RESTORING, LEAST = 0.4, 0.1
PATIENCE = 5.0
"""With a machine that is at other work; a request that hangs without a limit would take longer."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    All limits a thirtieth, so that the tests of them take no time.
    """
    monkeypatch.setattr(window_module, "RESTORING", RESTORING)
    monkeypatch.setattr(window_module, "_LEAST", LEAST)
    monkeypatch.setattr(window_module, "_SETTLE", 0.1)


@pytest.fixture
def api(stub: RestStub) -> Iterator[OctopusApi]:
    with OctopusApi(ApiOptions(stub.url, Secret(API_KEY), 20), lambda seconds: None) as api:
        yield api


class Told(list[str]):
    """
    What was told to be stuck, and when.
    """

    at: float = 0.0

    def __call__(self, reason: str) -> None:
        self.at = time.monotonic()
        self.append(reason)


def tools(**more: Any) -> Tools:
    return Tools(log=CapturingLogger(), **more)


def window(api: OctopusApi, folder: Path, used: Tools, options: WindowOptions = OPTIONS) -> Any:
    return maintenance_window(api, Journal(folder / "journal.json"), options, used)


def drains(stub: RestStub) -> bool:
    return any("/api/tasks" in request.path for request in stub.requests)


def asked_at(stub: RestStub) -> float:
    return next(request.time for request in stub.requests if request.method == "PUT")


@pytest.mark.parametrize("fault", ["hang", "drip", "endless", "500", "401", "after-hang", "after-drip", "after-500"])
@pytest.mark.parametrize("method", [None, "PUT"])
@pytest.mark.parametrize("moment", ["switch", "drain", "read"])
def test_off_or_told(
    api: OctopusApi, stub: RestStub, tmp_path: Path, fault: str, method: str | None, moment: str
) -> None:
    """
    Whatever the server does from whatever moment on, at the limit and its time for restoring the mode is off and the
    journal gone, or it is told to be stuck and the journal stays.
    """
    told = Told()

    def misbehave() -> None:
        stub.options.fault_method = method
        stub.fault = fault

    if moment == "switch":
        stub.options.fault_method, stub.fault = "PUT", fault
    options = replace(OPTIONS, drain=60) if moment == "drain" else OPTIONS
    if moment == "drain":
        stub.options.tasks.append(RUNNING)
        threading.Thread(target=lambda: (until(lambda: drains(stub)), misbehave()), daemon=True).start()

    with pytest.raises(OperatorError) as raised, window(api, tmp_path, tools(stuck=told), options) as opened:
        misbehave()
        while True:
            opened.check()
            time.sleep(0.01)

    # The run itself makes one attempt more, after what is told at once.
    assert time.monotonic() - asked_at(stub) < OPTIONS.limit + RESTORING + 6 * LEAST + PATIENCE
    stuck = isinstance(raised.value, WindowStuck)
    assert stuck == (tmp_path / "journal.json").exists()
    assert stuck or not stub.in_maintenance
    if told:
        assert stuck or not stub.in_maintenance
        assert told.at - asked_at(stub) < OPTIONS.limit + RESTORING + 4 * LEAST + PATIENCE
    # A server that answers as it should again is put right by the next start.
    stub.fault = None
    release(api, Journal(tmp_path / "journal.json"), OPTIONS, tools())
    assert not stub.in_maintenance


def test_what_hangs_outside_is_told_all_the_same(api: OctopusApi, stub: RestStub, tmp_path: Path) -> None:
    """
    A run that hangs in what nobody can break off does not keep its stuck window from being told, nor from being closed
    when the server answers again.
    """
    told, gate = Told(), threading.Event()

    def hang() -> None:
        with pytest.raises(OperatorError), window(api, tmp_path, tools(stuck=told)):
            stub.options.fault_method, stub.fault = "PUT", "drip"
            gate.wait(30)

    run = threading.Thread(target=hang)
    run.start()
    until(lambda: told)
    assert run.is_alive()
    assert "could not be switched off" in told[0]
    stub.fault = None
    gate.set()
    run.join(30)
    assert not stub.in_maintenance


def until(what: Callable[[], Any], patience: float = 20.0) -> None:
    deadline = time.monotonic() + patience
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_at_the_limit_there_is_more_than_one_try(api: OctopusApi, stub: RestStub, tmp_path: Path) -> None:
    """
    A server that does not answer the first attempt to switch off is asked again, over another connection.
    """
    with pytest.raises(TooLong), window(api, tmp_path, tools()) as opened:
        stub.options.fault_method, stub.fault = "PUT", "hang-once"
        while True:
            opened.check()
            time.sleep(0.01)

    assert not stub.in_maintenance
    assert len([request for request in stub.requests if request.method == "PUT"]) == 3


@pytest.mark.parametrize("fault", ["hang", "drip"])
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_stop_is_heard_while_the_switch_hangs(
    api: OctopusApi, stub: RestStub, tmp_path: Path, fault: str, method: str
) -> None:
    """
    Told to stop while the switch, or what is asked before it, hangs, a run ends as one that was stopped.
    """
    stop = Stop()
    stub.options.fault_method, stub.fault = method, f"{fault}-once"
    threading.Timer(0.1, stop.request).start()
    begun = time.monotonic()

    with pytest.raises(Stopped), window(api, tmp_path, tools(stop=stop), replace(OPTIONS, limit=600)):
        pass

    assert time.monotonic() - begun < 10
    assert not stub.in_maintenance
    assert not (tmp_path / "journal.json").exists()


def test_a_stop_ends_the_attempts(api: OctopusApi, stub: RestStub, tmp_path: Path) -> None:
    """
    Told to stop, a run goes on trying to close its window for a while and no longer, and says so.
    """
    stop = Stop()
    begun = time.monotonic()

    with pytest.raises(WindowStuck), window(api, tmp_path, tools(stop=stop), replace(OPTIONS, limit=600)) as opened:
        stub.options.fault_method, stub.fault = "PUT", "500"
        stop.request()
        opened.check()

    assert time.monotonic() - begun < 2 * RESTORING + 10
    assert len([request for request in stub.requests if request.method == "PUT"]) > 2
    assert (tmp_path / "journal.json").exists()


def test_a_switch_that_took_effect_but_was_refused_afterwards(
    api: OctopusApi, stub: RestStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A switch that was made although it was answered by 500, and refused by 403 when it was tried again, is not
    forgotten: the journal is cleared only when the server says that maintenance mode is off.
    """
    stub.options.fault_method, stub.fault = "PUT", "after-500-once"
    take = stub.take_fault

    def then_refuse(method: str, path: str) -> str | None:
        fault = take(method, path)
        if method == "PUT":
            stub.fault = "403"
        return fault

    monkeypatch.setattr(stub, "take_fault", then_refuse)

    with pytest.raises(WindowStuck), window(api, tmp_path, tools()):
        pass

    assert stub.in_maintenance
    assert Journal(tmp_path / "journal.json").read() is not None


def test_a_switch_that_is_made_late_is_undone(
    api: OctopusApi, stub: RestStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A server that makes the switch only after it was told to switch back is looked at once more.
    """
    stub.options.fault_method, stub.fault = "PUT", "hang-once"
    monkeypatch.setattr(window_module, "_SETTLE", 0.5)
    off = threading.Event()

    def late() -> None:
        until(lambda: len([request for request in stub.requests if request.method == "PUT"]) > 1)
        until(lambda: stub.requests[-1].method == "GET")
        stub.in_maintenance = True
        off.set()

    threading.Thread(target=late, daemon=True).start()

    with pytest.raises(TooLong), window(api, tmp_path, tools()):
        pass

    assert off.is_set()
    assert not stub.in_maintenance


def test_release_trusts_what_is_read(api: OctopusApi, stub: RestStub, tmp_path: Path) -> None:
    """
    What a killed run left is given up only when the server says that it is off, and is not switched if it is.
    """
    journal = Journal(tmp_path / "journal.json")
    journal.write(Entry("prod", stub.url, "2026-11-24T10:00:00+00:00", 1))

    assert release(api, journal, OPTIONS, tools())
    assert [request.method for request in stub.requests] == ["GET"]
    assert journal.read() is None

    stub.in_maintenance = True
    journal.write(Entry("prod", stub.url, "2026-11-24T10:00:00+00:00", 1))
    stub.options.fault_method, stub.fault = "PUT", "html"
    with pytest.raises(WindowStuck):
        release(api, journal, replace(OPTIONS, release_limit=0.1), tools())
    assert journal.read() is not None
