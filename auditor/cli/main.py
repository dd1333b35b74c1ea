"""
The program ``auditor``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from auditor.cli.options import COMMANDS
from migrator.command_line.program import Program

PROGRAM = Program("auditor", "Keep an Octopus Deploy server's configuration history in git.", COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command line and return its exit code: 0 success, 1 failure, 2 wrong usage or configuration.
    """
    return PROGRAM.start(arguments)


if __name__ == "__main__":
    sys.exit(main())
