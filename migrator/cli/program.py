"""
The program ``migrator``.
"""

from __future__ import annotations

from migrator.cli.options import COMMANDS
from migrator.command_line.program import Program

PROGRAM = Program(
    "migrator",
    "Move an Octopus Deploy server's configuration between its database and a tree of files.",
    COMMANDS,
)
