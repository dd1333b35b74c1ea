"""
A program as a child process, with keys that cost next to nothing: ``python -m tests.support.program MODULE WORDS``.

scrypt would be half of the time of all runs, and its strength is tried where it belongs (``secrets/test_ciphers``).
"""

from __future__ import annotations

import runpy
import sys

from migrator.secrets import ciphers

CHEAP = 16
"""scrypt's N in all tests that are not about it."""


def cheapen() -> None:
    """
    Derive keys at next to no cost in this process from now on.
    """
    ciphers.COST = CHEAP


def child(module: str, *words: str) -> list[str]:
    """
    Return the command that runs a module as a child.
    """
    return [sys.executable, "-m", "tests.support.program", module, *words]


if __name__ == "__main__":
    cheapen()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
