"""
A backup of the whole database: when the last one was made, and making one before something is written.

At a SQL Server the server itself writes it, to a path of its own machine. Nothing here is within a transaction.

Sources: the vendor's reference of BACKUP, RESTORE VERIFYONLY, RESTORE LABELONLY, msdb.dbo.backupset; pyodbc's wiki on
statements with several results; sqlite3's documentation of Connection.backup.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, exc, text

from migrator.errors import DatabaseError, OperatorError
from migrator.sql.engine import read_connection
from migrator.sql.errors import database_errors

_LAST = text(
    "SELECT CONVERT(nvarchar(16), MAX(b.backup_finish_date), 120), DATEDIFF(hour, MAX(b.backup_finish_date), GETDATE())"
    " FROM msdb.dbo.backupset AS b WHERE b.database_name = DB_NAME() AND b.type IN ('D', 'I')"
)
# As variables, which BACKUP and RESTORE take: a path is never part of a statement's text.
_DEVICE = "SET NOCOUNT ON; DECLARE @path nvarchar(1024) = ?; DECLARE @name sysname = DB_NAME(); "
_LABEL = _DEVICE + "RESTORE LABELONLY FROM {} = @path"
_BACKUP = _DEVICE + "BACKUP DATABASE @name TO {} = @path WITH COPY_ONLY, CHECKSUM"
_VERIFY = _DEVICE + "RESTORE VERIFYONLY FROM {} = @path WITH CHECKSUM"
_UNKNOWN = "when the target was last backed up is unknown ({}); --backup makes a backup first"


def last_backup(engine: Engine) -> str:
    """
    Return a sentence about the last backup of a database, which may be that it is unknown. Never fails.
    """
    if engine.dialect.name == "sqlite":
        return _UNKNOWN.format("a SQLite file keeps no history of that")
    try:
        with read_connection(engine) as connection:
            when, hours = connection.execute(_LAST).one()
    except DatabaseError:
        return _UNKNOWN.format("the login may not read msdb.dbo.backupset, or there is none")
    if when is None:
        return "no backup of the target is known; --backup makes one first"
    return f"the target was last backed up {when} by its own clock, {hours} hours ago"


def make_backup(engine: Engine, path: str) -> None:
    """
    Back a database up to a file that is not there yet, and verify it: of the server's machine, or of this one (SQLite).

    Raises:
        OperatorError: it failed, or something is there already; there is no whole backup then.
    """
    try:
        if engine.dialect.name == "sqlite":
            _copy(engine, Path(path))
        else:
            _on_server(engine, path)
    except DatabaseError as error:
        raise OperatorError(f"no verified backup was made, so nothing was imported: {error}") from None


def _on_server(engine: Engine, path: str) -> None:
    device = "URL" if path.lower().startswith("https://") else "DISK"
    with database_errors(engine):
        connection = engine.connect()
        driver: Any = connection.connection.driver_connection
        # Nothing of this session may come back into the pool.
        connection.detach()
    try:
        driver.autocommit = True
        with suppress(Exception):
            # However long it takes: a limit of statements is not meant for this one.
            driver.timeout = 0
        if _is_there(engine, driver, device, path):
            raise OperatorError(
                f"{path} holds a backup already, on the database server's machine; nothing was imported, name another"
            )
        _run(engine, driver, _BACKUP.format(device), path)
        _run(engine, driver, _VERIFY.format(device), path)
    finally:
        for close in (connection.close, driver.close):
            with suppress(Exception):
                close()


def _is_there(engine: Engine, driver: Any, device: str, path: str) -> bool:
    # A second backup would be added to the first, and the first be verified.
    try:
        _run(engine, driver, _LABEL.format(device), path)
    except DatabaseError:
        return False
    return True


def _run(engine: Engine, driver: Any, statement: str, path: str) -> None:
    """
    Run a statement to its very end: its messages are results, and who closes the cursor before them breaks it off.
    """
    errors: Any = engine.dialect.loaded_dbapi
    with database_errors(engine):
        try:
            with closing(driver.cursor()) as cursor:
                cursor.execute(statement, path)
                while cursor.nextset():
                    pass
        except errors.Error as error:
            raise exc.DBAPIError(None, None, error) from None


def _copy(engine: Engine, path: Path) -> None:
    try:
        # Its secrets are those of the database: for the owner alone, and never over something.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise OperatorError(f"the backup {path} cannot be made: {error.strerror}; nothing was imported") from None
    try:
        with (
            database_errors(engine),
            closing(engine.raw_connection()) as source,
            closing(sqlite3.connect(path)) as copy,
        ):
            source.driver_connection.backup(copy)  # type: ignore[union-attr]
            sound = copy.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
        if not sound:
            raise OperatorError("the database file is damaged, and so is its backup; nothing was imported")
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except (sqlite3.Error, OSError) as error:
        path.unlink(missing_ok=True)
        raise OperatorError(f"the backup {path} cannot be written ({error}); nothing was imported") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
