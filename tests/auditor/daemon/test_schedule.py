"""
Rules of ``auditor.daemon.schedule``, on the real APScheduler with real threads and short intervals.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.triggers.base import BaseTrigger

from auditor.cron import Cron
from auditor.daemon import schedule
from auditor.daemon.schedule import Job, Options, Scheduler
from migrator.errors import UsageError

NOON = datetime(2026, 5, 13, 12, 0, tzinfo=UTC)
QUARTERS = Cron.parse("*/15 * * * *")


@dataclass(frozen=True)
class Every:
    """A timetable of short intervals."""

    seconds: float

    def next_after(self, moment: datetime) -> datetime:
        """Return the next multiple of the interval."""
        return datetime.fromtimestamp((moment.timestamp() // self.seconds + 1) * self.seconds, UTC)


class Clock:
    """The wall clock of this process, which stands until it is set."""

    def __init__(self, moved: time_machine.Traveller) -> None:
        self._moved = moved

    def put(self, moment: datetime) -> None:
        """Set it."""
        self._moved.move_to(moment, tick=False)


@dataclass
class Server:
    """What is run: counts runs and overlaps; waits at the gate; fails when told to."""

    name: str
    gate: threading.Event = field(default_factory=threading.Event)
    reasons: list[str] = field(default_factory=list)
    active: int = 0
    overlaps: int = 0
    failure: BaseException | None = None

    def run(self, reason: str) -> None:
        """Be the run."""
        self.active += 1
        self.overlaps += self.active > 1
        self.reasons.append(reason)
        self.gate.wait(10)
        self.active -= 1
        if self.failure:
            raise self.failure

    def job(self, cron: object = QUARTERS, last: datetime | None = NOON, jitter: float = 0.0) -> Job:
        """Return the job of this server; by default there is nothing to catch up."""
        return Job(self.name, cron, self.run, last, jitter)  # type: ignore[arg-type]


def server(name: str = "prod", is_open: bool = True) -> Server:
    """Make a server whose runs end at once, or hang until its gate is opened."""
    made = Server(name)
    if is_open:
        made.gate.set()
    return made


def until(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    """Wait for a condition; return whether it came."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(condition())


@dataclass
class Bench:
    """A started scheduler with its clock and what it said."""

    scheduler: Scheduler
    clock: Clock
    events: list[tuple[str, str, str]]

    def settle(self) -> None:
        """Let the scheduler look at the clock several times."""
        time.sleep(0.06)

    def kinds(self) -> list[str]:
        """Return the kinds of the events so far."""
        return [kind for kind, _, _ in self.events]


@contextmanager
def started(*jobs: Job, at: datetime = NOON, max_runs: int = 4) -> Iterator[Bench]:
    """Run a scheduler that looks at the clock, which stands, every hundredth of a second."""
    events: list[tuple[str, str, str]] = []
    with time_machine.travel(at, tick=False) as moved:
        scheduler = Scheduler(jobs, Options(lambda *event: events.append(event), max_runs, 0.01, lambda: 0.5))
        scheduler.start()
        try:
            yield Bench(scheduler, Clock(moved), events)
        finally:
            scheduler.stop(wait=False)


@contextmanager
def real_time(*jobs: Job) -> Iterator[tuple[Scheduler, list[tuple[str, str, str]]]]:
    """Run a scheduler on the real clock with the ordinary 30 s between looks."""
    events: list[tuple[str, str, str]] = []
    scheduler = Scheduler(jobs, Options(lambda *event: events.append(event)))
    scheduler.start()
    try:
        yield scheduler, events
    finally:
        scheduler.stop(wait=False)


def test_runs_at_each_fire_time_of_the_real_clock() -> None:
    """On the real clock a job runs at its fire times, one after another, without the poll to help it."""
    prod = server()
    with real_time(prod.job(Every(0.1), datetime.now(UTC))):
        assert until(lambda: prod.reasons.count("schedule") >= 4)
    # On a slow machine the first fire time has passed before all is started.
    assert set(prod.reasons[1:]) == {"schedule"}
    assert prod.overlaps == 0


