"""
Two servers side by side: the newest states of two repositories, documents paired by name, ids told by what they name.

The same records as between two commits of one server; only the pairing differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from auditor.changes.wording import DocumentChange, Sides
from auditor.history.documents import Document, all_documents
from auditor.history.index import Index
from auditor.history.names import OldNames
from auditor.history.reader import Reader, Side, document_change, open_reader
from auditor.history.telling import Told
from migrator.documents.document import Body
from migrator.tree.git import Git


def drift(left: tuple[Git, Index, int, str], right: tuple[Git, Index, int, str]) -> Told:
    """
    Return what differs between the states of two servers; each is its repository, index, commit's number and tree.
    """
    names = left[1].names(left[2]), right[1].names(right[2])
    ours, theirs = ({_key(item): item for item in all_documents(index, seq)} for _, index, seq, _ in (left, right))
    changes = []
    with open_reader(left[0]) as reader, open_reader(right[0]) as other:
        for key in sorted(ours.keys() | theirs.keys()):
            mine, yours = ours.get(key), theirs.get(key)
            if mine is not None and yours is not None and mine.blob == yours.blob:
                continue
            old = _side(reader, mine, left[3], names[0])
            new = _side(other, yours, right[3], names[1])
            change = document_change(old, new)
            if change is not None:
                changes.append(_owned(change, yours or mine))
    # Without names of ids, which stand in the bodies already.
    return Told(tuple(changes), Sides())


def _key(document: Document) -> tuple[str, str, str]:
    # The label holds the owner's name, and of a document without a name of its own its area.
    return document.type, document.space.casefold(), document.label.casefold()


def _owned(change: DocumentChange, document: Document | None) -> DocumentChange:
    if document is None or not change.subject.owner:
        return change
    owner = document.label.rpartition(" / ")[0]
    return replace(change, subject=replace(change.subject, owner=owner or change.subject.owner))


def _side(reader: Reader, document: Document | None, tree: str, names: OldNames) -> Side | None:
    if document is None:
        return None
    side = reader.load(document.path, document.blob, tree)
    if side is None:
        return None
    body = {name: value for name, value in side.body.items() if name != "Id"}
    told: Body = _named(body, names)
    return side._replace(body=told)


def _named(value: Any, names: OldNames) -> Any:
    """
    Return a value with the names of what it refers to in the place of the ids, which every server has its own of.
    """
    if isinstance(value, str):
        return names.name(value) or value if "-" in value and len(value) < 100 else value
    if isinstance(value, Mapping):
        inner = {_named(key, names): _named(item, names) for key, item in value.items()}
        # An element's own id is that server's; its name finds it on the other side.
        return {key: item for key, item in inner.items() if key != "Id" or "Name" not in inner}
    return [_named(item, names) for item in value] if isinstance(value, list) else value
