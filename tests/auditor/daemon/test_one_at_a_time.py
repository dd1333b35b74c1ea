"""
One server's runs: at most one at work and one behind it, whatever goes wrong with threads and listeners.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from auditor.daemon.one_at_a_time import OVERLAP, SCHEDULE, OneAtATime


@dataclass
class Bench:
    """
    Threads that are found when the test says so, and what was run and told.
    """

    waiting: list[Callable[[], None]] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)
    refused: bool = False
    during: Callable[[], None] = lambda: None

    def start(self, work: Callable[[], None]) -> None:
        if self.refused:
            raise RuntimeError("can't start new thread")
        self.waiting.append(work)

    def run(self, reason: str) -> None:
        self.runs.append(reason)
        during, self.during = self.during, lambda: None
        during()

    def server(self) -> OneAtATime:
        server = OneAtATime("prod", self.start, lambda *event: self.told.append(event))
        server.open(self.run)
        return server

    def go(self) -> None:
        """
        Give every waiting one its thread.
        """
        while self.waiting:
            self.waiting.pop(0)()


def test_whoever_asks_before_it_begins_is_served_by_one_run() -> None:
    """
    A run that waits for a thread serves all who ask meanwhile, with the reason of the first.
    """
    bench = Bench()
    server = bench.server()

    for reason in ("catch-up", "demand", SCHEDULE):
        server.ask(reason)

    assert len(bench.waiting) == 1
    bench.go()
    assert (bench.runs, bench.told, server.running) == (["catch-up"], [], False)
    server.ask("demand")
    bench.go()
    assert bench.runs == ["catch-up", "demand"]


def test_during_a_run_a_demand_is_kept_and_a_fire_time_left_out() -> None:
    """
    Who asks during a run gets one more after it, in the same thread; the timetable gets none, and that is told.
    """
    bench = Bench()
    server = bench.server()

    def ask() -> None:
        assert server.running
        for reason in (SCHEDULE, "demand", "released", SCHEDULE):
            server.ask(reason)

    bench.during = ask
    server.ask(SCHEDULE)
    bench.go()

    assert bench.runs == [SCHEDULE, "demand"]
    assert bench.told == [("max-instances", "prod", OVERLAP)] * 2
    assert not server.running


def test_a_closed_server_begins_nothing() -> None:
    """
    Neither who asked before it was closed nor who asks then is served; opened again, it forgets them.
    """
    bench = Bench()
    server = bench.server()
    server.ask("demand")
    server.close()
    server.ask("demand")
    bench.go()
    server.open(bench.run)

    assert (bench.runs, server.running) == ([], False)
    server.ask("catch-up")
    bench.go()
    assert bench.runs == ["catch-up"]


def test_a_demand_during_a_run_dies_with_the_close() -> None:
    """
    A run under way goes on when its server is closed, and nothing follows it.
    """
    bench = Bench()
    server = bench.server()

    def close() -> None:
        server.ask("demand")
        server.close()

    bench.during = close
    server.ask(SCHEDULE)
    bench.go()

    assert bench.runs == [SCHEDULE]


def test_where_there_is_no_thread_it_is_told_and_tried_again() -> None:
    """
    A machine without threads costs the run that was asked for, not those after it.
    """
    bench = Bench(refused=True)
    server = bench.server()

    server.ask("demand")

    assert bench.told == [
        ("error", "prod", "the demand run could not be started: RuntimeError: can't start new thread")
    ]
    bench.refused = False
    server.ask(SCHEDULE)
    bench.go()
    assert bench.runs == [SCHEDULE]


@pytest.mark.parametrize("failure", [ValueError("no route to host"), SystemExit("bye")])
def test_a_run_that_fails_is_told_and_others_follow(failure: BaseException) -> None:
    """
    Whatever a run raises, even to end the thread, is told, and who asked during it is served; a listener that fails
    changes nothing.
    """
    told: list[str] = []
    bench = Bench()

    def listen(kind: str, name: str, detail: str) -> None:
        told.append(detail)
        raise RuntimeError("no listener")

    server = OneAtATime("prod", bench.start, listen)
    server.open(bench.run)

    def fail() -> None:
        server.ask("demand")
        raise failure

    bench.during = fail
    server.ask(SCHEDULE)
    bench.go()

    assert bench.runs == [SCHEDULE, "demand"]
    assert told == [f"the schedule run failed: {type(failure).__name__}: {failure}"]


def test_many_threads_never_overlap() -> None:
    """
    However many threads ask at once, runs come one after another, and none is left running.
    """
    guard, overlaps, runs = threading.Lock(), 0, 0

    def run(reason: str) -> None:
        nonlocal overlaps, runs
        overlaps += not guard.acquire(blocking=False)
        runs += 1
        guard.release()

    threads: list[threading.Thread] = []

    def start(work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        threads.append(thread)
        thread.start()

    server = OneAtATime("prod", start, lambda *event: None)
    server.open(run)
    asking = [threading.Thread(target=lambda: [server.ask("demand") for _ in range(200)]) for _ in range(8)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    for thread in threads:
        thread.join()

    assert overlaps == 0
    assert 1 <= runs <= 1600
    assert not server.running
