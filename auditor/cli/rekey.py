"""
The command `auditor rekey`: a new password for a repository.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from auditor import logs
from auditor.settings import load
from auditor.upkeep.rekey import rekey as rekey_repository
from auditor.world import Tools
from migrator.credentials import resolve
from migrator.errors import UsageError
from migrator.wording import counted


def rekey(config: Path, server: str, old_password: str, new_password: str | None) -> int:
    """
    Seal the secrets of HEAD under a new password, in one commit; 1 when the remote does not have it.

    Raises:
        OperatorError: it could not be done; the repository is as it was.
    """
    settings = load(config)
    item = settings.chosen(server)[server]
    logs.configure(level=settings.daemon.log_level if not sys.stderr.isatty() else "warning")
    new = new_password or item.export.password
    if new is None:
        raise UsageError("there is no new password: give --new-password, or set export.password")
    passwords = (
        resolve(old_password, key="--old-password"),
        resolve(new, key="--new-password" if new_password else "export.password"),
    )
    done = rekey_repository(server, item, settings.state_folder(server), passwords, Tools())
    click.echo(f"{server}: {counted(done.files, 'file')} sealed anew in commit {done.commit[:10]}")
    if done.error:
        click.echo(
            f"auditor: {server}: the remote does not have it yet ({done.error}); the next run pushes it", err=True
        )
    # None: nothing was to be pushed; False: the commit is here alone, and may be lost with this machine.
    return int(done.pushed is False)
