"""
Names and values in statements: identifiers quoted, each value bound by the declared kind of its column.

SQLAlchemy types a value without a column's type by the value itself, and ASCII text as varchar; a server then compares
the whole list as varchar, and loses what its code page lacks. So every text here is nvarchar. Parameters of T-SQL that
is written as text need no type: pyodbc binds each str as nvarchar by itself. Not here: statements.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Float, Integer, LargeBinary, Unicode, column, table
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import TypeEngine

from migrator.sql.rows import Declared

KEY: TypeEngine[Any] = Unicode(450)
"""Of a text that is looked for: its own length, so that indexes serve; 450 is the longest key of an index."""
LONG: TypeEngine[Any] = Unicode()
"""Of a text that is written: nvarchar(max), whatever its length."""
NUMBER: TypeEngine[Any] = BigInteger()
FLAG: TypeEngine[Any] = Integer()
_TYPES: dict[Declared, TypeEngine[Any]] = {
    Declared.INTEGER: NUMBER,
    Declared.FLAG: FLAG,
    Declared.FLOAT: Float(),
    Declared.BINARY: LargeBinary(),
    Declared.ROWVERSION: LargeBinary(),
}


def named(name: str) -> Any:
    """
    Return a table by name.
    """
    return table(quoted_name(name, True))


def key(name: str, kind: Declared | None = None) -> Any:
    """
    Return a column as it is selected and compared.
    """
    return column(quoted_name(name, True), _TYPES.get(kind, KEY) if kind else KEY)


def plain(name: str) -> Any:
    """
    Return a column as it is selected: its values come as the driver gives them.
    """
    return column(quoted_name(name, True))


def value(name: str, kind: Declared | None = None) -> Any:
    """
    Return a column as it is written.
    """
    return column(quoted_name(name, True), _TYPES.get(kind, LONG) if kind else LONG)