def test_a_long_run_is_not_overlapped_and_the_left_out_run_is_told() -> None:
    """While a run goes on the next fire time starts no second one, and says so; afterwards it runs again."""
    prod = server(is_open=False)
    with real_time(prod.job(Every(0.1), datetime.now(UTC))) as (scheduler, events):
        assert until(lambda: ("max-instances", "prod") in {event[:2] for event in events})
        assert len(prod.reasons) == 1
        assert scheduler.running() == ("prod",)
        prod.gate.set()
        assert until(lambda: len(prod.reasons) >= 2)
    assert prod.overlaps == 0


def test_one_hanging_server_does_not_delay_another() -> None:
    """A server that hangs takes one thread of the pool; the others keep their times."""
    hanging, prod = server("hanging", is_open=False), server()
    now = datetime.now(UTC)
    with real_time(hanging.job(Every(0.1), now), prod.job(Every(0.1), now)):
        assert until(lambda: len(prod.reasons) >= 4)
        assert len(hanging.reasons) == 1
        hanging.gate.set()


def test_an_error_is_told_and_the_next_run_happens() -> None:
    """A run that fails, even by SystemExit, is reported with its server, and the schedule goes on."""
    for failure in (ValueError("no route to host"), SystemExit("bye")):
        prod = server()
        prod.failure = failure
        with real_time(prod.job(Every(0.1), datetime.now(UTC))) as (_, events):
            assert until(lambda prod=prod: len(prod.reasons) >= 3)
        told = [event for event in events if event[0] == "error"]
        assert {name for _, name, _ in told} == {"prod"}
        assert str(failure) in told[0][2]


def test_a_demand_during_a_run_leads_to_one_more() -> None:
    """However often a run is asked for while one goes on, exactly one more follows."""
    prod = server(is_open=False)
    with started(prod.job()) as bench:
        bench.scheduler.run_now("prod")
        assert until(lambda: prod.active == 1)
        for _ in range(5):
            bench.scheduler.run_now("prod")
        prod.gate.set()
        assert until(lambda: len(prod.reasons) == 2)
        bench.settle()
        assert prod.reasons == ["demand", "demand"]
        assert prod.overlaps == 0
        bench.scheduler.run_now(None, "signal")
        assert until(lambda: prod.reasons[2:] == ["signal"])


def test_demands_that_wait_for_room_are_one() -> None:
    """Demands that find the pool full are one run when there is room, not one each."""
    hanging, prod = server("hanging", is_open=False), server()
    with started(hanging.job(), prod.job(), max_runs=1) as bench:
        bench.scheduler.run_now("hanging")
        assert until(lambda: hanging.active == 1)
        for _ in range(3):
            bench.scheduler.run_now("prod")
        bench.settle()
        assert prod.reasons == []
        hanging.gate.set()
        assert until(lambda: prod.reasons)
        bench.settle()
        assert prod.reasons == ["demand"]


def test_demand_for_an_unknown_server_names_the_known() -> None:
    """A demand for a server that is not on the schedule is refused with the names there are."""
    with started(server().job()) as bench, pytest.raises(UsageError, match="there are: prod"):
        bench.scheduler.run_now("pord")


@pytest.mark.parametrize(
    ("last", "reasons"),
    [
        (None, ["catch-up"]),
        (NOON - timedelta(days=3), ["catch-up"]),
        (NOON - timedelta(seconds=1), ["catch-up"]),
        (NOON, []),
        (NOON + timedelta(hours=1), []),
        (NOON + timedelta(days=400), ["catch-up"]),
    ],
)
def test_catch_up_once_after_a_restart(last: datetime | None, reasons: list[str]) -> None:
    """At start a job runs once if a fire time passed since its last success, or its last success is no real date."""
    prod = server()
    with started(prod.job(last=last)) as bench:
        bench.settle()
        assert prod.reasons == reasons
        assert bench.events == []


def test_a_sleep_over_several_schedules_leads_to_one_run() -> None:
    """A forward jump by a day leads to one run and to an event, then the schedule goes on as usual."""
    prod = server()
    with started(prod.job()) as bench:
        bench.clock.put(NOON + timedelta(days=1, minutes=1))
        assert until(lambda: prod.reasons)
        bench.settle()
        assert prod.reasons == ["schedule"]
        assert bench.kinds() == ["missed"]
        assert bench.scheduler.next_run("prod") == NOON + timedelta(days=1, minutes=15)
        bench.clock.put(NOON + timedelta(days=1, minutes=15))
        assert until(lambda: len(prod.reasons) == 2)


