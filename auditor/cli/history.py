"""
The commands about commits: log, show, diff, noise. Over any clone, without a password.

Not here: how questions are answered (``auditor/history``) or how changes look (``auditor/changes``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import Any

import click

from auditor.changes.blocks import Block, blocks
from auditor.changes.render import as_html, as_markdown, as_text, markdown_text, page
from auditor.changes.wording import DocumentChange
from auditor.cli.showing import dumped, is_coloured, iso, look, opened, out, table, when
from auditor.history import documents, questions
from auditor.history.drift import drift
from auditor.history.noise import Noise, Noisy
from auditor.history.noise import noise as find_noise
from auditor.history.opened import Opened, moment_of
from auditor.history.questions import CommitRow, Filter
from auditor.history.telling import Told
from auditor.history.words import fits
from migrator.errors import UsageError
from migrator.tree.git import Git
from migrator.wording import counted, escaped

_NOISE_SHOWN = 20


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
        and (not wanted.name or fits(wanted.name, _called(change)))
        and (not wanted.secret_only or any(record.secret for record in change.records))
    ]
    return Told(tuple(changes), told.sides, told.found)


def _called(change: DocumentChange) -> str:
    # What has no name of its own is called by its owner's.
    subject = change.subject
    return subject.owner if subject.owner and subject.name == subject.id else subject.name


def _records(told: Told) -> list[dict[str, Any]]:
    return [record.as_json() for change in told.changes for record in change.records]


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
            out(dumped([row_json(row) for row in rows]))
        elif form == "text":
            # As git: of nothing nothing is said.
            if rows:
                out("\n".join(_log_line(row, is_coloured(color)) for row in rows), is_coloured(color), source.git)
        else:
            cells = [(row.id[:8], when(row.authored), row.author, row.subject) for row in rows]
            out(table(form, "Commits, the newest first", ("Commit", "Time", "Person", "What"), cells))


def row_json(row: CommitRow) -> dict[str, Any]:
    """
    Return a commit as programs read it.
    """
    return {
        "commit": row.id,
        "run": row.run or None,
        "person": row.author,
        "time": iso(row.authored),
        "subject": row.subject,
        "documents": row.documents,
        "trailers": [list(item) for item in row.trailers],
    }


def _log_line(row: CommitRow, colour: bool) -> str:
    id_ = f"\x1b[33m{row.id[:8]}\x1b[0m" if colour else row.id[:8]
    return f"{id_}  {when(row.authored)}  {escaped(row.author):<20.20}  {escaped(row.subject)}"


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
                {"commit": row.id, "run": row.run or None, "person": row.author, "time": iso(row.authored)}
                | {"changes": _records(told)}
                for row, told in parts
            ]
            out(dumped(shown[0] if len(shown) == 1 else shown))
            return
        _shown([(_header(row), blocks(told.changes, told.sides)) for row, told in parts], form, color, full)


def _header(row: CommitRow) -> list[tuple[str, str]]:
    facts = [
        ("commit", row.id),
        ("person", f"{escaped(row.author)} <{escaped(row.email)}>"),
        ("time", when(row.authored)),
    ]
    facts += [("run", row.run)] if row.run else []
    return [*facts, ("subject", escaped(row.subject))]


def _shown(parts: list[tuple[list[tuple[str, str]], list[Block]]], form: str, color: str, full: bool) -> None:
    if form == "markdown":
        heads = ("\n".join(f"- {name}: {markdown_text(value)}" for name, value in head) for head, _ in parts)
        out("\n\n".join(f"{head}\n\n{as_markdown(some)}" for head, (_, some) in zip(heads, parts, strict=True)))
        return
    if form == "html":
        facts = (
            "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in head) + "</dl>"
            for head, _ in parts
        )
        body = "".join(f"{dl}\n{as_html(some)}" for dl, (_, some) in zip(facts, parts, strict=True))
        out(page(dict(parts[0][0]).get("subject", "Changes"), body))
        return
    style = look(color, None if full else 2000)
    texts = []
    for head, some in parts:
        lines = [f"{name:<8}{value}" for name, value in head]
        texts.append("\n".join([*lines, "", as_text(some, style) or "no document differs"]))
    out("\n\n".join(texts), style.colour)


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
) -> int:
    """What differs between two commits or times, or between the repositories of two servers."""
    shape = (form, as_json, color, full)
    if repository is None and config is None and Path(older).is_dir() and Path(newer).is_dir():
        head, told = _drift(Path(older), Path(newer), given)
        _finish_diff(head, told, shape)
        return int(exit_code and bool(told.changes))
    with opened(repository, config, server) as source:
        a, b = source.commit(older), source.commit(newer)
        told = _kept(source.index.told(a.tree, b.tree, a.seq), _wanted(given, source.git))
        head = [("from", f"{a.id[:12]} {when(a.committed)}"), ("to", f"{b.id[:12]} {when(b.committed)}")]
        # Before the index closes, which is asked for names while the lines are made.
        _finish_diff(head, told, shape)
    return int(exit_code and bool(told.changes))


def _finish_diff(head: list[tuple[str, str]], told: Told, shape: tuple[str, bool, str, bool]) -> None:
    form, as_json, color, full = shape
    if as_json or form == "json":
        out(dumped({"from": head[0][1], "to": head[1][1], "changes": _records(told)}))
    else:
        _shown([(head, blocks(told.changes, told.sides))], form, color, full)


def _drift(left: Path, right: Path, given: Mapping[str, Any]) -> tuple[list[tuple[str, str]], Told]:
    with ExitStack() as stack:
        a, b = (stack.enter_context(opened(path, None, None)) for path in (left, right))
        sides = [(item.git, item.index, item.head.seq, item.head.tree) for item in (a, b)]
        told = _kept(drift(sides[0], sides[1]), _wanted(given, a.git))
        return [("from", f"{left} {when(a.head.committed)}"), ("to", f"{right} {when(b.head.committed)}")], told


def noise(
    repository: Path | None,
    config: Path | None,
    server: str | None,
    as_json: bool,
    runs: int,
    share: int,
    name: str | None,
) -> None:
    """What changes in most runs, each with the rule that would silence it."""
    if name is not None and server is not None:
        raise UsageError("the server is named twice; give SERVER or --server")
    with opened(repository, config, server or name) as source:
        found = find_noise(source.index, runs=runs, share=share / 100)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_noise(found, share)))


def _noise(found: Noise, share: int) -> Iterator[str]:
    if not (found.tables or found.paths or found.documents):
        yield f"nothing changed in more than {share} % of {_runs(found)}"
        return
    yield f"of {_runs(found)}"
    yield from _noisy("tables whose rows come and go", found.tables, found.runs)
    yield from _noisy("places", found.paths, found.runs)
    yield from _noisy("documents", found.documents, found.runs)
    yield ""
    yield "a rule goes into [servers.NAME.export], several of one kind into one list; silence only what no person does"


def _runs(found: Noise) -> str:
    return f"the last {counted(found.runs, 'run')} that committed something"


def _noisy(title: str, some: tuple[Noisy, ...], runs: int) -> Iterator[str]:
    if not some:
        return
    yield ""
    yield title
    for item in some[:_NOISE_SHOWN]:
        words = " ".join(part for part in (item.type, escaped(item.name), escaped(item.path)) if part)
        yield f"  {100 * item.runs // runs:>3} %  {words}"
        yield f"         {escaped(item.rule)}"
    if len(some) > _NOISE_SHOWN:
        yield f"  and {len(some) - _NOISE_SHOWN} more"
