"""
One supervised run: limits of time, hangs, bugs, and that a server's trouble stays its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import CapturingLogger

from auditor.audit import audit
from auditor.daemon import runner as daemon_run
from auditor.daemon.runner import Active, Runner, RunnerOptions, Slots
from auditor.demo.stub import RestStub
from auditor.monitoring.metrics import Metrics
from auditor.result import AuditResult
from auditor.run import RunOptions
from auditor.state_folder import StateFolder
from auditor.status import read_status
from auditor.world import Tools
from tests.support.daemons import API_KEY, RUNNING, Site, eventually, site, small_database  # noqa: F401


class Log(CapturingLogger):
    def bind(self, **fields: Any) -> Log:
        return self


def runner(**options: Any) -> Runner:
    return Runner(Metrics(time.time), RunnerOptions(lambda server: None, **options), Log())


def run(runner: Runner, site: Site, server: str) -> AuditResult:  # noqa: F811
    result = runner.run(server, site.load().servers[server], site.state(server), RunOptions())
    assert result is not None
    return result


def test_a_run_beyond_its_limit_is_abandoned(site: Site) -> None:  # noqa: F811
    """
    After run_limit a run is asked to end; its window is closed, and it has failed with the limit and the step.
    """
    with RestStub(API_KEY, tasks=[RUNNING]) as stub:
        site.add("prod", stub, maintenance={"drain": 60}, run_limit=1)
        result = run(runner(), site, "prod")
        assert result.outcome == "failed"
        assert "run_limit = 1 seconds (it was at: read)" in str(result.error)
        assert len(stub.windows) == 1
        assert not stub.in_maintenance


def test_a_hung_run_costs_its_own_server_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """
    A run that hangs gives its slot back, so that another server is run with one slot in all; it is left behind after
    its grace, told as failed, and starves the watchdog as long as it lives.
    """
    gate = threading.Event()

    def hanging(server: str, settings: Any, folder: StateFolder, tools: Tools, options: Any) -> AuditResult:
        # Nothing that a run does today can hang for good; a driver or a file system may.
        tools.step("push")
        assert server == "well" or gate.wait(30)
        return audit(server, settings, folder, tools, options)

    monkeypatch.setattr(daemon_run, "audit", hanging)
    site.add("hung", run_limit=1)
    site.add("well")
    supervisor = runner(slots=1, slot_patience=0.2, grace=0.1)
    results: dict[str, AuditResult] = {}
    thread = threading.Thread(target=lambda: results.update(hung=run(supervisor, site, "hung")))
    thread.start()
    eventually(lambda: [active.step for active in supervisor.active()] == ["push"])
    assert run(supervisor, site, "well").outcome == "changed"
    thread.join()
    assert "hangs at: push" in str(results["hung"].error)
    assert read_status(site.state("hung")).last_outcome == "failed"
    (left,) = supervisor.active()
    assert left.server == "hung"
    eventually(lambda: left.hangs)
    gate.set()
    eventually(lambda: not supervisor.active())


def test_a_stuck_window_is_told_although_the_run_hangs(
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A run whose window is stuck is told within seconds, although it hangs itself and its own limit is far.
    """
    gate = threading.Event()

    def hanging(server: str, settings: Any, folder: StateFolder, tools: Tools, options: Any) -> AuditResult:
        tools.stuck("maintenance mode of prod could not be switched off")
        gate.wait(30)
        return audit(server, settings, folder, tools, options)

    monkeypatch.setattr(daemon_run, "audit", hanging)
    monkeypatch.setattr(daemon_run, "_STUCK_PATIENCE", 0.1)
    site.add("prod", run_limit=600)
    result = run(runner(), site, "prod")
    gate.set()
    assert (result.outcome, result.window_stuck) == ("failed", True)
    assert "could not be switched off" in str(result.error)
    assert read_status(site.state("prod")).window_stuck


def test_a_bug_is_told_and_not_the_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """
    An exception nobody foresaw is a failed run that names its place, without the exception's own words.
    """

    def broken(*_: object) -> AuditResult:
        raise KeyError("hunter2")

    monkeypatch.setattr(daemon_run, "audit", broken)
    site.add("prod")
    result = run(runner(), site, "prod")
    assert result.outcome == "failed"
    assert "this is a bug" in str(result.error)
    assert "test_runner.py" in str(result.error)
    assert "hunter2" not in str(result.error)
    assert read_status(site.state("prod")).last_error == result.error


def test_no_run_begins_after_a_stop(site: Site) -> None:  # noqa: F811
    """
    What waits for a slot when the daemon stops is not begun.
    """
    site.add("prod")
    supervisor = runner()
    supervisor.stop()
    assert supervisor.run("prod", site.load().servers["prod"], site.state("prod"), RunOptions()) is None
    assert not Path(site.load().servers["prod"].repository.path).exists()


def test_slots_bound_what_works_at_once() -> None:
    """
    Never more than the number of slots work at once; a slot given back early is given back once.
    """
    slots = Slots(2, threading.Event())
    at_work, most = [0], [0]
    lock = threading.Lock()

    def work() -> None:
        with slots.taken() as slot:
            with lock:
                at_work[0] += 1
                most[0] = max(most[0], at_work[0])
            time.sleep(0.01)
            with lock:
                at_work[0] -= 1
            assert slot is not None
            slot.give_back()
            slot.give_back()

    join_all([work] * 8)
    assert most[0] == 2


def join_all(jobs: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_progress_keeps_a_run_from_hanging() -> None:
    """
    A run hangs when it is silent beyond its patience, and no longer when it gets on.
    """
    active = Active("prod", patience=0.02)
    time.sleep(0.05)
    assert active.hangs
    active.got_on("read")
    assert not active.hangs
    assert active.step == "read"
