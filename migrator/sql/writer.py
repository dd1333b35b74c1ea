"""
Writing rows of documents: new ids, inserts, updates, edges, the audit event. All within the target's transaction.

No locks and no MERGE: a unique violation or a lost connection undoes everything. What is written is decided in
``plan``.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, func, insert, null, select, table, text, update
from sqlalchemy.sql import quoted_name

from migrator.documents.document import Body
from migrator.maps import REGISTRY
from migrator.maps.document_map import Column as Form
from migrator.maps.system import EVENTS, KEYS, RELATED
from migrator.sql.catalogue import ROWVERSION_NAME, Column
from migrator.sql.reader import elements, in_order
from migrator.sql.rows import BLOB_COLUMN, JSON_COLUMN, Declared, Table, from_body, id_list, to_column
from migrator.sql.statements import key, named, plain, value
from migrator.sql.target import Target

ROWS = 200
"""Rows in one statement's batch."""
_PROCEDURE = "GetNextKeyBlock"
_FIND_PROCEDURE = text("SELECT OBJECT_ID(:name, 'P')")
# Without NOCOUNT the count of the procedure's own UPDATE would come before its result.
_NEXT_BLOCK = text(f"SET NOCOUNT ON; EXEC {_PROCEDURE} @collectionName = :name, @blockSize = :size")


@dataclass(frozen=True)
class Written:
    """
    One row to be written: the document with its secrets sealed, and where its body goes.
    """

    id: str
    body: Body
    blob: bool = False


