"""
The window always closes: kills, stops, hangs and a server that refuses, with the daemon and with `once`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys

from auditor.demo.stub import RestStub
from tests.support.daemons import API_KEY, PATIENCE, RUNNING, Child, Site, eventually, site, small_database  # noqa: F401
from tests.support.servers import ROOT

DRAIN = {"drain": 60, "limit": 60}


def wait_for_window(stub: RestStub, child: Child) -> None:
    """
    Wait until a run holds the window open, waiting for a task that does not end.
    """
    eventually(lambda: stub.in_maintenance and any("/api/tasks" in request.path for request in stub.requests))
    assert child.process.poll() is None


def test_a_killed_run_is_undone(site: Site) -> None:  # noqa: F811
    """
    After SIGKILL in the window, `auditor release` restores the state that was found, once, and the daemon does so at
    its start; without anything to restore, `release` is content.
    """
    with RestStub(API_KEY, tasks=[RUNNING]) as stub:
        site.add("prod", stub, maintenance=DRAIN)
        with site.start("once") as once:
            wait_for_window(stub, once)
            once.end(signal.SIGKILL)
        assert stub.in_maintenance
        assert json.loads(site.command("status", "--json").output)["servers"]["prod"]["window"] == "open"
        done = site.command("release")
        assert (done.exception, stub.in_maintenance) == (None, False)
        assert "maintenance mode is as it was" in done.output
        assert site.command("release").output == ""

        with site.daemon() as daemon:
            wait_for_window(stub, daemon)
            daemon.end(signal.SIGKILL)
        assert stub.in_maintenance
        site.change("prod", maintenance={"drain": 0})
        with site.daemon() as daemon:
            daemon.event("window-closed", server="prod")
            daemon.event("run", server="prod", outcome="changed")
            assert daemon.end() == 0
        assert not stub.in_maintenance
        assert not site.journal("prod").exists()


def test_a_stop_closes_the_window(site: Site) -> None:  # noqa: F811
    """
    SIGTERM while the window is open closes it before the daemon ends with 0; nothing is committed.
    """
    with RestStub(API_KEY, tasks=[RUNNING]) as stub:
        site.add("prod", stub, maintenance=DRAIN)
        with site.daemon() as daemon:
            wait_for_window(stub, daemon)
            assert daemon.end() == 0
            stopped = daemon.event("run", server="prod", outcome="failed")
        assert "stopped" in stopped["error"]
        assert not stub.in_maintenance
        assert not site.journal("prod").exists()


ONCE = """
import sys
from auditor.cli.main import main
from tests.support.hanging import hanging_reads
with hanging_reads():
    sys.exit(main(sys.argv[1:]))
"""


def test_a_stop_is_heard_while_the_read_hangs_in_the_driver(site: Site) -> None:  # noqa: F811
    """
    SIGTERM ends `auditor once` although its only run sits in a statement that never ends; the window is closed.
    """
    with RestStub(API_KEY) as stub:
        site.add("prod", stub, maintenance={"limit": 600})
        process = subprocess.Popen(
            [sys.executable, "-c", ONCE, "once", "--config", str(site.config)],
            env=site.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            eventually(lambda: stub.in_maintenance)
            process.terminate()
            _, told = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 1
        assert "the run was stopped before its end" in told
        assert not stub.in_maintenance
    assert not site.journal("prod").exists()


def test_a_stuck_window_is_tried_until_it_works(site: Site) -> None:  # noqa: F811
    """
    A server that refuses the switch back is asked again and again, at the loudest level, with a notification; when it
    gives in, a run follows and tells that all is well.
    """
    told = site.root / "told"
    hook = [sys.executable, "-c", f"import os; open({str(told)!r}, 'a').write(os.environ['AUDITOR_STATES'] + '\\n')"]
    states = ["window-stuck", "recovered", "changed"]
    with RestStub(API_KEY, tasks=[RUNNING]) as stub:
        site.add("prod", stub, maintenance={**DRAIN, "release_limit": 0.1, "request_timeout": 1})
        site.change("prod", notify={"command": {"argv": hook, "states": states}})
        with site.daemon() as daemon:
            wait_for_window(stub, daemon)
            stub.options.fault_method = "PUT"
            stub.fault = "drop"
            stub.options.tasks.clear()
            stuck = daemon.event("run", server="prod", window_stuck=True)
            assert stuck["level"] == "critical"
            daemon.event("maintenance-mode-stuck", count=3, level="critical")
            stub.fault = None
            daemon.event("window-closed", server="prod")
            daemon.event("run", server="prod", reason="released", outcome="changed")
            eventually(lambda: "recovered" in told.read_text())
            assert daemon.end() == 0
        assert not stub.in_maintenance
    assert "window-stuck" in told.read_text().splitlines()[0]


def test_once_ends_when_told_to_although_the_window_is_stuck(site: Site) -> None:  # noqa: F811
    """
    SIGTERM ends `auditor once` in its time although nothing switches back; the journal stays for the next start.
    """
    with RestStub(API_KEY, tasks=[RUNNING]) as stub:
        site.add("prod", stub, maintenance={**DRAIN, "release_limit": 1, "request_timeout": 1})
        with site.start("once", "--json") as once:
            wait_for_window(stub, once)
            stub.options.fault_method = "PUT"
            stub.fault = "500"
            stub.options.tasks.clear()
            once.event("maintenance-mode-stuck")
            assert once.end() == 1
            assert once.event("run")["window_stuck"] is True
        assert site.journal("prod").exists()
        stub.fault = None
        assert site.audit("prod").error is None
        assert not stub.in_maintenance


def test_a_daemon_that_leaves_a_window_on_does_not_end_well(site: Site) -> None:  # noqa: F811
    """
    SIGTERM while nothing switches back ends the daemon with 1, which a service manager sees; the journal stays.
    """
    with RestStub(API_KEY, tasks=[RUNNING]) as stub:
        site.add("prod", stub, maintenance={**DRAIN, "release_limit": 0.5, "request_timeout": 1})
        with site.daemon() as daemon:
            wait_for_window(stub, daemon)
            stub.options.fault_method = "PUT"
            stub.fault = "500"
            assert daemon.end() == 1
            assert daemon.event("stopped-with-rest")["maintenance_left_on"] == ["prod"]
        assert site.journal("prod").exists()
        assert stub.in_maintenance


def test_once_tells_of_a_stuck_window_although_the_read_hangs(site: Site) -> None:  # noqa: F811
    """
    Where the read hangs in what nobody can break off and the server does not answer, `auditor once` tells it and ends.
    """
    told = site.root / "told"
    hook = [sys.executable, "-c", f"import os; open({str(told)!r}, 'a').write(os.environ['AUDITOR_STATES'] + '\\n')"]
    with RestStub(API_KEY) as stub:
        site.add("prod", stub, maintenance={"limit": 1, "release_limit": 1, "request_timeout": 1})
        site.change("prod", notify={"command": {"argv": hook, "states": ["window-stuck"]}})
        script = ONCE.replace("hanging_reads()", "hanging_reads(breakable=False)")
        process = subprocess.Popen(
            [sys.executable, "-c", script, "once", "--config", str(site.config)],
            env=site.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            eventually(lambda: stub.in_maintenance)
            stub.fault = "drip"
            _, said = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 1
        assert "could not be switched off" in said
        assert "window-stuck" in told.read_text()
        assert site.journal("prod").exists()
