"""
The database an import goes into: what of it the plan needs to see, within the one transaction it is written in.

Reads follow the tree, not the target: keys first, bodies only of matched documents, in batches. Writing is in
``writer``; what is to be written is decided in ``plan``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, LargeBinary, cast, func, or_, select

from migrator.documents.document import Body
from migrator.documents.stored import Found, Stored, is_storable
from migrator.errors import UnreadableDocument
from migrator.maps import REGISTRY
from migrator.maps.document_map import Role
from migrator.maps.natural_keys import fold
from migrator.maps.system import RELATED
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.secrets.sealing import may_hold_secret, open_stored
from migrator.sql.catalogue import Column
from migrator.sql.engine import NO_LIMITS_GIVEN, Limits, open_engine, transaction
from migrator.sql.locks import Lock, application_lock
from migrator.sql.reader import FROZEN, Reader
from migrator.sql.rows import BLOB_COLUMN, SPACE_COLUMN, Declared, Row, Table, body_text, to_body
from migrator.sql.server_facts import ServerFacts, read_facts
from migrator.sql.statements import among, key, named
from migrator.sql.tables import Schema, reflect

BATCH = 400
"""Values in one IN list; with four columns of a key it stays below the server's 2100 parameters."""


@dataclass(frozen=True)
class Held:
    """
    A database that is held for imports: nobody else imports into it or audits it. No transaction is open.
    """

    engine: Engine
    lock: Lock


@contextmanager
def hold_target(address: str, limits: Limits = NO_LIMITS_GIVEN) -> Iterator[Held]:
    """
    Open a database that is to be written, and keep other imports and audits from it.

    Raises:
        AlreadyLocked: another import or an audit is at work on it.
        DatabaseError: it cannot be reached.
        UsageError: the address is malformed.
    """
    engine = open_engine(address, writable=True, limits=limits)
    try:
        with application_lock(engine) as lock:
            yield Held(engine, lock)
    finally:
        engine.dispose()


@contextmanager
def begin_import(held: Held, master: MasterKeyCipher | None) -> Iterator[Target]:
    """
    Begin one import: one transaction, rolled back at the end unless ``commit`` was called.

    Raises:
        DatabaseError: it is not an Octopus database, or cannot be written.
        TryAgain: another transaction was preferred.
    """
    # With history: whether a tree has any is only known later.
    schema = reflect(held.engine, history=True)
    # Either level keeps what was read as it was until the commit.
    level = "SNAPSHOT" if schema.catalogue.one_state else "REPEATABLE READ"
    with transaction(held.engine, level, writing=True) as connection:
        target = Target(connection, schema, master, lock=held.lock)
        target.begin()
        yield target


@contextmanager
def open_target(address: str, master: MasterKeyCipher | None, limits: Limits = NO_LIMITS_GIVEN) -> Iterator[Target]:
    """
    Hold a database and begin one import; raises as both do.
    """
    with hold_target(address, limits) as held, begin_import(held, master) as target:
        yield target


