"""
Texts in the index: what of a value may be searched, which name fits a pattern, what a database can hold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from auditor.changes.records import is_mixed, is_sealed, masked
from migrator.documents.canonical_json import Number, is_utf8

LONGEST_TEXT = 200_000
"""What of one document's words is searched, in characters."""


def fits(pattern: str, name: str) -> bool:
    """
    Return whether a name fits a pattern with ``*``, ``?`` and ``[]``, blind to case.
    """
    return fnmatchcase(name.casefold(), pattern.casefold())


def text_of(value: Any) -> str:
    """
    Return the words of a value that may be searched: names and values, no secret, one a line.
    """
    found: dict[str, None] = {}
    _gather(value, found)
    return "\n".join(found)[:LONGEST_TEXT]


def _gather(value: Any, found: dict[str, None]) -> None:
    if isinstance(value, str):
        if value:
            found[value] = None
    elif isinstance(value, dict):
        if is_sealed(value):
            return
        if is_mixed(value):
            _gather(masked(value), found)
            return
        for name, item in value.items():
            found[name] = None
            _gather(item, found)
    elif isinstance(value, list):
        for item in value:
            _gather(item, found)
    elif isinstance(value, Number):
        found[value.text] = None
    elif isinstance(value, int) and not isinstance(value, bool):
        found[str(value)] = None


class Connection(sqlite3.Connection):
    """
    A connection that takes any text: of what has no UTF-8 form, as half a surrogate, a question mark is kept.
    """

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return super().execute(sql, tuple(map(_storable, parameters)))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        return super().executemany(sql, (tuple(map(_storable, row)) for row in parameters))


def _storable(value: Any) -> Any:
    return value if not isinstance(value, str) or is_utf8(value) else value.encode("utf-8", "replace").decode()
