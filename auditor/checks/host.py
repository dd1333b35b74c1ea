"""
Checks of this machine: disk, who can read what, the schedule, and the addresses of notifications.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

from auditor.checks.check import Finding, Subject, existing, failed, passed, to_own, warned, writable
from auditor.checks.notifications import check as check_notifications
from auditor.checks.unit import installed, references
from auditor.cron import Cron

_LEAST, _ENOUGH = 100 << 20, 1 << 30


def disk(subject: Subject) -> Iterator[Finding]:
    """
    Is there room for the state and the repository, and may they be written?
    """
    state = subject.folder.path
    places = {"state": state, "repository": Path(subject.settings.repository.path)}
    for name, path in places.items():
        free = shutil.disk_usage(existing(path)).free
        room = f"{free / (1 << 30):.1f} GiB free for the {name} ({path})"
        if free < _LEAST:
            yield failed("disk", room, "make room, or put it on another file system")
        elif free < _ENOUGH:
            yield warned("disk", room, "watch it: a full disk stops the history, though it breaks nothing")
        else:
            yield passed("disk", room)
    if not writable(subject.folder.path):
        yield failed("state", f"{subject.folder.path} cannot be written", to_own(subject.folder.path))


def modes(subject: Subject) -> Iterator[Finding]:
    """
    Can others read the configuration or a secret?
    """
    # The unit's user exists only while it runs, so its configuration can be read by all; it holds no secret.
    config = () if installed() else (subject.config,)
    open_to_all = [path for path in (*config, *secret_files(subject)) if _others_read(path)]
    for path in open_to_all:
        yield warned("file modes", f"every user of this machine can read {path}", f"chmod o-rwx {path}")
    if not open_to_all:
        yield passed("file modes", "neither the configuration nor a secret is open to other users")
    # Made so by an older version, or by hand; what is made today is open to nobody else.
    for path in (Path(subject.settings.repository.path), subject.folder.path):
        if _mode(path) & 0o077:
            yield warned("file modes", f"other users of this machine can enter {path}", f"chmod -R go-rwx {path}")


def secret_files(subject: Subject) -> list[Path]:
    """
    Return the files that the server's settings name as secrets.
    """
    files = [Path(text[5:]).expanduser() for text in references(subject.settings) if text.startswith("file:")]
    key = subject.settings.repository.ssh_key_file
    return [*files, *([Path(key).expanduser()] if key else [])]


def _others_read(path: Path) -> bool:
    return bool(_mode(path) & stat.S_IROTH)


def _mode(path: Path) -> int:
    """
    Return the rights of a file, none for what is not there or cannot be looked at.
    """
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def schedule(subject: Subject) -> Iterator[Finding]:
    """
    When are the next five runs, in local time and UTC?
    """
    table = subject.settings.schedule
    zone = ZoneInfo(table.timezone)
    runs = Cron.parse(table.cron, table.timezone).next_runs(subject.now(), 5)
    times = [f"{run.astimezone(zone):%a %Y-%m-%d %H:%M %z} = {run.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for run in runs]
    yield passed("schedule", f"{table.cron} in {table.timezone}:\n" + "\n".join(times))


def notifications(subject: Subject) -> Iterator[Finding]:
    """
    Can whoever is to be told be reached? Nothing is sent.
    """
    for probe in check_notifications(subject.settings.notify):
        if probe.ok:
            yield passed(probe.name, "it can be reached")
        else:
            yield failed(probe.name, "it does not work", probe.remedy)
