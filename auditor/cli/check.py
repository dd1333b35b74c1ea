"""
The command `auditor check`: all probes, as a table for people or JSON for programs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from auditor.checks import database as check_database
from auditor.checks import host as check_host
from auditor.checks import repository as check_repository
from auditor.checks import server as check_server
from auditor.checks import unit as check_unit
from auditor.checks.check import Finding, Level, Probe, Subject, examine, failed, passed
from auditor.cli.table import show_table
from auditor.settings import Settings, load
from migrator.errors import UsageError
from migrator.wording import counted

# The database comes before REST, which is compared with the version that it tells.
PROBES: tuple[tuple[str, Probe], ...] = (
    ("driver", check_database.driver),
    ("database", check_database.database),
    ("REST", check_server.server),
    ("repository", check_repository.repository),
    ("remote", check_repository.remote),
    ("signing", check_repository.signing),
    ("disk", check_host.disk),
    ("file modes", check_host.modes),
    ("unit", check_unit.configuration),
    ("schedule", check_host.schedule),
    ("notifications", check_host.notifications),
)
WITHOUT_SECRETS = frozenset(("disk", "file modes", "unit", "schedule"))
_STYLE = {Level.PASS: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def check(config: Path, server: str | None, as_json: bool) -> int:
    """
    Look at everything that can be known before the first run; 1 when something would not work.
    """
    try:
        settings = load(config)
        chosen = settings.chosen(server)
    except UsageError as error:
        show([failed("configuration", str(error), "correct these places")], as_json)
        return 2
    findings = [passed("configuration", f"{config}: {counted(len(settings.servers), 'server')}")]
    findings += everything(settings, config, chosen)
    show(findings, as_json)
    return int(any(finding.level is Level.FAIL for finding in findings))


def everything(settings: Settings, config: Path, servers: Iterable[str]) -> list[Finding]:
    """
    Return what all probes find on these servers.
    """
    subjects = [Subject(name, settings.servers[name], settings.state_folder(name), config) for name in servers]
    found = []
    for subject in subjects:
        names = check_unit.credentials([subject.settings])
        if names:
            # One finding, in place of one for each probe that fails for the same reason.
            found.append(replace(check_unit.not_here(names, config), server=subject.server))
        found += examine(subject, [probe for probe in PROBES if not names or probe[0] in WITHOUT_SECRETS])
    return found


def show(findings: list[Finding], as_json: bool) -> None:
    """
    Print findings.
    """
    if as_json:
        value = [vars(finding) | {"level": finding.level.value} for finding in findings]
        click.echo(json.dumps({"ok": all(item["level"] != "fail" for item in value), "findings": value}))
        return
    rows = [(item.server, item.name, item.level.value, item.message) for item in findings]
    console = show_table(("Server", "Check", "Result", "Found"), rows, [_STYLE[item.level] for item in findings])
    for item in findings:
        if item.remedy:
            place = f"{item.server}, {item.name}" if item.server else item.name
            console.print(f"{item.level.value}: {place}: {item.remedy}", soft_wrap=not console.is_terminal)
