"""
An application lock on a server's database, so that two processes never work on the same server at once.

SQL Server: sp_getapplock, owned by the session, gone with the connection. SQLite: flock on a file beside the database.

Sources: the vendor's reference of sp_getapplock, APPLOCK_MODE, sys.dm_tran_locks, sys.dm_exec_sessions.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, exc, text

from migrator.errors import OperatorError
from migrator.file_lock import Taken, hold
from migrator.sql.errors import database_errors, empty

# One name for every server, since the lock belongs to the database that it is taken in.
RESOURCE = "octopus-auditor"
_PATIENCE = 30
"""Seconds for a statement on the lock's connection; none of them waits for anything but the network."""
_TAKEN = (
    "another process audits this server or imports into it right now ({}); this run was left out, "
    "try again when that one has ended"
)
_LOST = (
    "the lock on the database was lost during the run (its session was ended, or its connection broke), so another "
    "process may have been at work since; nothing was committed, try again"
)
_UNKNOWN = "sys.dm_tran_locks tells an administrator which"
_GET = text(
    "SET NOCOUNT ON; DECLARE @result int; EXEC @result = sp_getapplock @Resource = :resource, @LockMode = 'Exclusive', "
    "@LockOwner = 'Session', @LockTimeout = 0; SELECT @result"
)
_MODE = text("SELECT APPLOCK_MODE('public', :resource, 'Session')")
_HOLDER = text(
    "SELECT s.host_name, s.host_process_id, s.login_name FROM sys.dm_tran_locks AS l"
    " JOIN sys.dm_exec_sessions AS s ON s.session_id = l.request_session_id"
    " WHERE l.resource_type = 'APPLICATION' AND l.request_status = 'GRANT' AND l.resource_database_id = DB_ID()"
    " AND CHARINDEX(:resource, l.resource_description) > 0"
)


class AlreadyLocked(OperatorError):
    """
    Another process works on the same server.
    """


class LockLost(OperatorError):
    """
    The lock went during the run: somebody else may have worked on the server since.
    """


@dataclass(frozen=True)
class Lock:
    """
    A lock that was taken; ``connection`` is its own session, ``None`` where it is a file's, which cannot be lost.
    """

    connection: Connection | None = None

    def check(self) -> None:
        """
        Prove that the lock is still held, by its own session.

        Raises:
            LockLost: it is not, or the session is gone.
        """
        if self.connection is None:
            return
        try:
            mode = self.connection.execute(_MODE, {"resource": RESOURCE}).scalar()
        except exc.SQLAlchemyError as error:
            empty(error)
            raise LockLost(_LOST) from None
        if mode != "Exclusive":
            raise LockLost(_LOST)


@contextmanager
def application_lock(engine: Engine, spare: Path | None = None) -> Iterator[Lock]:
    """
    Hold the lock for the time of the block. *spare* is a folder for the lock file where the database's is not writable.

    However the session ends, leaving the block raises nothing of its own.

    Raises:
        AlreadyLocked: another process holds it.
    """
    if engine.dialect.name == "sqlite":
        with _file_lock(_database_file(engine), spare):
            yield Lock()
        return
    with database_errors(engine):
        connection = engine.connect()
        driver = connection.connection.driver_connection
        # The session's end is the lock's: it must not live on in the pool, nor hold a transaction open.
        connection.detach()
    try:
        with database_errors(engine):
            driver.autocommit = True  # type: ignore[union-attr]
            with suppress(Exception):  # A driver that knows no such limit still has the network's.
                driver.timeout = _PATIENCE  # type: ignore[union-attr]
            result = connection.execute(_GET, {"resource": RESOURCE}).scalar()
        # 0 and 1 say that it was granted, at once or after a wait; all that is below says that it was not.
        if result is None or int(result) < 0:
            raise AlreadyLocked(_TAKEN.format(_holder(connection)))
        yield Lock(connection)
    finally:
        _close(connection, driver)


def _close(connection: Connection, driver: Any) -> None:
    # After an error SQLAlchemy lets go of a session without closing it, and the session would keep the lock.
    for close in (connection.close, driver.close):
        with suppress(Exception):
            close()


def _holder(connection: Connection) -> str:
    try:
        found = connection.execute(_HOLDER, {"resource": RESOURCE}).first()
    except exc.SQLAlchemyError as error:
        # It takes a right that an auditor's login need not have.
        empty(error)
        return _UNKNOWN
    if found is None:
        return _UNKNOWN
    host, number, login = (" ".join(str(part).split())[:80] for part in found)
    return f"process {number} on {host}, login {login}"


def _database_file(engine: Engine) -> Path:
    return Path(urllib.parse.unquote((engine.url.database or "").removeprefix("file:")))


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
    except Taken as error:
        raise AlreadyLocked(_TAKEN.format(f"process {error.holder} on this machine")) from None
