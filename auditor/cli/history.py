"""
The commands that read a history: log, show, diff, blame, at, find, index. Over any clone, without a password.

Not here: how questions are answered (``auditor/history``) or how changes look (``auditor/changes``).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import click

from auditor.changes.blocks import Block, blocks
from auditor.changes.records import Element, spelled
from auditor.changes.render import Look, as_html, as_markdown, as_text, page
from auditor.changes.values import escaped
from auditor.history import documents, questions
from auditor.history.documents import Document
from auditor.history.drift import drift
from auditor.history.index import check, fits
from auditor.history.opened import Opened, index_path, moment_of
from auditor.history.opened import opened as open_history
from auditor.history.questions import CommitRow, Filter
from auditor.history.reader import open_reader
from auditor.history.telling import Told
from auditor.repository import diff_driver
from auditor.settings import load
from migrator.documents.canonical_json import decode
from migrator.errors import OperatorError, UsageError
from migrator.maps import REGISTRY
from migrator.tree.git import Git
from migrator.wording import counted


def place_of(repository: Path | None, config: Path | None, server: str | None) -> tuple[Path, str]:
    """
    Return the repository and the branch that the options name.

    Raises:
        UsageError: neither or both are named, or the configuration has several servers.
    """
    if (repository is None) == (config is None):
        raise UsageError("name the history by --repository PATH, or by --config FILE (and --server NAME)")
    if repository is not None:
        return repository, "HEAD"
    assert config is not None
    settings = load(config)
    if server is None and len(settings.servers) > 1:
        names = ", ".join(sorted(settings.servers))
        raise UsageError(f"the configuration has several servers; choose one by --server: {names}")
    ((_, chosen),) = settings.chosen(server).items()
    return Path(chosen.repository.path), f"refs/heads/{chosen.repository.branch}"


@contextmanager
def opened(repository: Path | None, config: Path | None, server: str | None) -> Iterator[Opened]:
    """
    Open the history that the options name.

    Raises:
        UsageError: neither or both are named, the path is no repository, the configuration has several servers.
    """
    path, branch = place_of(repository, config, server)
    with open_history(path, branch, warn, sys.stderr.isatty()) as found:
        yield found


def warn(text: str) -> None:
    """
    Say on stderr what a person should know.
    """
    click.echo(f"auditor: {text}", err=True)


def _wanted(given: Mapping[str, Any], git: Git) -> Filter:
    times: dict[str, int | None] = {}
    for name in ("since", "until"):
        text = given.get(name)
        times[name] = moment_of(text, git) if text else None
        if text and times[name] is None:
            raise UsageError(f"--{name} {text} is no time; write it as 2026-11-24, 2026-11-24T18:00 or '2 days ago'")
    if times["since"] is not None and given["since"] and re.fullmatch(r"\d{4}-\d\d-\d\d", given["since"]):
        # A day is read as its end, but since a day means from its beginning.
        times["since"] -= 24 * 3600 - 1
    return Filter(
        given.get("project"),
        given.get("type_"),
        given.get("space"),
        given.get("name"),
        given.get("person"),
        given.get("coverage"),
        times["since"],
        times["until"],
        bool(given.get("secret_only")),
    )


def _out(text: str, colour: bool = False) -> None:
    """
    Print, through the pager that git would use where a person reads.
    """
    if not sys.stdout.isatty():
        click.echo(text, color=colour or None)
        return
    # As git sets it: no pager for what fits on the screen, and colours as they are.
    os.environ.setdefault("LESS", "FRX")
    if pager := os.environ.get("GIT_PAGER"):
        # click knows PAGER only.
        os.environ["PAGER"] = pager
    click.echo_via_pager(f"{text}\n", color=True)


def _coloured(color: str) -> bool:
    if color == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return color == "always"


def _look(color: str, most: int | None = None) -> Look:
    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
    return Look(max(60, min(width, 160)), _coloured(color), most)


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _told(source: Opened, commit: CommitRow) -> Told:
    before = questions.commit_at(source.index, commit.seq - 1) if commit.seq > 1 else None
    return source.index.told(before.tree if before else None, commit.tree, commit.seq - 1)


def _kept(told: Told, wanted: Filter) -> Told:
    """
    Return what the filter leaves of a difference.
    """
    type_ = documents.type_called(wanted.type) if wanted.type else None
    changes = [
        change
        for change in told.changes
        if (type_ is None or change.map.type == type_)
        and (not wanted.space or (change.subject.space or "").casefold() == wanted.space.casefold())
        and (
            not wanted.project
            or wanted.project.casefold() in ((change.subject.owner or "").casefold(), change.subject.name.casefold())
        )
        and (not wanted.name or fits(wanted.name, change.subject.name))
        and (not wanted.secret_only or any(record.secret for record in change.records))
    ]
    return Told(tuple(changes), told.sides, told.found)


def _records(told: Told) -> list[dict[str, Any]]:
    return [record.as_json() for change in told.changes for record in change.records]


def _dumped(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def log(
    repository: Path | None,
    config: Path | None,
    server: str | None,
    form: str,
    as_json: bool,
    color: str,
    max_count: int | None,
    **given: Any,
) -> None:
    """Who changed what, the newest first."""
    with opened(repository, config, server) as source:
        rows = list(questions.commits(source.index, _wanted(given, source.git), max_count))
        if as_json or form == "json":
            _out(_dumped([_row_json(row) for row in rows]))
        elif form == "markdown":
            _out(
                "\n".join(f"- {_when(row.authored)} `{row.id[:8]}` {escaped(row.author)}: {_line(row)}" for row in rows)
            )
        elif form == "html":
            _out(page("History", _table(rows)))
        else:
            _out("\n".join(_log_line(row, _coloured(color)) for row in rows), _coloured(color))


def _row_json(row: CommitRow) -> dict[str, Any]:
    return {
        "commit": row.id,
        "run": row.run or None,
        "person": row.author,
        "time": _iso(row.authored),
        "subject": row.subject,
        "documents": row.documents,
        "trailers": [list(item) for item in row.trailers],
    }


def _line(row: CommitRow) -> str:
    return escaped(row.subject)


def _log_line(row: CommitRow, colour: bool) -> str:
    id_ = f"\x1b[33m{row.id[:8]}\x1b[0m" if colour else row.id[:8]
    return f"{id_}  {_when(row.authored)}  {escaped(row.author):<20.20}  {_line(row)}"


def _table(rows: Sequence[CommitRow]) -> str:
    cells = "".join(
        f"<tr><td><code>{row.id[:8]}</code></td><td>{_when(row.authored)}</td><td>{escape(escaped(row.author))}</td>"
        f"<td>{escape(_line(row))}</td></tr>\n"
        for row in rows
    )
    return (
        "<table><caption>Commits, the newest first</caption><thead><tr><th>Commit</th><th>Time</th><th>Person</th>"
        f"<th>What</th></tr></thead><tbody>\n{cells}</tbody></table>"
    )


def show(
    repository: Path | None,
    config: Path | None,
    server: str | None,
    form: str,
    as_json: bool,
    color: str,
    full: bool,
    commit: str,
    **given: Any,
) -> None:
    """What a commit, or a run, changed, in Octopus's own words."""
    with opened(repository, config, server) as source:
        wanted = _wanted(given, source.git)
        rows = questions.commits_of_run(source.index, commit) or [source.commit(commit)]
        parts = [(row, _kept(_told(source, row), wanted)) for row in rows]
        if as_json or form == "json":
            shown = [
                {"commit": row.id, "run": row.run or None, "person": row.author, "time": _iso(row.authored)}
                | {"changes": _records(told)}
                for row, told in parts
            ]
            _out(_dumped(shown[0] if len(shown) == 1 else shown))
            return
        _shown([(_header(row), blocks(told.changes, told.sides)) for row, told in parts], form, color, full)


