"""
Checks of what only the systemd unit has: its credentials, and its user's view of the configuration.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from auditor.checks.check import Finding, Subject, failed, passed
from auditor.settings import ServerSettings

INSTALLED = Path("/etc/systemd/system")
PROGRAM = "/opt/octopus-auditor/bin/auditor"
USER = "octopus-auditor"


def references(settings: ServerSettings) -> list[str]:
    """
    Return every reference to a secret in a server's settings, those of notifications too.
    """
    notify = settings.notify
    found = [
        settings.database,
        settings.master_key,
        settings.api_key,
        settings.export.password,
        settings.repository.signing_key,
        notify.webhook.secret if notify.webhook else None,
        notify.slack.url if notify.slack else None,
        notify.email.password if notify.email else None,
    ]
    return [text for text in found if text]


def credentials(servers: Iterable[ServerSettings]) -> list[str]:
    """
    Return the credentials of the unit that servers refer to and this process was not given.
    """
    if os.environ.get("CREDENTIALS_DIRECTORY"):
        return []
    texts = [text for settings in servers for text in references(settings)]
    return sorted({text.partition(":")[2] for text in texts if text.startswith("systemd:")})


def inside_the_unit(names: Iterable[str], config: Path, words: Iterable[str] = ("check",)) -> str:
    """
    Return the command that runs the auditor as the unit does, with its user, folders and credentials.
    """
    properties = [
        *("DynamicUser=yes", f"User={USER}", f"StateDirectory={USER}", f"ConfigurationDirectory={USER}"),
        *("Environment=HOME=/var/lib/octopus-auditor", "UMask=0077"),
        *(f"LoadCredential={name}:/etc/credstore/octopus-auditor.{name}" for name in names),
    ]
    options = [f"--property={text}" for text in properties]
    command = [
        "systemd-run",
        "--pipe",
        "--wait",
        "--collect",
        "--quiet",
        *options,
        PROGRAM,
        *words,
        "--config",
        str(config),
    ]
    return shlex.join(command)


def not_here(names: list[str], config: Path) -> Finding:
    """
    Return the finding of a check that was not made, since the secrets are the unit's alone.
    """
    return failed(
        "credentials",
        f"{', '.join(names)} are credentials that only the unit has, so nothing that needs a secret was looked at",
        inside_the_unit(names, config.absolute()),
    )


def configuration(subject: Subject) -> Iterator[Finding]:
    """
    Can the unit's user read the configuration?
    """
    config = subject.config.absolute()
    if not installed():
        return
    for path in (config, *config.parents):
        needed = stat.S_IROTH if path == config else stat.S_IXOTH
        if not path.stat().st_mode & needed:
            mode = "0644" if path == config else "0755"
            yield failed("unit", f"the unit's user cannot read {path}", f"chmod {mode} {shlex.quote(str(path))}")
            return
    yield passed("unit", "its user can read the configuration")


def installed() -> bool:
    """
    Return whether one of the project's units is installed on this machine.
    """
    return any(INSTALLED.glob("octopus-auditor*.service"))
