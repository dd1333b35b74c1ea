"""
Which releases and deployments are exported with their projects.

Where their files stand is in ``export.history_layout``, which versions an expression means in ``release_versions``.
"""

from __future__ import annotations

from collections.abc import Mapping

from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap
from migrator.selection.closure import Closure
from migrator.selection.release_versions import chooser
from migrator.selection.request import PROJECT, narrow
from migrator.selection.values import Key, Taken, Via


def take_releases(closure: Closure, versions: str) -> None:
    """
    Take the releases of the chosen projects whose versions are wanted.

    Raises:
        UsageError: there is no such release, or the expression is no range.
    """
    for item in REGISTRY.maps:
        if item.membership.version and item.owner:
            _take_versions(closure, item, item.owner, versions)


def _take_versions(closure: Closure, document_map: DocumentMap, owner: str, versions: str) -> None:
    kind, name = document_map.type, document_map.membership.version
    table = closure.reader.schema.find(kind)
    if table is None or closure.is_ignored(kind):
        return
    narrowed = narrow(table, ("Id", owner, name))
    at = narrowed.position(owner) or 0
    projects = [item.id for item in closure.roots.values()]
    rows = list(closure.reader.by_key(narrowed, narrowed.columns[at], projects))
    version = narrowed.position(name) or 0
    wanted = chooser(versions, [str(row[version]) for row in rows])
    for row in rows:
        if wanted(str(row[version])):
            via = Via((PROJECT, str(row[at]).lower()), f"{document_map.words} {row[version]}")
            closure.want(kind, [str(row[narrowed.id_position])], via)


def take_deployments(closure: Closure, seen: set[Key]) -> None:
    """
    Take the deployments of the releases that were taken; *seen* remembers for which that was done.
    """
    followers = [item for item in REGISTRY.maps if item.membership.follows]
    leaders = {type_ for item in followers for type_ in item.targets_at(item.membership.follows)}
    fresh = [item for key, item in closure.taken.items() if key[0] in leaders and key not in seen]
    seen.update((item.type, item.id.lower()) for item in fresh)
    for document_map in followers:
        _take_following(closure, document_map, {item.id.lower(): item for item in fresh})


def _take_following(closure: Closure, document_map: DocumentMap, fresh: Mapping[str, Taken]) -> None:
    kind, column = document_map.type, document_map.membership.follows
    table = closure.reader.schema.find(kind)
    if table is None or closure.is_ignored(kind) or not fresh:
        return
    narrowed = narrow(table, ("Id", column))
    at = narrowed.position(column) or 0
    for row in closure.reader.by_key(narrowed, narrowed.columns[at], [item.id for item in fresh.values()]):
        before = fresh[str(row[at]).lower()]
        via = Via((before.type, before.id.lower()), f"its {document_map.words}")
        closure.want(kind, [str(row[narrowed.id_position])], via)
