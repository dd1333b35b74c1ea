"""
Change records in, blocks of lines out: what a person reads, before anybody decides on colours or columns.

A block is about one document, or about many that changed alike. What identifies an element always stands beside its
change; what is left out is counted. Not here: width, colour, Markdown (``render``).
"""

from __future__ import annotations

import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from auditor.changes.derived import with_scope_facts
from auditor.changes.differ import alike, matches
from auditor.changes.records import (
    HIDDEN,
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
    masked,
)
from migrator.documents.canonical_json import Number, decode
from migrator.documents.document import Body
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, ListRule, Meaning
from migrator.maps.reading import ACTION_TYPES, GROUPS

MARKS = {Op.ADDED: "+", Op.REMOVED: "-", Op.CHANGED: "~", Op.RENAMED: "~", Op.MOVED: ">"}
LONGEST_VALUE = 120
MOST_TEXT_LINES = 20
LARGEST_TEXT = 1_000_000
MOST_TEXT_ROWS = 20_000
CONTEXT = 3
ALIKE = 4
NAMED = 3


class Names(Protocol):
    """
    What ids were called, as of one side of a change.
    """

    def name(self, document_id: str) -> str | None:
        """
        Return the name of a document, ``None`` if that side has no such id.
        """
        ...


class NoNames:
    """
    Knows nobody.
    """

    def name(self, document_id: str) -> str | None:
        """
        Return ``None``.
        """
        return None


@dataclass(frozen=True)
class DocumentChange:
    """
    One document's records with both its bodies; ``files`` is how many files of it came, went or moved.
    """

    subject: Subject
    map: DocumentMap
    old: Body | None
    new: Body | None
    records: Sequence[Record]
    files: int = 1


@dataclass(frozen=True)
class Line:
    """
    One line of a block; ``note`` is its right column. ``mark`` is ``+ - ~ > !`` or empty; ``kind`` ``text`` is a line
    of somebody's own text.
    """

    mark: str
    text: str
    note: str = ""
    depth: int = 1
    alarm: bool = False
    kind: str = ""

    def __post_init__(self) -> None:
        # The one gate: whatever a name or a value holds, it is shown and not obeyed.
        for name in ("text", "note"):
            object.__setattr__(self, name, escaped(getattr(self, name)))


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
    subjects: tuple[Subject, ...] = ()

    def __post_init__(self) -> None:
        for name in ("head", "note", "summary"):
            object.__setattr__(self, name, escaped(getattr(self, name)))


@dataclass(frozen=True)
class Sides:
    """
    The names of the older and of the newer side.
    """

    old: Names = field(default_factory=NoNames)
    new: Names = field(default_factory=NoNames)

    def shown(self, document_id: str, old: bool = False) -> str:
        """
        Return what a person calls an id, as of the side it stands on; of what is gone, what it was called.
        """
        own, other = (self.old, self.new) if old else (self.new, self.old)
        name = own.name(document_id)
        if name is not None:
            return name
        before = other.name(document_id)
        return document_id if before is None else f'{document_id} (deleted, was "{before}")' if not old else before


def blocks(changes: Iterable[DocumentChange], sides: Sides | None = None) -> list[Block]:
    """
    Return what is to be told of *changes*: alarms first, then who may do what, then the rest, each by name.
    """
    sides = sides or Sides()
    wanted = list(changes)
    parts = _parts_of_owners(wanted)
    left = [change for change in wanted if id(change) not in parts.folded]
    folded, single = _folded(left, sides)
    told = [*folded, *(_turned(change, parts.counts.get(id(change), Counter()), sides) for change in single)]
    return [block for _, block in sorted(told, key=lambda item: item[0])]


Order = tuple[int, int, str, str, str]


def _order(subject: Subject, document_map: DocumentMap, alarm: bool) -> Order:
    group = document_map.reading.group
    place = GROUPS.index(group) if group in GROUPS else len(GROUPS)
    return (0 if alarm else 1), place, (subject.owner or subject.name).casefold(), subject.type, subject.id


class _Parts(NamedTuple):
    folded: set[int]
    counts: dict[int, Counter[str]]


