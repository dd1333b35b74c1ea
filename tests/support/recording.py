"""
A DBAPI module in pyodbc's place that keeps what it is asked: connections, statements, values, bound types, their order.

SQLAlchemy's dialect of SQL Server runs over it unchanged. Rows come from a SQLite file behind it, which understands
most of T-SQL as the program writes it; what it does not is answered by functions here. Any call can be made to fail.
A text bound as VARCHAR loses what Latin-1 lacks, as on a real server.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from auditor.demo.schema import table_definitions

ADDRESS = "mssql+pyodbc://reader:hunter2@sql01/Octopus?driver=ODBC+Driver+18+for+SQL+Server"
SQL_NAMES = {12: "VARCHAR", 1: "CHAR", -1: "LONGVARCHAR", -9: "WVARCHAR", -10: "WLONGVARCHAR", -3: "VARBINARY"}
_SPEAKS = ("connect", "commit", "rollback", "close", "fetch", "cancel", "timeout", "nextset")


class Error(Exception):
    """
    What a driver raises: SQLSTATE and a text.
    """


class DatabaseError(Error):
    """
    The server said no.
    """


class OperationalError(DatabaseError):
    """
    The connection is lost, or something took too long.
    """


class ProgrammingError(DatabaseError):
    """
    The statement is wrong.
    """


class IntegrityError(DatabaseError):
    """
    A constraint was violated.
    """


def microsoft(state: str, native: int, words: str, function: str = "SQLExecDirectW") -> tuple[str, str]:
    """
    Return the arguments of an error as pyodbc has them from Microsoft's driver.
    """
    source = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"
    return state, f"[{state}] {source}{words} ({native}) ({function})"


def freetds(state: str, native: int, words: str, function: str = "SQLExecDirectW") -> tuple[str, str]:
    """
    Return the arguments of an error as pyodbc has them from FreeTDS.
    """
    return state, f"[{state}] [FreeTDS][SQL Server]{words} ({native}) ({function})"


@dataclass(frozen=True)
class Sent:
    """
    One statement as it was sent: ``types`` names what each value is bound as, ``None`` where the driver chooses.
    """

    connection: int
    text: str
    values: tuple[Any, ...] = ()
    types: tuple[str | None, ...] = ()
    rows: int = 1

    @property
    def varchars(self) -> list[Any]:
        """
        Return the texts that are not bound as nvarchar.
        """
        return [value for value, kind in zip(self.values, self.types, strict=False) if kind and "W" not in kind]


@dataclass
class Fault:
    """
    A failure to come: at statements that match *where*, or at one of connect, commit, rollback, close, fetch.
    """

    where: str
    error: Exception
    times: int = -1


class Recording(ModuleType):
    """
    The module; ``recorded`` puts it where pyodbc is.
    """

    apilevel, threadsafety, paramstyle, version, pooling = "2.0", 1, "qmark", "5.2.0", True
    SQL_DBMS_VER = 18
    SQL_VARCHAR, SQL_WVARCHAR, SQL_CHAR, SQL_WLONGVARCHAR, SQL_VARBINARY = 12, -9, 1, -10, -3
    STRING, NUMBER, DATETIME, BINARY, ROWID = str, float, object, bytes, int
    Error, DatabaseError, OperationalError = Error, DatabaseError, OperationalError
    ProgrammingError, IntegrityError, InterfaceError = ProgrammingError, IntegrityError, Error
    Binary, BinaryNull = bytes, None

    def __init__(self, database: Path, *, snapshot: bool = True, drivers: Sequence[str] = ()) -> None:
        super().__init__("pyodbc")
        self.database, self.snapshot = database, snapshot
        self.installed = list(drivers or ["ODBC Driver 18 for SQL Server"])
        self.sent: list[Sent] = []
        self.events: list[tuple[int, str]] = []
        self.strings: list[str] = []
        self.options: list[dict[str, Any]] = []
        self.open: set[int] = set()
        self.faults: list[Fault] = []
        self.timeouts: dict[int, int] = {}
        self.levels: dict[int, str] = {}
        self.locks: dict[str, int] = {}
        self.collation: Callable[[str], str] = lambda text: unicodedata.normalize("NFC", text).casefold().rstrip(" ")
        self.answers: list[tuple[str, Callable[[Sent], list[tuple[Any, ...]]]]] = []
        self.Cursor, self.Connection = Cursor, Connection

    def drivers(self) -> list[str]:
        """
        Return the names of the drivers, as odbcinst.ini has them.
        """
        return list(self.installed)

    def connect(self, string: str, **options: Any) -> Connection:
        """
        Return a connection; the string is kept.
        """
        self.strings.append(string)
        self.options.append(options)
        self.trip("connect")
        return Connection(self, len(self.strings), options)

    def fail(self, where: str, *arguments: Any, kind: type[Exception] = DatabaseError, times: int = -1) -> None:
        """
        Let what matches *where* fail from now on.
        """
        self.faults.append(Fault(where, kind(*arguments), times))

    def answer(self, pattern: str, rows: Callable[[Sent], list[tuple[Any, ...]]]) -> None:
        """
        Answer statements that match a pattern.
        """
        self.answers.insert(0, (pattern, rows))

    def trip(self, what: str) -> None:
        """
        Raise where a failure was asked for.
        """
        for fault in self.faults:
            hit = (
                fault.where == what if fault.where in _SPEAKS else what not in _SPEAKS and re.search(fault.where, what)
            )
            if hit and fault.times:
                fault.times -= 1
                raise fault.error.with_traceback(None)

    @property
    def connections(self) -> int:
        """
        Return how many connections were made.
        """
        return len(self.strings)

    def texts(self, pattern: str = "") -> list[str]:
        """
        Return the statements that match, in order.
        """
        return [sent.text for sent in self.sent if re.search(pattern, sent.text)]

    def of_tables(self) -> list[str]:
        """
        Return the statements that read one table of documents whole.
        """
        found = [text for text in self.texts(r"FROM \[\w+\]") if "UNION" not in text and "[Installed]" not in text]
        return [text for text in found if " IN (" not in text]

    def clear(self) -> None:
        """
        Forget what was recorded.
        """
        self.sent.clear()
        self.strings.clear()
        self.events.clear()

    def count(self) -> dict[str, int]:
        """
        Return how many connections and statements there were, and of which kind these were.
        """
        kinds = Counter(_kind(sent.text) for sent in self.sent)
        return {"connections": self.connections, "statements": len(self.sent), **dict(sorted(kinds.items()))}


def recorded(monkeypatch: pytest.MonkeyPatch, database: Path, **options: Any) -> Recording:
    """
    Put a recording in pyodbc's place for one test: a server at ``ADDRESS`` that holds what the file holds.
    """
    recording = Recording(database, **options)
    monkeypatch.setitem(sys.modules, "pyodbc", recording)
    return recording


def _kind(text: str) -> str:
    if (
        "sys." in text
        or "INFORMATION_SCHEMA" in text
        or re.search(r"SERVERPROPERTY|schema_name\(|fn_list|'test m", text)
    ):
        return "catalogue"
    return text.split()[0].upper()


@dataclass
class Connection:
    """
    One connection, over a SQLite connection of its own.
    """

    module: Recording
    number: int
    options: dict[str, Any]
    autocommit: bool = False
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.module.open.add(self.number)
        self.db = sqlite3.connect(self.module.database, isolation_level=None, check_same_thread=False, timeout=1)
        _teach(self.db, self.module)
        self._timeout = 0

    @property
    def timeout(self) -> int:
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: int) -> None:
        self.module.trip("timeout")
        self._timeout = self.module.timeouts[self.number] = seconds

    def cursor(self) -> Cursor:
        if self.number not in self.module.open:
            raise ProgrammingError("HY000", "Attempt to use a closed connection.")
        return Cursor(self)

    def add_output_converter(self, kind: int, function: Callable[[bytes], Any]) -> None:
        """
        Take what pyodbc takes.
        """

    def getinfo(self, what: int) -> str:
        """
        Return the server's version.
        """
        return "16.00.4135"

    def commit(self) -> None:
        self._end("commit")

    def rollback(self) -> None:
        self._end("rollback")

    def _end(self, word: str) -> None:
        self.module.trip(word)
        self.module.events.append((self.number, word))
        if self.db.in_transaction:
            self.db.execute(word)

    def close(self) -> None:
        self.module.trip("close")
        self.module.events.append((self.number, "close"))
        self.module.open.discard(self.number)
        for resource in [name for name, owner in self.module.locks.items() if owner == self.number]:
            del self.module.locks[resource]
        self.db.close()


class Cursor:
    """
    One cursor.
    """

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: Any = None
        self.rowcount = -1
        self._types: list[Any] = []
        self._rows: list[Any] = []

    def setinputsizes(self, sizes: Sequence[Any] | None) -> None:
        self._types = list(sizes or [])

    def execute(self, text: str, *values: Any) -> Cursor:
        some = values[0] if len(values) == 1 and isinstance(values[0], (tuple, list)) else values
        return self._run(text, [tuple(some)])

    def executemany(self, text: str, rows: Iterable[Sequence[Any]]) -> None:
        self._run(text, [tuple(row) for row in rows])

    def _run(self, text: str, rows: list[tuple[Any, ...]]) -> Cursor:
        module, db = self.connection.module, self.connection.db
        kinds = [item[0] if isinstance(item, tuple) else item for item in self._types]
        _check_lengths(rows, self._types)
        names = tuple(SQL_NAMES.get(kind) if isinstance(kind, int) else None for kind in kinds)
        values = rows[0] if rows else ()
        sent = Sent(self.connection.number, text, values, names + (None,) * (len(values) - len(names)), len(rows))
        module.sent.append(sent)
        module.events.append((self.connection.number, text))
        module.trip(text)
        scripted = [answer(sent) for pattern, answer in module.answers if re.search(pattern, text, re.S)]
        scripted += [answer(module, sent) for pattern, answer in _ANSWERS if re.search(pattern, text, re.S)]
        if scripted:
            self._rows = list(scripted[0])
            width = len(self._rows[0]) if self._rows else 1
            self.description = [(str(index), None, None, None, None, None, None) for index in range(width)]
            return self
        # What was read at this level may be written by others before the transaction ends.
        loose = text.startswith("SELECT") and module.levels.get(self.connection.number) == "READ COMMITTED"
        if not db.in_transaction and not self.connection.autocommit and not loose:
            db.execute("BEGIN")
        counts = 0
        for row in rows:
            try:
                cursor = db.execute(_sqlite(text), [_as_bound(v, k) for v, k in zip(row, sent.types, strict=False)])
            except sqlite3.OperationalError as error:
                raise AssertionError(f"{error}: {_sqlite(text)}") from None
            except sqlite3.IntegrityError as error:
                raise IntegrityError(
                    *microsoft("23000", 2627, f"Violation of UNIQUE KEY constraint 'UQ_{type(error).__name__}'.")
                ) from None
            counts += max(cursor.rowcount, 0)
        self.rowcount = counts
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        return self

    def fetchone(self) -> Any:
        self.connection.module.trip("fetch")
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        self.connection.module.trip("fetch")
        some, self._rows = self._rows[: size or 1], self._rows[size or 1 :]
        return some

    def fetchall(self) -> list[Any]:
        self.connection.module.trip("fetch")
        some, self._rows = self._rows, []
        return some

    def nextset(self) -> bool:
        module, number = self.connection.module, self.connection.number
        module.trip("nextset")
        module.events.append((number, "nextset"))
        return False

    def cancel(self) -> None:
        self.connection.module.events.append((self.connection.number, "cancel"))
        self.connection.db.interrupt()

    def close(self) -> None:
        self._rows = []


def _check_lengths(rows: list[tuple[Any, ...]], types: list[Any]) -> None:
    """
    Refuse what pyodbc or a driver refuses: half a character, and a long text that is not bound as nvarchar(max).
    """
    for row in rows:
        for value, kind in zip(row, [*types, *[None] * len(row)], strict=False):
            if isinstance(value, str) and len(value.encode("utf-16-le")) > 8000 and (kind or (0, 0))[1] is None:
                raise ProgrammingError(
                    "HY104", "[HY104] [Microsoft][ODBC Driver 18]Invalid precision value (0) (SQLBindParameter)"
                )


def _as_bound(value: Any, kind: str | None) -> Any:
    if isinstance(value, str) and kind in ("VARCHAR", "CHAR", "LONGVARCHAR"):
        return value.encode("latin-1", "replace").decode("latin-1")
    return int(value) if isinstance(value, bool) else value


def _sqlite(text: str) -> str:
    """
    Return T-SQL as SQLite understands it: TOP becomes LIMIT at the end of its SELECT.
    """
    text = text.replace("@@SPID", "1").replace("SET NOCOUNT ON; ", "")
    text = re.sub(r"\bN'", "'", text).replace("AS VARBINARY(8))", "AS BLOB)")
    text = re.sub(r"((?:\[\w+\]\.)?\[\w+\]) = \?", r"collated(\1) = collated(?)", text) if "SELECT" in text else text
    text = re.sub(
        r"((?:\[\w+\]\.)?\[\w+\]) IN \(([?, ]+)\)",
        lambda m: f"collated({m[1]}) IN ({m[2].replace('?', 'collated(?)')})",
        text,
    )
    while found := re.search(r"\bTOP \(?(\d+)\)? ", text):
        depth, end = 0, found.end()
        while end < len(text) and depth >= 0:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        end -= depth < 0
        text = f"{text[: found.start()]}{text[found.end() : end]} LIMIT {found.group(1)}{text[end:]}"
    return text


def _lock(module: Recording, sent: Sent) -> list[tuple[Any, ...]]:
    owner = module.locks.setdefault(str(sent.values[0]), sent.connection)
    return [(0 if owner == sent.connection else -1,)]


def _mode(module: Recording, sent: Sent) -> list[tuple[Any, ...]]:
    return [("Exclusive" if module.locks.get(str(sent.values[0])) == sent.connection else "NoLock",)]


def _set(module: Recording, sent: Sent) -> list[tuple[Any, ...]]:
    if found := re.search(r"ISOLATION LEVEL ([A-Z ]+)", sent.text):
        module.levels[sent.connection] = found.group(1).strip()
    return []


_ANSWERS: list[tuple[str, Any]] = [
    (r"sp_getapplock", _lock),
    (r"APPLOCK_MODE", _mode),
    (r"msdb\.dbo\.backupset", lambda module, sent: [("2026-01-03 22:00", 14)]),
    (r"(BACKUP DATABASE|RESTORE VERIFYONLY)", lambda module, sent: []),
    (r"sys\.dm_tran_locks", lambda module, sent: [("build7", 4711, "DOMAIN\\importer")][: len(module.locks)]),
    (r"^SET (?!NOCOUNT)", _set),
    (r"fn_listextendedproperty", lambda module, sent: []),
    (r"AS NVARCHAR\(max\)", lambda module, sent: [("test max support",)]),
    (r"fn_my_permissions", lambda module, sent: [("CONNECT",), ("SELECT",)]),
    (r"SYSDATETIMEOFFSET", lambda module, sent: [("2026-01-04 12:00:00.1234567 +00:00",)]),
]


def _teach(db: sqlite3.Connection, module: Recording) -> None:
    functions: dict[str, tuple[int, Callable[..., Any]]] = {
        "SERVERPROPERTY": (1, lambda name: {"productversion": "16.0.4135.4"}.get(name.lower(), "Developer Edition")),
        "schema_name": (-1, lambda *_: "dbo"),
        "SCHEMA_ID": (-1, lambda *_: 1),
        "TYPE_NAME": (1, lambda _: None),
        "DB_ID": (0, lambda: 5),
        "DB_NAME": (0, lambda: "Octopus"),
        "SUSER_SNAME": (0, lambda: "reader"),
        "USER_NAME": (0, lambda: "reader"),
        "IS_SRVROLEMEMBER": (1, lambda _: 0),
        "IS_ROLEMEMBER": (1, lambda _: 0),
        "QUOTENAME": (1, lambda name: f"[{name}]"),
        "HAS_PERMS_BY_NAME": (3, lambda name, kind, right: int(right == "SELECT")),
        "OBJECT_ID": (-1, lambda *_: None),
        "nvarchar": (1, lambda length: length),
        "collated": (1, lambda value: value if value is None else module.collation(str(value))),
        "convert": (3, lambda kind, value, style: _style_121(value)),
    }
    for name, (count, function) in functions.items():
        db.create_function(name, count, function)
    with suppress(sqlite3.OperationalError):
        db.execute("PRAGMA case_sensitive_like = OFF")
    db.execute("ATTACH ':memory:' AS sys")
    _catalogue(db, module)
    db.execute("ATTACH ':memory:' AS INFORMATION_SCHEMA")


def _style_121(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?\s*(Z|[+-]\d\d:\d\d)?", value)
    if not found:
        return value
    day, time, digits, zone = found.groups()
    return f"{day} {time}.{(digits or ''):0<7}" + (f" {zone.replace('Z', '+00:00')}" if zone else "")


def _catalogue(db: sqlite3.Connection, module: Recording) -> None:
    known = table_definitions(True) | table_definitions()
    kinds = sorted({column["type"] for table in known.values() for column in table["columns"]})
    db.executescript(
        "CREATE TABLE sys.types (user_type_id, name, is_user_defined DEFAULT 0, is_assembly_type DEFAULT 0);"
        "CREATE TABLE sys.system_views (name); CREATE TABLE sys.schemas (schema_id, name);"
        "INSERT INTO sys.schemas VALUES (1, 'dbo');"
        "CREATE TABLE sys.tables (object_id, name, schema_id, is_ms_shipped DEFAULT 0);"
        "CREATE TABLE sys.objects (object_id, name, schema_id, type DEFAULT 'U', is_ms_shipped DEFAULT 0);"
        "CREATE TABLE sys.columns (object_id, column_id, name, user_type_id, max_length, is_nullable, is_identity,"
        " default_object_id, is_computed DEFAULT 0, system_type_id DEFAULT 0);"
        "CREATE TABLE sys.indexes (object_id, index_id, is_primary_key);"
        "CREATE TABLE sys.index_columns (object_id, index_id, column_id, key_ordinal);"
        "CREATE TABLE sys.databases (database_id, name, snapshot_isolation_state, is_read_committed_snapshot_on);"
        "CREATE TABLE sys.dm_exec_sessions (session_id, transaction_isolation_level);"
        "INSERT INTO sys.system_views VALUES ('dm_exec_sessions'); INSERT INTO sys.dm_exec_sessions VALUES (1, 2);"
    )
    db.execute("INSERT INTO sys.databases VALUES (5, 'Octopus', ?, 0)", (int(module.snapshot),))
    db.executemany("INSERT INTO sys.types (user_type_id, name) VALUES (?, ?)", list(enumerate(kinds)))
    names = db.execute(
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    ).fetchall()
    for number, (name,) in enumerate(names):
        for catalogue in ("tables", "objects"):
            db.execute(f"INSERT INTO sys.{catalogue} (object_id, name, schema_id) VALUES (?, ?, 1)", (number, name))
        real = {column["name"]: column for column in known.get(name, {"columns": []})["columns"]}
        for at, column, declared, required, default, _ in db.execute(f'PRAGMA main.table_info("{name}")').fetchall():
            facts = real.get(column, {})
            guess = "varbinary" if "BLOB" in declared else "int" if "INT" in declared else "nvarchar"
            counted = bool(facts.get("identity"))
            row = (
                number,
                at,
                column,
                kinds.index(facts.get("type", guess)),
                -1,
                not required,
                counted,
                default is not None,
            )
            db.execute("INSERT INTO sys.columns VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0)", row)
