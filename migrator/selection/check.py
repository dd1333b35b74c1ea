"""
The last check of a partial export: every id its documents mention is in it, or was left out on purpose.

It looks at what was taken in the end, not at how it was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrator.documents.references import is_impossible
from migrator.errors import OperatorError
from migrator.maps import REGISTRY
from migrator.maps.document_map import TAG
from migrator.maps.parts import prefix_fits
from migrator.selection.closure import Closure
from migrator.selection.values import Mentioned

NOWHERE = "it does not exist on the server"
"""Why an id of the server's own leads nowhere."""


@dataclass(frozen=True)
class Dangling:
    """
    A mention whose documents are not in the export, and why that is as it should be.
    """

    document: str
    path: str
    ids: tuple[str, ...]
    reason: str


def check_closed(closure: Closure) -> tuple[Dangling, ...]:
    """
    Return the mentions of what was left out on purpose or does not exist on the server.

    Raises:
        OperatorError: a document mentions one that is neither taken nor left out on purpose.
    """
    return tuple(found for mentioned in closure.mentions for found in _of_mention(closure, mentioned))


def _of_mention(closure: Closure, mentioned: Mentioned) -> Iterator[Dangling]:
    by_reason: dict[str, list[str]] = {}
    for text in mentioned.ids:
        reason = _reason(closure, mentioned.targets, text)
        if reason is None:
            document = closure.taken[mentioned.document]
            raise OperatorError(
                f"{REGISTRY[document.type].words} {document.id} at {mentioned.path} mentions {text}, which this export "
                "does not hold; nothing was written. Please report it, and export the whole server instead"
            )
        if reason:
            by_reason.setdefault(reason, []).append(text)
    for reason, ids in by_reason.items():
        yield Dangling(closure.taken[mentioned.document].id, mentioned.path, tuple(ids), reason)


def _reason(closure: Closure, targets: tuple[str, ...], text: str) -> str | None:
    """
    Return why a mentioned document is not there, ``""`` if it is there, ``None`` if nothing explains it.
    """
    key = text.lower()
    # Made by an earlier import, to stand for nothing.
    if is_impossible(text):
        return ""
    if targets == (TAG,):
        return _reason_of_tag(closure, key)
    for type_ in targets:
        if (type_, key) in closure.taken:
            return ""
    # A place may lead to several types; the reason that helps is that of the type whose ids look so.
    for type_ in sorted(targets, key=lambda type_: not prefix_fits(type_, text)):
        if (type_, key) in closure.left_out:
            return closure.left_out[type_, key].reason
    return NOWHERE if key in closure.missing else None


def _reason_of_tag(closure: Closure, key: str) -> str | None:
    head = key.rpartition("/")[0]
    types = [item.type for item in REGISTRY.holders(TAG)]
    names = (item.name.lower() for item in closure.taken.values() if item.type in types)
    if any((type_, head) in closure.taken for type_ in types) or (head and head in names):
        return ""
    if head in closure.missing or key in closure.missing:
        return NOWHERE
    left = (closure.left_out.get((type_, place)) for place in (head, key) for type_ in types)
    return next((item.reason for item in left if item), None)
