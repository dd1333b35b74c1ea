"""
What a plan asks of the database it is made for; the database itself is in ``sql.target``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from migrator.documents.stored import Found, Stored


class TargetView(Protocol):
    """
    The target as a plan sees it.
    """

    @property
    def version(self) -> str:
        """
        Return the server's version, ``""`` where unknown.
        """
        ...

    @property
    def server(self) -> str:
        """
        Return the server's name, as the heads of its own exports have it.
        """
        ...

    def has(self, type_: str) -> bool:
        """
        Return whether the server has this type.
        """
        ...

    def has_column(self, type_: str, name: str) -> bool:
        """
        Return whether the type's table has a column.
        """
        ...

    def computed(self, type_: str) -> frozenset[str]:
        """
        Return the columns of the type's table (lower case) whose values the database makes by itself.
        """
        ...

    def edged(self) -> frozenset[str]:
        """
        Return the tables (lower case) whose rows have edges: their server keeps what these refer to.
        """
        ...

    def spaces(self) -> Mapping[str, tuple[str, bool]]:
        """
        Return id -> (name, default) of each space.
        """
        ...

    def find(self, type_: str, names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> list[Found]:
        """
        Return the documents that may have one of *keys*.
        """
        ...

    def existing(self, type_: str, ids: Iterable[str]) -> Mapping[str, str]:
        """
        Return those of *ids* that exist, by lower-case id.
        """
        ...

    def taken(self, type_: str, names: Sequence[str], values: Iterable[str]) -> list[Found]:
        """
        Return the documents whose first column of *names* has one of *values*, with all of them as their key.
        """
        ...

    def documents(self, type_: str, ids: Iterable[str]) -> Mapping[str, Stored]:
        """
        Return documents by lower-case id.
        """
        ...

    def first_default(self, type_: str, space: str | None) -> str | None:
        """
        Return the id of the type's default document.
        """
        ...
