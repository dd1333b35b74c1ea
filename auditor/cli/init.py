"""
The command `auditor init`: questions, the files that follow from the answers, and a check of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from auditor.checks.check import Level
from auditor.cli.check import everything, show
from auditor.cron import Cron
from auditor.init import DROP_IN, Answers, configuration, drop_in, write_new
from auditor.settings import load
from migrator.credentials import check_address, check_reference, is_reference
from migrator.errors import OperatorError, UsageError
from migrator.sql.engine import parse_address

_REFERENCE = "env:NAME, file:PATH, systemd:NAME or command:CMD"
_QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("server", "A short name for the server", "prod"),
    ("database", "Its database (SQLAlchemy URL or ODBC connection string; with a password: a reference)", ""),
    ("master_key", f"Where its master key is ({_REFERENCE})", "systemd:master_key"),
    (
        "password",
        f"Where the password is that seals the secrets ({_REFERENCE})",
        "systemd:export_password",
    ),
    ("url", "Its web address, for maintenance mode (- for none)", "-"),
    ("api_key", f"Where an administrator's API key is ({_REFERENCE})", "systemd:api_key"),
    ("repository", "The folder of the git repository", "/var/lib/octopus-auditor/{server}.git"),
    ("remote", "The remote to push to (- for none)", "-"),
    ("signing_key", "Where an SSH key for signing commits is (file:PATH or systemd:NAME, - for none)", "-"),
    ("cron", "When to run (five fields of cron)", "*/15 * * * *"),
    ("timezone", "In which time zone", "UTC"),
)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, text, _ in reversed(_QUESTIONS):
        command = click.option(f"--{name.replace('_', '-')}", name, help=f"{text}.")(command)
    return command


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("auditor.toml"),
    show_default=True,
    help="The configuration to write; the systemd drop-in goes beside it.",
)
@click.option("--yes", is_flag=True, help="Ask nothing: take the options given, and defaults for the rest.")
@_options
def init(output: Path, yes: bool, **given: str | None) -> int:
    """Ask what is needed, write a configuration and a systemd drop-in, and check them."""
    beside = output.with_name(DROP_IN)
    for path in (output, beside):
        if os.path.lexists(path):
            raise UsageError(f"{path} exists already and is not overwritten; name another with --output")
    answers = _asked(given, yes)
    write_new(output, configuration(answers))
    write_new(beside, drop_in(answers))
    click.echo(f"wrote {output} and {beside}")
    settings = load(output)
    findings = everything(settings, output, settings.servers)
    show(findings, False)
    if any(finding.level is Level.FAIL for finding in findings):
        click.echo(f"correct what fails, then: auditor check --config {output}", err=True)
        return 1
    click.echo(f"next: auditor once --config {output}")
    return 0


def _asked(given: dict[str, str | None], yes: bool) -> Answers:
    answers: dict[str, str] = {}
    for name, text, default in _QUESTIONS:
        default = default.format_map({"server": answers.get("server", "")})
        if name == "api_key" and not answers["url"]:
            answers[name] = ""
            continue
        value = given[name]
        if value is not None or yes:
            try:
                answers[name] = _CHECKS.get(name, _any)(default if value is None else value)
            except click.BadParameter as error:
                raise UsageError(f"--{name.replace('_', '-')}: {error.message}") from None
        else:
            answers[name] = click.prompt(text, default=default or None, value_proc=_CHECKS.get(name, _any))
    return Answers(**answers)


def _any(text: str) -> str:
    text = text.strip()
    if not text or not text.isprintable():
        raise click.BadParameter("an answer is one line of text")
    return text


def _optional(text: str) -> str:
    return "" if text.strip() == "-" else _any(text)


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text.strip()):
        raise click.BadParameter("use letters, digits, _ and - only")
    return text.strip()


def _is_reference(text: str) -> str:
    try:
        check_reference(text.strip())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text.strip()


def _is_database(text: str) -> str:
    text = _any(text)
    try:
        check_address(text)
        if not is_reference(text):
            parse_address(text)
    except (ValueError, OperatorError) as error:
        raise click.BadParameter(str(error)) from None
    return text


def _is_url(text: str) -> str:
    text = _optional(text)
    if text and not re.fullmatch(r"https?://\S+", text):
        raise click.BadParameter("write it as https://octopus.example.com")
    return text


def _is_cron(text: str) -> str:
    try:
        Cron.parse(_any(text))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text.strip()


def _is_zone(text: str) -> str:
    try:
        Cron.parse("@daily", _any(text))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text.strip()


_CHECKS: dict[str, Callable[[str], str]] = {
    "server": _name,
    "database": _is_database,
    "master_key": _is_reference,
    "password": _is_reference,
    "api_key": _is_reference,
    "signing_key": lambda text: _is_reference(text) if _optional(text) else "",
    "url": _is_url,
    "remote": _optional,
    "cron": _is_cron,
    "timezone": _is_zone,
}
