"""
A program: its commands, its help, and errors as sentences and exit codes.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from migrator.command_line.command import CONTEXT, Command, completions, fold, is_ignored, option, switch
from migrator.errors import OperatorError, UsageError
from migrator.wording import did_you_mean

DISTRIBUTION = "octopus-auditor"
INTERRUPTED = 130


class Program(click.Group):
    """
    A program: its commands in their order, then ``version`` and ``help``.
    """

    def __init__(self, name: str, help_: str, commands: Sequence[Command]) -> None:
        own = [
            Command(
                "version",
                "migrator.command_line.version:show_version",
                "Show the program's version and what it found on this machine.",
                [option("format", "FORMAT", "How to show it.", ("text", "json"))],
            ),
            Command(
                "help",
                "migrator.command_line.program:show_help",
                "Show the commands, or the options of one.",
                [
                    switch("man", "Print the manual page of the whole program, for man(1)."),
                    click.Argument(["command"], required=False, shell_complete=_commands),
                ],
            ),
        ]
        completion = f'eval "$(_{name.upper()}_COMPLETE=bash_source {name})"'
        super().__init__(
            name,
            help=help_,
            # \b: these lines stay as they are.
            epilog=f"\b\nTo complete names by Tab, in ~/.bashrc (zsh: zsh_source, fish: fish_source):\n  {completion}",
            context_settings=CONTEXT,
            commands=[*commands, *own],
        )
        self.params.append(
            switch("version", "Show the version.", expose_value=False, is_eager=True, callback=_show_number)
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """
        Return the names in the order in which help shows them.
        """
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """
        Return the command of a name, blind to case and hyphens.
        """
        return next((item for name, item in self.commands.items() if fold(name) == fold(cmd_name)), None)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """
        Return the command that is meant, and the words behind it.

        Raises:
            click.UsageError: there is none of that name.
        """
        found = self.get_command(ctx, args[0])
        if found is None and not ctx.resilient_parsing:
            raise self.no_command(args[0])
        return (found.name if found else None), found, args[1:]

    def no_command(self, name: str) -> click.UsageError:
        """
        Return what is wrong with a command that there is not.
        """
        hint = did_you_mean(name, self.commands, f"`{self.name} help` lists all")
        return click.UsageError(f"there is no command {name}{hint}")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """
        Read what stands before the command; without one, or with a cry for help, help is what is shown.

        Raises:
            click.UsageError: an option that belongs behind a command.
        """
        # The original tool's scripts give them before the command, too.
        while args and is_ignored(args[0]):
            args = args[1:]
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        if not args:
            click.echo(ctx.get_help(), err=True)
            # Nothing was asked for, so a script that lost its command must not take this for success.
            ctx.exit(UsageError.exit_code)
        if fold(args[0]) in ("help", "h", "?", "/?"):
            args = ["help", *args[1:]]
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(
                f"{error.option_name} stands before the command; write `{self.name} COMMAND {error.option_name}`, "
                f"and see `{self.name} help`"
            ) from None

    def run(self, words: Sequence[str]) -> int:
        """
        Run one command line and return its exit code.

        Raises:
            OperatorError: what went wrong.
            click.ClickException: how it was used wrongly.
        """
        try:
            with self.make_context(self.name, list(words)) as context:
                return int(self.invoke(context))
        except click.exceptions.Exit as end:
            return end.exit_code

    def start(self, arguments: Sequence[str] | None = None) -> int:
        """
        Run a command line, by default the process's own; tell what goes wrong and return the exit code.

        0 success, 1 failure, 2 wrong usage or configuration, 130 interrupted.
        """
        if arguments is None:
            # A termination signal unwinds as an error does, so that nothing half-done is left. Only in a process of its
            # own: who calls this as a function may have set that signal up already.
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        if os.environ.get(f"_{str(self.name).upper()}_COMPLETE"):
            # A shell asks for completions; click answers and ends the process.
            self.main(prog_name=self.name)
        try:
            code = self.run(sys.argv[1:] if arguments is None else arguments)
            # Here and not at the process's end, while a reader that has gone can still be met without a traceback.
            sys.stdout.flush()
            return code
        except click.ClickException as error:
            return self._tell(error.format_message(), UsageError.exit_code)
        except OperatorError as error:
            return self._tell(str(error), error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            return self._tell("interrupted", INTERRUPTED)
        except BrokenPipeError:
            # Whoever read our output has gone; there is nobody to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OperatorError.exit_code
        except Exception as error:
            return self._tell_bug(error)

    def _tell(self, text: str, code: int) -> int:
        sys.stderr.write("".join(f"{self.name}: {line}\n" for line in text.splitlines()))
        return code

    def _tell_bug(self, error: Exception) -> int:
        # The error's own text may hold a document's content, so only its kind and place are shown.
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if {"migrator", "auditor"} & set(Path(frame.filename).parts)]
        place = next((f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(ours or frames)), "nowhere")
        variable = f"{str(self.name).upper()}_DEBUG"
        code = self._tell(
            f"this is a bug, not your mistake: {type(error).__name__} at {place}; please report it "
            f"({variable}=1 shows more)",
            OperatorError.exit_code,
        )
        if os.environ.get(variable) == "1":
            traceback.print_exception(error)
        return code


def _commands(ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
    return completions(ctx.find_root().command.commands, incomplete)  # type: ignore[attr-defined]


def _show_number(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"{ctx.find_root().info_name} {version()}")
        ctx.exit()


def version() -> str:
    """
    Return the version that is installed.
    """
    # Here, since it is slow to import and nothing but the version needs it.
    from importlib import metadata

    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"


def show_help(command: str | None, man: bool = False) -> int:
    """
    Show all commands, or one command's options; with *man* the manual page.

    Raises:
        click.UsageError: there is no such command.
    """
    root = click.get_current_context().find_root()
    program = root.command
    assert isinstance(program, Program)
    if man:
        # Here, since nothing else needs it.
        from migrator.command_line.manual import manual

        click.echo(manual(program, version()), nl=False)
        return 0
    if command is None:
        click.echo(root.get_help())
        return 0
    found = program.get_command(root, command)
    if found is None:
        raise program.no_command(command)
    with click.Context(found, root, found.name, **found.context_settings) as context:
        click.echo(context.get_help())
    return 0
