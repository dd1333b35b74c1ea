"""
The commands about documents: blame, at, find. Over any clone, without a password.

Not here: how questions are answered (``auditor/history``).
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import click

from auditor.changes.records import Element, masked, plain, spelled
from auditor.changes.render import page
from auditor.changes.wording import Sides, View, heading_of
from auditor.cli.history import row_json
from auditor.cli.showing import dumped, opened, out, table, when
from auditor.history import documents, questions
from auditor.history.documents import Document
from auditor.history.opened import Opened
from auditor.history.questions import CommitRow
from auditor.history.reader import open_reader
from migrator.documents.canonical_json import decode, encode
from migrator.errors import OperatorError, UsageError
from migrator.maps import REGISTRY
from migrator.wording import counted, did_you_mean, escaped

LONGEST_LINE = 160
_BLAME = ("Commit", "Time", "Person", "What")


def blame(
    repository: Path | None,
    config: Path | None,
    server: str | None,
    form: str,
    as_json: bool,
    color: str,
    document: str,
) -> None:
    """Since when each variable or step of a document is as it is: DOCUMENT, DOCUMENT#variable or DOCUMENT#step."""
    name, _, part = document.partition("#")
    with opened(repository, config, server) as source:
        found = documents.one_document(source.index, name, source.head.seq)
        elements = _elements(source, found)
        if part:
            elements = _meant(found, elements, part)
        since = questions.blame(source.index, found, elements, source.head.seq)
        since = since[1:] if part else since
        if as_json or form == "json":
            out(dumped([{"element": item.element, "name": item.name} | row_json(item.commit) for item in since]))
            return
        rows = [_since(item.commit, item.name) for item in since]
        if form == "text":
            out("\n".join(f"{id_}  {time}  {person:<20.20}  {what}" for id_, time, person, what in rows))
        else:
            out(table(form, f"{found.label}: since when it is so", _BLAME, rows))


def _since(commit: CommitRow, name: str) -> tuple[str, str, str, str]:
    return commit.id[:8], when(commit.authored), escaped(commit.author), escaped(name)


def _elements(source: Opened, document: Document) -> dict[str, str]:
    """
    Return the elements of a document's lists, by path, with what they are called.
    """
    with open_reader(source.git) as reader:
        side = reader.load(document.path, document.blob, source.head.tree)
    found: dict[str, str] = {}
    if side is None:
        return found
    document_map, names = REGISTRY[document.type], source.index.names(source.head.seq)
    view = View(document_map, Sides(names, names))
    for rule in document_map.reading.lists:
        items = side.body.get(rule.path)
        if "/" in rule.path or not isinstance(items, list):
            continue
        for index, item in enumerate(items):
            if isinstance(item, dict):
                step = Element(index, index, f"[{item.get('Id') or item.get('Name') or index}]")
                found[spelled((rule.path, step))] = heading_of(view, item, item, step, rule)
    return found


def _meant(document: Document, elements: Mapping[str, str], part: str) -> dict[str, str]:
    """
    Return the elements that a person calls *part*: by their whole name, else by how it begins.
    """
    folded = part.casefold()
    names = {path: _bare(text) for path, text in elements.items()}
    found = {path: elements[path] for path, name in names.items() if name.casefold() == folded}
    found = found or {path: elements[path] for path, name in names.items() if name.casefold().startswith(folded)}
    if not found:
        raise UsageError(f"{document.label} has no {part}{did_you_mean(part, names.values(), limit=3)}")
    return found


def _bare(heading: str) -> str:
    """
    Return a heading without a step's number and a variable's scope.
    """
    number, blanks, name = heading.partition("  ")
    # The number stands alone, or behind what each element is, as in ``phase 2``.
    if blanks and number.rpartition(" ")[2].isdigit():
        return name
    return heading.rpartition("  [")[0] or heading


