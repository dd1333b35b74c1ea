"""
Words to values: every spelling of a name, one sentence for each mistake that repeats no value, help, completion, bugs.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import CompletionItem, ShellComplete
from hypothesis import given
from hypothesis import strategies as st

from auditor.cli.program import PROGRAM as AUDITOR
from migrator.cli.program import PROGRAM as MIGRATOR
from migrator.command_line.command import Command, option, switch
from migrator.command_line.program import Program
from migrator.errors import OperatorError

Capture = pytest.CaptureFixture[str]
DONE: list[dict[str, Any]] = []


def work(**given: Any) -> int:
    """
    Do what the sample's command does: remember what it was given, and end as it was told to.
    """
    DONE.append(given)
    end = given.get("project", ("",))[:1]
    if end == ("bug",):
        raise KeyError("hunter2")
    if end == ("interrupted",):
        raise KeyboardInterrupt
    if end == ("broken",):
        raise EOFError
    if end == ("failed",):
        raise OperatorError("one\ntwo")
    return 3


SAMPLE = Command(
    "sam-ple",
    f"{__name__}:work",
    "A sample.\n\nIn more words.",
    [
        option("directory", "DIR", "Where.", required=True),
        switch("ignore-history", "A switch."),
        option("projectName", "NAME", "Which.", multiple=True),
        option("project", "NAME", "Which.", multiple=True),
        option("noise", "LEVEL", "How much.", ("strict", "Copy-To-Files")),
    ],
)
PROGRAM = Program(
    "tool", "A tool.", [SAMPLE, Command("compare", f"{__name__}:work", "Two things.", [click.Argument(["older"])])]
)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[work.__module__])
    DONE.clear()
    yield


def run(*words: str) -> dict[str, Any]:
    """
    Run the sample and return what its work was given.
    """
    assert PROGRAM.run(["sam-ple", *words]) == 3
    return DONE[-1]


def refused(*words: str) -> str:
    with pytest.raises(click.UsageError) as caught:
        PROGRAM.run(words)
    return caught.value.format_message()


def spelled(name: str, rng: random.Random) -> str:
    """
    Return a name with random case and with or without its inner hyphens.
    """
    return "".join(rng.choice((c.upper(), c)) if c != "-" else rng.choice(("-", "")) for c in name)


@given(st.randoms(use_true_random=False), st.booleans(), st.text(min_size=1).filter(lambda t: not t.startswith("--")))
def test_every_spelling_of_a_name_is_the_same(rng: random.Random, equals: bool, value: str) -> None:
    """
    Case, inner hyphens, and ``=`` or a blank before the value make no difference, of commands and of options.
    """
    name = spelled("directory", rng)
    given = [f"--{name}={value}"] if equals else [f"--{name}", value]
    ignored = [[], ["--Console"], ["--NOLOGO", "--console=true"]]
    words = [*rng.choice(ignored), spelled("sam-ple", rng), *given, *rng.choice(ignored)]
    assert PROGRAM.run([*words, f"--{spelled('ignore-history', rng)}"]) == 3
    assert DONE[-1]["directory"] == value
    assert DONE[-1]["ignore_history"] is True


def test_values() -> None:
    """
    Repeated options keep their order, choices are blind to case and hyphens, defaults fill what was left out.
    """
    values = run("--project", "b", "--PROJECT=a", "--directory=x=y", "--noise", "copytofiles", "--projectname=--c")
    assert values["project"] == ("b", "a")
    assert values["projectname"] == ("--c",)
    assert values["directory"] == "x=y"
    assert values["noise"] == "Copy-To-Files"
    assert run("--directory=d")["noise"] == "strict"
    assert run("--directory", "-d")["directory"] == "-d"
    assert not run("--directory=d", "--ignore-history=false")["ignore_history"]
    assert run("--directory=d", "--ignore-history=True")["ignore_history"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--directry", "hunter2"], "sam-ple has no option --directry; did you mean --directory?"),
        (["--zzzzzzz=hunter2"], "sam-ple has no option --zzzzzzz; see `tool help sam-ple`"),
        (["--directory"], "--directory needs a value: --directory DIR (write --directory=DIR if it begins with"),
        (["--directory", "--ignore-history"], "needs a value"),
        (["--directory="], "--directory must not be empty"),
        (["--directory", ""], "--directory must not be empty"),
        (["--directory=a", "hunter2"], "argument 2 of sam-ple belongs to no option"),
        (["--directory=a", "--", "hunter2"], "argument 3 of sam-ple belongs to no option"),
        (["--directory=hunter2", "--directory=b"], "--directory was given twice"),
        (["--ignore-history", "--IGNOREhistory", "--directory=a"], "--ignore-history was given twice"),
        (["--directory=a", "--noise=hunter2"], "--noise takes one of strict, Copy-To-Files"),
        (["--directory=a", "--ignore-history=hunter2"], "--ignore-history is a switch and takes no value"),
        ([], "sam-ple needs --directory DIR; see `tool help sam-ple`"),
        (["--directory=a", "-d"], "sam-ple has no option -d"),
        (["--directory=a", "-xhunter2"], "sam-ple has no option -x"),
    ],
)
def test_wrong_usage_is_told_without_values(arguments: list[str], says: str) -> None:
    """
    Each mistake is one sentence that names the option and never what was given, which may be a password.
    """
    told = refused("sam-ple", *arguments)
    assert told.startswith(says) or says in told
    assert "hunter2" not in told
    assert "\n" not in told
    assert not DONE


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sample2"], "there is no command sample2; did you mean sam-ple?"),
        (["zzz"], "there is no command zzz; `tool help` lists all"),
        (["help", "sampel"], "there is no command sampel; did you mean sam-ple?"),
        (["help", "help", "x"], "argument 2 of help belongs to no option"),
        (["--directory=hunter2", "sam-ple"], "--directory stands before the command; write `tool COMMAND --directory`"),
        (["compare"], "compare needs OLDER; see `tool help compare`"),
        (["compare", "a", "hunter2"], "argument 2 of compare belongs to no option"),
        (["version", "--format=xml"], "--format takes one of text, json"),
    ],
)
def test_a_wrong_command_is_told(arguments: list[str], says: str) -> None:
    """
    A slip in a command's name is recognised; what stands in the wrong place is told where it belongs.
    """
    told = refused(*arguments)
    assert told.startswith(says)
    assert "hunter2" not in told


def test_help_comes_in_every_form_people_try(capsys: Capture) -> None:
    """
    Before and behind the command, long and short, in any case, and without the options that are needed otherwise.
    """
    shown = set()
    for words in (
        ["help", "SamPle"],
        ["--help", "sam-ple"],
        ["-h", "sam-ple"],
        ["-?", "sam-ple"],
        ["sam-ple", "-h"],
        ["sam-ple", "--HELP"],
        ["sam-ple", "--directory=x", "-h", "--help"],
        ["--nologo", "help", "--console", "sam-ple"],
    ):
        assert PROGRAM.start(words) == 0
        shown.add(capsys.readouterr().out)
    assert len(shown) == 1
    assert "Usage: tool sam-ple [OPTIONS]" in shown.pop()
    for words in (["help"], ["-h"], ["--help"], ["-?"], ["/?"], ["HELP"]):
        assert PROGRAM.start(words) == 0
        shown.add(capsys.readouterr().out)
    assert len(shown) == 1
    assert PROGRAM.start(["help", "-h"]) == 0
    assert not DONE


def test_without_a_command_help_is_wrong_usage(capsys: Capture) -> None:
    """
    Called with nothing, the list of commands goes to stderr, and the exit code says that nothing was done.
    """
    assert PROGRAM.start([]) == PROGRAM.start(["--nologo"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("sam-ple") == 2


def test_the_version_is_told_by_an_option_too(capsys: Capture) -> None:
    """
    What people try first works: --version is the command's first line.
    """
    assert PROGRAM.start(["--version"]) == PROGRAM.start(["version"]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == second
    assert first.startswith("tool ")


def told(capsys: Capture, code: int, project: str) -> str:
    assert PROGRAM.start(["sam-ple", "--directory=d", f"--project={project}"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_a_bug_looks_like_one(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """
    An unforeseen error is told with its type and place and without its text; the traceback only when asked for.
    """
    line = told(capsys, 1, "bug")
    assert line.startswith("tool: this is a bug, not your mistake: KeyError at ")
    assert "hunter2" not in line
    assert line.count("\n") == 1
    assert "EOFError" in told(capsys, 1, "broken")
    monkeypatch.setenv("TOOL_DEBUG", "1")
    assert "Traceback" in told(capsys, 1, "bug")


def test_interruption_is_130(capsys: Capture) -> None:
    """
    Ctrl-C ends the program as shells expect it.
    """
    assert told(capsys, 130, "interrupted") == "tool: interrupted\n"


def test_exit_codes_are_those_of_the_errors(capsys: Capture) -> None:
    """
    An error of the family decides its exit code itself; several lines are several messages.
    """
    assert told(capsys, 1, "failed") == "tool: one\ntool: two\n"
    assert told(capsys, 3, "x") == ""


def completions(program: click.Group, *words: str) -> list[str]:
    """
    Return what a shell is offered for the last of *words*.
    """
    *args, incomplete = words
    found: list[CompletionItem] = ShellComplete(program, {}, "x", "_X_COMPLETE").get_completions(args, incomplete)
    return [item.value for item in found]


def test_a_shell_completes_commands_options_and_values() -> None:
    """
    Names, choices and the names of servers are offered as they are spelled; half a command line is no mistake.
    """
    assert completions(PROGRAM, "") == ["sam-ple", "compare", "version", "help"]
    assert completions(PROGRAM, "help", "s") == ["sam-ple"]
    assert completions(PROGRAM, "SAMPLE", "--project") == ["--projectName", "--project"]
    assert completions(PROGRAM, "sam-ple", "--noise", "Copy") == ["Copy-To-Files"]
    assert completions(PROGRAM, "sam-ple", "--noise", "") == ["strict", "Copy-To-Files"]
    assert completions(PROGRAM, "sam-ple", "--directory", "--ignore-history", "--directory", "") == [""]
    assert completions(PROGRAM, "zzz", "--wrong", "x") == []
    assert "--directory" in completions(PROGRAM, "--nologo", "sam-ple", "--")


@pytest.mark.parametrize(
    ("program", "command", "name", "table"),
    [(MIGRATOR, "export", "--instance", "instances"), (AUDITOR, "once", "--server", "servers")],
)
def test_a_shell_completes_the_names_of_servers(
    program: click.Group, command: str, name: str, table: str, tmp_path: Path
) -> None:
    """
    The configuration file that the line names already says which there are; one that cannot be read says nothing.
    """
    path = tmp_path / "c.toml"
    path.write_bytes(f'\ufeff[{table}.prod]\npath = "x"\n[{table}.test]\n'.encode())
    assert completions(program, command, "--config", str(path), name, "") == ["prod", "test"]
    assert completions(program, command, "--config", str(path), name, "P") == ["prod"]
    path.write_text("broken")
    assert completions(program, command, "--config", str(path), name, "") == []
    assert completions(program, command, name, "") == []


@pytest.mark.parametrize(
    ("program", "line", "found"),
    [
        ("migrator", "migrator par", ["partial-export"]),
        ("migrator", "migrator partialExport --directory x --ignore-t", ["--ignore-tenants"]),
        ("migrator", "migrator export --inline-scripts L", ["LeaveInline"]),
        ("auditor", "auditor re", ["release", "rekey"]),
        ("auditor", "auditor once --detailed", ["--detailed-exitcode"]),
        ("auditor", "auditor help rel", ["release"]),
    ],
)
def test_completion_works_in_a_real_shell(program: str, line: str, found: list[str]) -> None:
    """
    What the help tells to put into a shell's start-up file completes both programs there.
    """
    told = f'eval "$(_{program.upper()}_COMPLETE=bash_source {program})"'
    assert told in (MIGRATOR if program == "migrator" else AUDITOR).get_help(click.Context(PROGRAM))
    script = (
        f"{told}; COMP_WORDS=({line}); "
        f'COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _{program}_completion {program}; echo "${{COMPREPLY[@]}}"'
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout.split()) == ("", found)
