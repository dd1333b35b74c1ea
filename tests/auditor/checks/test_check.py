"""
`auditor check`: every finding in its good and its bad form, each bad one with a remedy.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import timedelta

import pytest

from auditor.audit import audit
from auditor.checks import unit
from auditor.checks.check import Finding, Level, Subject, clock_finding, examine, of_error
from auditor.checks.database import NEEDED, rights_findings
from auditor.cli.check import everything
from auditor.demo.stub import RestStub
from auditor.state_folder import StateFolder
from auditor.window.journal import Entry, Journal
from auditor.world import Tools
from migrator.errors import OperatorError
from migrator.sql.rights import Rights, parse_time
from tests.support.audits import bare, foreign_commit, git, hook
from tests.support.daemons import API_KEY, SECRETS, Site, site, small_database  # noqa: F401


def findings(site: Site) -> dict[str, Finding]:  # noqa: F811
    """
    Return what is found, the worst of each name.
    """
    order = list(Level)
    found: dict[str, Finding] = {}
    for item in everything(site.load(), site.config, site.servers):
        if item.name not in found or order.index(item.level) > order.index(found[item.name].level):
            found[item.name] = item
    for item in found.values():
        assert bool(item.remedy) is (item.level is not Level.PASS), item
    return found


def level(site: Site, name: str) -> str:  # noqa: F811
    return findings(site)[name].level.value


def test_a_server_as_it_should_be(site: Site) -> None:  # noqa: F811
    """
    Everything passes, before the first run and after it; nothing is made or switched by looking; the next five runs
    stand in local time and UTC.
    """
    with RestStub(API_KEY) as stub:
        remote = bare(site.root / "remote")
        site.add("prod", stub, repository={"remote": str(remote)})
        site.change("prod", schedule={"cron": "0 3 * * *", "timezone": "Europe/Berlin"})
        shown = site.command("check", "--json")
        assert shown.return_value == 0, shown.output
        told = json.loads(shown.output)
        assert told["ok"] is True
        assert {item["level"] for item in told["findings"]} == {"pass"}, shown.output
        times = next(item["message"] for item in told["findings"] if item["name"] == "schedule").splitlines()
        assert len(times) == 6
        assert all("03:00 +0" in line and line.endswith("UTC") for line in times[1:])
        assert not (site.root / "prod.git").exists()
        assert not site.state("prod").path.exists()
        assert not any(request.method == "PUT" for request in stub.requests)

        assert audit("prod", site.load().servers["prod"], site.state("prod"), Tools()).error is None
        after = findings(site)
        assert {item.level for item in after.values()} == {Level.PASS}
        assert "all commits are there" in after["remote"].message
        table = site.command("check", "--server", "prod")
        assert table.return_value == 0
        assert "schedule" in table.output


def test_the_server_and_its_key(site: Site) -> None:  # noqa: F811
    """
    Another version, a key without the right, a wrong key, maintenance mode that is on, a window left open, and a
    server that does not answer are told apart.
    """
    with RestStub(API_KEY) as stub:
        site.add("prod", stub)
        stub.options.version = "2019.1.0"
        assert "written by 2018.8.12" in findings(site)["REST version"].message
        stub.options.version = "2018.8.12+Branch.main"
        stub.options.permissions = ("ProjectView",)
        found = findings(site)
        assert found["REST version"].level is Level.PASS
        assert found["permission"].level is Level.FAIL
        stub.in_maintenance = True
        assert "somebody else switched it on" in findings(site)["maintenance mode"].message
        site.state("prod").path.mkdir()
        Journal(site.journal("prod")).write(Entry("prod", stub.url, "2026-01-01T00:00:00+00:00", 4711))
        assert "pid 4711" in findings(site)["maintenance mode"].message
        stub.options.api_key = "API-ANOTHER"
        found = findings(site)
        assert "expired" in found["REST"].remedy
        assert site.command("check").return_value == 1
    assert "cannot be reached" in findings(site)["REST"].message


def test_the_database_and_its_key(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """
    A wrong master key, a missing variable, a file that is no database: each fails under its name, and the other
    probes go on.
    """
    site.add("prod")
    assert level(site, "REST") == "warn"
    monkeypatch.setenv("T_KEY", "AAAAAAAAAAAAAAAAAAAAAA==")
    found = findings(site)
    assert found["master key"].level is Level.FAIL
    assert "show-master-key" in found["master key"].remedy
    assert found["schedule"].level is Level.PASS
    monkeypatch.delenv("T_PASSWORD")
    assert "T_PASSWORD" in findings(site)["database"].message
    (site.root / "prod.db").write_bytes(b"no database at all, but long enough to be looked at" * 10)
    assert findings(site)["database"].level is Level.FAIL


def test_the_remote(site: Site) -> None:  # noqa: F811
    """
    A remote that is not there, one that refuses, one with a history, and one that somebody else pushed to.
    """
    remote = bare(site.root / "remote")
    site.add("prod", repository={"remote": str(site.root / "nothing")})
    assert "cannot be reached" in findings(site)["remote"].message
    site.change("prod", repository={"remote": str(remote)})
    assert "it is empty" in findings(site)["remote"].message
    assert audit("prod", site.load().servers["prod"], site.state("prod"), Tools()).pushed
    foreign_commit(remote)
    assert findings(site)["remote"].level is Level.WARN
    site.change("prod", repository={"path": str(site.root / "other.git")})
    assert "takes over" in findings(site)["remote"].message
    hook(remote, "pre-receive", "exit 1")
    assert git(remote, "rev-list", "--count", "main") == "2"


def test_the_repository(site: Site) -> None:  # noqa: F811
    """
    A folder with something else in it, and a repository whose HEAD cannot be read.
    """
    site.add("prod")
    (site.root / "prod.git").mkdir()
    (site.root / "prod.git" / "notes.txt").write_text("mine")
    assert "something else" in findings(site)["repository"].message
    site.change("prod", repository={"path": str(site.root / "other.git")})
    assert audit("prod", site.load().servers["prod"], StateFolder(site.root / "other.git.state"), Tools()).error is None
    for item in (site.root / "other.git" / "objects").rglob("*.pack"):
        item.unlink()
    assert findings(site)["repository"].level is Level.FAIL


def test_the_repository_is_this_servers_and_this_passwords(site: Site) -> None:  # noqa: F811
    """
    A password that HEAD was not sealed with, a history of another server, and a branch that leads nowhere are found
    before the run that would fail by them, each with the command that mends it.
    """
    database = site.add("prod")
    assert audit("prod", site.load().servers["prod"], site.state("prod"), Tools()).error is None
    assert findings(site)["password"].level is Level.PASS

    site.change("prod", export={"password": "env:T_OTHER"})
    assert "auditor rekey" in findings(site)["password"].remedy
    site.change("prod", export={"password": "env:T_PASSWORD"})
    database.run("UPDATE OctopusServerInstallationHistory SET Node = 'ANOTHER'")
    assert "auditor adopt" in findings(site)["repository"].remedy
    (site.root / "prod.git" / "refs" / "heads" / "main").write_text("0" * 39 + "1\n")
    assert "mv " in findings(site)["repository"].remedy


def test_what_is_not_needed_does_not_fail(site: Site) -> None:  # noqa: F811
    """
    Where no window is ever opened, a server that does not answer is no failure.
    """
    site.add("prod", url="http://127.0.0.1:1", maintenance={"mode": "never"})
    assert level(site, "REST") == "pass"


def test_credentials_of_the_unit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """
    Where secrets are credentials that only the unit has, there is one finding with the command that checks inside the
    unit, and nothing fails for want of them; within the unit everything is looked at.
    """
    site.add("prod", master_key="systemd:master_key")
    found = findings(site)
    assert [name for name, item in found.items() if item.level is Level.FAIL] == ["credentials"]
    assert "systemd-run" in found["credentials"].remedy
    assert f"auditor check --config {site.config}" in found["credentials"].remedy

    folder = site.root / "credentials"
    folder.mkdir()
    (folder / "master_key").write_text(SECRETS["T_KEY"])
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert {item.level for item in findings(site).values()} <= {Level.PASS, Level.WARN}


def test_the_units_user_can_read_the_configuration(
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Where a unit is installed, a configuration that its user cannot read fails, and one that all can read is right.
    """
    units = site.root / "units"
    units.mkdir()
    (units / "octopus-auditor.service").touch()
    monkeypatch.setattr(unit, "INSTALLED", units)
    for folder in (site.root, *site.root.parents):
        if folder.stat().st_uid == os.getuid() and str(folder).startswith(tempfile.gettempdir() + "/"):
            folder.chmod(0o755)
    site.add("prod")
    assert findings(site)["unit"].remedy == f"chmod 0644 {site.config}"
    site.config.chmod(0o644)
    assert findings(site)["unit"].level is Level.PASS
    assert findings(site)["file modes"].level is Level.PASS


