"""
The command `auditor rekey`: a new password for a repository.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from auditor import logs
from auditor.cli.options import CONFIG, choose
from auditor.settings import load
from auditor.upkeep.rekey import rekey as rekey_repository
from auditor.world import RunTools
from migrator.credentials import resolve
from migrator.errors import UsageError


@click.command()
@CONFIG
@click.option("--server", required=True, help="The server whose repository gets a new password.")
@click.option("--old-password", required=True, metavar="REF", help="Where the old password is, such as file:PATH.")
@click.option("--new-password", metavar="REF", help="Where the new one is; by default the configured one.")
def rekey(config: Path, server: str, old_password: str, new_password: str | None) -> int:
    """
    Seal the secrets of HEAD under a new password, in one commit.

    Put the new password where the configuration says, keep the old one somewhere else for this command, and stop the
    daemon or let it wait. Older commits are not rewritten: they still open with the old password, and only with it, so
    keep it as long as you keep the history; whoever knew it can go on reading what it sealed.
    """
    settings = load(config)
    item = choose(settings, server)[server]
    logs.configure(level=settings.daemon.log_level if not sys.stderr.isatty() else "warning")
    new = new_password or item.export.password
    if new is None:
        raise UsageError("there is no new password: give --new-password, or set export.password")
    passwords = (
        resolve(old_password, key="--old-password"),
        resolve(new, key="--new-password" if new_password else "export.password"),
    )
    done = rekey_repository(server, item, settings.state_folder(server), passwords, RunTools())
    click.echo(f"{server}: {done.files} files sealed anew in commit {done.commit[:10]}")
    if done.error:
        click.echo(
            f"auditor: {server}: the remote does not have it yet ({done.error}); the next run pushes it", err=True
        )
    return 0
