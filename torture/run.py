"""
Kills and faults by number: ``python -m torture.run --kills 2000`` prints what was done and stops at the first breach.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from auditor.demo.stub import RestStub
from tests.support.audits import API_KEY
from torture.arena import Arena, Broken, Outcome, Runner, build, scratch
from torture.faults import FAULTS, Fault

STEPS = (
    *("release", "repository", "look", "probe", "read", "window-open", "window-closed", "compare", "render"),
    *("files-written", "commit", "commit-made", "branch-moved", "push"),
)
"""Every step of a run that commits and pushes."""


@dataclass
class Torture:
    """
    An arena with its zygote, and the count of what was done to it.
    """

    arena: Arena
    runner: Runner
    done: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.5
    hurt: bool = False
    """Whether the last run was killed, and none came since."""

    def recover(self, fault: str = "") -> Outcome:
        """
        Let the next run come, and check that it succeeds by itself.
        """
        outcome = self.runner.run(self.arena.order())
        self.arena.check_recovered(outcome)
        self.done["recoveries"] += 1
        return outcome

    def kill_at(self, step: str, *, group: bool) -> None:
        """
        Kill a run at the beginning of a step.
        """
        before = self.arena.head_tree()
        outcome = self.runner.run(self.arena.order(), on_step=lambda name, pid: name == step, group=group)
        if not outcome.signal:
            raise Broken(f"the run has no step {step}: {outcome.steps}")
        self.done["kills at a boundary"] += 1
        self._look(before)

    def kill_after(self, seconds: float, *, group: bool) -> None:
        """
        Kill a run at a moment.
        """
        before = self.arena.head_tree()
        outcome = self.runner.run(self.arena.order(), kill_after=seconds, group=group)
        self.done["random kills" if outcome.signal else "runs that were quicker"] += 1
        self._look(before)

    def _look(self, before: str | None) -> None:
        self.arena.check_after_fault(before)
        if self.arena.head_tree() != before:
            self.done["of these, new state committed"] += 1
        if self.arena.stub.in_maintenance and not self.arena.found_on:
            self.done["of these, window left open"] += 1

    def measure(self) -> None:
        """
        Measure how long a run with changes takes.
        """
        self.arena.next()
        start = time.monotonic()
        self.recover()
        self.seconds = time.monotonic() - start

    def random_kill(self, recovering: float = 1) -> None:
        """
        Kill a run at a random moment, in a random situation; *recovering* is the share of kills that no other follows.
        """
        arena, rng = self.arena, self.arena.rng
        if rng.random() < 0.08:
            arena.forget(remote=rng.random() < 0.5)
        # What a killed run left on is not to be confused with what an administrator switched on.
        arena.next(found_on=None if self.hurt else rng.random() < 0.2)
        self.kill_after(rng.random() * self.seconds, group=rng.random() < 0.5)
        self.hurt = rng.random() >= recovering
        if not self.hurt:
            self.recover()

    def strike(self, fault: Fault, step: str) -> None:
        """
        Let a fault strike at a step of a run, mend it, and let the next run come.
        """
        self.arena.next()
        before = self.arena.head_tree()
        mends = []

        def on_step(name: str, pid: int) -> bool:
            if name == step and not mends:
                mends.append(fault.strike(self.arena))
            return False

        try:
            self.runner.run(self.arena.order(**dict(fault.order)), on_step=on_step)
            self.arena.check_after_fault(before)
        except Broken as broken:
            raise Broken(f"{fault.name}, at {step}: {broken}") from None
        finally:
            for mend in mends:
                mend()
        self.done["faults"] += 1
        try:
            # Full, since only then the remote is asked although there is nothing to push.
            self.arena.check_recovered(self.runner.run(self.arena.order(full=True)))
        except Broken as broken:
            raise Broken(f"after {fault.name}, at {step}: {broken}") from None
        self.done["recoveries"] += 1


def start(stack: ExitStack, root: Path, seed: int, *, remote: bool = True) -> Torture:
    """
    Return a warm torture chamber below *root*; *stack* ends it.
    """
    stub = stack.enter_context(RestStub(API_KEY))
    runner = stack.enter_context(Runner())
    arena = build(root, stub, seed, remote=remote)
    torture = Torture(arena, runner)
    arena.check_recovered(runner.warm(arena.order()))
    torture.measure()
    return torture


def every_boundary(torture: Torture) -> None:
    """
    Kill at every step, of the process alone and with its children, of the very first run and of a later one.
    """
    for step in STEPS:
        for group in (False, True):
            torture.arena.next()
            torture.kill_at(step, group=group)
            torture.recover()
        torture.arena.forget(remote=True)
        torture.arena.next()
        torture.kill_at(step, group=False)
        torture.recover()


def every_fault(torture: Torture, faults: tuple[Fault, ...] = FAULTS) -> None:
    """
    Let every fault strike at every step.
    """
    for fault in faults:
        for step in fault.steps or STEPS:
            torture.strike(fault, step)


def random_fault(torture: Torture) -> None:
    """
    Let a random fault strike at a random step of a run.
    """
    fault = torture.arena.rng.choice(FAULTS)
    torture.strike(fault, torture.arena.rng.choice(fault.steps or STEPS))


def main(arguments: list[str] | None = None) -> None:
    """
    Do what the command line says and print a summary; exit with 1 at the first breach.
    """
    parser = argparse.ArgumentParser(prog="python -m torture.run", description=__doc__)
    parser.add_argument("--kills", type=int, default=2000, help="how many random kills (default 2000)")
    parser.add_argument("--faults", type=int, default=0, help="how many random faults beside every one once")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--no-faults", action="store_true", help="kills only")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    begun = time.monotonic()
    with scratch() as root, ExitStack() as stack:
        torture = start(stack, root, options.seed)
        try:
            every_boundary(torture)
            if not options.no_faults:
                every_fault(torture)
            for number in range(options.kills):
                torture.random_kill()
                if number % 100 == 99:
                    print(f"{number + 1} random kills, {time.monotonic() - begun:.0f} s", flush=True)
            for number in range(options.faults):
                random_fault(torture)
                if number % 100 == 99:
                    print(f"{number + 1} random faults, {time.monotonic() - begun:.0f} s", flush=True)
        except Broken as broken:
            print(f"BROKEN: {broken}")
            sys.exit(1)
        finally:
            for name, count in torture.done.items():
                print(f"{count:6d} {name}")
        print(f"{torture.arena.check_history():6d} commits in the history, each a state that the server held")
    print(f"all held, in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