def test_files_that_others_can_read(site: Site) -> None:  # noqa: F811
    """
    The configuration and every secret file are looked at, and each is named with its remedy.
    """
    secret = site.root / "password"
    secret.write_text("correct horse battery")
    secret.chmod(0o604)
    site.add("prod", export={"password": f"file:{secret}"})
    assert findings(site)["file modes"].remedy == f"chmod o-rwx {secret}"
    secret.chmod(0o600)
    site.config.chmod(0o644)
    assert findings(site)["file modes"].remedy == f"chmod o-rwx {site.config}"


def test_a_repository_that_others_can_enter(site: Site) -> None:  # noqa: F811
    """
    What an older version made for everybody is named with the command that shuts it.
    """
    site.add("prod")
    site.config.chmod(0o600)
    assert site.audit("prod").error is None
    assert findings(site)["file modes"].level is Level.PASS
    repository = site.root / "prod.git"
    repository.chmod(0o755)
    assert findings(site)["file modes"].remedy == f"chmod -R go-rwx {repository}"


def test_notification_endpoints(site: Site) -> None:  # noqa: F811
    """
    An endpoint that cannot be reached fails, and nothing is sent to find out.
    """
    site.add("prod", notify={"webhook": {"url": "http://127.0.0.1:9/hook"}, "command": {"argv": ["no-such-program"]}})
    found = findings(site)
    assert found["notify.webhook.url"].level is Level.FAIL
    assert found["notify.command"].level is Level.FAIL


