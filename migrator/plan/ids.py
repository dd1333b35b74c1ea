"""
What a tree's ids are on the target. Pure.

Every source has ids of its own, and every type its own space of them: nothing here ever holds a target's id where a
source's is meant. A document that is yet to be created has a mark in place of its id until ids are reserved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from migrator.documents.references import IMPOSSIBLE_GUID
from migrator.maps import REGISTRY

_MARK = re.compile(r"<new (\d+)>")
Source = tuple[str, str]
"""Origin and type."""


def mark(number: int) -> str:
    """
    Return what stands for the id of the *number*-th new document.
    """
    return f"<new {number}>"


def is_marked(text: str) -> bool:
    """
    Return whether an id is, or is made of, one that is not reserved yet.
    """
    return "<new " in text


def settle(text: str, reserved: Mapping[int, str]) -> str:
    """
    Return *text* with the reserved ids in place of their marks; marks without one stay.
    """
    return _MARK.sub(lambda found: reserved.get(int(found[1]), found[0]), text) if is_marked(text) else text


def impossible(type_: str) -> str:
    """
    Return an id of that type that no server ever gives away: a restriction to it is a restriction to nothing.
    """
    if type_ == "Tag":
        return "TagSets-0/Tags-0"
    found = REGISTRY.find(type_)
    return f"{found.id_prefix}0" if found else IMPOSSIBLE_GUID


@dataclass
class IdMap:
    """
    Source id to target id, by origin and type; filled while matching, only read afterwards.
    """

    _ids: dict[Source, dict[str, str]] = field(default_factory=dict)
    _spelled: dict[Source, dict[str, str]] = field(default_factory=dict)
    _images: dict[str, set[str]] = field(default_factory=dict)

    def put(self, origin: str, type_: str, source: str, target: str) -> None:
        """
        Say what a source's id is on the target.
        """
        self._ids.setdefault((origin, type_), {})[source.lower()] = target
        self._spelled.setdefault((origin, type_), {})[source.lower()] = source
        self._images.setdefault(type_, set()).add(target.lower())

    def get(self, origin: str, type_: str, source: str) -> str | None:
        """
        Return a document's id on the target, ``None`` where the tree does not say.
        """
        return self._ids.get((origin, type_), {}).get(source.lower())

    def find(self, origin: str, types: Sequence[str], source: str) -> tuple[str, str] | None:
        """
        Return type and target id of an id that is of one of *types*.
        """
        for type_ in types:
            target = self.get(origin, type_, source)
            if target is not None:
                return type_, target
        return None

    def is_image(self, type_: str, target: str) -> bool:
        """
        Return whether a document of the target has a counterpart in the tree.
        """
        return target.lower() in self._images.get(type_, ())

    def report(self, types: Sequence[str], reserved: Mapping[int, str]) -> dict[str, dict[str, str]]:
        """
        Return the ids by type, from source to target, as a report shows them.
        """
        shown: dict[str, dict[str, str]] = {}
        for (origin, type_), ids in sorted(self._ids.items()):
            if type_ in types:
                spelled = self._spelled[origin, type_]
                shown.setdefault(type_, {}).update((spelled[low], settle(new, reserved)) for low, new in ids.items())
        return shown
