"""
How the auditor calls git: its limits, its key. Not here: the call, ``migrator.tree.git``.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from auditor.stop import Stop
from migrator.tree.git import Git

# Nobody is there to answer, and a connection that died is given up after a minute, not when TCP does.
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"


@dataclass(frozen=True)
class GitOptions:
    """
    ``timeout`` in seconds for every command; ``ssh_key_file`` is used for remotes; ``stop`` breaks off what talks to
    them.
    """

    timeout: float = 600
    ssh_key_file: str | None = None
    stop: Stop = field(default_factory=Stop, compare=False)


def git_in(path: Path, options: GitOptions) -> Git:
    """
    Return git for a bare repository at *path*, which it never leaves for one above it.
    """
    ssh = _SSH
    if options.ssh_key_file:
        # Without IdentitiesOnly an agent's keys are offered first, and a server hangs up after a few.
        ssh += f" -o IdentitiesOnly=yes -i {shlex.quote(options.ssh_key_file)}"
    environment = {
        # Who sets it means it: another port, a jump host.
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND") or ssh,
        "GIT_CEILING_DIRECTORIES": str(path.absolute().parent),
    }
    return Git(path, environment, options.timeout, options.stop.event.is_set)
