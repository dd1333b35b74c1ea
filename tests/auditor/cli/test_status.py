"""
`auditor status`: what it says where nothing runs, and on a terminal that is too narrow.
"""

from __future__ import annotations

import io
import json

from rich.console import Console

from auditor.cli.table import show_table
from tests.support.daemons import Site, site, small_database  # noqa: F401


def test_it_says_that_no_daemon_runs(site: Site) -> None:  # noqa: F811
    """
    Without a daemon no next run is promised, and it says so; with one it does not.
    """
    site.add("prod")

    told = site.command("status").output
    assert "no daemon runs for prod" in told
    assert json.loads(site.command("status", "--json").output)["servers"]["prod"]["daemon"] is False

    with site.daemon() as daemon:
        daemon.event("started")
        assert "no daemon" not in site.command("status").output
        assert json.loads(site.command("status", "--json").output)["servers"]["prod"]["daemon"] is True


def test_a_narrow_terminal_gets_lines() -> None:
    """
    Below the width of the table each row is a block of lines, which break between words, and no word is lost.
    """
    out = io.StringIO()
    text = "a sentence that is much longer than the terminal is wide, which breaks between its words"

    show_table(("Server", "Found"), [("prod", text)], console=Console(file=out, width=40))

    lines = out.getvalue().splitlines()
    assert lines[0] == "Server: prod"
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines[1:]).split()) == f"Found: {text}"
