"""
One server's runs: at most one at work, at most one asked for behind it, whichever threads come.

Knows no times and no pool; when to run belongs in ``schedule``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

OnEvent = Callable[[str, str, str], None]
"""
Called with a kind (``missed``, ``error``, ``max-instances``, ``clock``), a server and a sentence, in any thread. It
must neither wait nor call the scheduler, whose locks may be held.
"""

SCHEDULE = "schedule"
"""The reason of a run that nobody asked for but the timetable."""
OVERLAP = "a run was due while the one before was still going on; it was left out"


def said(error: BaseException) -> str:
    """
    Return an error as an event tells it.
    """
    return f"{type(error).__name__}: {error}"


def tell(on_event: OnEvent, kind: str, server: str, detail: str) -> None:
    """
    Call *on_event*; what goes wrong there is logged, and stops nothing.
    """
    try:
        on_event(kind, server, detail)
    except Exception:
        logging.getLogger(__name__).exception("the listener failed on %s of %s", kind, server)


class OneAtATime:
    """
    Keeps a server's runs apart, over a reload as well; closed while the server is on no schedule.

    *start* gets a function and finds a thread for it.
    """

    def __init__(self, server: str, start: Callable[[Callable[[], None]], object], on_event: OnEvent) -> None:
        self.server = server
        self.running = False
        self.closed = True
        self._start, self._on_event = start, on_event
        self._run: Callable[[str], None] | None = None
        self._asked: str | None = None
        self._lock = threading.Lock()

    def open(self, run: Callable[[str], None]) -> None:
        """
        Call *run* with the reason from the next run on.
        """
        with self._lock:
            self._run, self.closed = run, False

    def close(self) -> None:
        """
        Begin no more runs and forget who asked; a run under way goes on.
        """
        with self._lock:
            self.closed, self._asked = True, None

    def ask(self, reason: str) -> None:
        """
        Run as soon as there is a thread; during a run: once more after it. What the timetable asks then is left out.
        """
        with self._lock:
            left_out = self.running and reason == SCHEDULE
            # A run that waits for a thread serves whoever asks meanwhile.
            wanted = not self.closed and not left_out and self._asked is None
            if wanted:
                self._asked = reason
            start = wanted and not self.running
        if left_out:
            tell(self._on_event, "max-instances", self.server, OVERLAP)
        if start:
            self._find_thread(reason)

    def _find_thread(self, reason: str) -> None:
        try:
            self._start(self._work)
        except Exception as error:
            with self._lock:
                # Or nobody could ask for this server again.
                self._asked = None
            tell(self._on_event, "error", self.server, f"the {reason} run could not be started: {said(error)}")

    def _work(self) -> None:
        while reason := self._next():
            assert self._run is not None
            try:
                self._run(reason)
            except BaseException as error:
                # Nobody above could do more about it, and a server that stayed "running" would never run again.
                tell(self._on_event, "error", self.server, f"the {reason} run failed: {said(error)}")

    def _next(self) -> str | None:
        with self._lock:
            # In one step with "running": what is asked for in between would be neither begun nor remembered.
            asked, self._asked = self._asked, None
            reason = None if self.closed else asked
            self.running = reason is not None
            return reason
