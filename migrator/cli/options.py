"""
The commands and their options, as data: all that help and completion need.

What a command does is in a module of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from migrator.command_line.command import Command, fold, names_in, option, switch


@dataclass(frozen=True)
class Values:
    """
    What was given on a command line, by the options' names; does not show itself, since passwords are among it.
    """

    given: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def _value(self, name: str) -> Any:
        return self.given.get(fold(name))

    def has(self, name: str) -> bool:
        """
        Return whether a switch or an option was given.
        """
        return bool(self._value(name))

    def all(self, name: str) -> tuple[str, ...]:
        """
        Return every value of a repeatable option.
        """
        return self._value(name) or ()

    def find(self, name: str) -> str | None:
        """
        Return an option's value, or ``None``.
        """
        value = self._value(name)
        return None if value is None else str(value)

    def text(self, name: str) -> str:
        """
        Return the value of an option that is required or has a default.
        """
        return str(self.given[fold(name)])


class Verb(Command):
    """
    A command whose work takes ``Values``.
    """

    def arguments(self, ctx: click.Context) -> dict[str, Any]:
        """
        Return what the work is called with.
        """
        return {"values": values_of(ctx)}


def values_of(ctx: click.Context) -> Values:
    """
    Return what was given on the command line of *ctx*.
    """
    return Values({fold(name.replace("_", "-")): value for name, value in ctx.params.items()})


CONFIG = option("config", "FILE", "The configuration file (TOML).")
SERVER = (
    option(
        "instance",
        "NAME",
        "The server's name in the configuration file: its table [instances.NAME].",
        shell_complete=names_in("instances"),
    ),
    CONFIG,
    option("database", "URL", "Without a configuration file: a SQLAlchemy URL or an ODBC connection string."),
    option("master-key-file", "FILE", "The server's master key, in a file; or the variable OCTOPUS_MASTER_KEY."),
)
PASSWORD = (
    # The original tool takes it so; who minds the process list has the file and the variable.
    option("password", "VALUE", "The password of the export. Other users can see it in the process list."),
    option("password-file", "FILE", "The password of the export, in a file; or the variable MIGRATOR_PASSWORD."),
)
TREE = (
    option("directory", "DIR", "The directory to write to, created when missing.", required=True),
    switch("clean", "Remove everything else in the directory; only in one that holds an export of this program."),
    option("inline-scripts", "MODE", "Scripts in processes.", ("CopyToFiles", "ExtractToFiles", "LeaveInline")),
    switch("include-tasklogs", "Also copy task logs; needs --tasklogs-directory."),
    option("tasklogs-directory", "DIR", "The server's folder of task logs (TaskLogs)."),
    option(
        "noise",
        "LEVEL",
        "How much to leave out of what changes by itself.",
        ("strict", "normal", "raw"),
        default="normal",
    ),
    option("secrets", "MODE", "What to write for secrets.", ("encrypt", "fingerprint", "omit")),
    option("format", "FORMAT", "The layout of the files.", ("native", "octopus")),
)
RESULT = (
    option("report", "FILE", "Write what was done to this file, as JSON."),
    switch("quiet", "Print warnings and errors only."),
)

COMMANDS = (
    Verb(
        "export",
        "migrator.cli.export:run_export",
        "Export a whole server's configuration into a directory.",
        (
            *SERVER,
            *PASSWORD,
            *TREE,
            switch("include-history", "Also releases, deployments, tasks and events."),
            *RESULT,
        ),
    ),
    Verb(
        "partial-export",
        "migrator.cli.partial_export:run_partial_export",
        "Export chosen projects, and only what they need.",
        (
            *SERVER,
            *PASSWORD,
            option("project", "NAME", "A project to export, by name.", multiple=True),
            option("projectGroup", "NAME", "All projects of a group, by name.", multiple=True),
            option("space", "NAME", "Look for the names in this space only.", multiple=True),
            *TREE,
            option(
                "releaseVersion",
                "EXPR",
                "Which releases: a version, a range 1.0.0-1.9.0, or * for all; all if left out.",
            ),
            switch("ignore-history", "No releases, deployments, tasks or auto-deploy history."),
            switch("ignore-deployments", "Releases, but no deployments and tasks."),
            switch("ignore-tenants", "No tenants."),
            switch("ignore-certificates", "No certificates."),
            switch("ignore-machines", "No deployment targets and no workers."),
            switch(
                "all-environments",
                "Where a lifecycle has no phases, take all environments and their deployment targets.",
            ),
            switch("explain", "Print for each document what brought it in."),
            *RESULT,
        ),
    ),
    Verb(
        "import",
        "migrator.cli.import_command:run_import",
        "Import a directory that an export wrote into a server's database: all of it, or nothing.",
        (
            *SERVER,
            *PASSWORD,
            option("directory", "DIR", "The directory of the export."),
            option("repository", "DIR", "Instead of a directory: an audit's repository, bare or not."),
            option("revision", "REV", "The commit of it to import, as git names one: HEAD~3, main@{yesterday}, an id."),
            option("state", "FILE", "Import only what changed since the commit this file keeps, and keep the new one."),
            option("project", "NAME", "Only the project of this name and what it needs.", multiple=True),
            switch("dry-run", "Do everything and undo it; print what would change."),
            switch("overwrite", "Replace documents whose name exists; without it they are skipped."),
            switch("strict", "Refuse the whole tree where a document lacks something or is of an unknown type."),
            switch("force", "Import despite what is wrong with the tree; can damage the database."),
            switch("ignore-version-check", "Accept a tree of another version of the server."),
            # The original tool's import has it, and scripts that were written for that tool give it.
            switch("include-tasklogs", "Accepted for the sake of old scripts; task logs are not imported."),
            option("plan", "FILE", "Write what would be done to this file and change nothing."),
            option(
                "apply",
                "FILE",
                "Do what a saved plan says; refused when tree or target have changed since. Or take back an --undo.",
            ),
            option("backup", "PATH", "Back the database up to this file first; the path is the database server's own."),
            option(
                "undo", "FILE", "Keep what the import writes over in this file; --apply FILE takes the import back."
            ),
            *RESULT,
        ),
    ),
    Verb("wizard", "migrator.cli.wizard:run_wizard", "Ask for everything, show the command, and run it.", (CONFIG,)),
)
