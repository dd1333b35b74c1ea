"""
Audit events as the server writes them: the row, its JSON, and the index by document.

What happened is told by the caller.

Source: event rows of a real 2018.7 database, docs "Auditing".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from auditor.demo.schema import insert, next_id

SYSTEM = ("users-system", "system")


@dataclass(frozen=True)
class Happening:
    """
    One event: ``user`` is id and user name; ``related`` are document ids, the changed one first; ``named`` are the
    ids whose ``names`` stand in the message; ``occurred`` is ISO 8601.
    """

    category: str
    message: str
    related: Sequence[str]
    user: tuple[str, str]
    occurred: str
    named: Sequence[tuple[str, str]] = ()
    details: str | None = None
    identity: str = "Session cookie"
    environment: str | None = None
    tenant: str | None = None


def record(connection: sqlite3.Connection, happening: Happening) -> str:
    """
    Write the event and its index rows; return its id.
    """
    id_ = next_id(connection, "Event", "Events")
    project = next((related for related in happening.related if related.startswith("Projects-")), None)
    references = [
        {"ReferencedDocumentId": document, "StartIndex": happening.message.find(name), "Length": len(name)}
        for document, name in happening.named
        if name in happening.message
    ]
    row: dict[str, Any] = {
        "Id": id_,
        # With a blank at its end, as real rows have it.
        "RelatedDocumentIds": f"|{'|'.join(happening.related)}| " if happening.related else "",
        "ProjectId": project,
        "EnvironmentId": happening.environment,
        "TenantId": happening.tenant,
        "Category": happening.category,
        "UserId": happening.user[0],
        "Username": happening.user[1],
        "Occurred": happening.occurred,
        "Message": happening.message,
        "MessageReferences": references,
        "Comments": None,
        "Details": happening.details,
        "IdentityEstablishedWith": happening.identity,
    }
    insert(connection, "Event", row)
    connection.executemany(
        "INSERT INTO EventRelatedDocument (RelatedDocumentId, EventId) VALUES (?, ?)",
        [(related, id_) for related in happening.related],
    )
    return id_


def next_time(connection: sqlite3.Connection, minutes: int = 7) -> str:
    """
    Return the time so many minutes after the newest event.
    """
    (newest,) = connection.execute("SELECT max(Occurred) FROM Event").fetchone()
    return (datetime.fromisoformat(newest) + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
