"""
What a database declares: its tables and views, their columns and keys, whether a read may see one frozen state.

One query at a SQL Server.

Not here: what a table means (``maps``), and which tables are read (``reader``).

Sources: the vendor's reference of sys.objects, sys.schemas, sys.columns, sys.types, sys.indexes, sys.index_columns,
sys.databases, HAS_PERMS_BY_NAME; for SQLite SQLAlchemy's inspector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import ObjectKind
from sqlalchemy.exc import SQLAlchemyError

from migrator.sql.rows import Declared

_KINDS = {
    Declared.INTEGER: ("int", "bigint", "smallint", "tinyint", "integer"),
    Declared.FLAG: ("bit", "boolean"),
    Declared.FLOAT: ("float", "real", "double"),
    Declared.DECIMAL: ("decimal", "numeric", "money", "smallmoney"),
    Declared.INSTANT: ("datetimeoffset", "datetime2", "datetime", "smalldatetime"),
    Declared.DATE: ("date",),
    Declared.TIME: ("time",),
    Declared.GUID: ("uniqueidentifier", "uuid"),
    Declared.BINARY: ("varbinary", "binary", "image", "blob"),
    Declared.ROWVERSION: ("timestamp", "rowversion"),
    Declared.MARKUP: ("xml", "json", "vector"),
    Declared.OBJECT: ("assembly", "geography", "geometry", "hierarchyid"),
    Declared.VARIANT: ("sql_variant",),
}
_BY_TYPE = {name: kind for kind, names in _KINDS.items() for name in names}
_OF_FILES = (Declared.INTEGER, Declared.FLAG, Declared.FLOAT, Declared.DECIMAL, Declared.BINARY)
ROWVERSION_NAME = "dataversion"
"""What the server's rowversions are called, in lower case; a file has no type for them."""


@dataclass(frozen=True)
class Column:
    """
    One column; ``counted``: the database numbers its rows by itself; ``computed``: it makes the value by itself, and
    refuses to be given one.
    """

    name: str
    kind: Declared = Declared.TEXT
    nullable: bool = True
    default: bool = False
    counted: bool = False
    computed: bool = False

    @property
    def is_rowversion(self) -> bool:
        """
        Return whether the server bumps it at each change of its row.
        """
        return self.kind is Declared.ROWVERSION or self.name.lower() == ROWVERSION_NAME


@dataclass(frozen=True)
class Relation:
    """
    A table or a view with its columns in order. ``key``: the columns of its primary key, in the key's order.

    ``schema`` is empty where the bare name is enough to find it. ``readable``: the login may select from it.
    """

    name: str
    columns: tuple[Column, ...]
    schema: str = ""
    key: tuple[str, ...] = ()
    view: bool = False
    readable: bool = True


@dataclass(frozen=True)
class Catalogue:
    """
    What is there; of two that a bare name may mean the first. ``one_state``: a transaction may read one frozen state.
    """

    relations: tuple[Relation, ...]
    one_state: bool

    @cached_property
    def _by_name(self) -> dict[str, Relation]:
        # Tables before views, and what stands first before others that differ from it in case.
        ordered = sorted((item for item in self.relations if not item.schema), key=lambda item: item.view)
        return {item.name.lower(): item for item in reversed(ordered)}

    @cached_property
    def spelled(self) -> dict[str, str]:
        """
        Return the names of what a bare name finds as the database spells them, by lower case.
        """
        return {lowered: item.name for lowered, item in self._by_name.items()}

    def find(self, name: str) -> Relation | None:
        """
        Return what a bare name finds, blind to case.
        """
        return self._by_name.get(name.lower())

    def columns(self, table: str) -> dict[str, Column]:
        """
        Return a table's columns by lower-case name, blind to the table's case; none where there is no such table.
        """
        found = self.find(table)
        return {item.name.lower(): item for item in found.columns} if found else {}


def kind_of(type_name: str) -> Declared:
    """
    Return the kind of a declared type, as ``nvarchar`` or ``DECIMAL(10, 2)``; what nobody knows is text.
    """
    return _BY_TYPE.get(type_name.partition("(")[0].strip().lower(), Declared.TEXT)


