"""
One server's lane: at most one run in it, at most one asked for behind it, whichever threads come.

Knows no times and no pool; when to run belongs in ``schedule``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

OnEvent = Callable[[str, str, str], None]
"""Called with a kind (``missed``, ``error``, ``max-instances``, ``clock``), a server and a sentence, in any thread."""

OVERLAP = "a run was due while the one before was still going on; it was left out"


def said(error: BaseException) -> str:
    """
    Return an error as an event tells it.
    """
    return f"{type(error).__name__}: {error}"


class Lane:
    """
    Keeps a server's runs apart, over a reload as well; closed while the server is on no schedule.
    """

    def __init__(self, server: str, on_event: OnEvent) -> None:
        self.server = server
        self.running = False
        self.closed = True
        self._run: Callable[[str], None] | None = None
        self._on_event = on_event
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

    def ask(self, reason: str) -> bool:
        """
        Note that a run is wanted; return whether a thread must be found to ``work`` for it.
        """
        with self._lock:
            alone = not self.running and self._asked is None
            self._asked = self._asked or reason
            return alone

    def work(self, reason: str | None) -> None:
        """
        Run for *reason*, or for whoever asked, then once more for all who asked meanwhile.
        """
        with self._lock:
            busy = self.running
            current = None if busy else self._take(reason)
        if busy and reason:
            self._on_event("max-instances", self.server, OVERLAP)
        while current:
            self._run_once(current)
            with self._lock:
                current = self._take(None)

    def _take(self, reason: str | None) -> str | None:
        # A run that starts now serves those who asked before as well.
        asked, self._asked = self._asked, None
        current = None if self.closed else asked or reason
        self.running = current is not None
        return current

    def _run_once(self, reason: str) -> None:
        assert self._run is not None
        try:
            self._run(reason)
        except BaseException as error:
            # Nobody above could do more about it, and a lane that stayed "running" would never run again.
            self._tell(f"the {reason} run failed: {said(error)}")

    def _tell(self, detail: str) -> None:
        try:
            self._on_event("error", self.server, detail)
        except Exception:
            # The lane must go on to who asked meanwhile.
            logging.getLogger(__name__).exception("the listener failed on an error of %s", self.server)
