"""
Import: a whole tree into an empty embedded database and again as Unchanged, and one project into a large target.

``python -m bench.imports WORK``: WORK holds ``server.db`` of ``bench.generate``. Each figure is of a fresh process.
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

PASSWORD = "bench password"
MEGABYTES = 300
Figures = dict[str, Any]


LARGE = 100_000
_ALL = (
    ("into an empty database", "whole", "empty.db"),
    ("again, all unchanged", "whole", "empty.db"),
    ("one project into the whole server", "one", "server.db"),
)


def prepare(work: Path, *, whole: bool) -> None:
    """
    Export one project of a server and, if asked, the whole server; make an empty target.
    """
    from auditor.demo.schema import create_database
    from migrator import ExportOptions, Selection, export, partial_export
    from migrator.credentials import Secret

    options = ExportOptions(Secret(PASSWORD), Secret(base64.b64encode(MASTER_KEY).decode()))
    address = f"sqlite:///{work / 'server.db'}"
    with closing(sqlite3.connect(work / "server.db")) as database:
        (name,) = database.execute("SELECT Name FROM Project ORDER BY Id LIMIT 1").fetchone()
    for folder in ("whole", "one"):
        shutil.rmtree(work / folder, ignore_errors=True)
    (work / "empty.db").unlink(missing_ok=True)
    create_database(work / "empty.db")
    if whole:
        export(address, work / "whole", options)
    partial_export(address, work / "one", Selection((name,)), options)


def run_one(work: Path, tree: str, target: str) -> Figures:
    """
    Import a tree into a target once; return seconds, documents and peak memory in MB.
    """
    from migrator import ImportOptions, import_tree
    from migrator.credentials import Secret
    from migrator.tree.files import FolderFiles

    key = Secret(base64.b64encode(MASTER_KEY).decode())
    options = ImportOptions(Secret(PASSWORD), key, ignore_version_check=True)
    start = time.perf_counter()
    report = import_tree(f"sqlite:///{work / target}", FolderFiles(work / tree), options)
    seconds = time.perf_counter() - start
    documents = sum(count for kinds in report.counts.values() for count in kinds.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "documents": documents, "mb": peak, "counts": report.counts}


def compare(work: Path, count: int) -> dict[str, Figures]:
    """
    Measure in fresh processes; into a server of 100k documents only one project is imported.
    """
    whole = count < LARGE
    prepare(work, whole=whole)
    found: dict[str, Figures] = {}
    for name, tree, target in _ALL if whole else _ALL[-1:]:
        words = [sys.executable, "-m", "bench.imports", str(work), "--one", tree, target]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"import {name} failed: {done.stderr.strip().splitlines()[-1:]}")
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(found: dict[str, Figures]) -> None:
    """
    Print a line for each figure.
    """
    for name, run in found.items():
        each = run["seconds"] / max(1, run["documents"]) * 1000
        print(
            f"  import {name:<34}{run['seconds']:>8.3f} s, {run['documents']} documents, {each:.2f} ms each, "
            f"peak {run['mb']:.0f} MB (target {MEGABYTES})"
        )


def main() -> None:
    """
    Measure, or run one import and print what it took.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("TREE", "TARGET"))
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(run_one(arguments.work, *arguments.one)))
    else:
        show(compare(arguments.work, 0))


if __name__ == "__main__":
    main()
