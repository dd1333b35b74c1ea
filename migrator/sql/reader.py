"""
Reading a server's tables: what is there, and its rows in batches. Never writes.

Goes by reflected names, blind to case, so that an older or a newer server, or the embedded one, is read alike.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Select, column, func, inspect, literal_column, select, table
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mssql
from sqlalchemy.sql import quoted_name

from migrator.errors import DatabaseError
from migrator.maps import REGISTRY
from migrator.maps.document_map import Kind, default_map
from migrator.maps.system import CORE_TABLES, EVENTS, EXPECTED_TABLES
from migrator.sql.engine import database_errors
from migrator.sql.rows import BLOB_COLUMN, JSON_COLUMN, SPACE_COLUMN, Row, Table

BATCH = 128
"""Rows fetched at once: few enough to stay in the processor's cache."""
KEYS = 500
"""Keys asked for in one statement."""
FROZEN = "IsFrozen"
_ROWVERSION = "dataversion"
_NEWEST = 100


@dataclass(frozen=True)
class Schema:
    """
    The tables of one server that hold documents, and what was noticed about them.
    """

    tables: tuple[Table, ...]
    warnings: tuple[str, ...]
    all_tables: frozenset[str]
    typed: dict[tuple[str, str], str]
    """How to read a column that needs care: ``datetimeoffset``, ``uuid``, ``date`` or ``decimal``."""
    rowversions: dict[str, str] = field(default_factory=dict)
    """Which column of a table the server bumps at each change."""

    def find(self, name: str) -> Table | None:
        """
        Return a table by name, blind to case.
        """
        return next((item for item in self.tables if item.name.lower() == name.lower()), None)


def reflect(engine: Engine, *, history: bool = False) -> Schema:
    """
    Return what tables and columns the database has; run it before a read transaction is opened.

    Raises:
        DatabaseError: unreachable, or not an Octopus database.
    """
    # One connection for all tables: an engine's inspector would open one for each, a hundred on a real server.
    with database_errors(engine), engine.connect() as connection:
        inspector = inspect(connection)
        names = inspector.get_table_names()
        low = {name.lower(): name for name in names}
        present = [name for name in CORE_TABLES if name.lower() in low]
        if len(present) < 3:
            missing = ", ".join(name for name in CORE_TABLES if name not in present)
            raise DatabaseError(f"this is not an Octopus database: it has no table {missing}; check the address")
        wanted = [name for name in names if not REGISTRY.is_excluded(name)]
        reflected = {name: inspector.get_columns(name) for name in wanted}
    return _schema(reflected, frozenset(low), history)


def _schema(reflected: dict[str, list[Any]], present: frozenset[str], history: bool) -> Schema:
    tables: list[Table] = []
    warnings: list[str] = []
    typed: dict[tuple[str, str], str] = {}
    rowversions: dict[str, str] = {}
    for name, columns in reflected.items():
        found = _table(name, columns, history)
        if found is None:
            continue
        tables.append(found)
        if not found.map.known:
            warnings.append(f"table {name} is not known to this version; its rows are exported as they are")
        rowversions.update((name, item["name"]) for item in columns if _is_rowversion(item))
        typed |= {(found.name, item["name"]): care for item in columns if (care := _care(item["type"]))}
    warnings += [
        f"table {name} is missing, as on an older server; nothing of this type is exported"
        for name in EXPECTED_TABLES
        if name.lower() not in present
    ]
    ordered = sorted(tables, key=lambda item: (REGISTRY.order(item.map.table), item.name))
    return Schema(tuple(ordered), tuple(sorted(warnings)), present, typed, rowversions)


