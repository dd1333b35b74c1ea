"""
The command `auditor status`: what the state files say of each server, whether or not a daemon runs.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from auditor.cli.table import show_table
from auditor.cron import Cron
from auditor.daemon.trigger import is_heard
from auditor.settings import Settings, load
from auditor.state_folder import StateFolder
from auditor.status import Status, read_status
from auditor.window.journal import Journal
from migrator.wording import escaped_lines


def status(config: Path, as_json: bool) -> int:
    """
    Show each server's last run, next run, window and last error.
    """
    settings = load(config)
    servers = {name: facts(settings, name, datetime.now(UTC)) for name in settings.servers}
    if as_json:
        click.echo(json.dumps({"servers": servers}))
    else:
        _show(servers)
    return 0


def facts(settings: Settings, server: str, now: datetime) -> dict[str, Any]:
    """
    Return what is known of a server: times in ISO 8601, ages in seconds; ``daemon`` is whether one runs it.

    ``window`` is ``closed``, ``open`` (a run has it open, or left it so) or ``stuck`` (it could not be closed).
    """
    folder = settings.state_folder(server)
    remembered = read_status(folder)
    schedule = settings.servers[server].schedule
    success = remembered.success_time()
    return {
        "last_run": remembered.last_run,
        "last_outcome": remembered.last_outcome,
        "last_success": remembered.last_success,
        "age_seconds": None if success is None else round((now - success).total_seconds()),
        "next_run": Cron.parse(schedule.cron, schedule.timezone).next_after(now).isoformat(),
        "last_commit": remembered.last_commit,
        "commits_ahead": remembered.commits_ahead,
        "window": _window(folder, remembered),
        "last_error": remembered.last_error,
        "version": remembered.version,
        "daemon": is_heard(folder),
    }


def _window(folder: StateFolder, remembered: Status) -> str:
    left = Journal(folder.journal).read()
    if left is None:
        return "closed"
    return "stuck" if remembered.window_stuck else "open"


def _show(servers: dict[str, dict[str, Any]]) -> None:
    rows = [
        (
            name,
            _moment(item["last_run"]),
            item["last_outcome"] or "none yet",
            "never" if item["age_seconds"] is None else f"{duration(item['age_seconds'])} ago",
            _moment(item["next_run"]) if item["daemon"] else "no daemon",
            str(item["commits_ahead"]),
            item["window"],
        )
        for name, item in sorted(servers.items())
    ]
    console = show_table(("Server", "Last run", "Outcome", "Success", "Next run (UTC)", "Ahead", "Window"), rows)
    for name, item in sorted(servers.items()):
        if item["last_error"]:
            console.print(f"{name}: {escaped_lines(item['last_error'])}", soft_wrap=not console.is_terminal)
    if deaf := [name for name, item in sorted(servers.items()) if not item["daemon"]]:
        console.print(
            f"no daemon runs for {', '.join(deaf)}; unless a timer does, start `auditor run`, or do one run with "
            "`auditor once`",
            soft_wrap=not console.is_terminal,
        )


def _moment(text: str | None) -> str:
    return "never" if text is None else f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M}"


def duration(seconds: float) -> str:
    """
    Return a length of time in its largest unit.
    """
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
