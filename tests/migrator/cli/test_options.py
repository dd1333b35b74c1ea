"""
The migrator's commands as data: the original's options in every spelling, and help for all of them.
"""

from __future__ import annotations

import click
import pytest

from migrator.cli.options import COMMANDS, Values, values_of
from migrator.cli.program import PROGRAM
from migrator.command_line.command import Command, fold

ORIGINAL = {
    "export": "directory clean password include-tasklogs inline-scripts instance config",
    "partial-export": "directory password project projectGroup releaseVersion ignore-history ignore-deployments "
    "ignore-tenants ignore-certificates ignore-machines include-tasklogs",
    "import": "directory password dry-run overwrite force include-tasklogs ignore-version-check",
}


def given(command: str, *words: str) -> Values:
    """
    Return what a command's work would be called with.
    """
    found = PROGRAM.get_command(click.Context(PROGRAM), command)
    assert found is not None
    with found.make_context(command, list(words)) as context:
        return values_of(context)


@pytest.mark.parametrize("command", ORIGINAL)
def test_the_originals_options_are_all_there(command: str) -> None:
    """
    Scripts for the original tool find every option of it, and none has a second spelling here.
    """
    found = PROGRAM.get_command(click.Context(PROGRAM), command.upper())
    assert found is not None
    names = [fold(item.opts[-1]) for item in found.params]
    assert {fold(name) for name in ORIGINAL[command].split()} <= set(names)
    assert len(set(names)) == len(names)


def test_values_are_found_by_the_options_names() -> None:
    """
    Repeated ones in their order, switches as truth, defaults where nothing was said, and nothing where there is none.
    """
    words = (
        "--DIRECTORY=d",
        "--projectgroup",
        "b",
        "--ProjectGroup=a",
        "--inlineScripts=leaveinline",
        "--ignoreTenants",
    )
    values = given("partialExport", *words, "--releaseversion=1.0")
    assert values.all("projectGroup") == ("b", "a")
    assert values.text("directory") == "d"
    assert values.text("inline-scripts") == "LeaveInline"
    assert (values.text("noise"), values.text("secrets"), values.text("format")) == ("normal", "encrypt", "native")
    assert values.has("ignore-tenants") and not values.has("ignore-machines")
    assert values.find("releaseVersion") == "1.0"
    assert values.find("report") is values.find("unheard") is None
    assert not values.all("project")


def test_values_do_not_show_themselves() -> None:
    """
    The repr holds no password.
    """
    assert "hunter2" not in repr(given("export", "--directory=d", "--password=hunter2"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help(command: Command) -> None:
    """
    Every command, and every option of it, says what it is for; the help names all of them.
    """
    with click.Context(command, info_name=command.name) as context:
        shown = command.get_help(context)
    assert (command.help or "").endswith(".")
    for option in command.params:
        assert isinstance(option, click.Option)
        assert (option.help or "").endswith("."), option.name
        assert option.opts[-1] in shown