@dataclass
class Target:
    """
    One open transaction on the target.
    """

    connection: Connection
    schema: Schema
    master: MasterKeyCipher | None = field(default=None, repr=False)
    facts: ServerFacts = field(default_factory=lambda: ServerFacts("", b""))
    rows_read: int = 0
    lock: Lock = field(default_factory=Lock)
    _spaces: dict[str, tuple[str, bool]] | None = None
    _edged: frozenset[str] | None = None

    def begin(self) -> None:
        """
        Start the transaction and learn what the database says of its server.
        """
        self.facts = read_facts(self.reader)

    @property
    def reader(self) -> Reader:
        """
        Return a reader within the transaction.
        """
        return Reader(self.connection, self.schema)

    @property
    def version(self) -> str:
        """
        Return the server's version, ``""`` where unknown.
        """
        return self.facts.version

    @property
    def server(self) -> str:
        """
        Return the server's name, as the heads of its own exports have it.
        """
        return self.facts.name

    def table(self, type_: str) -> Table | None:
        """
        Return a type's table, ``None`` where this server has none.
        """
        return self.schema.find(type_)

    def has(self, type_: str) -> bool:
        """
        Return whether the server has this type.
        """
        return self.table(type_) is not None

    def columns(self, type_: str) -> dict[str, Column]:
        """
        Return a table's columns as the database declares them, by lower-case name.
        """
        return self.schema.catalogue.columns(type_)

    def has_column(self, type_: str, name: str) -> bool:
        """
        Return whether the type's table has a column, blind to case.
        """
        table = self.table(type_)
        return table is not None and table.position(name) is not None

    def computed(self, type_: str) -> frozenset[str]:
        """
        Return the columns of the type's table (lower case) whose values the database makes by itself.
        """
        return frozenset(name for name, column in self.columns(type_).items() if column.computed)

    def edged(self) -> frozenset[str]:
        """
        Return the tables (lower case) whose rows have edges: their server keeps what these refer to.
        """
        if self._edged is None:
            found: set[str] = set()
            if self.columns(RELATED):
                statement = select(key("Table")).select_from(named(self.schema.catalogue.spelled[RELATED.lower()]))
                found = {str(value).lower() for value in self.connection.execute(statement.distinct()).scalars()}
            self._edged = frozenset(found)
        return self._edged

    def spaces(self) -> dict[str, tuple[str, bool]]:
        """
        Return id -> (name, whether it is the default) of each space; empty on a server without spaces.
        """
        if self._spaces is None:
            rows = self.reader.scalars(REGISTRY.of(Role.SPACE).table, ("Id", "Name", "IsDefault"))
            self._spaces = {str(row[0]): (str(row[1]), bool(row[2])) for row in rows}
        return self._spaces

    def find(self, type_: str, names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> list[Found]:
        """
        Return the documents that may have one of *keys* (values of the columns *names*); a superset, never too few.
        """
        table = self.table(type_)
        keys = [some for some in keys if is_storable(list(some))]
        if table is None or not keys:
            return []
        found: list[Found] = []
        for start in range(0, len(keys), BATCH):
            found.extend(self._find(table, names, keys[start : start + BATCH]))
        if self.connection.dialect.name == "sqlite":
            found = list(_folded(found, keys))
        # Where keys fall into several batches, one document may be found for more than one of them.
        return list({item.id: item for item in found}.values())

    def _find(self, table: Table, names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> Iterator[Found]:
        space = table.position(SPACE_COLUMN)
        wanted = ["Id", *names, *([SPACE_COLUMN] if space is not None else [])]
        statement = select(*[_column(table, name) for name in wanted]).select_from(named(table.name))
        for index, name in enumerate(names):
            values = {key[index] for key in keys}
            # Nothing equals NULL in SQL, so such a column narrows nothing down.
            if None not in values:
                statement = statement.where(self._among(_column(table, name), values))
        for row in self.connection.execute(_live(statement, table)):
            values_of = tuple(_text(value) for value in row[1 : 1 + len(names)])
            yield Found(str(row[0]), values_of, _text(row[-1]) if space is not None else None)

    def _among(self, column: Any, values: set[Any]) -> Any:
        if self.connection.dialect.name != "sqlite":
            return among(column, sorted(values, key=str))
        # NOCASE knows ASCII only, and SQLite counts trailing blanks; SQL Server's collation does neither.
        texts = {form for value in values for form in _forms(value)}
        clause = column.in_(sorted(texts, key=str))
        if all(str(value).isascii() for value in values):
            return clause
        # Of a text with other letters the bytes outnumber the characters: all such rows come, and are compared here.
        return or_(clause, func.length(cast(column, LargeBinary)) != func.length(column))

    def existing(self, type_: str, ids: Iterable[str]) -> dict[str, str]:
        """
        Return those of *ids* that exist, by lower-case id, as the database spells them.
        """
        table = self.table(type_)
        wanted = list(dict.fromkeys(ids))
        found: dict[str, str] = {}
        for start in range(0, len(wanted) if table else 0, BATCH):
            assert table is not None
            column = _column(table, "Id")
            statement = (
                select(column).select_from(named(table.name)).where(among(column, wanted[start : start + BATCH]))
            )
            found.update((str(value).lower(), str(value)) for (value,) in self.connection.execute(statement))
        return found

    def taken(self, type_: str, names: Sequence[str], values: Iterable[str]) -> list[Found]:
        """
        Return the documents whose first column of *names* has one of *values*, with all of them as their key.
        """
        if not all(self.has_column(type_, name) for name in names):
            return []
        return self.find(type_, names, [(value, *[None for _ in names[1:]]) for value in values])

    def documents(self, type_: str, ids: Iterable[str]) -> dict[str, Stored]:
        """
        Return documents by lower-case id, their secrets opened; ids that do not exist are left out.
        """
        table = self.table(type_)
        if table is None:
            return {}
        wanted = list(dict.fromkeys(ids))
        rows = self.reader.by_key(table, _exact(table, "Id"), wanted, live_only=False)
        return {stored.id.lower(): stored for row in rows if (stored := self._stored(table, row))}

    def _stored(self, table: Table, row: Row) -> Stored:
        self.rows_read += 1
        identity = str(row[table.id_position])
        # Of the row and not of the document: a saved plan is refused after any change to it.
        digest = hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        blob_at = table.position(BLOB_COLUMN)
        blob = blob_at is not None and bool(row[blob_at])
        body, readable = self._body(table, identity, row)
        return Stored(identity, body, digest, blob, readable, tuple(name for _, name, _ in table.plain_columns))

    def _body(self, table: Table, identity: str, row: Row) -> tuple[Body, bool]:
        try:
            text = body_text(table, row)
            body = to_body(table, row, text)
            thorough = may_hold_secret("\n".join([text, *(value for value in row if isinstance(value, str))]))
            return open_stored(table.map, identity, body, self.master, thorough=thorough), True
        except UnreadableDocument:
            # What the target cannot read itself is replaced, or left alone; it does not stop the others.
            return {
                name: value for _, name, _ in table.plain_columns if (value := row[table.position(name) or 0])
            }, False

    def first_default(self, type_: str, space: str | None) -> str | None:
        """
        Return the id of the document that is the default of its type, ``None`` if there is none.
        """
        table = self.table(type_)
        if table is None or table.position("IsDefault") is None:
            return None
        statement = select(_column(table, "Id")).select_from(named(table.name))
        statement = statement.where(key(_exact(table, "IsDefault"), Declared.FLAG) == 1)
        if space is not None and table.position(SPACE_COLUMN) is not None:
            statement = statement.where(_column(table, SPACE_COLUMN) == space)
        value = self.connection.execute(statement).scalar()
        return None if value is None else str(value)

    def rows(self, type_: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """
        Return rows as they stand, by id as the database spells it: each column's value by the column's name.
        """
        table = self.table(type_)
        if table is None:
            return {}
        found = self.reader.by_key(table, _exact(table, "Id"), list(dict.fromkeys(ids)), live_only=False)
        return {str(row[table.id_position]): dict(zip(table.columns, row, strict=True)) for row in found}

    def edges(self, ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        """
        Return for each of some documents what it is related to: ids with their tables, sorted.
        """
        found: dict[str, list[tuple[str, str]]] = {}
        for identity, related, kind in self._related("Id", ids):
            found.setdefault(identity, []).append((related, kind))
        return {identity: sorted(some) for identity, some in found.items()}

    def users(self, ids: Iterable[str]) -> set[str]:
        """
        Return the ids of the documents that are related to one of some documents.
        """
        return {identity for identity, _, _ in self._related("RelatedDocumentId", ids)}

    def _related(self, name: str, ids: Iterable[str]) -> Iterator[tuple[str, str, str]]:
        if not self.columns(RELATED):
            return
        wanted = list(dict.fromkeys(ids))
        columns = [key(item) for item in ("Id", "RelatedDocumentId", "RelatedDocumentTable")]
        statement = select(*columns).select_from(named(RELATED))
        for start in range(0, len(wanted), BATCH):
            some = among(key(name), wanted[start : start + BATCH])
            for row in self.connection.execute(statement.where(some)):
                yield str(row[0]), str(row[1]), str(row[2])

    def commit(self) -> None:
        """
        Make what was written last, unless somebody else may have been at work meanwhile.

        Raises:
            LockLost: the lock is not held any more.
        """
        self.lock.check()
        self.connection.commit()


def _column(table: Table, name: str) -> Any:
    return key(_exact(table, name), table.kind(name))


def _folded(found: Iterable[Found], keys: Sequence[tuple[Any, ...]]) -> Iterator[Found]:
    """
    Yield what the server's collation would find: a file's own knows ASCII only, so more of it was asked for.
    """
    asked = [{fold(part) for part in column} for column in zip(*keys, strict=True)]
    for item in found:
        if all(None in known or fold(part) in known for part, known in zip(item.key, asked, strict=True)):
            yield item


def _exact(table: Table, name: str) -> str:
    at = table.position(name)
    return table.columns[at] if at is not None else name


def _live(statement: Any, table: Table) -> Any:
    at = table.position(FROZEN)
    return statement if at is None else statement.where(key(table.columns[at], Declared.FLAG) == 0)


def _text(value: Any) -> Any:
    if value is None or isinstance(value, (str, int)):
        return value
    return str(value).lower()


def _forms(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, str):
        stripped = value.rstrip(" ")
        yield from (stripped, f"{stripped} ", f"{stripped}  ")