def _parts_of_owners(changes: Sequence[DocumentChange]) -> _Parts:
    """
    Find the parts that came or went with their owner: they are counted in its block and have none of their own.
    """
    whole = {
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
            line = next(_lines(first, sides))
            head = f"{len(some)} {plural}: {'  '.join(filter(None, (line.text, line.note)))}"
            block = Block(mark, head, shown, line.alarm, summary=head)
        else:
            block = Block(
                mark, f"{len(some)} {plural}", shown, summary=f"{len(some)} {plural} {first.records[0].op.value}"
            )
        block = Block(
            block.mark, block.head, block.note, block.alarm, (), block.summary, tuple(item.subject for item in some)
        )
        told.append((_order(first.subject, first.map, block.alarm), block))
    return told, single


def _likeness(change: DocumentChange) -> Any:
    if len(change.records) != 1:
        return None
    (record,) = change.records
    if not record.path:
        return change.map.type, record.op
    if any(isinstance(part, Element) for part in record.path) or record.secret or record.op is Op.RENAMED:
        return None
    return change.map.type, record.op, record.path, _frozen(record.before), _frozen(record.after)


def _frozen(value: Any) -> str:
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
        block = Block(MARKS[record.op], head, note, summary=f"{head} {record.op.value}", subjects=(subject,))
        return _order(subject, change.map, False), block
    renamed = next((r for r in change.records if r.op is Op.RENAMED and len(r.path) == 1), None)
    lines = tuple(_lines(change, sides, skip=renamed))
    alarm = any(line.alarm for line in lines)
    if renamed is not None:
        head = _head(change, f"{shown(renamed.before)} -> {shown(renamed.after)}")
        note = f"renamed ({subject.id}" + (f"; {change.files} files moved)" if change.files > 1 else ")")
        summary = f"{_title(change.map)} {shown(renamed.before)} renamed to {shown(renamed.after)}"
        return _order(subject, change.map, alarm), Block("~", head, note, alarm, lines, summary, (subject,))
    block = Block(
        "~", _head(change, subject.name, area=True), _count(change), alarm, lines, _brief(change, sides), (subject,)
    )
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
    if len(rules) != 1 or change.old is None or change.new is None:
        return ""
    (rule,) = rules
    before, after = change.old.get(rule.path), change.new.get(rule.path)
    if not isinstance(before, list) or not isinstance(after, list):
        return ""
    if len(before) != len(after):
        return f"({len(before)} -> {len(after)} {_plural(rule.each or 'element')})"
    touched = {r.path[1] for r in change.records if len(r.path) > 1 and r.path[0] == rule.path}
    return f"({len(touched)} of {len(after)} changed)" if touched else ""


def _plural(word: str) -> str:
    if word.endswith("y") and not word.endswith(("ay", "ey", "oy")):
        return f"{word[:-1]}ies"
    return word if word.endswith("s") else f"{word}s"


# Lines of one document ------------------------------------------------------------------------------------------------


@dataclass
class _Node:
    """
    The records below one place, by the next step of their paths.
    """

    own: list[Record] = field(default_factory=list)
    inner: dict[str | Element, _Node] = field(default_factory=dict)

    def leaves(self) -> Iterator[Record]:
        """
        Yield every record at and below the place.
        """
        yield from self.own
        for node in self.inner.values():
            yield from node.leaves()


def _tree(records: Iterable[Record]) -> _Node:
    root = _Node()
    for record in records:
        node = root
        for step in record.path:
            node = node.inner.setdefault(step, _Node())
        node.own.append(record)
    return root


@dataclass(frozen=True)
class _View:
    """
    What is needed wherever a line is made.
    """

    map: DocumentMap
    sides: Sides

    def rule(self, pattern: str) -> ListRule | None:
        return next((rule for rule in self.map.reading.lists if matches(rule.path, pattern)), None)

    def label(self, pattern: str, start: int = 0) -> str:
        """
        Return what people call a place; *start* is how much of its pattern is said already.
        """
        known = next((word for path, word in self.map.reading.labels.items() if matches(path, pattern)), None)
        if known is not None:
            return known
        own = [part for part in pattern.split("/")[start:] if part != "*"]
        own = own[1:] if len(own) > 1 and own[0] in ("Properties", "Endpoint") else own
        return " / ".join(part if "." in part else _humanised(part) for part in own) or "value"

    def keyed(self, pattern: str) -> bool:
        """
        Return whether a dictionary's keys are ids.
        """
        return bool(pattern) and any(reference.path == f"{pattern}/~" for reference in self.map.references)

    def flag(self, pattern: str) -> tuple[str, str] | None:
        return next((words for path, words in self.map.reading.flags.items() if matches(path, pattern)), None)

    def value(self, value: Any, old: bool = False) -> str:
        return shown(value, lambda text: self.sides.shown(text, old) if _may_be_id(text) else text)


def _may_be_id(text: str) -> bool:
    return "-" in text and len(text) < 100 and " " not in text


def _humanised(word: str) -> str:
    trimmed = word.removesuffix("Ids").removesuffix("Id") or word
    pieces = "".join(f" {c}" if c.isupper() else c for c in trimmed).split()
    return " ".join(pieces).lower()


def _lines(change: DocumentChange, sides: Sides, skip: Record | None = None) -> Iterator[Line]:
    view = _View(change.map, sides)
    records = with_scope_facts(
        [record for record in change.records if record is not skip], change.old or {}, change.new or {}, view.value
    )
    yield from _inside(view, _tree(records), change.old or {}, change.new or {}, "", 1, 0)


def _inside(view: _View, node: _Node, old: Any, new: Any, pattern: str, depth: int, said: int) -> Iterator[Line]:
    """
    Yield the lines of what changed inside an object.
    """
    minor = 0
    for name, inner in node.inner.items():
        if not isinstance(name, str):
            continue
        place = f"{pattern}/{name}" if pattern else name
        before, after = _item(old, name), _item(new, name)
        if all(record.weight is Weight.MINOR for record in inner.leaves()):
            minor += 1
            continue
        if view.keyed(pattern) or (view.keyed(place) and inner.own and isinstance(before or after, Mapping)):
            yield from _keyed(view, (name, inner), (before, after), (pattern, place), depth)
            continue
        if inner.own and not inner.own[0].order:
            yield from _leaf(view, inner.own[0], place, depth, said)
        elif isinstance(before, list) and isinstance(after, list):
            yield from _list(view, inner, before, after, place, depth, said)
        else:
            yield from _inside(view, inner, before, after, place, depth, said)
    if minor:
        yield from _minor(node, depth)


def _keyed(
    view: _View, place: tuple[str, _Node], sides: tuple[Any, Any], patterns: tuple[str, str], depth: int
) -> Iterator[Line]:
    """
    Yield what became of the entries of a dictionary whose keys are ids, as the projects of a tenant.
    """
    name, node = place
    before, after = sides
    if not view.keyed(patterns[0]):
        entries = {**(before or {}), **(after or {})}
        for key in sorted(entries):
            yield from _entry(view, key, _item(before, key), _item(after, key), patterns[1], depth)
        return
    if node.own:
        yield from _entry(view, name, before, after, patterns[0], depth)
        return
    lines = list(_inside(view, _Node([], {name: node}), {name: before}, {name: after}, f"{patterns[0]}\0", depth, 0))
    label, called = view.label(patterns[0]), view.value(name)
    for line in lines:
        text = line.text.partition("  ")[2] or line.text
        yield Line(line.mark, f"{label} {called}", f"{view.label(f'{patterns[0]}/*')}: {text}", depth, line.alarm)


def _entry(view: _View, key: str, before: Any, after: Any, pattern: str, depth: int) -> Iterator[Line]:
    value, gone = (before, True) if after is None else (after, False)
    each = view.label(f"{pattern}/*")
    several = f"{_plural(each)} " if isinstance(value, list) and len(value) > 1 else f"{each} "
    note = f"{several}{view.value(value, gone)}" if value else ""
    yield Line("-" if gone else "+", f"{view.label(pattern)} {view.value(key, gone)}", note, depth)


def _minor(node: _Node, depth: int) -> Iterator[Line]:
    for name, inner in node.inner.items():
        for record in inner.leaves():
            if record.weight is not Weight.MINOR:
                break
        else:
            if name == "Id":
                yield Line("~", "(new id)", depth=depth)
            elif inner.own and inner.own[0].order:
                yield Line("~", f"{_humanised(str(name))}: another order, which has no meaning", depth=depth)


def _item(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


SECRETS = {
    SecretChange.SET: "secret set",
    SecretChange.CLEARED: "secret cleared",
    SecretChange.CHANGED: "secret changed",
    SecretChange.RETURNED: "secret returned to an earlier value",
    SecretChange.EXPOSED: "NO LONGER SECRET: the value is now readable (not shown here)",
}


def _leaf(view: _View, record: Record, pattern: str, depth: int, said: int, head: str = "") -> Iterator[Line]:
    """
    Yield what is told of one value: in one line where it is short.
    """
    pattern = pattern.removesuffix("/SensitiveValue")
    label = head or view.label(pattern, said)
    mark, alarm = MARKS[record.op], record.weight is Weight.ALARM
    derived = "; ".join(record.derived)
    if record.secret is not None:
        yield Line(mark, label, "; ".join(filter(None, (SECRETS[record.secret], derived))), depth, alarm)
        return
    words = view.flag(pattern)
    if words is not None and isinstance(record.after if record.after is not None else record.before, bool):
        text = words[0] if record.after is True else words[1]
        yield Line("~", f"{head}  {text}" if head else text, derived, depth, alarm)
        return
    if record.kind == "csv" and isinstance(record.before, str) and isinstance(record.after, str):
        yield from _set(view, record.before.split(","), record.after.split(","), label, depth)
        return
    if _is_text(record.before) or _is_text(record.after):
        yield from _text(view, record, label, depth)
        return
    if record.op is Op.ADDED:
        yield Line("+", label, "  ".join(filter(None, (view.value(record.after), derived))), depth, alarm)
    elif record.op is Op.REMOVED:
        before = view.value(record.before, old=True)
        yield Line("-", label, "  ".join(filter(None, (before, derived))), depth, alarm)
    else:
        before, after = view.value(record.before, old=True), view.value(record.after)
        if len(before) + len(after) <= 70:
            yield Line("~", label, f"{before} -> {after}" + (f"   {derived}" if derived else ""), depth, alarm)
        else:
            yield Line("~", label, derived, depth, alarm)
            yield Line("-", before, "", depth + 1, kind="text")
            yield Line("+", after, "", depth + 1, kind="text")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value


def _text(view: _View, record: Record, label: str, depth: int) -> Iterator[Line]:
    """
    Yield a text's difference by lines, with a few unchanged ones around; JSON by what it says.
    """
    before, after = (value if isinstance(value, str) else "" for value in (record.before, record.after))
    if max(len(before), len(after)) > LARGEST_TEXT or max(before.count("\n"), after.count("\n")) > MOST_TEXT_ROWS:
        yield Line("~", label, f"text, {len(before)} -> {len(after)} characters, too long to compare", depth)
        return
    old, new = before.splitlines(), after.splitlines()
    if record.op is Op.CHANGED and [line.rstrip() for line in old] == [line.rstrip() for line in new]:
        yield Line("~", label, "line ends or trailing blanks only", depth)
        return
    if record.op is Op.CHANGED and _same_json(before, after):
        yield Line("~", label, "the spelling of its JSON only", depth)
        return
    hunks = list(difflib.unified_diff(old, new, n=CONTEXT, lineterm=""))[2:]
    plus = sum(1 for line in hunks if line.startswith("+"))
    minus = sum(1 for line in hunks if line.startswith("-"))
    yield Line(MARKS[record.op], label, f"+{plus} -{minus} lines", depth)
    body = [line for line in hunks if not line.startswith("@@")]
    for line in body[:MOST_TEXT_LINES]:
        mark = line[0] if line[0] in "+-" else ""
        yield Line(mark, f"| {escaped(line[1:].expandtabs(4))}".rstrip(), "", depth + 1, kind="text")
    if len(body) > MOST_TEXT_LINES:
        yield Line("", f"({len(body) - MOST_TEXT_LINES} more lines)", "", depth + 1)


def _same_json(before: str, after: str) -> bool:
    try:
        return alike(decode(before), decode(after))
    except ValueError:
        return False


def _list(
    view: _View, node: _Node, old: Sequence[Any], new: Sequence[Any], pattern: str, depth: int, said: int
) -> Iterator[Line]:
    if not any(isinstance(item, dict | list) for item in (*old, *new)):
        yield from _scalars(view, node, old, new, pattern, depth, said)
        return
    rule = view.rule(pattern)
    elements = [(step, inner) for step, inner in node.inner.items() if isinstance(step, Element)]
    for step, inner in sorted(elements, key=lambda item: (item[0].new is not None, item[0].new or 0, item[0].old or 0)):
        yield from _one(view, (step, inner), (old, new), (pattern, rule), depth)


def _scalars(
    view: _View, node: _Node, old: Sequence[Any], new: Sequence[Any], pattern: str, depth: int, said: int
) -> Iterator[Line]:
    label = view.label(pattern, said)
    derived = "; ".join({text: None for record in node.leaves() for text in record.derived})
    moved = [record for record in node.leaves() if record.op is Op.MOVED and not record.order]
    yield from _set(view, old, new, label, depth, derived)
    for record in moved:
        place = record.path[-1]
        value = old[place.old] if isinstance(place, Element) and place.old is not None else ""
        yield Line(">", f"{label}  {view.value(value)}", f"moved, from {record.before} to {record.after}", depth)


def _set(
    view: _View, old: Sequence[Any], new: Sequence[Any], label: str, depth: int, derived: str = ""
) -> Iterator[Line]:
    """
    Yield what came and went in a list of values: in one line where few others stay.
    """
    gone = [item for item in old if item not in new]
    come = [item for item in new if item not in old]
    stay = [item for item in new if item in old]
    if not gone and not come:
        return
    removed, added = [view.value(item, old=True) for item in gone], [view.value(item) for item in come]
    if len(stay) <= NAMED and len(gone) + len(come) + len(stay) > 1:
        kept = [view.value(item) for item in stay]
        line = ", ".join([*kept, *(f"- {item}" for item in removed), *(f"+ {item}" for item in added)])
        several = len(old) > 1 or len(new) > 1
        yield Line("~", f"{_plural(label) if several else label}  {line}", derived, depth)
        return
    count = f"{len(old)} -> {len(new)} {_plural(label)}"
    for mark, items in (("-", removed), ("+", added)):
        for index, item in enumerate(items[:MOST_TEXT_LINES]):
            yield Line(mark, f"{label}  {item}", (derived or count) if index == 0 else "", depth)
        if len(items) > MOST_TEXT_LINES:
            yield Line(mark, f"{label}  {len(items) - MOST_TEXT_LINES} more", "", depth)


def _one(
    view: _View,
    place: tuple[Element, _Node],
    lists: tuple[Sequence[Any], Sequence[Any]],
    ruled: tuple[str, ListRule | None],
    depth: int,
) -> Iterator[Line]:
    """
    Yield what became of one element of a list.
    """
    step, node = place
    old, new = lists
    pattern, rule = ruled
    before = old[step.old] if step.old is not None else None
    after = new[step.new] if step.new is not None else None
    heading = _heading(view, before, after, step, rule)
    inner = f"{pattern}/*"
    own = next(iter(node.own), None)
    if own is not None and own.op in (Op.ADDED, Op.REMOVED):
        item = after if after is not None else before
        yield Line(MARKS[own.op], heading, _summary(view, item, inner, own.op is Op.REMOVED), depth)
        return
    name = node.inner.get("Name")
    if name is not None and name.own and name.own[0].op is Op.RENAMED:
        heading = _heading(view, after, after, step, rule, f"{shown(name.own[0].before)} -> {shown(name.own[0].after)}")
        node = _Node(node.own, {key: value for key, value in node.inner.items() if key != "Name"})
        moved = f"renamed, {_way(own, step, new)}" if own is not None and own.op is Op.MOVED else "renamed"
        yield Line("~", heading, moved, depth)
        yield from _below(view, node, before, after, inner, depth + 1)
        return
    if own is not None and own.op is Op.MOVED:
        yield Line(">", heading, _way(own, step, new), depth)
        yield from _below(view, node, before, after, inner, depth + 1)
        return
    lines = list(_below(view, node, before, after, inner, depth + 1))
    if len(lines) == 1 and not lines[0].kind:
        line = lines[0]
        label = "" if line.text in ("value", heading) else line.text
        label = f"{line.mark} {label}" if line.mark in ("+", "-") and label else label
        yield Line("~", heading, "  ".join(filter(None, (label, line.note))), depth, line.alarm)
    elif lines:
        yield Line("~", heading, "", depth, any(line.alarm for line in lines))
        yield from lines
    same = sum(1 for item in new if _name_of(item) == _name_of(after)) - 1 if not (rule and rule.ordered) else 0
    touched = sum(1 for other in lists[1] if other is after)
    if same > 0 and touched and rule is not None and rule.with_:
        noun = "value" if same == 1 else "values"
        yield Line("", f"{same} other {noun} of {_name_of(after)}", "", depth + 1)


def _way(own: Record, step: Element, new: Sequence[Any]) -> str:
    way = "" if own.after == own.before else " down" if own.after > own.before else " up"
    ahead = escaped(_name_of(new[step.new - 1])) if step.new else ""
    return f"moved{way}, from {own.before}" + (f'; now after "{ahead}"' if ahead else "; now the first")


def _below(view: _View, node: _Node, before: Any, after: Any, pattern: str, depth: int) -> Iterator[Line]:
    """
    Yield what changed inside an element; the one action of a step is the step.
    """
    actions = node.inner.get("Actions")
    if actions is not None and len(actions.inner) == 1:
        ((step, inner),) = actions.inner.items()
        old, new = _item(before, "Actions"), _item(after, "Actions")
        if (
            isinstance(step, Element)
            and step.old is not None
            and step.new is not None
            and isinstance(new, list)
            and isinstance(old, list)
            and len(new) == 1
        ):
            rest = _Node(node.own, {key: value for key, value in node.inner.items() if key != "Actions"})
            yield from _inside(view, rest, before, after, pattern, depth, len(pattern.split("/")))
            place = f"{pattern}/Actions/*"
            own = _Node([], {key: value for key, value in inner.inner.items() if key != "Name"})
            yield from _inside(view, own, old[step.old], new[step.new], place, depth, len(place.split("/")))
            return
    yield from _inside(view, node, before, after, pattern, depth, len(pattern.split("/")))


def _name_of(item: Any) -> str:
    name = item.get("Name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


def _heading(view: _View, before: Any, after: Any, step: Element, rule: ListRule | None, name: str = "") -> str:
    item = after if after is not None else before
    name = name or shown(_name_of(item)) or step.name.strip("[]")
    each = f"{rule.each} " if rule is not None and rule.each not in ("", "variable", "step", "action") else ""
    if rule is not None and rule.ordered:
        place = (step.new if step.new is not None else step.old) or 0
        return f"{each}{place + 1}  {name}"
    if rule is not None and rule.with_ and isinstance(item, dict):
        scope = before.get("Scope") if isinstance(before, dict) and after is not None else item.get("Scope")
        return f"{each}{name}  [{scope_words(view, scope)}]" if "Scope" in rule.with_ else f"{each}{name}"
    return f"{each}{name}"


def scope_words(view: _View, scope: Any) -> str:
    """
    Return a variable's scope as people say it.
    """
    if not isinstance(scope, dict) or not any(scope.values()):
        return "no scope"
    said = []
    for kind, values in sorted(scope.items()):
        if isinstance(values, list) and values:
            label = view.label(f"Variables/*/Scope/{kind}")
            said.append(f"{label} {', '.join(view.value(item) for item in values)}")
    return "; ".join(said)


def _summary(view: _View, item: Any, pattern: str, old: bool) -> str:
    """
    Return in a few words what an element is that came or went.
    """
    if not isinstance(item, dict):
        return view.value(item, old)
    actions = item.get("Actions")
    if isinstance(actions, list) and actions and isinstance(actions[0], dict):
        kind = str(actions[0].get("ActionType") or "")
        bag = {**(item.get("Properties") or {}), **(actions[0].get("Properties") or {})}
        roles = bag.get("Octopus.Action.TargetRoles")
        where = f" on roles {roles}" if isinstance(roles, str) and roles else ""
        return f"{ACTION_TYPES.get(kind, kind)}{where}"
    if "Value" in item:
        return view.value(item["Value"], old)
    words = []
    for name, value in item.items():
        if name in ("Id", "Name", "Slug") or value in (None, "", [], {}):
            continue
        flag = view.flag(f"{pattern}/{name}")
        if flag is not None:
            words.append(flag[0] if value is True else "")
        elif not isinstance(value, dict):
            words.append(f"{view.label(f'{pattern}/{name}', len(pattern.split('/')))}: {view.value(value, old)}")
    text = "; ".join(filter(None, words))
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _brief(change: DocumentChange, sides: Sides) -> str:
    """
    Return a change in a few words: what a subject line says of it.
    """
    view = _View(change.map, sides)
    name = change.subject.owner if change.map.owner and change.subject.owner else change.subject.name
    touched: dict[str, None] = {}
    for record in change.records:
        if record.weight is Weight.MINOR:
            continue
        touched[_touched(view, record)] = None
    words = [word for word in touched if word]
    if len(change.records) == 1 and len(words) == 1:
        record = change.records[0]
        if record.secret is not None:
            return f"{name}: {words[0]} {record.secret.value}"
        if record.op is Op.CHANGED and not _is_text(record.before) and not _is_text(record.after):
            arrow = f"{view.value(record.before, old=True)} -> {view.value(record.after)}"
            if len(arrow) <= 30:
                return f"{name}: {words[0]} {arrow}"
        return f"{name}: {words[0]} {record.op.value}"
    shown_words = ", ".join(words[:2]) + (f", {len(words) - 2} more" if len(words) > 2 else "")
    area = change.map.reading.area
    return f"{name}: {shown_words}" if words else f"{name}: {area or 'changed'}"


def _touched(view: _View, record: Record) -> str:
    identity: Identity | None = record.identity
    if identity is not None and identity.name:
        rule = next((r for r in view.map.reading.lists if "/" not in r.path and r.path == record.path[0]), None)
        each = f"{rule.each} " if rule is not None and rule.each not in ("", "variable") else ""
        return f"{each}{shown(identity.name)}"
    return view.label(_pattern(record.path))


def _pattern(path: Path) -> str:
    return "/".join("*" if isinstance(part, Element) else part for part in path if not _is_last_element(part, path))


def _is_last_element(part: str | Element, path: Path) -> bool:
    return isinstance(part, Element) and part is path[-1]


# Values ---------------------------------------------------------------------------------------------------------------


def shown(value: Any, name: Any = None) -> str:
    """
    Return a value as a person reads it, in one line of at most 120 characters; what would be obeyed is shown.

    *name* makes of a text that may be an id what it is called.
    """
    text = _plainly(masked(value), name or (lambda item: item))
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _plainly(value: Any, name: Any) -> str:
    if value is None:
        return "(nothing)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return escaped(name(value)) if value else '""'
    if isinstance(value, Number):
        return value.text
    if isinstance(value, list):
        return ", ".join(_plainly(item, name) for item in value) if value else "(none)"
    if isinstance(value, Mapping):
        if set(value) == {"SensitiveValue"} and value["SensitiveValue"] == HIDDEN:
            return HIDDEN
        return "; ".join(f"{key}: {_plainly(item, name)}" for key, item in value.items()) if value else "(nothing)"
    return str(value)


def escaped(text: str) -> str:
    """
    Return *text* with control and bidirectional characters as escapes: shown, never obeyed.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\u3000" else _escape(c) for c in text)


def _escape(char: str) -> str:
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return known.get(char) or (f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
