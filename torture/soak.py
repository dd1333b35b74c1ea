"""
A week in minutes: ``python -m torture.soak --servers 50`` audits many servers over simulated time, under faults.

Runs go through one process as in the daemon, a bounded number at once; time is handed to them, nobody waits for it. At
the end every repository must hold a fresh export, every edit one commit, and memory and open files must be flat.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil
import structlog

from auditor.audit import RunOptions, audit
from auditor.demo.edits import random_edit
from auditor.demo.stub import RestStub
from auditor.result import AuditResult
from auditor.settings import ServerSettings
from auditor.world import Tools
from tests.support.audits import API_KEY, bare, exported_tree, git
from tests.support.program import cheapen
from tests.support.servers import KEY, SampleServer
from tests.support.templates import small
from torture.arena import Arena, Broken, Runner, in_environment, scratch, settings_of
from torture.faults import FAULTS
from torture.run import STEPS
from torture.zygote import Hurried

START = datetime(2026, 3, 1, tzinfo=UTC)
AT_ONCE = 4
FAULTY = 0.2
_MARKER = re.compile(r"edit-\d+\.\d+")
_FLAT_BYTES = 24 << 20


@dataclass
class Soaked(Arena):
    """
    One server of the soak; its database goes on from edit to edit.
    """

    number: int = 0
    edits: int = 0
    clock: datetime = START

    def serve(self, index: int, *, found_on: bool | None = False) -> None:
        """
        Put the database back as it was before a fault.
        """
        shutil.copyfile(self.root / "safe.db", self.root / "fresh.db")
        (self.root / "fresh.db").replace(self.database)

    def edit(self) -> None:
        """
        Make an edit with a mark of its own, and now and then another.
        """
        self.edits += 1
        server, place = SampleServer(self.database), f"Environments-{self.rng.randint(1, 3)}"
        mark = f"edit-{self.number}.{self.edits}"
        server.edit(
            "DeploymentEnvironment", place, lambda body: body.update(Description=f"{body.get('Description')} {mark}")
        )
        if self.rng.random() < 0.5:
            random_edit(self.database, KEY, self.rng)


@dataclass
class Soak:
    """
    All servers, the zygotes for what only a process of its own can suffer, and the counts.
    """

    servers: list[Soaked]
    runners: SimpleQueue[Runner]
    done: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tick(self, server: Soaked, interval: timedelta) -> None:
        """
        Let time go on for one server: perhaps an edit, perhaps a fault, and a run.
        """
        server.clock += interval
        if server.rng.random() < 0.02:
            server.clock -= timedelta(hours=1)
        if server.rng.random() < 0.6:
            server.edit()
        if server.rng.random() < FAULTY:
            self._disturbed(server)
        else:
            result = run(server)
            self._count(f"runs {result.outcome}")

    def _disturbed(self, server: Soaked) -> None:
        kind = "kill" if server.rng.random() < 0.3 else server.rng.choice(FAULTS)
        self._count("runs disturbed")
        if isinstance(kind, str) or kind.order:
            order = {} if isinstance(kind, str) else dict(kind.order)
            runner = self.runners.get()
            try:
                after = None if order else server.rng.random() * 0.6
                ended = runner.run(server.order(**order), kill_after=after, group=server.rng.random() < 0.5)
            finally:
                self.runners.put(runner)
            self._count(
                "runs killed" if ended.signal else "runs on a full disk" if order else "runs quicker than a kill"
            )
            return
        shutil.copyfile(server.database, server.root / "safe.db")
        mends: list[Callable[[], object]] = []
        at = server.rng.choice(kind.steps or STEPS)

        def step(name: str) -> None:
            if name == at and not mends:
                mends.append(kind.strike(server))

        try:
            self._count(f"runs with a fault {run(server, step=step).outcome}")
        finally:
            for mend in mends:
                mend()

    def _count(self, name: str) -> None:
        with self.lock:
            self.done[name] += 1


def run(server: Soaked, *, step: Callable[[str], None] = lambda name: None, full: bool = False) -> AuditResult:
    """
    Audit a server at its own time.
    """
    tools = Tools(Hurried(), now=lambda: server.clock, step=step, log=structlog.testing.CapturingLogger())
    settings = ServerSettings.model_validate(server.settings)
    return audit(f"server-{server.number}", settings, server.folder, tools, RunOptions(full=full))


def check(server: Soaked) -> int:
    """
    Raise unless the repository holds a fresh export and each edit is in one commit; return the number of commits.
    """
    result = run(server, full=True)
    if result.error or result.outcome not in ("changed", "unchanged"):
        raise Broken(f"the last run did not succeed: {result}")
    if server.head_tree() != exported_tree(SampleServer(server.database), server.root):
        raise Broken(f"server {server.number}: HEAD is not a fresh export")
    if server.stub.in_maintenance or server.locks() or server.folder.journal.exists():
        raise Broken(f"server {server.number}: maintenance mode or locks were left: {server.locks()}")
    server.fsck(server.repository)
    if git(server.remote, "rev-parse", "main") != git(server.repository, "rev-parse", "main"):
        raise Broken(f"server {server.number}: the remote does not have HEAD")
    seen = marks_by_commit(server.repository)
    wanted = {f"edit-{server.number}.{number}" for number in range(1, server.edits + 1)}
    wrong = {mark: seen[mark] for mark in wanted if seen[mark] != 1}
    if wrong:
        raise Broken(f"edits that are not in exactly one commit: {wrong}")
    return int(git(server.repository, "rev-list", "--count", "main"))


def marks_by_commit(repository: Path) -> Counter[str]:
    """
    Return in how many commits of the branch each mark appears for the first time, against the commit before.
    """
    log = git(repository, "log", "-p", "-m", "--first-parent", "--unified=0", "--format=%x00", "main")
    found: Counter[str] = Counter()
    for commit in log.split("\0"):
        lines = commit.splitlines()
        added = {mark for line in lines if line.startswith("+") for mark in _MARKER.findall(line)}
        found.update(added - {mark for line in lines if line.startswith("-") for mark in _MARKER.findall(line)})
    return found


def start(stack: ExitStack, root: Path, count: int, seed: int) -> Soak:
    """
    Return *count* servers below *root*, each audited once; *stack* ends them.
    """
    cheapen()
    stack.enter_context(in_environment())
    servers = []
    for number in range(count):
        place = root / f"server-{number}"
        place.mkdir()
        stub = stack.enter_context(RestStub(API_KEY))
        server = Soaked(place, stub, random.Random(seed + number), number=number)
        server.settings = settings_of(server, remote=True)
        bare(server.remote)
        small(server.database)
        if (first := run(server)).error:
            raise Broken(f"the first run failed: {first.error}")
        servers.append(server)
    runners: SimpleQueue[Runner] = SimpleQueue()
    for _ in range(2):
        runners.put(stack.enter_context(Runner()))
    return Soak(servers, runners)


def soak(soak: Soak, runs: int, hours: float) -> dict[str, Any]:
    """
    Let *hours* go by in *runs* runs of each server, check all, and return the figures.

    Raises:
        Broken: something that must hold does not.
    """
    process, interval = psutil.Process(), timedelta(hours=hours / runs)
    memory: list[int] = []
    files: list[int] = []
    begun = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(runs):
            for done in [pool.submit(soak.tick, server, interval) for server in soak.servers]:
                done.result()
            memory.append(process.memory_info().rss)
            files.append(process.num_fds())
            if number % 20 == 19:
                print(f"{number + 1} of {runs} rounds, {time.monotonic() - begun:.0f} s", flush=True)
        commits = sum(pool.map(check, soak.servers))
    third = max(1, runs // 3)
    early, late = max(memory[: 2 * third]), max(memory[2 * third :])
    if late > early + _FLAT_BYTES:
        raise Broken(f"memory is not flat: {early >> 20} MiB, then {late >> 20} MiB")
    if min(files[2 * third :]) > min(files[: 2 * third]):
        raise Broken(f"open files are not flat: {files}")
    edits = sum(server.edits for server in soak.servers)
    return {
        "servers": len(soak.servers),
        "simulated hours": hours,
        **dict(sorted(soak.done.items())),
        "edits, each in one commit": edits,
        "commits": commits,
        "memory early, late (MiB)": f"{early >> 20}, {late >> 20}",
        "open files first, last": f"{files[0]}, {files[-1]}",
        "seconds": round(time.monotonic() - begun),
    }


def main(arguments: list[str] | None = None) -> None:
    """
    Do what the command line says and print a summary; exit with 1 at the first breach.
    """
    parser = argparse.ArgumentParser(prog="python -m torture.soak", description=__doc__)
    parser.add_argument("--servers", type=int, default=50)
    parser.add_argument("--runs", type=int, default=24, help="runs of each server, spread over the time (default 24)")
    parser.add_argument("--hours", type=float, default=168, help="simulated time (default a week)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    with scratch() as root, ExitStack() as stack:
        try:
            figures = soak(start(stack, root, options.servers, options.seed), options.runs, options.hours)
        except Broken as broken:
            print(f"BROKEN: {broken}")
            sys.exit(1)
        for name, value in figures.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
