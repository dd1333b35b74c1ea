"""
Opening a database: addresses, drivers, isolation, and errors that say what to do.

What differs between SQL Server and the embedded SQLite stand-in is here and nowhere else. Sources: SQLAlchemy's
documentation of its mssql+pyodbc and pysqlite dialects.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url, text
from sqlalchemy.pool import NullPool

from migrator.errors import DatabaseError, UsageError

_DRIVER_HELP = (
    "install unixODBC and a driver for SQL Server: the package msodbcsql18 (or msodbcsql17) from Microsoft, "
    "or tdsodbc with FreeTDS"
)
CONNECT_SECONDS = 15


def parse_address(address: str) -> URL:
    """
    Return the SQLAlchemy URL of *address*, which is one or a bare ODBC connection string.

    Raises:
        UsageError: it is neither.
    """
    if "://" not in address and "=" in address:
        quoted = urllib.parse.quote_plus(address)
        return make_url(f"mssql+pyodbc:///?odbc_connect={quoted}")
    try:
        url = make_url(address)
    except (exc.ArgumentError, ValueError):
        raise UsageError(
            "the database address is neither a SQLAlchemy URL (mssql+pyodbc://..., sqlite:///path) "
            "nor an ODBC connection string (Driver=...;Server=...)"
        ) from None
    if url.get_backend_name() not in ("mssql", "sqlite"):
        raise UsageError(f"databases of kind {url.get_backend_name()} are not supported; use mssql+pyodbc or sqlite")
    return url


def shown(url: URL) -> str:
    """
    Return an address fit for logs and errors: no password, no connection string.
    """
    if "odbc_connect" in url.query:
        parts = urllib.parse.unquote_plus(str(url.query["odbc_connect"])).split(";")
        kept = [p for p in parts if p.partition("=")[0].strip().lower() in ("server", "database", "driver")]
        return ";".join(kept)
    return url.render_as_string(hide_password=True)


def open_engine(address: str, *, writable: bool = False) -> Engine:
    """
    Return an engine that keeps no idle connections; nothing is connected yet.

    A SQLite file is opened read-only unless *writable*; it is never created.

    Raises:
        UsageError: malformed address.
        DatabaseError: the file or the driver is missing.
    """
    url = parse_address(address)
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url, writable)
    try:
        return create_engine(url, poolclass=NullPool, connect_args={"timeout": CONNECT_SECONDS})
    except (ImportError, exc.NoSuchModuleError) as error:
        raise DatabaseError(f"the ODBC driver manager is missing ({error}); {_DRIVER_HELP}") from None


def _open_sqlite(url: URL, writable: bool) -> Engine:
    path = Path(url.database or "")
    if not path.is_file():
        raise DatabaseError(f"the database file {path} does not exist or is not a file; check the address")
    quoted = urllib.parse.quote(str(path.resolve()))
    mode = "rw" if writable else "ro"
    engine = create_engine(
        f"sqlite:///file:{quoted}?mode={mode}&uri=true", poolclass=NullPool, connect_args={"timeout": CONNECT_SECONDS}
    )

    # pysqlite opens no transaction for a SELECT by itself; SQLAlchemy documents this pair of listeners.
    @event.listens_for(engine, "connect")
    def _no_implicit_begin(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        if writable:
            connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writable else "BEGIN")

    return engine


def snapshot_allowed(connection: Connection) -> bool:
    """
    Return whether the database lets readers see one frozen state (ALLOW_SNAPSHOT_ISOLATION; always on SQLite).
    """
    if connection.dialect.name == "sqlite":
        return True
    state = connection.execute(
        text("SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()")
    ).scalar()
    connection.rollback()
    return state == 1


def odbc_drivers() -> list[str] | None:
    """
    Return the names of the installed ODBC drivers, ``None`` without a driver manager.
    """
    try:
        import pyodbc
    except ImportError:
        return None
    return sorted(pyodbc.drivers())


@contextmanager
def read_connection(engine: Engine) -> Iterator[Connection]:
    """
    Yield a connection in one read transaction, under SNAPSHOT isolation where the server allows it.

    Nothing is ever written; the transaction is rolled back at the end, whatever happened.

    Raises:
        DatabaseError: the database cannot be reached, or the connection was lost.
    """
    with database_errors(engine), engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            level = "SNAPSHOT" if snapshot_allowed(connection) else "READ COMMITTED"
            connection = connection.execution_options(isolation_level=level)
        try:
            yield connection
        finally:
            if not connection.closed and not connection.invalidated:
                connection.rollback()


@contextmanager
def database_errors(engine: Engine) -> Iterator[None]:
    """
    Turn the drivers' errors into one sentence each, without the statement and without secrets.
    """
    try:
        yield
    except ImportError as error:
        raise DatabaseError(f"the ODBC driver manager is missing ({error}); {_DRIVER_HELP}") from None
    except exc.DBAPIError as error:
        raise DatabaseError(_sentence(engine.url, error)) from None
    except exc.SQLAlchemyError as error:
        raise DatabaseError(f"the database {shown(engine.url)} gave an error: {type(error).__name__}") from None


_KNOWN = (
    (("can't open lib", "im002", "data source name not found"), f"its ODBC driver is not installed; {_DRIVER_HELP}"),
    (("login failed", "28000"), "it refuses the login; check user, password and rights"),
    (("file is not a database",), "the file is not a SQLite database; check the address"),
    (("database is locked",), "another program holds it locked; try again later"),
    (("snapshot isolation transaction failed",), "its structure was changed during the read; try again"),
    (("deadlock", "40001"), "it chose this read as a deadlock's victim; try again"),
    (("permission was denied", "42000"), "the login lacks a right; grant SELECT on the schema dbo"),
    (("disk i/o error", "disk is full"), "its disk gave an error or is full"),
    (
        ("hyt00", "hyt01", "08001", "08s01", "timeout", "unable to open", "server is not found", "unable to connect"),
        "it cannot be reached; check the server's name, the network and that it is running",
    ),
)


def _sentence(url: URL, error: exc.DBAPIError) -> str:
    words = str(error.orig).lower()
    for signs, meaning in _KNOWN:
        if any(sign in words for sign in signs):
            return f"the database {shown(url)} cannot be used: {meaning}"
    kind = type(error.orig).__name__
    detail = str(error.orig).split("\n")[0][:200] if url.get_backend_name() == "sqlite" else _odbc_state(error)
    return f"the database {shown(url)} gave an error ({kind}: {detail})"


def _odbc_state(error: exc.DBAPIError) -> str:
    # A driver's text may repeat values of the statement, so only its five-letter state is shown.
    args = getattr(error.orig, "args", ())
    return f"SQLSTATE {args[0]}" if args and isinstance(args[0], str) and len(args[0]) == 5 else "no state"
