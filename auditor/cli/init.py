"""
The command `auditor init`: questions, the files that follow from the answers, and a check of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from pathlib import Path

import click

from auditor.checks.check import Level
from auditor.cli.check import everything, show
from auditor.cron import Cron
from auditor.init import DROP_IN, QUESTIONS, Answers, write
from auditor.settings import check_server_name, check_web_address, load
from migrator.credentials import check_address, check_reference, is_reference
from migrator.errors import OperatorError, UsageError
from migrator.sql.address import parse_address


def init(output: Path, yes: bool, **given: str | None) -> int:
    """
    Ask what is needed, write a configuration and a systemd drop-in, and check them; 1 when the check fails. To a
    configuration that is there the server is added.

    Raises:
        UsageError: an answer given as an option is wrong, or a file is there that is none of these.
    """
    beside = output.with_name(DROP_IN)
    # Before a dozen questions are answered. A link that leads nowhere is in the way too.
    known = load(output).servers if output.is_file() else {}
    for path in (output, beside):
        if os.path.lexists(path) and not (known and path.is_file()):
            raise UsageError(f"{path} exists already and is not overwritten; name another with --output")
    answers = _asked(given, yes, known)
    write(output, answers, load)
    click.echo(f"{f'added {answers.server} to' if known else 'wrote'} {output} and {beside}")
    settings = load(output)
    findings = everything(settings, output, [answers.server])
    show(findings, False)
    failing = {finding.name for finding in findings if finding.level is Level.FAIL}
    if failing == {"credentials"}:
        # No mistake: what only the unit has cannot be tried before it is there.
        click.echo(
            "next: put the drop-in and the secrets where it says, then check inside the unit by the command above"
        )
        return 0
    if failing:
        click.echo(f"correct what fails, then: auditor check --config {output}", err=True)
        return 1
    click.echo(f"next: auditor once --config {output}")
    return 0


def _asked(given: dict[str, str | None], yes: bool, known: Container[str] = ()) -> Answers:
    answers: dict[str, str] = {}

    def new(name: str) -> None:
        check_server_name(name)
        if name in known:
            raise ValueError(f"the configuration has a server {name} already; give another name")

    checks = {**_CHECKS, "server": _rule(new)}
    for name, text, default in QUESTIONS:
        default = default.format_map({"server": answers.get("server", "")})
        if known and default.startswith("systemd:"):
            # The first server's credentials have the plain names.
            default = default.replace(":", f":{answers['server']}_")
        if name == "api_key" and not answers["url"]:
            answers[name] = ""
            continue
        value = given[name]
        if value is not None or yes:
            try:
                answers[name] = checks.get(name, _any)(default if value is None else value)
            except click.BadParameter as error:
                raise UsageError(f"--{name.replace('_', '-')}: {error.message}") from None
        else:
            # With None click asks on until there is an answer.
            answers[name] = click.prompt(text, default=default or None, value_proc=checks.get(name, _any))
    return Answers(**answers)


def _any(text: str) -> str:
    text = text.strip()
    if not text or not text.isprintable():
        raise click.BadParameter("an answer is one line of text")
    return text


def _optional(text: str) -> str:
    return "" if text.strip() == "-" else _any(text)


def _rule(check: Callable[[str], object], *, optional: bool = False) -> Callable[[str], str]:
    """
    Return what takes an answer that *check* does not raise an error at; with *optional* also none.
    """

    def valid(text: str) -> str:
        text = _optional(text) if optional else _any(text)
        try:
            if text or not optional:
                check(text)
        except (ValueError, OperatorError) as error:
            raise click.BadParameter(str(error)) from None
        return text

    return valid


def _check_database(text: str) -> None:
    check_address(text)
    if not is_reference(text):
        parse_address(text)


_CHECKS: dict[str, Callable[[str], str]] = {
    "server": _rule(check_server_name),
    "database": _rule(_check_database),
    "master_key": _rule(check_reference),
    "password": _rule(check_reference),
    "api_key": _rule(check_reference),
    "signing_key": _rule(check_reference, optional=True),
    "url": _rule(check_web_address, optional=True),
    "remote": _optional,
    "cron": _rule(Cron.parse),
    "timezone": _rule(lambda name: Cron.parse("@daily", name)),
}