def _header(row: CommitRow) -> list[tuple[str, str]]:
    facts = [
        ("commit", row.id),
        ("person", f"{escaped(row.author)} <{escaped(row.email)}>"),
        ("time", _when(row.authored)),
    ]
    facts += [("run", row.run)] if row.run else []
    return [*facts, ("subject", escaped(row.subject))]


def _shown(parts: list[tuple[list[tuple[str, str]], list[Block]]], form: str, color: str, full: bool) -> None:
    if form == "markdown":
        _out(
            "\n\n".join("\n".join(f"- {k}: {v}" for k, v in head) + "\n\n" + as_markdown(some) for head, some in parts)
        )
        return
    if form == "html":
        facts = (
            "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in head) + "</dl>"
            for head, _ in parts
        )
        body = "".join(f"{dl}\n{as_html(some)}" for dl, (_, some) in zip(facts, parts, strict=True))
        _out(page(dict(parts[0][0]).get("subject", "Changes"), body))
        return
    look = _look(color, None if full else 2000)
    texts = []
    for head, some in parts:
        lines = [f"{name:<8}{value}" for name, value in head]
        texts.append("\n".join([*lines, "", as_text(some, look) or "no document differs"]))
    _out("\n\n".join(texts), look.colour)


def diff(
    repository: Path | None,
    config: Path | None,
    server: str | None,
    form: str,
    as_json: bool,
    color: str,
    full: bool,
    exit_code: bool,
    older: str,
    newer: str,
    **given: Any,
) -> None:
    """What differs between two commits or times, or between the repositories of two servers."""
    if repository is None and config is None and Path(older).is_dir() and Path(newer).is_dir():
        head, told = _drift(Path(older), Path(newer), given)
    else:
        with opened(repository, config, server) as source:
            a, b = source.commit(older), source.commit(newer)
            told = _kept(source.index.told(a.tree, b.tree, a.seq), _wanted(given, source.git))
            # The names of the newer side are those of its own commit, also where it is the older one.
            head = [("from", f"{a.id[:12]} {_when(a.committed)}"), ("to", f"{b.id[:12]} {_when(b.committed)}")]
            _finish_diff(head, told, (form, as_json, color, full))
            sys.exit(1 if exit_code and told.changes else 0)
    _finish_diff(head, told, (form, as_json, color, full))
    sys.exit(1 if exit_code and told.changes else 0)


