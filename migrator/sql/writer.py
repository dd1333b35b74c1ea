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
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.sql import quoted_name

from migrator.documents.document import Body
from migrator.maps import REGISTRY
from migrator.maps.system import EVENTS, KEYS, RELATED
from migrator.sql.reader import _column, _named
from migrator.sql.rows import BLOB_COLUMN, JSON_COLUMN, Table, from_body
from migrator.sql.target import Target

ROWS = 200
"""Rows in one statement's batch."""
_PROCEDURE = "GetNextKeyBlock"
_ROWVERSION = "dataversion"


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
    _stamp: int = 0

    def reserve(self, collection: str, prefix: str, count: int) -> list[str]:
        """
        Return *count* new ids ``prefix-N`` of a table that no document has; reserved as the server does.
        """
        ids: list[str] = []
        while len(ids) < count:
            size = count - len(ids)
            last = self._next_block(collection, size)
            fresh = [f"{prefix}{number}" for number in range(last - size + 1, last + 1)]
            # The counter may lag behind rows that were put there by hand.
            taken = self.target.existing(collection, fresh)
            ids.extend(item for item in fresh if item.lower() not in taken)
        return ids

    def _next_block(self, collection: str, size: int) -> int:
        connection = self.target.connection
        if connection.dialect.name != "sqlite" and self._has_procedure():
            statement = text(f"SET NOCOUNT ON; EXEC {_PROCEDURE} @collectionName = :name, @blockSize = :size")
            return int(connection.execute(statement, {"name": collection, "size": size}).scalar_one())
        name, allocated = _column("CollectionName"), _column("Allocated")
        keys = table(quoted_name(KEYS, True), name, allocated)
        changed = connection.execute(
            update(keys).where(name == collection).values({allocated: allocated + size})
        ).rowcount
        if not changed:
            connection.execute(insert(keys).values({name: collection, allocated: size}))
        return int(connection.execute(select(allocated).select_from(keys).where(name == collection)).scalar_one())

    def _has_procedure(self) -> bool:
        statement = text("SELECT OBJECT_ID(:name, 'P')")
        return self.target.connection.execute(statement, {"name": _PROCEDURE}).scalar() is not None

    def insert(self, type_: str, rows: Iterable[Written]) -> None:
        """
        Insert documents; columns they do not name get a sound default where the table demands a value.
        """
        source = self._table(type_)
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for item in rows:
            row = self._complete(type_, from_body(source, item.body, blob=item.blob))
            # Drivers cannot tell the type of a NULL parameter, so a column without a value is not named.
            named = {name: value for name, value in row.items() if value is not None}
            groups.setdefault(tuple(named), []).append(named)
        for names, group in groups.items():
            statement = insert(table(quoted_name(source.name, True), *[_column(name) for name in names]))
            for start in range(0, len(group), ROWS):
                self.target.connection.execute(statement, group[start : start + ROWS])

    def update(self, type_: str, item: Written) -> None:
        """
        Replace a document's row; columns it does not name stay as they are.
        """
        source = self._table(type_)
        row = from_body(source, item.body, blob=item.blob)
        row.pop("Id", None)
        if self._must_stamp(type_):
            row[self._rowversion_name(type_)] = self._next_stamp()
        values = {_column(name): null() if value is None else value for name, value in row.items()}
        into = table(quoted_name(source.name, True), *values)
        self.target.connection.execute(update(into).where(_column("Id") == item.id).values(values))

    def relate(self, type_: str, edges: Mapping[str, Sequence[tuple[str, str]]], changed: Iterable[str]) -> None:
        """
        Rewrite the edges of documents: for each id the related ids with their tables; *changed* had edges before.
        """
        if RELATED.lower() not in self.target.schema.all_tables or not edges:
            return
        names = ("Id", "Table", "RelatedDocumentId", "RelatedDocumentTable")
        into = table(quoted_name(RELATED, True), *[_column(name) for name in names])
        ids = [identity for identity in changed if identity in edges]
        for start in range(0, len(ids), ROWS):
            self.target.connection.execute(delete(into).where(_column("Id").in_(ids[start : start + ROWS])))
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
        names = {item["name"].lower(): item["name"] for item in columns.values()}
        plain = {names[key.lower()]: value for key, value in body.items() if key.lower() in names}
        row = self._complete(EVENTS, {names["id"]: identity} | plain)
        named = {name: value for name, value in row.items() if value is not None}
        into = table(quoted_name(self._spelled(EVENTS), True), *[_column(name) for name in named])
        self.target.connection.execute(insert(into), [named])

    def reserve_unmapped(self, collection: str, prefix: str) -> list[str]:
        """
        Return one new id for a table whose rows are never read as documents.
        """
        while True:
            identity = f"{prefix}{self._next_block(collection, 1)}"
            statement = select(_column("Id")).select_from(_named(self._spelled(collection)))
            if self.target.connection.execute(statement.where(_column("Id") == identity)).first() is None:
                return [identity]

    def _spelled(self, name: str) -> str:
        found = self.target.schema.find(name)
        return found.name if found else name

    def _table(self, type_: str) -> Table:
        found = self.target.table(type_)
        assert found is not None
        return found

    def _complete(self, type_: str, row: dict[str, Any]) -> dict[str, Any]:
        low = {name.lower() for name, value in row.items() if value is not None}
        for name, column in self.target.columns(type_).items():
            if name in low:
                continue
            if name == _ROWVERSION or _is_rowversion(column):
                if self._must_stamp(type_):
                    row[column["name"]] = self._next_stamp()
            elif not column["nullable"] and column.get("default") is None and not _counts_by_itself(column):
                row[column["name"]] = self._sound(name, column)
        return row

    def _sound(self, name: str, column: ReflectedColumn) -> Any:
        if name == "identificationtoken" or "UNIQUEIDENTIFIER" in _kind(column):
            return str(self.new_guid())
        if name in (JSON_COLUMN, BLOB_COLUMN):
            return "{}" if name == JSON_COLUMN else b""
        if "DATE" in _kind(column) or name in ("created", "occurred"):
            return self.now().isoformat(timespec="milliseconds")
        if any(word in _kind(column) for word in ("INT", "BIT", "NUMERIC", "DECIMAL", "BOOL")):
            return 0
        return b"" if "B" in _kind(column)[:1] else ""

    def _must_stamp(self, type_: str) -> bool:
        """
        Return whether nobody else counts the rowversion: a file without triggers.
        """
        if type_ not in self._stamps:
            connection = self.target.connection
            stamp = connection.dialect.name == "sqlite" and _ROWVERSION in self.target.columns(type_)
            if stamp:
                schema = table(quoted_name("sqlite_master", True), _column("type"), _column("tbl_name"), _column("sql"))
                found = select(func.count()).select_from(schema).where(_column("type") == "trigger")
                found = found.where(func.lower(_column("tbl_name")) == self._table(type_).name.lower())
                found = found.where(func.lower(_column("sql")).like("%dataversion%"))
                stamp = not connection.execute(found).scalar_one()
            self._stamps[type_] = stamp
        return self._stamps[type_]

    def _rowversion_name(self, type_: str) -> str:
        return self.target.columns(type_)[_ROWVERSION]["name"]

    def _next_stamp(self) -> bytes:
        if not self._stamp:
            highest = [
                self.target.connection.execute(
                    select(func.max(_column("DataVersion"))).select_from(_named(item.name))
                ).scalar()
                for item in self.target.schema.tables
                if _ROWVERSION in self.target.columns(item.name)
            ]
            self._stamp = max(
                (int.from_bytes(value, "big") for value in highest if isinstance(value, bytes)), default=0
            )
        self._stamp += 1
        return self._stamp.to_bytes(8, "big")


def _kind(column: ReflectedColumn) -> str:
    return str(column["type"]).upper()


def _is_rowversion(column: ReflectedColumn) -> bool:
    return _kind(column) in ("TIMESTAMP", "ROWVERSION")


def _counts_by_itself(column: ReflectedColumn) -> bool:
    return bool(column.get("identity")) or column.get("autoincrement") is True
