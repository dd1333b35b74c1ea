"""
Which kind of document a path of a tree is of, for counting only: meaning is never taken from it.
"""

from __future__ import annotations

from collections.abc import Iterable

from migrator.maps import REGISTRY

_COMPANIONS = ("VariableSet", "DeploymentProcess", "RunbookProcess", "DeploymentSettings")
_TYPES = {item.folder.lower(): item.table for item in REGISTRY.maps if "{" not in item.folder}


def documents_of(paths: Iterable[str]) -> list[str]:
    """
    Return the paths that are documents: neither scripts nor metadata.json.
    """
    return [path for path in paths if path.endswith(".json") and "/" in path]


def group_of(path: str) -> str:
    """
    Return the type that a document's path looks like.
    """
    parts = path.split("/")
    if parts[0] == "Spaces" and len(parts) > 3:
        parts = parts[2:]
    file = parts[-1].removesuffix(".json")
    for ending in _COMPANIONS:
        if file.endswith(f"-{ending}"):
            return ending
    return "TenantVariable" if "-variables-" in file else _TYPES.get(parts[0].lower(), parts[0])
