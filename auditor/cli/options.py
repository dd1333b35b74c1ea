"""
What the auditor's commands share: the options --config and --server, and being told to stop.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click

from auditor.settings import ServerSettings, Settings
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
