"""
Commands and options: click, with names that are blind to case and inner hyphens, and one sentence for each mistake.

The work of a command is loaded when it is done; help, completion and mistakes need the names alone and answer at once.
Errors never repeat a value, since it may be a password.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from migrator.wording import did_you_mean

_PLACES = {"DIR": "dir", "FILE": "file"}
_IGNORED = ("console", "nologo")  # Of the original tool; scripts that were written for it give them.


def fold(name: str) -> str:
    """
    Return a name as names are compared: lower case, without hyphens.
    """
    return name.lower().replace("-", "")


CONTEXT: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "token_normalize_func": fold,
    "max_content_width": 120,
}


class OneOf(click.Choice[str]):
    """
    One of several words, blind to case and hyphens; the error names them all and not what was given.
    """

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        """
        Return a choice as help and completion show it: as it is spelled.
        """
        # click would fold it by the context's function, as names are compared.
        return str(choice)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """
        Return the choice that is meant.
        """
        # Not click's own: its message repeats what was given, which may have been meant for another option.
        found = next((choice for choice in self.choices if fold(choice) == fold(str(value))), None)
        return self.fail(f"takes one of {', '.join(self.choices)}", param, ctx) if found is None else found


def completions(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """
    Return those of *words* that begin so.
    """
    return [CompletionItem(word) for word in words if fold(word).startswith(fold(incomplete))]


def names_in(table: str) -> Any:
    """
    Return what completes a name of *table* in the configuration file that the command line names with --config.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        try:
            # Not by the settings: a file with a mistake in it must still complete names, and quickly.
            found = tomllib.loads(Path(ctx.params["config"]).read_text(encoding="utf-8-sig"))[table]
        except (OSError, ValueError, LookupError, TypeError):
            return []
        return completions(found, incomplete)

    return complete


def switch(name: str, help_: str, argument: str | None = None, **more: Any) -> click.Option:
    """
    Return an option without a value, handed over as *argument*; a script may still say ``=true`` or ``=false``.
    """
    return click.Option([f"--{name}", argument or name.replace("-", "_")], is_flag=True, help=help_, **more)


def option(
    name: str,
    metavar: str,
    help_: str,
    choices: Sequence[str] = (),
    *,
    argument: str | None = None,
    short: str | None = None,
    **more: Any,
) -> click.Option:
    """
    Return an option with a value, called *metavar* in help and handed over as *argument*.

    Of *choices* the first is the default; *short* is a second name, as ``-n``.
    """
    names = [*([short] if short else []), f"--{name}", argument or name.replace("-", "_").lower()]
    if choices:
        more = {"type": OneOf(choices), "default": choices[0], "show_default": True, **more}
        return click.Option(names, help=help_, **more)
    if metavar in _PLACES:
        # Whether it can be read or written is found out by who does it.
        more["shell_complete"] = lambda ctx, param, incomplete: [CompletionItem(incomplete, type=_PLACES[metavar])]
    if more.get("multiple"):
        help_ += " Can be given several times."
    return click.Option(names, metavar=metavar, help=help_, **more)


