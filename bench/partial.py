"""
Partial export of single projects against a whole export of the same database, in the same run.

``python -m bench.partial WORK``: WORK holds ``server.db`` of ``bench.generate``. Each figure is of a fresh process.
"""

from __future__ import annotations

import argparse
import base64
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.generate import MASTER_KEY

TARGET, MEGABYTES, LARGE = 0.03, 150, 100_000
PASSWORD = "bench password"
Figures = dict[str, Any]


def run_one(work: Path, project: str | None) -> Figures:
    """
    Export a project, or the whole server, into an empty directory; return seconds, documents and peak memory in MB.
    """
    from migrator.credentials import Secret
    from migrator.exporter import ExportOptions, export, partial_export
    from migrator.selection.request import Selection

    options = ExportOptions(Secret(PASSWORD), Secret(base64.b64encode(MASTER_KEY).decode()))
    address, folder = f"sqlite:///{work / 'server.db'}", work / "tree"
    shutil.rmtree(folder, ignore_errors=True)
    start = time.perf_counter()
    if project is None:
        report = export(address, folder, options)
    else:
        report = partial_export(address, folder, Selection((project,)), options)
    seconds = time.perf_counter() - start
    shutil.rmtree(folder, ignore_errors=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    documents = {name: kinds["Exported"] for name, kinds in report.counts.items()}
    return {
        "seconds": seconds,
        "mb": peak,
        "documents": sum(documents.values()),
        "machines": documents.get("Machine", 0),
    }


def sample(work: Path) -> dict[str, str]:
    """
    Return three projects from the middle: with one step, with a tenant, with most steps.
    """
    with closing(sqlite3.connect(work / "server.db")) as database:
        rows = database.execute(
            "SELECT p.Id, p.Name, d.JSON FROM Project p JOIN DeploymentProcess d ON d.OwnerId = p.Id "
            "WHERE d.IsFrozen = 0 ORDER BY p.rowid LIMIT 60 OFFSET (SELECT count(*) / 2 FROM Project)"
        ).fetchall()
        connected = {row[0] for row in database.execute("SELECT trim(ProjectIds, '|') FROM Tenant")}
    steps = {row[1]: len(json.loads(row[2])["Steps"]) for row in rows}
    tenanted = next(row[1] for row in rows if row[0] in connected)
    return {
        "one step": min(steps, key=lambda name: steps[name]),
        "with a tenant": tenanted,
        "three steps": max(steps, key=lambda name: steps[name]),
    }


def measured(work: Path, project: str | None) -> Figures:
    """
    Return the figures of a fresh process.
    """
    words = [sys.executable, "-m", "bench.partial", str(work), "--one", *([project] if project else [])]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"partial export failed: {done.stderr.strip().splitlines()[-1:]}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(work: Path) -> dict[str, Figures]:
    """
    Measure the whole server and three projects, and print a line for each.
    """
    figures = {"whole": measured(work, None)}
    whole = figures["whole"]
    print(f"  whole export      {whole['seconds']:>9.3f} s  {whole['documents']} documents, peak {whole['mb']:.0f} MB")
    for kind, name in sample(work).items():
        run = min((measured(work, name) for _ in range(3)), key=lambda one: one["seconds"])
        ratio = run["seconds"] / whole["seconds"]
        reached = "reached" if ratio <= TARGET and run["mb"] <= MEGABYTES else "MISSED"
        if whole["documents"] < LARGE:
            reached = f"set for {LARGE} documents"
        print(
            f"  partial, {kind:<14}{run['seconds']:>7.3f} s = {ratio:6.2%} of it (target {TARGET:.0%}, {MEGABYTES} MB: "
            f"{reached}), {run['documents']} documents, {run['machines']} of them targets, peak {run['mb']:.0f} MB"
        )
        figures[kind] = run
    return figures


def main() -> None:
    """
    Compare, or with ``--one`` measure one run in this process.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--one", nargs="?", const="", help="measure one project, or without a name the whole server")
    options = parser.parse_args()
    if options.one is None:
        compare(options.work)
    else:
        print(json.dumps(run_one(options.work, options.one or None)))


if __name__ == "__main__":
    main()
