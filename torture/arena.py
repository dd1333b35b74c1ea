"""
One server under torture: database states with the trees they must give, a stub, repositories; runs, and what must hold.

How a run is disturbed is told by the caller (``faults``, ``run``).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from auditor.demo.edits import random_edit
from auditor.demo.stub import RestStub
from auditor.state_folder import LOCK, StateFolder
from tests.support.audits import API_KEY, FOREIGN, bare, exported_tree, git
from tests.support.program import cheapen
from tests.support.servers import KEY, KEY_TEXT, PASSWORD, SampleServer
from tests.support.templates import small

STATES = 5
ENVIRONMENT = {"TORTURE_KEY": KEY_TEXT, "TORTURE_PASSWORD": PASSWORD, "TORTURE_API_KEY": API_KEY}
ROOT = Path(__file__).parents[1]


@contextmanager
def scratch(prefix: str = "torture-") -> Iterator[Path]:
    """
    Yield a folder, in memory where there is one: syncing to a disk would be most of the time, and proves nothing here.
    """
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix=prefix, dir=memory if os.access(memory, os.W_OK) else None) as root:
        yield Path(root)


class Broken(AssertionError):
    """
    Something that must always hold does not.
    """


@dataclass(frozen=True)
class Outcome:
    """
    How a run ended: the signal that killed it, or its result.
    """

    signal: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ()


class Runner:
    """
    A zygote and the orders to it; close it or use it in a ``with`` block.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "torture.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=os.environ | ENVIRONMENT,
            bufsize=0,
        )

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def run(
        self,
        order: dict[str, Any],
        *,
        kill_after: float | None = None,
        group: bool = False,
        on_step: Callable[[str, int], bool] | None = None,
    ) -> Outcome:
        """
        Run an audit; kill it after so many seconds, or when *on_step* says so of a step. *group*: its children too.

        Raises:
            Broken: the audit ended with a bug.
        """
        self._send({**order, "steps": on_step is not None})
        pid = int(self._line()["pid"])
        timer = threading.Timer(kill_after, _kill, (pid, group)) if kill_after is not None else None
        if timer:
            timer.start()
        result: dict[str, Any] = {}
        steps: list[str] = []
        while "ended" not in (line := self._line()):
            if "bug" in line:
                result = {"bug": line["bug"]}
            elif "result" in line:
                result = line["result"]
            else:
                steps.append(line["step"])
                assert on_step is not None
                if on_step(line["step"], pid):
                    _kill(pid, group)
                else:
                    self._send({})
        if timer:
            timer.cancel()
            timer.join()
        if "bug" in result:
            raise Broken(f"a run ended with a bug: {result['bug']} (after {steps[-1:]})")
        return Outcome(line["ended"] & 0x7F, result, tuple(steps))

    def warm(self, order: dict[str, Any]) -> Outcome:
        """
        Run an audit in the zygote itself, so that its forks find everything loaded.
        """
        self._send({**order, "warm": True})
        result = self._line()["result"]
        self._line()
        return Outcome(0, result)

    def _send(self, value: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value).encode() + b"\n")

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        value: dict[str, Any] = json.loads(self._process.stdout.readline())
        return value


def _kill(pid: int, group: bool) -> None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if group:
            # Held meanwhile, so that all end as in one moment: it must not see its children die.
            process.suspend()
            for child in process.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        process.kill()


