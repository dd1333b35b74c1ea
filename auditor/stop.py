"""
Being told to stop, and limits of time: one value that every long step asks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from migrator.errors import OperatorError


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
