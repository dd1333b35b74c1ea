"""
Do the tests notice? ``python -m torture.mutate --places 200`` changes the core at random places, one at a time.

Each change is made in a copy of the project, so that nothing has to be put back here, whatever happens. The tests that
mirror the changed file judge it first, then its package's and those of the whole project. What changes may be made is
in ``mutants``; changes that no test can notice stand with their reasons in ``equivalent.toml``.
"""

from __future__ import annotations

import argparse
import compileall
import os
import py_compile
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from torture.arena import scratch
from torture.mutants import Mutant, mutants

ROOT = Path(__file__).parents[1]
PACKAGES = ("migrator", "auditor")
NOT_THE_CORE = ("cli", "demo")
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
LIMIT_OF_MIRROR = 300.0
MIRROR, PACKAGE, TIME, SURVIVED = "caught by its mirror", "caught by its package", "ran out of time", "survived"


Item = TypeVar("Item")
Result = TypeVar("Result")


class Unfit(Exception):
    """
    The tests cannot judge: they fail without a change, or judge something else than the copy.
    """


@dataclass
class Copy:
    """
    A copy of the project in which changes are judged, one after another.
    """

    folder: Path
    processes: set[subprocess.Popen[str]]
    """Shared by all copies, so that an interruption ends them all."""
    failed: str = ""
    """The test that failed last."""

    @contextmanager
    def changed(self, mutant: Mutant) -> Iterator[None]:
        """
        Make a change for the time of the block.
        """
        file = self.folder / mutant.path
        source = file.read_bytes()
        try:
            file.write_bytes(mutant.applied(source))
            yield
        finally:
            file.write_bytes(source)

    def passes(self, tests: list[str], limit: float) -> bool:
        """
        Return whether tests pass; ``failed`` names the first that does not, empty if there was no test to blame.

        Raises:
            TimeoutError: they did not end in time.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "--hypothesis-seed=0", *tests],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder), "TMPDIR": str(self.folder.parent)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.processes.add(process)
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{' '.join(tests)} took longer than {limit:.0f} s") from None
        finally:
            end(process)
            self.processes.discard(process)
        blamed = re.search(r"^(?:FAILED|ERROR) (\S+::.*?)(?: - .*)?$", said, re.MULTILINE)
        self.failed = blamed[1] if blamed else ""
        # 5: nothing was collected.
        return process.returncode in (0, 5)


def end(process: subprocess.Popen[str]) -> None:
    """
    End a run of tests with everything that it started.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class Judge:
    """
    Judges changes in the project at ``root``, each in its turn in one of ``copies``.
    """

    root: Path
    copies: SimpleQueue[Copy] = field(default_factory=SimpleQueue)
    processes: set[subprocess.Popen[str]] = field(default_factory=set)
    limits: dict[str, float] = field(default_factory=dict)
    """How long a package's tests may take, in seconds."""

    def prepare(self, folder: Path, copies: int) -> None:
        """
        Make the copies below *folder*.

        Raises:
            Unfit: what a copy's tests would judge is not the copy.
        """
        for number in range(copies):
            copy = Copy(folder / str(number) / "project", self.processes)
            copy_project(self.root, copy.folder)
            # By content: two changes of one length within one tick of the clock must not be taken for each other.
            mode = py_compile.PycInvalidationMode.CHECKED_HASH
            for package in PACKAGES:
                compileall.compile_dir(copy.folder / package, quiet=2, invalidation_mode=mode)
            self.copies.put(copy)
        script = "import importlib; print(*(importlib.import_module(name).__file__ for name in " + repr(PACKAGES) + "))"
        found = subprocess.run(
            [sys.executable, "-c", script],
            cwd=copy.folder,
            env=os.environ | {"PYTHONPATH": str(copy.folder)},
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        if [Path(path).resolve() for path in found] != [(copy.folder / p / "__init__.py").resolve() for p in PACKAGES]:
            raise Unfit(f"the tests would judge {found}, not the copies in {folder}")

    def look(self, package: str) -> None:
        """
        Let the unchanged tests of a package run, and take the measure of their time.

        Raises:
            Unfit: they fail.
        """
        copy = self.copies.get()
        begun = time.monotonic()
        try:
            if not copy.passes(tests_of_package(package), 3600):
                raise Unfit(f"without a change {copy.failed or f'the tests of {package}'} fails")
            self.limits[package] = 60 + 4 * (time.monotonic() - begun)
        finally:
            self.copies.put(copy)

    def judge(self, mutant: Mutant) -> str:
        """
        Return how the tests take a change.
        """
        copy = self.copies.get()
        package = mutant.path.partition("/")[0]
        limit = self.limits[package]
        try:
            with copy.changed(mutant):
                mirror = mirrors(copy.folder, mutant.path)
                if mirror and not copy.passes(mirror, min(limit, LIMIT_OF_MIRROR)):
                    return MIRROR
                left_out: list[str] = []
                while not copy.passes([*tests_of_package(package), *left_out], limit):
                    blamed = copy.failed
                    # Under load a test may fail by itself: only what fails again has noticed something.
                    if not blamed or not copy.passes([blamed], limit):
                        return PACKAGE
                    left_out += ["--deselect", blamed]
                return SURVIVED
        except TimeoutError:
            return TIME
        finally:
            self.copies.put(copy)

    def at_once(
        self, jobs: int, work: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Result]]:
        """
        Yield each item with what *work* made of it, as they are ready; whoever stops listening ends what runs.
        """
        with ThreadPoolExecutor(jobs) as pool:
            futures = {pool.submit(work, item): item for item in items}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                self.close()

    def close(self) -> None:
        """
        End all tests that run.
        """
        for process in list(self.processes):
            end(process)