_OWN, _OTHER = 1, 2
# The login's own schema goes before dbo, as the server itself resolves a name without one. A type that somebody made
# of another is read as that; one of an assembly has bytes alone in common with its like.
_COLUMNS = text(
    "SELECT s.name, t.name, t.type, CASE WHEN t.schema_id = SCHEMA_ID() THEN 0 WHEN t.schema_id = SCHEMA_ID('dbo')"
    " THEN 1 ELSE 2 END AS turn,"
    " COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(t.name), 'OBJECT', 'SELECT'), 0),"
    " c.name, CASE WHEN y.is_assembly_type = 1 THEN 'assembly' WHEN y.is_user_defined = 1 THEN"
    " TYPE_NAME(c.system_type_id) ELSE y.name END,"
    " c.is_nullable, c.is_identity, c.is_computed, c.default_object_id, COALESCE(k.key_ordinal, 0),"
    " (SELECT d.snapshot_isolation_state FROM sys.databases AS d WHERE d.database_id = DB_ID())"
    " FROM sys.objects AS t JOIN sys.schemas AS s ON s.schema_id = t.schema_id"
    " JOIN sys.columns AS c ON c.object_id = t.object_id"
    # By the id of the user's type: that of the system's is shared, and would give a column of nvarchar twice.
    " JOIN sys.types AS y ON y.user_type_id = c.user_type_id"
    " LEFT JOIN (SELECT x.object_id, x.column_id, x.key_ordinal FROM sys.index_columns AS x JOIN sys.indexes AS i"
    " ON i.object_id = x.object_id AND i.index_id = x.index_id WHERE i.is_primary_key = 1) AS k"
    " ON k.object_id = c.object_id AND k.column_id = c.column_id"
    " WHERE t.type IN ('U', 'V') AND t.is_ms_shipped = 0"
    " ORDER BY turn, s.name, t.name, t.object_id, c.column_id"
)


@dataclass
class _Described:
    """
    A relation of a SQL Server, as its columns come one by one.
    """

    turn: int
    view: bool
    readable: bool
    columns: list[Column] = field(default_factory=list)
    key: list[tuple[int, str]] = field(default_factory=list)


def read_catalogue(connection: Connection) -> Catalogue:
    """
    Return what the database declares; SQLite always lets a transaction see one state.
    """
    if connection.dialect.name == "sqlite":
        return Catalogue(tuple(_inspected(inspect(connection))), True)
    found: dict[tuple[str, str], _Described] = {}
    state = 0
    for schema, table, kind, turn, readable, *column, ordinal, state in connection.execute(_COLUMNS):  # noqa: B007
        described = found.setdefault(
            (str(schema), str(table)), _Described(turn, str(kind).strip() == "V", bool(readable))
        )
        name, type_name, nullable, counted, computed, default = column
        described.columns.append(
            Column(str(name), kind_of(str(type_name)), bool(nullable), bool(default), bool(counted), bool(computed))
        )
        if ordinal:
            described.key.append((ordinal, str(name)))
    # 2 and 3 stand for a switch that is still under way.
    return Catalogue(tuple(_relations(found)), state == 1)


def _relations(found: dict[tuple[str, str], _Described]) -> Iterator[Relation]:
    own = {name for (_, name), item in found.items() if item.turn < _OWN}
    for (schema, name), item in found.items():
        hidden = item.turn >= _OTHER or (item.turn == _OWN and name in own)
        key = tuple(column for _, column in sorted(item.key))
        yield Relation(name, tuple(item.columns), schema if hidden else "", key, item.view, item.readable)


def _inspected(inspector: Any) -> Iterator[Relation]:
    for view, names in ((False, inspector.get_table_names()), (True, inspector.get_view_names())):
        try:
            columns = {key[1]: value for key, value in _columns_of(inspector, names, view).items()}
            keys = inspector.get_multi_pk_constraint(filter_names=names) if names and not view else {}
        except SQLAlchemyError:
            # One that cannot even be described, as a view of a table that is gone, must not hide the others.
            yield from (_inspected_alone(inspector, name, view) for name in names)
            continue
        for name in names:
            key = tuple(keys.get((None, name), {}).get("constrained_columns", ()))
            yield Relation(name, tuple(map(_column, columns.get(name, ()))), "", key, view)


def _columns_of(inspector: Any, names: list[str], view: bool) -> dict[tuple[str | None, str], Any]:
    kind = ObjectKind.VIEW if view else ObjectKind.TABLE
    found: dict[tuple[str | None, str], Any] = (
        inspector.get_multi_columns(filter_names=names, kind=kind) if names else {}
    )
    return found


def _inspected_alone(inspector: Any, name: str, view: bool) -> Relation:
    try:
        columns = tuple(map(_column, inspector.get_columns(name)))
        key = () if view else tuple(inspector.get_pk_constraint(name).get("constrained_columns", ()))
    except SQLAlchemyError:
        return Relation(name, (), "", (), view, readable=False)
    return Relation(name, columns, "", key, view)


def _column(found: Any) -> Column:
    kind = kind_of(str(found["type"]))
    # Whatever a file calls its columns: instants, GUIDs and the like stand in it as text.
    kind = kind if kind in _OF_FILES else Declared.TEXT
    default, computed = found.get("default") is not None, found.get("computed") is not None
    return Column(found["name"], kind, bool(found["nullable"]), default, computed=computed)
