"""
What became of which documents, for counting: by the files a run writes, without a look into them. Pure.

Also which kind of document a path of a tree is of, for counting only: meaning is never taken from it. Not here: what
changed in a document (``records``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from migrator.documents.layout import SPACES
from migrator.maps import REGISTRY
from migrator.maps.document_map import UNMAPPED

_TYPES = {item.folder.lower(): item.table for item in REGISTRY.maps if "{" not in item.folder}
_COMPANIONS = {
    ending: item.table
    for item in REGISTRY.maps
    if item.file.startswith("{dir}/") and (ending := item.file.rpartition("{owner}")[2])
}
"""What follows the owner's name in the names of files that stand with their owner; ``{`` begins what differs."""


class Outcome(Enum):
    """
    What happened to a document.
    """

    ADDED = "added"
    CHANGED = "changed"
    RENAMED = "renamed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """
    One document that differs from the commit before; ``name`` is what people call it, or its owner.
    """

    type: str
    name: str
    outcome: Outcome


def counts(changes: Iterable[Change]) -> dict[str, dict[str, int]]:
    """
    Return how many documents of each type had each outcome.
    """
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for change in changes:
        found[change.type][change.outcome.value] += 1
    return {name: dict(sorted(outcomes.items())) for name, outcomes in sorted(found.items())}


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
    # In a space's folder everything stands as on a server without spaces; the space's own file is nearer to the root.
    if parts[0] == SPACES and len(parts) > 3:
        parts = parts[2:]
    if parts[0] == UNMAPPED and len(parts) > 2:
        return parts[1]
    file = parts[-1].removesuffix(".json")
    for ending, table in _COMPANIONS.items():
        fixed, differs, _ = ending.partition("{")
        if fixed in file if differs else file.endswith(fixed):
            return table
    return _TYPES.get(parts[0].lower(), parts[0])
