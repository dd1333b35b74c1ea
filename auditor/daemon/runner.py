"""
One supervised run of the daemon: its place among those that work at once, its limit of time, and whom it is told to.

A run has a thread of its own, so that one that hangs costs its server and nothing else. Not here: when it is run
(schedule.py), and what it does (audit.py).
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from auditor.audit import RunOptions, audit
from auditor.monitoring.metrics import Metrics
from auditor.monitoring.run_log import run_event
from auditor.notify.notifier import Notifier
from auditor.result import AuditResult
from auditor.settings import ServerSettings
from auditor.state_folder import StateFolder
from auditor.status import after, read_status, write_status
from auditor.stop import LOOK_EVERY, Stop
from auditor.upkeep.repack import maintain_if_due
from auditor.world import Tools

# Mostly the run ends by itself then, and knows more.
_STUCK_PATIENCE = 3.0


class Slot:
    """
    The right to work, given back once.
    """

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def give_back(self) -> None:
        """
        Let another run work; a second call does nothing.
        """
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


class Slots:
    """
    A number of slots that may change; who waits gets none once *stopping* is set.
    """

    def __init__(self, count: int, stopping: threading.Event) -> None:
        self._changed = threading.Condition()
        self._count = count
        self._taken = 0
        self._stopping = stopping

    def resize(self, count: int) -> None:
        """
        Allow so many from now on; those who work go on.
        """
        with self._changed:
            self._count = count
            self._changed.notify_all()

    @contextmanager
    def taken(self) -> Iterator[Slot | None]:
        """
        Wait for a slot and hold it for the time of the block; ``None`` if the process is to stop.
        """
        if not self._take():
            yield None
            return
        slot = Slot(self._release)
        try:
            yield slot
        finally:
            slot.give_back()

    def _take(self) -> bool:
        with self._changed:
            while self._taken >= self._count and not self._stopping.is_set():
                # In short pieces, since nobody tells this condition that the process is stopping.
                self._changed.wait(LOOK_EVERY)
            if self._stopping.is_set():
                return False
            self._taken += 1
            return True

    def _release(self) -> None:
        with self._changed:
            self._taken -= 1
            self._changed.notify()


@dataclass
class Active:
    """
    A run under way; ``last`` is when it last got on (monotonic seconds), ``patience`` how long it may be silent;
    ``stuck`` since when its window is, or ``None``.
    """

    server: str
    patience: float
    stop: Stop = field(default_factory=Stop)
    step: str = ""
    stuck: float | None = None
    reason: str = ""
    last: float = field(default_factory=time.monotonic)

    def got_on(self, step: str = "") -> None:
        """
        Say that the run got on.
        """
        self.step, self.last = step or self.step, time.monotonic()

    def is_stuck(self, reason: str) -> None:
        """
        Say that its window could not be closed.
        """
        self.stuck, self.reason = time.monotonic(), reason

    @property
    def hangs(self) -> bool:
        """
        Return whether the run is silent beyond every limit.
        """
        return time.monotonic() - self.last > self.patience


@dataclass(frozen=True)
class RunnerOptions:
    """
    ``slots`` runs at once, but a run that is silent for ``slot_patience`` no longer counts. ``grace`` is how long a run
    that was asked to end may take to do so; ``stop_grace`` the same while the daemon stops. Times in seconds.
    ``on_stuck`` is called with the server whose window could not be closed.
    """

    on_stuck: Callable[[str], None]
    slots: int = 4
    slot_patience: float = 60
    grace: float = 60
    stop_grace: float = 150


class Runner:
    """
    Runs servers, from any thread, and knows which are being run.
    """

    def __init__(self, metrics: Metrics, options: RunnerOptions, log: Any = None) -> None:
        self._metrics = metrics
        self._options = options
        self._log = structlog.get_logger("auditor") if log is None else log
        self._lock = threading.Lock()
        self._active: list[Active] = []
        self._at_work = 0
        self._stopping = threading.Event()
        self.slots = Slots(options.slots, self._stopping)

    def run(
        self, server: str, settings: ServerSettings, folder: StateFolder, options: RunOptions
    ) -> AuditResult | None:
        """
        Audit a server and tell everybody; ``None`` if the process is stopping.
        """
        with self._lock:
            self._at_work += 1
        try:
            with self.slots.taken() as slot:
                return None if slot is None else self._run(server, settings, folder, options, slot)
        finally:
            with self._lock:
                self._at_work -= 1

    def _run(
        self, server: str, settings: ServerSettings, folder: StateFolder, options: RunOptions, slot: Slot
    ) -> AuditResult:
        # Before the run, which writes its own outcome there.
        previous = read_status(folder).last_outcome
        notifier = Notifier(settings.notify)
        # A dead man's switch that does not answer must not make the run late.
        greeting = threading.Thread(target=notifier.start, args=(server,), name=f"ping-{server}", daemon=True)
        greeting.start()
        result = self._supervised(server, settings, folder, options, slot)
        run_event(self._log.bind(reason=options.reason), result)
        self._metrics.record(result)
        if result.window_stuck:
            self._options.on_stuck(server)
        # A process that is to stop has no time for mail, save for what a person must do.
        if self._stopping.is_set() and not result.window_stuck:
            return result
        if result.outcome in ("changed", "unchanged"):
            # Within the slot, since it is as much work as a run.
            maintain_if_due(server, settings, folder, Tools(log=self._log))
        # Telling others may take minutes, and needs no slot.
        slot.give_back()
        # Else the start of a short run might be told after its end.
        greeting.join(settings.notify.timeout)
        notifier.finish(result, previous)
        return result

    def tell_stuck(self, server: str, settings: ServerSettings, error: str) -> None:
        """
        Tell everybody of a window that a killed run left and that cannot be closed.
        """
        result = replace(_failed(server, error), window_stuck=True)
        run_event(self._log, result)
        self._metrics.record(result)
        Notifier(settings.notify).finish(result)

    def _supervised(
        self, server: str, settings: ServerSettings, folder: StateFolder, options: RunOptions, slot: Slot
    ) -> AuditResult:
        # Beyond its limit and the time to end in: what is silent for so long did not listen.
        active = Active(server, settings.run_limit + 2 * self._options.grace)
        tools = Tools(
            active.stop,
            step=active.got_on,
            progress=lambda table, rows: active.got_on(),
            stuck=active.is_stuck,
            log=self._log,
        )
        done: Future[AuditResult] = Future()

        def work() -> None:
            try:
                done.set_result(audit(server, settings, folder, tools, options))
            except BaseException as error:
                done.set_exception(error)
            finally:
                with self._lock:
                    self._active.remove(active)

        with self._lock:
            self._active.append(active)
            # A stop that came before it was in the list has not asked it.
            if self._stopping.is_set():
                active.stop.request()
        ended = threading.Event()
        done.add_done_callback(lambda _: ended.set())
        threading.Thread(target=work, name=f"audit-{server}", daemon=True).start()
        self._wait(ended, active, settings.run_limit, slot)
        return self._outcome(done, active, folder)

    def _wait(self, ended: threading.Event, active: Active, limit: float, slot: Slot) -> None:
        deadline = time.monotonic() + limit
        asked = False
        while not ended.wait(LOOK_EVERY):
            now = time.monotonic()
            if now - active.last > self._options.slot_patience:
                slot.give_back()
            if active.stuck is not None and now - active.stuck > _STUCK_PATIENCE:
                # To be told now, whatever else the run hangs on.
                return
            if not asked and self._stopping.is_set():
                asked, deadline = True, now + self._options.stop_grace
            if now < deadline:
                continue
            if asked:
                return
            active.stop.request(
                f"the run took longer than run_limit = {limit:g} seconds (it was at: {active.step}) and was abandoned; "
                "nothing was committed"
            )
            asked, deadline = True, now + self._options.grace

    def _outcome(self, done: Future[AuditResult], active: Active, folder: StateFolder) -> AuditResult:
        if done.done():
            error = done.exception()
            if error is None:
                return done.result()
            sentence = _bug(error)
        else:
            sentence = active.reason or (
                f"the run hangs at: {active.step}, and did not end when asked to; this server is left out until it "
                "does, or until the daemon is started again"
            )
        result = replace(_failed(active.server, sentence), window_stuck=active.stuck is not None)
        try:
            # A run that failed by a bug, or hangs, has not written it.
            write_status(folder, after(read_status(folder), result, result.started))
        except OSError as problem:
            self._log.error("status-not-written", server=active.server, reason=problem.strerror)
        return result

    def stop(self) -> None:
        """
        Begin no more runs, and ask those under way to end.
        """
        self._stopping.set()
        with self._lock:
            for active in self._active:
                active.stop.request()

    @property
    def busy(self) -> bool:
        """
        Return whether anything is still being done for a server.
        """
        with self._lock:
            return self._at_work > 0

    def active(self) -> tuple[Active, ...]:
        """
        Return the runs whose threads live, abandoned ones as well.
        """
        with self._lock:
            return tuple(self._active)


def not_begun(server: str) -> AuditResult:
    """
    Return the result of a run that a process which is to stop did not begin.
    """
    return _failed(server, "the run was stopped before its beginning; nothing was committed")


def _failed(server: str, error: str) -> AuditResult:
    tools = Tools()
    return AuditResult(tools.new_id(), server, tools.now().isoformat(timespec="seconds"), "failed", error=error)


def _bug(error: BaseException) -> str:
    # A bug's own text may hold a document's content, so only its kind and place are told.
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return f"this is a bug, not your mistake: {type(error).__name__} at {place}; please report it"
