"""
The command line of the auditor: words to options, results to text, errors to exit codes.

One small function per command; what a command does is elsewhere.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from auditor import logs
from auditor.audit import RunOptions, audit
from auditor.cli.check import check
from auditor.cli.daemon import release, run, trigger
from auditor.cli.demo import demo
from auditor.cli.history import at, blame, diff, find, index_command, log, show
from auditor.cli.init import init
from auditor.cli.options import CONFIG, SERVER, choose, with_signals
from auditor.cli.rekey import rekey
from auditor.cli.status import status
from auditor.monitoring.run_log import run_event
from auditor.result import AuditResult
from auditor.settings import load
from auditor.stop import Stop
from auditor.world import RunTools
from migrator.errors import OperatorError

CHANGED_EXIT = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="octopus-auditor")
def auditor() -> None:
    """Keep an Octopus Deploy server's configuration history in git."""


for _command in (
    demo,
    run,
    trigger,
    release,
    check,
    status,
    init,
    rekey,
    log,
    show,
    diff,
    blame,
    at,
    find,
    index_command,
):
    auditor.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run the command line and exit: 0 success, 1 failure, 2 wrong usage or configuration.
    """
    try:
        code = auditor.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = 2
    except click.exceptions.Exit as error:
        code = error.exit_code
    except OperatorError as error:
        click.echo(f"auditor: {error}", err=True)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        code = _bug(error)
    sys.exit(code if isinstance(code, int) else 0)


def _bug(error: Exception) -> int:
    # A bug's own text may hold a document's content, so only its kind and place are shown.
    place = traceback.extract_tb(error.__traceback__)[-1]
    click.echo(
        f"auditor: this is a bug, not your mistake: {type(error).__name__} at "
        f"{Path(place.filename).name}:{place.lineno}; please report it (AUDITOR_DEBUG=1 shows more)",
        err=True,
    )
    if os.environ.get("AUDITOR_DEBUG") == "1":
        traceback.print_exception(error)
    return 1


@auditor.command()
@CONFIG
@SERVER
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 3 when something changed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per server.")
@click.option("--accept-shrink", is_flag=True, help="Commit even if much or a whole type is gone.")
@click.option("--full", is_flag=True, help="Do not trust the state file; render every document.")
def once(
    config: Path, server: str | None, detailed_exitcode: bool, as_json: bool, accept_shrink: bool, full: bool
) -> int:
    """Audit each server once, now."""
    settings = load(config)
    chosen = choose(settings, server)
    logs.configure(level=settings.daemon.log_level if as_json or not sys.stderr.isatty() else "warning")
    stop = Stop()
    tools = RunTools(stop=stop)
    with_signals(stop)
    options = RunOptions(accept_shrink, full)
    results = [audit(name, item, settings.state_folder(name), tools, options) for name, item in chosen.items()]
    for result in results:
        run_event(tools.log, result)
        click.echo(json.dumps(summary(result)) if as_json else told(result))
        complain(result)
    if any(exit_code(result) for result in results):
        return 1
    return CHANGED_EXIT if detailed_exitcode and any(result.commits for result in results) else 0


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
        return f"{result.server}: nothing changed ({result.documents} documents, {window}, {result.seconds:.1f} s)"
    return (
        f"{result.server}: {result.subject} ({files.added} files added, {files.modified} modified, "
        f"{files.deleted} deleted; commit {result.commits[0][:10]}, {window}, {result.seconds:.1f} s)"
    )


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
    kept = any(warning.document for warning in result.warnings)
    return int(result.outcome in ("failed", "skipped") or result.pushed is False or kept)


if __name__ == "__main__":
    main()
