"""
The program ``migrator``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from migrator.cli.options import COMMANDS
from migrator.command_line.program import Program

PROGRAM = Program(
    "migrator",
    "Move an Octopus Deploy server's configuration between its database and a tree of files.",
    COMMANDS,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command line and return its exit code: 0 success, 1 failure, 2 wrong usage, 130 interrupted.
    """
    return PROGRAM.start(arguments)


if __name__ == "__main__":
    sys.exit(main())