def _table(name: str, columns: list[Any], history: bool) -> Table | None:
    document_map = REGISTRY.find(name)
    names = [item["name"] for item in columns]
    low = {item.lower() for item in names}
    if document_map is None:
        if "id" not in low or not low & {JSON_COLUMN, BLOB_COLUMN}:
            return None
        document_map = default_map(name)
    elif document_map.kind is Kind.HISTORY and not history:
        return None
    kept = tuple(sorted((item["name"] for item in columns if not _is_rowversion(item)), key=_body_last))
    flags = frozenset(i["name"] for i in columns if isinstance(i["type"], (mssql.BIT, sqltypes.Boolean)))
    if "id" not in low and document_map.kind is Kind.CONFIGURATION:
        raise DatabaseError(f"the table {name} has no column Id; this is not a schema that can be read")
    return Table(name, kept, document_map, flags)


def _body_last(name: str) -> int:
    # The spool packs the last column by itself, since a body is by far the largest.
    return (JSON_COLUMN, BLOB_COLUMN).index(name.lower()) + 1 if name.lower() in (JSON_COLUMN, BLOB_COLUMN) else 0


def _is_rowversion(item: Any) -> bool:
    return item["name"].lower() == _ROWVERSION or isinstance(item["type"], (mssql.TIMESTAMP, mssql.ROWVERSION))


def _care(kind: Any) -> str:
    if isinstance(kind, mssql.DATETIMEOFFSET):
        return "datetimeoffset"
    if isinstance(kind, (mssql.UNIQUEIDENTIFIER, sqltypes.Uuid)):
        return "uuid"
    if isinstance(kind, (sqltypes.DateTime, sqltypes.Date)):
        return "date"
    return "decimal" if isinstance(kind, sqltypes.Numeric) and not isinstance(kind, sqltypes.Float) else ""


class Reader:
    """
    Reads tables within one open read transaction.
    """

    def __init__(self, connection: Connection, schema: Schema) -> None:
        self.schema = schema
        self._connection = connection

    def batches(self, source: Table, *, live_only: bool = True) -> Iterator[list[Row]]:
        """
        Yield a table's rows in lists of up to 128 plain tuples; frozen rows are left out in SQL.
        """
        result = self._connection.execute(self.statement(source, live_only=live_only))
        convert = _converter(source, self.schema) or tuple
        with result:
            # Plain fetchmany: pyodbc and pysqlite stream by themselves, and SQLAlchemy's own buffering costs as much
            # as the read.
            while rows := result.fetchmany(BATCH):
                yield [convert(row) for row in rows]

    def statement(self, source: Table, *, live_only: bool = True) -> Select[Any]:
        """
        Return the SELECT for a table's rows.
        """
        columns = [_selected(source, name, self.schema) for name in source.columns]
        statement: Select[Any] = _filtered(select(*columns).select_from(_named(source.name)), source, live_only)
        return statement

    def count(self, source: Table, *, live_only: bool = True) -> int:
        """
        Return COUNT(*) of the rows that ``batches`` yields.
        """
        statement = _filtered(select(func.count()).select_from(_named(source.name)), source, live_only)
        return int(self._connection.execute(statement).scalar_one())

    def by_key(self, source: Table, name: str, values: list[str], *, live_only: bool = True) -> Iterator[Row]:
        """
        Yield the rows whose column *name* has one of *values*, asked in batches.
        """
        convert = _converter(source, self.schema) or tuple
        for start in range(0, len(values), KEYS):
            some = values[start : start + KEYS]
            statement = self.statement(source, live_only=live_only).where(_column(name).in_(some))
            for row in self._connection.execute(statement):
                yield convert(row)

    def scalars(self, source: str, names: tuple[str, ...]) -> list[Row]:
        """
        Return some columns of a whole table (``[]`` if the table or a column is missing on this server).
        """
        if source.lower() not in self.schema.all_tables:
            return []
        statement = select(*[_column(name) for name in names]).select_from(_named(source))
        return [tuple(row) for row in self._connection.execute(statement)]

    def probe(self) -> dict[str, str]:
        """
        Return a cheap sign of each table's state: equal signs mean that nothing moved that the server counts.

        The highest rowversion where a table has one, else the count and the sum of the save counters; and the newest
        audit event but for those of maintenance mode itself.
        """
        signs = {source.name: self._sign(source) for source in self.schema.tables}
        if EVENTS.lower() in self.schema.all_tables:
            signs[EVENTS] = self._newest_event()
        return signs

    def _newest_event(self) -> str:
        # A window switches maintenance mode, which makes events itself. Only the newest rows are looked at, since a
        # condition on the message would read a table of millions.
        statement = select(_column("AutoId"), _column("Message")).select_from(_named(EVENTS))
        rows = self._connection.execute(statement.order_by(_column("AutoId").desc()).limit(_NEWEST)).all()
        return next((str(number) for number, text in rows if "maintenance" not in str(text).lower()), "None")

    def _sign(self, source: Table) -> str:
        counted: list[Any] = [func.count()]
        if source.name in self.schema.rowversions:
            counted.append(func.max(_column(self.schema.rowversions[source.name])))
        elif source.position("Version") is not None and source.position(FROZEN) is not None:
            counted.append(func.sum(_column("Version")))
        statement = _filtered(select(*counted).select_from(_named(source.name)), source, True)
        values = self._connection.execute(statement).one()
        return " ".join(value.hex() if isinstance(value, bytes) else str(value) for value in values)


