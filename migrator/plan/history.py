"""
History in an import: which releases, tasks, deployments and frozen copies the target has, and which are new.

History never changes: what is there stays as it is. Ids that nobody knows any more are tolerated. Events, artifacts and
the like are not imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from migrator.documents.document import by_number
from migrator.documents.references import Slot
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, Meaning
from migrator.maps.natural_keys import fold, key_of, may_repeat, rank
from migrator.maps.parts import TAKEN_HISTORY
from migrator.plan.context import Context, is_history
from migrator.plan.ids import impossible
from migrator.plan.match import Match, Matcher, no_key
from migrator.plan.target_view import TargetView
from migrator.tree.values import Tree, TreeDocument

_TAKEN = tuple(sorted((item for item in REGISTRY.maps if item.snapshot_file or item.taken), key=lambda m: rank(m.type)))
_OWNERS = {part.type: (item.type, part.column) for item in REGISTRY.maps for part in item.parts}


def is_index(document_map: DocumentMap) -> bool:
    """
    Return whether a type's rows index other history: they have no ids but the database's, and come and go with it.
    """
    return document_map.taken and not document_map.id_prefix


def is_imported(document: TreeDocument, target: TargetView) -> bool:
    """
    Return whether a document of history is one that an import takes.
    """
    return (
        is_history(document.map, document.body) and document.map.type in TAKEN_HISTORY and target.has(document.map.type)
    )


def match_history(matcher: Matcher, tree: Tree) -> list[Match]:
    """
    Return a match for each document of history, once the configuration is matched, in the order of an import.
    """
    wanted = [item for item in tree.documents if item.id and is_imported(item, matcher.context.target)]
    matches: list[Match] = []
    new: set[tuple[str, str, str]] = set()
    for document_map in _TAKEN:
        some = [item for item in wanted if item.map.type == document_map.type]
        if is_index(document_map):
            owner, column = _OWNERS[document_map.type]
            places = [(item, (item.origin, owner, str(item.body.get(column)).lower())) for item in some]
            # Only with an owner that is new: of others the target has these rows, and would have them twice.
            matches.extend(Match(item, "", False) for item, place in places if place in new)
            continue
        # In the order in which it happened, so that new ids follow it, too.
        some.sort(key=lambda item: by_number(item.id))
        found = list((_frozen if document_map.snapshot_file else _by_key)(matcher, some))
        for match in (item for item in found if not item.trouble):
            document = match.document
            matcher.context.ids.put(document.origin, document_map.type, document.id, match.target_id)
            if not match.exists:
                new.add((document.origin, document_map.type, document.id.lower()))
        matches.extend(found)
    return matches


def _frozen(matcher: Matcher, documents: Sequence[TreeDocument]) -> Iterator[Match]:
    """
    Match frozen copies, whose ids end in random letters: the same id of the same owner is the same copy.
    """
    if not documents:
        return
    context, document_map = matcher.context, documents[0].map
    column, owners = document_map.derived_from, document_map.targets_at(document_map.derived_from)
    stored = context.target.documents(document_map.type, [item.id for item in documents])
    for document in documents:
        same = stored.get(document.id.lower())
        owner = str(document.body.get(column) or "")
        mapped = context.resolve(document.origin, owners, owner)
        if same is None:
            # Its random end is as good as unique, so it keeps its id, and what names it stays right.
            yield Match(document, document.id, False, context.space_of(document))
        elif mapped and fold(same.body.get(column)) == fold(mapped):
            yield Match(document, same.id, True, context.space_of(document))
        else:
            # Another owner's copy bears this id; ours gets one that is made of its own owner's.
            tail = document.id.partition(owner)[2] if owner else document.id
            fresh = f"{document_map.id_prefix}{mapped or owner}{tail}-{len(matcher.new)}"
            yield Match(document, fresh, False, context.space_of(document))


def _by_key(matcher: Matcher, documents: Sequence[TreeDocument]) -> Iterator[Match]:
    if not documents:
        return
    context, document_map = matcher.context, documents[0].map
    names = key_of(document_map)
    keyed: list[tuple[TreeDocument, tuple[Any, ...]]] = []
    for document in documents:
        key = tuple(_mapped(context, document, name) for name in names)
        if trouble := no_key(document_map, key):
            yield Match(document, "", False, context.space_of(document), trouble)
        else:
            keyed.append((document, key))
    found = _found(matcher, document_map, [key for _, key in keyed])
    met: dict[tuple[Any, ...], str] = {}
    for document, key in keyed:
        if not may_repeat(document_map) and key in met:
            # The database could not hold both either: the second is the first by another id.
            context.ids.put(document.origin, document_map.type, document.id, met[key])
            continue
        left = found.get(tuple(fold(part) or None for part in key), [])
        mine = matcher.told_apart(document_map, document.body, document.origin)
        at = next((at for at, (_, told) in enumerate(left) if told == mine), None)
        if at is not None:
            match = Match(document, left.pop(at)[0], True, context.space_of(document))
        else:
            match = matcher.fresh(document, context.space_of(document))
        met[key] = match.target_id
        yield match


def _found(
    matcher: Matcher, document_map: DocumentMap, keys: Sequence[tuple[Any, ...]]
) -> dict[tuple[Any, ...], list[tuple[str, Any]]]:
    """
    Return the ids of the target's documents by their key, each with what tells it apart from others of that key.
    """
    target, is_new = matcher.context.target, matcher.context.marks.is_in
    # What belongs to a document that is still to be made cannot be there, and its mark is no value to ask for.
    known = [key for key in keys if not any(isinstance(part, str) and is_new(part) for part in key)]
    items = target.find(document_map.type, key_of(document_map), known)
    stored = target.documents(document_map.type, [item.id for item in items])
    found: dict[tuple[Any, ...], list[tuple[str, Any]]] = {}
    for item in items:
        told = matcher.told_apart(document_map, stored[item.id.lower()].body)
        found.setdefault(tuple(fold(part) or None for part in item.key), []).append((item.id, told))
    return found


def _mapped(context: Context, document: TreeDocument, name: str) -> Any:
    value, types = document.body.get(name), document.map.targets_at(name)
    if types and isinstance(value, str) and value:
        # Not None, which is the key of what never had one.
        return context.resolve(document.origin, types, value) or impossible(types[0])
    return value or None


def tolerated(slot: Slot, new: Sequence[str | None]) -> list[str | None]:
    """
    Return the ids of a place in a document of history: a list loses those that are gone, one id becomes impossible.
    """
    targets = slot.reference.targets
    # A frozen copy keeps its id over an import, so an id that nobody knows may still be the right one.
    if any(REGISTRY[type_].snapshot_file for type_ in targets):
        return [target or text for text, target in zip(slot.ids, new, strict=True)]
    many = slot.reference.path.endswith(("/*", "/~"))
    if many and (slot.reference.meaning is Meaning.LINK or any(target is not None for target in new)):
        return list(new)
    nothing = impossible(targets[0])
    if many:
        return [nothing, *[None for _ in new[1:]]]
    return [target or nothing for target in new]
