"""
The command ``partial-export``: options to a ``Selection``, then as ``export``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from migrator.cli.export import export_options, report_file, show_result, task_logs_source
from migrator.cli.options import Values
from migrator.cli.output import progress
from migrator.cli.server import choose_server
from migrator.errors import UsageError
from migrator.exporter import FORMS, partial_export
from migrator.maps.parts import CERTIFICATES, DEPLOYMENTS, MACHINES, TENANTS
from migrator.secrets.sealing import SecretsMode
from migrator.selection.release_versions import check_versions
from migrator.selection.request import Selection
from migrator.wording import escaped

_IGNORED = {
    "ignore-deployments": DEPLOYMENTS,
    "ignore-tenants": TENANTS,
    "ignore-certificates": CERTIFICATES,
    "ignore-machines": MACHINES,
}


def selection_of(values: Values) -> Selection:
    """
    Return what a command line chooses.

    Raises:
        UsageError: nothing is chosen, or what is chosen contradicts itself.
    """
    versions = values.find("releaseVersion")
    if versions is not None and values.has("ignore-history"):
        raise UsageError(
            "--ignore-history leaves all releases out and --releaseVersion chooses some; give one of the two"
        )
    check_versions(versions or "")
    selection = Selection(
        projects=values.all("project"),
        groups=values.all("projectGroup"),
        spaces=values.all("space"),
        ignored=frozenset(name for switch, types in _IGNORED.items() if values.has(switch) for name in types),
        history=not values.has("ignore-history"),
        versions=versions or "",
        all_environments=values.has("all-environments"),
    )
    selection.check()
    return selection


def run_partial_export(values: Values) -> int:
    """
    Export the chosen projects; 1 when documents had to be left as they were.

    Raises:
        OperatorError: what went wrong.
    """
    directory = Path(values.text("directory"))
    # Before secrets are looked up: what contradicts itself needs no password to be told.
    selection = selection_of(values)
    report_path = report_file(values)
    mode = SecretsMode(values.text("secrets"))
    task_logs = task_logs_source(values, directory)
    server = choose_server(values, master_key=mode is not SecretsMode.OMIT, password=mode is not SecretsMode.OMIT)
    options = export_options(values, server, mode, task_logs)
    with progress(values.has("quiet")) as tick:
        form, clean = FORMS[values.text("format")], values.has("clean")
        report = partial_export(server.address, directory, selection, options, form=form, clean=clean, progress=tick)
    if values.has("explain"):
        sys.stdout.write("".join(f"{escaped(line)}\n" for line in report.chains))
    return show_result(values, report, report_path, directory)
