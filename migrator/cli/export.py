"""
The command ``export``: options to an ``ExportOptions``, a report to text and an exit code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from migrator.cli.options import Values
from migrator.cli.output import check_report_path, progress, show_warnings, summary, write_report
from migrator.cli.server import ServerChoice, choose_server
from migrator.documents.scripts import InlineScripts
from migrator.errors import OperatorError, UsageError
from migrator.export.render import RenderOptions
from migrator.export.task_logs import check_source
from migrator.exporter import FORMS, ExportOptions, export
from migrator.maps.document_map import Noise
from migrator.report import Report
from migrator.secrets.exposed import Plaintext
from migrator.secrets.sealing import SecretsMode
from migrator.wording import counted


def run_export(values: Values) -> int:
    """
    Export a whole server; 1 when documents had to be left as they were.

    Raises:
        OperatorError: what went wrong.
    """
    directory = Path(values.text("directory"))
    report_path = report_file(values)
    mode = SecretsMode(values.text("secrets"))
    task_logs = task_logs_source(values, directory)
    # What is not needed is not looked up, so that ``--secrets omit`` works for who has neither key nor password.
    server = choose_server(values, master_key=mode is not SecretsMode.OMIT, password=mode is not SecretsMode.OMIT)
    options = export_options(values, server, mode, task_logs)
    with progress(values.has("quiet")) as tick:
        form = FORMS[values.text("format")]
        report = export(server.address, directory, options, form=form, clean=values.has("clean"), progress=tick)
    return show_result(values, report, report_path, directory)


def export_options(values: Values, server: ServerChoice, mode: SecretsMode, task_logs: Path | None) -> ExportOptions:
    """
    Return the options of an export as a command line gives them.
    """
    return ExportOptions(
        password=server.password,
        master_key=server.master_key,
        secrets=mode,
        render=RenderOptions(
            Noise(values.text("noise")),
            InlineScripts(values.text("inline-scripts")),
            Plaintext(values.text("plaintext")),
            server.row_limits,
        ),
        history=values.has("include-history"),
        task_logs=task_logs,
        limits=server.limits,
    )


def report_file(values: Values) -> Path | None:
    """
    Return where the report goes, checked before any work is done.

    Raises:
        UsageError: it could not be written there.
    """
    text = values.find("report")
    path = Path(text) if text is not None else None
    check_report_path(path)
    return path


def task_logs_source(values: Values, directory: Path) -> Path | None:
    """
    Return the folder of task logs to copy, ``None`` where none are wanted.

    Raises:
        UsageError: it is missing, or given without being wanted.
    """
    folder = values.find("tasklogs-directory")
    if not values.has("include-tasklogs"):
        if folder is not None:
            raise UsageError("--tasklogs-directory is only used with --include-tasklogs; give both or neither")
        return None
    if folder is None:
        raise UsageError("--include-tasklogs needs --tasklogs-directory DIR, the server's folder of task logs")
    check_source(Path(folder), directory)
    return Path(folder)


def show_result(values: Values, report: Report, report_path: Path | None, directory: Path) -> int:
    """
    Tell a person and, with --report, a program how an export went; return the exit code.
    """
    # Before the error of an incomplete export: its report says what is lacking.
    write_report(report, report_path)
    show_warnings(report)
    if not values.has("quiet"):
        total = sum(counts.get("Exported", 0) for counts in report.counts.values())
        head = f"Exported {counted(total, 'document')} to {directory} in {report.seconds:.1f} s:"
        sys.stdout.write(summary(report, head))
    if report.incomplete:
        kept = sum(counts.get("Kept (unreadable)", 0) for counts in report.counts.values())
        if not kept:
            raise OperatorError("everything was written, but a secret of the server does not open (named above)")
        raise OperatorError(
            f"the export is incomplete: {counted(kept, 'document')} could not be read (named above); "
            "all others were written"
        )
    return 0
