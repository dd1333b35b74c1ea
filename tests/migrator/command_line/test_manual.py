"""
The manual page: every command and option is in it, and nothing that man would obey.
"""

from __future__ import annotations

import re

import click
import pytest

from auditor.cli.program import PROGRAM as AUDITOR
from migrator.cli.program import PROGRAM as MIGRATOR
from migrator.command_line.manual import manual
from migrator.command_line.program import Program


@pytest.mark.parametrize("program", [MIGRATOR, AUDITOR], ids=lambda item: str(item.name))
def test_the_page_names_all_there_is(program: Program) -> None:
    """
    Each command has a heading, each option that help shows a line.
    """
    page = manual(program, "1.0").replace("\\-", "-")

    for command in program.commands.values():
        assert re.search(rf"^\.SS {command.name}\b", page, re.MULTILINE)
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert re.search(rf"^\.B .*{option.opts[-1]}\b", page, re.MULTILINE), option.opts


@pytest.mark.parametrize("text", [".so /etc/passwd", "'br", 'a "b" \\fBc -d'])
def test_words_are_not_obeyed(text: str) -> None:
    """
    A text that looks like a command of man's is shown.
    """
    page = manual(click.Group("p", help="P.", commands=[click.Command("c", help=text)]), "1")

    lines = [line for line in page.splitlines() if not re.match(r"\.(TH|SH|SS|TP|B|PP|nf|fi)( |$)", line)]
    assert not [line for line in lines if line.startswith((".", "'"))]
    assert "\\fB" not in page.replace("\\fICOMMAND\\fR", "")