@dataclass
class Arena:
    """
    The server: ``states`` are whole databases, ``trees`` what each must give, ``now`` which one the server holds.
    """

    root: Path
    stub: RestStub
    rng: random.Random
    states: list[Path] = field(default_factory=list)
    trees: list[str] = field(default_factory=list)
    now: int = 0
    found_on: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    forgotten: int = 0
    """How many commits were checked and then taken away with the remote."""

    @property
    def database(self) -> Path:
        return self.root / "server.db"

    @property
    def repository(self) -> Path:
        return self.root / "repository.git"

    @property
    def remote(self) -> Path:
        return self.root / "remote.git"

    @property
    def folder(self) -> StateFolder:
        return StateFolder(self.root / "state")

    def order(self, **more: Any) -> dict[str, Any]:
        """
        Return the order for one run.
        """
        return {"settings": self.settings, "folder": str(self.folder.path), **more}

    def serve(self, index: int, *, found_on: bool | None = False) -> None:
        """
        Make the server hold another state, and be in maintenance mode or not when the next run comes (``None``: as is).
        """
        self.now = index
        fresh = self.root / "fresh.db"
        shutil.copyfile(self.states[index], fresh)
        fresh.replace(self.database)
        if found_on is not None:
            self.set_maintenance(found_on)

    def next(self, *, found_on: bool | None = False) -> None:
        """
        Let the server go on to the next state.
        """
        self.serve((self.now + 1) % len(self.states), found_on=found_on)

    def set_maintenance(self, on: bool) -> None:
        """
        Switch as an administrator does.
        """
        self.found_on = on
        self.stub.in_maintenance = on

    def head_tree(self) -> str | None:
        """
        Return the id of HEAD's tree, ``None`` without a commit.
        """
        if not (self.repository / "HEAD").exists():
            return None
        return git(self.repository, "rev-parse", "--verify", "--quiet", "main^{tree}", check=False) or None

    def remote_tree(self) -> str | None:
        """
        Return the id of the remote's tree, ``None`` without a commit.
        """
        return git(self.remote, "rev-parse", "--verify", "--quiet", "main^{tree}", check=False) or None

    def forget(self, *, remote: bool) -> None:
        """
        Take the local repository away, as a person might; and the remote too. What it held is checked first.
        """
        checked = self.check_history()
        if remote:
            self.forgotten = checked
        shutil.rmtree(self.repository, ignore_errors=True)
        if remote:
            shutil.rmtree(self.remote, ignore_errors=True)
            bare(self.remote)

    def check_after_fault(self, before: str | None) -> None:
        """
        What must hold at once: HEAD is the old state (the remote's, where it was taken over) or the new one, and whole.
        """
        tree = self.head_tree()
        old = (before,) if before is not None else (None, self.remote_tree())
        if tree not in (*old, self.trees[self.now]):
            raise Broken(f"HEAD's tree is {tree}, neither the old {before} nor the new {self.trees[self.now]}")
        if tree is not None:
            self.fsck(self.repository)

    def fsck(self, repository: Path) -> None:
        """
        Raise unless git finds a repository whole.
        """
        done = subprocess.run(
            ["git", "fsck", "--full", "--strict", "--no-dangling", "--no-progress"],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Broken(f"git fsck: {done.stdout}{done.stderr}")

    def check_recovered(self, outcome: Outcome, *, pushed: bool = True) -> None:
        """
        What must hold after the next run: it succeeded by itself and left everything as it should be.
        """
        result = outcome.result
        if outcome.signal or result["outcome"] not in ("changed", "unchanged") or result["error"]:
            raise Broken(f"the next run did not succeed: signal {outcome.signal}, {result}")
        if self.head_tree() != self.trees[self.now]:
            raise Broken(f"HEAD's tree is {self.head_tree()}, not {self.trees[self.now]}")
        if self.stub.in_maintenance is not self.found_on:
            raise Broken(f"maintenance mode was found {self.found_on} and left {self.stub.in_maintenance}")
        if self.folder.journal.exists():
            raise Broken("the journal says that the window is open")
        if locks := self.locks():
            raise Broken(f"locks were left: {locks}")
        self.fsck(self.repository)
        if pushed and git(self.remote, "rev-parse", "main") != git(self.repository, "rev-parse", "main"):
            raise Broken("the remote does not have HEAD")

    def locks(self) -> list[str]:
        """
        Return the lock files and half-written files that stand in the repository.
        """
        patterns = ("**/*.lock", "**/tmp_*", "**/.tmp-*", "fast_import_crash_*")
        found = [path.name for pattern in patterns for path in self.repository.glob(pattern)]
        return [name for name in found if name != LOCK]

    def check_history(self) -> int:
        """
        Raise unless each of our commits is a tree that the server held and not its parent's; return how many so far.
        """
        log = git(self.repository, "log", "--format=%H|%T|%P|%cn", "main") if self.head_tree() else ""
        commits = [line.split("|") for line in log.splitlines()]
        trees = {commit: tree for commit, tree, _, _ in commits}
        ours = [(tree, parents.split()) for _, tree, parents, committer in commits if committer != FOREIGN]
        for tree, parents in ours:
            if tree not in self.trees:
                raise Broken(f"the tree {tree} was committed, but the server never held it")
            if [trees[parent] for parent in parents] == [tree]:
                raise Broken(f"a commit without a change: {tree}")
        return self.forgotten + len(ours)


def build(root: Path, stub: RestStub, seed: int, *, remote: bool = True, states: int = STATES) -> Arena:
    """
    Make an arena below *root*: a small database in several states, each a few edits after the one before.
    """
    cheapen()
    rng = random.Random(seed)
    arena = Arena(root, stub, rng)
    arena.settings = settings_of(arena, remote=remote)
    if remote:
        bare(arena.remote)
    working = root / "working.db"
    small(working)
    for number in range(states):
        for _ in range(rng.randint(1, 3) if number else 0):
            random_edit(working, KEY, rng)
        arena.states.append(Path(shutil.copyfile(working, root / f"state-{number}.db")))
        arena.trees.append(exported_tree(SampleServer(working), root))
    arena.serve(0)
    return arena


@contextmanager
def in_environment() -> Iterator[None]:
    """
    Put the secrets of all arenas into this process's environment.
    """
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name in ENVIRONMENT:
            os.environ.pop(name, None)


def settings_of(arena: Arena, *, remote: bool) -> dict[str, Any]:
    """
    Return the settings of an arena's server.
    """
    repository: dict[str, Any] = {"path": str(arena.repository)}
    if remote:
        repository["remote"] = str(arena.remote)
    return {
        "database": f"sqlite:///{arena.database}",
        "master_key": "env:TORTURE_KEY",
        "url": arena.stub.url,
        "api_key": "env:TORTURE_API_KEY",
        "export": {"password": "env:TORTURE_PASSWORD"},
        "maintenance": {"request_timeout": 1, "release_limit": 1},
        "repository": repository,
    }
