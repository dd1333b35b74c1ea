"""
Where the program ``migrator`` begins: imports come after the first moment at which somebody may interrupt it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command line and return its exit code: 0 success, 1 failure, 2 wrong usage, 130 interrupted.
    """
    try:
        from migrator.cli.program import PROGRAM
    except KeyboardInterrupt:
        sys.stderr.write("migrator: interrupted\n")
        return 130
    return PROGRAM.start(arguments)


if __name__ == "__main__":
    sys.exit(main())
