"""
What the world does to an unattended auditor between two runs: repositories, databases, versions, names, networks.
"""

from __future__ import annotations

import shutil

import pytest

import auditor.audit
from auditor.demo.edits import apply_edit
from auditor.demo.stub import RestStub
from auditor.state_folder import StateFolder
from tests.support.audits import bare, git
from tests.support.daemons import API_KEY, Site, site, small_database  # noqa: F401
from tests.support.notification_servers import http_stub, make_certificate
from tests.support.servers import KEY


def body(site: Site) -> str:  # noqa: F811
    return git(site.root / "prod.git", "log", "-1", "--format=%s%n%b", "main")


def test_a_repository_that_is_gone_is_made_anew(site: Site) -> None:  # noqa: F811
    """
    Without a remote the history begins again with the same tree; with one it goes on where it was.
    """
    site.add("prod")
    site.audit("prod")
    tree = git(site.root / "prod.git", "rev-parse", "main^{tree}")
    shutil.rmtree(site.root / "prod.git")
    assert site.audit("prod").outcome == "changed"
    assert git(site.root / "prod.git", "rev-parse", "main^{tree}") == tree

    site.change("prod", repository={"remote": str(bare(site.root / "remote"))})
    assert site.audit("prod").pushed is True
    head = git(site.root / "remote", "rev-parse", "main")
    shutil.rmtree(site.root / "prod.git")
    result = site.audit("prod")
    assert (result.outcome, result.error) == ("unchanged", None)
    assert git(site.root / "prod.git", "rev-parse", "main") == head


def test_a_repository_replaced_by_something_else_is_left_alone(site: Site) -> None:  # noqa: F811
    """
    What holds something else is named, and nothing is written to it.
    """
    site.add("prod")
    site.audit("prod")
    shutil.rmtree(site.root / "prod.git")
    other = bare(site.root / "prod.git")
    blob = git(other, "hash-object", "-w", "--stdin", input="mine")
    tree = git(other, "mktree", input=f"100644 blob {blob}\tnotes.txt\n")
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    commit = git(other, *who, "commit-tree", tree, "-m", "mine")
    git(other, "update-ref", "refs/heads/main", commit)
    result = site.audit("prod")
    assert result.outcome == "failed"
    assert "holds something else" in str(result.error)
    assert git(other, "rev-parse", "main") == commit


def test_a_database_restored_from_an_older_backup(site: Site) -> None:  # noqa: F811
    """
    The run goes on, and log, result and commit say that the database went back.
    """
    database = site.add("prod")
    backup = shutil.copy(database.path, site.root / "backup.db")
    site.audit("prod")
    apply_edit(database.path, KEY, "change a variable")
    assert site.audit("prod").outcome == "changed"
    shutil.copy(backup, database.path)
    result = site.audit("prod")
    assert result.outcome == "changed"
    assert "went back from audit event" in result.warnings[0].message
    assert "Database-Went-Back: from audit event" in body(site)
    assert site.audit("prod").warnings == ()


def test_an_upgrade_between_two_runs(site: Site) -> None:  # noqa: F811
    """
    One commit that names both versions, and none after it.
    """
    database = site.add("prod")
    site.audit("prod")
    table = "OctopusServerInstallationHistory"
    new = {"Id": "'new'", "Version": "'2019.3.1'", "Installed": "'2030-01-01T00:00:00+00:00'"}
    names = [row[1] for row in database.run(f"PRAGMA table_info({table})")]
    columns = ", ".join(new.get(name, f'"{name}"') for name in names)
    database.run(f"INSERT INTO {table} SELECT {columns} FROM {table} LIMIT 1")
    result = site.audit("prod")
    assert len(result.commits) == 1
    assert result.subject.startswith("Octopus upgraded from 2018.8.12 to 2019.3.1")
    assert body(site).startswith(result.subject)
    assert "Octopus-Upgraded-From: 2018.8.12" in body(site)
    assert site.audit("prod").commits == ()


def test_a_renamed_server(site: Site) -> None:  # noqa: F811
    """
    Another name in the configuration is no change of the server: the same repository goes on without a commit.
    """
    site.add("prod")
    site.audit("prod")
    site.servers["production"] = site.servers.pop("prod")
    site.write()
    settings = site.load()
    assert settings.state_folder("production") == site.state("prod")
    result = auditor.audit.audit("production", settings.servers["production"], site.state("prod"), _tools())
    assert (result.outcome, result.error) == ("unchanged", None)


def _tools() -> auditor.audit.Tools:
    return auditor.audit.Tools()


def test_a_name_that_does_not_resolve(site: Site) -> None:  # noqa: F811
    """
    The run fails in one sentence that names the address; no window was opened, and nothing was committed.
    """
    site.add("prod")
    site.audit("prod")
    site.change("prod", url="http://no-such-host.invalid", api_key="env:T_API")
    result = site.audit("prod")
    assert result.outcome == "failed"
    assert "http://no-such-host.invalid cannot be reached" in str(result.error)
    assert not site.journal("prod").exists()
    assert git(site.root / "prod.git", "rev-list", "--count", "main") == "1"


def test_a_certificate_that_is_not_trusted(site: Site) -> None:  # noqa: F811
    """
    It is refused with the option that mends it; with the authority in ca_file the server is spoken to.
    """
    certificate = make_certificate(site.root)
    site.add("prod")
    with http_stub(tls=certificate) as stub:
        site.change("prod", url=stub.url("").rstrip("/"), api_key="env:T_API")
        error = str(site.audit("prod").error)
        assert "TLS certificate that is not trusted" in error
        assert error.endswith("give its authority with ca_file")
        assert stub.requests == []
        site.change("prod", ca_file=str(certificate.certificate))
        assert "something else than JSON" in str(site.audit("prod").error)
        assert stub.requests
        site.change("prod", ca_file=str(site.root / "none.pem"))
        assert "ca_file" in str(site.audit("prod").error)


def test_a_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """
    The environment's proxy is asked for the server's address.
    """
    site.add("prod", url="http://octopus.example.com", api_key="env:T_API")
    with http_stub([404] * 9) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url(""))
        monkeypatch.setenv("http_proxy", proxy.url(""))
        assert site.audit("prod").outcome == "failed"
        assert proxy.requests[0].path.startswith("http://octopus.example.com/api/")


def test_never_opens_no_window(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """
    With mode never the server is not switched: one snapshot is read; where the database has none, the read is repeated
    until nothing moved, and if something always does, that is said.
    """
    with RestStub(API_KEY) as stub:
        site.add("prod", stub, maintenance={"mode": "never"})
        assert site.audit("prod").window_seconds is None
        monkeypatch.setattr(auditor.audit, "reads_one_state", lambda server: False)
        assert site.audit("prod").error is None
        moving = iter(range(1000))
        monkeypatch.setattr(auditor.audit, "probe", lambda server, **how: {"Project": str(next(moving))})
        monkeypatch.setattr("auditor.scope._PAUSE", 0)
        (warning,) = site.audit("prod").warnings
        assert "was changed during each read (Project)" in warning.message
        assert stub.windows == []


def test_the_state_folder_may_be_shared(site: Site) -> None:  # noqa: F811
    """
    With daemon.state_directory each server has a folder of its own in it.
    """
    site.rest = f'[daemon]\nstate_directory = "{site.root}/state"'
    site.add("prod")
    assert site.load().state_folder("prod") == StateFolder(site.root / "state" / "prod")
