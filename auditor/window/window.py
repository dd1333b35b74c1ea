"""
The maintenance window: remember what was there, switch on, and restore it whatever happens.

The state found is the state restored: a server that was in maintenance mode stays in it. Failing to switch back is
the loudest event there is. From the moment that the switch was asked for, the mode is off, or told to be stuck, within
the window's limit and half a minute, whatever the server, the network or the database does.
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
from auditor.window.octopus_api import BrokenOff, Refused
from auditor.world import Tools
from migrator.errors import DatabaseError, OperatorError
from migrator.wording import counted

RESTORING = 15.0
"""Seconds after the window's limit, or a request to stop, in which maintenance mode is tried to be switched off."""
_LEAST = 2.0
"""Seconds that the last attempt may take. Both together, twice, leave time to tell it within half a minute."""
_SETTLE = 2.0
"""Seconds after which a switch whose answer was lost is taken to have been made, or never to be."""


class Switch(Protocol):
    """
    What can be switched; ``window.octopus_api.OctopusApi`` is one. *within* is in seconds, for one attempt.
    """

    def in_maintenance(self, within: float | None = None) -> bool:
        """
        Return whether it is on.
        """
        ...

    def switch_maintenance(self, on: bool, within: float | None = None) -> None:
        """
        Switch it.
        """
        ...

    def running_tasks(self) -> int:
        """
        Return how many tasks run.
        """
        ...

    def abandon(self) -> None:
        """
        Give up what is being asked without a limit, from another thread.
        """
        ...


@dataclass(frozen=True)
class WindowOptions:
    """
    Limits in seconds: of the window, of waiting for tasks, of the attempts to switch back (see ``Window.close``).
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

    ``asked`` is when the switch was asked for (``time.monotonic``), ``None`` as long as it was not.
    """

    def __init__(self, api: Switch, journal: Journal, options: WindowOptions, tools: Tools) -> None:
        self._api, self._journal, self._options, self._tools = api, journal, options, tools
        # The watch and the run may come to close it at the same time.
        self._lock = threading.Lock()
        self._opened: float | None = None
        self._answered = False
        self._expired = False
        self.asked: float | None = None
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
        # Of waiting, not of the run's clock: a test's clock stands still.
        self.asked = time.monotonic()
        try:
            self._api.switch_maintenance(True)
        except Refused:
            # Mostly nothing was switched, and switching back would be refused as well. But an attempt before this one
            # may have been made although its answer was an error, which only the server can tell.
            with suppress(OperatorError):
                if not self._api.in_maintenance(self._options.limit):
                    self._opened = None
                    self._journal.clear()
            raise
        self._answered = True
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
                        f"after {self._options.drain:g} seconds {counted(running, 'task')} still ran; nothing was read"
                    )
                return
            self._tools.stop.sleep(min(1.0, self._options.drain))
            self.check()

    def expire(self) -> None:
        """
        Say that its limit is reached; ``check`` raises from now on.
        """
        self._expired = True

    def close(self, unless: threading.Event | None = None) -> None:
        """
        Restore the state that was found, trying again with back-off; nothing if *unless* is set when its turn comes.

        Raises:
            WindowStuck: it could not be done in time.
        """
        with self._lock:
            if self._opened is None or self.asked is None or (unless is not None and unless.is_set()):
                return
            left = self.asked + self._options.limit + RESTORING - time.monotonic()
            until = self._tools.clock() + min(self._options.release_limit, left)
            switch_back(self._api, self._options, self._tools, until)
            if not self._answered:
                # The server may make only now what it was asked for before.
                _pause(self._tools, _SETTLE)
                switch_back(self._api, self._options, self._tools, until + _SETTLE, look_first=True)
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


