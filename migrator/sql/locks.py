"""
An application lock on a server's database, so that two processes never work on the same server at once.

SQL Server: sp_getapplock, owned by the session, gone with the connection. SQLite: flock on a file beside the database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from migrator.errors import OperatorError
from migrator.file_lock import Taken, hold
from migrator.sql.errors import database_errors

# One name for every server, since the lock belongs to the database that it is taken in.
RESOURCE = "octopus-auditor"
_TAKEN = "another process audits or imports into this server right now; this run was left out"
_GET = text(
    "SET NOCOUNT ON; DECLARE @result int; EXEC @result = sp_getapplock @Resource = :resource, @LockMode = 'Exclusive', "
    "@LockOwner = 'Session', @LockTimeout = 0; SELECT @result"
)


class AlreadyLocked(OperatorError):
    """
    Another process works on the same server.
    """


@contextmanager
def application_lock(engine: Engine, spare: Path | None = None) -> Iterator[None]:
    """
    Hold the lock for the time of the block. *spare* is a folder for the lock file where the database's is not writable.

    Raises:
        AlreadyLocked: another process holds it.
    """
    if engine.dialect.name == "sqlite":
        with _file_lock(_database_file(engine), spare):
            yield
        return
    with database_errors(engine):
        connection = engine.connect()
        # The session's end is the lock's: it must not live on in the pool, nor hold a transaction open.
        connection.connection.driver_connection.autocommit = True  # type: ignore[union-attr]
        connection.detach()
    try:
        with database_errors(engine):
            result = connection.execute(_GET, {"resource": RESOURCE}).scalar()
        # 0 and 1 say that it was granted, at once or after a wait; all that is below says that it was not.
        if result is None or int(result) < 0:
            raise AlreadyLocked(_TAKEN)
        yield
    finally:
        connection.close()


def _database_file(engine: Engine) -> Path:
    name = (engine.url.database or "").removeprefix("file:").partition("?")[0]
    return Path(name)


@contextmanager
def _file_lock(database: Path, spare: Path | None) -> Iterator[None]:
    path = database.with_name(f".{database.name}.{RESOURCE}.lock")
    # A file can be audited by who may only read its folder.
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        if spare is None:
            raise OperatorError(f"the lock file {path} cannot be made; check the rights of its folder")
        path = spare / f"{database.name}.lock"
    try:
        with hold(path):
            yield
    except Taken:
        raise AlreadyLocked(_TAKEN) from None
