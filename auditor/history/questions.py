"""
Questions over the index: which commits, since when, where is that word. None walks history.

Not here: how an answer is shown.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.history.documents import Document, type_called
from auditor.history.index import Index
from migrator.maps import REGISTRY
from migrator.maps.document_map import Role

MOST_HITS = 200
_SHORTEST_WORD = 3
"""Of the index of words: shorter ones are looked for one document after the other."""


@dataclass(frozen=True)
class Filter:
    """
    Which commits or documents are meant; times in seconds since 1970, names blind to case, ``name`` a pattern.
    """

    project: str | None = None
    type: str | None = None
    space: str | None = None
    name: str | None = None
    person: str | None = None
    coverage: str | None = None
    since: int | None = None
    until: int | None = None
    secret_only: bool = False

    @property
    def of_documents(self) -> bool:
        """
        Return whether it asks anything about the documents a commit changed.
        """
        return any((self.project, self.type, self.space, self.name, self.secret_only))


@dataclass(frozen=True)
class CommitRow:
    """
    One commit as the index has it.
    """

    seq: int
    id: str
    tree: str
    authored: int
    committed: int
    author: str
    email: str
    subject: str
    run: str
    server: str
    complete: bool
    documents: int
    trailers: tuple[tuple[str, str], ...]


_COMMIT = (
    "c.seq, c.id, c.tree, c.authored, c.committed, c.author, c.email, c.subject, c.run, c.server, c.complete, "
    "c.documents, c.trailers"
)


def _row(found: Sequence[Any]) -> CommitRow:
    values: list[Any] = [*found]
    values[10] = bool(values[10])
    values[12] = tuple((str(name), str(value)) for name, value in json.loads(values[12]))
    return CommitRow(*values)


def commits(index: Index, wanted: Filter, most: int | None = None, before: int | None = None) -> Iterator[CommitRow]:
    """
    Yield commits, the newest first; *before* is the number of a commit to go on below.
    """
    where, values = _conditions(wanted)
    if before is not None:
        where.append("c.seq < ?")
        values.append(before)
    if wanted.of_documents:
        inner, more = _document_conditions(wanted)
        changed = "SELECT v.seq FROM versions v JOIN documents d ON d.doc = v.doc WHERE "
        where.append(f"c.seq IN ({changed}{inner})")
        values += more
    text = f"SELECT {_COMMIT} FROM commits c"  # noqa: S608 - words of this file alone
    text += f" WHERE {' AND '.join(where)}" if where else ""
    text += " ORDER BY c.seq DESC"
    if most is not None:
        text += f" LIMIT {int(most)}"
    for found in index.db.execute(text, values):
        yield _row(found)


def commit_at(index: Index, seq: int) -> CommitRow:
    """
    Return the commit of a number.
    """
    return _row(index.db.execute(f"SELECT {_COMMIT} FROM commits c WHERE c.seq = ?", (seq,)).fetchone())  # noqa: S608


def commits_of_run(index: Index, run: str) -> list[CommitRow]:
    """
    Return the commits of a run, the oldest first.
    """
    # A run of several commits numbers them behind its id, as "ID 1/3".
    text = f"SELECT {_COMMIT} FROM commits c WHERE c.run = ? OR c.run LIKE ? ESCAPE '\\' ORDER BY c.seq"  # noqa: S608
    return [_row(found) for found in index.db.execute(text, (run, f"{_like(run)} %"))]


def last_before(index: Index, moment: int) -> CommitRow | None:
    """
    Return the last commit of a complete state at or before a moment, ``None`` if history begins later.
    """
    found = index.db.execute(
        f"SELECT {_COMMIT} FROM commits c WHERE c.committed <= ? AND c.complete ORDER BY c.seq DESC LIMIT 1",  # noqa: S608
        (moment,),
    ).fetchone()
    return _row(found) if found else None


def _conditions(wanted: Filter) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    for value, text in ((wanted.since, "c.committed >= ?"), (wanted.until, "c.committed <= ?")):
        if value is not None:
            where.append(text)
            values.append(value)
    if wanted.person:
        where.append("(c.author LIKE ? ESCAPE '\\' OR c.email LIKE ? ESCAPE '\\')")
        values += [f"%{_like(wanted.person)}%"] * 2
    if wanted.coverage:
        where.append("c.trailers LIKE ? ESCAPE '\\'")
        values.append(f'%"Octopus-Coverage", "{_like(wanted.coverage)} %')
    return where, values


def _document_conditions(wanted: Filter) -> tuple[str, list[Any]]:
    where, values = ["1"], list[Any]()
    if wanted.type:
        where.append("d.type = ? COLLATE NOCASE")
        values.append(type_called(wanted.type))
    if wanted.space:
        where.append("v.space = ? COLLATE NOCASE")
        values.append(wanted.space)
    if wanted.name:
        # As it was called then, or is called now; what has no name of its own is called by its owner's.
        where.append(
            "(fits(?, v.name) OR fits(?, d.name) OR (v.name = d.id COLLATE NOCASE "
            "AND v.owner IN (SELECT o.id FROM documents o WHERE fits(?, o.name))))"
        )
        values += [wanted.name] * 3
    if wanted.project:
        where.append(
            "(v.owner IN (SELECT p.id FROM documents p WHERE p.type = ? AND p.name = ? COLLATE NOCASE) "
            "OR (d.type = ? AND d.name = ? COLLATE NOCASE))"
        )
        project = REGISTRY.of(Role.PROJECT).table
        values += [project, wanted.project, project, wanted.project]
    if wanted.secret_only:
        where.append("EXISTS (SELECT 1 FROM records r WHERE r.doc = v.doc AND r.seq = v.seq AND r.secret <> '')")
    return " AND ".join(where), values


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@dataclass(frozen=True)
class Since:
    """
    Since when a part of a document is as it is.
    """

    element: str
    name: str
    commit: CommitRow


def blame(index: Index, document: Document, elements: Mapping[str, str], seq: int) -> list[Since]:
    """
    Return for each element (by its path, with its name) the commit that changed it last; ``""`` is the whole document.
    """
    last = {
        row[0]: row[1]
        for row in index.db.execute(
            # A new id and an order without meaning are nobody's change.
            "SELECT element, MAX(seq) FROM records WHERE doc = ? AND seq <= ? AND weight > 0 GROUP BY element",
            (document.doc, seq),
        )
    }
    first = index.db.execute("SELECT MIN(seq) FROM versions WHERE doc = ?", (document.doc,)).fetchone()[0]
    newest = index.db.execute(
        "SELECT MAX(seq) FROM versions WHERE doc = ? AND seq <= ?", (document.doc, seq)
    ).fetchone()[0]
    found = [Since("", document.label, commit_at(index, newest))]
    for element, name in elements.items():
        below = [at for path, at in last.items() if path == element or path.startswith(f"{element}/")]
        found.append(Since(element, name, commit_at(index, max(below, default=first))))
    return found


@dataclass(frozen=True)
class Hit:
    """
    A document in which a word stands, or stood before the commit named.
    """

    doc: int
    seq: int | None
    line: str
    """The first line that has it."""
    places: int
    """How many lines have it."""


def find(index: Index, text: str, ever: bool = False, most: int = MOST_HITS) -> list[Hit]:
    """
    Return where a text stands now, or ever stood; blind to case.
    """
    tables = (("now", "rowid, NULL"), ("ever", "rowid, rowid")) if ever else (("now", "rowid, NULL"),)
    found: list[Hit] = []
    for table, columns in tables:
        for row in _matching(index.db, table, columns, text, most - len(found)):
            found.append(_hit(index.db, table, row, text))
    return found


def _matching(
    db: sqlite3.Connection, table: str, columns: str, text: str, most: int
) -> Iterator[tuple[int, int | None, str]]:
    if len(text) >= _SHORTEST_WORD:
        # As a phrase, so that nothing in it is taken for FTS5's own words.
        where, value = f"{table} MATCH ?", '"' + text.replace('"', '""') + '"'
    else:
        where, value = "text LIKE ? ESCAPE '\\'", f"%{_like(text)}%"
    yield from db.execute(f"SELECT {columns}, text FROM {table} WHERE {where} LIMIT {max(most, 0)}", (value,))  # noqa: S608


def _hit(db: sqlite3.Connection, table: str, row: tuple[int, int | None, str], text: str) -> Hit:
    folded = text.casefold()
    lines = [line for line in row[2].splitlines() if folded in line.casefold()]
    line = lines[0] if lines else ""
    if table == "now":
        return Hit(row[0], None, line, len(lines))
    doc, seq = db.execute("SELECT doc, seq FROM records WHERE rec = ?", (row[0],)).fetchone()
    return Hit(doc, seq, line, len(lines))
