"""
The short form of the soak: a simulated week of a few servers. The long one is `python -m torture.soak`.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from torture.arena import scratch
from torture.soak import soak, start


@pytest.mark.slow
def test_a_week_of_edits_and_faults() -> None:
    """
    After edits, kills and faults in one run of five, every HEAD is a fresh export, every edit is in one commit, and
    memory and open files are flat.
    """
    with scratch() as root, ExitStack() as stack:
        figures = soak(start(stack, root, 4, seed=11), runs=8, hours=168)

    assert figures["servers"] == 4
    assert figures["runs disturbed"] >= 4
    assert figures["edits, each in one commit"] >= 15
