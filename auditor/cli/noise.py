"""
The command ``noise``: what the history says changes all the time, as text or JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from auditor.cli.showing import opened
from auditor.history.noise import Noise, Noisy
from auditor.history.noise import noise as find_noise
from migrator.errors import UsageError
from migrator.wording import counted, escaped

_SHOWN = 20


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
        click.echo("\n".join(_lines(found, share)))


def _lines(found: Noise, share: int) -> Iterator[str]:
    if not (found.tables or found.paths or found.documents):
        yield f"nothing changed in more than {share} % of {_over(found)}"
        return
    yield f"of {_over(found)}"
    yield from _part("tables whose rows come and go", found.tables, found.runs)
    yield from _part("places", found.paths, found.runs)
    yield from _part("documents", found.documents, found.runs)
    yield ""
    yield "a rule goes into [servers.NAME.export], several of one kind into one list; silence only what no person does"


def _over(found: Noise) -> str:
    return f"the last {counted(found.runs, 'run')} that committed something"


def _part(title: str, some: tuple[Noisy, ...], runs: int) -> Iterator[str]:
    if not some:
        return
    yield ""
    yield title
    for item in some[:_SHOWN]:
        words = " ".join(part for part in (item.type, escaped(item.name), escaped(item.path)) if part)
        yield f"  {100 * item.runs // runs:>3} %  {words}"
        yield f"         {escaped(item.rule)}"
    if len(some) > _SHOWN:
        yield f"  and {len(some) - _SHOWN} more"
