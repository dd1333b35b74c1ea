"""
The command `auditor once`: a run of each server, told to people or programs.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from auditor import logs
from auditor.audit import audit
from auditor.daemon.runner import Runner, RunnerOptions, not_begun
from auditor.monitoring.metrics import Metrics
from auditor.result import AuditResult
from auditor.run import RunOptions
from auditor.settings import ServerSettings, load
from auditor.state_folder import StateFolder
from auditor.stop import Stop
from auditor.world import Tools
from migrator.wording import counted

CHANGED_EXIT = 3
_Runs = Callable[[str, ServerSettings, StateFolder, RunOptions], AuditResult | None]


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
    run, shown = (_looking(), foretold) if options.dry_run else (_running(), told)
    results = []
    for name, item in chosen.items():
        result = run(name, item, settings.state_folder(name), options) or not_begun(name)
        click.echo(json.dumps(summary(result)) if as_json else shown(result))
        complain(result)
        results.append(result)
    if any(exit_code(result) for result in results):
        return 1
    return CHANGED_EXIT if detailed_exitcode and any(map(_changed, results)) else 0


def _running() -> _Runs:
    # As the daemon's runs are: with a limit of time, and told to whom it may concern. Each has a thread of its own,
    # since a signal is only heard by a main thread that does not sit in a driver's call.
    runner = Runner(Metrics(time.time), RunnerOptions(lambda name: None, slots=1))
    stop_on_signals(runner.stop)
    return runner.run


def _looking() -> _Runs:
    # Nobody is told of a look, and it has nothing to keep up.
    stop = Stop()
    stop_on_signals(stop.request)

    def run(name: str, item: ServerSettings, folder: StateFolder, options: RunOptions) -> AuditResult:
        with ThreadPoolExecutor(1, "audit") as pool:
            return pool.submit(audit, name, item, folder, Tools(stop=stop), options).result()

    return run


def _changed(result: AuditResult) -> bool:
    # A dry run has no commit to show; one of commits that only went on top of foreign ones changed no document.
    return bool(result.commits) or result.outcome == "changed"


def stop_on_signals(stop: Callable[[], None]) -> None:
    """
    Make SIGTERM and SIGINT call *stop*, which asks the run to stop; it closes its window and commits nothing.
    """

    def ask(number: int, frame: Any) -> None:
        # Beside the main thread, which may hold just the lock that this asks for.
        threading.Thread(target=stop, name="stopping", daemon=True).start()

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
    for warning in (*result.warnings, *result.findings, *result.resolved):
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
