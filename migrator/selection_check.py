"""
The last check of a partial export: every id its documents mention is in it, or was left out on purpose.

It looks at the rows that will be rendered, not at how they were found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrator.document import spelled
from migrator.errors import OperatorError, UnreadableDocument
from migrator.id_map import is_impossible
from migrator.references import TAG, Slot
from migrator.selection_closure import Closure
from migrator.selection_rules import prefix_fits
from migrator.spool import Spool
from migrator.sql.rows import body_text, to_body


@dataclass(frozen=True)
class Dangling:
    """
    A mention whose documents are not in the export, and why that is as it should be.
    """

    document: str
    path: str
    ids: tuple[str, ...]
    reason: str


def check_closed(spool: Spool, closure: Closure) -> tuple[Dangling, ...]:
    """
    Return the mentions of what was left out on purpose or does not exist on the server.

    Raises:
        OperatorError: a document mentions one that is neither taken nor left out on purpose.
    """
    found: list[Dangling] = []
    for position, item in enumerate(spool.tables):
        table = item.table
        for head, packed in spool.rows(position):
            row = Spool.unpack(packed)
            try:
                body = to_body(table, row, body_text(table, row))
            except UnreadableDocument:
                continue  # The rendering names it.
            for slot in closure.slots_of(table.map, body):
                found.extend(_of_slot(closure, f"{table.map.words} {head[0]}", slot))
    return tuple(found)


def _of_slot(closure: Closure, document: str, slot: Slot) -> Iterator[Dangling]:
    by_reason: dict[str, list[str]] = {}
    for text in slot.ids:
        reason = _reason(closure, slot, text)
        if reason is None:
            raise OperatorError(
                f"{document} at {spelled(slot.path)} mentions {text}, which this export does not hold; nothing was "
                "written. Please report it, and export the whole server instead"
            )
        if reason:
            by_reason.setdefault(reason, []).append(text)
    for reason, ids in by_reason.items():
        yield Dangling(document.rpartition(" ")[2], spelled(slot.path), tuple(ids), reason)


def _reason(closure: Closure, slot: Slot, text: str) -> str | None:
    """
    Return why a mentioned document is not there, ``""`` if it is there, ``None`` if nothing explains it.
    """
    low, targets = text.lower(), slot.reference.targets
    if is_impossible(text):
        return ""
    if targets == (TAG,):
        return _reason_of_tag(closure, low)
    for type_ in targets:
        if (type_, low) in closure.taken:
            return ""
    ordered = sorted(targets, key=lambda type_: not prefix_fits(type_, text))
    for type_ in ordered:
        if (type_, low) in closure.left_out:
            return closure.left_out[type_, low].reason
    return "it does not exist on the server" if low in closure.missing else None


def _reason_of_tag(closure: Closure, low: str) -> str | None:
    head = low.rpartition("/")[0]
    names = (item.name.lower() for item in closure.taken.values() if item.type == "TagSet")
    if ("TagSet", head) in closure.taken or (head and head in names):
        return ""
    if head in closure.missing or low in closure.missing:
        return "it does not exist on the server"
    left = closure.left_out.get(("TagSet", head)) or closure.left_out.get(("TagSet", low))
    return left.reason if left else None
