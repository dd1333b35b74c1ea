"""
Reading a server's tables: what is there, and its rows in batches. Never writes.

Goes by the names of the catalogue, blind to case, so that an older or a newer server, or the embedded one, is read
alike.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    LargeBinary,
    Select,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    union_all,
)

from migrator.errors import DatabaseError
from migrator.maps import REGISTRY
from migrator.maps.document_map import Kind, default_map
from migrator.maps.system import CORE_TABLES, EVENTS, EXPECTED_TABLES
from migrator.sql.catalogue import Catalogue, Column, read_catalogue
from migrator.sql.engine import read_connection
from migrator.sql.rows import BLOB_COLUMN, JSON_COLUMN, SPACE_COLUMN, Declared, Row, Table, digest
from migrator.sql.statements import KEY, among, key, named, plain

BATCH = 128
"""Rows fetched at once: few enough to stay in the processor's cache."""
KEYS = 500
"""Keys asked for in one statement."""
FROZEN = "IsFrozen"
_NEWEST = 100
_DIGITS = 19
"""Of the smallest number that no bigint holds."""
_TOGETHER = 100
"""Tables asked about in one statement."""


@dataclass(frozen=True)
class Schema:
    """
    The tables of one server that hold documents, and what was noticed about them.
    """

    tables: tuple[Table, ...]
    warnings: tuple[str, ...]
    catalogue: Catalogue

    def find(self, name: str) -> Table | None:
        """
        Return a table by name, blind to case.
        """
        return next((item for item in self.tables if item.name.lower() == name.lower()), None)

    def rowversion(self, table: str) -> str | None:
        """
        Return which column of a table the server bumps at each change, if there is one.
        """
        return next((item.name for item in self.catalogue.columns(table).values() if item.is_rowversion), None)


def reflect(engine: Engine, *, history: bool = False) -> Schema:
    """
    Return what tables a database has, in a transaction of its own: under a snapshot a change of structure is an error.

    Raises:
        DatabaseError: unreachable, or not an Octopus database.
    """
    with read_connection(engine) as connection:
        catalogue = read_catalogue(connection)
    return schema_of(catalogue, history=history)


def schema_of(catalogue: Catalogue, *, history: bool = False) -> Schema:
    """
    Return the tables of a database that hold documents, in the order they are read.

    Raises:
        DatabaseError: it is not an Octopus database.
    """
    present = [name for name in CORE_TABLES if name.lower() in catalogue.spelled]
    # Some of them and not all: an older or a newer server may lack one.
    if len(present) < 3:
        missing = ", ".join(name for name in CORE_TABLES if name not in present)
        raise DatabaseError(f"this is not an Octopus database: it has no table {missing}; check the address")
    tables = [
        found
        for name, columns in catalogue.tables.items()
        if not REGISTRY.is_excluded(name) and (found := _table(name, columns, history)) is not None
    ]
    warnings = [
        f"table {item.name} is not known to this version; its rows are exported as they are"
        for item in tables
        if not item.map.known
    ]
    warnings += [
        f"table {name} is missing, as on an older server; nothing of this type is exported"
        for name in EXPECTED_TABLES
        if name.lower() not in catalogue.spelled
    ]
    ordered = sorted(tables, key=lambda item: (REGISTRY.order(item.map.table), item.name))
    return Schema(tuple(ordered), tuple(sorted(warnings)), catalogue)


def _table(name: str, columns: Sequence[Column], history: bool) -> Table | None:
    document_map = REGISTRY.find(name)
    lowered = {item.name.lower() for item in columns}
    if document_map is None:
        # Without both it holds no documents, but counters, edges or the like.
        if "id" not in lowered or not lowered & {JSON_COLUMN, BLOB_COLUMN}:
            return None
        document_map = default_map(name)
    # Left out here, so that millions of rows are not asked for.
    elif document_map.kind is Kind.HISTORY and not history:
        return None
    if "id" not in lowered and document_map.kind is Kind.CONFIGURATION:
        raise DatabaseError(f"the table {name} has no column Id; this is not a schema that can be read")
    # A rowversion moves with every write to its row, whatever was written, and belongs to one database.
    kept = sorted((item.name for item in columns if not item.is_rowversion), key=_body_last)
    return Table(name, tuple(kept), document_map, {item.name.lower(): item.kind for item in columns})


