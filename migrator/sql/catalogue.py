"""
What a database declares: its tables, their columns, whether a read may see one frozen state. One query at a SQL Server.

Not here: what a table means (``maps``), and which tables are read (``reader``).

Sources: the vendor's reference of sys.tables, sys.columns, sys.types, sys.databases; for SQLite SQLAlchemy's inspector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, inspect, text

from migrator.sql.rows import Declared

_KINDS = {
    Declared.INTEGER: ("int", "bigint", "smallint", "tinyint", "integer"),
    Declared.FLAG: ("bit", "boolean"),
    Declared.FLOAT: ("float", "real", "double"),
    Declared.DECIMAL: ("decimal", "numeric", "money", "smallmoney"),
    Declared.INSTANT: ("datetimeoffset", "datetime2", "datetime", "smalldatetime"),
    Declared.DATE: ("date", "time"),
    Declared.GUID: ("uniqueidentifier", "uuid"),
    Declared.BINARY: ("varbinary", "binary", "image", "blob"),
    Declared.ROWVERSION: ("timestamp", "rowversion"),
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
class Catalogue:
    """
    The tables with their columns in order. ``one_state``: a transaction may read one frozen state of all.
    """

    tables: Mapping[str, tuple[Column, ...]]
    one_state: bool

    @cached_property
    def spelled(self) -> dict[str, str]:
        """
        Return the tables' names as the database spells them, by lower case.
        """
        return {name.lower(): name for name in self.tables}

    def columns(self, table: str) -> dict[str, Column]:
        """
        Return a table's columns by lower-case name, blind to the table's case; none where there is no such table.
        """
        return {item.name.lower(): item for item in self.tables.get(self.spelled.get(table.lower(), ""), ())}


def kind_of(type_name: str) -> Declared:
    """
    Return the kind of a declared type, as ``nvarchar`` or ``DECIMAL(10, 2)``; what nobody knows is text.
    """
    return _BY_TYPE.get(type_name.partition("(")[0].strip().lower(), Declared.TEXT)


# The login's own schema goes before dbo, as the server itself resolves a name without one.
_COLUMNS = text(
    "SELECT t.name, c.name, y.name, c.is_nullable, c.is_identity, c.default_object_id,"
    " c.is_computed,"
    " (SELECT d.snapshot_isolation_state FROM sys.databases AS d WHERE d.database_id = DB_ID())"
    " FROM sys.tables AS t JOIN sys.columns AS c ON c.object_id = t.object_id"
    # By the id of the user's type: that of the system's is shared, and would give a column of nvarchar twice.
    " JOIN sys.types AS y ON y.user_type_id = c.user_type_id"
    " WHERE t.schema_id IN (SCHEMA_ID(), SCHEMA_ID('dbo'))"
    " ORDER BY CASE WHEN t.schema_id = SCHEMA_ID() THEN 0 ELSE 1 END, t.object_id, c.column_id"
)


def read_catalogue(connection: Connection) -> Catalogue:
    """
    Return what the database declares; SQLite always lets a transaction see one state.
    """
    if connection.dialect.name == "sqlite":
        return Catalogue(_inspected(inspect(connection)), True)
    tables: dict[str, dict[str, Column]] = {}
    state = 0
    for table, name, type_name, nullable, counted, default, computed, state in connection.execute(_COLUMNS):  # noqa: B007
        column = Column(str(name), kind_of(type_name), bool(nullable), bool(default), bool(counted), bool(computed))
        tables.setdefault(str(table), {}).setdefault(column.name, column)
    # 2 and 3 stand for a switch that is still under way.
    return Catalogue({name: tuple(columns.values()) for name, columns in tables.items()}, state == 1)


def _inspected(inspector: Any) -> dict[str, tuple[Column, ...]]:
    def column(found: Any) -> Column:
        kind = kind_of(str(found["type"]))
        # Whatever a file calls its columns: instants, GUIDs and the like stand in it as text.
        kind = kind if kind in _OF_FILES else Declared.TEXT
        has_default, computed = found.get("default") is not None, "computed" in found
        return Column(found["name"], kind, bool(found["nullable"]), has_default, computed=computed)

    names = inspector.get_table_names()
    columns = inspector.get_multi_columns(filter_names=names)
    return {name: tuple(column(found) for found in columns[None, name]) for name in names}
