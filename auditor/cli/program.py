"""
The program ``auditor``.
"""

from __future__ import annotations

from auditor.cli.options import COMMANDS
from migrator.command_line.program import Program

PROGRAM = Program("auditor", "Keep an Octopus Deploy server's configuration history in git.", COMMANDS)
