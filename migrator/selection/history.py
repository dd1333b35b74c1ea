"""
Which releases and deployments are exported with their projects.

Where their files stand is in ``export.history_layout``, which versions an expression means in ``release_versions``.
"""

from __future__ import annotations

from migrator.selection.closure import Closure
from migrator.selection.release_versions import chooser
from migrator.selection.request import narrow
from migrator.selection.values import Key, Via


def take_releases(closure: Closure, versions: str) -> None:
    """
    Take the releases of the chosen projects whose versions are wanted.

    Raises:
        UsageError: there is no such release, or the expression is no range.
    """
    table = closure.reader.schema.find("Release")
    if table is None or closure.is_ignored("Release"):
        return
    few = narrow(table, ("Id", "ProjectId", "Version"))
    at = few.position("ProjectId") or 0
    projects = [item.id for item in closure.roots.values()]
    rows = list(closure.reader.by_key(few, few.columns[at], projects))
    version = few.position("Version") or 0
    wanted = chooser(versions, [str(row[version]) for row in rows])
    for row in rows:
        if wanted(str(row[version])):
            via = Via(("Project", str(row[at]).lower()), f"release {row[version]}")
            closure.want("Release", [str(row[few.id_position])], via)


def take_deployments(closure: Closure, seen: set[Key]) -> None:
    """
    Take the deployments of the releases that were taken; *seen* remembers for which that was done.
    """
    table = closure.reader.schema.find("Deployment")
    fresh = [item for key, item in closure.taken.items() if key[0] == "Release" and key not in seen]
    seen.update((item.type, item.id.lower()) for item in fresh)
    if table is None or closure.is_ignored("Deployment") or not fresh:
        return
    few = narrow(table, ("Id", "ReleaseId"))
    at = few.position("ReleaseId") or 0
    for row in closure.reader.by_key(few, few.columns[at], [item.id for item in fresh]):
        via = Via(("Release", str(row[at]).lower()), "its deployment")
        closure.want("Deployment", [str(row[few.id_position])], via)
