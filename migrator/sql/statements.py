"""
Names and values in statements: identifiers quoted, each value bound by the declared kind of its column.

SQLAlchemy types a value without a column's type by the value itself, and ASCII text as varchar; a server then compares
the whole list as varchar, and loses what its code page lacks. So every text here is nvarchar. Parameters of T-SQL that
is written as text need no type: pyodbc binds each str as nvarchar by itself. Not here: statements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Float, Integer, LargeBinary, Unicode, column, table
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import TypeEngine

from migrator.sql.rows import Declared

KEY: TypeEngine[Any] = Unicode(450)
"""Of a text that is looked for: its own length, so that indexes serve; 450 is the longest key of an index."""
LONGEST = 4000
"""Units of UTF-16 in a text that is bound with its own length."""
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


def named(name: str, schema: str = "") -> Any:
    """
    Return a table by name, in a schema where the bare name does not find it.
    """
    return (
        table(quoted_name(name, True), schema=quoted_name(schema, True)) if schema else table(quoted_name(name, True))
    )


def key(name: str, kind: Declared | None = None) -> Any:
    """
    Return a column as it is selected and compared.
    """
    return column(quoted_name(name, True), _TYPES.get(kind, KEY) if kind else KEY)


def among(column: Any, values: Iterable[Any]) -> Any:
    """
    Return the condition that a column has one of some values.

    A text that is longer than any key, or that holds half a character, is nowhere, and a driver could not even send it.
    """
    return column.in_([value for value in values if not isinstance(value, str) or _is_sent(value)])


def _is_sent(value: str) -> bool:
    try:
        return len(value.encode("utf-16-le")) <= 2 * LONGEST
    except UnicodeEncodeError:
        return False


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
