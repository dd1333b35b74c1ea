"""
Everything that can be known before the first run: findings with a level and a remedy each.

The probes themselves are in check_*.py; here is what they share, and that none of them hides the others. Nothing is
changed by a check.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from auditor.settings import ServerSettings
from auditor.state_folder import StateFolder
from migrator.errors import OperatorError
from migrator.wording import escaped_lines

CLOCK_LIMIT = 60
"""Seconds by which two clocks may differ."""


class Level(Enum):
    """
    How a finding is to be taken.
    """

    PASS = "pass"  # noqa: S105 - a word for people
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """
    What one probe found; ``remedy`` is empty where nothing is to be done.
    """

    name: str
    level: Level
    message: str
    remedy: str = ""
    server: str = ""

    def __post_init__(self) -> None:
        # Tables, logins and servers may be called anything.
        object.__setattr__(self, "message", escaped_lines(self.message))
        object.__setattr__(self, "remedy", escaped_lines(self.remedy))


@dataclass(frozen=True)
class Subject:
    """
    The server that is looked at. ``shared`` is for what one probe learned and another compares with.
    """

    server: str
    settings: ServerSettings
    folder: StateFolder
    config: Path
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    shared: dict[str, str] = field(default_factory=dict)


Probe = Callable[[Subject], Iterable[Finding]]


def passed(name: str, message: str) -> Finding:
    """
    Return a finding that is as it should be.
    """
    return Finding(name, Level.PASS, message)


def warned(name: str, message: str, remedy: str) -> Finding:
    """
    Return a finding that a person should think about.
    """
    return Finding(name, Level.WARN, message, remedy)


def failed(name: str, message: str, remedy: str) -> Finding:
    """
    Return a finding with which runs cannot work.
    """
    return Finding(name, Level.FAIL, message, remedy)


def of_error(name: str, error: Exception) -> Finding:
    """
    Return the finding of a probe that could not be made; an operator's error names its remedy behind a semicolon.
    """
    if not isinstance(error, OperatorError):
        # A library's own words may hold an address with a password.
        return failed(name, f"it could not be looked at ({type(error).__name__})", "report this as a bug")
    message, _, remedy = str(error).partition("; ")
    return failed(name, message, remedy or "look at what it names")


def examine(subject: Subject, probes: Iterable[tuple[str, Probe]]) -> Iterator[Finding]:
    """
    Yield what each probe finds; one that breaks off is a finding itself.
    """
    for name, probe in probes:
        try:
            for finding in probe(subject):
                yield Finding(finding.name, finding.level, finding.message, finding.remedy, subject.server)
        except Exception as error:
            found = of_error(name, error)
            yield Finding(found.name, found.level, found.message, found.remedy, subject.server)


def clock_finding(name: str, whose: str, theirs: datetime, ours: datetime) -> Finding:
    """
    Return whether another clock agrees with this machine's.
    """
    apart = (theirs - ours).total_seconds()
    if abs(apart) <= CLOCK_LIMIT:
        return passed(name, f"{whose} and this machine's agree within {abs(apart):.0f} s")
    direction = "ahead of" if apart > 0 else "behind"
    return warned(
        name,
        f"{whose} is {abs(apart):.0f} s {direction} this machine's",
        "let both follow a time server (timedatectl set-ntp true); commits carry this machine's time",
    )


def existing(path: Path) -> Path:
    """
    Return the path, or its nearest ancestor that exists.
    """
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def to_own(path: Path) -> str:
    """
    Return the command by which root gives a path, or what of it exists, to the user of this process.
    """
    return f"chown -R {os.getuid()}:{os.getgid()} {shlex.quote(str(existing(path)))}"


def writable(path: Path) -> bool:
    """
    Return whether a path can be written, or made.
    """
    return os.access(existing(path), os.W_OK | os.X_OK)
