"""
Change records of many documents in, blocks out: what a person reads, before anybody decides on colours or columns.

A block is about one document, or about many that changed alike. Not here: what is said of one document (``lines``);
width, colour, Markdown (``render``).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from auditor.changes.lines import MARKS, Line, lines_of
from auditor.changes.records import Element, Op, Subject, is_mixed, is_sealed
from auditor.changes.values import shown
from auditor.changes.wording import NAMED, DocumentChange, Sides, View, brief, plural, touched_part
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, Meaning
from migrator.maps.reading import GROUPS
from migrator.wording import escaped

ALIKE = 4
"""So many documents that changed in the same way are told in one line."""


@dataclass(frozen=True)
class Block:
    """
    What is told about one document, or about many that changed alike.
    """

    mark: str
    head: str
    note: str = ""
    alarm: bool = False
    lines: tuple[Line, ...] = ()
    summary: str = ""
    """The same in a few words, for a subject line."""
    bare: str = ""
    """The same without values: names alone."""
    several: str = ""
    """What it is together with others that came or went alike, as ``targets added``; empty where it is told alone."""
    subjects: tuple[Subject, ...] = ()

    def __post_init__(self) -> None:
        for name in ("head", "note", "summary", "bare", "several"):
            object.__setattr__(self, name, escaped(getattr(self, name)))


def blocks(changes: Iterable[DocumentChange], sides: Sides | None = None) -> list[Block]:
    """
    Return what is to be told of *changes*: alarms first, then who may do what, then the rest, each by name.
    """
    sides = sides or Sides()
    wanted = list(changes)
    # By id() from here on: a change holds whole bodies, which no set can take.
    parts = _parts_of_owners(wanted)
    left = [change for change in wanted if id(change) not in parts.folded]
    folded, single = _folded(left, sides)
    told = [*folded, *(_turned(change, parts.counts.get(id(change), Counter()), sides) for change in single)]
    return [block for _, block in sorted(told, key=lambda item: item[0])]


Order = tuple[int, int, str, str, str]


def _order(subject: Subject, document_map: DocumentMap, alarm: bool) -> Order:
    group = document_map.reading.group
    place = GROUPS.index(group) if group in GROUPS else len(GROUPS)
    # A part stands where its owner does.
    return (0 if alarm else 1), place, (subject.owner or subject.name).casefold(), subject.type, subject.id


class _Parts(NamedTuple):
    folded: set[int]
    counts: dict[int, Counter[str]]


def _parts_of_owners(changes: Sequence[DocumentChange]) -> _Parts:
    """
    Find the parts that came or went with their owner: they are counted in its block and have none of their own.
    """
    whole = {
        # In small letters, since the database finds an id however it is written. With what became of it: a new part of
        # a project that was there before is news of its own.
        (change.subject.id.lower(), change.records[0].op): change
        for change in changes
        if change.records and not change.records[0].path
    }
    folded: set[int] = set()
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for change in changes:
        column = change.map.owner
        if not column or not change.records or change.records[0].path:
            continue
        body = change.new if change.new is not None else change.old
        owner = whole.get((str((body or {}).get(column) or "").lower(), change.records[0].op))
        if owner is None or owner is change:
            continue
        folded.add(id(change))
        tally = counts[id(owner)]
        tally[change.map.reading.area or change.map.plural or change.map.words] += 1
        if change.map.reading.area == "variables" and _holds_secret(body):
            tally["secret"] += 1
    return _Parts(folded, counts)


def _holds_secret(value: Any) -> bool:
    if is_sealed(value) or is_mixed(value):
        return True
    if isinstance(value, dict):
        return any(_holds_secret(item) for item in value.values())
    return isinstance(value, list) and any(_holds_secret(item) for item in value)


def _folded(changes: Sequence[DocumentChange], sides: Sides) -> tuple[list[tuple[Order, Block]], list[DocumentChange]]:
    """
    Make one block of what became of four documents or more in the same way.
    """
    groups: dict[Any, list[DocumentChange]] = defaultdict(list)
    for change in changes:
        groups[_likeness(change)].append(change)
    told, single = [], []
    for key, some in groups.items():
        if key is None or len(some) < ALIKE:
            single.extend(some)
            continue
        first = some[0]
        names = sorted({_called(change) for change in some}, key=str.casefold)
        shown = ", ".join(names[:NAMED]) + (f", {len(names) - NAMED} more" if len(names) > NAMED else "")
        plural = first.map.plural or f"{_title(first.map)}s"
        mark = MARKS[first.records[0].op]
        if first.records[0].path:
            # They changed alike, so the first one's line is that of all.
            line = next(lines_of(first, sides))
            head = f"{len(some)} {plural}: {'  '.join(filter(None, (line.text, line.note)))}"
            bare = f"{len(some)} {plural}: {touched_part(View(first.map, sides), first.records[0])} changed ({shown})"
            block = Block(mark, head, shown, line.alarm, summary=head, bare=bare)
        else:
            summary = f"{len(some)} {plural} {first.records[0].op.value}"
            block = Block(mark, f"{len(some)} {plural}", shown, summary=summary, bare=f"{summary} ({shown})")
        block = replace(block, subjects=tuple(item.subject for item in some))
        told.append((_order(first.subject, first.map, block.alarm), block))
    return told, single


def _likeness(change: DocumentChange) -> Any:
    if len(change.records) != 1:
        return None
    (record,) = change.records
    if not record.path:
        return change.map.type, record.op
    # An element, a secret and a new name are each document's own, so what looks alike is not.
    if any(isinstance(part, Element) for part in record.path) or record.secret or record.op is Op.RENAMED:
        return None
    return change.map.type, record.op, record.path, _frozen(record.before), _frozen(record.after)


def _frozen(value: Any) -> str:
    # A number of the tree may be an object that keeps its spelling, which json does not know.
    return json.dumps(value, sort_keys=True, default=str)


def _called(change: DocumentChange) -> str:
    return change.subject.owner if change.map.reading.area and change.subject.owner else change.subject.name


def _title(document_map: DocumentMap) -> str:
    return document_map.reading.title or document_map.words.capitalize()


def _turned(change: DocumentChange, parts: Counter[str], sides: Sides) -> tuple[Order, Block]:
    subject = change.subject
    record = change.records[0]
    if not record.path:
        head, note = _head(change, subject.name), _with_parts(parts)
        summary = f"{head} {record.op.value}"
        several = f"{change.map.called(2)} {record.op.value}"
        block = Block(MARKS[record.op], head, note, False, (), summary, summary, several, (subject,))
        return _order(subject, change.map, False), block
    # The document's own name; that of a step or a variable is told in its place.
    renamed = next((r for r in change.records if r.op is Op.RENAMED and len(r.path) == 1), None)
    lines = tuple(lines_of(change, sides, skip=renamed))
    alarm = any(line.alarm for line in lines)
    if renamed is not None:
        head = _head(change, f"{shown(renamed.before)} -> {shown(renamed.after)}")
        note = f"renamed ({subject.id}" + (f"; {change.files} files moved)" if change.files > 1 else ")")
        summary = f"{_title(change.map)} {shown(renamed.before)} renamed to {shown(renamed.after)}"
        return _order(subject, change.map, alarm), Block(
            "~", head, note, alarm, lines, summary, summary, subjects=(subject,)
        )
    head, bare = _head(change, subject.name, area=True), brief(change, sides, values=False)
    block = Block("~", head, _count(change), alarm, lines, brief(change, sides), bare, subjects=(subject,))
    return _order(subject, change.map, alarm), block


def _with_parts(parts: Counter[str]) -> str:
    secret = parts.pop("secret", 0)
    words = [f"{count} {word}" if count > 1 else word for word, count in sorted(parts.items())]
    if not words:
        return ""
    return f"with {', '.join(words)}" + (f" ({secret} secret)" if secret else "")


def _head(change: DocumentChange, name: str, area: bool = False) -> str:
    reading = change.map.reading
    owner = change.subject.owner
    if reading.area and owner and change.map.owner:
        kind = _owner_title(change)
        return f"{kind} {owner} / {reading.area}"
    if owner and change.map.owner:
        return f"{_title(change.map)} {owner} / {name}"
    plain = f"{_title(change.map)} {name}"
    return f"{plain} / {reading.area}" if area and reading.area else plain


def _owner_title(change: DocumentChange) -> str:
    column = change.map.owner
    body = change.new if change.new is not None else change.old or {}
    identity = str(body.get(column or "") or "").lower()
    targets = [
        REGISTRY[target]
        for reference in change.map.references
        if reference.path == column and reference.meaning is Meaning.OWNER
        for target in reference.targets
    ]
    owner = next((item for item in targets if identity.startswith(item.id_prefix.lower())), None)
    return _title(owner or targets[0]) if targets else ""


def _count(change: DocumentChange) -> str:
    """
    Return how many elements of the document's main list changed, of how many.
    """
    rules = [rule for rule in change.map.reading.lists if "/" not in rule.path]
    # With two lists nobody would know which of them is counted.
    if len(rules) != 1 or change.old is None or change.new is None:
        return ""
    (rule,) = rules
    before, after = change.old.get(rule.path), change.new.get(rule.path)
    if not isinstance(before, list) or not isinstance(after, list):
        return ""
    if len(before) != len(after):
        return f"({len(before)} -> {len(after)} {plural(rule.each or 'element')})"
    touched = {r.path[1] for r in change.records if len(r.path) > 1 and r.path[0] == rule.path}
    return f"({len(touched)} of {len(after)} changed)" if touched else ""
