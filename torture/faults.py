"""
What can go wrong around a run, each with how it is put right again; none of them kills the process itself.

A fault strikes at a step of the run. Whether things are as they should be afterwards is judged in ``arena``.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.support.audits import bare, foreign_commit, git, hook
from torture.arena import Arena

Mend = Callable[[], object]


@dataclass(frozen=True)
class Fault:
    """
    ``strike`` does it and returns what puts it right; ``order`` changes the order of the run.
    """

    name: str
    strike: Callable[[Arena], Mend]
    order: tuple[tuple[str, Any], ...] = ()
    steps: tuple[str, ...] = ()
    """Where it makes a difference; empty: everywhere."""


def _nothing(arena: Arena) -> Mend:
    return lambda: None


def _replaced(arena: Arena, content: bytes | None) -> Mend:
    """
    Put something else, or nothing, at the database's place, as a file of its own.
    """
    other = arena.root / "other.db"
    arena.database.unlink()
    if content is not None:
        other.write_bytes(content)
        other.replace(arena.database)
    return lambda: arena.serve(arena.now, found_on=arena.found_on)


def database_gone(arena: Arena) -> Mend:
    """
    The database's file is not there.
    """
    return _replaced(arena, None)


def database_garbage(arena: Arena) -> Mend:
    """
    Something else stands in the database's place.
    """
    return _replaced(arena, b"no database" * 1000)


def database_cut(arena: Arena) -> Mend:
    """
    The database's file loses its second half in place, under a connection that is open, and its pages are rubbish.
    """
    size = arena.database.stat().st_size
    with arena.database.open("r+b") as file:
        file.truncate(size // 2)
        file.seek(4096)
        file.write(os.urandom(size // 2 - 4096))
    return lambda: arena.serve(arena.now, found_on=arena.found_on)


def database_locked(arena: Arena) -> Mend:
    """
    Another program holds the database for itself.
    """
    connection = sqlite3.connect(arena.database, isolation_level=None, timeout=0, check_same_thread=False)
    with suppress(sqlite3.OperationalError):  # The run itself may be reading at this moment.
        connection.execute("BEGIN EXCLUSIVE")
    return connection.close


def rest(kind: str) -> Callable[[Arena], Mend]:
    """
    The server answers wrongly, or not at all.
    """

    def strike(arena: Arena) -> Mend:
        arena.stub.fault = kind

        def mend() -> None:
            arena.stub.fault = None

        return mend

    return strike


def remote_gone(arena: Arena) -> Mend:
    """
    The remote's disk is not mounted.
    """
    aside = arena.root / "aside.git"
    arena.remote.rename(aside)
    return lambda: aside.rename(arena.remote)


def remote_refuses(arena: Arena) -> Mend:
    """
    A hook of the remote refuses whatever comes.
    """
    return hook(arena.remote, "pre-receive", "echo no pushes today; exit 1").unlink


def remote_lies(arena: Arena) -> Mend:
    """
    The remote takes the push and then puts its branch back.
    """
    before = git(arena.remote, "rev-parse", "--verify", "--quiet", "main", check=False)
    back = f"git update-ref refs/heads/main {before}" if before else "git update-ref -d refs/heads/main"
    return hook(arena.remote, "post-receive", back).unlink


def remote_ahead(arena: Arena) -> Mend:
    """
    Somebody pushed a commit of their own.
    """
    foreign_commit(arena.remote)
    return lambda: None


def remote_new(arena: Arena) -> Mend:
    """
    Somebody made the remote anew, empty.
    """
    shutil.rmtree(arena.remote)
    bare(arena.remote)
    return lambda: None


def state_garbage(arena: Arena) -> Mend:
    """
    The state files are damaged.
    """
    for file in (arena.folder.rows, arena.folder.status):
        file.write_bytes(b"\0rubbish" * 100)
    return lambda: None


def folder_readonly(arena: Arena) -> Mend:
    """
    The repository's folders refuse writes (of a user who is not root).
    """
    folders = [arena.repository / name for name in ("", "objects", "refs/heads") if (arena.repository / name).is_dir()]
    for folder in folders:
        folder.chmod(0o500)

    def mend() -> None:
        for folder in folders:
            folder.chmod(0o755)

    return mend


SLOW = ("hang", "drip", "endless", "after-hang", "after-drip", "after-500", "after-403")
"""A server that does not come to an end, or that does what it is asked and says that it did not."""
_READING = ("look", "probe", "read", "window-open", "window-closed")

FAULTS = (
    Fault("the database is gone", database_gone, (), _READING),
    Fault("the database is replaced by garbage", database_garbage, (), _READING),
    Fault("the database is cut in half", database_cut, (), _READING),
    Fault("the database is locked", database_locked, (), ("look", "read")),
    *(
        Fault(f"REST: {kind}", rest(kind), (), ("release", "read", "window-open", "window-closed"))
        for kind in ("401", "403", "500", "503-once", "html", "drop", "after-drop", *SLOW)
    ),
    *(
        Fault(f"the remote {name}", strike, (), ("repository", "branch-moved", "push"))
        for name, strike in (
            ("is gone", remote_gone),
            ("refuses", remote_refuses),
            ("lies", remote_lies),
            ("has foreign commits", remote_ahead),
            ("is new", remote_new),
        )
    ),
    Fault(
        "the state files are damaged",
        state_garbage,
        (),
        ("release", "compare", "render", "files-written", "branch-moved"),
    ),
    Fault("the repository is read-only", folder_readonly, (), ("repository", "render")),
    *(
        Fault(f"the disk takes {size} bytes a file", _nothing, (("file_limit", size),), ("release",))
        for size in (0, 100, 1000, 4096, 20_000, 100_000)
    ),
)
"""Every kind of fault. A disk that is full on a small file system of its own is tried in the tests."""
