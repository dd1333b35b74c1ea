"""
The commands and their options, as data: all that help and completion need.

What a command does is in a module of its own.
"""

from __future__ import annotations

from pathlib import Path

import click

from auditor.init import QUESTIONS
from migrator.command_line.command import Command, names_in, option, switch

CONFIG = option(
    "config",
    "FILE",
    "The configuration file.",
    required=True,
    type=Path,
)
SERVER = option("server", "NAME", "Only this server of the configuration.", shell_complete=names_in("servers"))
JSON = switch("json", "Print one JSON object.", "as_json")
HISTORY = (
    option("repository", "DIR", "The repository, or any clone of it.", type=Path),
    option("config", "FILE", "The configuration file.", type=Path),
    option("server", "NAME", "The server of the configuration.", shell_complete=names_in("servers")),
)
FILTERS = (
    option("project", "NAME", "A project and what belongs to it."),
    option("type", "TYPE", "Documents of a type, as target or variables.", argument="type_"),
    option("space", "NAME", "Documents of a space."),
    option("name", "GLOB", "Documents whose name fits, as 'Web*'."),
    option("person", "NAME", "By whom: a part of a name or an address."),
    option("since", "TIME", "Not before this time."),
    option("until", "TIME", "Not after this time."),
    option("coverage", "CLASS", "Only this class of coverage, as unattributed."),
    switch("secret-only", "Only changes of secrets."),
)
SHAPE = (
    option("format", "FORMAT", "How to show it.", ("text", "markdown", "json", "html"), argument="form"),
    switch("json", "The same as --format json.", "as_json"),
    option("color", "WHEN", "Colours.", ("auto", "always", "never")),
)
FULL = switch("full", "Without a limit of lines.")

