"""
What is remembered between runs, and how it is shown.
"""

from __future__ import annotations

import json
from pathlib import Path

from auditor.cli.status import duration
from auditor.state_folder import StateFolder
from auditor.status import Status, read_status, write_status
from auditor.window.journal import Entry, Journal
from tests.support.daemons import Site, site, small_database  # noqa: F401


def test_before_and_after_runs(site: Site) -> None:  # noqa: F811
    """
    A server that never ran, one that did, one whose run failed, and windows that are open or stuck are told apart.
    """
    for name in ("new", "good", "bad"):
        site.add(name)
    site.audit("good")
    (site.root / "bad.db").write_bytes(b"")
    site.audit("bad")
    servers = json.loads(site.command("status", "--json").output)["servers"]
    assert servers["new"]["last_run"] is None
    assert servers["new"]["age_seconds"] is None
    assert (servers["good"]["last_outcome"], servers["good"]["last_error"]) == ("changed", None)
    assert servers["good"]["age_seconds"] < 60
    assert servers["good"]["version"] == "2018.8.12"
    assert servers["bad"]["last_outcome"] == "failed"
    assert "not an Octopus database" in servers["bad"]["last_error"]
    assert all(item["next_run"].startswith("20") for item in servers.values())

    for name, stuck in (("good", False), ("bad", True)):
        Journal(site.journal(name)).write(Entry(name, "", "2026-01-01T00:00:00+00:00", 1))
        write_status(site.state(name), Status(window_stuck=stuck))
    servers = json.loads(site.command("status", "--json").output)["servers"]
    assert [servers[name]["window"] for name in ("new", "good", "bad")] == ["closed", "open", "stuck"]


def test_the_table_names_every_server_and_its_error(site: Site) -> None:  # noqa: F811
    """
    People get a line a server, and the last error in full below.
    """
    site.add("prod")
    (site.root / "prod.db").unlink()
    site.audit("prod")
    shown = site.command("status")
    assert shown.return_value == 0
    assert "prod" in shown.output
    assert "does not exist or is not a file; check the address" in shown.output


def test_a_damaged_file_is_no_memory(tmp_path: Path) -> None:
    """
    Nothing a disk does to the file stops a run, and what another version wrote is understood as far as it goes.
    """
    folder = StateFolder(tmp_path)
    for content in (b"", b"{", b"[]", b"\xff\xfe", b'{"probe": 1}', b"null"):
        folder.status.write_bytes(content)
        assert isinstance(read_status(folder), Status)
    folder.status.write_text('{"last_run": "2026-01-01T00:00:00+00:00", "from_the_future": 1}')
    assert read_status(folder).last_run == "2026-01-01T00:00:00+00:00"


def test_lengths_of_time() -> None:
    """
    Each in the largest unit that fits.
    """
    assert [duration(seconds) for seconds in (0, 59, 60, 7200, 200_000)] == ["0 s", "59 s", "1 min", "2 h", "2 d"]
