"""
Windows that could not be closed: tried again and again, each in a thread of its own, until it works or the end.

Not here: the attempt itself (``wiring.release_window``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auditor.repository.repository import Busy, locked
from auditor.settings import ServerSettings
from auditor.state_folder import StateFolder
from auditor.stop import Stop
from auditor.window.journal import Journal
from auditor.wiring import release_window
from auditor.world import Tools
from migrator.errors import OperatorError

Find = Callable[[str], tuple[ServerSettings, StateFolder]]
"""A server's settings, as they are now, and its state folder; ``KeyError`` where it is gone."""


@dataclass(frozen=True)
class ReleaserOptions:
    """
    ``poll`` is the pause between attempts in seconds; ``on_released`` and ``on_failed`` (once, with a sentence) are
    told of servers whose window a killed run had left open.
    """

    find: Find
    on_released: Callable[[str], None]
    on_failed: Callable[[str, str], None]
    poll: float = 30


class Releaser:
    """
    The servers whose window is stuck.
    """

    def __init__(self, options: ReleaserOptions, log: Any) -> None:
        self._options = options
        self._log = log
        self._stop = Stop()
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}

    def watch(self, server: str, *, told: bool) -> None:
        """
        Try to close a server's window until it works; *told*: its failure is known to everybody already.
        """
        with self._lock:
            if server not in self._threads and not self._stop.event.is_set():
                thread = threading.Thread(target=self._work, args=(server, told), name=f"release-{server}", daemon=True)
                self._threads[server] = thread
                thread.start()

    def watch_left_open(self, servers: dict[str, StateFolder], patience: float) -> None:
        """
        Look after what a killed daemon left, and give it *patience* seconds to be mended before anything else begins.
        """
        left = [server for server, folder in servers.items() if Journal(folder.journal).read() is not None]
        for server in left:
            self.watch(server, told=False)
        deadline = time.monotonic() + patience
        while self.stuck() and time.monotonic() < deadline:
            time.sleep(0.05)

    def stuck(self) -> tuple[str, ...]:
        """
        Return the servers that are being looked after.
        """
        with self._lock:
            return tuple(sorted(self._threads))

    def stop(self, wait: float) -> None:
        """
        Give up; each attempt under way is waited for, *wait* seconds in all.
        """
        self._stop.request()
        deadline = time.monotonic() + wait
        while self.stuck() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _work(self, server: str, told: bool) -> None:
        released = False
        try:
            # What a killed daemon left is tried at once; what a run has just failed at, after a pause.
            if not told:
                released, told = self._attempt(server, told)
            while not released and not self._stop.sleep(self._options.poll):
                released, told = self._attempt(server, told)
        finally:
            with self._lock:
                del self._threads[server]
        if released:
            # After it left the list: the run that follows may get stuck too, and is to be watched again.
            self._options.on_released(server)

    def _attempt(self, server: str, told: bool) -> tuple[bool, bool]:
        try:
            settings, folder = self._options.find(server)
        except KeyError:
            # The server left the configuration, and with it how it is reached.
            return True, told
        try:
            with locked(folder.lock, 0):
                release_window(server, settings, folder, Tools(self._stop, log=self._log))
        except Busy:
            # A run is at work, and looks at the journal itself.
            return False, told
        except Exception as error:
            reason = str(error) if isinstance(error, OperatorError) else type(error).__name__
            self._log.critical("maintenance-mode-stuck", server=server, reason=reason)
            if not told and not self._stop.event.is_set():
                self._options.on_failed(server, reason)
            return False, True
        self._log.warning("window-closed", server=server)
        return True, told
