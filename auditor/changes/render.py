"""
Blocks to text: for a terminal, for a commit or a mail, for Markdown, for a page. Pure.

Colour is never the only mark. What a terminal would obey was escaped before it gets here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from auditor.changes.blocks import Block
from auditor.changes.lines import Line
from migrator.wording import counted

WIDTH = 100
COLUMN = 44
"""Where the right column begins, if the left one leaves room."""
_COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m", ">": "\x1b[36m", "!": "\x1b[1;31m"}
_PLAIN = "\x1b[0m"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True)
class Look:
    """
    How text is laid out; ``most`` is how many lines there are at most, the rest is counted; ``longest`` is where a
    line is cut.
    """

    width: int = WIDTH
    colour: bool = False
    most: int | None = None
    longest: int | None = None


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
        # Blocks of one line each stay a list.
        if lines and (block.lines or blocks[index - 1].lines):
            lines.append("")
        mine = [_head(block, look), *(_line(line, look) for line in block.lines)]
        if look.most is not None and len(lines) + len(mine) > look.most:
            room = max(1, look.most - len(lines) - 1)
            hidden = len(mine) - room
            # To say that one line is hidden takes a line too.
            mine = [*mine[:room], f"    ({hidden} more lines of this)"] if hidden > 1 else mine
        lines.extend(mine)
    return "\n".join(lines)


def _rest(count: int) -> str:
    return f"({counted(count, 'more document')} changed)"


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
    if look.longest is not None and len(text) > look.longest:
        text = f"{text[: look.longest - 3]}..."
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
        note = f" ({markdown_text(block.note[1:-1] if block.note[0] == '(' else block.note)})" if block.note else ""
        yield f"{alarm}{markdown_text(block.mark)} **{markdown_text(block.head)}**{note}"
        yield ""
        for line in block.lines:
            alarm = "**!** " if line.alarm else ""
            mark = f"{markdown_text(line.mark)} " if line.mark else ""
            note = f": {markdown_text(line.note)}" if line.note else ""
            yield f"{'  ' * (line.depth - 1)}- {alarm}{mark}{markdown_text(' '.join(line.text.split()))}{note}"
        if block.lines:
            yield ""


def markdown_text(text: str) -> str:
    """
    Return a text of which Markdown obeys nothing.
    """
    # Markdown takes an entity of HTML for the character that it names.
    return _MARKDOWN.sub(r"\\\1", text.replace("&", "&amp;")) if text else ""


_WORDS = {"+": "added", "-": "removed", "~": "changed", ">": "moved"}


def as_html(blocks: Sequence[Block]) -> str:
    """
    Return the blocks as HTML without styles: sections with a heading and a list, ``ins`` and ``del`` beside the marks.
    """
    return "".join(_section(block) for block in blocks)


def _section(block: Block) -> str:
    head = f"{_mark(block.mark, block.alarm)} {escape(block.head)}"
    note = f' <span class="note">{escape(block.note)}</span>' if block.note else ""
    items = "".join(_item(line) for line in block.lines)
    lines = f"<ul>{items}</ul>" if items else ""
    return f'<section class="change{" alarm" if block.alarm else ""}"><h3>{head}{note}</h3>{lines}</section>\n'


def _item(line: Line) -> str:
    text = escape(line.text)
    if line.kind == "text":
        tag = {"+": "ins", "-": "del"}.get(line.mark, "span")
        text = f"<code><{tag}>{text}</{tag}></code>"
    note = f' <span class="note">{escape(line.note)}</span>' if line.note else ""
    alarm = " alarm" if line.alarm else ""
    return f'<li class="depth{min(line.depth, 6)}{alarm}">{_mark(line.mark, line.alarm)} {text}{note}</li>'


def _mark(mark: str, alarm: bool) -> str:
    warned = '<strong class="mark">!</strong> ' if alarm else ""
    if mark not in _WORDS:
        return warned.rstrip()
    return (
        # A screen reader is to say the word, not the sign.
        f'{warned}<span class="mark" aria-hidden="true">{escape(mark)}</span><span class="said">{_WORDS[mark]}</span>'
    )


_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em;max-width:70em}.said{position:absolute;left:-9999px}"
    "ul{list-style:none;padding-left:1em}.note{color:#555;margin-left:1em}.alarm{font-weight:bold}"
    "ins{background:#e6ffed;text-decoration:none}del{background:#ffeef0;text-decoration:none}code{white-space:pre-wrap}"
    + "".join(f".depth{n}{{margin-left:{(n - 1) * 1.5}em}}" for n in range(1, 7))
)


def page(title: str, body: str) -> str:
    """
    Return a whole page of HTML around *body*, with its few styles and nothing from elsewhere.
    """
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n{body}</body></html>"
    )
