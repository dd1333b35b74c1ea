"""
Arguments to values: every spelling of a name, and errors that repeat no value.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.cli.main import VERBS, find_verb
from migrator.cli.options import Option, Values, Verb, fold, nearest, overview, parse, usage
from migrator.errors import UsageError

VERB = Verb(
    "sample",
    "A sample.",
    (
        Option("directory", "Where.", "DIR", required=True),
        Option("ignore-history", "A switch."),
        Option("project", "Which.", "NAME", repeat=True),
        Option("noise", "How much.", "LEVEL", ("strict", "Copy-To-Files"), default="strict"),
    ),
    lambda values: 0,
)


def spelled(name: str, rng: random.Random) -> str:
    """
    Return a name with random case and with or without its inner hyphens.
    """
    return "".join(rng.choice((c.upper(), c)) if c != "-" else rng.choice(("-", "")) for c in name)


@given(st.randoms(use_true_random=False), st.booleans(), st.text(min_size=1).filter(lambda t: not t.startswith("--")))
def test_every_spelling_of_a_name_is_the_same(rng: random.Random, equals: bool, value: str) -> None:
    """
    Case, inner hyphens, and ``=`` or a blank before the value make no difference.
    """
    name = spelled("directory", rng)
    given = [f"--{name}={value}"] if equals else [f"--{name}", value]
    values = parse(VERB, [*given, f"--{spelled('ignore-history', rng)}", "--Console", "--NOLOGO"])
    assert values.text("directory") == value
    assert values.has("ignore-history")


def test_values() -> None:
    """
    Repeated options keep their order, choices are blind to case and hyphens, defaults fill what was left out.
    """
    values = parse(VERB, ["--project", "b", "--PROJECT=a", "--directory=x=y", "--noise", "copytofiles"])
    assert values.all("project") == ("b", "a")
    assert values.text("directory") == "x=y"
    assert values.text("noise") == "Copy-To-Files"
    assert parse(VERB, ["--directory=d"]).text("noise") == "strict"
    assert not parse(VERB, ["--directory=d", "--ignore-history=false"]).has("ignore-history")
    assert values.find("unheard") is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--directry", "hunter2"], "did you mean --directory"),
        (["--zzzzzzz=hunter2"], "see `migrator help sample`"),
        (["--directory"], "needs a value"),
        (["--directory", "--ignore-history"], "needs a value"),
        (["--directory="], "must not be empty"),
        (["--directory=a", "hunter2"], "argument 2 of sample"),
        (["--directory=hunter2", "--directory=b"], "given twice"),
        (["--directory=a", "--noise=hunter2"], "takes one of strict, Copy-To-Files"),
        (["--directory=a", "--ignore-history=hunter2"], "takes no value"),
        ([], "needs --directory DIR"),
        (["--directory=a", "-d"], "belongs to no option"),
    ],
)
def test_wrong_usage_is_told_without_values(arguments: list[str], says: str) -> None:
    """
    Each mistake is one sentence that names the option and never what was given, which may be a password.
    """
    with pytest.raises(UsageError, match=says) as error:
        parse(VERB, arguments)
    assert "hunter2" not in str(error.value)


def test_help_asks_for_nothing_else() -> None:
    """
    ``--help`` works without the options that are needed otherwise.
    """
    assert parse(VERB, ["--HELP"]).has("help")


def test_values_do_not_show_themselves() -> None:
    """
    The repr holds no password.
    """
    assert "hunter2" not in repr(Values({"password": ("hunter2",)}, ("hunter2",)))


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_has_help(verb: Verb) -> None:
    """
    Every verb, and every option that is not merely accepted, says what it is for; the help names all of them.
    """
    shown = usage(verb)
    assert verb.help.endswith(".")
    assert f"migrator {verb.name}" in shown
    for option in verb.options:
        assert option.help.endswith("."), option.name
        assert f"--{option.name}" in shown
        assert not option.default or option.default in option.choices
    assert verb.name in overview(VERBS)
    assert find_verb(verb.name.upper()) is verb
    assert len({fold(option.name) for option in verb.options}) == len(verb.options)


def test_the_nearest_name_is_found() -> None:
    """
    A slip of the finger is recognised, nonsense is not.
    """
    assert nearest("pasword", ["password", "directory"]) == "password"
    assert nearest("xyz", ["password", "directory"]) is None