def at(
    repository: Path | None,
    config: Path | None,
    server: str | None,
    form: str,
    as_json: bool,
    color: str,
    time: str,
    document: str | None,
) -> None:
    """The configuration of a moment: its documents, or one of them."""
    with opened(repository, config, server) as source:
        commit = source.commit(time)
        if document is None:
            _all_at(source, commit, "json" if as_json else form)
            return
        item = documents.one_document(source.index, document, commit.seq)
        content = _content(source, commit, item)
        if as_json or form == "json":
            out(dumped({"commit": commit.id, **_document_json(item), "body": _masked(content)}))
        elif form == "markdown":
            # A fence that is longer than any in it.
            out(f"## {escaped(item.label)}, {when(commit.committed)}\n\n~~~~~~~~json\n{content.rstrip()}\n~~~~~~~~")
        elif form == "html":
            out(page(f"{item.label}, {when(commit.committed)}", f"<pre>{escape(content)}</pre>"))
        else:
            click.echo(content, nl=False)


def _all_at(source: Opened, commit: CommitRow, form: str) -> None:
    found = documents.all_documents(source.index, commit.seq)
    title = f"{counted(len(found), 'document')}, {when(commit.committed)}, commit {commit.id[:12]}"
    if form == "json":
        out(dumped({"commit": commit.id, "documents": [_document_json(item) for item in found]}))
    elif form == "text":
        lines = [f"commit  {commit.id}", f"time    {when(commit.committed)}", f"        {title.partition(',')[0]}", ""]
        out("\n".join([*lines, *(escaped(item.label) for item in found)]))
    else:
        out(table(form, title, ("Document", "Id", "File"), [(item.label, item.id, item.path) for item in found]))


def _content(source: Opened, commit: CommitRow, document: Document) -> str:
    """
    Return a document's file, with its scripts in their places where they stand in files beside it.
    """
    content = source.git.output("cat-file", "blob", document.blob).decode("utf-8", "replace")
    with open_reader(source.git) as reader:
        side = reader.load(document.path, document.blob, commit.tree)
    if side is None or side.body == decode(content):
        return content
    return encode(side.body, ("Id", "Name")).decode("utf-8", "replace")


def _masked(content: str) -> Any:
    try:
        return plain(masked(decode(content)))
    except ValueError:
        return None


def _document_json(item: Document) -> dict[str, Any]:
    return {"type": item.type, "id": item.id, "name": item.name, "label": item.label, "path": item.path}


def find(
    repository: Path | None,
    config: Path | None,
    server: str | None,
    form: str,
    as_json: bool,
    color: str,
    ever: bool,
    text: str,
) -> None:
    """Where a word stands: names, values, scripts; --ever: or ever stood."""
    with opened(repository, config, server) as source:
        rows = []
        for hit in questions.find(source.index, text, ever):
            # What is gone stood in the state before the commit that took it away.
            item = documents.document_of(source.index, hit.doc, hit.seq - 1 if hit.seq else source.head.seq)
            until = questions.commit_at(source.index, hit.seq) if hit.seq else None
            if item is not None:
                rows.append((item, until, hit))
        if as_json or form == "json":
            out(
                dumped(
                    [
                        _document_json(item) | {"line": hit.line, "places": hit.places, "until": until and until.id}
                        for item, until, hit in rows
                    ]
                )
            )
        elif rows and form == "text":
            out("\n".join(line for row in rows for line in _hit(*row)))
        elif rows:
            cells = [(item.label, _line(hit), _until(until)) for item, until, hit in rows]
            out(table(form, f"Where {text} stands", ("Document", "Line", "Until"), cells))
        if not rows:
            raise OperatorError(f"nothing has {text} in it" + ("" if ever else " now; --ever looks at the past too"))
        if len(rows) >= questions.MOST_HITS:
            click.echo(f"auditor: these are the first {len(rows)}; ask for more of the text to see others", err=True)


def _hit(item: Document, until: CommitRow | None, hit: questions.Hit) -> tuple[str, str]:
    gone = f"  ({_until(until)})" if until else ""
    return f"{escaped(item.label)}{gone}", f"    {_line(hit)}"


def _line(hit: questions.Hit) -> str:
    shown = escaped(hit.line)
    shown = shown if len(shown) <= LONGEST_LINE else f"{shown[: LONGEST_LINE - 3]}..."
    return f"{shown}  (and {hit.places - 1} more)" if hit.places > 1 else shown


def _until(until: CommitRow | None) -> str:
    return f"until {when(until.committed)}, {until.id[:8]}" if until else ""
