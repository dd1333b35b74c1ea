"""
One lock on one file, for one process at a time; the kernel lets go of it when the process ends, however it ends.

Not here: what a lock is for, and what is said when it is taken.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PAUSE = 0.2
_LETTING_GO = 2.0
"""Seconds: a process that is killed while it starts another leaves it the lock until that one begins its program."""


class Taken(Exception):
    """
    Another process holds the lock; ``holder`` is its number, as far as it is known.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextmanager
def hold(path: Path, wait: float = 0, sleep: Callable[[float], object] = time.sleep) -> Iterator[None]:
    """
    Hold an exclusive lock on a file, which is made where it is missing. *wait* is in seconds.

    Raises:
        Taken: another process holds it.
        OSError: the file cannot be made.
    """
    # Neither truncated here nor removed at the end: the number in it is the holder's, and two files would be two locks.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    begun = time.monotonic()
    try:
        while not _try(handle):
            passed, holder = time.monotonic() - begun, os.pread(handle, 100, 0).decode("ascii", "replace").strip()
            if passed < wait:
                sleep(_PAUSE)
            elif passed < _LETTING_GO and _is_gone(holder):
                time.sleep(_PAUSE / 10)
            else:
                raise Taken(holder or "unknown")
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        try:
            yield
        finally:
            # Outright: a child that another thread is just starting still has the file, and the lock by it.
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def _try(handle: int) -> bool:
    try:
        # Not ``lockf``: such a lock ends as soon as anything in this process closes the file.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _is_gone(holder: str) -> bool:
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return True
    # Another user's process refuses a signal and is there; what is no number of a process tells nothing.
    except (ValueError, OverflowError, PermissionError):
        return False
    return False
