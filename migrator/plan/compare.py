"""
Whether two documents say the same, and where they do not. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from migrator.documents.canonical_json import Number
from migrator.documents.document import Body, element_names, places
from migrator.documents.instants import canonical_guid, same_instant
from migrator.documents.references import clone
from migrator.maps.document_map import Column, DocumentMap
from migrator.plan.values import Change
from migrator.secrets.sealing import MixedText, SecretText

LONGEST = 120
_SAME = {Column.INSTANT: same_instant, Column.GUID: canonical_guid}
SECRET = "(secret)"  # noqa: S105 - what stands for one


def comparable(document_map: DocumentMap, body: Body) -> Body:
    """
    Return a document as it is compared: without what changes by itself, sets in order, nothing where there is none,
    instants as instants.
    """
    plain: Body = clone(body)
    for rule in document_map.volatile:
        for place in places(plain, rule.path):
            place.container.pop(place.key, None)
    for pattern in document_map.sets:
        for place in places(plain, pattern):
            if isinstance(place.value, list):
                place.container[place.key] = sorted(place.value, key=repr)
    # The server leaves an empty scope out, a file may have it.
    for place in places(plain, "Variables/*/Scope"):
        if not place.value:
            place.container.pop(place.key)
    for name, form in document_map.columns.items():
        if form in _SAME and name in plain:
            # One instant may be written with another offset or another number of digits.
            plain[name] = _SAME[form](plain[name])
    lists = {name for name, form in document_map.columns.items() if form is Column.IDS}
    # No ids may be NULL, '' or '||' in a column, and in a file an empty list or no property at all.
    return {key: value for key, value in plain.items() if value is not None and not (key in lists and value == [])}


def differences(before: Body, after: Body, name: Callable[[str], str]) -> tuple[Change, ...]:
    """
    Return each field that differs, in order; *name* returns what people call an id, and any other text as it is shown.
    """
    return tuple(_differ((), before, after, name))


def _differ(path: tuple[str, ...], before: Any, after: Any, name: Callable[[str], str]) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _differ((*path, key), before.get(key), after.get(key), name)
    elif isinstance(before, list) and isinstance(after, list) and any(isinstance(i, dict) for i in (*before, *after)):
        # By names: after an import the same element may have another id.
        old, new = _by_name(before), _by_name(after)
        for key in dict.fromkeys((*old, *new)):
            yield from _differ((*path, key), old.get(key), new.get(key), name)
        # The order of steps is the order in which they run.
        if list(old) != list(new) and sorted(old) == sorted(new):
            yield Change(_shown_path(path, name), "in another order", "in this order")
    else:
        yield Change(_shown_path(path, name), _shown(before, name), _shown(after, name))


def _by_name(items: list[Any]) -> dict[str, Any]:
    """
    Return a list's elements by what people call them; those of one name are numbered.
    """
    found: dict[str, Any] = {}
    for item, own in zip(items, element_names(items), strict=True):
        name = item.get("Name") if isinstance(item, dict) else None
        key = base = name if isinstance(name, str) and name else own
        count = 1
        while key in found:
            count += 1
            key = f"{base} ({count})"
        found[key] = item
    return found


def _shown_path(path: tuple[str, ...], name: Callable[[str], str]) -> str:
    return "/".join(name(part) for part in path)


def _shown(value: Any, name: Callable[[str], str]) -> str | None:
    if value is None:
        return None
    if isinstance(value, (SecretText, MixedText)):
        # Nothing of it, not even its length: a preview may be kept in a log.
        return SECRET
    if isinstance(value, str):
        return _short(name(value))
    if isinstance(value, Number):
        return value.text
    if isinstance(value, list):
        return _short(", ".join(str(_shown(item, name)) for item in value)) if value else "nothing"
    if isinstance(value, dict):
        return _short("; ".join(f"{_shown(key, name)}: {_shown(item, name)}" for key, item in value.items()))
    return _short(str(value))


def _short(text: str) -> str:
    # On one line, so that a script cannot break a preview apart.
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
