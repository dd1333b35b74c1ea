"""
What ids were called at a time: read from the index, or from changes that are not in it yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from auditor.changes.wording import DocumentChange
from auditor.history.reader import Changed
from migrator.documents.document import Body


class OldNames:
    """
    What ids were called after a commit; read from the index when asked.
    """

    def __init__(self, db: sqlite3.Connection, seq: int) -> None:
        self._db, self._seq = db, seq
        self._known: dict[str, str | None] = {}

    def name(self, document_id: str) -> str | None:
        """
        Return the name, ``None`` if there is no such id at that time.
        """
        if document_id not in self._known:
            found = self._db.execute(
                "SELECT name FROM names WHERE id = ? AND seq <= ? ORDER BY seq DESC LIMIT 1", (document_id, self._seq)
            ).fetchone()
            self._known[document_id] = found[0] if found else None
        return self._known[document_id]


class NewNames:
    """
    What ids are called in a state that is not committed yet, or not indexed: its changes, then what was before.
    """

    def __init__(self, before: OldNames, changes: Iterable[Changed]) -> None:
        self._before = before
        self._names: dict[str, str | None] = {}
        for changed in changes:
            for identity, name in names_in(changed):
                # As the index compares ids, blind to case.
                self._names[identity.lower()] = name

    def name(self, document_id: str) -> str | None:
        """
        Return the name, ``None`` if there is no such id in that state.
        """
        key = document_id.lower()
        return self._names[key] if key in self._names else self._before.name(document_id)


def names_in(changed: Changed) -> Iterator[tuple[str, str | None]]:
    """
    Yield the ids that a change names or takes away, those of a document's referred parts too.
    """
    side = changed.new or changed.old
    if side is None:
        return
    change = changed.change
    yield change.subject.id, change.subject.name if changed.new is not None else None
    old = dict(_inner_names(changed, change.old))
    new = dict(_inner_names(changed, change.new))
    yield from new.items()
    yield from ((identity, None) for identity in old if identity not in new)


def _inner_names(changed: Changed, body: Body | None) -> Iterator[tuple[str, str]]:
    side = changed.new or changed.old
    if body is None or side is None:
        return
    for rule in side.map.reading.lists:
        # Variables: no document refers to one by its id, and there are very many.
        if rule.with_ and "Scope" in rule.with_:
            continue
        holders: list[Any] = [body]
        for part in rule.path.split("/"):
            holders = [
                item
                for holder in holders
                for item in (
                    (holder if isinstance(holder, list) else [])
                    if part == "*"
                    else [holder.get(part)]
                    if isinstance(holder, dict)
                    else []
                )
            ]
        for holder in holders:
            for item in holder if isinstance(holder, list) else ():
                if isinstance(item, dict) and isinstance(item.get("Id"), str) and isinstance(item.get("Name"), str):
                    yield item["Id"], item["Name"]


def named(change: DocumentChange, names: OldNames | NewNames) -> DocumentChange:
    """
    Return the change with its owner's name in the place of its id.
    """
    owner = change.subject.owner
    if not owner:
        return change
    subject = replace(change.subject, owner=names.name(owner) or owner)
    records = [replace(record, document=subject) for record in change.records]
    return replace(change, subject=subject, records=records)
