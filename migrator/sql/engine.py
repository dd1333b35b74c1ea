"""
Opening a database: connections, their limits, isolation, and breaking off what runs on them. What differs between SQL
Server and SQLite begins here.

Sources: SQLAlchemy's documentation of its mssql+pyodbc and pysqlite dialects, of pooling and of its events; sqlite3's
of ``Connection.interrupt``; pyodbc's of ``Cursor.cancel``, which is ODBC's SQLCancel.
"""

from __future__ import annotations

import logging
import threading
import urllib.parse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import NullPool, QueuePool

from migrator.errors import DatabaseError
from migrator.sql.address import is_freetds, parse_address, with_driver
from migrator.sql.drivers import DRIVER_HELP, choose
from migrator.sql.errors import database_errors, half_characters

_LEVEL, _LOCK = "isolation level", "milliseconds for a lock"


@dataclass(frozen=True)
class Limits:
    """
    How long to wait, in seconds: for a connection, for somebody else's lock, for one statement.
    """

    connect: float = 15
    lock: float = 30
    statement: float = 600


NO_LIMITS_GIVEN = Limits()


def open_engine(address: str, *, writable: bool = False, limits: Limits = NO_LIMITS_GIVEN) -> Engine:
    """
    Return an engine; nothing is connected yet. Dispose of it at the end: one idle connection may be kept until then.

    A SQLite file is opened read-only unless *writable*; it is never created.

    Raises:
        UsageError: malformed address.
        DatabaseError: the file or the driver is missing.
    """
    _silence()
    url = parse_address(address)
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url, writable, limits)
    driver = choose(url)
    try:
        engine = create_engine(
            with_driver(url, driver.name if driver else None),
            # FreeTDS is left to pyodbc, which binds each str as nvarchar by itself.
            use_setinputsizes=not (driver and is_freetds(driver.name)),
            # One connection is kept between the steps of a run; a lock takes its own and closes it.
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=4,
            # Parameters are what stands in documents, and an error shows its statement.
            hide_parameters=True,
            # Else each new connection is asked first whether tables may have comments.
            supports_comments=False,
            connect_args={"timeout": max(1, round(limits.connect))},
        )
    except (ImportError, exc.NoSuchModuleError) as error:
        raise DatabaseError(f"the ODBC driver manager is missing ({error}); {DRIVER_HELP}") from None
    # Sessions end with their connections, and what a session holds with them; ODBC's own pool would keep both.
    engine.dialect.loaded_dbapi.pooling = False  # type: ignore[attr-defined]
    event.listen(engine, "connect", lambda connection, record: _limit(connection, record, limits))
    event.listen(engine, "handle_error", half_characters)
    return engine


def _silence() -> None:
    """
    Keep SQLAlchemy from writing errors of drivers to stderr, where values of statements would show.
    """
    logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL + 1)
    # A rollback that fails while another error is handled is warned of with that error's text.
    warnings.filterwarnings("ignore", category=exc.SAWarning)


def _limit(connection: Any, record: Any, limits: Limits) -> None:
    with suppress(Exception):  # A driver that knows no such limit still has that of locks.
        # Never 0, which would mean no limit at all.
        connection.timeout = max(1, round(limits.statement))
    record.info[_LOCK] = max(1, round(limits.lock * 1000))


def _open_sqlite(url: URL, writable: bool, limits: Limits) -> Engine:
    path = Path(url.database or "")
    if not path.is_file():
        raise DatabaseError(f"the database file {path} does not exist or is not a file; check the address")
    quoted = urllib.parse.quote(str(path.resolve()))
    # By a URI, since SQLite would make an empty file where a name is mistyped.
    mode = "rw" if writable else "ro"
    engine = create_engine(
        # As parts, since a text of an address would be unquoted once more before SQLite does so itself.
        URL.create("sqlite", database=f"file:{quoted}", query={"mode": mode, "uri": "true"}),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": limits.lock},
    )

    event.listen(engine, "handle_error", half_characters)

    # pysqlite opens no transaction for a SELECT by itself; SQLAlchemy documents this pair of listeners.
    @event.listens_for(engine, "connect")
    def _no_implicit_begin(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        if writable:
            # Whatever this build's default is: an import that was told done must survive a failing power.
            connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later is refused at once where another one wrote in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writable else "BEGIN")

    return engine


@contextmanager
def transaction(engine: Engine, level: str, *, writing: bool = False) -> Iterator[Connection]:
    """
    Yield a connection in one transaction at an isolation level; it is rolled back at the end unless it was committed.

    SQLite knows one level only. The level stays with the connection, so it is not set again for the next transaction.

    Raises:
        DatabaseError: the database cannot be reached, or the connection was lost.
    """
    with database_errors(engine, writing=writing), engine.connect() as connection:
        try:
            if connection.dialect.name != "sqlite" and connection.info.get(_LEVEL) != level:
                lock = connection.info[_LOCK]
                connection.exec_driver_sql(f"SET LOCK_TIMEOUT {lock}; SET TRANSACTION ISOLATION LEVEL {level}")
                # What began at the old level ends with it: a transaction cannot become a snapshot.
                connection.rollback()
                connection.info[_LEVEL] = level
            yield connection
        finally:
            _undo(connection)


def _undo(connection: Connection) -> None:
    """
    Roll back; where that fails the connection is closed, which ends its transaction at the server.
    """
    if connection.closed or connection.invalidated:
        return
    try:
        connection.rollback()
    except exc.SQLAlchemyError:
        with suppress(exc.SQLAlchemyError):
            connection.invalidate()


def read_connection(engine: Engine, *, one_state: bool = False) -> Any:
    """
    Return a ``transaction`` that reads, under SNAPSHOT isolation for *one_state*: only where the server allows it.
    """
    return transaction(engine, "SNAPSHOT" if one_state else "READ COMMITTED")


class Cancelled(DatabaseError):
    """
    A statement was not begun, since what it belongs to was broken off.
    """


class Canceller:
    """
    Breaks off what runs on the engines that it watches, from any thread, and lets nothing more begin on them.

    It ends no connection attempt, nor SQLite's wait for another process's lock; both have limits of their own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[int, Any] = {}
        self._cancelled = False

    def watch(self, engine: Engine) -> None:
        """
        Watch an engine before anything is asked of it.
        """
        event.listen(engine, "before_cursor_execute", self._begins)
        event.listen(engine, "checkin", self._ends)

    def cancel(self) -> None:
        """
        Break off what runs. A statement may begin in this very moment, so call it again until the read has ended.
        """
        with self._lock:
            self._cancelled = True
            cursors = list(self._newest.values())
        for cursor in cursors:
            # It may have ended, and been closed, in this very moment.
            with suppress(Exception):
                stop = getattr(cursor, "cancel", None) or cursor.connection.interrupt
                stop()

    def _begins(self, connection: Any, cursor: Any, *_: Any) -> None:
        with self._lock:
            if self._cancelled:
                raise Cancelled("the database was not asked any more, since the read was broken off")
            # A connection has one statement at a time: the next one begins when the one before is read to its end.
            self._newest[id(connection.connection.dbapi_connection)] = cursor

    def _ends(self, dbapi_connection: Any, _: Any) -> None:
        with self._lock:
            self._newest.pop(id(dbapi_connection), None)
