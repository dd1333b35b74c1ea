"""
The guided mode: questions on a plain terminal, answers to the command line that does the same. No work is done here.

What is asked for is given in; passwords are never part of a command that is shown.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

PREVIEW = "--dry-run"
Ask = Callable[[str, str], str]
"""Asks for a text; the second argument is what an empty answer means."""


@dataclass(frozen=True)
class Terminal:
    """
    How to talk to a person: ask for a text, for a choice, for yes or no, for a secret; and tell.
    """

    ask: Ask
    choose: Callable[[str, Sequence[str], str], str]
    confirm: Callable[[str, bool], bool]
    secret: Callable[[str, bool], str]
    tell: Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """
    What to run: the words of a command without secrets, and the secrets by variable; ``preview`` shows it only.
    """

    words: tuple[str, ...]
    preview: tuple[str, ...] | None = None
    secrets: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def script(self) -> str:
        """
        Return the command as a person can repeat it.
        """
        return script(self.words, self.secrets)


def script(words: Sequence[str], secrets: Sequence[str] | dict[str, str]) -> str:
    """
    Return a command for a shell; variables that have to be set stand before it, without their values.
    """
    return "".join(f"{name}=... " for name in sorted(secrets)) + shlex.join(["migrator", *words])


@dataclass(frozen=True)
class Known:
    """
    What is already known and need not be asked: names of servers in the configuration file, variables that are set.
    """

    instances: tuple[str, ...] = ()
    config: str | None = None
    variables: frozenset[str] = frozenset()


MASTER_KEY, PASSWORD = "OCTOPUS_MASTER_KEY", "MIGRATOR_PASSWORD"


def questions(terminal: Terminal, known: Known, check: Callable[[tuple[str, ...], dict[str, str]], list[str]]) -> Plan:
    """
    Ask what is needed for an export or an import.

    *check* tries a server's address and returns the names of its projects, or raises an ``OperatorError``.
    """
    what = terminal.choose("What do you want to do", ("export", "import"), "export")
    secrets: dict[str, str] = {}
    server = _server(terminal, known, secrets)
    if what == "export":
        words = _export(terminal, check(server, secrets))
        _password(terminal, known, secrets, new=True)
        return Plan((*words, *server), None, secrets)
    directory = terminal.ask("Directory of the export", "")
    _password(terminal, known, secrets, new=False)
    overwrite = terminal.confirm("Replace documents whose name exists", False)
    words = ("import", "--directory", directory, *server, *(("--overwrite",) if overwrite else ()))
    return Plan(words, (*words, PREVIEW), secrets)


def _server(terminal: Terminal, known: Known, secrets: dict[str, str]) -> tuple[str, ...]:
    if known.instances:
        name = terminal.choose("Which server", known.instances, known.instances[0])
        config = ("--config", known.config) if known.config else ()
        return ("--instance", name, *config)
    address = terminal.ask("Database (SQLAlchemy URL or ODBC connection string)", "")
    if MASTER_KEY not in known.variables:
        secrets[MASTER_KEY] = terminal.secret("Master key", False)
    return ("--database", address)


def _password(terminal: Terminal, known: Known, secrets: dict[str, str], *, new: bool) -> None:
    if PASSWORD not in known.variables:
        secrets[PASSWORD] = terminal.secret("Password of the export", new)


def _export(terminal: Terminal, projects: list[str]) -> tuple[str, ...]:
    chosen: list[str] = []
    if not terminal.confirm("The whole server", True):
        terminal.tell(f"Projects: {', '.join(projects[:50])}{' ...' if len(projects) > 50 else ''}")
        while True:
            name = terminal.ask("Project (empty when done)" if chosen else "Project", "")
            if not name and chosen:
                break
            if name:
                chosen.append(name)
    directory = terminal.ask("Directory to write to", "octopus-export")
    verb = ("partial-export", *(word for name in chosen for word in ("--project", name))) if chosen else ("export",)
    # No is the answer of an empty line: history is most of a server's rows, and no configuration.
    history: tuple[str, ...] = ()
    if chosen and not terminal.confirm("Releases and deployments too", False):
        history = ("--ignore-history",)
    elif not chosen and terminal.confirm("Releases and deployments too", False):
        history = ("--include-history",)
    return (*verb, "--directory", directory, *history)


def run_plan(terminal: Terminal, plan: Plan, run: Callable[[tuple[str, ...], dict[str, str]], int]) -> int:
    """
    Offer the preview, show the command, and run it once it is confirmed; return the exit code (0 if it is not).
    """
    if plan.preview is not None and terminal.confirm("Preview first", True):
        code = run(plan.preview, plan.secrets)
        if code:
            return code
    terminal.tell(f"Script:\n  {plan.script}")
    # Enter alone starts an export, but never an import: that one writes into a server's database.
    if not terminal.confirm("Run it", plan.preview is None):
        terminal.tell("Nothing was done.")
        return 0
    return run(plan.words, plan.secrets)
