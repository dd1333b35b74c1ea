"""
Which ids exist on a server, asked for in batches, only for texts that may be one.

The reference finder asks a dictionary for ids that are known; this one is filled just before it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from migrator.documents.document import Body
from migrator.maps import CONFIGURATION
from migrator.maps.parts import prefix_fits
from migrator.selection.request import narrow
from migrator.sql.reader import Reader

_ID = re.compile(r"[A-Za-z][A-Za-z0-9._]*-[^\s#{},|/]{1,90}")


class KnownIds(dict[str, str]):
    """
    Lower-case id to type, of those ids that were looked up and exist.
    """

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader
        self._asked: set[str] = set()

    def look_up(self, bodies: Iterable[Body]) -> None:
        """
        Find out which texts in *bodies* are ids of documents.
        """
        fresh = {text.lower(): text for body in bodies for text in _texts(body) if text.lower() not in self._asked}
        self._asked.update(fresh)
        by_type: dict[str, list[str]] = {}
        for text in fresh.values():
            for type_ in _types_of(text):
                by_type.setdefault(type_, []).append(text)
        for type_, ids in by_type.items():
            table = self._reader.schema.find(type_)
            if table is not None:
                narrowed = narrow(table, ("Id",))
                for row in self._reader.by_key(narrowed, narrowed.columns[0], ids):
                    self.setdefault(str(row[0]).lower(), type_)


def _types_of(text: str) -> list[str]:
    fitting = [item.type for item in CONFIGURATION if item.owner is None and prefix_fits(item.type, text)]
    # What fits no prefix may be an id made of a name, as accounts and feeds had them before 2019.
    return fitting or sorted(item.type for item in CONFIGURATION if item.slugged)


# Where a property of any name may be a reference; elsewhere only declared places count, and the rest is free text.
_HOLDERS = ("Properties", "Variables", "Packages", "Actions", "Steps", "Parameters", "Templates")


def _texts(value: Any) -> Iterator[str]:
    """
    Yield the short texts among the properties, packages and variables of a body.
    """
    if isinstance(value, dict):
        for name in _HOLDERS:
            if name in value:
                yield from _leaves(value[name])


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        # GUIDs name parts of documents, are no document's id, and there are very many of them.
        if 3 <= len(value) <= 100 and _ID.fullmatch(value) and not _is_guid(value):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)


def _is_guid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4
