"""
What things are called: labels of places, headings of elements, a change in a few words. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from auditor.changes.differ import matches
from auditor.changes.records import Element, Identity, Op, Path, Record, Subject, Weight
from auditor.changes.values import LONGEST_VALUE, is_text, shown
from migrator.documents.document import Body
from migrator.maps.document_map import DocumentMap, ListRule
from migrator.maps.reading import ACTION_TYPES

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


@dataclass(frozen=True)
class View:
    """
    What is needed wherever a line is made: a type's words and the names of both sides.
    """

    map: DocumentMap
    sides: Sides

    def rule(self, pattern: str) -> ListRule | None:
        """
        Return the rule of a list, ``None`` if the map has none.
        """
        return next((rule for rule in self.map.reading.lists if matches(rule.path, pattern)), None)

    def label(self, pattern: str, start: int = 0) -> str:
        """
        Return what people call a place; *start* is how much of its pattern is said already.
        """
        known = next((word for path, word in self.map.reading.labels.items() if matches(path, pattern)), None)
        if known is not None:
            return known
        own = [part for part in pattern.split("/")[start:] if part != "*"]
        # Only containers: people know the setting that is in them. A dotted name, as Octopus.Action.X, they know as it
        # is.
        own = own[1:] if len(own) > 1 and own[0] in ("Properties", "Endpoint") else own
        return " / ".join(part if "." in part else humanised(part) for part in own) or "value"

    def keyed(self, pattern: str) -> bool:
        """
        Return whether a dictionary's keys are ids.
        """
        # In a reference's path ~ stands for a dictionary's keys.
        return bool(pattern) and any(reference.path == f"{pattern}/~" for reference in self.map.references)

    def flag(self, pattern: str) -> tuple[str, str] | None:
        """
        Return the words for yes and no at a place, ``None`` if it has none.
        """
        return next((words for path, words in self.map.reading.flags.items() if matches(path, pattern)), None)

    def value(self, value: Any, old: bool = False) -> str:
        """
        Return a value as a person reads it, ids by what they are called on its side.
        """
        return shown(value, lambda text: self.sides.shown(text, old) if may_be_id(text) else text)


def may_be_id(text: str) -> bool:
    """
    Return whether a text can be an id at all; a name for it is asked only then.
    """
    return "-" in text and len(text) < 100 and " " not in text


def humanised(word: str) -> str:
    """
    Return a property as words: ``LifecycleId`` is ``lifecycle``.
    """
    trimmed = word.removesuffix("Ids").removesuffix("Id") or word
    pieces = "".join(f" {c}" if c.isupper() else c for c in trimmed).split()
    return " ".join(pieces).lower()


def name_of(item: Any) -> str:
    """
    Return an element's own name, ``""`` if it has none.
    """
    name = item.get("Name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


def heading_of(view: View, before: Any, after: Any, step: Element, rule: ListRule | None, name: str = "") -> str:
    """
    Return what identifies an element: position and name, name and scope.
    """
    item = after if after is not None else before
    own = name_of(item)
    name = name or (shown(own) if own else step.name.strip("[]"))
    # A variable shows what it is by its scope, a step and an action by their place.
    each = f"{rule.each} " if rule is not None and rule.each not in ("", "variable", "step", "action") else ""
    if rule is not None and rule.ordered:
        place = (step.new if step.new is not None else step.old) or 0
        return f"{each}{place + 1}  {name}"
    if rule is not None and rule.with_ and isinstance(item, dict):
        # As it was, since readers know it so; what became of it is told below.
        scope = before.get("Scope") if isinstance(before, dict) and after is not None else item.get("Scope")
        return f"{each}{name}  [{scope_words(view, scope)}]" if "Scope" in rule.with_ else f"{each}{name}"
    return f"{each}{name}"


def scope_words(view: View, scope: Any) -> str:
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


def summary(view: View, item: Any, pattern: str, old: bool) -> str:
    """
    Return in a few words what an element is that came or went.
    """
    if not isinstance(item, dict):
        return view.value(item, old)
    actions = item.get("Actions")
    if isinstance(actions, list) and actions and isinstance(actions[0], dict):
        kind = str(actions[0].get("ActionType") or "")
        bag = {**(item.get("Properties") or {}), **(actions[0].get("Properties") or {})}
        # They stand on the step or on its action.
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


def brief(change: DocumentChange, sides: Sides, *, values: bool = True) -> str:
    """
    Return a change in a few words: what a subject line says of it. Without *values* it names the places alone.
    """
    view = View(change.map, sides)
    name = change.subject.owner if change.map.owner and change.subject.owner else change.subject.name
    touched: dict[str, None] = {}
    for record in change.records:
        if record.weight is Weight.MINOR:
            continue
        touched[touched_part(view, record)] = None
    words = [word for word in touched if word]
    if len(change.records) == 1 and len(words) == 1:
        record = change.records[0]
        if record.secret is not None:
            return f"{name}: {words[0]} {record.secret.value}"
        if values and record.op is Op.CHANGED and not is_text(record.before) and not is_text(record.after):
            arrow = f"{view.value(record.before, old=True)} -> {view.value(record.after)}"
            if len(arrow) <= 30:
                return f"{name}: {words[0]} {arrow}"
        return f"{name}: {words[0]} {record.op.value}"
    shown_words = ", ".join(words[:2]) + (f", {len(words) - 2} more" if len(words) > 2 else "")
    area = change.map.reading.area
    return f"{name}: {shown_words}" if words else f"{name}: {area or 'changed'}"


def touched_part(view: View, record: Record) -> str:
    """
    Return in a word which part of its document a record is about.
    """
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


def plural(word: str) -> str:
    """
    Return several of a word.
    """
    if word.endswith("y") and not word.endswith(("ay", "ey", "oy")):
        return f"{word[:-1]}ies"
    return word if word.endswith("s") else f"{word}s"
