"""
What a selection is made of: documents taken and wanted, what brought them in, what was left out. Values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from migrator.documents.document import Body
from migrator.sql.rows import Table

Key = tuple[str, str]
"""Type and lower-case id."""


@dataclass(frozen=True)
class Via:
    """
    What brought a document in: the document before it in the chain (``None``: it was asked for), and the place there.
    """

    before: Key | None
    place: str


@dataclass(frozen=True)
class Taken:
    """
    A document of the selection.
    """

    type: str
    id: str
    name: str
    via: Via


@dataclass(frozen=True)
class LeftOut:
    """
    A document that is mentioned and left out on purpose: what it is found by, if it was read, and why.
    """

    type: str
    id: str
    key: Mapping[str, Any] | None
    reason: str


class Mentioned(NamedTuple):
    """
    Ids at one place of a document, and the types they may be of.
    """

    document: Key
    path: str
    targets: tuple[str, ...]
    ids: tuple[str, ...]


@dataclass
class Wanted:
    """
    A document that something refers to and that was not read yet.
    """

    id: str
    via: Via
    types: tuple[str, ...]
    """Which types it may be of, the next first."""
    certain: bool = False
    """Its id was read in a row, so that it must be there."""


@dataclass(frozen=True)
class Loaded:
    """
    A document that was just read.
    """

    table: Table
    id: str
    body: Body
    key: Key
