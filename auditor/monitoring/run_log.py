"""
The one log event a run leaves behind.

Not here: how logging is set up (auditor/logs.py).
"""

from __future__ import annotations

from typing import Any, Protocol

from auditor.result import AuditResult


class Log(Protocol):
    """
    The part of a structlog logger that events need.
    """

    def info(self, event: str, **fields: Any) -> Any:
        """
        Write at level info.
        """

    def warning(self, event: str, **fields: Any) -> Any:
        """
        Write at level warning.
        """

    def error(self, event: str, **fields: Any) -> Any:
        """
        Write at level error.
        """

    def critical(self, event: str, **fields: Any) -> Any:
        """
        Write at level critical.
        """


def run_event(log: Log, result: AuditResult) -> None:
    """
    Write the run as one event: critical if the window is stuck, error if it failed, warning if something was left.
    """
    if result.window_stuck:
        write = log.critical
    elif result.outcome == "failed":
        write = log.error
    elif result.warnings or result.pushed is False:
        write = log.warning
    else:
        write = log.info
    write("run", **_fields(result))


def _fields(result: AuditResult) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "run_id": result.run_id,
        "server": result.server,
        "outcome": result.outcome,
        "seconds": round(result.seconds, 3),
        "window_seconds": None if result.window_seconds is None else round(result.window_seconds, 3),
        "window_stuck": result.window_stuck,
        "documents": result.documents,
        "files_added": result.files.added,
        "files_modified": result.files.modified,
        "files_deleted": result.files.deleted,
        "files_unchanged": result.files.unchanged,
        "commit": result.commits[-1] if result.commits else None,
        "commits": len(result.commits),
        "pushed": result.pushed,
        "commits_ahead": result.commits_ahead,
        "warnings": len(result.warnings),
    }
    if result.phases:
        fields["phases"] = {name: round(seconds, 3) for name, seconds in result.phases.items()}
    if result.error:
        fields["error"] = result.error
    return fields
