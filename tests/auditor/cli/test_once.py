"""
`auditor once`, as timers and CronJobs use it: told to whom it may concern, with the daemon's limits; and what it
tells people.
"""

from __future__ import annotations

import json
import sys

import pytest

from auditor.cli.once import foretold
from auditor.demo.stub import RestStub
from auditor.result import AuditResult
from auditor.status import read_status
from tests.support.daemons import API_KEY, RUNNING, Site, site, small_database  # noqa: F401
from tests.support.notification_servers import http_stub


def test_it_notifies_and_pings_as_the_daemon_does(site: Site) -> None:  # noqa: F811
    """
    A run of `once` is told to every channel that wants its state, and to the dead man's switch at its start and end; so
    are one that fails after a good one, and the one that recovers.
    """
    told = site.root / "told"
    hook = [sys.executable, "-c", f"import os; open({str(told)!r}, 'a').write(os.environ['AUDITOR_STATES'] + '\\n')"]
    with http_stub() as switch:
        site.add("prod")
        site.change("prod", notify={"command": {"argv": hook}, "ping": {"url": switch.url("/prod")}})

        first = site.command("once", "--json")
        site.change("prod", master_key="env:NOT_SET")
        broken = site.command("once", "--json")
        site.change("prod", master_key="env:T_KEY")
        again = site.command("once", "--json")

    assert [json.loads(run.output.splitlines()[0])["outcome"] for run in (first, broken, again)] == [
        "changed",
        "failed",
        "unchanged",
    ]
    assert [request.path for request in switch.requests] == [
        *("/prod/start", "/prod", "/prod/start", "/prod/fail", "/prod/start", "/prod")
    ]
    assert told.read_text().splitlines() == ["changed", "failed", "recovered,unchanged"]


def test_it_has_a_limit_of_time(site: Site) -> None:  # noqa: F811
    """
    A run of `once` beyond run_limit is abandoned as one of the daemon is, and its window closed.
    """
    with RestStub(API_KEY, tasks=[RUNNING]) as stub:
        site.add("prod", stub, maintenance={"drain": 60}, run_limit=0.5)
        done = site.command("once", "--json")

    assert "run_limit = 0.5 seconds" in json.loads(done.output.splitlines()[0])["error"]
    assert not stub.in_maintenance


def test_it_looks_after_the_repository(site: Site) -> None:  # noqa: F811
    """
    Where nothing but `once` ever runs, it repacks the repository when that is due.
    """
    site.add("prod")

    site.command("once")

    assert read_status(site.state("prod")).last_repack is not None


def result(outcome: str = "changed", **fields: object) -> AuditResult:
    return AuditResult("r", "prod", "2026-11-24T00:00:00Z", outcome, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        (
            result(subject="Shop: A changed", valued=("~ Project Shop / variables", "    ~ A  1 -> 2")),
            ["prod, would be committed: Shop: A changed", "", "~ Project Shop / variables", "    ~ A  1 -> 2"],
        ),
        (result(subject="Scripts moved", valued=("Scripts moved",)), ["prod, would be committed: Scripts moved"]),
        (result("unchanged"), ["prod: nothing changed (0 documents, no window, 0.0 s)"]),
        (result("failed"), ["prod: failed after 0.0 s"]),
    ],
)
def test_what_would_be_committed(given: AuditResult, lines: list[str]) -> None:
    """
    A dry run shows the commit's words; where there would be none it says what it is.
    """
    assert foretold(given).splitlines() == lines