class Command(click.Command):
    """
    A command whose work is a function, ``module:name``, that takes the options by their names and returns an exit code.
    """

    def __init__(self, name: str, work: str, help_: str, params: Sequence[click.Parameter] = ()) -> None:
        super().__init__(
            name,
            help=help_,
            short_help=help_.partition("\n")[0],
            params=list(params),
            # A word too many is reported here: click's own message repeats it, and it may be a password.
            context_settings={**CONTEXT, "allow_extra_args": True},
        )
        self.work = work

    def arguments(self, ctx: click.Context) -> dict[str, Any]:
        """
        Return what the work is called with.
        """
        return ctx.params

    def invoke(self, ctx: click.Context) -> int:
        """
        Do the work and return its exit code.
        """
        module, _, name = self.work.partition(":")
        return ctx.invoke(getattr(importlib.import_module(module), name), **self.arguments(ctx)) or 0

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """
        Read the words behind the command.

        Raises:
            click.UsageError: an unknown option, a missing, a wrong or a second value, or a word too many.
        """
        try:
            rest = super().parse_args(ctx, list(self._bound(ctx, args)))
        except click.NoSuchOption as error:
            raise self._no_option(ctx, error.option_name) from None
        except click.MissingParameter:
            missing = [_shown(item) for item in self.get_params(ctx) if item.required and not _given(ctx, item)]
            raise click.UsageError(f"{self.name} needs {', '.join(missing)}; {self._see(ctx)}") from None
        except click.BadParameter as error:
            assert error.param is not None
            between = " " if isinstance(error.param.type, OneOf) else ": "
            raise click.UsageError(f"{_name(error.param)}{between}{error.message.rstrip('.')}") from None
        if rest and not ctx.resilient_parsing:
            raise click.UsageError(
                f"argument {args.index(rest[0]) + 1} of {self.name} belongs to no option; "
                "write values with blanks in quotation marks"
            )
        return rest

    def _no_option(self, ctx: click.Context, name: str) -> click.UsageError:
        known = [_name(item) for item in self.get_params(ctx) if isinstance(item, click.Option) and not item.hidden]
        return click.UsageError(f"{self.name} has no option {name}{did_you_mean(name, known, self._see(ctx))}")

    def _see(self, ctx: click.Context) -> str:
        return f"see `{ctx.find_root().info_name} help {self.name}`"

    def _bound(self, ctx: click.Context, args: Sequence[str]) -> Iterator[str]:
        """
        Yield the words with each value bound to its option, as ``--name=value``.

        click takes the next word for a value whatever it is, and of two values the last.
        """
        options = {fold(_name(item)): item for item in self.get_params(ctx) if isinstance(item, click.Option)}
        seen: set[click.Option] = set()
        rest = list(args)
        while rest:
            word = rest.pop(0)
            name, equals, value = word.partition("=")
            found = options.get(fold(name)) if name.startswith("--") else None
            if found is None or ctx.resilient_parsing:
                yield from () if is_ignored(name) else (word,)
                continue
            # ``--help`` may stand twice; of two values nobody could tell which one was meant.
            if found in seen and not (found.multiple or found.is_eager):
                raise click.UsageError(f"{_name(found)} was given twice; give it once")
            seen.add(found)
            if found.is_flag:
                yield from _switched(found, equals, value)
                continue
            # An option behind an option is a value that was forgotten, not a value.
            if not equals and rest and not rest[0].startswith("--"):
                value = rest.pop(0)
            elif not equals:
                raise click.UsageError(
                    f"{_name(found)} needs a value: {_shown(found)} "
                    f"(write {_shown(found, '=')} if it begins with hyphens)"
                )
            # In a script this is a variable that is not set; an empty directory or password is never meant.
            if not value:
                raise click.UsageError(f"{_name(found)} must not be empty")
            yield f"{name}={value}"


def is_ignored(word: str) -> bool:
    """
    Return whether a word is one of the options that mean nothing here.
    """
    return word.startswith("--") and fold(word.partition("=")[0]) in _IGNORED


def _switched(option_: click.Option, equals: str, value: str) -> Iterator[str]:
    if equals and value.lower() not in ("true", "false"):
        raise click.UsageError(f"{_name(option_)} is a switch and takes no value")
    if value.lower() != "false":
        yield _name(option_)


def _name(option_: click.Parameter) -> str:
    return option_.opts[-1]


def _shown(option_: click.Parameter, between: str = " ") -> str:
    if isinstance(option_, click.Argument):
        return _name(option_).upper()
    return f"{_name(option_)}{between}{option_.metavar or 'VALUE'}"


def _given(ctx: click.Context, option_: click.Parameter) -> bool:
    return option_.name is not None and ctx.params.get(option_.name) is not None
