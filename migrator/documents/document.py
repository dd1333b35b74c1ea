"""
A document of the server, and the one walk over its body.

Pure: values in, values out. What a type's fields mean is in the document map.

A *path pattern* names places in a body: segments joined by ``/``; ``*`` stands for any element of a list or any
value of a dictionary, ``~`` for the keys of a dictionary. A *path* names one place, and an element of a list is
named by its own ``Id`` where it has one, so that it stays the same when its neighbours move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from migrator.maps.document_map import DocumentMap

Body = dict[str, Any]
"""A merged document: the columns and the JSON of one row."""
_DIGITS = 19
"""As many as every number has that fits into the server's columns."""


class DocumentId(NamedTuple):
    """
    A document's identity on one server: its type and its id.
    """

    type: str
    id: str


def display_name(document_map: DocumentMap, body: Body, document_id: str) -> str:
    """
    Return the name people use for a document.
    """
    name = body.get(document_map.name_property)
    return name if isinstance(name, str) and name else document_id


class Place(NamedTuple):
    """
    One place in a body: ``container[key]``, reached by ``path``.

    For a pattern that ends in ``~`` the key itself is meant: ``is_key`` is true.
    """

    container: Any
    key: Any
    path: tuple[str, ...]
    is_key: bool = False

    @property
    def value(self) -> Any:
        """
        Return what stands there.
        """
        return self.key if self.is_key else self.container[self.key]


def places(body: Body, pattern: str) -> list[Place]:
    """
    Return every place in *body* that *pattern* names, in order; places that do not exist are left out.
    """
    found: list[Place] = []
    _collect(body, split(pattern), (), found)
    return found


def holders(body: Body, pattern: str) -> list[tuple[Any, Any]]:
    """
    Return container and key of every place that *pattern* names: ``places`` without the paths, for hot loops.
    """
    *way, last = split(pattern)
    values: list[Any] = [body]
    for segment in way:
        if not values:
            return []
        values = [item for value in values for item in _inner(value, segment)]
    if last == "*":
        return [(value, key) for value in values for key in _all_keys(value)]
    return [(value, last) for value in values if isinstance(value, dict) and last in value]


def _inner(value: Any, segment: str) -> list[Any]:
    if isinstance(value, dict):
        if segment == "*":
            return list(value.values())
        return [value[segment]] if segment in value else []
    return value if isinstance(value, list) and segment == "*" else []


def _all_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return list(value)
    return range(len(value)) if isinstance(value, list) else ()


def number(text: str) -> int | None:
    """
    Return the number that a text is, ``None`` if it is none that a server counts with.

    Texts of a database may hold other scripts' digits, or more of them than ``int`` takes.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def by_number(identity: str) -> tuple[int, str]:
    """
    Return a sort key that puts ids of one type in the order they were given in; those without a number come first.
    """
    return number(identity.rpartition("-")[2]) or 0, identity


@lru_cache(maxsize=4096)
def split(pattern: str) -> tuple[str, ...]:
    """
    Return the segments of a path pattern.
    """
    return tuple(pattern.split("/"))


def _collect(value: Any, segments: Sequence[str], path: tuple[str, ...], found: list[Place]) -> None:
    segment, rest = segments[0], segments[1:]
    if segment == "~":
        if isinstance(value, dict):
            found.extend(Place(value, key, (*path, key), True) for key in value)
        return
    for key, name in _keys(value, segment):
        if rest:
            _collect(value[key], rest, (*path, name), found)
        else:
            found.append(Place(value, key, (*path, name)))


def _keys(value: Any, segment: str) -> list[tuple[Any, str]]:
    if isinstance(value, dict):
        if segment == "*":
            return [(key, key) for key in value]
        return [(segment, segment)] if segment in value else []
    if isinstance(value, list) and segment == "*":
        return list(zip(range(len(value)), element_names(value), strict=True))
    return []


def element_names(items: list[Any]) -> list[str]:
    """
    Return a stable name for each element of a list: its own ``Id`` where that is unique in the list, else its index.
    """
    ids = [item.get("Id") if isinstance(item, dict) else None for item in items]
    own = [id_ for id_ in ids if id_ and isinstance(id_, str)]
    if not own:
        return [str(index) for index in range(len(items))]
    unique = set(own)
    if len(unique) < len(own):
        # Of two elements with one id neither is named by it: a secret must not open in the other's place.
        unique = {id_ for id_, often in Counter(own).items() if often == 1}
    return [f"[{id_}]" if isinstance(id_, str) and id_ in unique else str(index) for index, id_ in enumerate(ids)]


def spelled(path: Sequence[str]) -> str:
    """
    Return a path as people read it, and as secrets are bound to it: segments joined by ``/``.
    """
    # Escaped as in JSON Pointer, so that no two places are spelled alike: secrets are bound to the text.
    return "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)
