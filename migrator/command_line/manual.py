"""
A program's manual page, made from its commands and options, so that it never says what they do not.

Source: man(7), the macros and what must be escaped.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

_EXIT = (
    ("0", "success"),
    ("1", "failure, told in one sentence"),
    ("2", "wrong usage or configuration"),
    ("3", "with --detailed-exitcode: success, and something changed"),
    ("130", "interrupted"),
)


def manual(program: click.Group, version: str) -> str:
    """
    Return the page in the language of man(7).
    """
    context = click.Context(program, info_name=program.name)
    return "".join(f"{line}\n" for line in _page(program, context, version))


def _page(program: click.Group, context: click.Context, version: str) -> Iterator[str]:
    name = str(program.name)
    yield f'.TH "{_escaped(name.upper())}" "1" "" "{_escaped(f"{name} {version}")}" "User commands"'
    yield ".SH NAME"
    yield _text(f"{name} - {_uncapitalised(program.help or '')}")
    yield ".SH SYNOPSIS"
    yield f".B {_escaped(name)}"
    yield r"\fICOMMAND\fR [\fIOPTIONS\fR]"
    yield ".SH COMMANDS"
    for command in program.commands.values():
        if not command.hidden:
            yield from _command(command, context)
    yield ".SH EXIT STATUS"
    for code, meaning in _EXIT:
        yield from (".TP", f".B {code}", _text(meaning))
    yield ".SH SHELL COMPLETION"
    yield _text("In ~/.bashrc (zsh: zsh_source, fish: fish_source):")
    yield from (".PP", ".nf", _text(f'eval "$(_{name.upper()}_COMPLETE=bash_source {name})"'), ".fi")


def _command(command: click.Command, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, parent, info_name=command.name)
    arguments = (
        " ".join(
            f"[{item.make_metavar(context)}]" if not item.required else item.make_metavar(context)
            for item in command.params
            if isinstance(item, click.Argument)
        )
        .replace("[[", "[")
        .replace("]]", "]")
    )
    yield f".SS {_escaped(f'{command.name} {arguments}'.strip())}"
    for number, part in enumerate((command.help or "").split("\n\n")):
        yield from (() if number == 0 else (".PP",))
        yield _text(" ".join(part.replace("\b", "").split()))
    for param in command.params:
        record = param.get_help_record(context) if isinstance(param, click.Option) else None
        if record is not None:
            yield from (".TP", f".B {_escaped(record[0])}", _text(record[1]))


def _uncapitalised(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}".rstrip(".")


def _text(text: str) -> str:
    escaped = _escaped(text)
    # At the beginning of a line these are commands.
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _escaped(text: str) -> str:
    # A hyphen is to be typed, so it must not become a typographic one.
    return text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
