"""
Being told to stop, and limits of time: one value that every long step asks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from migrator.errors import DatabaseError, OperatorError

LOOK_EVERY = 0.2
"""Seconds between two looks at whether something is to end."""


class Stopped(OperatorError):
    """
    The process was told to stop; the run was abandoned and what it had opened was closed.
    """


class TooLong(OperatorError):
    """
    A step took longer than its limit; the run was abandoned and what it had opened was closed.
    """


@dataclass
class Stop:
    """
    Set from a signal handler or another thread; asked by the steps of a run.
    """

    event: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    too_long: str | None = None

    def request(self, too_long: str | None = None) -> None:
        """
        Ask every step to end; *too_long* is the sentence to say if it is a limit of time that asks.
        """
        # The first to ask says why; told before the event, since a step may look in between.
        if not self.event.is_set():
            self.too_long = too_long
        self.event.set()

    def check(self) -> None:
        """
        Raise ``Stopped`` if the process was told to stop, ``TooLong`` if the run's time is over.
        """
        if self.event.is_set():
            if self.too_long is not None:
                raise TooLong(self.too_long)
            raise Stopped("the run was stopped before its end; nothing was committed")

    def sleep(self, seconds: float) -> bool:
        """
        Wait, but not past a request to stop; return whether there was one.
        """
        return self.event.wait(seconds)

    @contextmanager
    def breaking_off(self, cancel: Callable[[], None]) -> Iterator[None]:
        """
        Once there is a request, call *cancel* from another thread until the block has ended, which may hang meanwhile.

        Raises:
            Stopped, TooLong: the block failed in the database after the request.
        """
        ended = threading.Event()
        # A daemon thread: a driver's call that hangs must not keep the process from ending.
        threading.Thread(target=self._watch, args=(ended, cancel), name="stop", daemon=True).start()
        try:
            yield
        except DatabaseError:
            # A statement that was broken off fails in the driver's words, which say nothing of why.
            self.check()
            raise
        finally:
            ended.set()

    def _watch(self, ended: threading.Event, cancel: Callable[[], None]) -> None:
        while not ended.wait(LOOK_EVERY):
            if self.event.is_set():
                break_off(cancel, ended)


def break_off(cancel: Callable[[], None], ended: threading.Event) -> None:
    """
    Call *cancel* again and again until *ended* is set: what it breaks off may begin in the very moment of a call.
    """
    while True:
        with suppress(Exception):  # What it breaks off may have ended in this moment.
            cancel()
        if ended.wait(LOOK_EVERY):
            return