def _body_last(name: str) -> int:
    # The spool packs the last column by itself, since a body is by far the largest.
    return (JSON_COLUMN, BLOB_COLUMN).index(name.lower()) + 1 if name.lower() in (JSON_COLUMN, BLOB_COLUMN) else 0


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
        convert = _converter(source) or tuple
        with result:
            # Plain fetchmany: pyodbc and pysqlite stream by themselves, and SQLAlchemy's own buffering costs as much
            # as the read.
            while rows := result.fetchmany(BATCH):
                yield [convert(row) for row in rows]

    def statement(self, source: Table, *, live_only: bool = True) -> Select[Any]:
        """
        Return the SELECT for a table's rows.
        """
        columns = [_selected(source, name) for name in source.columns]
        statement: Select[Any] = _filtered(select(*columns).select_from(named(source.name)), source, live_only)
        return statement

    def counts(self, sources: Sequence[Table], *, live_only: bool = True) -> list[int]:
        """
        Return COUNT(*) of the rows that ``batches`` yields, for each of *sources*, in one statement.
        """
        statements = [
            _filtered(select(func.count()).select_from(named(item.name)), item, live_only) for item in sources
        ]
        return [count for (count,) in self._together(statements)]

    def by_key(self, source: Table, name: str, values: list[str], *, live_only: bool = True) -> Iterator[Row]:
        """
        Yield the rows whose column *name* has one of *values*, asked in batches.
        """
        convert = _converter(source) or tuple
        wanted: list[Any] = values
        if source.kind(name) is Declared.INTEGER:
            # One text that is no number would make the whole statement an error.
            wanted = [int(text) for text in values if text.isascii() and text.isdecimal() and len(text) < _DIGITS]
        for start in range(0, len(wanted), KEYS):
            some = wanted[start : start + KEYS]
            statement = self.statement(source, live_only=live_only).where(among(key(name, source.kind(name)), some))
            for row in self._connection.execute(statement):
                yield convert(row)

    def scalars(self, source: str, names: tuple[str, ...]) -> list[Row]:
        """
        Return some columns of a whole table (``[]`` if the table or a column is missing on this server).
        """
        catalogue = self.schema.catalogue
        found = catalogue.columns(source)
        if any(name.lower() not in found for name in names):
            return []
        declared = {name: item.kind for name, item in found.items()}
        table = Table(catalogue.spelled[source.lower()], names, default_map(source), declared)
        return [row for batch in self.batches(table) for row in batch]

    def probe(self, *, thorough: bool = False) -> dict[str, str]:
        """
        Return a sign of each table's state, and the newest audit event but for those of maintenance mode itself.

        Cheap signs are the count with the highest rowversion and the sum of them, or of the save counters: equal ones
        mean that nothing moved that the server counts. A *thorough* sign has a digest of the rows beside that where no
        rowversion counts every change: equal ones mean that no document moved.
        """
        signs = {source.name: self._sign(source) for source in self.schema.tables}
        if self.schema.catalogue.columns(EVENTS):
            signs[EVENTS] = _newest_event()
        rows = self._together(list(signs.values()))
        shown = {name: _shown(row) for name, row in zip(signs, rows, strict=True)}
        for source in self.schema.tables if thorough else ():
            # What happens has no end; it comes and goes with its count.
            if source.map.kind is not Kind.HISTORY and not self._counts_changes(source):
                shown[source.name] += f" {digest(source, self.batches(source))}"
        return shown

    def _counts_changes(self, source: Table) -> bool:
        # In a file a rowversion is bumped by who writes, and who writes by hand need not.
        return self._connection.dialect.name != "sqlite" and self.schema.rowversion(source.name) is not None

    def _sign(self, source: Table) -> Select[Any]:
        """
        Return a SELECT of count, highest rowversion and sum of rowversions or save counters, NULL where there are none.
        """
        rowversion = self.schema.rowversion(source.name)
        highest: Any = func.max(plain(rowversion)) if rowversion else null()
        saved: Any = null()
        if rowversion:
            # Who began early may commit late, below the highest by then.
            saved = func.sum(cast(plain(rowversion), BigInteger))
        # What can be frozen counts its saves there; a release has a text in a column of that name.
        if not rowversion and source.position("Version") is not None and source.position(FROZEN) is not None:
            # A sum of ints is an int to the server, and an error where it is too large for one.
            saved = func.sum(cast(plain("Version"), BigInteger))
        # Each place of a UNION has one type, and a NULL alone has none that suits the others.
        statement = select(func.count(), cast(highest, LargeBinary(8)), cast(saved, BigInteger))
        found: Select[Any] = _filtered(statement.select_from(named(source.name)), source, True)
        return found

    def _together(self, wanted: Sequence[Select[Any]]) -> list[Row]:
        """
        Return the one row that each of some SELECTs gives, a hundred of them in a statement.
        """
        found: dict[int, Row] = {}
        for start in range(0, len(wanted), _TOGETHER):
            some = enumerate(wanted[start : start + _TOGETHER], start)
            # A UNION promises no order.
            parts = [item.add_columns(literal_column(str(number)).label("part")) for number, item in some]
            found.update((row[-1], tuple(row[:-1])) for row in self._connection.execute(union_all(*parts)))
        return [found[number] for number in range(len(wanted))]


