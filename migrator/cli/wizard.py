"""
The command ``wizard``: the guided mode on a terminal, by click's prompts; the work is done by the other commands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from migrator.cli.options import SERVER, Values, values_of
from migrator.cli.questions import MASTER_KEY, PASSWORD, Known, Terminal, questions, run_plan
from migrator.cli.server import choose_server
from migrator.command_line.command import Command
from migrator.command_line.program import Program
from migrator.credentials import variable
from migrator.errors import UsageError
from migrator.export.read import reader_of
from migrator.selection.read import look_for
from migrator.selection.request import Selection, read_choices
from migrator.settings import find_file, load


def run_wizard(values: Values) -> int:
    """
    Ask on a terminal, and run what was asked for once it is confirmed.

    Raises:
        UsageError: there is no terminal.
        OperatorError: what went wrong.
    """
    # A question that nobody can answer would hang a job for ever.
    if not sys.stdin.isatty():
        raise UsageError("the wizard asks on a terminal; give a command and its options instead (`migrator help`)")
    terminal = Terminal(
        lambda text, default: str(click.prompt(text, default=default, show_default=bool(default))).strip(),
        lambda text, choices, default: str(
            click.prompt(text, default=default, type=click.Choice(list(choices), case_sensitive=False))
        ),
        lambda text, default: click.confirm(text, default=default),
        lambda text, twice: str(click.prompt(text, hide_input=True, confirmation_prompt=twice)),
        lambda text: click.echo(text),
    )

    return run_plan(terminal, questions(terminal, known_of(values.find("config")), _projects), _run)


def _projects(words: tuple[str, ...], secrets: dict[str, str]) -> list[str]:
    with Command("wizard", "", "", SERVER).make_context("wizard", list(words)) as context:
        # To name projects no secret is opened, so none is asked for here.
        server = choose_server(values_of(context), master_key=False, password=False)
    selection = Selection(("*",), history=False)
    with closing(look_for(server.address, selection, server.limits)) as looked, reader_of(looked) as reader:
        return sorted(item.name for item in read_choices(reader).projects)


def _run(words: tuple[str, ...], secrets: dict[str, str]) -> int:
    program = click.get_current_context().find_root().command
    assert isinstance(program, Program)
    with _variables(secrets):
        return program.run(words)


def known_of(config: str | None) -> Known:
    """
    Return what need not be asked: servers of the configuration file, secrets in variables.

    Raises:
        UsageError: the configuration file is wrong.
    """
    path = Path(config).expanduser() if config is not None else find_file()
    instances = tuple(load(path).instances) if path is not None else ()
    variables = frozenset(name for name in (MASTER_KEY, PASSWORD) if variable(name))
    return Known(instances, config, variables)


@contextmanager
def _variables(secrets: dict[str, str]) -> Iterator[None]:
    """
    Give secrets to a command the way a shell would, for its time only.
    """
    before = {name: os.environ.get(name) for name in secrets}
    os.environ.update(secrets)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
