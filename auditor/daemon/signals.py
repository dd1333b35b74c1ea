"""
Signals as bytes in a pipe: a handler does nothing, and the main loop reads which signals came.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType, TracebackType

STOP = (signal.SIGTERM, signal.SIGINT)
RELOAD = signal.SIGHUP
RUN_NOW = signal.SIGUSR1
DUMP = signal.SIGUSR2


class Wakeup:
    """
    Catches signals from ``with`` to its end; only in the main thread. ``handle`` is readable when some came.
    """

    def __init__(self, signals: Sequence[signal.Signals]) -> None:
        self._signals = signals
        self._before: dict[signal.Signals, object] = {}
        self.handle, self._writing = os.pipe()
        # Python takes no blocking handle to write to, and to take nothing must not wait either.
        for end in (self.handle, self._writing):
            os.set_blocking(end, False)

    def __enter__(self) -> Wakeup:
        # Before the handlers, so that no signal is lost. A full pipe wakes the loop all the same.
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in self._signals:
            # Only what has a handler of Python's is written to the pipe.
            self._before[number] = signal.signal(number, _nothing)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self.handle)
        os.close(self._writing)

    def take(self) -> list[signal.Signals]:
        """
        Return the signals that came since, in order.
        """
        try:
            return [signal.Signals(number) for number in os.read(self.handle, 4096)]
        except BlockingIOError:
            return []


def _nothing(number: int, frame: FrameType | None) -> None:
    """
    Let the wake-up pipe tell the main loop.
    """


def dump_stacks_on_signal() -> None:
    """
    Write every thread's stack to stderr on SIGUSR2, and on the SIGABRT of systemd's watchdog, even in a hang.
    """
    faulthandler.enable(file=sys.stderr, all_threads=True)
    faulthandler.register(DUMP, file=sys.stderr, all_threads=True)
