"""
Which ids a document mentions, and the same document with other ids in their place. Pure.

A place counts because the document map names it, because a typed value says so (a variable's type, a template's
control), or because a property's whole text is exactly an id that is known; never because a text looks like an id.
What an id is to become is decided in ``plan``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrator.documents.document import Body, Place, places
from migrator.maps.document_map import ANY, TEMPLATE, DocumentMap, Meaning, Reference, Role
from migrator.maps.membership import TypedBy
from migrator.maps.shared import EMBEDDED_TARGET, PARAMETER_CONTROLS, TAG_ID, TEMPLATE_PROPERTY

CONTROL = "Octopus.ControlType"
DEFAULT_VALUE = "DefaultValue"
"""Where a template says what its value is, unless somebody gives another."""

_TAG_ID = re.compile(TAG_ID, re.IGNORECASE)
# An empty list of actions would mean all of them, so one that lost its last keeps an action that no process has.
IMPOSSIBLE_GUID = "00000000-0000-0000-0000-000000000000"
_PLAIN_TYPES = frozenset(("string", "sensitive", ""))
_FEED_ID = re.compile(r'("FeedId"\s*:\s*")([^"\\]*)(")', re.IGNORECASE)


@dataclass
class Controls:
    """
    What typed values mean, learned from the documents that declare them, and the ids that are known.

    ``add`` every document of one server before asking for the mentions of any.
    """

    parameters: dict[str, dict[str, str]] = field(default_factory=dict)
    templates: dict[tuple[str, str], str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    def add(self, document_map: DocumentMap, identity: str, body: Body) -> None:
        """
        Learn a document: its id, its variable templates, its parameters.
        """
        if document_map.id_prefix and not document_map.owner:
            self.known.setdefault(identity.lower(), document_map.type)
        if document_map.role is Role.STEP_TEMPLATE:
            self.parameters[identity.lower()] = dict(_controls(body, document_map.parameters, "Name"))
        if TEMPLATE in document_map.holds:
            for template, target in _controls(body, document_map.holds[TEMPLATE], "Id"):
                self.templates[identity.lower(), template.lower()] = target


def _controls(body: Body, pattern: str, key: str) -> Iterator[tuple[str, str]]:
    for place in places(body, pattern):
        target = control_target(place.value)
        if target and isinstance(place.value.get(key), str):
            yield place.value[key], target


def control_target(template: Any) -> str | None:
    """
    Return the type of document that a template's value names, ``None`` if its value is no id.
    """
    settings = template.get("DisplaySettings") if isinstance(template, dict) else None
    control = settings.get(CONTROL) if isinstance(settings, dict) else None
    return PARAMETER_CONTROLS.get(control) if isinstance(control, str) else None


@dataclass(frozen=True)
class Slot:
    """
    One place of a body that holds ids: a text, a list, a dictionary's keys, a list inside a text.

    ``write`` puts one replacement for each of ``ids`` in the body the slot was found in; ``None`` drops it.
    """

    reference: Reference
    path: tuple[str, ...]
    ids: tuple[str, ...]
    write: Callable[[Sequence[str | None]], None] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Mention:
    """
    One id that a document mentions; ``targets`` are the types it may be of (``*``: unknown).

    ``named`` says why the mention does not bring the document along, where it does not.
    """

    targets: tuple[str, ...]
    id: str
    meaning: Meaning
    path: tuple[str, ...]
    named: str = ""


def mentions(document_map: DocumentMap, body: Body, controls: Controls) -> list[Mention]:
    """
    Return every id that *body* mentions, in the order of the map; a tag's mention has the id of the tag.
    """
    return [
        Mention(slot.reference.targets, text, slot.reference.meaning, slot.path, slot.reference.named)
        for slot in slots(document_map, body, controls)
        for text in slot.ids
    ]


def rewrite(
    document_map: DocumentMap, body: Body, decide: Callable[[Slot], Sequence[str | None]], controls: Controls
) -> Body:
    """
    Return a copy of *body* in which each slot holds what *decide* returns for it.
    """
    copy: Body = clone(body)
    # Keys last: other slots are found by the keys the dictionary has had.
    for slot in sorted(slots(document_map, copy, controls), key=lambda item: item.path[-1] == "~"):
        wanted = decide(slot)
        if tuple(wanted) != slot.ids:
            slot.write(wanted)
    return copy


def clone(value: Any) -> Any:
    """
    Return a copy of a body that shares only its leaves.
    """
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def slots(document_map: DocumentMap, body: Body, controls: Controls) -> list[Slot]:
    """
    Return every place of *body* that holds ids; places whose text is empty or an expression ``#{...}`` do not.
    """
    found: list[Slot] = []
    taken: set[tuple[str, ...]] = set()
    # What the map declares goes before what a value's type or a known id suggests for the same place.
    for reference in (*document_map.references, *document_map.inner):
        for slot in _slots_of(body, reference, controls):
            taken.add(slot.path)
            found.append(slot)
    found.extend(slot for slot in _typed(document_map, body, controls) if slot.path not in taken)
    return found


def _slots_of(body: Body, reference: Reference, controls: Controls) -> Iterator[Slot]:
    if reference.path.endswith("/~"):
        for holder in places(body, reference.path[:-2]):
            if isinstance(holder.value, dict) and holder.value:
                yield _keys_slot(reference, holder)
    elif reference.path.endswith("/*"):
        for holder in places(body, reference.path[:-2]):
            if isinstance(holder.value, list):
                yield from _list_slot(reference, holder)
    else:
        for place in places(body, reference.path):
            yield from _text_slot(reference, place, controls)


def _keys_slot(reference: Reference, holder: Place) -> Slot:
    old = holder.value
    names = tuple(old)

    def write(replaced: Sequence[str | None]) -> None:
        fresh: dict[str, Any] = {}
        for name, new in zip(names, replaced, strict=True):
            if new is not None:
                # Looked up now and not when the slot was found: slots further in have written there since.
                value = holder.container[holder.key][name]
                # Two of the source may be one on the target; what is connected by either stays connected.
                both = isinstance(fresh.get(new), list) and isinstance(value, list)
                fresh[new] = list(dict.fromkeys((*fresh[new], *value))) if both else value
        holder.container[holder.key] = fresh

    return Slot(reference, (*holder.path, "~"), names, write)


def _list_slot(reference: Reference, holder: Place) -> Iterator[Slot]:
    at = [index for index, item in enumerate(holder.value) if _is_id(item)]
    if not at:
        return

    def write(replaced: Sequence[str | None]) -> None:
        new = dict(zip(at, replaced, strict=True))
        fresh = [new.get(index, item) for index, item in enumerate(holder.value)]
        # Two source ids may become one target id; a list names each only once.
        kept: list[Any] = []
        for item in fresh:
            if item is not None and item not in kept:
                kept.append(item)
        holder.container[holder.key] = kept

    yield Slot(reference, holder.path, tuple(holder.value[index] for index in at), write)


def _text_slot(reference: Reference, place: Place, controls: Controls) -> Iterator[Slot]:
    text = place.value
    if reference.form == "csv" and isinstance(text, str):
        yield from _csv_slot(reference, place, text)
    elif reference.form == "json" and isinstance(text, str):
        yield from _json_slot(reference, place, text)
    elif _is_id(text):
        if reference.form == "known":
            target = controls.known.get(text.lower())
            if target is None or (reference.target != ANY and target not in reference.targets):
                return
            reference = Reference(reference.path, target, reference.meaning)
        yield _scalar_slot(reference, place, text)


def _scalar_slot(reference: Reference, place: Place, text: str) -> Slot:
    def write(replaced: Sequence[str | None]) -> None:
        place.container[place.key] = replaced[0]

    return Slot(reference, place.path, (text,), write)


def _csv_slot(reference: Reference, place: Place, text: str) -> Iterator[Slot]:
    parts = text.split(",")
    at = [index for index, part in enumerate(parts) if _is_id(part.strip())]
    if not at:
        return

    def write(replaced: Sequence[str | None]) -> None:
        new = dict(zip(at, replaced, strict=True))
        kept = [new.get(index, part) for index, part in enumerate(parts)]
        place.container[place.key] = ",".join(part for part in kept if part is not None)

    yield Slot(reference, place.path, tuple(parts[index].strip() for index in at), write)


def _json_slot(reference: Reference, place: Place, text: str) -> Iterator[Slot]:
    ids = tuple(match.group(2) for match in _FEED_ID.finditer(text) if _is_id(match.group(2)))
    if not ids:
        return

    def write(replaced: Sequence[str | None]) -> None:
        # Only the ids change; the text around them, blanks and order included, stays as it was. Nothing can be dropped
        # out of it, so what is gone becomes an empty id, which names no feed.
        queue = iter(replaced)
        place.container[place.key] = _FEED_ID.sub(
            lambda m: f"{m[1]}{next(queue) or ''}{m[3]}" if _is_id(m[2]) else m[0], text
        )

    yield Slot(reference, place.path, ids, write)


def _typed(document_map: DocumentMap, body: Body, controls: Controls) -> Iterator[Slot]:
    if document_map.variables:
        yield from _variables(body, document_map.variables, controls)
    if document_map.typed_by is not None:
        related = document_map.targets_at(document_map.typed_by.related)
        yield from _value(body, document_map.typed_by, related, controls)
    for pattern in (document_map.holds.get(TEMPLATE), document_map.parameters):
        if pattern:
            yield from _defaults(body, pattern)
    for pattern in document_map.properties:
        for holder in places(body, pattern):
            yield from _properties(holder, controls)
        for holder in places(body, "/".join((*pattern.split("/")[:-1], "Inputs"))):
            yield from _inputs(holder, controls)


def _variables(body: Body, pattern: str, controls: Controls) -> Iterator[Slot]:
    for place in places(body, pattern):
        variable = place.value
        # A sensitive value is a secret and never an id, whatever it happens to equal.
        if not isinstance(variable, dict) or not _is_id(variable.get("Value")) or variable.get("IsSensitive"):
            continue
        kind, path = str(variable.get("Type") or ""), (*place.path, "Value")
        target = PARAMETER_CONTROLS.get(kind)
        if target is None and kind.lower() not in _PLAIN_TYPES:
            # A type that is not known may hold an id; it is one only if that id exists.
            target = controls.known.get(variable["Value"].lower())
        if target:
            place = Place(variable, "Value", path)
            yield _scalar_slot(Reference(f"{pattern}/Value", target), place, variable["Value"])


def _defaults(body: Body, pattern: str) -> Iterator[Slot]:
    for place in places(body, pattern):
        template = place.value
        target = control_target(template)
        value = template.get(DEFAULT_VALUE) if isinstance(template, dict) else None
        if not isinstance(value, str) or not _is_id(value):
            continue
        inner = Place(template, DEFAULT_VALUE, (*place.path, DEFAULT_VALUE))
        if target:
            yield _scalar_slot(Reference(f"{pattern}/{DEFAULT_VALUE}", target), inner, value)
        elif _looks_like_json(value):
            # What a package parameter's default is made of: {"PackageId": ..., "FeedId": ...}.
            yield from _json_slot(Reference(f"{pattern}/{DEFAULT_VALUE}", EMBEDDED_TARGET, form="json"), inner, value)


def _value(body: Body, by: TypedBy, related: Sequence[str], controls: Controls) -> Iterator[Slot]:
    value = body.get("Value")
    if not _is_id(value):
        return
    place = (str(body.get(by.owner) or "").lower(), str(body.get(by.template) or "").lower())
    target = controls.templates.get(place)
    # The server repeats in this column the id that a value holds, which tells where no template does.
    if target is None and value == body.get(by.related):
        target = "|".join(related)
    if target:
        yield _scalar_slot(Reference("Value", target), Place(body, "Value", ("Value",)), str(value))


def _properties(holder: Place, controls: Controls) -> Iterator[Slot]:
    properties = holder.value
    if not isinstance(properties, dict):
        return
    template = properties.get(TEMPLATE_PROPERTY)
    declared = controls.parameters.get(template.lower(), {}) if isinstance(template, str) else {}
    for name, text in properties.items():
        if not _is_id(text):
            continue
        if _looks_like_json(text):
            path = (*holder.path, name)
            yield from _json_slot(
                Reference("/".join(path), EMBEDDED_TARGET, form="json"), Place(properties, name, path), text
            )
            continue
        # Beyond what is declared, a property counts only if its whole text is an id that is known.
        target = declared.get(name) or controls.known.get(text.lower())
        if target:
            path = (*holder.path, name)
            form = "id" if name in declared else "known"
            yield _scalar_slot(Reference("/".join(path), target, form=form), Place(properties, name, path), text)


def _inputs(place: Place, controls: Controls) -> Iterator[Slot]:
    """
    Yield the slots of a step package's inputs, however deep they are nested: texts that are exactly a known id.
    """
    value = place.value
    if isinstance(value, dict | list):
        for inner in places({"": value}, "/*"):
            yield from _inputs(Place(inner.container, inner.key, (*place.path, inner.path[-1])), controls)
    elif _is_id(value) and (target := controls.known.get(value.lower())):
        yield _scalar_slot(Reference("/".join(place.path), target, form="known"), place, value)


def _looks_like_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[") and _FEED_ID.search(text) is not None


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "#{" not in value


def is_tag_id(text: str) -> bool:
    """
    Return whether a tag is named by id, not by its canonical name ``Set/Tag``.
    """
    return _TAG_ID.match(text) is not None


def is_impossible(text: str) -> bool:
    """
    Return whether an id stands for nothing.
    """
    return text == IMPOSSIBLE_GUID or text.endswith("s-0")
