"""
The maintenance window: remember what was there, switch on, and restore it whatever happens.

The state found is the state restored: a server that was in maintenance mode stays in it. Failing to switch back is
the loudest event there is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from auditor.stop import LOOK_EVERY, Stop, TooLong, break_off
from auditor.window.journal import Entry, Journal
from auditor.window.octopus_api import Refused
from auditor.world import Tools
from migrator.errors import DatabaseError, OperatorError


class Switch(Protocol):
    """
    What can be switched; ``window.octopus_api.OctopusApi`` is one.
    """

    def in_maintenance(self) -> bool:
        """
        Return whether it is on.
        """
        ...

    def switch_maintenance(self, on: bool) -> None:
        """
        Switch it.
        """
        ...

    def running_tasks(self) -> int:
        """
        Return how many tasks run.
        """
        ...


@dataclass(frozen=True)
class WindowOptions:
    """
    Limits in seconds: of the window, of waiting for tasks, of the attempts to switch back.
    """

    server: str
    url: str
    limit: float = 600
    drain: float = 0
    give_up_if_busy: bool = False
    release_limit: float = 600


class WindowStuck(OperatorError):
    """
    Maintenance mode could not be switched back; the journal remembers it.
    """


class Window:
    """
    An open window; ``seconds`` is how long maintenance mode was on, ``None`` where it was not switched.
    """

    def __init__(self, api: Switch, journal: Journal, options: WindowOptions, tools: Tools) -> None:
        self._api, self._journal, self._options, self._tools = api, journal, options, tools
        # The watch and the run may come to close it at the same time.
        self._lock = threading.Lock()
        self._opened: float | None = None
        self._expired = False
        self.seconds: float | None = None

    def check(self) -> None:
        """
        Raise if the window was closed because it took too long, or the process is to stop.
        """
        self._tools.stop.check()
        if self._expired:
            raise TooLong(
                f"the window was open for {self._options.limit:g} seconds, which is its limit; it was closed and the "
                "run abandoned. Raise maintenance.limit, or look why the database is slow"
            )

    def open(self) -> None:
        """
        Remember the state and switch on; does nothing where it is on already.

        Raises:
            OperatorError: it cannot be switched; then it is as it was.
        """
        if self._api.in_maintenance():
            self._tools.log.warning("maintenance-already-on", server=self._options.server)
            return
        try:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self._journal.write(Entry(self._options.server, self._options.url, now, os.getpid()))
        except OSError as error:
            raise OperatorError(
                f"the journal {self._journal.path} cannot be written ({error.strerror}), "
                "so maintenance mode was not switched"
            ) from None
        # Before the switch: one whose answer is lost may have been made all the same, and is to be undone.
        self._opened = self._tools.clock()
        try:
            self._api.switch_maintenance(True)
        except Refused:
            # Nothing was switched, so there is nothing to switch back, which would be refused again and again.
            self._opened = None
            self._journal.clear()
            raise
        # Maintenance mode stops nothing that runs: tasks go on, and write while rows are read.
        self._drain()

    def _drain(self) -> None:
        # Waiting for tasks keeps people out as reading does, so the limit holds for it too.
        deadline = self._tools.clock() + min(self._options.drain, self._options.limit)
        while self._options.drain and (running := self._api.running_tasks()):
            if self._tools.clock() >= deadline:
                self._tools.log.warning("tasks-still-running", server=self._options.server, tasks=running)
                if self._options.give_up_if_busy:
                    raise TooLong(
                        f"{running} tasks were still running after {self._options.drain:g} seconds; nothing was read"
                    )
                return
            self._tools.stop.sleep(min(1.0, self._options.drain))
            self._tools.stop.check()

    def expire(self) -> None:
        """
        Say that its limit is reached; ``check`` raises from now on.
        """
        self._expired = True

    def close(self) -> None:
        """
        Restore the state that was found, trying again with back-off.

        Raises:
            WindowStuck: it could not be done within the limit, or the process is to stop.
        """
        with self._lock:
            if self._opened is None:
                return
            switch_back(self._api, self._options, self._tools)
            self.seconds = self._tools.clock() - self._opened
            self._opened = None
            # Last: a kill before it only makes the next start look; without a journal nobody would.
            self._journal.clear()


class NoWindow:
    """
    Stands for a window where none is opened: only a request to stop ends the read.
    """

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def check(self) -> None:
        """
        Raise if the process is to stop.
        """
        self._stop.check()


def switch_back(api: Switch, options: WindowOptions, tools: Tools) -> None:
    """
    Switch maintenance mode off, again and again until it works, the limit is reached, or the process is to stop.

    Raises:
        WindowStuck: it may still be on.
    """
    deadline = tools.clock() + options.release_limit
    pause = 0.5
    while True:
        # Looked at before the attempt, so that who is told to stop during one still makes another.
        stopping = tools.stop.event.is_set()
        try:
            api.switch_maintenance(False)
            return
        except Exception as error:
            # Whatever it is, a bug too: giving up here would keep the server's users out.
            reason = str(error) if isinstance(error, OperatorError) else type(error).__name__
            tools.log.critical("maintenance-mode-stuck", server=options.server, reason=reason)
        if tools.clock() >= deadline or (stopping and tools.stop.event.is_set()):
            raise WindowStuck(
                f"maintenance mode of {options.server} could not be switched off ({reason}); "
                f"switch it off at {options.url}, or run `auditor release` when the server answers again"
            )
        tools.stop.sleep(min(pause, 30.0))
        pause *= 2


@contextmanager
def maintenance_window(
    api: Switch,
    journal: Journal,
    options: WindowOptions,
    tools: Tools,
    cancel: Callable[[], None] = lambda: None,
) -> Iterator[Window]:
    """
    Open a window for the time of the block, which reads; *cancel* breaks off what it reads, from another thread.

    Raises:
        TooLong: the limit was reached; the window was closed then, and the read broken off.
        Stopped: the process is to stop; likewise.
        WindowStuck: the window could not be closed; an error of the block itself is its cause.
    """
    window = Window(api, journal, options, tools)
    ended = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(window, ended, options.limit, tools.stop, cancel), name="window", daemon=True
    )
    try:
        window.open()
        # Once it is open: its limit is about the time that people are kept out.
        watch.start()
        yield window
        # A read that ended just as the limit was reached may have gone on after the window was closed.
        window.check()
    except BaseException as error:
        ended.set()
        try:
            window.close()
        except WindowStuck as stuck:
            raise stuck from error
        if isinstance(error, DatabaseError):
            window.check()  # A read that was broken off fails in the driver's words.
        raise
    ended.set()
    window.close()


def _watch(window: Window, ended: threading.Event, limit: float, stop: Stop, cancel: Callable[[], None]) -> None:
    """
    When the limit is reached or the process is to stop, close the window and break off the read, whatever it hangs on.
    """
    # Of waiting, not of the run's clock: a test's clock stands still.
    deadline = time.monotonic() + limit
    while not ended.wait(min(LOOK_EVERY, max(0.0, deadline - time.monotonic()))):
        late = time.monotonic() >= deadline
        if late:
            window.expire()
        if late or stop.event.is_set():
            # Beside the closing, which may take long where the server does not answer.
            threading.Thread(target=break_off, args=(cancel, ended), name="cancel", daemon=True).start()
            with suppress(WindowStuck):  # Told by the run, which tries it once more.
                window.close()
            return


def release(api: Switch, journal: Journal, options: WindowOptions, tools: Tools) -> bool:
    """
    Restore what a killed run left on; return whether there was anything to restore.

    Raises:
        WindowStuck: it could not be done.
    """
    left = journal.read()
    if left is None:
        return False
    tools.log.warning("window-left-open", server=options.server, opened=left.opened, pid=left.pid)
    # A person may have done it meanwhile, and each switch stands in the server's audit log.
    if api.in_maintenance():
        switch_back(api, options, tools)
    journal.clear()
    return True
