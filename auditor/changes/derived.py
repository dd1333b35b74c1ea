"""
What a reader would work out from a change: whether a variable's scope became wider or narrower.

Values within one kind of scope are alternatives, kinds together are conditions: one more environment widens, a first
role narrows. Source: how Octopus evaluates the scope of a variable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from auditor.changes.records import Element, Record
from migrator.documents.document import Body

_SCOPE = "Scope"


def with_scope_facts(records: Iterable[Record], old: Body, new: Body, shown: Callable[[str], str]) -> list[Record]:
    """
    Return the records, the first one about each variable's scope with what its change means; *shown* names an id.
    """
    told: set[Element] = set()
    result = []
    for record in records:
        element = record.path[1] if len(record.path) > 2 and record.path[2] == _SCOPE else None
        if isinstance(element, Element) and element not in told and None not in (element.old, element.new):
            told.add(element)
            before, after = (
                _scope(body, record.path[0], place) for body, place in ((old, element.old), (new, element.new))
            )
            fact = scope_fact(before, after, shown)
            record = replace(record, derived=(fact,)) if fact else record
        result.append(record)
    return result


def _scope(body: Body, name: Any, place: int | None) -> Mapping[str, Any]:
    items = body.get(name)
    item = items[place] if isinstance(items, list) and place is not None and place < len(items) else None
    scope = item.get(_SCOPE) if isinstance(item, dict) else None
    return scope if isinstance(scope, dict) else {}


def scope_fact(old: Mapping[str, Any], new: Mapping[str, Any], shown: Callable[[str], str]) -> str:
    """
    Return ``wider: ...``, ``narrower: ...``, or ``""`` where it is neither, or both.
    """
    wider, narrower = [], []
    for kind in sorted(old.keys() | new.keys()):
        before, after = set(_values(old.get(kind))), set(_values(new.get(kind)))
        word = kind.lower()
        if before == after:
            continue
        # A kind of scope without values limits nothing.
        if not before:
            narrower.append(f"before, every {word}")
        elif not after:
            wider.append(f"now every {word}")
        elif before < after:
            wider.append(f"now also {', '.join(shown(item) for item in sorted(after - before))}")
        elif after < before:
            narrower.append(f"no longer {', '.join(shown(item) for item in sorted(before - after))}")
        else:
            return ""
    if bool(wider) == bool(narrower):
        return ""
    return f"wider: {'; '.join(wider)}" if wider else f"narrower: {'; '.join(narrower)}"


def _values(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
