"""
Rows to documents and back, and a digest by which it is seen whether any document of some rows changed. Pure.

A document is its row's columns merged with the row's JSON; a property that has a column is not repeated in the JSON
(Nevermore). The body may be text, GZip of UTF-16LE, or absent. Columns nobody knows pass through. Instants and GUIDs
have one form, whichever database and driver they came through.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from migrator.documents.canonical_json import Number, decode, encode
from migrator.documents.document import Body, holders
from migrator.documents.instants import canonical_guid, canonical_instant
from migrator.errors import UnreadableDocument
from migrator.maps.document_map import Column, DocumentMap, Noise
from migrator.maps.membership import Joined

_HALVES = re.compile("[\ud800-\udfff]")
JSON_COLUMN = "json"
BLOB_COLUMN = "jsonblob"
SPACE_COLUMN = "SpaceId"
Row = tuple[Any, ...]
_DIGEST = 16
"""Bytes of a digest of rows."""


class Declared(Enum):
    """
    What kind of value a column is declared to hold; it decides how the column is read and how its values are bound.
    """

    TEXT = "text"
    INTEGER = "integer"
    FLAG = "flag"
    FLOAT = "float"
    DECIMAL = "decimal"
    INSTANT = "instant"
    DATE = "date"
    TIME = "time"
    GUID = "guid"
    BINARY = "binary"
    ROWVERSION = "rowversion"
    MARKUP = "markup"
    """What has a text of its own form: XML and the like."""
    OBJECT = "object"
    """What a library of the server gives a meaning to: a place on a map, a position in a tree."""
    VARIANT = "variant"
    """Any kind of value; each says which."""


_FORMS = {Declared.FLAG: Column.FLAG, Declared.INSTANT: Column.INSTANT, Declared.GUID: Column.GUID}


@dataclass(frozen=True)
class Table:
    """
    A table as this server has it: its exact name, its columns in order (rowversions left out), its map.

    ``declared`` says what the server declares of a column, by lower-case name; what it does not name is text.
    ``schema`` is empty where the bare name finds it; ``primary`` are the columns of its primary key. Where its rows
    have no Id, ``made_of`` are the columns that one is made of, and it stands first of all columns. ``joined`` are
    columns that come from tables of their own.
    """

    name: str
    columns: tuple[str, ...]
    map: DocumentMap
    declared: Mapping[str, Declared] = field(default_factory=dict)
    schema: str = ""
    primary: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    joined: tuple[Joined, ...] = ()

    @property
    def stored(self) -> tuple[str, ...]:
        """
        Return the columns that the database has.
        """
        own = self.columns[1:] if self.made_of else self.columns
        if not self.joined:
            return own
        elsewhere = {item.property for item in self.joined}
        return tuple(name for name in own if name not in elsewhere)

    def kind(self, column: str) -> Declared:
        """
        Return what a column is declared to hold, blind to case.
        """
        return self.declared.get(column.lower(), Declared.TEXT)

    def position(self, column: str | None) -> int | None:
        """
        Return where a column stands, blind to case, or ``None``.
        """
        return self._positions.get(column.lower()) if column else None

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name.lower(): index for index, name in enumerate(self.columns)}

    @cached_property
    def id_position(self) -> int:
        """
        Return where the primary key stands.
        """
        found = 0 if self.made_of else self.position("Id")
        return found if found is not None else (self.position(self.map.key[0]) or 0)

    @cached_property
    def body_positions(self) -> tuple[int | None, int | None]:
        """
        Return where the body stands as text, and where compressed.
        """
        return self.position(JSON_COLUMN), self.position(BLOB_COLUMN)

    @property
    def has_body(self) -> bool:
        """
        Return whether rows have a JSON body in either form.
        """
        return JSON_COLUMN in self._positions or BLOB_COLUMN in self._positions

    @cached_property
    def unsure(self) -> frozenset[str]:
        """
        Return the columns of which it is not known how they hold a list: those that newer servers made.
        """
        sure = {name.lower() for name, form in self.map.columns.items() if form is not Column.JSON}
        newer = structured(self.map).keys() | {name.lower() for name in self.map.columns}
        return frozenset(name for _, name, _ in self.plain_columns if name.lower() in newer - sure)

    @cached_property
    def plain_columns(self) -> tuple[tuple[int, str, Column | None], ...]:
        """
        Return position, property and form of each column that is not the body.
        """
        forms = structured(self.map) | {name.lower(): form for name, form in self.map.columns.items()}
        forms |= {item.property.lower(): Column.IDS for item in self.joined}
        forms |= {name: _FORMS[kind] for name, kind in self.declared.items() if kind in _FORMS}
        return tuple(
            (index, name, forms.get(name.lower()))
            for index, name in enumerate(self.columns)
            if name.lower() not in (JSON_COLUMN, BLOB_COLUMN)
        )


def structured(document_map: DocumentMap) -> dict[str, Column]:
    """
    Return the form of each property (lower case) that holds further places by what the map says, should it be a column.

    Newer servers move one after the other from the body into columns; which ones is not published.
    """
    paths = [item.path for item in document_map.references] + [item.path for item in document_map.volatile]
    # A value that may be a secret is a text in all other rows, whatever that looks like.
    paths += [item.path for item in document_map.sensitive if not item.path.endswith("/SensitiveValue")]
    paths += [*document_map.sets, *document_map.confidential, *document_map.holds.values()]
    found = {first.lower(): Column.JSON for path in paths if (first := path.partition("/")[0]) != path}
    lists = [item.path[:-2] for item in document_map.references if item.path.endswith("/*")]
    return found | {name.lower(): Column.IDS for name in (*lists, *document_map.sets) if "/" not in name}


def body_text(table: Table, row: Row) -> str:
    """
    Return the JSON text of a row, ``""`` where it has none.

    Raises:
        UnreadableDocument: the compressed body is damaged, or it is neither text nor bytes.
    """
    text_at, blob_at = table.body_positions
    # Where a table has both columns each row fills one; which one changes with the row's next save.
    blob = row[blob_at] if blob_at is not None else None
    if blob:
        try:
            return gzip.decompress(blob).decode("utf-16-le", "surrogatepass")
        except (OSError, EOFError, TypeError, zlib.error, UnicodeDecodeError):
            raise UnreadableDocument(
                str(row[table.id_position]), "JSONBlob", "the compressed body is damaged"
            ) from None
    text = row[text_at] if text_at is not None else None
    if text is not None and not isinstance(text, str):
        if not table.map.known:
            return compact(_plain(text))
        raise UnreadableDocument(str(row[table.id_position]), "JSON", "text was expected")
    return text or ""


def to_body(table: Table, row: Row, text: str) -> Body:
    """
    Return the merged document of a row whose JSON is *text*.

    Raises:
        UnreadableDocument: the JSON is not an object.
    """
    identity = str(row[table.id_position])
    body: Body = {}
    if text:
        try:
            value = decode(text)
        except ValueError:
            if table.map.known:
                raise UnreadableDocument(identity, "JSON", "not valid JSON") from None
            # Who knows what its column JSON is: it may be any text.
            value = None
        if isinstance(value, dict):
            # The columns come after and win: the server does not repeat in the JSON what has a column.
            body = value
        elif table.map.known:
            kind = "a list" if isinstance(value, list) else "a single value"
            raise UnreadableDocument(identity, "JSON", f"an object was expected, but it holds {kind}")
        else:
            body = {table.columns[table.position(JSON_COLUMN) or 0]: text}
    for position, name, form in table.plain_columns:
        column = row[position]
        simple = form is None and (column is None or isinstance(column, (str, int)))
        body[name] = column if simple else from_column(column, form)
    for join in table.joined:
        outer, _, inner = join.property.partition("/")
        if inner:
            value, holder = body.pop(join.property), body.get(outer)
            # Where nothing is in the table and nothing was said, nothing is.
            if value or isinstance(holder, dict):
                body[outer] = (holder if isinstance(holder, dict) else {}) | {inner: value}
    return body


def from_column(value: Any, form: Column | None) -> Any:
    """
    Return a column's value as it stands in a document.
    """
    if value is None or form is None:
        return _plain(value)
    if form is Column.FLAG:
        return bool(value) if isinstance(value, int) else value
    if form is Column.INSTANT:
        return canonical_instant(value)
    if form is Column.GUID:
        return canonical_guid(value)
    if form is Column.JSON:
        return _meaning(value)
    return id_list(value) if isinstance(value, str) else value


def _meaning(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return id_list(value) if isinstance(value, str) and value.startswith("|") else _plain(value)
    try:
        return decode(value)
    except ValueError:
        return value


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        # The shortest text that means this number; JSON's own writer might choose another.
        return Number(repr(value)) if math.isfinite(value) else repr(value)
    if isinstance(value, bytes):
        return value.hex()
    return value


def id_list(text: str) -> Any:
    """
    Return the ids in a column that holds several; what is no such list comes back as it is.
    """
    # Empty may be NULL, '' or '||'; event rows carry a blank after the last bar.
    stripped = text.strip()
    if not stripped:
        return []
    if stripped.startswith("["):
        return _meaning(stripped)
    if not (stripped.startswith("|") and stripped.endswith("|")):
        return text
    return [part for part in stripped.split("|") if part.strip()]


def to_column(value: Any, form: Column | None) -> Any:
    """
    Return a property's value as its column stores it; the inverse of ``from_column``.
    """
    if isinstance(value, Number):
        return float(value.text)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list) and (form is Column.JSON or any(isinstance(item, (dict, list)) for item in value)):
        return compact(value)
    if isinstance(value, list):
        items = [str(item) for item in value]
        return f"|{'|'.join(items)}|" if items else ""
    return compact(value) if isinstance(value, dict) else value


def from_body(table: Table, body: Body, *, blob: bool = False) -> dict[str, Any]:
    """
    Return the row of a document, by column: the inverse of ``to_body`` with ``body_text``.

    Properties without a column go to the JSON, in the order they have; with *blob* to the compressed body.
    """
    columns = {name.lower(): (name, form) for _, name, form in table.plain_columns}
    row: dict[str, Any] = {}
    rest: Body = {}
    for key, value in body.items():
        if key.lower() in columns:
            name, form = columns[key.lower()]
            row[name] = to_column(value, form)
        else:
            rest[key] = value
    return row | _body_columns(table, rest, blob)


def _body_columns(table: Table, rest: Body, blob: bool) -> dict[str, Any]:
    text_at, blob_at = table.position(JSON_COLUMN), table.position(BLOB_COLUMN)
    text = compact(rest)
    if blob_at is not None and (blob or text_at is None):
        # Without a time, so that the same body is the same bytes.
        packed = gzip.compress(text.encode("utf-16-le", "surrogatepass"), mtime=0)
        row: dict[str, Any] = {table.columns[blob_at]: packed}
        if text_at is not None:
            # The server expects one of the two, and not a body that was left behind in the other.
            row[table.columns[text_at]] = None
        return row
    row = {table.columns[text_at]: text} if text_at is not None else {}
    if blob_at is not None:
        row[table.columns[blob_at]] = None
    return row


def compact(value: Any) -> str:
    """
    Return a value as the JSON text that goes into a column.
    """
    text = "".join(_pieces(value))
    # Half of a character is JSON by its escape alone; no database takes it as it is.
    return text if text.isascii() else _HALVES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _pieces(value: Any) -> Sequence[str]:
    if isinstance(value, Number):
        return (value.text,)
    if isinstance(value, dict):
        inner = [(",", json.dumps(k, ensure_ascii=False), ":", *_pieces(v)) for k, v in value.items()]
        return ("{", *[piece for item in inner for piece in item][1:], "}")
    if isinstance(value, list):
        parts = [(",", *_pieces(item)) for item in value]
        return ("[", *[piece for item in parts for piece in item][1:], "]")
    return (json.dumps(value, ensure_ascii=False),)


def digest(table: Table, batches: Iterable[Sequence[Row]]) -> str:
    """
    Return a digest of a table's rows, in whatever order they come.

    What changes by itself is no part of it, nor is what an export leaves out: a maintenance window writes there.
    """
    paths = [rule.path for rule in table.map.volatile if rule.level is Noise.NORMAL]
    total = 0
    for batch in batches:
        for row in batch:
            if table.map.exclusion(str(row[table.id_position])) is None:
                found = hashlib.blake2b(_content(table, row, paths), digest_size=_DIGEST).digest()
                # A sum, since of equal rows an exclusive or would leave nothing.
                total += int.from_bytes(found, "big")
    return f"{total % (1 << 8 * _DIGEST):0{2 * _DIGEST}x}"


def _content(table: Table, row: Row, paths: Sequence[str]) -> bytes:
    try:
        text = body_text(table, row)
        if not any(table.position(path) is not None or path.rpartition("/")[2] in text for path in paths):
            return _bytes((*(row[at] for at, _, _ in table.plain_columns), text))
        body = to_body(table, row, text)
    except UnreadableDocument:
        return _bytes(row)
    for path in paths:
        for container, name in holders(body, path):
            container.pop(name, None)
    return encode(body)


def _bytes(values: Sequence[Any]) -> bytes:
    return repr(values).encode("utf-8", "surrogatepass")
