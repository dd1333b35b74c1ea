"""
A table for people: on a terminal that is too narrow for it each row is a block of lines. What stands in it: elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

WIDE = 140
NARROW = 100
"""Columns, below which the cells of a table would be broken in the middle of their words."""


def show_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    styles: Sequence[str] | None = None,
    console: Console | None = None,
) -> Console:
    """
    Print rows under their heads, each in its style; return the console, for what follows.
    """
    if console is None:
        # Elsewhere than on a terminal rich takes 80 columns and breaks the lines. No markup: a text may hold brackets.
        console = Console(width=None if Console().is_terminal else WIDE, highlight=False, markup=False)
    styled = list(zip(rows, styles or [""] * len(rows), strict=True))
    if console.width < NARROW:
        for row, style in styled:
            for head, cell in zip(heads, row, strict=True):
                if cell:
                    console.print(f"{head}: {cell}", style=style)
            console.print()
        return console
    table = Table(*heads)
    for row, style in styled:
        table.add_row(*row, style=style)
    console.print(table)
    return console
