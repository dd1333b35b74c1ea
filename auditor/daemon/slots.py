"""
How many runs work at once: a bounded number, not counting those that hang.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_EVERY = 0.2


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
                self._changed.wait(_LOOK_EVERY)
            if self._stopping.is_set():
                return False
            self._taken += 1
            return True

    def _release(self) -> None:
        with self._changed:
            self._taken -= 1
            self._changed.notify()
