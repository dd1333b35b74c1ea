"""
Two states of a document in, change records out. Pure, and linear in what the documents hold.

Elements of lists are paired by the keys that stand in the document map, then by name, then by what they hold; order
counts where the map says so, and moves are what stands outside the longest run that kept its order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from auditor.changes.records import (
    Element,
    Identity,
    Op,
    Path,
    Record,
    SecretChange,
    Subject,
    Weight,
    is_mixed,
    is_sealed,
)
from migrator.documents.canonical_json import Number, encode
from migrator.documents.document import Body
from migrator.maps.document_map import DocumentMap, ListRule

_BY_DEFAULT = ListRule("", ("Id", "Name"))
_SCALARS = (str, int, float, bool, type(None), Number)


def differences(document_map: DocumentMap, subject: Subject, old: Body | None, new: Body | None) -> list[Record]:
    """
    Return the records that make *new* of *old*, ``None`` standing for no document; deletions stand before additions.
    """
    if old is None or new is None:
        if old is None and new is None:
            return []
        op = Op.ADDED if old is None else Op.REMOVED
        return [Record(subject, (), op, old, new)]
    work = _Differ(document_map, subject)
    work.compare(old, new, (), "", None)
    return work.found


@dataclass(frozen=True)
class _Pairs:
    """
    Which elements of two lists are one: (old index, new index), in the order of the new list.
    """

    pairs: list[tuple[int, int]]
    removed: list[int]
    added: list[int]
    by_position: bool


class _Differ:
    def __init__(self, document_map: DocumentMap, subject: Subject) -> None:
        self._map, self._subject = document_map, subject
        self._rules = {rule.path: rule for rule in document_map.reading.lists}
        self._sets = frozenset(document_map.sets)
        self._texts = {rule.path: rule.kind for rule in document_map.reading.texts}
        self.found: list[Record] = []

    def compare(self, old: Any, new: Any, path: Path, pattern: str, identity: Identity | None) -> None:
        """
        Add the records of one place.
        """
        if alike(old, new):
            return
        # A secret is one value; what its sealed form is made of says nothing to anybody.
        if isinstance(old, dict) and isinstance(new, dict) and not _is_opaque(old) and not _is_opaque(new):
            self._objects(old, new, path, pattern, identity)
        elif isinstance(old, list) and isinstance(new, list):
            self._lists(old, new, path, pattern, identity)
        else:
            self._leaf(Op.CHANGED, old, new, path, pattern, identity)

    def _objects(
        self, old: Mapping[str, Any], new: Mapping[str, Any], path: Path, pattern: str, identity: Identity | None
    ) -> None:
        for name in sorted(old.keys() | new.keys()):
            inner = f"{pattern}/{name}" if pattern else name
            if name not in new:
                self._leaf(Op.REMOVED, old[name], None, (*path, name), inner, identity)
            elif name not in old:
                self._leaf(Op.ADDED, None, new[name], (*path, name), inner, identity)
            else:
                self.compare(old[name], new[name], (*path, name), inner, identity)

    def _leaf(self, op: Op, old: Any, new: Any, path: Path, pattern: str, identity: Identity | None) -> None:
        secret = secret_change(old, new)
        weight = Weight.ALARM if secret is SecretChange.EXPOSED else Weight.NORMAL
        last = path[-1] if path else ""
        if op is Op.CHANGED and secret is None and self._is_name(path, last):
            op = Op.RENAMED
        elif last == "Id":
            # An import gives new ids, and what the document does stays the same.
            weight = Weight.MINOR
        kind = self._kind(pattern)
        self.found.append(Record(self._subject, path, op, old, new, identity, secret, weight=weight, kind=kind))

    def _is_name(self, path: Path, last: str | Element) -> bool:
        if len(path) == 1:
            return last == self._map.name_property
        # A property called Name within an object, as in a bag of settings, names no element.
        return last == "Name" and isinstance(path[-2], Element)

    def _kind(self, pattern: str) -> str:
        if not self._texts:
            return ""
        return next((kind for path, kind in self._texts.items() if matches(path, pattern)), "")

    def _lists(
        self, old: Sequence[Any], new: Sequence[Any], path: Path, pattern: str, identity: Identity | None
    ) -> None:
        plain = all(isinstance(item, _SCALARS) for item in (*old, *new))
        is_set = any(matches(path_, pattern) for path_ in self._sets)
        rule = next((rule for path_, rule in self._rules.items() if matches(path_, pattern)), _BY_DEFAULT)
        found = _paired_scalars(old, new) if plain else _paired(old, new, rule)
        # Values keep their order unless the map calls them a set; that of elements means something only where a rule
        # says so.
        ordered = not is_set if plain else rule.ordered
        inner = f"{pattern}/*"
        for index in found.removed:
            place = (*path, Element(index, None, _name(old[index], index)))
            self._element(Op.REMOVED, old[index], None, place, identity, _identity(old[index], index, rule))
        stays = _longest_run([before for before, _ in found.pairs]) if ordered else None
        for number, (before, after) in enumerate(found.pairs):
            if (stays is None or number in stays) and alike(old[before], new[after]):
                continue
            place = (*path, Element(before, after, _name(new[after], after)))
            own = identity if plain else _identity(new[after], after, rule)
            if stays is not None and number not in stays:
                self.found.append(Record(self._subject, place, Op.MOVED, before + 1, after + 1, own))
            if not plain:
                count = len(self.found)
                self.compare(old[before], new[after], place, inner, own)
                if found.by_position:
                    self._mark_by_position(count)
        for index in found.added:
            place = (*path, Element(None, index, _name(new[index], index)))
            self._element(Op.ADDED, None, new[index], place, identity, _identity(new[index], index, rule))
        order = [before for before, _ in found.pairs]
        # It means nothing, but without it the records would not make the new document of the old one.
        if not ordered and order != sorted(order):
            self.found.append(
                Record(self._subject, path, Op.MOVED, weight=Weight.MINOR, identity=identity, order=tuple(order))
            )

    def _element(self, op: Op, old: Any, new: Any, place: Path, outer: Identity | None, own: Identity | None) -> None:
        secret = secret_change(old, new)
        self.found.append(Record(self._subject, place, op, old, new, own or outer, secret))

    def _mark_by_position(self, start: int) -> None:
        self.found[start:] = [replace(record, by_position=True) for record in self.found[start:]]


def secret_change(old: Any, new: Any) -> SecretChange | None:
    """
    Return what became of a secret at a place, ``None`` where none is concerned.
    """
    before, after = _secrets(old), _secrets(new)
    if not before and not after:
        return None
    if before and after:
        # Sealing is deterministic, so what looks the same is the same.
        return SecretChange.CHANGED if before != after else None
    if after:
        return SecretChange.SET
    # An empty text in the place of a secret shows nothing.
    return SecretChange.EXPOSED if isinstance(new, str) and new else SecretChange.CLEARED


def _secrets(value: Any) -> list[Any]:
    if is_sealed(value):
        return [value]
    if is_mixed(value):
        return [part for part in value["$parts"] if not isinstance(part, str)]
    return []


def _is_opaque(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and (is_sealed(value) or is_mixed(value))


def alike(old: Any, new: Any) -> bool:
    """
    Return whether two values are the same JSON; ``1`` and ``true`` are not.
    """
    # Python's own comparison is quick, and what it calls different is; it calls more equal than JSON does.
    return bool(old == new) and _alike(old, new)


def _alike(old: Any, new: Any) -> bool:
    if type(old) is not type(new):
        return False
    if isinstance(old, dict):
        return all(_alike(item, new[name]) for name, item in old.items())
    if isinstance(old, list):
        return all(map(_alike, old, new))
    return True


@lru_cache(maxsize=4096)
def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("/"))


def matches(rule: str, pattern: str) -> bool:
    """
    Return whether a place's pattern is one that a rule names; ``*`` in the rule stands for any one segment.
    """
    if rule == pattern:
        return True
    wanted, named = _parts(rule), _parts(pattern)
    return len(wanted) == len(named) and all(a in ("*", b) for a, b in zip(wanted, named, strict=True))


def _paired_scalars(old: Sequence[Any], new: Sequence[Any]) -> _Pairs:
    def keys(items: Sequence[Any]) -> Iterator[Hashable]:
        seen: Counter[Hashable] = Counter()
        for item in items:
            # With its type, since 1 equals true in Python; numbered, so that the second of two equal values pairs with
            # the second.
            key = (type(item).__name__, item)
            yield (*key, seen[key])
            seen[key] += 1

    return _settled(_matched({}, keys(old), keys(new)), len(old), len(new), False)


def _matched(pairs: dict[int, int], old: Iterator[Hashable], new: Iterator[Hashable]) -> dict[int, int]:
    """
    Add to *pairs* (new index -> old index) the elements whose key is one element's alone on both sides.
    """
    taken = set(pairs.values())
    before = _unique((index, key) for index, key in enumerate(old) if index not in taken)
    after = _unique((index, key) for index, key in enumerate(new) if index not in pairs)
    return pairs | {index: before[key] for key, index in after.items() if key in before}


def _unique(keys: Iterator[tuple[int, Hashable]]) -> dict[Hashable, int]:
    found: dict[Hashable, int] = {}
    double: set[Hashable] = set()
    for index, key in keys:
        if key is None:
            continue
        if key in found:
            double.add(key)
        found[key] = index
    return {key: index for key, index in found.items() if key not in double}


def _paired(old: Sequence[Any], new: Sequence[Any], rule: ListRule) -> _Pairs:
    pairs: dict[int, int] = {}
    for key in _keys_of(rule):
        pairs = _matched(pairs, map(key, old), map(key, new))
        # Ids mostly pair all, and then nothing is written out as JSON to be compared.
        if len(pairs) == min(len(old), len(new)):
            break
    taken = set(pairs.values())
    left_old = [index for index in range(len(old)) if index not in taken]
    left_new = [index for index in range(len(new)) if index not in pairs]
    # Where names exist, pairing what is left by its place would call two different things one.
    nameless = all(_named(item, rule) is None for item in (*old, *new))
    by_position = bool(left_old) and nameless and len(left_old) == len(left_new)
    if by_position:
        pairs |= dict(zip(left_new, left_old, strict=True))
    return _settled(pairs, len(old), len(new), by_position)


def _keys_of(rule: ListRule) -> Iterator[Callable[[Any], Hashable]]:
    """
    Yield the ways to tell elements apart, the surest first.
    """
    first, *others = rule.keys or ("Id", "Name")
    yield lambda item: _text(item, first)
    if rule.with_:
        # After an import the same element has a new id: its name together with what tells twins apart finds it.
        for key in others:
            yield lambda item, key=key: _together(item, (key, *rule.with_))  # type: ignore[misc]
    for key in others:
        yield lambda item, key=key: _text(item, key)  # type: ignore[misc]
    yield lambda item: encode(item)


def _text(item: Any, key: str) -> Hashable:
    value = item.get(key) if isinstance(item, dict) else None
    return (type(value).__name__, value) if isinstance(value, str | int) and value != "" else None


def _together(item: Any, keys: Sequence[str]) -> Hashable:
    name = _text(item, keys[0])
    return (name, *(encode(item.get(key)) for key in keys[1:])) if name is not None else None


def _named(item: Any, rule: ListRule) -> Hashable:
    return next((text for key in rule.keys if (text := _text(item, key)) is not None), None)


def _settled(pairs: Mapping[int, int], old: int, new: int, by_position: bool) -> _Pairs:
    kept = set(pairs.values())
    return _Pairs(
        [(pairs[index], index) for index in sorted(pairs)],
        [index for index in range(old) if index not in kept],
        [index for index in range(new) if index not in pairs],
        by_position,
    )


def _longest_run(order: Sequence[int]) -> set[int]:
    """
    Return the places in *order* that make up its longest increasing subsequence.
    """
    ends: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for place, value in enumerate(order):
        at = bisect_left(ends, value)
        ends[at : at + 1] = [value]
        places[at : at + 1] = [place]
        before.append(places[at - 1] if at else -1)
    found: set[int] = set()
    place = places[-1] if places else -1
    while place >= 0:
        found.add(place)
        place = before[place]
    return found


def _name(item: Any, index: int) -> str:
    if isinstance(item, dict):
        # In brackets, so that a name of digits is not taken for a place in the list.
        identity = item.get("Id") or item.get("Name")
        return f"[{identity}]" if isinstance(identity, str) else str(index)
    return f"[{item}]" if isinstance(item, str) else str(index)


def _identity(item: Any, index: int, rule: ListRule) -> Identity | None:
    if not isinstance(item, dict):
        return None
    name = item.get("Name")
    scope = item.get("Scope")
    return Identity(
        name if isinstance(name, str) else None,
        scope if isinstance(scope, dict) and scope else None,
        index + 1 if rule.ordered else None,
    )