def _finish_diff(head: list[tuple[str, str]], told: Told, shape: tuple[str, bool, str, bool]) -> None:
    form, as_json, color, full = shape
    if as_json or form == "json":
        _out(_dumped({"from": head[0][1], "to": head[1][1], "changes": _records(told)}))
    else:
        _shown([(head, blocks(told.changes, told.sides))], form, color, full)


def _drift(left: Path, right: Path, given: Mapping[str, Any]) -> tuple[list[tuple[str, str]], Told]:
    with ExitStack() as stack:
        a, b = (stack.enter_context(opened(path, None, None)) for path in (left, right))
        sides = [(item.git, item.index, item.head.seq, item.head.tree) for item in (a, b)]
        told = _kept(drift(sides[0], sides[1]), _wanted(given, a.git))
        return [("from", f"{left} {_when(a.head.committed)}"), ("to", f"{right} {_when(b.head.committed)}")], told


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
            elements = {path: text for path, text in elements.items() if text.casefold().startswith(part.casefold())}
            if not elements:
                raise UsageError(f"{found.label} has no {part}")
        since = questions.blame(source.index, found, elements, source.head.seq)
        since = since[1:] if part else since
        if as_json or form == "json":
            _out(_dumped([{"element": item.element, "name": item.name} | _row_json(item.commit) for item in since]))
            return
        lines = [
            f"{item.commit.id[:8]}  {_when(item.commit.authored)}  {escaped(item.commit.author):<20.20}  "
            f"{escaped(item.name)}"
            for item in since
        ]
        _out("\n".join(lines))


