"""
What ids were called at a time: read from the index, from a run's state, or from changes that are in neither yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from auditor.changes.state import State
from auditor.changes.wording import DocumentChange, Names
from auditor.history.reader import Changed
from migrator.documents.document import Body, display_name


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


class StateNames:
    """
    What ids are called as a run's state knows it: every document's, of its parts none.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: dict[str, str | None] = {}

    def name(self, document_id: str) -> str | None:
        """
        Return the name, ``None`` if the state has no such id.
        """
        if document_id not in self._known:
            self._known[document_id] = self._state.name(document_id)
        return self._known[document_id]


class Laid:
    """
    Names laid over others: what *names* has of an id counts, also that it has none; else what those below say.
    """

    def __init__(self, below: Names, names: Iterable[tuple[str, str | None]]) -> None:
        self._below = below
        self._names = {identity.lower(): name for identity, name in names}

    def name(self, document_id: str) -> str | None:
        """
        Return the name, ``None`` if there is no such id.
        """
        key = document_id.lower()
        return self._names[key] if key in self._names else self._below.name(document_id)


class Either:
    """
    Names from the first that knows an id.
    """

    def __init__(self, *names: Names) -> None:
        self._all = names

    def name(self, document_id: str) -> str | None:
        """
        Return the name, ``None`` if nobody knows it.
        """
        return next((name for names in self._all if (name := names.name(document_id)) is not None), None)


def names_in(changed: Changed) -> Iterator[tuple[str, str | None]]:
    """
    Yield the ids that a change names or takes away, those of a document's referred parts too.
    """
    side = changed.new or changed.old
    if side is None:
        return
    change = changed.change
    # What has no name of its own may share its id with what has one: a user's dashboard with the user.
    if change.subject.name != change.subject.id:
        yield change.subject.id, change.subject.name if changed.new is not None else None
    old = dict(_inner_names(changed, change.old))
    new = dict(_inner_names(changed, change.new))
    yield from new.items()
    yield from ((identity, None) for identity in old if identity not in new)


def names_before(changed: Changed) -> Iterator[tuple[str, str | None]]:
    """
    Yield the ids that a change had a name for before it, and those that came with it, which had none.
    """
    if changed.new is None and changed.old is None:
        return
    change = changed.change
    old = change.old
    if change.subject.name == change.subject.id:
        pass
    elif old is None:
        yield change.subject.id, None
    elif changed.old is not None:
        yield change.subject.id, display_name(changed.old.map, old, change.subject.id)
    before, after = dict(_inner_names(changed, old)), dict(_inner_names(changed, change.new))
    yield from before.items()
    yield from ((identity, None) for identity in after if identity not in before)


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


def named(change: DocumentChange, names: Names) -> DocumentChange:
    """
    Return the change with its owner's name in the place of its id.
    """
    owner = change.subject.owner
    if not owner:
        return change
    subject = replace(change.subject, owner=names.name(owner) or owner)
    records = [replace(record, document=subject) for record in change.records]
    return replace(change, subject=subject, records=records)
