"""
`make bench`: the auditor against floors measured in the same run, and against peers; ratios, not promises.

Each figure is the best of several fresh processes; the first run and the peers are measured once.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import imports
from bench.generate import change, generate
from bench.measure import stream
from bench.partial import compare

TARGETS = {"window": 1.3, "nothing changed": 2.0, "first run": 1.6, "1 % changed": 3.0}
Figures = dict[str, Any]


def measured(kind: str, work: Path, times: int = 1) -> Figures:
    """
    Return the best of several runs in fresh processes.
    """
    runs = []
    for _ in range(times):
        done = subprocess.run(
            [sys.executable, "-m", "bench.measure", kind, str(work)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{kind} failed: {done.stderr.strip().splitlines()[-1:]}")
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    best: Figures = min(runs, key=lambda figures: figures["seconds"])
    best["window"] = min((run.get("window") or 0) for run in runs)
    return best


def one_size(count: int, work: Path, *, peers: bool) -> Figures:
    """
    Measure everything for one size and print a line for each figure.
    """
    work.mkdir(parents=True)
    generate(work / "server.db", count)
    figures: Figures = {"first": measured("audit", work)}
    figures["select"] = measured("select", work, 5)
    figures["hash"] = measured("select+hash", work, 5)
    figures["nothing"] = measured("audit", work, 5)
    with (work / "stream").open("wb") as file:
        file.writelines(stream(work))
    figures["first floor"] = measured("first-floor", work)
    if peers:
        figures |= _peers(work)
    figures["changed"] = min((_changed(work, seed) for seed in range(2, 5)), key=lambda run: run["seconds"])
    if peers:
        figures |= {f"{name}, 1 % changed": measured(name, work) for name in _available()}
    _print(count, figures)
    imported = imports.compare(work, count)
    imports.show(imported)
    figures |= {f"import {name}": run for name, run in imported.items()}
    figures |= {f"partial, {name}": run for name, run in compare(work).items()}
    return figures


def _changed(work: Path, seed: int) -> Figures:
    """
    Return the figures of a run that finds other documents changed with each seed.
    """
    change(work / "server.db", 0.01, seed=seed)
    return measured("audit", work)


def _available() -> list[str]:
    names = ["rewrite"]
    if importlib.util.find_spec("sqlite_diffable") is not None:
        names.append("diffable")
    return names


def _peers(work: Path) -> Figures:
    found: Figures = {}
    for name in _available():
        found[f"{name}, first"] = measured(name, work)
        found[f"{name}, nothing changed"] = measured(name, work)
    return found


def _ratio(name: str, value: float, floor: float) -> str:
    ratio = value / floor
    target = TARGETS.get(name)
    verdict = "" if target is None else f"  (target {target}: {'reached' if ratio <= target else 'MISSED'})"
    return f"  {name:<18}{value:>9.3f} s  = {ratio:5.2f} x floor {floor:.3f} s{verdict}"


def _print(count: int, figures: Figures) -> None:
    first, nothing, changed = figures["first"], figures["nothing"], figures["changed"]
    print(f"\n{count} documents asked for, {first['documents']} read, {figures['select']['rows']} rows")
    print(_ratio("window", nothing["window"], figures["select"]["seconds"]))
    print(_ratio("nothing changed", nothing["seconds"], figures["hash"]["seconds"]))
    print(_ratio("1 % changed", changed["seconds"], figures["hash"]["seconds"]))
    print(_ratio("first run", first["seconds"], figures["first floor"]["seconds"]))
    for name, run in (("first run", first), ("nothing changed", nothing), ("1 % changed", changed)):
        print(
            f"  {name:<18}CPU {run['cpu']:.2f} s own + {run['child_cpu']:.2f} s git; "
            f"peak {run['own_mb']:.0f} MB own, {run['child_mb']:.0f} MB git; {_phases(run)}"
        )
    per = {name: figures[name]["seconds"] / first["documents"] * 1e6 for name in ("first", "nothing", "changed")}
    print("  microseconds a document: " + ", ".join(f"{name} {value:.0f}" for name, value in per.items()))
    for name, run in figures.items():
        if name.startswith(("rewrite", "diffable")):
            print(f"  peer {name:<28}{run['seconds']:>9.3f} s")


def _phases(run: Figures) -> str:
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in run["phases"].items() if seconds >= 0.01)


def main() -> None:
    """
    Measure the sizes given (1000 10000 100000 if none).
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", type=int, default=[1000, 10000, 100000])
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--keep", type=Path, help="work here and keep it")
    arguments = parser.parse_args()
    root = arguments.keep or Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        for size in arguments.sizes:
            one_size(size, root / str(size), peers=not arguments.no_peers)
    finally:
        if arguments.keep is None:
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
