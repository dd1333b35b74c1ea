"""
Locks on files, held by real processes that are killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from migrator.file_lock import Taken, hold

HOLDER = """
import os, sys, time
from pathlib import Path
from migrator.file_lock import hold
with hold(Path(sys.argv[1])):
    if os.fork() == 0:
        time.sleep(float(sys.argv[2]))
        os._exit(0)
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def killed_holder(path: Path, seconds: float) -> Iterator[int]:
    """
    Kill a process that holds the lock while a child of it still has the file open, for so many seconds.
    """
    words = [sys.executable, "-c", HOLDER, str(path), str(seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.kill()
        process.wait()
        try:
            yield process.pid
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_a_living_holder_is_named(tmp_path: Path) -> None:
    """
    Who comes second learns at once who holds the lock; it is free again when the block ends, also by an error.
    """
    path = tmp_path / "a.lock"
    with hold(path), pytest.raises(Taken) as taken, hold(path):
        pass
    with suppress(ZeroDivisionError), hold(path):
        raise ZeroDivisionError
    with hold(path):
        assert taken.value.holder == str(os.getpid())


def test_what_a_killed_process_was_starting_lets_go(tmp_path: Path) -> None:
    """
    A process that is killed while it starts another leaves it the lock for a moment, and that moment is waited for.
    """
    path = tmp_path / "a.lock"
    with killed_holder(path, 0.5), hold(path):
        assert path.read_text() == str(os.getpid())


def test_a_lock_that_is_kept_is_not_waited_for(tmp_path: Path) -> None:
    """
    Where the lock stays taken although the process that took it is gone, that is said after a moment.
    """
    with killed_holder(tmp_path / "a.lock", 60) as pid, pytest.raises(Taken) as taken, hold(tmp_path / "a.lock"):
        pass
    assert taken.value.holder == str(pid)


def test_a_child_that_is_just_being_started_does_not_keep_it(tmp_path: Path) -> None:
    """
    Between a fork and the child's program the child has the lock's file too; the lock is free when its holder says so.
    """
    reading, writing = os.pipe()
    with hold(tmp_path / "lock"):
        child = os.fork()
        if child == 0:
            os.read(reading, 1)
            os._exit(0)
    try:
        with hold(tmp_path / "lock"):
            pass
    finally:
        os.write(writing, b".")
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