def test_clock_back_an_hour_runs_no_fire_time_twice() -> None:
    """After a jump back by an hour no fire time that has run comes again; the next one comes at its time."""
    prod = server()
    with started(prod.job()) as bench:
        bench.clock.put(NOON + timedelta(minutes=15))
        assert until(lambda: prod.reasons)
        for minutes in range(-45, 30, 5):
            bench.clock.put(NOON + timedelta(minutes=minutes))
            bench.settle()
        assert prod.reasons == ["schedule"]
        bench.clock.put(NOON + timedelta(minutes=30))
        assert until(lambda: len(prod.reasons) == 2)


def test_clock_back_an_hour_over_a_restart_runs_no_fire_time_twice() -> None:
    """A last success that lies a little ahead of the clock counts: its fire times do not come again."""
    with started(server().job(last=NOON + timedelta(minutes=31))) as bench:
        assert bench.scheduler.next_run("prod") == NOON + timedelta(minutes=45)


def test_a_corrected_clock_does_not_stall() -> None:
    """A clock that was years ahead and is put right does not keep the schedule waiting for years."""
    prod = server()
    ahead = NOON + timedelta(days=4000)
    with started(prod.job(last=ahead), at=ahead) as bench:
        bench.clock.put(NOON)
        assert until(lambda: bench.scheduler.next_run("prod") == NOON + timedelta(minutes=15))
        bench.clock.put(NOON + timedelta(minutes=15))
        assert until(lambda: prod.reasons == ["schedule"])
        assert bench.kinds() == ["clock"]


def test_small_steps_back_are_a_correction_together() -> None:
    """A clock that is put back little by little is corrected as well: what counts is the latest time that was seen."""
    prod = server()
    with started(prod.job()) as bench:
        for hours in (1, 2, 3):
            bench.clock.put(NOON - timedelta(hours=hours))
            bench.settle()
        assert bench.scheduler.next_run("prod") == NOON + timedelta(minutes=15)
        bench.clock.put(NOON - timedelta(hours=3, minutes=1))
        assert until(lambda: bench.scheduler.next_run("prod") == NOON - timedelta(hours=3))
        assert bench.kinds() == ["clock"]


def test_jitter_delays_and_never_runs_early() -> None:
    """The jitter is added to the fire time, and the delayed run is one run."""
    prod = server()
    with started(prod.job(jitter=120.0)) as bench:
        assert bench.scheduler.next_run("prod") == NOON + timedelta(minutes=16)
        bench.clock.put(NOON + timedelta(minutes=15, seconds=59))
        bench.settle()
        assert prod.reasons == []
        bench.clock.put(NOON + timedelta(minutes=16))
        assert until(lambda: prod.reasons == ["schedule"])
        assert bench.scheduler.next_run("prod") == NOON + timedelta(minutes=31)
        assert bench.events == []


def test_replace_keeps_runs_under_way() -> None:
    """A reload changes schedules at once, catches up new servers, and neither ends nor doubles a run under way."""
    old, kept, new = server("old", is_open=False), server("kept", is_open=False), server("new")
    with started(old.job(), kept.job()) as bench:
        bench.scheduler.run_now(None)
        assert until(lambda: old.active and kept.active)
        bench.scheduler.run_now("old")
        bench.scheduler.replace([kept.job(Cron.parse("@daily")), new.job(last=None)])
        assert until(lambda: new.reasons == ["catch-up"])
        assert bench.scheduler.running() == ("kept", "old")
        assert bench.scheduler.next_run("old") is None
        assert bench.scheduler.next_run("kept") == datetime(2026, 5, 14, tzinfo=UTC)
        bench.scheduler.run_now("kept")
        bench.settle()
        assert len(kept.reasons) == 1
        old.gate.set()
        kept.gate.set()
        assert until(lambda: len(kept.reasons) == 2 and not bench.scheduler.running())
        assert old.reasons == ["demand"]
        assert kept.overlaps == 0


def test_replace_keeps_the_pending_time_of_an_unchanged_schedule() -> None:
    """A reload just before or after a fire time neither loses nor repeats it."""
    prod = server()
    with started(prod.job(jitter=120.0)) as bench:
        bench.clock.put(NOON + timedelta(minutes=15, seconds=30))
        bench.scheduler.replace([prod.job(jitter=120.0)])
        bench.clock.put(NOON + timedelta(minutes=16))
        assert until(lambda: prod.reasons == ["schedule"])
        bench.scheduler.replace([prod.job(last=None, jitter=120.0)])
        bench.settle()
        assert prod.reasons == ["schedule"]


