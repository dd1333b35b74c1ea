"""
The command ``auditor demo``: how the demonstration looks on a terminal and elsewhere.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax

from auditor import logs
from auditor.demo.show import Talk, demonstrate


def demo(directory: Path, server_version: str) -> None:
    """
    Show the whole main job on an embedded server, then say where to look.
    """
    logs.configure(level="warning")
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    with console.status("starting") as status:
        # Elsewhere than on a terminal the status shows nothing.
        talk = Talk(console.print, lambda diff: _show(console, diff), status.update)
        demonstrate(directory, talk, server_version)


def _show(console: Console, diff: str) -> None:
    console.print(Syntax(diff, "diff", background_color="default") if console.is_terminal else diff)
