"""
The commands that read a history: log, show, diff, blame, at, find, index. Over any clone, without a password.

Not here: how questions are answered (``auditor/history``) or how changes look (``auditor/changes``).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from auditor.changes.blocks import Block, blocks, escaped
from auditor.changes.records import Element, spelled
from auditor.changes.render import Look, as_html, as_markdown, as_text
from auditor.history import questions
from auditor.history.drift import drift
from auditor.history.index import Index, Told, check
from auditor.history.questions import CommitRow, Document, Filter
from auditor.history.reader import open_reader
from auditor.repository.git import Git, GitError
from auditor.settings import load
from migrator.documents.canonical_json import decode
from migrator.errors import OperatorError, UsageError
from migrator.maps import REGISTRY

FORMATS = click.Choice(["text", "markdown", "json", "html"])
_FIELDS = re.compile(r"(?i)\d{4}-\d\d|\bago\b|yesterday|today|noon|midnight|last |now|^\d{10}$|\d+:\d\d")
FOUND = 3


@dataclass(frozen=True)
class Opened:
    """
    A repository with its index, caught up; ``head`` is the newest commit's row.
    """

    path: Path
    git: Git
    index: Index
    head: CommitRow

    def commit(self, text: str) -> CommitRow:
        """
        Return the commit that a text means: an id, a name git knows, a run, a time.

        Raises:
            UsageError: it means none on this branch.
        """
        if text.upper() == "HEAD":
            return self.head
        run = questions.commits_of_run(self.index, text)
        if run:
            return run[-1]
        with open_reader(self.git) as reader:
            try:
                seq = self.index.seq(reader.resolve(text))
            except GitError:
                seq = None
        if seq is not None:
            return questions.commit_at(self.index, seq)
        moment = moment_of(text, self.git)
        if moment is None:
            raise UsageError(
                f"{text} is no commit of this history, no run and no time, as 2026-11-24 or 'last tuesday'"
            )
        found = questions.last_before(self.index, moment)
        if found is None:
            raise UsageError(f"the history begins after {text}")
        return found


def moment_of(text: str, git: Git) -> int | None:
    """
    Return the time that a text means in seconds since 1970, ``None`` if it does not look like one.
    """
    try:
        read = datetime.fromisoformat(text)
        return int(read.timestamp()) if read.time() != datetime.min.time() or "T" in text else _end_of(read)
    except ValueError:
        pass
    if not _FIELDS.search(text):
        return None
    # Git's own reading of dates, which never fails; so only what looks like one gets there.
    return int(git.run("rev-parse", f"--since={text}").partition("=")[2] or 0) or None


def _end_of(day: datetime) -> int:
    return int(day.timestamp()) + 24 * 3600 - 1


def index_path(repository: Path) -> Path:
    """
    Return where the index of a repository is: beside it, inside a clone's .git, else in the user's cache.
    """
    beside = repository.with_name(f"{repository.name}.state") / "index.sqlite"
    if (repository / ".git").is_dir():
        beside = repository / ".git" / "octopus-auditor" / "index.sqlite"
    folder = next((item for item in (beside.parent, beside.parent.parent) if item.exists()), None)
    if folder is not None and os.access(folder, os.W_OK):
        return beside
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "octopus-auditor"
    return cache / f"{hashlib.sha256(str(repository.resolve()).encode()).hexdigest()[:24]}.sqlite"


def _warn(text: str) -> None:
    click.echo(f"auditor: {text}", err=True)


@contextmanager
def opened(repository: Path | None, config: Path | None, server: str | None) -> Iterator[Opened]:
    """
    Open a repository and catch its index up.

    Raises:
        UsageError: neither or both are named, the path is no repository, the configuration has several servers.
    """
    path, branch = _place(repository, config, server)
    git = Git(path)
    if not path.is_dir() or not git.succeeds("rev-parse", "--git-dir"):
        raise UsageError(f"{path} is not a git repository; name one by --repository")
    try:
        head = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{branch}^{{commit}}")
    except GitError:
        raise OperatorError(f"the repository {path} has no commit yet on {branch}") from None
    if git.run("rev-parse", "--is-shallow-repository") == "true":
        _warn(
            f"{path} is a shallow clone: its history begins where it was cut; `git fetch --unshallow` brings the rest"
        )
    with Index(index_path(path), git, _warn) as index:
        index.catch_up(head, lambda count: _warn(f"{count} commits indexed") if sys.stderr.isatty() else None)
        seq = index.seq(head)
        assert seq is not None
        yield Opened(path, git, index, questions.commit_at(index, seq))


def _place(repository: Path | None, config: Path | None, server: str | None) -> tuple[Path, str]:
    if (repository is None) == (config is None):
        raise UsageError("name the history by --repository PATH, or by --config FILE (and --server NAME)")
    if repository is not None:
        return repository, "HEAD"
    assert config is not None
    servers = load(config).servers
    if server is None and len(servers) > 1:
        raise UsageError(f"the configuration has several servers; choose one by --server: {', '.join(sorted(servers))}")
    name = server or next(iter(servers))
    if name not in servers:
        raise UsageError(f"the configuration has no server {name}; it has {', '.join(sorted(servers))}")
    return Path(servers[name].repository.path), f"refs/heads/{servers[name].repository.branch}"


def _source(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--server", help="The server of the configuration."),
        click.option("--config", type=click.Path(path_type=Path), help="The configuration file."),
        click.option("--repository", type=click.Path(path_type=Path), help="The repository, or any clone of it."),
    ):
        function = option(function)
    return function


def _shape(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours."),
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
        click.option("--format", "form", type=FORMATS, default="text", help="How to show it."),
    ):
        function = option(function)
    return function


def _filters(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--secret-only", is_flag=True, help="Only changes of secrets."),
        click.option("--coverage", help="Only this class of coverage, as unattributed."),
        click.option("--until", help="Not after this time."),
        click.option("--since", help="Not before this time."),
        click.option("--person", help="By whom: a part of a name or an address."),
        click.option("--name", help="Documents whose name fits, as 'Web*'."),
        click.option("--space", help="Documents of a space."),
        click.option("--type", "type_", help="Documents of a type, as target or variables."),
        click.option("--project", help="A project and what belongs to it."),
    ):
        function = option(function)
    return function


def _wanted(given: Mapping[str, Any], git: Git) -> Filter:
    times: dict[str, int | None] = {}
    for name in ("since", "until"):
        text = given.get(name)
        times[name] = moment_of(text, git) if text else None
        if text and times[name] is None:
            raise UsageError(f"--{name} {text} is no time; write it as 2026-11-24, 2026-11-24T18:00 or '2 days ago'")
    if times["since"] is not None and given["since"] and re.fullmatch(r"\d{4}-\d\d-\d\d", given["since"]):
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
    os.environ.setdefault("LESS", "FRX")
    if pager := os.environ.get("GIT_PAGER"):
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
    type_ = questions.type_called(wanted.type) if wanted.type else None
    changes = [
        change
        for change in told.changes
        if (type_ is None or change.map.type == type_)
        and (not wanted.space or (change.subject.space or "").casefold() == wanted.space.casefold())
        and (
            not wanted.project
            or wanted.project.casefold() in ((change.subject.owner or "").casefold(), change.subject.name.casefold())
        )
        and (not wanted.name or _fits(wanted.name, change.subject.name))
        and (not wanted.secret_only or any(record.secret for record in change.records))
    ]
    return Told(tuple(changes), told.sides, told.found)


def _fits(pattern: str, name: str) -> bool:
    return (
        re.fullmatch(re.escape(pattern.casefold()).replace(r"\*", ".*").replace(r"\?", "."), name.casefold())
        is not None
    )


def _records(told: Told) -> list[dict[str, Any]]:
    return [record.as_json() for change in told.changes for record in change.records]


def _dumped(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


@click.command()
@_source
@_filters
@_shape
@click.option("-n", "--max-count", type=click.IntRange(1), help="At most so many commits.")
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
            _out(_page("History", _table(rows)))
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
    from html import escape

    cells = "".join(
        f"<tr><td><code>{row.id[:8]}</code></td><td>{_when(row.authored)}</td><td>{escape(escaped(row.author))}</td>"
        f"<td>{escape(_line(row))}</td></tr>\n"
        for row in rows
    )
    return (
        "<table><caption>Commits, the newest first</caption><thead><tr><th>Commit</th><th>Time</th><th>Person</th>"
        f"<th>What</th></tr></thead><tbody>\n{cells}</tbody></table>"
    )


_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em;max-width:70em}.said{position:absolute;left:-9999px}"
    "ul{list-style:none;padding-left:1em}.note{color:#555;margin-left:1em}.alarm{font-weight:bold}"
    "ins{background:#e6ffed;text-decoration:none}del{background:#ffeef0;text-decoration:none}code{white-space:pre-wrap}"
    + "".join(f".depth{n}{{margin-left:{(n - 1) * 1.5}em}}" for n in range(1, 7))
)


def _page(title: str, body: str) -> str:
    from html import escape

    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n{body}</body></html>"
    )


@click.command()
@_source
@_filters
@_shape
@click.option("--full", is_flag=True, help="Without a limit of lines.")
@click.argument("commit", default="HEAD")
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
        from html import escape

        facts = (
            "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in head) + "</dl>"
            for head, _ in parts
        )
        body = "".join(f"{dl}\n{as_html(some)}" for dl, (_, some) in zip(facts, parts, strict=True))
        _out(_page(dict(parts[0][0]).get("subject", "Changes"), body))
        return
    look = _look(color, None if full else 2000)
    texts = []
    for head, some in parts:
        lines = [f"{name:<8}{value}" for name, value in head]
        texts.append("\n".join([*lines, "", as_text(some, look) or "no document differs"]))
    _out("\n\n".join(texts), look.colour)


@click.command()
@_source
@_filters
@_shape
@click.option("--exit-code", is_flag=True, help="Exit with 1 where something differs, as git does.")
@click.option("--full", is_flag=True, help="Without a limit of lines.")
@click.argument("older")
@click.argument("newer", default="HEAD")
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


@click.command()
@_source
@_shape
@click.argument("document")
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
        found = questions.one_document(source.index, name, source.head.seq)
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


@click.command()
@_source
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.argument("time")
@click.argument("document", required=False)
def at(
    repository: Path | None, config: Path | None, server: str | None, as_json: bool, time: str, document: str | None
) -> None:
    """The configuration of a moment: its documents, or one of them."""
    with opened(repository, config, server) as source:
        commit = source.commit(time)
        if document is None:
            found = questions.all_documents(source.index, commit.seq)
            if as_json:
                _out(_dumped({"commit": commit.id, "documents": [_document_json(item) for item in found]}))
                return
            lines = [
                f"commit  {commit.id}",
                f"time    {_when(commit.committed)}",
                f"        {len(found)} documents",
                "",
            ]
            _out("\n".join([*lines, *(escaped(item.label) for item in found)]))
            return
        item = questions.one_document(source.index, document, commit.seq)
        content = source.git.run("cat-file", "blob", item.blob, strip_newline_in_stdout=False)
        if as_json:
            _out(_dumped({"commit": commit.id, **_document_json(item), "body": _masked(content)}))
        else:
            click.echo(content, nl=False)


def _masked(content: str) -> Any:
    from auditor.changes.records import masked, plain

    return plain(masked(decode(content)))


def _document_json(item: Document) -> dict[str, Any]:
    return {"type": item.type, "id": item.id, "name": item.name, "label": item.label, "path": item.path}


@click.command()
@_source
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--ever", is_flag=True, help="Also what stood there once.")
@click.argument("text")
def find(
    repository: Path | None, config: Path | None, server: str | None, as_json: bool, ever: bool, text: str
) -> None:
    """Where a word stands: names, values, scripts; --ever: or ever stood."""
    with opened(repository, config, server) as source:
        rows = []
        for hit in questions.find(source.index, text, ever):
            item = questions.document_of(source.index, hit.doc, hit.seq - 1 if hit.seq else source.head.seq)
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


@click.command(name="index")
@_source
@click.option("--check", "compare", is_flag=True, help="Compare it with one made anew.")
def index_command(repository: Path | None, config: Path | None, server: str | None, compare: bool) -> None:
    """Make the index over the history anew, from git alone."""
    path, _ = _place(repository, config, server)
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
        click.echo(f"{source.head.seq} commit{'s' if source.head.seq != 1 else ''}, {index_path(source.path)}")
