"""
What changed, in Octopus's own words: the subject and the body of a commit's message. Pure.

Also which kind of document a path of a tree is of, for counting only: meaning is never taken from it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from migrator.documents.layout import SPACES
from migrator.maps import REGISTRY
from migrator.maps.document_map import UNMAPPED
from migrator.wording import counted, escaped

SUBJECT = 120
# A first export has tens of thousands, and a log of commits is read by people.
_NAMES_SHOWN = 40
# What lies in its owner's folder is told by the name of its file instead.
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


def subject(changes: Sequence[Change], *, first: bool = False) -> str:
    """
    Return one line of at most 120 characters that names what changed.
    """
    if first:
        return _shortened([f"First export of {counted(len(changes), 'document')}", *_phrases(changes)][:3], 0)
    phrases = _phrases(changes)
    return _shortened(phrases, len(phrases)) if phrases else "Files changed, no document did"


def _phrases(changes: Iterable[Change]) -> list[str]:
    groups: defaultdict[tuple[str, Outcome], list[str]] = defaultdict(list)
    for change in changes:
        groups[change.type, change.outcome].append(change.name)
    ranked = sorted(groups.items(), key=lambda item: (-REGISTRY[item[0][0]].prominence, item[0][0], item[0][1].value))
    return [_phrase(kind, names, outcome) for (kind, outcome), names in ranked]


def _phrase(kind: str, names: list[str], outcome: Outcome) -> str:
    of_owner = REGISTRY[kind].of_owner
    if of_owner:
        shown = ", ".join(sorted(names)) if len(names) <= 2 else f"{len(names)} projects or sets"
        return f"{of_owner.format(shown)} {outcome.value}"
    words = REGISTRY[kind].called(len(names))
    if len(names) == 1:
        return f"{words[:1].upper()}{words[1:]} {names[0]} {outcome.value}"
    return f"{len(names)} {words} {outcome.value}"


def _shortened(phrases: list[str], total: int) -> str:
    line = phrases[0]
    used = 1
    for phrase in phrases[1:]:
        # Room for the count of what is not named.
        if len(line) + len(phrase) + 20 > SUBJECT:
            break
        line, used = f"{line}; {phrase}", used + 1
    if total > used:
        line = f"{line[: SUBJECT - 20]}; {total - used} more"
    # A name may hold a line end, which would be the subject's end.
    return escaped(" ".join(line.split()))[:SUBJECT]


def body(changes: Sequence[Change], facts: Sequence[tuple[str, str]]) -> str:
    """
    Return the documents by type and outcome, then *facts* as trailers.
    """
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for change in changes:
        # On one line, or a name with line ends in it could write trailers of its own.
        groups[change.type, change.outcome.value].append(escaped(" ".join(change.name.split())) or "(no name)")
    lines: list[str] = []
    for (kind, outcome), names in sorted(groups.items()):
        lines.append(f"{kind} {outcome}: {len(names)}")
        lines += [f"  {name}" for name in sorted(names)[:_NAMES_SHOWN]]
        if len(names) > _NAMES_SHOWN:
            lines.append(f"  and {len(names) - _NAMES_SHOWN} more")
    trailers = [f"{name}: {value}" for name, value in facts]
    return "\n".join([*lines, "", *trailers]).strip()


def message(changes: Sequence[Change], facts: Sequence[tuple[str, str]], *, first: bool = False) -> str:
    """
    Return the whole message of a commit; the facts are its last paragraph, whatever its length.
    """
    return f"{subject(changes, first=first)}\n\n{body(changes, facts)}\n"


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