def _named(name: str) -> Any:
    return table(quoted_name(name, True))


def _column(name: str) -> Any:
    return column(quoted_name(name, True))


def _selected(source: Table, name: str, schema: Schema) -> Any:
    if schema.typed.get((source.name, name)) == "datetimeoffset":
        # As text, since Python's datetime would lose the seventh digit and drivers differ in what they return.
        return func.convert(literal_column("nvarchar(40)"), _column(name), literal_column("121")).label(name)
    return _column(name)


def _filtered(statement: Any, source: Table, live_only: bool) -> Any:
    if live_only and source.position(FROZEN) is not None:
        return statement.where(_column(source.columns[source.position(FROZEN) or 0]) == 0)
    return statement


def _converter(source: Table, schema: Schema) -> Callable[[Any], Row] | None:
    changes = {
        index: _PLAIN[care]
        for index, name in enumerate(source.columns)
        if (care := schema.typed.get((source.name, name)))
    }
    if not changes:
        return None

    def convert(row: Any) -> Row:
        values = list(row)
        for index, change in changes.items():
            if values[index] is not None:
                values[index] = change(values[index])
        return tuple(values)

    return convert


def _offset_text(value: Any) -> Any:
    # '2018-08-01 10:00:00.0000000 +00:00', style 121, becomes ISO 8601; ISO text passes.
    text = str(value)
    return f"{text[:10]}T{text[11:-7]}{text[-6:]}" if text[10:11] == " " and text[-7:-6] == " " else text


def _decimal_text(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    return value


def _date_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (datetime.datetime, datetime.date)) else value


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "datetimeoffset": _offset_text,
    "uuid": lambda value: str(value).lower(),
    "date": _date_text,
    "decimal": _decimal_text,
}
"""Drivers' values as text, so that all drivers give the same bytes."""


def clashing_names(engine: Engine, schema: Schema) -> frozenset[tuple[str, str]]:
    """
    Return the names (type, lower case) that several documents of one owner and space bear but for case.

    The vendor's collation forbids them; another one may not.
    """
    found: set[tuple[str, str]] = set()
    with database_errors(engine), engine.connect() as connection:
        for source in schema.tables:
            name = source.position(source.map.name_property)
            has_names = source.map.known and source.map.unique_name
            if name is None or not has_names or source.position(FROZEN) is not None:
                continue
            low = func.lower(_column(source.columns[name]))
            groups = [low, *(_column(source.columns[at]) for at in _group_positions(source))]
            statement = select(low).select_from(_named(source.name)).group_by(*groups).having(func.count() > 1)
            found.update((source.map.table, str(value).lower()) for (value,) in connection.execute(statement))
        connection.rollback()
    return frozenset(found)


def _group_positions(source: Table) -> list[int]:
    # Versions of a step template share its name; other documents are told apart by owner and space.
    wanted = [source.map.owner, SPACE_COLUMN, *[part for part in source.map.key if part != source.map.name_property]]
    return sorted({at for part in wanted if (at := source.position(part)) is not None})
