"""
One value as a person reads it: short, in one line, nothing in it obeyed. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from auditor.changes.records import HIDDEN, masked
from migrator.documents.canonical_json import Number
from migrator.wording import escaped

LONGEST_VALUE = 120


def shown(value: Any, name: Callable[[str], str] | None = None) -> str:
    """
    Return a value as a person reads it, in one line of at most 120 characters; what would be obeyed is shown.

    *name* makes of a text that may be an id what it is called.
    """
    text = _plainly(masked(value), name or str)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _plainly(value: Any, name: Callable[[str], str]) -> str:
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


def is_text(value: Any) -> bool:
    """
    Return whether a value is a text of several lines.
    """
    return isinstance(value, str) and "\n" in value