@dataclass
class Writer:
    """
    Writes into one target; *now* and *new_guid* give times and GUIDs.
    """

    target: Target
    now: Callable[[], datetime.datetime]
    new_guid: Callable[[], uuid.UUID]
    _stamps: dict[str, bool] = field(default_factory=dict)
    _forms: dict[tuple[str, str], Form | None] = field(default_factory=dict)
    _stamp: int = 0

    def reserve(self, collection: str, prefix: str, count: int) -> list[str]:
        """
        Return *count* new ids ``prefix-N`` of a table that no document has; reserved as the server does.
        """
        ids: list[str] = []
        while len(ids) < count:
            size = count - len(ids)
            last = self._next_block(collection, size)
            # The procedure returns the last number of the block that it reserved.
            fresh = [f"{prefix}{number}" for number in range(last - size + 1, last + 1)]
            # The counter may lag behind rows that were put there by hand.
            taken = self.target.existing(collection, fresh)
            ids.extend(item for item in fresh if item.lower() not in taken)
        return ids

    def _next_block(self, collection: str, size: int) -> int:
        connection = self.target.connection
        if connection.dialect.name != "sqlite" and self._has_procedure():
            return int(connection.execute(_NEXT_BLOCK, {"name": collection, "size": size}).scalar_one())
        name, allocated = key("CollectionName"), key("Allocated", Declared.INTEGER)
        keys = table(quoted_name(KEYS, True), name, allocated)
        # What the procedure does, for a database that has none.
        changed = connection.execute(
            update(keys).where(name == collection).values({allocated: allocated + size})
        ).rowcount
        if not changed:
            connection.execute(insert(keys).values({name: collection, allocated: size}))
        return int(connection.execute(select(allocated).select_from(keys).where(name == collection)).scalar_one())

    def _has_procedure(self) -> bool:
        return self.target.connection.execute(_FIND_PROCEDURE, {"name": _PROCEDURE}).scalar() is not None

    def insert(self, type_: str, rows: Iterable[Written]) -> None:
        """
        Insert documents; columns they do not name get a sound default where the table demands a value.
        """
        source = self._table(type_)
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        items = list(rows)
        for item in items:
            row = self._complete(type_, self._row(source, item))
            # Drivers cannot tell the type of a NULL parameter, so a column without a value is not named.
            filled = {name: item for name, item in row.items() if item is not None}
            groups.setdefault(tuple(filled), []).append(filled)
        for names, group in groups.items():
            columns = [value(name, source.kind(name)) for name in names]
            statement = insert(table(quoted_name(source.name, True), *columns))
            for start in range(0, len(group), ROWS):
                self.target.connection.execute(statement, group[start : start + ROWS])
        for item in items:
            self._write_lists(source, item.id, item.body)

    def _write_lists(self, source: Table, identity: str, body: Mapping[str, Any]) -> None:
        """
        Write the lists of a document that are in tables of their own, where the document says what is in them.
        """
        for join in source.joined:
            outer, _, inner = join.property.partition("/")
            values = body.get(join.property, body.get(outer))
            values = values.get(inner) if isinstance(values, dict) else values
            if not isinstance(values, list):
                continue
            wanted, of_this = list(dict.fromkeys(map(str, values))), key(join.owner) == identity
            if in_order(map(tuple, self.target.connection.execute(elements(join).where(of_this)))) == wanted:
                continue
            self.target.connection.execute(delete(named(join.table)).where(of_this))
            kinds = {column.name: column.kind for column in self.target.columns(join.table).values()}
            for position, element in enumerate(wanted):
                row = {join.owner: identity, join.value: element} | ({join.order: position} if join.order else {})
                complete = self._complete(join.table, row)
                into = table(quoted_name(join.table, True), *[value(name, kinds.get(name)) for name in complete])
                self.target.connection.execute(insert(into).values(complete))

    def update(self, type_: str, item: Written) -> None:
        """
        Replace a document's row; columns it does not name stay as they are.
        """
        source = self._table(type_)
        row = self._row(source, item)
        row.pop("Id", None)
        if self._must_stamp(type_):
            row[self._rowversion_name(type_)] = self._next_stamp()
        # NULL by name: as a parameter it would have no type.
        values = {value(name, source.kind(name)): null() if new is None else new for name, new in row.items()}
        into = table(quoted_name(source.name, True), *values)
        self.target.connection.execute(update(into).where(key("Id") == item.id).values(values))
        self._write_lists(source, item.id, item.body)

    def restore(self, type_: str, identity: str, columns: Mapping[str, Any]) -> None:
        """
        Put values back into some columns of a row, as they were read from it.
        """
        source = self._table(type_)
        row = self._writable(source, columns)
        if self._must_stamp(type_):
            row[self._rowversion_name(type_)] = self._next_stamp()
        values = {value(name, source.kind(name)): null() if old is None else old for name, old in row.items()}
        if values:
            into = table(quoted_name(source.name, True), *values)
            self.target.connection.execute(update(into).where(key("Id") == identity).values(values))
        self._write_lists(
            source, identity, {name: id_list(old) for name, old in columns.items() if isinstance(old, str)}
        )

    def remove(self, type_: str, ids: Sequence[str]) -> None:
        """
        Delete documents.
        """
        source = self._table(type_)
        for start in range(0, len(ids), ROWS):
            some = ids[start : start + ROWS]
            for join in source.joined:
                self.target.connection.execute(delete(named(join.table)).where(key(join.owner).in_(some)))
            self.target.connection.execute(delete(named(source.name)).where(key("Id").in_(some)))

    def _row(self, source: Table, item: Written) -> dict[str, Any]:
        row = self._writable(source, from_body(source, item.body, blob=item.blob))
        for name in row.keys() & source.unsure & item.body.keys():
            if isinstance(item.body[name], list) and (form := self._form(source, name)) is not None:
                row[name] = to_column(item.body[name], form)
        return row

    def _form(self, source: Table, name: str) -> Form | None:
        """
        Return how the rows that are there hold a list in a column, ``None`` where none does: it is not published.
        """
        if (source.name, name) not in self._forms:
            column = plain(name)
            statement = select(column).select_from(named(source.name)).where(column.is_not(None), column != "").limit(1)
            first = str(self.target.connection.execute(statement).scalar() or "")[:1]
            self._forms[source.name, name] = {"[": Form.JSON, "|": Form.IDS}.get(first)
        return self._forms[source.name, name]

    def _writable(self, source: Table, row: Mapping[str, Any]) -> dict[str, Any]:
        columns, computed = self.target.columns(source.name), self.target.computed(source.name)
        # A list that is in a table of its own has no column, or an old one beside it.
        elsewhere = {lowered for join in source.joined if (lowered := join.property.lower()) not in columns}
        return {name: new for name, new in row.items() if name.lower() not in computed | elsewhere}

    def relate(self, type_: str, edges: Mapping[str, Sequence[tuple[str, str]]], changed: Iterable[str]) -> None:
        """
        Rewrite the edges of documents: for each id the related ids with their tables; *changed* had edges before.
        """
        if not self.target.columns(RELATED) or not edges:
            return
        names = ("Id", "Table", "RelatedDocumentId", "RelatedDocumentTable")
        into = table(quoted_name(RELATED, True), *[value(name) for name in names])
        ids = [identity for identity in changed if identity in edges]
        for start in range(0, len(ids), ROWS):
            self.target.connection.execute(delete(into).where(key("Id").in_(ids[start : start + ROWS])))
        rows = [
            dict(zip(names, (identity, self._table(type_).name, related, kind), strict=True))
            for identity, some in edges.items()
            for related, kind in some
        ]
        for start in range(0, len(rows), ROWS):
            self.target.connection.execute(insert(into), rows[start : start + ROWS])

    def record(self, body: Body) -> None:
        """
        Add an audit event; its Id is given here.
        """
        columns = self.target.columns(EVENTS)
        if not columns:
            return
        (identity,) = self.reserve_unmapped(EVENTS, REGISTRY[EVENTS].id_prefix)
        names = {lowered: item.name for lowered, item in columns.items()}
        given = {names[name.lower()]: item for name, item in body.items() if name.lower() in names}
        row = self._complete(EVENTS, {names["id"]: identity} | given)
        filled = {name: item for name, item in row.items() if item is not None}
        into = [value(name, columns[name.lower()].kind) for name in filled]
        self.target.connection.execute(insert(table(quoted_name(self._spelled(EVENTS), True), *into)), [filled])

    def reserve_unmapped(self, collection: str, prefix: str) -> list[str]:
        """
        Return one new id for a table whose rows are never read as documents.
        """
        while True:
            identity = f"{prefix}{self._next_block(collection, 1)}"
            statement = select(key("Id")).select_from(named(self._spelled(collection)))
            if self.target.connection.execute(statement.where(key("Id") == identity)).first() is None:
                return [identity]

    def _spelled(self, name: str) -> str:
        found = self.target.schema.find(name)
        return found.name if found else name

    def _table(self, type_: str) -> Table:
        found = self.target.table(type_)
        assert found is not None
        return found

    def _complete(self, type_: str, row: dict[str, Any]) -> dict[str, Any]:
        lowered = {name.lower() for name, item in row.items() if item is not None}
        for name, column in self.target.columns(type_).items():
            if name in lowered:
                continue
            if column.is_rowversion:
                if self._must_stamp(type_):
                    row[column.name] = self._next_stamp()
            elif not (column.nullable or column.default or column.counted or column.computed):
                row[column.name] = self._sound(name, column)
        return row

    def _sound(self, name: str, column: Column) -> Any:
        # It guards a user's sessions, so it must be nobody else's and not be guessed.
        if name == "identificationtoken" or column.kind is Declared.GUID:
            return str(self.new_guid())
        if name in (JSON_COLUMN, BLOB_COLUMN):
            return "{}" if name == JSON_COLUMN else b""
        # A file declares no instants, so these two are known by name.
        if column.kind in (Declared.INSTANT, Declared.DATE) or name in ("created", "occurred"):
            return self.now().isoformat(timespec="milliseconds")
        if column.kind in (Declared.INTEGER, Declared.FLAG, Declared.DECIMAL, Declared.FLOAT):
            return 0
        return b"" if column.kind is Declared.BINARY else ""

    def _must_stamp(self, type_: str) -> bool:
        """
        Return whether nobody else counts the rowversion: a file without triggers.
        """
        if type_ not in self._stamps:
            connection = self.target.connection
            stamp = connection.dialect.name == "sqlite" and ROWVERSION_NAME in self.target.columns(type_)
            if stamp:
                found = select(func.count()).select_from(named("sqlite_master")).where(key("type") == "trigger")
                found = found.where(func.lower(key("tbl_name")) == self._spelled(type_).lower())
                found = found.where(func.lower(key("sql")).like(f"%{ROWVERSION_NAME}%"))
                stamp = not connection.execute(found).scalar_one()
            self._stamps[type_] = stamp
        return self._stamps[type_]

    def _rowversion_name(self, type_: str) -> str:
        return self.target.columns(type_)[ROWVERSION_NAME].name

    def _next_stamp(self) -> bytes:
        if not self._stamp:
            # A rowversion counts for the whole database, so a new one is above those of all tables.
            highest = [
                self.target.connection.execute(
                    select(func.max(plain("DataVersion"))).select_from(named(item.name))
                ).scalar()
                for item in self.target.schema.tables
                if ROWVERSION_NAME in self.target.columns(item.name)
            ]
            self._stamp = max((int.from_bytes(item, "big") for item in highest if isinstance(item, bytes)), default=0)
        self._stamp += 1
        return self._stamp.to_bytes(8, "big")
