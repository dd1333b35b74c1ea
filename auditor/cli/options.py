"""
What the auditor's commands share: options for servers, histories, filters and formats, and being told to stop.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from auditor.settings import ServerSettings, Settings, load
from auditor.stop import Stop
from migrator.errors import UsageError

CONFIG = click.option(
    "--config", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The configuration file."
)
SERVER = click.option("--server", help="Only this server of the configuration.")


def choose(settings: Settings, server: str | None) -> dict[str, ServerSettings]:
    """
    Return the servers that a command is about.

    Raises:
        UsageError: there is none of that name.
    """
    if server is None:
        return dict(settings.servers)
    if server not in settings.servers:
        raise UsageError(f"the configuration has no server {server}; it has {', '.join(sorted(settings.servers))}")
    return {server: settings.servers[server]}


def with_signals(stop: Stop) -> None:
    """
    Make SIGTERM and SIGINT ask the run to stop; it closes its window and commits nothing.
    """

    def ask(number: int, frame: Any) -> None:
        stop.request()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)


FORMATS = click.Choice(["text", "markdown", "json", "html"])


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
    servers = load(config).servers
    if server is None and len(servers) > 1:
        raise UsageError(f"the configuration has several servers; choose one by --server: {', '.join(sorted(servers))}")
    name = server or next(iter(servers))
    if name not in servers:
        raise UsageError(f"the configuration has no server {name}; it has {', '.join(sorted(servers))}")
    return Path(servers[name].repository.path), f"refs/heads/{servers[name].repository.branch}"


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    Give a command the options that name a history.
    """
    for option in (
        click.option("--server", help="The server of the configuration."),
        click.option("--config", type=click.Path(path_type=Path), help="The configuration file."),
        click.option("--repository", type=click.Path(path_type=Path), help="The repository, or any clone of it."),
    ):
        function = option(function)
    return function


def shape_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    Give a command the options that say how its answer looks.
    """
    for option in (
        click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours."),
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
        click.option("--format", "form", type=FORMATS, default="text", help="How to show it."),
    ):
        function = option(function)
    return function


def filters_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    Give a command the options that say which changes are meant.
    """
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