def switch_back(api: Switch, options: WindowOptions, tools: Tools, until: float, *, look_first: bool = False) -> None:
    """
    Switch maintenance mode off, again and again until the server says that it is off, or *until* is over.

    *until* is a time of ``tools.clock``; who is told to stop has less. *look_first*: it may be off already, and each
    switch stands in the server's audit log.

    Raises:
        WindowStuck: it may still be on.
    """
    pause = 0.5
    stopping = False
    while True:
        if tools.stop.event.is_set() and not stopping:
            stopping, until = True, min(until, tools.clock() + RESTORING)
        try:
            # Only what is read counts: an answer may be lost although the switch was made, or tell what was not.
            if look_first and not api.in_maintenance(_share(until - tools.clock())):
                return
            look_first = False
            error: Exception | None = None
            try:
                api.switch_maintenance(False, _share(until - tools.clock()))
            except Exception as fault:
                error = fault
            if not api.in_maintenance(_share(until - tools.clock())):
                return
            reason = _told(error) if error is not None else f"{options.url} says that it is on still"
        except Exception as fault:
            # Whatever it is, a bug too: giving up here would keep the server's users out.
            reason = _told(fault)
        tools.log.critical("maintenance-mode-stuck", server=options.server, reason=reason)
        left = until - tools.clock()
        if left <= 0:
            raise WindowStuck(
                f"maintenance mode of {options.server} could not be switched off ({reason}); "
                f"switch it off at {options.url}, or run `auditor release` when the server answers again"
            )
        _pause(tools, min(pause, left, 30.0))
        pause *= 2


def _share(left: float) -> float:
    # Never all that is left: a peer that does not answer once may answer the next time, over another connection.
    return max(_LEAST, left / 3)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, OperatorError) else type(error).__name__


def _rest(seconds: float) -> None:
    threading.Event().wait(seconds)


def _pause(tools: Tools, seconds: float) -> None:
    if tools.stop.sleep(seconds):
        # Who is told to stop waits too, or a server that is starting again would be asked a thousand times a second.
        _rest(min(seconds, 2.0))


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
        target=_watch, args=(window, api, ended, options.limit, tools, cancel), name="window", daemon=True
    )
    try:
        # Before the switch is asked for: from then on nobody else may see that it hangs.
        watch.start()
        window.open()
        window.check()
        yield window
        # A read that ended just as the limit was reached may have gone on after the window was closed.
        window.check()
    except BaseException as error:
        ended.set()
        try:
            window.close()
        except WindowStuck as stuck:
            raise stuck from error
        if isinstance(error, DatabaseError | BrokenOff):
            window.check()  # What was broken off fails in words that do not say why.
        raise
    ended.set()
    window.close()


def _watch(
    window: Window, api: Switch, ended: threading.Event, limit: float, tools: Tools, cancel: Callable[[], None]
) -> None:
    """
    When the limit is reached or the process is to stop, close the window and break off the read, whatever it hangs on.
    """
    while not ended.wait(LOOK_EVERY if window.asked is None else min(LOOK_EVERY, _left(window.asked, limit))):
        late = window.asked is not None and not _left(window.asked, limit)
        if late:
            window.expire()
        if late or tools.stop.event.is_set():
            api.abandon()
            # Beside the closing, which may take long where the server does not answer.
            threading.Thread(target=break_off, args=(cancel, ended), name="cancel", daemon=True).start()
            _close(window, ended, tools)
            return


def _left(asked: float, limit: float) -> float:
    return max(0.0, asked + limit - time.monotonic())


def _close(window: Window, ended: threading.Event, tools: Tools) -> None:
    told = False
    while True:
        try:
            # Once the run has ended it has done so itself, and given back its lock.
            window.close(unless=ended)
            return
        except OSError as error:
            # Of the journal: the mode is off, and the next start looks.
            tools.log.error("journal-not-cleared", reason=error.strerror)
            return
        except WindowStuck as stuck:
            if not told:
                # At once: the run itself may hang in what does not let itself be broken off.
                tools.stuck(str(stuck))
                told = True
        # And on it goes as long as the run hangs, whose lock nobody else gets past.
        if ended.wait(30.0):
            return


def release(api: Switch, journal: Journal, options: WindowOptions, tools: Tools) -> bool:
    """
    Restore what a killed run left on, trying for ``release_limit``; return whether there was anything to restore.

    Raises:
        WindowStuck: it could not be done.
    """
    left = journal.read()
    if left is None:
        return False
    tools.log.warning("window-left-open", server=options.server, opened=left.opened, pid=left.pid)
    # A person may have done it meanwhile.
    switch_back(api, options, tools, tools.clock() + options.release_limit, look_first=True)
    journal.clear()
    return True
