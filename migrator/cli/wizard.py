"""
The verb ``wizard``: the guided mode on a terminal, by click's prompts; the work is done by the other verbs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from migrator.cli.options import Option, Values, Verb, parse
from migrator.cli.questions import MASTER_KEY, PASSWORD, Known, Plan, Terminal, questions, run_plan
from migrator.cli.server import choose_server
from migrator.errors import UsageError
from migrator.export.read import reader_of
from migrator.selection.read import look_for
from migrator.selection.request import Selection, read_choices
from migrator.settings import find_file, load

Run = Callable[[tuple[str, ...]], int]
CONFIG = Option("config", "The configuration file (TOML).", "PATH")


def wizard_verb(run: Run, options: Sequence[Option]) -> Verb:
    """
    Return the verb; *run* runs a command line, and *options* are those that name a server.
    """
    return Verb(
        "wizard",
        "Ask for everything, show the command, and run it.",
        (CONFIG,),
        lambda values: _guide(values, run, options),
    )


def _guide(values: Values, run: Run, options: Sequence[Option]) -> int:
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

    def projects(words: tuple[str, ...], secrets: dict[str, str]) -> list[str]:
        server = choose_server(parse(Verb("wizard", "", tuple(options), lambda _: 0), words), **_NOTHING)
        looked = look_for(server.address, Selection(("*",), history=False))
        with reader_of(looked) as reader:
            return sorted(item.name for item in read_choices(reader).projects)

    def work(words: tuple[str, ...], secrets: dict[str, str]) -> int:
        with _variables(secrets):
            return run(words)

    try:
        plan: Plan = questions(terminal, known_of(values.find("config")), projects)
        return run_plan(terminal, plan, work)
    except click.Abort:
        raise KeyboardInterrupt from None


_NOTHING = {"master_key": False, "password": False}


def known_of(config: str | None) -> Known:
    """
    Return what need not be asked: servers of the configuration file, secrets in variables.

    Raises:
        UsageError: the configuration file is wrong.
    """
    path = Path(config).expanduser() if config is not None else find_file()
    instances = tuple(load(path).instances) if path is not None else ()
    variables = frozenset(name for name in (MASTER_KEY, PASSWORD) if os.environ.get(name))
    return Known(instances, config, variables)


@contextmanager
def _variables(secrets: dict[str, str]) -> Iterator[None]:
    """
    Give secrets to a verb the way a shell would, for its time only.
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
