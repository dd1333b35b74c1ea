"""
The commands around the daemon: run it, ask it for a run, and undo what a killed one left.
"""

from __future__ import annotations

from pathlib import Path

import click
import structlog

from auditor import logs
from auditor.cli.once import stop_on_signals
from auditor.daemon.daemon import Daemon, DaemonOptions
from auditor.daemon.signals import dump_stacks_on_signal
from auditor.daemon.trigger import ask
from auditor.repository.repository import Busy, locked
from auditor.settings import load
from auditor.stop import Stop
from auditor.upkeep.signing import check_signing
from auditor.window.journal import Journal
from auditor.wiring import release_window
from auditor.world import Tools
from migrator.errors import OperatorError


def run(config: Path, poll: float) -> int:
    """
    Run as a daemon until a signal ends it; 1 when it left something behind. *poll* is in seconds.
    """
    # First, so that a hang while starting can be looked into as well.
    dump_stacks_on_signal()
    settings = load(config)
    logs.configure(level=settings.daemon.log_level)
    for name, item in settings.servers.items():
        try:
            check_signing(item)
        except OperatorError as error:
            # The other servers are not to suffer for it.
            structlog.get_logger("auditor").error("signing-key-unusable", server=name, reason=str(error))
    return Daemon(config, settings, DaemonOptions(poll=poll)).run()


def trigger(config: Path, server: str | None) -> int:
    """
    Ask the running daemon for a run now.

    Raises:
        OperatorError: there is no daemon to ask.
    """
    settings = load(config)
    deaf = [name for name in settings.chosen(server) if not ask(settings.state_folder(name))]
    if deaf:
        raise OperatorError(
            f"no daemon runs for {', '.join(sorted(deaf))}; start `auditor run --config {config}`, "
            "or do one run with `auditor once`"
        )
    click.echo("asked; `auditor status` shows how it ends")
    return 0


def release(config: Path, server: str | None) -> int:
    """
    Restore the maintenance mode that a killed run left on; 1 when that could not be done.
    """
    settings = load(config)
    logs.configure(level=settings.daemon.log_level)
    stop = Stop()
    stop_on_signals(stop.request)
    code = 0
    for name, item in settings.chosen(server).items():
        folder = settings.state_folder(name)
        if Journal(folder.journal).read() is None:
            continue
        try:
            # Only who holds it knows that a window was left: a run at work has its own open.
            with locked(folder.lock, 0):
                if release_window(name, item, folder, Tools(stop), item.maintenance.release_limit):
                    click.echo(f"{name}: maintenance mode is as it was before the run that was killed")
        except Busy as error:
            click.echo(f"auditor: {name}: {error}; the window is that process's own", err=True)
            code = 1
        except OperatorError as error:
            click.echo(f"auditor: {name}: {error}", err=True)
            code = 1
    return code
