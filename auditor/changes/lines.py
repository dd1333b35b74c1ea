"""
Change records of one document in, lines out: each element with what identifies it, what is hidden counted.

Not here: which documents there are and in which order (``blocks``); width, colour, Markdown (``render``).
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.changes.derived import with_scope_facts
from auditor.changes.differ import alike
from auditor.changes.records import Element, Op, Record, SecretChange, Weight
from auditor.changes.values import is_text, shown
from auditor.changes.wording import NAMED, DocumentChange, Sides, View, heading_of, humanised, name_of, plural, summary
from migrator.documents.canonical_json import decode
from migrator.maps.document_map import ListRule
from migrator.wording import escaped

MARKS = {Op.ADDED: "+", Op.REMOVED: "-", Op.CHANGED: "~", Op.RENAMED: "~", Op.MOVED: ">"}
MOST_TEXT_LINES = 20
# difflib takes up to the square of what it compares.
LARGEST_TEXT = 1_000_000
MOST_TEXT_ROWS = 20_000
CONTEXT = 3


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


def lines_of(change: DocumentChange, sides: Sides, skip: Record | None = None) -> Iterator[Line]:
    """
    Yield what is told of one document that changed; *skip* is a record that is told elsewhere.
    """
    view = View(change.map, sides)
    records = with_scope_facts(
        [record for record in change.records if record is not skip], change.old or {}, change.new or {}, view.value
    )
    yield from _inside(view, _tree(records), change.old or {}, change.new or {}, "", 1, 0)


def _inside(view: View, node: _Node, old: Any, new: Any, pattern: str, depth: int, said: int) -> Iterator[Line]:
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
    view: View, place: tuple[str, _Node], sides: tuple[Any, Any], patterns: tuple[str, str], depth: int
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
    # Under a pattern that no map has, so that the entry is not taken for a keyed one again, without end.
    lines = list(_inside(view, _Node([], {name: node}), {name: before}, {name: after}, f"{patterns[0]}\0", depth, 0))
    label, called = view.label(patterns[0]), view.value(name)
    for line in lines:
        # Two blanks part a label from what is told; this label would be made of the id.
        text = line.text.partition("  ")[2] or line.text
        yield Line(line.mark, f"{label} {called}", f"{view.label(f'{patterns[0]}/*')}: {text}", depth, line.alarm)


def _entry(view: View, key: str, before: Any, after: Any, pattern: str, depth: int) -> Iterator[Line]:
    value, gone = (before, True) if after is None else (after, False)
    each = view.label(f"{pattern}/*")
    several = f"{plural(each)} " if isinstance(value, list) and len(value) > 1 else f"{each} "
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
                yield Line("~", f"{humanised(str(name))}: another order, which has no meaning", depth=depth)


def _item(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


SECRETS = {
    SecretChange.SET: "secret set",
    SecretChange.CLEARED: "secret cleared",
    SecretChange.CHANGED: "secret changed",
    SecretChange.RETURNED: "secret returned to an earlier value",
    SecretChange.EXPOSED: "NO LONGER SECRET: the value is now readable (not shown here)",
}


def _leaf(view: View, record: Record, pattern: str, depth: int, said: int, head: str = "") -> Iterator[Line]:
    """
    Yield what is told of one value: in one line where it is short.
    """
    # A sensitive property is an object with this one key, and people know the property only.
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
    if is_text(record.before) or is_text(record.after):
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


def _text(view: View, record: Record, label: str, depth: int) -> Iterator[Line]:
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
    # Without the two lines in which difflib names files.
    hunks = list(difflib.unified_diff(old, new, n=CONTEXT, lineterm=""))[2:]
    plus = sum(1 for line in hunks if line.startswith("+"))
    minus = sum(1 for line in hunks if line.startswith("-"))
    yield Line(MARKS[record.op], label, f"+{plus} -{minus} lines", depth)
    body = [line for line in hunks if not line.startswith("@@")]
    for line in body[:MOST_TEXT_LINES]:
        mark = line[0] if line[0] in "+-" else ""
        # Tabs as blanks: escaped they would be \t, which makes a script hard to read.
        yield Line(mark, f"| {escaped(line[1:].expandtabs(4))}".rstrip(), "", depth + 1, kind="text")
    if len(body) > MOST_TEXT_LINES:
        yield Line("", f"({len(body) - MOST_TEXT_LINES} more lines)", "", depth + 1)


def _same_json(before: str, after: str) -> bool:
    try:
        return alike(decode(before), decode(after))
    except ValueError:
        return False


def _list(
    view: View, node: _Node, old: Sequence[Any], new: Sequence[Any], pattern: str, depth: int, said: int
) -> Iterator[Line]:
    if not any(isinstance(item, dict | list) for item in (*old, *new)):
        yield from _scalars(view, node, old, new, pattern, depth, said)
        return
    rule = view.rule(pattern)
    elements = [(step, inner) for step, inner in node.inner.items() if isinstance(step, Element)]
    names = Counter(map(name_of, new)) if rule is not None and rule.with_ and not rule.ordered else Counter()
    for step, inner in sorted(elements, key=lambda item: (item[0].new is not None, item[0].new or 0, item[0].old or 0)):
        yield from _one(view, (step, inner), (old, new), (pattern, rule), depth)
        name = name_of(new[step.new]) if step.new is not None and step.old is not None else ""
        if name and names[name] > 1:
            twins = "1 other value" if names[name] == 2 else f"{names[name] - 1} other values"
            yield Line("", f"{twins} of {name}", "", depth + 1)


def _scalars(
    view: View, node: _Node, old: Sequence[Any], new: Sequence[Any], pattern: str, depth: int, said: int
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
    view: View, old: Sequence[Any], new: Sequence[Any], label: str, depth: int, derived: str = ""
) -> Iterator[Line]:
    """
    Yield what came and went in a list of values: in one line where few others stay.
    """
    gone, come, stay = _came_and_went(old, new)
    if not gone and not come:
        return
    removed, added = [view.value(item, old=True) for item in gone], [view.value(item) for item in come]
    if len(stay) <= NAMED and len(gone) + len(come) + len(stay) > 1:
        kept = [view.value(item) for item in stay]
        line = ", ".join([*kept, *(f"- {item}" for item in removed), *(f"+ {item}" for item in added)])
        several = len(old) > 1 or len(new) > 1
        yield Line("~", f"{plural(label) if several else label}  {line}", derived, depth)
        return
    count = f"{len(old)} -> {len(new)} {plural(label)}"
    for mark, items in (("-", removed), ("+", added)):
        for index, item in enumerate(items[:MOST_TEXT_LINES]):
            yield Line(mark, f"{label}  {item}", (derived or count) if index == 0 else "", depth)
        if len(items) > MOST_TEXT_LINES:
            yield Line(mark, f"{label}  {len(items) - MOST_TEXT_LINES} more", "", depth)


def _came_and_went(old: Sequence[Any], new: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """
    Return what went, what came and what stayed, each as often as it did; 1 and true are two values.
    """
    left = Counter(map(_alone, old))
    come, stay = [], []
    for item in new:
        if left[_alone(item)]:
            left[_alone(item)] -= 1
            stay.append(item)
        else:
            come.append(item)
    gone = []
    # From the end, since of equal ones the first stayed.
    for item in reversed(old):
        if left[_alone(item)]:
            left[_alone(item)] -= 1
            gone.append(item)
    return gone[::-1], come, stay


def _alone(item: Any) -> tuple[str, Any]:
    return type(item).__name__, item


def _one(
    view: View,
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
    heading = heading_of(view, before, after, step, rule)
    inner = f"{pattern}/*"
    own = next(iter(node.own), None)
    if own is not None and own.op in (Op.ADDED, Op.REMOVED):
        item = after if after is not None else before
        yield Line(MARKS[own.op], heading, summary(view, item, inner, own.op is Op.REMOVED), depth)
        return
    name = node.inner.get("Name")
    if name is not None and name.own and name.own[0].op is Op.RENAMED:
        heading = heading_of(
            view, after, after, step, rule, f"{shown(name.own[0].before)} -> {shown(name.own[0].after)}"
        )
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


def _way(own: Record, step: Element, new: Sequence[Any]) -> str:
    way = "" if own.after == own.before else " down" if own.after > own.before else " up"
    ahead = escaped(name_of(new[step.new - 1])) if step.new else ""
    return f"moved{way}, from {own.before}" + (f'; now after "{ahead}"' if ahead else "; now the first")


def _below(view: View, node: _Node, before: Any, after: Any, pattern: str, depth: int) -> Iterator[Line]:
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