def copy_project(root: Path, folder: Path) -> None:
    """
    Copy what git knows or would take of a project, as it stands in its working tree.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        # What was deleted and not committed yet is still listed.
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)


def core(root: Path) -> list[str]:
    """
    Return the files that are changed: both programs without their command lines and the embedded server.
    """
    paths = [path.relative_to(root) for package in PACKAGES for path in (root / package).rglob("*.py")]
    return sorted(path.as_posix() for path in paths if path.parts[1] not in NOT_THE_CORE)


def mirrors(root: Path, path: str) -> list[str]:
    """
    Return the tests that mirror a file: those of its name, else those of its room (none: the room is the package).
    """
    file = Path(path)
    room = Path("tests") / file.parent
    named = [] if file.stem == "__init__" else sorted((root / room).glob(f"test_{file.stem}*.py"))
    if named:
        return [item.relative_to(root).as_posix() for item in named]
    return [room.as_posix()] if len(file.parts) > 2 and (root / room).is_dir() else []


def tests_of_package(package: str) -> list[str]:
    """
    Return pytest's words for a package's tests and those of the project as a whole.
    """
    return ["tests", *(f"--ignore=tests/{other}" for other in PACKAGES if other != package)]


def equivalents(path: Path = EQUIVALENT) -> list[dict[str, str]]:
    """
    Return the changes that no test can notice: path, code, kind, old, new and the reason.
    """
    entries: list[dict[str, str]] = tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", [])
    return entries


def is_equivalent(mutant: Mutant, entries: list[dict[str, str]]) -> bool:
    """
    Return whether a change stands in the list of those that no test can notice.
    """
    names = ("path", "code", "kind", "old", "new")
    return any(all(getattr(mutant, name) == entry[name] for name in names) for entry in entries)


def places(root: Path, only: tuple[str, ...] = ()) -> list[Mutant]:
    """
    Return all changes that are worth a try, or those of files that begin with one of *only*.
    """
    entries = equivalents()
    files = [path for path in core(root) if not only or path.startswith(only)]
    found = [mutant for path in files for mutant in mutants(path, (root / path).read_bytes())]
    return [mutant for mutant in found if not is_equivalent(mutant, entries)]


def main(arguments: list[str] | None = None) -> int:
    """
    Do what the command line says; return 1 if fewer changes were noticed than the goal asks for.
    """
    parser = argparse.ArgumentParser(prog="python -m torture.mutate", description=__doc__)
    parser.add_argument("--places", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once (default: all cores)")
    parser.add_argument("--only", nargs="*", default=(), metavar="PATH", help="files that begin so")
    parser.add_argument("--goal", type=float, default=95, help="how many per cent are enough (default 95)")
    parser.add_argument("--list", action="store_true", help="show the changes and make none")
    options = parser.parse_args(arguments)
    # As an error, so that copies and children are gone at the end.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    found = places(ROOT, tuple(options.only))
    chosen = random.Random(options.seed).sample(found, min(options.places, len(found)))
    print(f"seed {options.seed}: {len(chosen)} of {len(found)} changes", flush=True)
    if options.list:
        print(*chosen, sep="\n")
        return 0
    with scratch(f"mutate-{os.getpid()}-") as folder:
        judge = Judge(ROOT)
        try:
            judge.prepare(folder, options.jobs)
            packages = sorted({mutant.path.partition("/")[0] for mutant in chosen})
            list(judge.at_once(options.jobs, judge.look, packages))
            verdicts = []
            for mutant, how in judge.at_once(options.jobs, judge.judge, chosen):
                verdicts.append((mutant, how))
                print(f"[{len(verdicts)}/{len(chosen)}] {how}: {mutant}", flush=True)
        except Unfit as unfit:
            print(unfit)
            return 2
        finally:
            judge.close()
    return told(verdicts, options.goal)


def told(verdicts: list[tuple[Mutant, str]], goal: float) -> int:
    """
    Print the survivors and the rate; return 1 if it is below the goal.
    """
    counted = Counter(how for _, how in verdicts)
    survivors = sorted(mutant for mutant, how in verdicts if how == SURVIVED)
    rate = 100 * (1 - len(survivors) / len(verdicts)) if verdicts else 100.0
    print(*(f"{how}: {count}" for how, count in counted.most_common()), sep="\n")
    print(*(f"survived: {mutant}" for mutant in survivors), sep="\n")
    print(f"noticed: {rate:.1f} % of {len(verdicts)} (goal {goal:g} %)")
    return int(rate < goal)


if __name__ == "__main__":
    sys.exit(main())
