"""
Asking a running daemon for a run: a FIFO in each server's state folder, which only its daemon reads.

The kernel knows whether anybody reads it, so no pid file can lie. What is asked for is in the FIFO's place, not in
its bytes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping

from auditor.state_folder import StateFolder


def ask(folder: StateFolder) -> bool:
    """
    Ask the daemon of this state folder for a run; return whether there is one.
    """
    try:
        # Without a reader this fails at once (ENXIO) in place of waiting for one.
        handle = os.open(folder.trigger, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ENXIO:
            return False
        raise
    try:
        os.write(handle, b".")
    except BlockingIOError:
        pass  # It is full of requests already.
    finally:
        os.close(handle)
    return True


def is_heard(folder: StateFolder) -> bool:
    """
    Return whether a daemon listens at this state folder, without asking it for anything.
    """
    try:
        os.close(os.open(folder.trigger, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


class Requests:
    """
    The daemon's end of the FIFOs; wait for ``handles`` to be readable, then ``take``.
    """

    def __init__(self) -> None:
        self._open: dict[int, tuple[str, StateFolder]] = {}

    def replace(self, folders: Mapping[str, StateFolder]) -> None:
        """
        Listen for these servers and no others.

        Raises:
            OSError: a FIFO cannot be made.
        """
        wanted = set(folders.items())
        for handle in [handle for handle, place in self._open.items() if place not in wanted]:
            os.close(handle)
            del self._open[handle]
        for server, folder in wanted - set(self._open.values()):
            self._open[_listening(folder)] = (server, folder)

    @property
    def handles(self) -> list[int]:
        """
        Return what to wait for.
        """
        return list(self._open)

    def take(self, handle: int) -> str:
        """
        Return which server a readable handle asks for.
        """
        # All of it: one run serves everybody who asked.
        os.read(handle, 1 << 16)
        return self._open[handle][0]

    def close(self) -> None:
        """
        Listen no more.
        """
        self.replace({})


def _listening(folder: StateFolder) -> int:
    folder.make()
    path = folder.trigger
    if not path.exists() or not stat.S_ISFIFO(path.lstat().st_mode):
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
    # Open for writing too, so that it never reads as ended.
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)
