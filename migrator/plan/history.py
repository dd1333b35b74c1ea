"""
History in an import: which releases, tasks, deployments and frozen copies the target has, and which are new.

History never changes: what is there stays as it is. Ids that nobody knows any more are tolerated. Events, artifacts and
the like are not imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from migrator.documents.document import Body, by_number
from migrator.documents.instants import same_instant
from migrator.documents.references import Slot
from migrator.documents.stored import Found
from migrator.maps.document_map import Meaning
from migrator.maps.natural_keys import fold
from migrator.plan.context import Context, is_history
from migrator.plan.ids import impossible
from migrator.plan.match import Match, Matcher
from migrator.plan.target_view import TargetView
from migrator.tree.values import Tree, TreeDocument

INDEXES = ("DeploymentHistory", "DeploymentRelatedMachine")
"""Tables that index deployments: their rows come and go with these."""
TIMES = {"ServerTask": ("QueueTime", "StartTime", "CompletedTime"), "Deployment": ("Created",)}
KEYS = {
    "Release": ("ProjectId", "Version"),
    "ServerTask": ("Description", "ProjectId", "EnvironmentId"),
    "Deployment": ("ReleaseId", "EnvironmentId", "TenantId"),
}
_SNAPSHOTS = frozenset(("VariableSet", "DeploymentProcess", "RunbookProcess"))
_ORDER = (*sorted(_SNAPSHOTS), *KEYS)


def is_imported(document: TreeDocument, target: TargetView) -> bool:
    """
    Return whether a document of history is one that an import takes.
    """
    kind = document.map.type
    return is_history(document.map, document.body) and kind in (*_ORDER, *INDEXES) and target.has(kind)


def match_history(matcher: Matcher, tree: Tree) -> list[Match]:
    """
    Return a match for each document of history, once the configuration is matched, in the order of an import.
    """
    wanted = [item for item in tree.documents if item.id and is_imported(item, matcher.context.target)]
    matches: list[Match] = []
    for kind in _ORDER:
        some = sorted((item for item in wanted if item.map.type == kind), key=lambda item: by_number(item.id))
        found = list(_frozen(matcher, some) if kind in _SNAPSHOTS else _by_key(matcher, some))
        for match in found:
            matcher.context.ids.put(match.document.origin, kind, match.document.id, match.target_id)
        matches.extend(found)
    fresh = {m.document.id.lower() for m in matches if m.document.map.type == "Deployment" and not m.exists}
    for document in wanted:
        if document.map.type in INDEXES and str(document.body.get("DeploymentId")).lower() in fresh:
            matches.append(Match(document, "", False))
    return matches


def _frozen(matcher: Matcher, documents: Sequence[TreeDocument]) -> Iterator[Match]:
    """
    Match frozen copies, whose ids end in random letters: the same id of the same owner is the same copy.
    """
    if not documents:
        return
    context, kind = matcher.context, documents[0].map.type
    stored = context.target.documents(kind, [item.id for item in documents])
    for document in documents:
        there = stored.get(document.id.lower())
        owner = str(document.body.get("OwnerId") or "")
        mapped = context.resolve(document.origin, ("Project", "LibraryVariableSet", "Runbook"), owner)
        if there is None:
            yield Match(document, document.id, False, context.space_of(document))
        elif mapped and fold(there.body.get("OwnerId")) == fold(mapped):
            yield Match(document, there.id, True, context.space_of(document))
        else:
            # Another owner's copy bears this id; ours gets one that is made of its own owner's.
            tail = document.id.partition(owner)[2] if owner else document.id
            fresh = f"{document.map.id_prefix}{mapped or owner}{tail}-{len(matcher.new)}"
            yield Match(document, fresh, False, context.space_of(document))


def _by_key(matcher: Matcher, documents: Sequence[TreeDocument]) -> Iterator[Match]:
    if not documents:
        return
    context, document_map = matcher.context, documents[0].map
    names = KEYS[document_map.type]
    keys = [tuple(_mapped(context, document, name) for name in names) for document in documents]
    known = [key for key in keys if not any(isinstance(part, str) and context.marks.is_in(part) for part in key)]
    there: dict[tuple[Any, ...], list[Found]] = {}
    for item in context.target.find(document_map.type, names, known):
        there.setdefault(tuple(fold(part) or None for part in item.key), []).append(item)
    bodies = context.target.documents(document_map.type, [item.id for some in there.values() for item in some])
    met: dict[tuple[Any, ...], str] = {}
    for document, key in zip(documents, keys, strict=True):
        if document_map.type not in TIMES and key in met:
            # The database could not hold both either: the second is the first by another id.
            context.ids.put(document.origin, document_map.type, document.id, met[key])
            continue
        left = there.get(tuple(fold(part) or None for part in key), [])
        same = next((f for f in left if _times(document.map.type, bodies[f.id.lower()].body) == _of(document)), None)
        if same is not None:
            left.remove(same)
            match = Match(document, same.id, True, context.space_of(document))
        else:
            match = matcher.fresh(document, context.space_of(document))
        met[key] = match.target_id
        yield match


def _of(document: TreeDocument) -> tuple[Any, ...]:
    return _times(document.map.type, document.body)


def _times(kind: str, body: Body) -> tuple[Any, ...]:
    return tuple(same_instant(body.get(name)) for name in TIMES.get(kind, ()))


def _mapped(context: Context, document: TreeDocument, name: str) -> Any:
    value = document.body.get(name)
    types = next((r.targets for r in document.map.references if r.path == name), None)
    if types and isinstance(value, str) and value:
        return context.resolve(document.origin, types, value) or impossible(types[0])
    return value or None


def tolerated(slot: Slot, new: Sequence[str | None]) -> list[str | None]:
    """
    Return the ids of a place in a document of history: a list loses those that are gone, one id becomes impossible.
    """
    targets = slot.reference.targets
    if _SNAPSHOTS & set(targets):
        return [target or text for text, target in zip(slot.ids, new, strict=True)]
    many = slot.reference.path.endswith(("/*", "/~"))
    if many and (slot.reference.meaning is Meaning.LINK or any(target is not None for target in new)):
        return list(new)
    nothing = impossible(targets[0])
    if many:
        return [nothing, *[None for _ in new[1:]]]
    return [target or nothing for target in new]