def _shown(values: Row) -> str:
    return " ".join(item.hex() if isinstance(item, bytes) else str(item) for item in values if item is not None)


def _newest_event() -> Select[Any]:
    # A window switches maintenance mode, which makes events itself. Only the newest rows are looked at, since a
    # condition on the message would read a table of millions.
    number, words = plain("AutoId"), func.lower(func.coalesce(key("Message"), literal("", KEY)))
    newest = select(number, plain("Message")).select_from(named(EVENTS)).order_by(number.desc()).limit(_NEWEST)
    highest = select(func.max(plain("AutoId")), cast(null(), LargeBinary(8)), cast(null(), BigInteger))
    return highest.select_from(newest.subquery()).where(words.not_like(literal("%maintenance%", KEY)))


def _selected(source: Table, name: str) -> Any:
    if source.kind(name) is Declared.INSTANT:
        # As text, since Python's datetime would lose the seventh digit and drivers differ in what they return.
        return func.convert(literal_column("nvarchar(40)"), plain(name), literal_column("121")).label(name)
    return plain(name)


def _filtered(statement: Any, source: Table, live_only: bool) -> Any:
    at = source.position(FROZEN)
    if live_only and at is not None:
        return statement.where(key(source.columns[at], Declared.FLAG) == 0)
    return statement


def _converter(source: Table) -> Callable[[Any], Row] | None:
    changes = {
        index: _PLAIN[kind] for index, name in enumerate(source.columns) if (kind := source.kind(name)) in _PLAIN
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


def _decimal_text(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    return value


def _date_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (datetime.datetime, datetime.date, datetime.time)) else value


def _guid_text(value: Any) -> Any:
    if isinstance(value, bytes) and len(value) == 16:
        # The server keeps the first three groups in the other byte order.
        value = uuid.UUID(bytes_le=value)
    return str(value)


_PLAIN: dict[Declared, Callable[[Any], Any]] = {
    Declared.GUID: _guid_text,
    Declared.DATE: _date_text,
    Declared.DECIMAL: _decimal_text,
}
"""Drivers' values as what a file holds; the one text of an instant or a GUID is made in ``rows``."""


class Names:
    """
    Finds the names of a table's rows that several documents of one owner and space bear but for case.

    The vendor's collation forbids them; another one may not.
    """

    def __init__(self, source: Table) -> None:
        name = source.position(source.map.name_property)
        unique = source.map.known and source.map.unique_name and source.position(FROZEN) is None
        self._name = name if unique else None
        self._group = _group_positions(source)
        self._seen: set[tuple[Any, ...]] = set()
        self.clashing: set[str] = set()

    def add(self, rows: Sequence[Row]) -> None:
        """
        Look at some rows.
        """
        at = self._name
        if at is None:
            return
        for row in rows:
            name = row[at].lower() if isinstance(row[at], str) else None
            if name:
                place = (name, *[row[position] for position in self._group])
                if place in self._seen:
                    self.clashing.add(name)
                self._seen.add(place)


def _group_positions(source: Table) -> list[int]:
    # Versions of a step template share its name; other documents are told apart by owner and space.
    wanted = [source.map.owner, SPACE_COLUMN, *[part for part in source.map.key if part != source.map.name_property]]
    return sorted({at for part in wanted if (at := source.position(part)) is not None})
