"""
One text for an instant, and one for a GUID, whichever way they were read; and when two texts mean one instant. Pure.

A text keeps its offset and all its digits, at least three, as the server writes instants into JSON itself. Not here:
where instants stand (``maps``), and dates within a document's JSON, which pass as they are.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(?:([Zz])|([+-]\d\d):?(\d\d)))?", re.ASCII
)
_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DIGITS = 3


def canonical_instant(value: Any) -> Any:
    """
    Return a text that is an instant as ``2018-08-01T10:00:00.000+00:00``; what is none stays as it is.

    Three digits of a second, up to nine where the rest is not zero; the offset stays, or its absence.
    """
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    day, minute, second, digits, zulu, hours, minutes = found.groups()
    fraction = (digits or "").rstrip("0").ljust(_DIGITS, "0")
    offset = "+00:00" if zulu else f"{hours}:{minutes}" if hours else ""
    return f"{day}T{minute}:{second or '00'}.{fraction}{'+00:00' if offset == '-00:00' else offset}"


def same_instant(value: Any) -> Any:
    """
    Return what two texts have in common if and only if they mean one instant; what is no instant stays as it is.
    """
    text = canonical_instant(value)
    if not isinstance(text, str) or _INSTANT.fullmatch(text) is None or text[-6] not in "+-":
        return text
    try:
        moment = datetime.fromisoformat(f"{text[:19]}{text[-6:]}").astimezone(UTC)
    except (ValueError, OverflowError):
        # No calendar has it, or it lies before the first year once the offset is taken off.
        return text
    # The fraction goes around ``datetime``, which has six digits where the server's columns have seven.
    return f"{moment.replace(tzinfo=None).isoformat()}{text[19:-6]}+00:00"


def canonical_guid(value: Any) -> Any:
    """
    Return a text that is a GUID in lower case; what is none stays as it is.
    """
    return value.lower() if isinstance(value, str) and _GUID.fullmatch(value) else value
