"""
Blocks to text: for a terminal, for a commit or a mail, for Markdown. Pure.

Colour is never the only mark. What a terminal would obey was escaped before it gets here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.changes.blocks import Block, Line

WIDTH = 100
COLUMN = 44
"""Where the right column begins, if the left one leaves room."""
_COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m", ">": "\x1b[36m", "!": "\x1b[1;31m"}
_PLAIN = "\x1b[0m"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True)
class Look:
    """
    How text is laid out; ``most`` is how many lines there are at most, the rest is counted.
    """

    width: int = WIDTH
    colour: bool = False
    most: int | None = None


def as_text(blocks: Sequence[Block], look: Look | None = None) -> str:
    """
    Return the blocks as lines of plain text, or with colours for a terminal; no blank at the end of a line.
    """
    look = look or Look()
    lines: list[str] = []
    for index, block in enumerate(blocks):
        if look.most is not None and len(lines) >= look.most:
            lines.append(_rest(len(blocks) - index))
            break
        if lines and (block.lines or blocks[index - 1].lines):
            lines.append("")
        mine = [_head(block, look), *(_line(line, look) for line in block.lines)]
        if look.most is not None and len(lines) + len(mine) > look.most:
            room = max(1, look.most - len(lines) - 1)
            hidden = len(mine) - room
            mine = [*mine[:room], f"    ({hidden} more lines of this)"] if hidden > 1 else mine
        lines.extend(mine)
    return "\n".join(lines)


def _rest(count: int) -> str:
    return f"({count} more document{'s' if count > 1 else ''} changed)"


def _head(block: Block, look: Look) -> str:
    alarm = "! " if block.alarm else ""
    return _columns(f"{alarm}{block.mark} {block.head}", block.note, look, "!" if block.alarm else block.mark)


def _line(line: Line, look: Look) -> str:
    indent = "    " * line.depth
    if line.alarm:
        indent = f"{indent[:-2]}! "
    mark = f"{line.mark} " if line.mark else "  "
    return _columns(f"{indent}{mark}{line.text}", line.note, look, "!" if line.alarm else line.mark)


def _columns(left: str, right: str, look: Look, mark: str) -> str:
    if not right:
        text = left
    elif len(left) < COLUMN and COLUMN + len(right) <= look.width:
        text = f"{left.ljust(COLUMN)}{right}"
    else:
        text = f"{left}  {right}"
    text = text.rstrip()
    if look.colour and mark in _COLOURS:
        return f"{_COLOURS[mark]}{text}{_PLAIN}"
    return text


def as_markdown(blocks: Sequence[Block]) -> str:
    """
    Return the blocks as Markdown: a line of bold for each document, a list below it; nothing in it is markup of others.
    """
    return "\n".join(_markdown(blocks)).rstrip("\n") + "\n" if blocks else ""


def _markdown(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        alarm = "**!** " if block.alarm else ""
        note = f" ({_quoted(block.note[1:-1] if block.note[0] == '(' else block.note)})" if block.note else ""
        yield f"{alarm}{_quoted(block.mark)} **{_quoted(block.head)}**{note}"
        yield ""
        for line in block.lines:
            alarm = "**!** " if line.alarm else ""
            mark = f"{_quoted(line.mark)} " if line.mark else ""
            note = f": {_quoted(line.note)}" if line.note else ""
            yield f"{'  ' * (line.depth - 1)}- {alarm}{mark}{_quoted(' '.join(line.text.split()))}{note}"
        if block.lines:
            yield ""


def _quoted(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text.replace("&", "&amp;")) if text else ""
