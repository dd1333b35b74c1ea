"""
Reading a server's tables: their rows in batches, what tells these apart, their number. Never writes.

Goes by the names of the catalogue, blind to case, so that an older or a newer server, or the embedded one, is read
alike.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
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
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import quoted_name

from migrator.documents.document import by_number
from migrator.documents.instants import canonical_guid
from migrator.maps.document_map import Kind, default_map
from migrator.maps.membership import Joined
from migrator.maps.system import EVENTS
from migrator.sql.rows import SPACE_COLUMN, Declared, Row, Table, digest, from_column
from migrator.sql.statements import KEY, among, key, named, plain
from migrator.sql.tables import Schema, with_key

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
class Whole:
    """
    A table whose rows nothing tells apart: it is one document.
    """

    table: Table


@dataclass(frozen=True)
class Unread:
    """
    A table that is not read, and why.
    """

    reason: str


class Reader:
    """
    Reads tables within one open read transaction.
    """

    def __init__(self, connection: Connection, schema: Schema) -> None:
        self.schema = schema
        self._connection = connection
        self._lists: dict[Joined, dict[str, str]] = {}

    def batches(self, source: Table, *, live_only: bool = True) -> Iterator[list[Row]]:
        """
        Yield a table's rows in lists of up to 128 plain tuples; frozen rows are left out in SQL.
        """
        result = self._connection.execute(self.statement(source, live_only=live_only))
        convert = self._complete(source)
        with result:
            # Plain fetchmany: pyodbc and pysqlite stream by themselves, and SQLAlchemy's own buffering costs as much
            # as the read.
            while rows := result.fetchmany(BATCH):
                yield [convert(row) for row in rows]

    def statement(self, source: Table, *, live_only: bool = True) -> Select[Any]:
        """
        Return the SELECT for a table's rows.
        """
        columns = [_selected(source, name) for name in source.stored]
        if source.joined:
            columns.append(plain("Id"))
        statement: Select[Any] = _filtered(
            select(*columns).select_from(named(source.name, source.schema)), source, live_only
        )
        return statement

    def counts(self, sources: Sequence[Table], *, live_only: bool = True) -> list[int]:
        """
        Return COUNT(*) of the rows that ``batches`` yields, for each of *sources*, in one statement.
        """
        statements = [
            _filtered(select(func.count()).select_from(named(item.name, item.schema)), item, live_only)
            for item in sources
        ]
        return [count for (count,) in self._together(statements)]

    def told_apart(self, source: Table, limit: int) -> Table | Whole | Unread:
        """
        Return a table that nobody has facts about as its rows are told apart: by their Id, else by their primary key.

        No file system tells two names apart that differ in case only, so what does is asked of the rows themselves.
        """
        try:
            (count,) = self.counts([source])
            if count > limit:
                return Unread(f"it has {count} rows, and no more than {limit} are taken of a table without facts")
            if not source.columns:
                return Unread("it has no column with content")
            for names in (("Id",), source.primary):
                if names and self._differ(source, names):
                    return with_key(source, names)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            return Unread("the database gave an error when it was read")
        return Whole(source)

    def _differ(self, source: Table, names: tuple[str, ...]) -> bool:
        """
        Return whether the values of some columns tell all rows apart, blind to case.
        """
        if not {name for _, name, _ in source.plain_columns}.issuperset(names):
            return False
        narrowed, seen = replace(source, columns=names), set[str]()
        for batch in self.batches(narrowed):
            for row in batch:
                identity = identity_of(narrowed, row)
                if identity is None or identity.casefold() in seen:
                    return False
                seen.add(identity.casefold())
        return True

    def by_key(self, source: Table, name: str, values: list[str], *, live_only: bool = True) -> Iterator[Row]:
        """
        Yield the rows whose column *name* has one of *values*, asked in batches.
        """
        convert = self._complete(source)
        wanted: list[Any] = values
        if source.kind(name) is Declared.INTEGER:
            # One text that is no number would make the whole statement an error.
            wanted = [int(text) for text in values if text.isascii() and text.isdecimal() and len(text) < _DIGITS]
        for start in range(0, len(wanted), KEYS):
            some = wanted[start : start + KEYS]
            statement = self.statement(source, live_only=live_only).where(among(key(name, source.kind(name)), some))
            for row in self._connection.execute(statement):
                yield convert(row)

    def _complete(self, source: Table) -> Callable[[Any], Row]:
        """
        Return what makes a table's row of what its statement gives: with the lists that are in tables of their own.
        """
        convert = _converter(source) or tuple
        if not source.joined:
            return convert
        lists = {item.property: self._list(item) for item in source.joined}

        def complete(row: Any) -> Row:
            *values, identity = convert(row)
            rest = iter(values)
            owner = str(identity).lower()
            return tuple(lists[name].get(owner, "") if name in lists else next(rest) for name in source.columns)

        return complete

    def _list(self, join: Joined) -> dict[str, str]:
        """
        Return a list of each document, by lower-case id, as a column would hold it.
        """
        if join not in self._lists:
            found: dict[str, list[Row]] = {}
            for owner, *element in self._connection.execute(elements(join, join.owner)):
                found.setdefault(str(owner).lower(), []).append(tuple(element))
            self._lists[join] = {owner: f"|{'|'.join(in_order(rows))}|" for owner, rows in found.items()}
        return self._lists[join]

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
        signs = {_sign_name(source): self._sign(source) for source in self.schema.tables}
        joins = [join.table for source in self.schema.tables for join in source.joined]
        signs |= {name: self._sign(Table(name, (), default_map(name))) for name in joins}
        if self.schema.catalogue.columns(EVENTS):
            signs[EVENTS] = _newest_event()
        rows = self._together(list(signs.values()))
        shown = {name: _shown(row) for name, row in zip(signs, rows, strict=True)}
        counts = {name: row[0] for name, row in zip(signs, rows, strict=True)}
        for source in self.schema.tables if thorough else ():
            name = _sign_name(source)
            # What happens has no end; it comes and goes with its count. What is too large is not read at all.
            if source.map.kind is Kind.HISTORY or (not source.map.known and counts[name] > self.schema.rules.row_limit):
                continue
            if not self._counts_changes(source):
                shown[name] += f" {self._digest(source)}"
            elif source.joined:
                # A rowversion knows nothing of what is in another table.
                shown[name] += f" {[sorted(self._list(join).items()) for join in source.joined]}"
        return shown

    def _digest(self, source: Table) -> str:
        if not source.stored:
            return ""
        try:
            return digest(source, self.batches(source))
        except DBAPIError as error:
            # An export goes on without a table that nobody has facts about and that cannot be read.
            if source.map.known or error.connection_invalidated:
                raise
            return "unreadable"

    def _counts_changes(self, source: Table) -> bool:
        # In a file a rowversion is bumped by who writes, and who writes by hand need not.
        return self._connection.dialect.name != "sqlite" and self.schema.rowversion(source) is not None

    def _sign(self, source: Table) -> Select[Any]:
        """
        Return a SELECT of count, highest rowversion and sum of rowversions or save counters, NULL where there are none.
        """
        rowversion = self.schema.rowversion(source)
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
        found: Select[Any] = _filtered(statement.select_from(named(source.name, source.schema)), source, True)
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


def elements(join: Joined, *names: str) -> Select[Any]:
    """
    Return a SELECT of the elements of the lists in a table of their own: some columns, the value, and what orders them.
    """
    columns = [plain(name) for name in (*names, join.value, join.order) if name]
    return select(*columns).select_from(named(join.table))


def in_order(rows: Iterable[Row]) -> list[str]:
    """
    Return the values of one document's ``elements`` in their order; where none is kept, as their ids were given.
    """
    found = sorted(rows, key=lambda row: [by_number(str(part or 0)) for part in (*row[1:], row[0])])
    return [str(row[0]) for row in found]


def _sign_name(source: Table) -> str:
    return source.name if source.map.known else source.map.type


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
    kind, column, label = source.kind(name), plain(name), quoted_name(name, True)
    if kind in (Declared.INSTANT, Declared.TIME):
        # As text, since Python's datetime would lose the seventh digit and drivers differ in what they return.
        return func.convert(literal_column("nvarchar(40)"), column, literal_column("121")).label(label)
    if kind is Declared.MARKUP:
        return func.convert(literal_column("nvarchar(max)"), column).label(label)
    if kind is Declared.OBJECT:
        # No driver knows these; the bytes are all there is of them, where their text would leave something out.
        return func.convert(literal_column("varbinary(max)"), column).label(label)
    if kind is Declared.VARIANT:
        value = func.convert(literal_column("varbinary(8000)"), column)
        words = func.convert(literal_column("nvarchar(max)"), value, literal_column("1"))
        type_name = func.convert(
            literal_column("nvarchar(128)"), func.sql_variant_property(column, literal_column("'BaseType'"))
        )
        return (type_name + literal_column("N' '") + words).label(label)
    return column


def _filtered(statement: Any, source: Table, live_only: bool) -> Any:
    at = source.position(FROZEN)
    if live_only and at is not None and source.map.known:
        return statement.where(key(source.columns[at], Declared.FLAG) == 0)
    return statement


def _converter(source: Table) -> Callable[[Any], Row] | None:
    changes = {index: _PLAIN[kind] for index, name in enumerate(source.stored) if (kind := source.kind(name)) in _PLAIN}
    if not changes and not source.made_of:
        return None

    def convert(row: Any) -> Row:
        values = list(row)
        for index, change in changes.items():
            if values[index] is not None:
                values[index] = change(values[index])
        if source.made_of:
            whole = ("", *values)
            values.insert(0, identity_of(source, whole))
        return tuple(values)

    return convert


def identity_of(source: Table, row: Row) -> str | None:
    """
    Return one text for the values that tell a row apart, ``None`` if one of them is missing; others give another text.
    """
    forms = {name: (at, form) for at, name, form in source.plain_columns}
    parts = []
    for name in source.made_of or source.columns:
        at, form = forms[name]
        value = from_column(row[at], form)
        if value is None:
            return None
        parts.append(str(int(value) if isinstance(value, bool) else getattr(value, "text", value)))
    if len(parts) == 1:
        return parts[0]
    return " ".join(part.replace("%", "%25").replace(" ", "%20") for part in parts)


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
    # An Id is compared with what stands in the tree, so it has the tree's form from the start.
    return canonical_guid(str(value))


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
