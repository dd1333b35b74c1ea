"""
A document as a database holds it. Not here: how it is read or written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from migrator.documents.canonical_json import is_utf8
from migrator.documents.document import Body


@dataclass(frozen=True)
class Found:
    """
    A document's id, the values of its key's columns, and its space.
    """

    id: str
    key: tuple[Any, ...]
    space: str | None = None


@dataclass(frozen=True)
class Stored:
    """
    A document of the target with its secrets opened; ``digest`` is of the row as it stands.

    ``blob``: its body is in the compressed column. ``readable`` is false where body or secrets do not open.
    """

    id: str
    body: Body
    digest: str
    blob: bool = False
    readable: bool = True
    columns: tuple[str, ...] = ()


def is_storable(value: Any) -> bool:
    """
    Return whether a column can hold a property: no half of a character, which JSON can name, no number above 64 bits.
    """
    if isinstance(value, str):
        # Nearly every text is ASCII, which Python knows without looking.
        return value.isascii() or is_utf8(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return all(is_storable(item) for item in value) if isinstance(value, list) else True
