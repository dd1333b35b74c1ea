"""
What systemd is told: readiness, status, and a watchdog that only real progress feeds.

The protocol of sd_notify(3): datagrams of ``NAME=value`` lines to the socket that NOTIFY_SOCKET names. Everything here
does nothing when the variable is unset. Not here: what counts as progress.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType


class ServiceManager:
    """
    The service manager that started this process, or nobody.

    *monotonic_ns* is CLOCK_MONOTONIC in nanoseconds.
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        environ = os.environ if environ is None else environ
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._monotonic_ns = monotonic_ns

    def notify(self, *lines: str) -> bool:
        """
        Send the lines as one datagram; return whether somebody received it. Never raises for a broken socket.
        """
        if self._address is None:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                # A manager that does not read must not hold the main loop up.
                out.settimeout(1)
                out.connect(self._address)
                out.sendall("\n".join(lines).encode())
        except OSError:
            return False
        return True

    def ready(self, status: str = "") -> bool:
        """
        Say that start-up, or a reload, is done.
        """
        return self.notify("READY=1", *([_status(status)] if status else []))

    def status(self, text: str) -> bool:
        """
        Set the line that ``systemctl status`` shows.
        """
        return self.notify(_status(text))

    def stopping(self) -> bool:
        """
        Say that the process is shutting down.
        """
        return self.notify("STOPPING=1")

    def reloading(self) -> bool:
        """
        Say that the configuration is being read again; ``ready()`` ends it.
        """
        # By the time systemd knows this reload from an earlier one (sd_notify(3)).
        return self.notify("RELOADING=1", f"MONOTONIC_USEC={self._monotonic_ns() // 1000}")

    def watchdog(self) -> bool:
        """
        Feed the watchdog once.
        """
        return self.notify("WATCHDOG=1")


def watchdog_seconds(environ: Mapping[str, str] | None = None, pid: int | None = None) -> float | None:
    """
    Return the watchdog's limit in seconds, or ``None`` where this process is not watched.
    """
    environ = os.environ if environ is None else environ
    text = environ.get("WATCHDOG_USEC", "")
    # Children inherit the variables, but only one process is to feed it.
    watched = environ.get("WATCHDOG_PID", "")
    if not text.isdecimal() or int(text) == 0 or (watched and watched != str(os.getpid() if pid is None else pid)):
        return None
    return int(text) / 1_000_000


class Watchdog:
    """
    Feeds systemd's watchdog from a thread, as long as ``progress()`` was called within *patience* seconds.

    Phases of work call ``progress()`` whenever they get on, the idle scheduler at each tick. A hung run therefore
    starves the watchdog, although the thread itself lives. *patience* should exceed the longest honest silence of a
    phase; the process ends at most *patience* plus WatchdogSec after the last progress.
    """

    def __init__(
        self,
        manager: ServiceManager,
        patience: float = 900.0,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager = manager
        self._patience = patience
        self._limit = watchdog_seconds(environ)
        self._clock = clock
        self._last = clock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def progress(self) -> None:
        """
        Say that work, or the idle scheduler, really got on.
        """
        self._last = self._clock()

    def tick(self) -> bool:
        """
        Feed the watchdog if there was progress lately; return whether it was due and received.
        """
        return self._clock() - self._last <= self._patience and self._manager.watchdog()

    def __enter__(self) -> Watchdog:
        if self._limit is not None:
            # Twice in each interval, as sd_watchdog_enabled(3) says.
            self._thread = threading.Thread(target=self._run, args=(self._limit / 2,), name="watchdog", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, interval: float) -> None:
        self.tick()
        while not self._stop.wait(interval):
            self.tick()


def _address(name: str) -> str | None:
    if name.startswith("@"):
        # The @ of an abstract socket is a NUL for the kernel.
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _status(text: str) -> str:
    # A line end would begin another assignment.
    return "STATUS=" + " ".join(text.split())
