"""
What a database login may do, and what a SQL Server says of itself: for checks before the first run.

T-SQL as constants with parameters; only ``grant``, which is shown and never run, is put together from text.

Sources: the vendor's reference of HAS_PERMS_BY_NAME, fn_my_permissions, IS_ROLEMEMBER, SYSDATETIMEOFFSET,
sys.databases.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

from migrator.sql.engine import read_connection

LOGIN = text(
    "SELECT SUSER_SNAME() AS login, USER_NAME() AS name, DB_NAME() AS db,"
    " CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(60)) AS version, CAST(SERVERPROPERTY('Edition') AS"
    " nvarchar(100)) AS edition, COALESCE(IS_SRVROLEMEMBER('sysadmin'), 0) AS sysadmin,"
    " COALESCE(IS_ROLEMEMBER('db_owner'), 0) AS owner"
)
TABLES = text(
    "SELECT t.name AS name,"
    " COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(SCHEMA_NAME(t.schema_id)) + '.' + QUOTENAME(t.name), 'OBJECT', 'SELECT'), 0)"
    " AS may_read,"
    " COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(SCHEMA_NAME(t.schema_id)) + '.' + QUOTENAME(t.name), 'OBJECT', 'INSERT'), 0)"
    " + COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(SCHEMA_NAME(t.schema_id)) + '.' + QUOTENAME(t.name), 'OBJECT',"
    " 'UPDATE'), 0)"
    " + COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(SCHEMA_NAME(t.schema_id)) + '.' + QUOTENAME(t.name), 'OBJECT',"
    " 'DELETE'), 0) AS may_write"
    " FROM sys.tables AS t WHERE SCHEMA_NAME(t.schema_id) = :schema ORDER BY t.name"
)
OF_DATABASE = text("SELECT permission_name FROM fn_my_permissions(NULL, 'DATABASE') ORDER BY permission_name")
ISOLATION = text(
    "SELECT d.snapshot_isolation_state, d.is_read_committed_snapshot_on"
    " FROM sys.databases AS d WHERE d.database_id = DB_ID()"
)
NOW = text("SELECT CONVERT(nvarchar(40), SYSDATETIMEOFFSET(), 121)")
SCHEMA = "dbo"


@dataclass(frozen=True)
class Isolation:
    """
    What a database's settings guarantee to who reads. ``snapshot``: a transaction sees one frozen state (``None``: it
    is being switched); ``committed``: a statement sees the state it began with, and waits for no writer.
    """

    snapshot: bool | None
    committed: bool


@dataclass(frozen=True)
class Rights:
    """
    What a login is and may do. ``unreadable``, ``writable`` and ``invisible`` are names of tables; what is invisible is
    missing, or the login has no right at all on it.
    """

    login: str
    user: str
    database: str
    version: str
    edition: str
    sysadmin: bool
    owner: bool
    unreadable: tuple[str, ...]
    writable: tuple[str, ...]
    invisible: tuple[str, ...]
    of_database: tuple[str, ...]

    def grant(self) -> str:
        """
        Return the T-SQL that gives a login of its own what it needs, and no more.

        SELECT on the schema, not on tables one by one: an upgrade of the server brings new tables, and an export that
        leaves them out in silence is no record.
        """
        # These two are no logins to which a right could be given.
        name = self.user if self.user not in ("dbo", "guest") else "octopus_auditor"
        quoted = "[" + name.replace("]", "]]") + "]"
        database = "[" + self.database.replace("]", "]]") + "]"
        # An account of a domain is known by the backslash in its name.
        proof = "FROM WINDOWS" if "\\" in name else "WITH PASSWORD = N'...'"
        return (
            f"IF SUSER_ID(N'{_escaped(name)}') IS NULL CREATE LOGIN {quoted} {proof}; "
            f"USE {database}; IF USER_ID(N'{_escaped(name)}') IS NULL CREATE USER {quoted} FOR LOGIN {quoted}; "
            f"GRANT CONNECT TO {quoted}; GRANT SELECT ON SCHEMA::{SCHEMA} TO {quoted};"
        )


def _escaped(name: str) -> str:
    return name.replace("'", "''")


def read_rights(engine: Engine, needed: frozenset[str]) -> Rights:
    """
    Return the login's rights on a SQL Server; *needed* are the tables that an export reads where they exist.

    Raises:
        DatabaseError: it cannot be reached.
    """
    with read_connection(engine) as connection:
        login = connection.execute(LOGIN).one()
        tables = connection.execute(TABLES, {"schema": SCHEMA}).all()
        of_database = tuple(str(row[0]) for row in connection.execute(OF_DATABASE))
    lowered = {name.lower() for name in needed}
    visible = {row.name.lower() for row in tables}
    return Rights(
        str(login.login),
        str(login.name),
        str(login.db),
        str(login.version),
        str(login.edition),
        bool(login.sysadmin),
        bool(login.owner),
        tuple(row.name for row in tables if row.name.lower() in lowered and not row.may_read),
        tuple(row.name for row in tables if row.may_write),
        tuple(sorted(name for name in needed if name.lower() not in visible)),
        of_database,
    )


def read_isolation(engine: Engine) -> Isolation:
    """
    Return a database's settings; a transaction on a SQLite file always sees one state.

    Raises:
        DatabaseError: it cannot be reached.
    """
    if engine.dialect.name == "sqlite":
        return Isolation(snapshot=True, committed=True)
    with read_connection(engine) as connection:
        snapshot, committed = connection.execute(ISOLATION).one()
    return Isolation({0: False, 1: True}.get(int(snapshot)), bool(committed))


def database_time(engine: Engine) -> datetime | None:
    """
    Return the database server's own time, ``None`` where it is this machine's (SQLite).

    Raises:
        DatabaseError: it cannot be reached.
    """
    if engine.dialect.name == "sqlite":
        return None
    with read_connection(engine) as connection:
        text = str(connection.execute(NOW).scalar_one())
    return parse_time(text)


def parse_time(text: str) -> datetime:
    """
    Return the moment that style 121 writes as ``2018-08-01 10:00:00.0000000 +00:00``.
    """
    # Seven digits; Python takes six.
    return datetime.fromisoformat(f"{text[:26]}{text[-6:]}")
