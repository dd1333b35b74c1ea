"""
A program: its commands, its help, and errors as sentences and exit codes.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from migrator.command_line.command import CONTEXT, Command, completions, fold, is_ignored, option, switch
from migrator.credentials import take_secrets
from migrator.errors import OperatorError, UsageError, bug
from migrator.wording import did_you_mean, escaped

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
            # And nothing that it or a child of it makes is open to others, whatever the umask it was started with.
            os.umask(0o077)
            take_secrets()
            _settle_output()
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
            _let_go_of_output()
            return OperatorError.exit_code
        except OSError as error:
            if error.filename is None:
                # It may be the output that could not be written, and what waits there would be tried again.
                _let_go_of_output()
            return self._tell(_of_the_system(error), OperatorError.exit_code)
        # The interpreter itself tells want of memory in either way.
        except (MemoryError, SystemError):
            return self._tell(_of_the_system(OSError(errno.ENOMEM, "")), OperatorError.exit_code)
        except Exception as error:
            if isinstance(error, RuntimeError) and "new thread" in str(error):
                text = "the system allows no more threads; raise the limit (ulimit -u, TasksMax=) or the memory"
                return self._tell(text, OperatorError.exit_code)
            if isinstance(error, ImportError) and (number := _of_loading(error)) is not None:
                return self._tell(_of_the_system(OSError(number, "")), OperatorError.exit_code)
            return self._tell_bug(error)

    def _tell(self, text: str, code: int) -> int:
        # Where nobody can be told, the exit code alone is left.
        with suppress(OSError, ValueError):
            sys.stderr.write("".join(f"{self.name}: {escaped(line)}\n" for line in text.splitlines()))
            sys.stderr.flush()
        return code

    def _tell_bug(self, error: Exception) -> int:
        variable = f"{str(self.name).upper()}_DEBUG"
        code = self._tell(
            f"this is a bug, not your mistake: {bug(error)}; please report it ({variable}=1 shows more)",
            OperatorError.exit_code,
        )
        if os.environ.get(variable) == "1":
            traceback.print_exception(error)
        return code


def _settle_output() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Whoever started this closed it, and wants to see nothing.
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            # A terminal of another encoding shows what it has not as escapes.
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_output() -> None:
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of_loading(error: ImportError) -> int | None:
    # A compiled module that could not be loaded for want of something; the loader tells it by words alone.
    if "failed to map segment" in str(error):
        return errno.ENOMEM
    known = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
    return next((number for number in known if os.strerror(number).lower() in str(error).lower()), None)


def _of_the_system(error: OSError) -> str:
    """
    Return what an error of the system is to who has to mend it; none of them is a bug.
    """
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many files are open; raise the limit (ulimit -n, LimitNOFILE=)"
    if error.errno == errno.ENOMEM:
        return "there is not enough memory; close other programs, or raise the limit"
    reason = error.strerror or type(error).__name__
    if error.filename is None:
        return f"the system refused to read or write ({reason}); is a disk full, or the output closed?"
    return f"{error.filename} cannot be read or written: {reason}; check path and rights"


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
