"""
Runs each server's job at the times its schedule names: one run per server at a time, none dropped in silence.

The only user of APScheduler. What a run does, signals and the disk are the caller's; what a cron expression means
belongs in ``cron``. APScheduler brings the thread, the pool and the job list; three of its habits are replaced:

- It sleeps until the next run by a monotonic timer, which stands still while the machine sleeps. Here the wall clock
  is looked at again every ``poll`` seconds, so a forward jump or a sleep is noticed within that time, and leads to one
  run, however many fire times lie in it (with a "missed" event that says so).
- After a backward jump it would compute times again. Here the pending time stands, so no fire time runs twice. A
  jump of more than ``CORRECTION`` is a correction of a wrong clock, as in Vixie cron: the schedule starts anew from
  the new time, so that the pause is never longer than ``CORRECTION`` and one interval.
- ``from_crontab`` is not cron; the trigger wraps ``cron.Cron``.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobSubmissionEvent
from apscheduler.executors.base import MaxInstancesReachedError
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED
from apscheduler.triggers.base import BaseTrigger

from auditor.daemon.one_at_a_time import OVERLAP, Lane, OnEvent, said
from migrator.errors import UsageError

CORRECTION = timedelta(hours=3)
"""A clock put back by more than this was wrong before; by less, fire times that have run do not run again."""


class Timetable(Protocol):
    """
    Anything that knows its next time; ``cron.Cron`` does.
    """

    def next_after(self, moment: datetime) -> datetime:
        """
        Return the first time strictly later than *moment*, in UTC.
        """
        ...


@dataclass(frozen=True)
class Job:
    """
    One server's schedule and what to run.

    ``run`` gets the reason: ``schedule``, ``catch-up``, ``demand`` or what ``run_now`` was given; ``last_success`` is
    ``None`` where there was none; ``jitter`` is the longest random delay of a scheduled run, in seconds.
    """

    server: str
    cron: Timetable
    run: Callable[[str], None] = field(compare=False)
    last_success: datetime | None = None
    jitter: float = 0.0


@dataclass(frozen=True)
class Options:
    """
    ``max_runs`` at a time over all servers; ``poll`` is the longest wait between two looks at the clock, in seconds;
    ``random`` gives numbers in [0, 1).
    """

    on_event: OnEvent
    max_runs: int = 4
    poll: float = 30.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    random: Callable[[], float] = random.random


class Scheduler:
    """
    The schedules of all servers, from ``start`` to ``stop``.

    Not to be called from within a signal handler: it takes locks. Let the handler set an event and call from there.
    """

    def __init__(self, jobs: Sequence[Job], options: Options) -> None:
        self._options = options
        self._first = tuple(jobs)
        self._jobs: dict[str, Job] = {}
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(options.max_runs, {"thread_name_prefix": "run"})
        self._engine = _Engine(options, self._pool)
        self._engine.add_listener(self._heard, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """
        Start, and run at once, with reason ``catch-up``, each job that missed a fire time or never succeeded.

        Raises:
            UsageError: two jobs are for the same server.
        """
        _servers(self._first)
        self._engine.start()
        self.replace(self._first)

    def stop(self, wait: bool = True) -> None:
        """
        Start no more runs; *wait* for those under way. Without waiting, their threads go on until they end.
        """
        with self._lock:
            for lane in self._lanes.values():
                lane.close()
        # Waiting inside APScheduler would hold the locks that a run needs to ask for its next time.
        if self._engine.running:
            self._engine.shutdown(wait=False)
        if wait:
            self._pool.shutdown(wait=True)

    def replace(self, jobs: Sequence[Job]) -> None:
        """
        Make *jobs* the jobs: runs under way go on, unchanged schedules keep their pending time, new servers catch up.

        Raises:
            UsageError: two jobs are for the same server; nothing was changed.
        """
        wanted = _servers(jobs)
        with self._lock:
            for server, lane in self._lanes.items():
                if server not in wanted and not lane.closed:
                    lane.close()
                    self._engine.remove_job(_id(server))
            for job in jobs:
                self._admit(job)

    def run_now(self, server: str | None = None, reason: str = "demand") -> None:
        """
        Run *server* (``None``: every server) as soon as there is room; during a run: once more after it, never twice.

        Raises:
            UsageError: there is no such server.
        """
        with self._lock:
            known = {name: lane for name, lane in self._lanes.items() if not lane.closed}
            if server is not None and server not in known:
                raise UsageError(
                    f"there is no server {server!r} on the schedule; there are: {', '.join(sorted(known))}"
                )
            for name, lane in known.items():
                if server in (None, name) and lane.ask(reason):
                    self._engine.submit(name, lane)

    def next_run(self, server: str) -> datetime | None:
        """
        Return when *server* runs next by its schedule, jitter included, in UTC; ``None`` where it has none.
        """
        job = self._engine.get_job(_id(server))
        due: datetime | None = job.next_run_time if job else None
        return due

    def running(self) -> tuple[str, ...]:
        """
        Return the servers that are being run, also those no longer on the schedule, by name.
        """
        with self._lock:
            return tuple(sorted(name for name, lane in self._lanes.items() if lane.running))

    def seconds_since_look(self) -> float:
        """
        Return how long ago the clock was last looked at; far more than ``poll`` means that the scheduler hangs.
        """
        return time.monotonic() - self._engine.looked

    def _admit(self, job: Job) -> None:
        lane = self._lanes.setdefault(job.server, Lane(job.server, self._options.on_event))
        before = None if lane.closed else self._jobs[job.server]
        self._jobs[job.server] = job
        lane.open(job.run)
        if before and (before.cron, before.jitter) == (job.cron, job.jitter):
            return
        now = self._options.clock()
        last = job.last_success
        if last is not None and last > now + CORRECTION:
            last = None  # It was written under a clock that has been put right since.
        trigger = _Trigger(job.cron, job.jitter, self._options.random)
        self._engine.put(job.server, lane, trigger, trigger.get_next_fire_time(last, now))
        if before is None and (last is None or job.cron.next_after(last) <= now):
            self.run_now(job.server, "catch-up")

    def _heard(self, event: Any) -> None:
        kind, server = event.job_id.split(":", 1)
        if event.code == EVENT_JOB_MAX_INSTANCES:
            self._options.on_event("max-instances", server, OVERLAP)
        elif event.code == EVENT_JOB_MISSED:
            self._options.on_event("missed", server, f"the run of {event.scheduled_run_time} was missed")
        else:
            self._options.on_event("error", server, f"the {kind} run stopped: {said(event.exception)}")


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _servers(jobs: Sequence[Job]) -> frozenset[str]:
    servers = frozenset(job.server for job in jobs)
    if len(servers) != len(jobs):
        raise UsageError("two jobs are for the same server; give each server one schedule")
    return servers


def _id(server: str, kind: str = "schedule") -> str:
    return f"{kind}:{server}"


class _Trigger(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """
    Fire times with a random delay.
    """

    def __init__(self, cron: Timetable, jitter: float, random: Callable[[], float]) -> None:
        self.cron, self.jitter, self.random = cron, jitter, random

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """
        Return the first fire time after both: what lies between them is served by one run.
        """
        due = self.cron.next_after(max(previous or now, now))
        return due + timedelta(seconds=self.jitter * self.random())


_Event = tuple[str, str, str] | Any
"""Our own kind, server and sentence, or an event of APScheduler."""


class _Engine(BackgroundScheduler):  # type: ignore[misc]  # APScheduler ships no types
    """
    APScheduler with a clock of our own and an upper bound on its sleep.
    """

    def __init__(self, options: Options, pool: ThreadPoolExecutor) -> None:
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        super().__init__(timezone=UTC, job_defaults=defaults, executors={"default": pool})
        self.looked = time.monotonic()
        self._options = options
        self._latest = options.clock()

    def put(self, server: str, lane: Lane, trigger: _Trigger, due: datetime) -> None:
        """
        Schedule *server*, first at *due*, in place of what it had.
        """
        self.add_job(
            lane.work, trigger, ["schedule"], id=_id(server), name=server, next_run_time=due, replace_existing=True
        )

    def submit(self, server: str, lane: Lane) -> None:
        """
        Let *lane* work for whoever asked, at once.
        """
        # The lane keeps runs apart; a bound here could drop a demand that comes as a run ends.
        self.add_job(
            lane.work,
            args=[None],
            id=_id(server, "demand"),
            next_run_time=_LONG_AGO,
            max_instances=1 << 30,
            replace_existing=True,
        )

    def _process_jobs(self) -> float:
        # An exception here would end APScheduler's thread without a word.
        self.looked = time.monotonic()
        events: list[_Event] = []
        wait = self._options.poll
        try:
            with self._jobstores_lock:
                if self.state != STATE_STOPPED:
                    wait = self._look(events)
        except Exception as error:
            events.append(("error", "", f"the scheduler could not look at its jobs: {said(error)}"))
        for event in events:
            if isinstance(event, tuple):
                self._tell(*event)
            else:
                self._dispatch_event(event)
        return wait

    def _look(self, events: list[_Event]) -> float:
        now = self._options.clock()
        store = self._lookup_jobstore("default")
        if now < self._latest - CORRECTION:
            self._start_anew(now, events)
        self._latest = max(self._latest, now)
        for job in store.get_due_jobs(now):
            try:
                self._fire(job, now, events)
            except Exception as error:
                events.append(("error", job.name, f"the run could not be started: {said(error)}"))
        upcoming = store.get_next_run_time()
        return min(self._options.poll, max(0.0, (upcoming - now).total_seconds())) if upcoming else self._options.poll

    def _start_anew(self, now: datetime, events: list[_Event]) -> None:
        store = self._lookup_jobstore("default")
        detail = f"the clock was put back by {self._latest - now}; the schedule starts anew from {now}"
        self._latest = now
        for job in store.get_all_jobs():
            if isinstance(job.trigger, _Trigger):
                job._modify(next_run_time=job.trigger.get_next_fire_time(None, now))
                store.update_job(job)
                events.append(("clock", job.name, detail))

    def _fire(self, job: Any, now: datetime, events: list[_Event]) -> None:
        # First the next time, then the run: whatever fails, the same fire time does not come again.
        due, trigger = job.next_run_time, job.trigger
        if isinstance(trigger, _Trigger):
            job._modify(next_run_time=trigger.get_next_fire_time(due, now))
            self._lookup_jobstore("default").update_job(job)
            if trigger.cron.next_after(due) <= now:
                events.append(("missed", job.name, f"one run at {now} serves every fire time since {due}"))
        else:
            self.remove_job(job.id)
        try:
            self._lookup_executor("default").submit_job(job, [due])
        except MaxInstancesReachedError:
            events.append(JobSubmissionEvent(EVENT_JOB_MAX_INSTANCES, job.id, "default", [due]))

    def _tell(self, kind: str, server: str, detail: str) -> None:
        try:
            self._options.on_event(kind, server, detail)
        except Exception:
            self._logger.exception("the listener failed on %s of %s", kind, server)
