"""
What the commands that read a history share: which one is meant, and how an answer gets out.

Not here: the questions (``history``, ``places``), or how changes look (``auditor/changes``).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import click

from auditor.changes.render import Look, markdown_text, page
from auditor.history.opened import Opened
from auditor.history.opened import opened as open_history
from auditor.settings import load
from migrator.errors import UsageError
from migrator.tree.git import Git, GitError
from migrator.wording import escaped


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


def out(text: str, colour: bool = False, git: Git | None = None) -> None:
    """
    Print, through the pager that git would use where a person reads.
    """
    if not sys.stdout.isatty():
        click.echo(text, color=colour or None)
        return
    # As git sets it: no pager for what fits on the screen, and colours as they are.
    os.environ.setdefault("LESS", "FRX")
    pager = os.environ.get("GIT_PAGER") or _configured_pager(git)
    if pager:
        # click knows PAGER only.
        os.environ["PAGER"] = pager
    if os.environ.get("PAGER") == "cat":
        click.echo(text, color=colour or None)
    else:
        click.echo_via_pager(f"{text}\n", color=True)


def _configured_pager(git: Git | None) -> str:
    try:
        return git.run("config", "--get", "core.pager") if git is not None else ""
    except GitError:
        return ""


def is_coloured(color: str) -> bool:
    """
    Return whether ``--color`` asks for colours here.
    """
    if color == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return color == "always"


def look(color: str, most: int | None = None) -> Look:
    """
    Return how wide and how colourful text may be.
    """
    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
    return Look(max(60, min(width, 160)), is_coloured(color), most)


def when(seconds: int) -> str:
    """
    Return a time as people here read it.
    """
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def iso(seconds: int) -> str:
    """
    Return a time as programs read it.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def dumped(value: Any) -> str:
    """
    Return a value as JSON that people can read too.
    """
    return json.dumps(value, indent=2, ensure_ascii=False)


def table(form: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """
    Return rows as a table of Markdown or as a page of HTML; *form* is ``markdown`` or ``html``.
    """
    if form == "markdown":
        lines = [columns, ["---"] * len(columns)]
        cells = [*lines, *([markdown_text(escaped(cell)) for cell in row] for row in rows)]
        return "\n".join(f"| {' | '.join(row)} |" for row in cells)
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(escaped(cell))}</td>' for cell in row)}</tr>\n" for row in rows)
    return page(
        title,
        f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>",
    )
