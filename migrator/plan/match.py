"""
Which document of the target a document of the tree is: by natural key, per space, type after type.

Every match puts its ids into the id map, whatever is decided about the document later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from types import NoneType
from typing import Any

from migrator.documents.document import Body, by_number, places
from migrator.documents.instants import same_instant
from migrator.documents.layout import safe_name
from migrator.documents.references import is_tag_id
from migrator.documents.stored import Found
from migrator.maps.document_map import TAG, TEMPLATE, DocumentMap, Role
from migrator.maps.natural_keys import fold, key_of, may_repeat, owner_of, rank
from migrator.plan.context import Context
from migrator.tree.values import TreeDocument

_BY_ID = ("Id",)
_BODIES = 400
"""Documents of the target that are held at once."""


@dataclass(frozen=True)
class Match:
    """
    A document of the tree and what it is on the target; ``trouble`` says why it cannot be matched.

    ``twin`` is true for one of several documents of the tree with one key.
    """

    document: TreeDocument
    target_id: str
    exists: bool
    space: str | None = None
    trouble: str = ""
    missing: str = ""
    twin: bool = False


@dataclass
class Matcher:
    """
    Matches the documents of one tree; ``new`` counts those that the target does not have.
    """

    context: Context
    new: list[DocumentMap] = field(default_factory=list)

    def match(self, documents: Iterable[TreeDocument]) -> list[Match]:
        """
        Return a match for each document, in the order of an import.
        """
        self._learn_spaces()
        ordered = sorted(documents, key=_turn)
        matches: list[Match] = []
        for _, group in groupby(ordered, key=lambda item: item.map.type):
            # A type at a time: keys hold ids of types that come before.
            some = list(self._match_type(list(group)))
            matches.extend(some)
            self._learn(some)
        return _with_twins(matches)

    def _learn_spaces(self) -> None:
        self._target_spaces: dict[str, str] = {}
        for identity, (name, _) in self.context.target.spaces().items():
            # A tree knows a space by its folder, whose name may have been made safe.
            self._target_spaces[fold(safe_name(name, identity))] = identity
            self._target_spaces[fold(name)] = identity

    def _space(self, document: TreeDocument) -> tuple[str | None, str]:
        context = self.context
        if document.space is not None and context.target.has_column(document.map.type, "SpaceId"):
            place = (document.origin, fold(document.space))
            if place not in context.spaces and fold(document.space) in self._target_spaces:
                context.spaces[place] = self._target_spaces[fold(document.space)]
            if place not in context.spaces:
                return None, f"the target has no space {document.space}; create it, or import the file of the space too"
        return context.space_of(document), ""

    def _match_type(self, documents: list[TreeDocument]) -> Iterator[Match]:
        document_map = documents[0].map
        if document_map.derived_from:
            yield from self._by_owner(document_map, documents)
        elif document_map.bears_id_of:
            types = (document_map.bears_id_of,)
            pairs = [(d, self.context.resolve(d.origin, types, d.id)) for d in documents]
            yield from self._by_wanted(document_map, pairs)
        elif key_of(document_map) == _BY_ID:
            yield from self._by_wanted(document_map, [(d, d.id) for d in documents])
        else:
            made = list(self._server_made(document_map, documents))
            yield from made
            handled = {id(match.document) for match in made}
            documents = [d for d in documents if id(d) not in handled]
            fixed = [d for d in documents if document_map.is_fixed(d.id)]
            found = self.context.target.existing(document_map.type, [d.id for d in fixed])
            # By id before name: what every server has may have been renamed on one of the two.
            known = [d for d in fixed if d.id.lower() in found]
            for document in known:
                yield Match(document, found[document.id.lower()], True, self._space(document)[0])
            handled = {id(d) for d in known}
            yield from self._by_key(document_map, [d for d in documents if id(d) not in handled])

    def _server_made(self, document_map: DocumentMap, documents: list[TreeDocument]) -> Iterator[Match]:
        """
        Yield the matches of what each space has by itself with the target's own of that space, where it has one.
        """
        name = document_map.server_made[0] if document_map.server_made else ""
        documents = [document for document in documents if document_map.is_server_made(document.body)]
        if not documents or not self.context.target.has_column(document_map.type, name):
            return
        asked = list(dict.fromkeys((document.body.get(name),) for document in documents))
        items = self.context.target.find(document_map.type, (name,), asked)
        found = {(fold(item.space), fold(item.key[0])): item.id for item in items}
        for document in documents:
            space, _ = self._space(document)
            identity = found.get((fold(space), fold(document.body.get(name))))
            if identity is not None:
                yield Match(document, identity, True, space)

    def _by_owner(self, document_map: DocumentMap, documents: list[TreeDocument]) -> Iterator[Match]:
        pairs: list[tuple[TreeDocument, str | None]] = []
        for document in documents:
            owner = owner_of(document_map, document.id, document.body) or ""
            types = document_map.targets_at(document_map.derived_from)
            target = self.context.resolve(document.origin, types, owner)
            prefix = document.id[: -len(owner)] if document.id.lower().endswith(owner.lower()) and owner else ""
            pairs.append((document, f"{prefix or document_map.id_prefix}{target}" if target else None))
        yield from self._by_wanted(document_map, pairs)

    def _by_wanted(
        self, document_map: DocumentMap, pairs: Sequence[tuple[TreeDocument, str | None]]
    ) -> Iterator[Match]:
        wanted = [target for _, target in pairs if target and not self.context.marks.is_in(target)]
        existing = self.context.target.existing(document_map.type, wanted)
        for document, target in pairs:
            space, trouble = self._space(document)
            if target is None:
                missing = owner_of(document_map, document.id, document.body) or document.id
                yield Match(document, "", False, space, trouble, missing=missing)
            else:
                spelled = existing.get(target.lower())
                yield Match(document, spelled or target, spelled is not None, space, trouble)

    def _by_key(self, document_map: DocumentMap, documents: list[TreeDocument]) -> Iterator[Match]:
        groups: dict[tuple[Any, ...], list[TreeDocument]] = {}
        written: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
        for document in documents:
            space, trouble = self._space(document)
            key, missing = self._key(document)
            trouble = trouble or no_key(document.map, key)
            if trouble or missing:
                yield Match(document, "", False, space, trouble, missing=missing)
            else:
                place = (space, *[fold(part) for part in key])
                groups.setdefault(place, []).append(document)
                written.setdefault(place, []).append(key)
        found = self._candidates(document_map, written)
        strangers = _strangers(written, found)
        if document_map.always_apart:
            yield from self._all_apart(document_map, groups, found)
            return
        for place, some in groups.items():
            # The same name in another space is another document.
            same = found.get((fold(place[0]), *place[1:]), [])
            if strangers and not same and (like := self._like(document_map, place, written[place], strangers)):
                trouble = f"the target's collation takes it for {like}; rename one of them"
                yield from (Match(document, "", False, place[0], trouble) for document in some)
            else:
                yield from self._pair(document_map, some, same, place[0])

    def _key(self, document: TreeDocument) -> tuple[tuple[Any, ...], str]:
        """
        Return the values of a document's key as they are written, ids as the target's, or the id that is missing.
        """
        parts: list[Any] = []
        for name in key_of(document.map):
            value = document.body.get(name)
            types, typed_by = document.map.targets_at(name), document.map.typed_by
            if types and isinstance(value, str) and value:
                target = self.context.resolve(document.origin, types, value)
                if target is None:
                    return (), value
                value = target
            elif typed_by is not None and name == typed_by.template:
                value = self.context.template(document.origin, str(document.body.get(typed_by.owner)), str(value))
            # A file and a column may write nothing as an empty text or as NULL.
            parts.append(value if value != "" else None)
        return tuple(parts), ""

    def _candidates(
        self, document_map: DocumentMap, written: Mapping[tuple[Any, ...], list[tuple[Any, ...]]]
    ) -> dict[tuple[Any, ...], list[Found]]:
        """
        Return the documents of the target by folded space and key, asked for as they are written and folded.

        The target's collation decides what it returns, which may be more than what folds alike.
        """
        names = key_of(document_map)
        keys = dict.fromkeys(
            key for place, some in written.items() for key in (*some, place[1:]) if not self._is_new(key)
        )
        found: dict[tuple[Any, ...], list[Found]] = {}
        if all(self.context.target.has_column(document_map.type, name) for name in names):
            for item in self.context.target.find(document_map.type, names, list(keys)):
                key = tuple(fold(part) if part != "" else None for part in item.key)
                found.setdefault((fold(item.space), *key), []).append(item)
        return found

    def _is_new(self, key: Iterable[Any]) -> bool:
        """
        Return whether a key holds the id of a document that the target does not have yet.
        """
        return any(isinstance(part, str) and self.context.marks.is_in(part) for part in key)

    def _like(
        self,
        document_map: DocumentMap,
        place: tuple[Any, ...],
        written: list[tuple[Any, ...]],
        strangers: Mapping[str, Found],
    ) -> str:
        """
        Return the document of the target that its collation takes for one of the tree, ``""`` where there is none.
        """
        if self._is_new(written[0]):
            return ""
        asked = self.context.target.find(document_map.type, key_of(document_map), written)
        some = (item for item in asked if item.id in strangers and fold(item.space) == fold(place[0]))
        return next((f"{', '.join(str(part) for part in item.key)} ({item.id})" for item in some), "")

    def _pair(
        self, document_map: DocumentMap, some: list[TreeDocument], same: list[Found], space: str | None
    ) -> Iterator[Match]:
        """
        Yield the matches of documents of one key with those of the target that have it.
        """
        if len(same) > 1 and not may_repeat(document_map):
            # A collation that minds case may hold both; then the very spelling decides.
            exact = [f for f in same if f.key == tuple(some[0].body.get(name) for name in key_of(document_map))]
            same = exact if len(exact) == 1 else same
        if len(some) == 1 and len(same) <= 1:
            yield self._single(some[0], same, space)
        elif may_repeat(document_map):
            yield from self._repeated(some, same, space)
        elif len(same) > 1:
            names = ", ".join(item.id for item in same)
            for document in some:
                yield Match(document, "", False, space, f"the target has several with this key ({names}); rename them")
        else:
            first = self._single(some[0], same, space)
            for document in some:
                yield Match(document, first.target_id, first.exists, space)

    def _single(self, document: TreeDocument, same: list[Found], space: str | None) -> Match:
        if same:
            return Match(document, same[0].id, True, space)
        # Its id is the same on every server, so it gets none from the counter.
        if document.map.is_fixed(document.id):
            return Match(document, document.id, False, space)
        self.new.append(document.map)
        return Match(document, self.context.marks.new(len(self.new) - 1), False, space)

    def fresh(self, document: TreeDocument, space: str | None) -> Match:
        """
        Return the match of a document that the target does not have.
        """
        return self._single(document, [], space)

    def _repeated(self, some: list[TreeDocument], same: list[Found], space: str | None) -> Iterator[Match]:
        """
        Pair documents whose key need not be unique: each with one that says the same, the rest are new.
        """
        document_map = some[0].map
        stored = self.context.target.documents(document_map.type, [item.id for item in same])
        found = [stored[item.id.lower()] for item in same if item.id.lower() in stored]
        left = {item.id: self.told_apart(document_map, item.body) for item in found}
        for document in some:
            mine = self.told_apart(document_map, document.body, document.origin)
            twin = next((identity for identity, other in left.items() if other == mine), None)
            if twin is not None:
                del left[twin]
                yield Match(document, twin, True, space)
            else:
                yield self._single(document, [], space)

    def _all_apart(
        self,
        document_map: DocumentMap,
        groups: Mapping[tuple[Any, ...], list[TreeDocument]],
        found: Mapping[tuple[Any, ...], list[Found]],
    ) -> Iterator[Match]:
        """
        Yield the matches of documents whose key has a part that no column holds: bodies are asked for, all at once.
        """
        wanted = {place: found.get((fold(place[0]), *place[1:]), []) for place in groups}
        ids = [item.id for same in wanted.values() for item in same]
        told: dict[str, tuple[Any, ...]] = {}
        for start in range(0, len(ids), _BODIES):
            stored = self.context.target.documents(document_map.type, ids[start : start + _BODIES])
            told |= {key: self.told_apart(document_map, item.body) for key, item in stored.items()}
        for place, some in groups.items():
            left = {item.id: told.get(item.id.lower()) for item in wanted[place]}
            met: dict[tuple[Any, ...], Match] = {}
            for document in some:
                mine = self.told_apart(document_map, document.body, document.origin)
                twin = next((identity for identity, other in left.items() if other == mine), None)
                if mine in met:
                    yield replace(met[mine], document=document)
                    continue
                if twin is not None:
                    del left[twin]
                met[mine] = Match(document, twin, True, place[0]) if twin else self._single(document, [], place[0])
                yield met[mine]

    def told_apart(self, document_map: DocumentMap, body: Body, origin: str | None = None) -> tuple[Any, ...]:
        """
        Return what tells documents of one key apart: a certificate's dates, the lists a role is limited to.

        Ids of a tree, which has an *origin*, are as they are on the target.
        """
        return tuple(self._told_at(document_map, body, pattern, origin) for pattern in document_map.told_apart_by)

    def _told_at(self, document_map: DocumentMap, body: Body, pattern: str, origin: str | None) -> Any:
        if not pattern.endswith("/*"):
            return same_instant(fold(body.get(pattern)))
        items: Any = body
        for part in pattern[:-2].split("/"):
            items = items.get(part) if isinstance(items, dict) else None
        types = document_map.targets_at(pattern)
        known = [
            self.context.resolve(origin, types, item) or item if origin is not None and isinstance(item, str) else item
            for item in (items if isinstance(items, list) else [])
        ]
        return tuple(sorted((fold(item) for item in known), key=repr))

    def _learn(self, matches: list[Match]) -> None:
        context = self.context
        for match in matches:
            if not match.target_id:
                continue
            document = match.document
            context.ids.put(document.origin, document.map.type, document.id, match.target_id)
            name = document.body.get(document.map.name_property)
            if isinstance(name, str) and name:
                # Also for marks: a preview calls a document by its name before it has an id.
                context.names[match.target_id.lower()] = name
            if document.map.role is Role.SPACE:
                below = f"{document.map.folder}/"
                folder = document.file.split("/")[1] if document.file.startswith(below) else str(name)
                for text in (folder, str(name)):
                    context.spaces[document.origin, fold(text)] = match.target_id
        for part in (TAG, TEMPLATE):
            if matches and part in matches[0].document.map.holds:
                self._learn_parts(matches, part)

    def _learn_parts(self, matches: list[Match], part: str) -> None:
        """
        Map the ids of tags and variable templates, which are parts of their documents, by name.
        """
        document_map = matches[0].document.map
        pattern = document_map.holds[part]
        with_parts = [m for m in matches if m.target_id and places(m.document.body, pattern)]
        stored = self.context.target.documents(document_map.type, [m.target_id for m in with_parts if m.exists])
        for match in with_parts:
            target = stored.get(match.target_id.lower())
            known = {
                fold(p.value.get("Name")): p.value.get("Id") for p in _named(target.body if target else {}, pattern)
            }
            # The target's own tags keep their numbers.
            taken = {str(value).rpartition("/")[2].lower() for value in known.values()}
            for place in _named(match.document.body, pattern):
                source, name = str(place.value.get("Id") or ""), place.value.get("Name")
                identity = known.get(fold(name))
                if part == TAG:
                    identity = identity or _new_tag(match.target_id, source, taken)
                    canonical = f"{match.document.body.get('Name')}/{name}"
                    self.context.ids.put(match.document.origin, TAG, source, identity)
                    self.context.names[identity.lower()] = canonical
                    # Others mention a tag by either, and by its name too it is one that the tree has.
                    self.context.ids.see(TAG, canonical)
                elif source:
                    key = f"{match.document.id}/{source}"
                    self.context.ids.put(match.document.origin, TEMPLATE, key, identity or source)


def no_key(document_map: DocumentMap, key: Sequence[Any]) -> str:
    """
    Return why a document cannot be found by a key, ``""`` if it can: no database compares lists, objects or secrets.
    """
    wrong = [
        name
        for name, value in zip(key_of(document_map), key, strict=False)
        if not isinstance(value, (str, int, NoneType))
    ]
    return f"it would be found by its {wrong[0]}, which is no text and no number" if wrong else ""


def _strangers(written: Iterable[tuple[Any, ...]], found: Mapping[tuple[Any, ...], list[Found]]) -> dict[str, Found]:
    """
    Return the found documents, by id, that were found for their key's sake though nothing that was asked folds alike.
    """
    asked = [set(part) for part in zip(*[place[1:] for place in written], strict=True)]

    def is_odd(key: tuple[Any, ...]) -> bool:
        return any(None not in known and part not in known for part, known in zip(key, asked, strict=True))

    return {item.id: item for key, some in found.items() if is_odd(key[1:]) for item in some}


def _with_twins(matches: list[Match]) -> list[Match]:
    """
    Return the matches, those marked that are one document of the target, whichever source they come from.
    """
    seen = Counter((match.document.map.type, match.target_id.lower()) for match in matches if match.target_id)
    return [
        replace(match, twin=True) if seen[match.document.map.type, match.target_id.lower()] > 1 else match
        for match in matches
    ]


def _turn(document: TreeDocument) -> tuple[Any, ...]:
    # New ids follow the order of the source's, so that people find their way.
    return rank(document.map.type), by_number(document.id)[0], document.file, document.id


def _named(body: Body, pattern: str) -> list[Any]:
    return [p for p in places(body, pattern) if isinstance(p.value, dict) and isinstance(p.value.get("Name"), str)]


def _new_tag(set_id: str, source: str, taken: set[str]) -> str:
    """
    Return a tag's id inside its set on the target: the source's number, or the next that is free.
    """
    tail = source.rpartition("/")[2] if is_tag_id(source) else "Tags-1"
    number = 1
    while tail.lower() in taken:
        tail, number = f"Tags-{number}", number + 1
    taken.add(tail.lower())
    return f"{set_id}/{tail}"
