"""
The versions that a support case needs: the command ``version`` of both programs.
"""

from __future__ import annotations

import json
import platform
from typing import Any

import click

from migrator.command_line.program import version
from migrator.sql.drivers import choose, odbc_drivers
from migrator.tree.metadata import VERSION as FORMAT_VERSION


def version_facts(program: str) -> dict[str, Any]:
    """
    Return program, versions, ODBC drivers (``None`` without a driver manager), and which of them is used.
    """
    return {
        "program": program,
        "version": version(),
        "python": platform.python_version(),
        "format_version": FORMAT_VERSION,
        "odbc_drivers": odbc_drivers(),
        "odbc_driver": str(driver) if (driver := choose()) else None,
    }


def show_version(format: str) -> int:
    """
    Show them as text or as JSON.
    """
    facts = version_facts(str(click.get_current_context().find_root().info_name))
    if format == "json":
        click.echo(json.dumps(facts, indent=2))
        return 0
    drivers = facts["odbc_drivers"]
    shown = "no ODBC driver manager" if drivers is None else ", ".join(drivers) or "none"
    click.echo(f"{facts['program']} {facts['version']}\nPython {facts['python']}\nformat {facts['format_version']}")
    click.echo(f"ODBC drivers: {shown}\nused for SQL Server: {facts['odbc_driver'] or 'none'}")
    return 0
