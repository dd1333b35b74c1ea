"""
What a tree's ids are on the target. Pure.

Every source has ids of its own, and every type its own space of them: nothing here ever holds a target's id where a
source's is meant. A document that is yet to be created has a mark in place of its id until ids are reserved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from secrets import token_hex

from migrator.documents.references import IMPOSSIBLE_GUID
from migrator.maps import REGISTRY
from migrator.maps.document_map import TAG
from migrator.maps.natural_keys import fold
from migrator.maps.shared import NO_TAG

Source = tuple[str, str]
"""Origin and type."""


@dataclass(frozen=True)
class Marks:
    """
    What stands in a plan's texts for what is not known, or not to be said, before it is applied: ids that are yet to be
    reserved, by the number of the new document, and secrets.

    ``token`` is drawn for each plan, after tree and target are given, so that none of their texts can be a mark.
    """

    token: str = field(default_factory=lambda: token_hex(8), repr=False)

    def new(self, number: int) -> str:
        """
        Return what stands for the id of the *number*-th new document.
        """
        return f"<new {number}>{self.token}"

    def secret(self, number: int) -> str:
        """
        Return what stands for the *number*-th secret.
        """
        return f"<secret {number}>{self.token}"

    def is_in(self, text: str) -> bool:
        """
        Return whether an id is, or is made of, one that is not reserved yet.
        """
        return self.token in text

    def number(self, text: str) -> int | None:
        """
        Return the number of the new document that *text* is the mark of, ``None`` if it is no mark or more than one.
        """
        found = self._pattern.fullmatch(text)
        return int(found[2]) if found and found[1] == "new" else None

    def numbers(self, text: str) -> set[int]:
        """
        Return the numbers of the new documents whose marks *text* is, or is made of.
        """
        if not self.is_in(text):
            return set()
        return {int(found[2]) for found in self._pattern.finditer(text) if found[1] == "new"}

    def settle(self, text: str, new: Callable[[int], str], secret: Callable[[int], str] = str) -> str:
        """
        Return *text* with what *new* and *secret* return in place of the marks.
        """
        if not self.is_in(text):
            return text
        return self._pattern.sub(lambda found: (new if found[1] == "new" else secret)(int(found[2])), text)

    def shown(self, text: str) -> str:
        """
        Return *text* as people and saved plans see it, the same for every plan of the same import.
        """
        return self.settle(text, lambda number: f"<new {number}>")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"<(new|secret) (\d+)>{self.token}")


def impossible(type_: str) -> str:
    """
    Return an id of that type that no server ever gives away: a restriction to it is a restriction to nothing.
    """
    if type_ == TAG:
        return NO_TAG
    found = REGISTRY.find(type_)
    # The server counts from 1.
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
        # For people: they know an id as their server spells it.
        self._spelled.setdefault((origin, type_), {})[source.lower()] = source
        self.see(type_, target)

    def see(self, type_: str, target: str) -> None:
        """
        Say that the tree holds a document of the target, or a part of one, by whatever name others mention it.
        """
        self._images.setdefault(type_, set()).add(fold(target))

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
        return fold(target) in self._images.get(type_, ())

    def report(self, types: Sequence[str], settled: Callable[[str], str]) -> dict[str, dict[str, str]]:
        """
        Return the ids by type, from source to target, as a report shows them; *settled* puts ids in place of marks.
        """
        shown: dict[str, dict[str, str]] = {}
        for (origin, type_), ids in sorted(self._ids.items()):
            if type_ in types:
                spelled = self._spelled[origin, type_]
                shown.setdefault(type_, {}).update((spelled[source], settled(new)) for source, new in ids.items())
        return shown
