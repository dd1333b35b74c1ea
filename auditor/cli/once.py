"""
The command `auditor once`: a run of each server, told to people or programs.
"""

from __future__ import annotations

import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from auditor import logs
from auditor.audit import RunOptions, audit
from auditor.monitoring.run_log import run_event
from auditor.result import AuditResult
from auditor.settings import load
from auditor.stop import Stop
from auditor.world import Tools
from migrator.wording import counted

CHANGED_EXIT = 3


def once(
    config: Path,
    server: str | None,
    detailed_exitcode: bool,
    as_json: bool,
    accept_shrink: bool,
    full: bool,
    dry_run: bool,
) -> int:
    """
    Audit the servers; 1 when a run did not do all it should.
    """
    return _audit_all(config, server, RunOptions(accept_shrink, full, dry_run=dry_run), as_json, detailed_exitcode)


def adopt(config: Path, server: str) -> int:
    """
    Let a repository's history, which is another server's, go on with this one; 1 when the run did not do all it should.
    """
    # What the other server had is mostly gone here, and that is meant.
    return _audit_all(config, server, RunOptions(accept_shrink=True, full=True, adopt=True))


def _audit_all(
    config: Path, server: str | None, options: RunOptions, as_json: bool = False, detailed_exitcode: bool = False
) -> int:
    settings = load(config)
    chosen = settings.chosen(server)
    # On a terminal the line for people says the same as the log.
    logs.configure(level=settings.daemon.log_level if as_json or not sys.stderr.isatty() else "warning")
    stop = Stop()
    tools = Tools(stop=stop)
    stop_on_signals(stop)
    # In a thread: a signal is only heard by a main thread that does not sit in a driver's call.
    with ThreadPoolExecutor(1, "audit") as pool:
        runs = [
            pool.submit(audit, name, item, settings.state_folder(name), tools, options) for name, item in chosen.items()
        ]
        results = [run.result() for run in runs]
    for result in results:
        if options.dry_run:
            click.echo(json.dumps(summary(result)) if as_json else foretold(result))
        else:
            run_event(tools.log, result)
            click.echo(json.dumps(summary(result)) if as_json else told(result))
        complain(result)
    if any(exit_code(result) for result in results):
        return 1
    return CHANGED_EXIT if detailed_exitcode and any(map(_changed, results)) else 0


def _changed(result: AuditResult) -> bool:
    # A dry run has no commit to show; one of commits that only went on top of foreign ones changed no document.
    return bool(result.commits) or result.outcome == "changed"


def stop_on_signals(stop: Stop) -> None:
    """
    Make SIGTERM and SIGINT ask the run to stop; it closes its window and commits nothing.
    """

    def ask(number: int, frame: Any) -> None:
        stop.request()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)


def summary(result: AuditResult) -> dict[str, Any]:
    """
    Return the object of ``once --json``.
    """
    value = result.as_json()
    first = (
        "run_id",
        "server",
        "started",
        "seconds",
        "window_seconds",
        "documents",
        "files",
        "commits",
        "pushed",
        "warnings",
    )
    return {**{name: value[name] for name in first}, **{k: v for k, v in value.items() if k not in first}}


def told(result: AuditResult) -> str:
    """
    Return one line for people.
    """
    if result.outcome == "skipped":
        return f"{result.server}: left out"
    if result.outcome == "failed":
        return f"{result.server}: failed after {result.seconds:.1f} s"
    files = result.files
    window = "no window" if result.window_seconds is None else f"window {result.window_seconds:.2f} s"
    if not result.commits:
        documents = counted(result.documents, "document")
        return f"{result.server}: nothing changed ({documents}, {window}, {result.seconds:.1f} s)"
    return (
        f"{result.server}: {result.subject} ({counted(files.added, 'file')} added, {files.modified} modified, "
        f"{files.deleted} deleted; commit {result.commits[0][:10]}, {window}, {result.seconds:.1f} s)"
    )


def foretold(result: AuditResult) -> str:
    """
    Return what would be committed, in the words of the commit.
    """
    if result.outcome != "changed":
        return told(result)
    lines = [] if result.valued == (result.subject,) else ["", *result.valued]
    return "\n".join([f"{result.server}, would be committed: {result.subject}", *lines])


def complain(result: AuditResult) -> None:
    """
    Say on stderr what went wrong.
    """
    for warning in result.warnings:
        place = f" at {warning.path}" if warning.path else ""
        click.echo(
            f"auditor: {result.server}: {warning.document + place + ': ' if warning.document else ''}{warning.message}",
            err=True,
        )
    if result.error:
        click.echo(f"auditor: {result.server}: {result.error}", err=True)


def exit_code(result: AuditResult) -> int:
    """
    Return 1 for a run that did not do all it should.
    """
    # A warning about the server alone, as of an unknown table, left nothing undone.
    kept = any(warning.document for warning in result.warnings)
    return int(result.outcome in ("failed", "skipped") or result.pushed is False or kept)