def test_a_configuration_with_errors(site: Site) -> None:  # noqa: F811
    """
    All of its errors are one finding, with exit code 2 as everywhere.
    """
    site.config.write_text('[servers.prod]\ndatabase = "sqlite:///x"\nmaster_key = "hunter2"\n')
    shown = site.command("check", "--json")
    assert shown.return_value == 2
    message = json.loads(shown.output)["findings"][0]["message"]
    assert "servers.prod.repository" in message
    assert "hunter2" not in shown.output


def test_no_probe_hides_the_others(site: Site) -> None:  # noqa: F811
    """
    A bug in one probe is a finding without the library's own words; an operator's error is split into fact and remedy.
    """

    def broken(subject: Subject) -> list[Finding]:
        raise ValueError("Pwd=hunter2")

    site.add("prod")
    subject = Subject("prod", site.load().servers["prod"], site.state("prod"), site.config)
    (finding,) = examine(subject, [("odd", broken)])
    assert (finding.level, finding.server) == (Level.FAIL, "prod")
    assert "hunter2" not in finding.message
    told = of_error("x", OperatorError("the disk is full; make room; or not"))
    assert (told.message, told.remedy) == ("the disk is full", "make room; or not")


def test_clocks() -> None:
    """
    A minute apart is as good as equal; more is told with its direction.
    """
    ours = parse_time("2026-03-01 12:00:00.1234567 +01:00")
    assert ours.utcoffset() == timedelta(hours=1)
    assert clock_finding("c", "theirs", ours + timedelta(seconds=60), ours).level is Level.PASS
    assert "61 s ahead of" in clock_finding("c", "theirs", ours + timedelta(seconds=61), ours).message
    assert "behind" in clock_finding("c", "theirs", ours - timedelta(days=1), ours).message


def rights(**changes: object) -> Rights:
    value: dict[str, object] = {
        "login": "auditor",
        "user": "aud]itor",
        "database": "Octopus",
        "version": "15.0",
        "edition": "Developer",
        "sysadmin": False,
        "owner": False,
        "unreadable": (),
        "writable": (),
        "invisible": (),
        "of_database": ("CONNECT",),
    }
    return Rights(**(value | changes))  # type: ignore[arg-type]


def test_rights_of_a_login() -> None:
    """
    Too few rights fail with the T-SQL that grants SELECT and nothing else; too many warn.
    """
    assert {item.level for item in rights_findings(rights())} == {Level.PASS}
    lacking = [item for item in rights_findings(rights(unreadable=("Machine", "Account"))) if item.name == "rights"]
    assert lacking[0].level is Level.FAIL
    assert "lacks SELECT on Machine, Account" in lacking[0].message
    assert "GRANT SELECT ON SCHEMA::dbo TO [aud]]itor];" in lacking[0].remedy
    assert "CREATE LOGIN [aud]]itor] WITH PASSWORD" in lacking[0].remedy
    assert "INSERT" not in lacking[0].remedy
    assert "db_owner" not in lacking[0].remedy
    windows = rights(user="CORP\\auditor", unreadable=("Machine",)).grant()
    assert "CREATE LOGIN [CORP\\auditor] FROM WINDOWS" in windows
    hidden = [item for item in rights_findings(rights(invisible=("Project", "Worker"))) if item.name == "rights"]
    assert "lacks SELECT on Project" in hidden[0].message
    for more in ({"sysadmin": True}, {"owner": True}, {"writable": ("Project",)}):
        assert [item.level for item in rights_findings(rights(**more))][-1] is Level.WARN


def test_what_is_needed_is_what_is_read() -> None:
    """
    The tables whose rights are looked at are those of the document map, and what facts and the probe ask for.
    """
    assert {"Project", "VariableSet", "Event", "OctopusServerInstallationHistory"} <= NEEDED