COMMANDS = (
    Command(
        "demo",
        "auditor.cli.demo:demo",
        "Show the whole main job on an embedded server, then say where to look.",
        (
            option(
                "directory",
                "DIR",
                "Where to make it; replaced if it holds an earlier one.",
                default="demo",
                show_default=True,
                type=Path,
            ),
            option("server-version", "VERSION", "Whose database it has.", ("2018.8", "2026.1")),
        ),
    ),
    Command(
        "init",
        "auditor.cli.init:init",
        "Ask what is needed, write a configuration and a systemd drop-in, and check them.",
        (
            option(
                "output",
                "FILE",
                "The configuration to write; the systemd drop-in goes beside it.",
                default="auditor.toml",
                show_default=True,
                type=Path,
            ),
            switch("yes", "Ask nothing: take the options given, and defaults for the rest."),
            *(option(name.replace("_", "-"), "TEXT", f"{text}.") for name, text, _ in QUESTIONS),
        ),
    ),
    Command(
        "check",
        "auditor.cli.check:check",
        "Find out before the first run what would not work, and what to do about it.",
        (CONFIG, SERVER, JSON),
    ),
    Command(
        "once",
        "auditor.cli.once:once",
        "Audit each server once, now.",
        (
            CONFIG,
            SERVER,
            switch("detailed-exitcode", "Exit with 3 when something changed."),
            switch("json", "Print one JSON object per server.", "as_json"),
            switch("accept-shrink", "Commit even if much or a whole type is gone."),
            switch("full", "Do not trust the state file; render every document."),
            switch("dry-run", "Show what would be committed; without maintenance mode, and nothing is kept."),
        ),
    ),
    Command(
        "adopt",
        "auditor.cli.once:adopt",
        """Let a history that is another server's go on with this one, by one run.

        A repository belongs to the server whose installation its metadata.json names; a run refuses any other, since it
        would replace one server's configuration by another's. Say by this that it is meant: a server that was installed
        anew, or moved to a database made from scratch.
        """,
        (
            CONFIG,
            option(
                "server",
                "NAME",
                "The server whose repository it is.",
                required=True,
                shell_complete=names_in("servers"),
            ),
        ),
    ),
    Command(
        "run",
        "auditor.cli.daemon:run",
        """Run as a daemon: each server on its schedule.

        SIGHUP reads the configuration again (one with errors keeps the old), SIGUSR1 runs every server now, SIGUSR2
        writes every thread's stack to stderr, SIGTERM and SIGINT close what is open and end.
        """,
        (
            CONFIG,
            option(
                "poll",
                "SECONDS",
                "How often to look around.",
                type=click.FloatRange(0.05, 300),
                default=30.0,
                hidden=True,
            ),
        ),
    ),
    Command("trigger", "auditor.cli.daemon:trigger", "Ask the running daemon for a run now.", (CONFIG, SERVER)),
    Command(
        "release",
        "auditor.cli.daemon:release",
        "Restore the maintenance mode that a killed run left on.",
        (CONFIG, SERVER),
    ),
    Command(
        "status",
        "auditor.cli.status:status",
        "Show each server's last run, next run, window and last error.",
        (CONFIG, JSON),
    ),
    Command(
        "rekey",
        "auditor.cli.rekey:rekey",
        """Seal the secrets of HEAD under a new password, in one commit.

        Put the new password where the configuration says, keep the old one somewhere else for this command, and stop
        the daemon or let it wait. Older commits are not rewritten: they still open with the old password, and only with
        it, so keep it as long as you keep the history; whoever knew it can go on reading what it sealed.
        """,
        (
            CONFIG,
            option(
                "server",
                "NAME",
                "The server whose repository gets a new password.",
                required=True,
                shell_complete=names_in("servers"),
            ),
            option("old-password", "REF", "Where the old password is, such as file:PATH.", required=True),
            option("new-password", "REF", "Where the new one is; by default the configured one."),
        ),
    ),
    Command(
        "log",
        "auditor.cli.history:log",
        "Who changed what, the newest first.",
        (
            *HISTORY,
            *FILTERS,
            *SHAPE,
            option("max-count", "N", "At most so many commits.", short="-n", type=click.IntRange(1)),
        ),
    ),
    Command(
        "show",
        "auditor.cli.history:show",
        "What a commit, or a run, changed, in Octopus's own words.",
        (*HISTORY, *FILTERS, *SHAPE, FULL, click.Argument(["commit"], default="HEAD")),
    ),
    Command(
        "diff",
        "auditor.cli.history:diff",
        "What differs between two commits or times, or between the repositories of two servers.",
        (
            *HISTORY,
            *FILTERS,
            *SHAPE,
            switch("exit-code", "Exit with 1 where something differs, as git does."),
            FULL,
            click.Argument(["older"]),
            click.Argument(["newer"], default="HEAD"),
        ),
    ),
    Command(
        "blame",
        "auditor.cli.places:blame",
        "Since when each variable or step of a document is as it is: DOCUMENT, DOCUMENT#variable or DOCUMENT#step.",
        (*HISTORY, *SHAPE, click.Argument(["document"])),
    ),
    Command(
        "at",
        "auditor.cli.places:at",
        "The configuration of a moment: its documents, or one of them.",
        (*HISTORY, *SHAPE, click.Argument(["time"]), click.Argument(["document"], required=False)),
    ),
    Command(
        "find",
        "auditor.cli.places:find",
        "Where a word stands: names, values, scripts; --ever: or ever stood.",
        (*HISTORY, *SHAPE, switch("ever", "Also what stood there once."), click.Argument(["text"])),
    ),
    Command(
        "noise",
        "auditor.cli.history:noise",
        "What changes in most runs, each with the rule that would silence it.",
        (
            *HISTORY,
            switch("json", "As JSON.", "as_json"),
            option("runs", "N", "Over how many runs that committed something.", type=click.IntRange(1), default=100),
            option("share", "PERCENT", "From which share of them on.", type=click.IntRange(0, 100), default=20),
            click.Argument(["name"], required=False, metavar="[SERVER]"),
        ),
    ),
    Command(
        "index",
        "auditor.cli.clone:make_index",
        "Make the index over the history anew, from git alone.",
        (*HISTORY, switch("check", "Compare it with one made anew.", "compare")),
    ),
    Command(
        "git-config",
        "auditor.cli.clone:git_config",
        """Make plain git show a clone well: names as they are, hunk headers that name the variable or the step.

        It writes into the clone's own configuration and its info/attributes, and nothing into the tree. The repository
        that the auditor keeps has it already.
        """,
        (*HISTORY, switch("undo", "Take it out again.")),
    ),
)
