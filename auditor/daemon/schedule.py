"""
Runs each server at the times its schedule names: one run per server at a time, none dropped in silence.

The only user of APScheduler, by what it documents: one job for each server, a trigger and a job store of our own, a
listener. It keeps the times and wakes up for them; the runs have a pool beside it, since it knows nothing of runs that
were asked for while another goes on. What a run does, signals and the disk are the caller's; what a cron expression
means belongs in ``cron``. Three habits of APScheduler do not fit a process that lives for months:

- It sleeps until the next run by a monotonic timer, which stands still while the machine sleeps. The job store bounds
  that by ``poll`` seconds, so a forward jump or a sleep is noticed within that time, and leads to one run, however many
  fire times lie in it (with a "missed" event that says so).
- After a backward jump the pending time stands, so no fire time runs twice; but it may be far ahead. A jump of more
  than ``CORRECTION`` is a correction of a wrong clock, as in Vixie cron: the schedule starts anew from the new time, so
  that the pause is never longer than ``CORRECTION`` and one interval.
- ``from_crontab`` is not cron; the trigger wraps ``cron.Cron``.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from apscheduler import events
from apscheduler.executors import pool
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from auditor.daemon.one_at_a_time import SCHEDULE, OneAtATime, OnEvent, said, tell
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
        self._servers: dict[str, OneAtATime] = {}
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(options.max_runs, "run")
        self._store = _Store(options.poll, self._start_anew)
        self._timer = BackgroundScheduler(
            timezone=UTC,
            jobstores={"default": self._store},
            # One is enough: its jobs only ask for a run, which takes no time.
            executors={"default": pool.ThreadPoolExecutor(1)},
            # By default a run that is more than a second late is left out.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._timer.add_listener(self._heard, events.EVENT_JOB_ERROR | events.EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """
        Start, and run at once, with reason ``catch-up``, each job that missed a fire time or never succeeded.

        Raises:
            UsageError: two jobs are for the same server.
        """
        _servers(self._first)
        self._timer.start()
        self.replace(self._first)

    def stop(self, wait: bool = True) -> None:
        """
        Start no more runs; *wait* for those under way. Without waiting, their threads go on until they end.
        """
        with self._lock:
            for server in self._servers.values():
                server.close()
        # Without our lock: APScheduler waits for its own thread, which may be about to ask for a run.
        if self._timer.running:
            self._timer.shutdown(wait=False)
        self._pool.shutdown(wait=wait)

    def replace(self, jobs: Sequence[Job]) -> None:
        """
        Make *jobs* the jobs: runs under way go on, unchanged schedules keep their pending time, new servers catch up.

        Raises:
            UsageError: two jobs are for the same server; nothing was changed.
        """
        wanted = _servers(jobs)
        with self._lock:
            for name, server in self._servers.items():
                if name not in wanted and not server.closed:
                    server.close()
                    with suppress(JobLookupError):  # A schedule without a next time is gone already.
                        self._timer.remove_job(name)
            for job in jobs:
                self._admit(job)

    def run_now(self, server: str | None = None, reason: str = "demand") -> None:
        """
        Run *server* (``None``: every server) as soon as there is room; during a run: once more after it, never twice.

        Raises:
            UsageError: there is no such server.
        """
        with self._lock:
            known = {name: item for name, item in self._servers.items() if not item.closed}
        if server is not None and server not in known:
            raise UsageError(f"there is no server {server!r} on the schedule; there are: {', '.join(sorted(known))}")
        for name, item in known.items():
            if server in (None, name):
                item.ask(reason)

    def next_run(self, server: str) -> datetime | None:
        """
        Return when *server* runs next by its schedule, jitter included, in UTC; ``None`` where it has none.
        """
        job = self._timer.get_job(server)
        due: datetime | None = job.next_run_time if job else None
        return due

    def running(self) -> tuple[str, ...]:
        """
        Return the servers that are being run, also those no longer on the schedule, by name.
        """
        with self._lock:
            return tuple(sorted(name for name, item in self._servers.items() if item.running))

    def seconds_since_look(self) -> float:
        """
        Return how long ago the clock was last looked at; far more than ``poll`` means that the scheduler hangs.
        """
        return time.monotonic() - self._store.looked

    def _admit(self, job: Job) -> None:
        server = self._servers.setdefault(job.server, OneAtATime(job.server, self._pool.submit, self._options.on_event))
        before = None if server.closed else self._jobs[job.server]
        self._jobs[job.server] = job
        server.open(job.run)
        same = before is not None and (before.cron, before.jitter) == (job.cron, job.jitter)
        # Left alone, or the delay drawn for it would be drawn anew at each reload.
        if same and self.next_run(job.server) is not None:
            return
        now = datetime.now(UTC)
        last = job.last_success
        if last is not None and last > now + CORRECTION:
            last = None  # It was written under a clock that has been put right since.
        trigger = _Trigger(job, self._options)
        due = trigger.after(max(last or now, now))
        self._timer.add_job(server.ask, trigger, [SCHEDULE], id=job.server, next_run_time=due, replace_existing=True)
        if before is None and (last is None or job.cron.next_after(last) <= now):
            server.ask("catch-up")

    def _start_anew(self, before: datetime, now: datetime) -> None:
        detail = f"the clock was put back by {before - now}; the schedule starts anew from {now}"
        for job in self._timer.get_jobs():
            self._timer.modify_job(job.id, next_run_time=job.trigger.get_next_fire_time(None, now))
            tell(self._options.on_event, "clock", job.id, detail)

    def _heard(self, event: Any) -> None:
        # Its jobs only ask for a run, so this is a bug or a machine without threads.
        reason = said(event.exception) if event.code == events.EVENT_JOB_ERROR else "the one before still waits"
        tell(self._options.on_event, "error", event.job_id, f"the schedule could not ask for a run: {reason}")


def _servers(jobs: Sequence[Job]) -> frozenset[str]:
    servers = frozenset(job.server for job in jobs)
    if len(servers) != len(jobs):
        raise UsageError("two jobs are for the same server; give each server one schedule")
    return servers


class _Trigger(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """
    A server's fire times, with a random delay.
    """

    def __init__(self, job: Job, options: Options) -> None:
        self._job, self._options = job, options
        self._told: datetime | None = None

    def after(self, moment: datetime) -> datetime:
        """
        Return the first fire time after *moment*, delayed.
        """
        return self._job.cron.next_after(moment) + timedelta(seconds=self._job.jitter * self._options.random())

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """
        Return the first fire time after both: what lies between them is served by one run, which is told.
        """
        # It is asked twice for each run, and what it raised would end APScheduler's thread.
        first, self._told = previous != self._told, previous
        try:
            due = self.after(max(previous or now, now))
            missed = previous is not None and self._job.cron.next_after(previous) <= now
        except Exception as error:
            self._tell(first, "error", f"its schedule names no next time and runs it no more: {said(error)}")
            return None
        self._tell(first and missed, "missed", f"one run at {now} serves every fire time since {previous}")
        return due

    def _tell(self, wanted: bool, kind: str, detail: str) -> None:
        if wanted:
            tell(self._options.on_event, kind, self._job.server, detail)


class _Store(MemoryJobStore):  # type: ignore[misc]  # APScheduler ships no types
    """
    The jobs in memory, asked at least every *poll* seconds. ``looked`` is when that last was (monotonic seconds).

    *on_put_back* gets the latest time that was seen and a time that lies more than ``CORRECTION`` before it.
    """

    def __init__(self, poll: float, on_put_back: Callable[[datetime, datetime], None]) -> None:
        super().__init__()
        self.looked = time.monotonic()
        self._poll = timedelta(seconds=poll)
        self._on_put_back = on_put_back
        self._latest: datetime | None = None

    def get_due_jobs(self, now: datetime) -> list[Any]:
        """
        Return the jobs whose time has come.
        """
        self.looked = time.monotonic()
        before, self._latest = self._latest or now, now
        if now < before - CORRECTION:
            self._on_put_back(before, now)
        elif now < before:
            # The latest stays, so that several small steps back count together.
            self._latest = before
        due: list[Any] = super().get_due_jobs(now)
        return due

    def get_next_run_time(self) -> datetime:
        """
        Return when to look again at the latest.
        """
        due: datetime | None = super().get_next_run_time()
        look = datetime.now(UTC) + self._poll
        return look if due is None else min(due, look)
