"""
The daemon: every server of a configuration on its own schedule, until it is told to stop.

The main loop alone acts on signals, requests and time; it never waits for a server. Not here: what a schedule is
(schedule.py), one supervised run (runner.py), stuck windows (releaser.py).
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from auditor.cron import Cron
from auditor.daemon.releaser import Releaser, ReleaserOptions
from auditor.daemon.runner import Runner, RunnerOptions
from auditor.daemon.schedule import Job, Options, Scheduler
from auditor.daemon.signals import RELOAD, RUN_NOW, STOP, Wakeup
from auditor.daemon.systemd import ServiceManager, Watchdog
from auditor.daemon.trigger import Requests
from auditor.monitoring.metrics import Metrics
from auditor.monitoring.status_server import Heartbeat, StatusServer
from auditor.run import RunOptions
from auditor.settings import ServerSettings, Settings, load
from auditor.state_folder import StateFolder
from auditor.status import read_status
from migrator.errors import OperatorError

_THREADS = 512


@dataclass(frozen=True)
class DaemonOptions:
    """
    Times in seconds: ``tick`` between two looks of the main loop, ``poll`` of the scheduler and between two attempts
    at a stuck window, ``start_patience`` for windows left open, ``stop_limit`` until a hung run is left behind.
    """

    tick: float = 1.0
    poll: float = 30.0
    start_patience: float = 10.0
    # Below the unit's TimeoutStopSec, at which systemd kills what is left.
    stop_limit: float = 160.0
    manager: ServiceManager = field(default_factory=ServiceManager)


class Daemon:
    """
    One process's servers. ``run`` returns when a signal asked it to stop.
    """

    def __init__(self, config: Path, settings: Settings, options: DaemonOptions) -> None:
        self._config, self._settings, self._options = config, settings, options
        self._log: Any = structlog.get_logger("auditor")
        self._manager = options.manager
        self._metrics = Metrics(time.time)
        self._heartbeat = Heartbeat(time.monotonic)
        self._watchdog = Watchdog(self._manager, patience=max(60.0, 4 * options.poll))
        self._runner = Runner(
            self._metrics,
            RunnerOptions(
                lambda server: self._releaser.watch(server, told=True),
                settings.daemon.concurrent_runs,
                # Ends before the main loop does, so that a run that hangs is still told of.
                stop_grace=options.stop_limit - 10,
            ),
            self._log,
        )
        self._releaser = Releaser(
            ReleaserOptions(self._find, self._released, self._left_open, poll=options.poll), self._log
        )
        # The runner bounds the runs at work; a thread more that waits, or that hangs, must not keep others out.
        self._scheduler = Scheduler(self._jobs(settings), Options(self._scheduled, _THREADS, options.poll))
        self._requests = Requests()
        self._said = ""

    def run(self) -> int:
        """
        Serve until SIGTERM or SIGINT; return 1 if a run hangs still, or a server is left in maintenance mode.

        Raises:
            UsageError: the address for metrics cannot be listened on.
        """
        with ExitStack() as stack:
            wakeup = stack.enter_context(Wakeup((*STOP, RELOAD, RUN_NOW)))
            stack.enter_context(self._watchdog)
            if self._settings.metrics is not None:
                stack.enter_context(StatusServer(self._settings.metrics, self._metrics, self._heartbeat))
            stack.callback(self._requests.close)
            self._expect(self._settings)
            self._requests.replace(_folders(self._settings))
            self._releaser.watch_left_open(_folders(self._settings), self._options.start_patience)
            self._scheduler.start()
            self._manager.ready(self._state())
            self._log.info("started", config=str(self._config), servers=sorted(self._settings.servers))
            self._serve(wakeup)
            return self._stop()

    def _serve(self, wakeup: Wakeup) -> None:
        while True:
            self._beat()
            ready = _readable([wakeup.handle, *self._requests.handles], self._options.tick)
            signals = wakeup.take() if wakeup.handle in ready else []
            if set(signals) & set(STOP):
                return
            if RELOAD in signals:
                self._reload()
            if RUN_NOW in signals:
                self._ask(None)
            for handle in ready & set(self._requests.handles):
                self._ask(self._requests.take(handle))

    def _beat(self) -> None:
        self._heartbeat.beat()
        hanging = [active.server for active in self._runner.active() if active.hangs]
        if hanging:
            # Nothing in this process can end such a thread; systemd's watchdog can.
            self._log.critical("run-hangs", servers=hanging)
        elif self._scheduler.seconds_since_look() < 4 * self._options.poll:
            self._watchdog.progress()
        state = self._state()
        if state != self._said:
            self._manager.status(state)
            self._said = state

    def _state(self) -> str:
        servers = self._settings.servers
        due = [(at, name) for name in servers if (at := self._scheduler.next_run(name)) is not None]
        parts = [f"{len(servers)} servers" if len(servers) > 1 else next(iter(servers))]
        if running := self._scheduler.running():
            parts.append(f"running: {', '.join(running)}")
        if stuck := self._releaser.stuck():
            parts.append(f"MAINTENANCE MODE STUCK: {', '.join(stuck)}")
        if due:
            at, name = min(due)
            parts.append(f"next: {name} at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
        return "; ".join(parts)

    def _ask(self, server: str | None) -> None:
        try:
            self._scheduler.run_now(server)
        except OperatorError as error:
            self._log.warning("request-refused", server=server, reason=str(error))

    def _reload(self) -> None:
        self._manager.reloading()
        try:
            settings = load(self._config)
            self._apply(settings)
        except (OperatorError, OSError) as error:
            self._log.error("reload-refused", reason=str(error), kept="the configuration of before")
            # systemd waits for this after RELOADING, whatever came of it.
            self._manager.ready("the configuration has errors; the one of before is kept")
            # Else the sentence would stand there until something else changes.
            self._said = ""
            return
        self._log.info("reloaded", servers=sorted(settings.servers))
        self._manager.ready(self._state())

    def _apply(self, settings: Settings) -> None:
        jobs = self._jobs(settings)
        try:
            self._requests.replace(_folders(settings))
        except OSError:
            # A state folder that cannot be made: nothing of the new one counts.
            with suppress(OSError):
                self._requests.replace(_folders(self._settings))
            raise
        before, self._settings = self._settings, settings
        if before.metrics != settings.metrics:
            self._log.warning("restart-needed", reason="the table metrics is read at start only")
        self._runner.slots.resize(settings.daemon.concurrent_runs)
        for server in before.servers.keys() - settings.servers.keys():
            self._metrics.forget(server)
        self._expect(settings)
        self._scheduler.replace(jobs)

    def _expect(self, settings: Settings) -> None:
        for server in settings.servers:
            last = read_status(settings.state_folder(server)).success_time()
            self._metrics.expect(server, settings.daemon.ready_age, last.timestamp() if last else None)

    def _jobs(self, settings: Settings) -> list[Job]:
        return [self._job(settings, server) for server in settings.servers]

    def _job(self, settings: Settings, server: str) -> Job:
        schedule = settings.servers[server].schedule
        last = read_status(settings.state_folder(server)).success_time()
        return Job(
            server,
            Cron.parse(schedule.cron, schedule.timezone),
            partial(self._run_server, server),
            # With now as its last success a server has missed nothing.
            last if schedule.catch_up else datetime.now(UTC),
            schedule.jitter,
        )

    def _run_server(self, server: str, reason: str) -> None:
        try:
            settings, folder = self._find(server)
        except KeyError:
            # Taken out of the configuration between being asked for and its turn.
            return
        self._runner.run(server, settings, folder, RunOptions(reason=reason))

    def _find(self, server: str) -> tuple[ServerSettings, StateFolder]:
        # Looked at once, since a reload may put another one in its place.
        settings = self._settings
        return settings.servers[server], settings.state_folder(server)

    def _scheduled(self, kind: str, server: str, detail: str) -> None:
        level: Callable[..., Any] = self._log.error if kind == "error" else self._log.warning
        level(f"schedule-{kind}", server=server, detail=detail)
        if kind in ("missed", "max-instances") and server:
            self._metrics.missed(server)

    def _released(self, server: str) -> None:
        # The run that follows tells everybody that all is well again, or that it is not.
        try:
            self._scheduler.run_now(server, "released")
        except OperatorError as error:
            self._log.debug("request-refused", server=server, reason=str(error))

    def _left_open(self, server: str, reason: str) -> None:
        settings, _ = self._find(server)
        self._runner.tell_stuck(server, settings, reason)

    def _stop(self) -> int:
        self._manager.stopping()
        self._log.info("stopping", running=self._scheduler.running())
        # A run that hangs would be waited for without end.
        self._scheduler.stop(wait=False)
        self._runner.stop()
        deadline = time.monotonic() + self._options.stop_limit
        self._releaser.stop(self._options.stop_limit)
        while self._runner.busy and time.monotonic() < deadline:
            # A window that is being closed needs its time; systemd is not to end the process meanwhile.
            self._watchdog.progress()
            time.sleep(0.05)
        left = [active.server for active in self._runner.active()]
        stuck = [server for server in self._settings.servers if self._journal_left(server)]
        if left or stuck:
            self._log.critical("stopped-with-rest", hanging=left, maintenance_left_on=stuck)
        self._log.info("stopped")
        return int(bool(left or stuck))

    def _journal_left(self, server: str) -> bool:
        return self._settings.state_folder(server).journal.exists()


def _folders(settings: Settings) -> dict[str, StateFolder]:
    return {server: settings.state_folder(server) for server in settings.servers}


def _readable(handles: list[int], wait: float) -> set[int]:
    # Not select(), which takes no handle above 1023.
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    return {handle for handle, _ in poll.poll(1000 * wait)}
