"""
Runs that are killed, at every step and at random moments, and runs whose world breaks: the next one must put all right.

`python -m torture.run --kills 2000` does more of the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from torture.arena import scratch
from torture.faults import FAULTS, Fault
from torture.run import STEPS, Torture, start

pytestmark = pytest.mark.slow
KILLS = 100
"""In each of two halves, which run beside each other."""


@pytest.fixture(scope="module")
def torture() -> Iterator[Torture]:
    with scratch() as root, ExitStack() as stack:
        yield start(stack, root, 1)


@pytest.mark.parametrize("seed", [1, 2])
def test_random_kills(seed: int) -> None:
    """
    Wherever the process is killed: HEAD is the old or the new state, git finds nothing broken, the next run succeeds by
    itself, no lock is left, maintenance mode is as it was found, and only what the server held was ever committed.
    """
    with scratch() as root, ExitStack() as stack:
        torture = start(stack, root, seed)
        while torture.done["random kills"] < KILLS:
            torture.random_kill(recovering=0.4)
        torture.recover()

        assert torture.arena.check_history() > KILLS / 10


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_a_step(torture: Torture, step: str) -> None:
    """
    The same holds for a kill at the beginning of each step, with and without the processes that it started.
    """
    for group in (False, True):
        torture.arena.next()
        torture.kill_at(step, group=group)
        torture.recover()


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_in_the_first_run(torture: Torture, step: str) -> None:
    """
    The same holds where there is no repository yet.
    """
    torture.arena.forget(remote=True)
    torture.arena.next()
    torture.kill_at(step, group=True)
    torture.recover()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault(torture: Torture, fault: Fault) -> None:
    """
    Whatever breaks around a run: nothing false is committed, and when it is mended the next run succeeds by itself.
    """
    for step in (fault.steps or STEPS)[1:3] or fault.steps:
        torture.strike(fault, step)