def test_two_jobs_for_one_server_are_refused() -> None:
    """Two schedules for one server are an error, not two runs."""
    with started(server().job()) as bench, pytest.raises(UsageError, match="same server"):
        bench.scheduler.replace([server().job(), server().job()])


def test_stop_waits_for_the_run_and_drops_what_was_asked_for() -> None:
    """``stop(wait=True)`` returns when the run under way has ended, and starts nothing more."""
    prod = server(is_open=False)
    with started(prod.job()) as bench:
        bench.scheduler.run_now("prod")
        assert until(lambda: prod.active == 1)
        bench.scheduler.run_now("prod")
        stopping = threading.Thread(target=bench.scheduler.stop)
        stopping.start()
        bench.settle()
        assert stopping.is_alive()
        assert bench.scheduler.next_run("prod") is None
        prod.gate.set()
        stopping.join(5)
        assert not stopping.is_alive()
        assert prod.reasons == ["demand"]
        assert prod.active == 0


def test_a_failing_listener_or_timetable_does_not_end_the_scheduler() -> None:
    """What goes wrong beside the runs does not stop the thread that starts them."""

    @dataclass(frozen=True)
    class Broken:
        def next_after(self, moment: datetime) -> datetime:
            if moment > NOON:
                raise ValueError("no more times")
            return NOON + timedelta(minutes=1)

    broken, prod = server("broken"), server()

    def fail(kind: str, name: str, detail: str) -> None:
        told.append((kind, name))
        raise RuntimeError("no listener")

    told: list[tuple[str, str]] = []
    with time_machine.travel(NOON, tick=False) as moved:
        scheduler = Scheduler([broken.job(Broken()), prod.job()], Options(fail, poll=0.01))
        scheduler.start()
        moved.move_to(NOON + timedelta(minutes=15), tick=False)
        assert until(lambda: prod.reasons == ["schedule"])
        assert until(lambda: ("error", "broken") in told)
        assert scheduler.seconds_since_look() < 5
        scheduler.stop()


def test_a_schedule_that_ended_begins_again_at_a_reload() -> None:
    """A timetable that names no next time is told once, and the server is run again when it is loaded anew."""

    @dataclass
    class Ending:
        ended: bool = False

        def next_after(self, moment: datetime) -> datetime:
            if self.ended:
                raise ValueError("no more times")
            return QUARTERS.next_after(moment)

    prod, cron = server(), Ending()
    with started(prod.job(cron)) as bench:
        cron.ended = True
        bench.clock.put(NOON + timedelta(minutes=15))
        assert until(lambda: prod.reasons == ["schedule"] and bench.scheduler.next_run("prod") is None)
        bench.settle()
        assert bench.kinds() == ["error"]
        cron.ended = False
        bench.scheduler.replace([prod.job(cron)])
        assert bench.scheduler.next_run("prod") == NOON + timedelta(minutes=30)
        bench.scheduler.replace([])
        bench.scheduler.replace([])
        assert bench.scheduler.next_run("prod") is None


def test_the_clock_is_looked_at_at_least_every_poll() -> None:
    """Without anything due the clock is looked at again and again, so that a hang can be told from peace."""
    with started(server().job()) as bench:

        def looked() -> float:
            return time.monotonic() - bench.scheduler.seconds_since_look()

        for _ in range(3):
            before = looked()
            assert until(lambda before=before: looked() > before + 0.005)


def test_apscheduler_is_used_by_what_it_documents() -> None:
    """No class here overrides, or shares a name with, what APScheduler keeps to itself."""
    options = Options(lambda *event: None)
    pairs = [
        (schedule._Trigger(server().job(), options), BaseTrigger, set()),
        (schedule._Store(1.0, lambda before, now: None), MemoryJobStore, set(vars(MemoryJobStore()))),
    ]
    for ours, base, held in pairs:
        named = (set(vars(type(ours))) | set(vars(ours)) - held) - {"_abc_impl"}
        theirs = held | {name for name in dir(base) if name.startswith("_")}
        assert {name for name in named & theirs if not name.endswith("__")} == set()
