"""
The command ``migrator``: the table of verbs, help, and errors as exit codes.

What a verb does is in a module of its own, ``cli_<verb>``; a new one is a row in ``VERBS``.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from migrator.cli.export import EXPORT
from migrator.cli.import_command import IMPORT
from migrator.cli.options import SERVER, Option, Values, Verb, fold, nearest, overview, parse, usage
from migrator.cli.partial_export import PARTIAL_EXPORT
from migrator.cli.wizard import wizard_verb
from migrator.errors import OperatorError, UsageError
from migrator.sql.engine import odbc_drivers
from migrator.tree.metadata import VERSION as FORMAT_VERSION

__all__ = ["VERBS", "Option", "Values", "Verb", "main"]

PROGRAM = "octopus-auditor"
DEBUG_VARIABLE = "MIGRATOR_DEBUG"


def run_help(values: Values) -> int:
    """
    Show all verbs, or one verb's options.

    Raises:
        UsageError: there is no such verb.
    """
    verb = find_verb(values.arguments[0]) if values.arguments else None
    sys.stdout.write(usage(verb) if verb else overview(VERBS))
    return 0


def run_version(values: Values) -> int:
    """
    Show the versions that a support case needs.
    """
    facts = version_facts()
    if values.text("format") == "json":
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    else:
        drivers = facts["odbc_drivers"]
        shown = "no ODBC driver manager" if drivers is None else ", ".join(drivers) or "none"
        sys.stdout.write(f"migrator {facts['version']}\nPython {facts['python']}\nformat {facts['format_version']}\n")
        sys.stdout.write(f"ODBC drivers: {shown}\n")
    return 0


def version_facts() -> dict[str, Any]:
    """
    Return program, versions and ODBC drivers (``None`` without a driver manager).
    """
    try:
        version = metadata.version(PROGRAM)
    except metadata.PackageNotFoundError:
        version = "unknown"
    return {
        "program": "migrator",
        "version": version,
        "python": platform.python_version(),
        "format_version": FORMAT_VERSION,
        "odbc_drivers": odbc_drivers(),
    }


VERBS: tuple[Verb, ...] = (
    EXPORT,
    PARTIAL_EXPORT,
    IMPORT,
    wizard_verb(lambda words: run(words), SERVER),
    Verb(
        "version",
        "Show the program's version and what it found on this machine.",
        (Option("format", "How to show it.", "FORMAT", ("text", "json"), default="text"),),
        run_version,
    ),
    Verb("help", "Show the commands, or the options of one.", (), run_help, arguments="[COMMAND]"),
)


def find_verb(name: str) -> Verb:
    """
    Return the verb of that name, blind to case and hyphens.

    Raises:
        UsageError: there is none.
    """
    for verb in VERBS:
        if fold(verb.name) == fold(name):
            return verb
    near = nearest(name, [verb.name for verb in VERBS])
    hint = f"did you mean {near}?" if near else "`migrator help` lists all"
    raise UsageError(f"there is no command {name}; {hint}")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command line and return its exit code: 0 success, 1 failure, 2 wrong usage, 130 interrupted.
    """
    if arguments is None:
        # As a program: a termination signal unwinds as an error does, so that nothing half-done is left.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return run(words)
    except OperatorError as error:
        sys.stderr.write("".join(f"migrator: {line}\n" for line in str(error).splitlines()))
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("migrator: interrupted\n")
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        sys.stderr.write(bug_report(error))
        return 1


def run(words: Sequence[str]) -> int:
    """
    Find the verb and run it.

    Raises:
        OperatorError: what went wrong.
    """
    while words and fold(words[0]) in ("console", "nologo"):
        words = words[1:]
    if not words:
        sys.stderr.write(overview(VERBS))
        return UsageError.exit_code
    if fold(words[0]) in ("help", "h", "?"):
        words = ["help", *words[1:]]
    verb = find_verb(words[0])
    values = parse(verb, words[1:])
    if values.has("help"):
        sys.stdout.write(usage(verb))
        return 0
    return verb.run(values)


def bug_report(error: Exception) -> str:
    """
    Return what is said of an error that nobody foresaw: its type and place, no values, which may be secrets.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    ours = [frame for frame in frames if "migrator" in Path(frame.filename).parts]
    if ours:
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
    text = f"migrator: internal error: {type(error).__name__} in {place}; please report it\n"
    if os.environ.get(DEBUG_VARIABLE) == "1":
        text += "".join(traceback.format_exception(error))
    return text


if __name__ == "__main__":
    sys.exit(main())
