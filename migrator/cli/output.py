"""
What a person sees of a run: progress on a terminal, a summary in plain words, warnings; and the report for programs.

The only user of rich in the migrator. Nothing here decides anything.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from migrator.cli.server import warn
from migrator.errors import OperatorError, UsageError
from migrator.maps import REGISTRY
from migrator.report import Report
from migrator.wording import escaped

Tick = Callable[[str, int], None]


@contextmanager
def progress(quiet: bool) -> Iterator[Tick]:
    """
    Yield a function that takes a table's name and rows done; it shows them on a terminal only.
    """
    # On stderr, since stdout is what scripts keep.
    if quiet or not sys.stderr.isatty():
        yield lambda table, rows: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        done = {"rows": 0}

        def tick(table: str, rows: int) -> None:
            done["rows"] += rows
            bar.update(task, description=f"reading {escape(escaped(table))}, {done['rows']} rows so far")

        yield tick


def show_warnings(report: Report) -> None:
    """
    Write the report's warnings to stderr, each with its document and place.
    """
    for item in report.warnings:
        place = f"{item.document}{f' at {item.path}' if item.path else ''}: " if item.document else ""
        warn(f"{place}{item.message}")


def summary(report: Report, head: str) -> str:
    """
    Return *head* and one line for each type of document.
    """
    in_order = sorted(report.counts.items(), key=lambda item: REGISTRY[item[0]].called(2).lower())
    return "\n".join([head, *(f"  {escaped(_counted(table, counts))}" for table, counts in in_order)]) + "\n"


def _counted(table: str, counts: Mapping[str, int]) -> str:
    usual = counts.get("Exported", 0)
    rest = ", ".join(f"{count} {outcome.lower()}" for outcome, count in counts.items() if outcome != "Exported")
    return f"{usual:>6}{f' (and {rest})' if rest else ''} {REGISTRY[table].called(usual)}"


def check_report_path(path: Path | None) -> None:
    """
    Say early that a report could not be written.

    Raises:
        UsageError: its folder does not exist.
    """
    if path is not None and (not path.absolute().parent.is_dir() or path.is_dir()):
        raise UsageError(f"--report {path} cannot be written: its folder does not exist, or it is a folder itself")


def write_report(report: Report, path: Path | None) -> None:
    """
    Write the report as JSON, whole or not at all.

    Raises:
        OperatorError: it cannot be written.
    """
    if path is None:
        return
    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n"
    try:
        # In the same folder: a file is moved as a whole only within one file system.
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        temporary = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                # Names in a database may hold half a character, which is no reason to lose the report.
                file.write(text.encode("utf-8", "backslashreplace"))
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OperatorError(f"the report {path} cannot be written: {error.strerror}") from None
