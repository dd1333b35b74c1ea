"""
The command line as data: options, verbs, and how arguments become values.

Names are blind to case and to inner hyphens, as the original tool's are. Errors never repeat a value, since it may be
a password. What a verb does is not here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from migrator.errors import UsageError


@dataclass(frozen=True)
class Option:
    """
    One option; ``value`` is what help calls its value, empty for a switch.

    ``choices`` are the values it takes, if not any; ``hidden`` ones are accepted and not shown.
    """

    name: str
    help: str = ""
    value: str = ""
    choices: tuple[str, ...] = ()
    repeat: bool = False
    required: bool = False
    hidden: bool = False
    default: str = ""


@dataclass(frozen=True)
class Values:
    """
    What was given on a command line, by option name; does not show itself, since passwords are among it.
    """

    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    arguments: tuple[str, ...] = field(default=(), repr=False)

    def has(self, name: str) -> bool:
        """
        Return whether a switch or an option was given.
        """
        return bool(self.given.get(name))

    def all(self, name: str) -> tuple[str, ...]:
        """
        Return every value of a repeatable option.
        """
        return self.given.get(name, ())

    def find(self, name: str) -> str | None:
        """
        Return an option's value, or ``None``.
        """
        return next(iter(self.given.get(name, ())), None)

    def text(self, name: str) -> str:
        """
        Return the value of an option that is required or has a default.
        """
        return self.given[name][0]


@dataclass(frozen=True)
class Verb:
    """
    One command: its name, its help, its options, and the function that does it and returns an exit code.

    ``arguments`` names what may stand without an option, as ``[COMMAND]``; empty: nothing may.
    """

    name: str
    help: str
    options: tuple[Option, ...]
    run: Callable[[Values], int]
    arguments: str = ""


ACCEPTED = (Option("console", hidden=True), Option("nologo", hidden=True), Option("help", "Show this help."))
SERVER = (
    Option("instance", "The server's name in the configuration file: its table [instances.NAME].", "NAME"),
    Option("config", "The configuration file (TOML).", "PATH"),
    Option("database", "Without a configuration file: a SQLAlchemy URL or an ODBC connection string.", "URL"),
    Option("master-key-file", "The server's master key, in a file; or the variable OCTOPUS_MASTER_KEY.", "FILE"),
)
PASSWORD = (
    Option("password", "The password of the export. Other users can see it in the process list.", "VALUE"),
    Option("password-file", "The password of the export, in a file; or the variable MIGRATOR_PASSWORD.", "FILE"),
)
RESULT = (
    Option("report", "Write what was done to this file, as JSON.", "FILE"),
    Option("quiet", "Print warnings and errors only."),
)
SCRIPTS = ("CopyToFiles", "ExtractToFiles", "LeaveInline")
TREE = (
    Option("directory", "The directory to write to, created when missing.", "DIR", required=True),
    Option("clean", "Remove everything else in the directory; only in one that holds an export of this program."),
    Option("inline-scripts", "Scripts in processes.", "MODE", SCRIPTS, default=SCRIPTS[0]),
    Option("include-tasklogs", "Also copy task logs; needs --tasklogs-directory."),
    Option("tasklogs-directory", "The server's folder of task logs (TaskLogs).", "DIR"),
    Option(
        "noise",
        "How much to leave out of what changes by itself.",
        "LEVEL",
        ("strict", "normal", "raw"),
        default="normal",
    ),
    Option("secrets", "What to write for secrets.", "MODE", ("encrypt", "fingerprint", "omit"), default="encrypt"),
    Option("format", "The layout of the files.", "FORMAT", ("native", "octopus"), default="native"),
)
HISTORY = Option("include-history", "Also releases, deployments, tasks and events.")


def fold(name: str) -> str:
    """
    Return a name as names are compared: lower case, without hyphens.
    """
    return name.lower().replace("-", "")


def nearest(name: str, known: Sequence[str]) -> str | None:
    """
    Return the one of *known* that *name* most likely meant, or ``None``.
    """
    by_fold = {fold(item): item for item in known}
    found = difflib.get_close_matches(fold(name), by_fold, 1, 0.5)
    return by_fold[found[0]] if found else None


def parse(verb: Verb, arguments: Sequence[str]) -> Values:
    """
    Return the values of a verb's command line.

    Raises:
        UsageError: an unknown option, a missing or a wrong value, or an argument too many.
    """
    options = {fold(option.name): option for option in (*verb.options, *ACCEPTED)}
    given: dict[str, tuple[str, ...]] = {}
    loose: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            if not verb.arguments:
                raise UsageError(
                    f"argument {len(arguments) - len(rest)} of {verb.name} belongs to no option; "
                    "write values with blanks in quotation marks"
                )
            loose.append(word)
            continue
        option = _find(options, word[2:].partition("=")[0], verb)
        value = _value(option, word, rest)
        if option.name in given and not option.repeat and option not in ACCEPTED:
            raise UsageError(f"--{option.name} was given twice; give it once")
        given[option.name] = (*given.get(option.name, ()), *value)
    return Values(given if "help" in given else _completed(verb, given), tuple(loose))


def _find(options: Mapping[str, Option], name: str, verb: Verb) -> Option:
    option = options.get(fold(name))
    if option is None:
        near = nearest(name, [item.name for item in options.values() if not item.hidden])
        hint = f"did you mean --{near}?" if near else f"see `migrator help {verb.name}`"
        raise UsageError(f"{verb.name} has no option --{name}; {hint}")
    return option


def _value(option: Option, word: str, rest: list[str]) -> tuple[str, ...]:
    _, equals, value = word.partition("=")
    if not option.value:
        if equals and value.lower() not in ("true", "false"):
            raise UsageError(f"--{option.name} is a switch and takes no value")
        return () if value.lower() == "false" else ("true",)
    if not equals:
        if not rest or rest[0].startswith("--"):
            raise UsageError(
                f"--{option.name} needs a value: --{option.name} {option.value} "
                f"(write --{option.name}={option.value} if it begins with hyphens)"
            )
        value = rest.pop(0)
    return (_chosen(option, value),)


def _chosen(option: Option, value: str) -> str:
    if not value:
        raise UsageError(f"--{option.name} must not be empty")
    if not option.choices:
        return value
    for choice in option.choices:
        if fold(choice) == fold(value):
            return choice
    raise UsageError(f"--{option.name} takes one of {', '.join(option.choices)}")


def _completed(verb: Verb, given: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    missing = [option for option in verb.options if option.required and option.name not in given]
    if missing:
        needed = ", ".join(f"--{option.name} {option.value}" for option in missing)
        raise UsageError(f"{verb.name} needs {needed}; see `migrator help {verb.name}`")
    return {option.name: (option.default,) for option in verb.options if option.default} | given


def usage(verb: Verb) -> str:
    """
    Return a verb's help.
    """
    required = "".join(f" --{option.name} {option.value}" for option in verb.options if option.required)
    head = f"migrator {verb.name}{required}{f' {verb.arguments}' if verb.arguments else ''} [options]"
    shown = [option for option in (*verb.options, *ACCEPTED) if not option.hidden]
    lines = [_described(option) for option in shown]
    return "\n".join([verb.help, "", f"  {head}", "", *lines]) + "\n"


def _described(option: Option) -> str:
    head = f"--{option.name} {option.value}".rstrip()
    more = f" One of {', '.join(option.choices)}; {option.default} if left out." if option.choices else ""
    more += " Can be given several times." if option.repeat else ""
    return f"  {head:<27} {option.help}{more}" if len(head) <= 27 else f"  {head}\n  {'':<27} {option.help}{more}"


def overview(verbs: Sequence[Verb]) -> str:
    """
    Return the list of all verbs.
    """
    lines = [f"  {verb.name:<16} {verb.help.splitlines()[0]}" for verb in verbs]
    return (
        "\n".join(["migrator COMMAND [options]", "", *lines, "", "`migrator help COMMAND` shows its options."]) + "\n"
    )