def _elements(source: Opened, document: Document) -> dict[str, str]:
    """
    Return the elements of a document's lists, by path, with what they are called.
    """
    with open_reader(source.git) as reader:
        side = reader.load(document.path, document.blob, source.head.tree)
    found: dict[str, str] = {}
    if side is None:
        return found
    for rule in REGISTRY[document.type].reading.lists:
        if "/" in rule.path:
            continue
        for index, item in enumerate(side.body.get(rule.path) or []):
            if isinstance(item, dict):
                identity = item.get("Id") or item.get("Name") or str(index)
                path = spelled((rule.path, Element(index, index, f"[{identity}]")))
                found[path] = str(item.get("Name") or identity)
    return found


def at(
    repository: Path | None, config: Path | None, server: str | None, as_json: bool, time: str, document: str | None
) -> None:
    """The configuration of a moment: its documents, or one of them."""
    with opened(repository, config, server) as source:
        commit = source.commit(time)
        if document is None:
            found = documents.all_documents(source.index, commit.seq)
            if as_json:
                _out(_dumped({"commit": commit.id, "documents": [_document_json(item) for item in found]}))
                return
            lines = [
                f"commit  {commit.id}",
                f"time    {_when(commit.committed)}",
                f"        {counted(len(found), 'document')}",
                "",
            ]
            _out("\n".join([*lines, *(escaped(item.label) for item in found)]))
            return
        item = documents.one_document(source.index, document, commit.seq)
        content = source.git.output("cat-file", "blob", item.blob).decode("utf-8", "replace")
        if as_json:
            _out(_dumped({"commit": commit.id, **_document_json(item), "body": _masked(content)}))
        else:
            click.echo(content, nl=False)


def _masked(content: str) -> Any:
    from auditor.changes.records import masked, plain

    return plain(masked(decode(content)))


def _document_json(item: Document) -> dict[str, Any]:
    return {"type": item.type, "id": item.id, "name": item.name, "label": item.label, "path": item.path}


def find(
    repository: Path | None, config: Path | None, server: str | None, as_json: bool, ever: bool, text: str
) -> None:
    """Where a word stands: names, values, scripts; --ever: or ever stood."""
    with opened(repository, config, server) as source:
        rows = []
        for hit in questions.find(source.index, text, ever):
            # What is gone stood in the state before the commit that took it away.
            item = documents.document_of(source.index, hit.doc, hit.seq - 1 if hit.seq else source.head.seq)
            until = questions.commit_at(source.index, hit.seq) if hit.seq else None
            if item is not None:
                rows.append((item, until, hit.line))
        if as_json:
            _out(
                _dumped(
                    [_document_json(item) | {"line": line, "until": until and until.id} for item, until, line in rows]
                )
            )
        else:
            for item, until, line in rows:
                gone = f"  (until {_when(until.committed)}, {until.id[:8]})" if until else ""
                shown = escaped(line)
                click.echo(f"{escaped(item.label)}{gone}\n    {shown if len(shown) <= 160 else shown[:157] + '...'}")
        if not rows:
            raise OperatorError(f"nothing has {text} in it" + ("" if ever else " now; --ever looks at the past too"))


def make_index(repository: Path | None, config: Path | None, server: str | None, compare: bool) -> None:
    """Make the index over the history anew, from git alone."""
    path, _ = place_of(repository, config, server)
    if not compare:
        for end in ("", "-wal", "-shm"):
            place = index_path(path)
            place.with_name(place.name + end).unlink(missing_ok=True)
    with opened(repository, config, server) as source:
        if compare:
            found = check(index_path(source.path), source.git, source.head.id)
            if found:
                raise OperatorError(
                    "the index differs from git: " + "; ".join(found) + "; `auditor index` makes it anew"
                )
        click.echo(f"{counted(source.head.seq, 'commit')}, {index_path(source.path)}")


def git_config(repository: Path | None, config: Path | None, server: str | None, undo: bool) -> None:
    """Make plain git show a clone well, or as it did before."""
    path, _ = place_of(repository, config, server)
    git = Git(path)
    if not git.succeeds("rev-parse", "--git-dir"):
        raise UsageError(f"{path} is not a git repository; name one by --repository")
    if undo:
        click.echo("taken out" if diff_driver.undo(git) else "it was not set; nothing was changed")
    else:
        click.echo("set; try `git log -p`" if diff_driver.settle(git) else "it was set already; nothing was changed")
