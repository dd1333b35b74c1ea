"""
What is remembered of a server between runs, in one small JSON file: for ``auditor status``, catch-up and the probe.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from auditor.result import AuditResult
from auditor.state_folder import StateFolder


@dataclass(frozen=True)
class Status:
    """
    Times are ISO 8601 in UTC; ``probe`` is the sign of the database at the last full read, ``last_commit`` what the
    last run left ``branch`` at, ``verified`` up to which commit the repository was read whole.
    """

    last_run: str | None = None
    last_success: str | None = None
    last_outcome: str | None = None
    last_error: str | None = None
    last_commit: str | None = None
    branch: str | None = None
    last_full: str | None = None
    last_repack: str | None = None
    last_fsck: str | None = None
    verified: str | None = None
    commits_ahead: int = 0
    window_stuck: bool = False
    version: str | None = None
    probe: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Sequence[str]] = ()
    """Document and path of each finding of the last run that read them."""

    def success_time(self) -> datetime | None:
        """
        Return when a run last succeeded.
        """
        return datetime.fromisoformat(self.last_success) if self.last_success else None


def read_status(folder: StateFolder) -> Status:
    """
    Return what is remembered; nothing where the file is missing or damaged.
    """
    try:
        value: Any = json.loads(folder.status.read_text(encoding="utf-8"))
        # Another version's file has other keys; what is known of it counts.
        names = {item.name for item in fields(Status)}
        return Status(**{key: item for key, item in value.items() if key in names})
    except (OSError, ValueError, TypeError, AttributeError):
        return Status()


def write_status(folder: StateFolder, status: Status) -> None:
    """
    Replace the file in one step.

    Raises:
        OSError: it cannot be written.
    """
    folder.make()
    # A name for each process: a run that was left out writes without the lock, beside the one that holds it.
    temporary = folder.status.with_name(f".{folder.status.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(status.__dict__, indent=1, default=dict), encoding="utf-8")
        temporary.replace(folder.status)
    finally:
        temporary.unlink(missing_ok=True)


def after(status: Status, result: AuditResult, now: str) -> Status:
    """
    Return what is remembered after a run.
    """
    # What the run that was at work says of the server stays.
    if result.outcome == "skipped":
        return replace(status, last_run=now)
    good = result.outcome in ("changed", "unchanged")
    return replace(
        status,
        last_run=now,
        findings=sorted({(item.document, item.path) for item in result.findings}) if good else status.findings,
        last_success=now if good else status.last_success,
        # A commit that this machine alone has may be lost with it, so such a run is told as failed too.
        last_outcome="failed" if result.pushed is False or not good else result.outcome,
        last_error=result.error,
        last_commit=status.last_commit or (result.commits[-1] if result.commits else None),
        commits_ahead=result.commits_ahead,
        window_stuck=result.window_stuck,
    )
