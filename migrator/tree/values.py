"""
A tree as an import sees it: documents with their secrets opened and their scripts put back, and what is wrong with it.

Only the shapes are here; reading is in ``tree.reader`` and where files come from in ``tree.files``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from migrator.documents.document import Body
from migrator.maps.document_map import DocumentMap

LeftOut = Mapping[str, Mapping[str, Mapping[str, object] | None]]
"""By type and id: the properties a document is found by, ``None`` where they are not known."""


class TreeFiles(Protocol):
    """
    Where a tree's files are: a folder, or a commit of a repository.
    """

    def paths(self) -> Iterable[str]:
        """
        Yield the path of every file, relative to the root, with slashes.
        """
        ...

    def read(self, path: str) -> bytes:
        """
        Return a file's content.
        """
        ...


@dataclass(frozen=True)
class Problem:
    """
    Something in a file that an import cannot accept.
    """

    file: str
    place: str
    message: str


@dataclass(frozen=True)
class TreeDocument:
    """
    One document of a tree.

    ``origin`` tells the servers apart whose exports were put together; ``space`` is the name of the space's folder
    (``None``: of the whole server); ``edited_scripts`` are script files that differ from the body's copy and won.
    """

    map: DocumentMap
    id: str
    body: Body
    file: str
    origin: str = ""
    space: str | None = None
    edited_scripts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tree:
    """
    All documents of a tree; ``versions`` gives each origin's database version.
    """

    documents: tuple[TreeDocument, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    format: str = "native"
    left_out: tuple[tuple[str, LeftOut], ...] = ()
    """Of partial exports, by origin: what their documents mention and a target has to find for itself."""
    whole: tuple[tuple[str, str], ...] = ()
    """
    The origins that are exports of a whole server, each with the server's name: what is not in them, their server did
    not have either.
    """
    servers: tuple[tuple[str, str], ...] = ()
    """The name of the server that each origin is an export of, where it says so."""
    nowhere: frozenset[tuple[str, str]] = frozenset()
    """Origin and lower-case id of what partial exports mention, and their server did not have either."""
    settled: frozenset[str] = frozenset()
    """Files of documents that were imported before and have not changed since."""
    gone_spaces: frozenset[tuple[str, str]] = frozenset()
    """Origin and folder of spaces that their server has deleted, though it kept documents of theirs."""
