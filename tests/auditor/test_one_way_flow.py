"""
The recipe of docs/running.md for servers that never meet: audit here, a bundle over the gap, import there.
"""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrator.cli.main import main
from tests.support.audits import Audited, bare, git
from tests.support.imports import TARGET_KEY, Server, empty_server
from tests.support.servers import PASSWORD


@dataclass
class Production:
    """
    The side that only receives: a server, a clone that bundles are fetched into, and what was imported last.
    """

    root: Path
    server: Server
    clone: Path

    @property
    def state(self) -> Path:
        return self.root / "imported"

    def take(self, *more: str) -> tuple[int, dict[str, Any]]:
        """
        Do what the timer does, and return the exit code and the report.
        """
        report = self.root / "report.json"
        report.unlink(missing_ok=True)
        words = ["import", "--database", self.server.address, "--master-key-file", str(self.root / "key")]
        words += ["--password-file", str(self.root / "password"), "--repository", str(self.clone), "--revision", "main"]
        words += ["--overwrite", "--state", str(self.state), "--report", str(report), *more]
        code = main(words)
        return code, json.loads(report.read_text()) if report.exists() else {}


@pytest.fixture
def production(tmp_path: Path) -> Production:
    root = tmp_path / "production"
    clone = bare(root / "flow.git")
    (root / "key").write_text(base64.b64encode(TARGET_KEY).decode())
    (root / "password").write_text(PASSWORD)
    return Production(root, empty_server(root), clone)


def carry(source: Audited, to: Production, folder: Path) -> str:
    """
    Carry the audit's history over the gap as a bundle, and return its newest commit.
    """
    bundle = folder / "flow.bundle"
    git(source.repository, "bundle", "create", "--quiet", str(bundle), "main")
    git(to.clone, "fetch", "--quiet", str(bundle), "+main:main")
    return source.head()


def test_only_what_changed_flows_and_the_last_commit_is_kept(
    fresh: Audited, production: Production, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Chosen projects of one server reach the other: first all of them, then what changed; production's own edits stay.
    """
    fresh.change(export={"projects": ["Ledger"]})
    fresh.good()
    first = carry(fresh, production, tmp_path)

    code, report = production.take("--dry-run")
    assert code == 0 and report["counts"]["Project"]["Created"] == 1
    assert not production.state.exists() and not production.server.all("Project")

    code, report = production.take()
    assert code == 0 and not [word for kinds in report["counts"].values() for word in kinds if "Skipped" in word]
    assert production.state.read_text() == f"{first}\n"
    assert production.server.named("Project", "Ledger")

    capsys.readouterr()
    code, report = production.take()
    assert (code, report) == (0, {}) and first in capsys.readouterr().out

    # What production changed for itself is not what the test server changed.
    production.server.run("UPDATE ProjectGroup SET JSON = json_set(JSON, '$.Description', 'ours')")
    fresh.database.edit("Project", "Projects-7", lambda body: body.update(Description="from the test server"))
    fresh.good()
    second = carry(fresh, production, tmp_path)
    code, report = production.take()

    assert code == 0 and report["counts"] == {"Project": {"Updated": 1}}
    assert production.server.named("Project", "Ledger")["Description"] == "from the test server"
    assert {item["Description"] for item in production.server.all("ProjectGroup")} == {"ours"}
    assert production.state.read_text() == f"{second}\n"


def test_a_plan_is_read_before_it_is_applied(fresh: Audited, production: Production, tmp_path: Path) -> None:
    """
    Where somebody has to agree, the timer writes and sends a plan, and the same command applies it later.
    """
    fresh.change(export={"projects": ["Ledger"]})
    fresh.good()
    commit = carry(fresh, production, tmp_path)
    plan = str(production.root / "plan.json")

    assert production.take("--plan", plan)[0] == 0
    assert not production.state.exists()
    assert production.take("--apply", plan)[0] == 0
    assert production.state.read_text() == f"{commit}\n"


def test_a_history_without_the_last_commit_is_planned_as_a_whole(
    fresh: Audited, production: Production, tmp_path: Path
) -> None:
    """
    A repository that was made anew knows nothing of the last import: everything is looked at, and that is told.
    """
    fresh.change(export={"projects": ["Ledger"]})
    fresh.good()
    carry(fresh, production, tmp_path)
    production.take()
    production.state.write_text("0" * 40 + "\n")

    code, report = production.take()

    assert code == 0 and report["counts"]["Project"] == {"Unchanged": 1}
    assert any("all was planned" in item["message"] for item in report["warnings"])


def test_a_state_that_is_no_commit_is_refused(fresh: Audited, production: Production, tmp_path: Path) -> None:
    """
    Something else in the file is a mistake, not a reason to import everything.
    """
    fresh.change(export={"projects": ["Ledger"]})
    fresh.good()
    carry(fresh, production, tmp_path)
    production.state.write_text("main\n")

    assert production.take()[0] == 1
    assert production.state.read_text() == "main\n"


def test_what_was_lost_on_the_way_is_planned_again(fresh: Audited, production: Production, tmp_path: Path) -> None:
    """
    While a document lacks something, the commit does not count as imported; once it is there, it does.
    """
    fresh.change(export={"projects": ["Ledger"]})
    fresh.good()
    carry(fresh, production, tmp_path)
    whole = git(production.clone, "rev-parse", "main")
    group = next(path for path in fresh.files() if path.startswith("ProjectGroups/"))
    index = production.root / "index"
    env = {"GIT_INDEX_FILE": str(index), "PATH": "/usr/bin:/bin"}
    for words in (["read-tree", "main"], ["rm", "--cached", "--quiet", group]):
        subprocess.run(["git", "--git-dir", str(production.clone), *words], check=True, env=env)
    tree = git(production.clone, "write-tree", env=env)
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    git(
        production.clone, "update-ref", "refs/heads/main", git(production.clone, *who, "commit-tree", tree, "-m", "cut")
    )

    code, report = production.take()
    assert code == 0 and report["counts"]["Project"]["Missing dependencies"] == 1
    assert not production.state.exists()

    git(production.clone, "update-ref", "refs/heads/main", whole)
    assert production.take()[1]["counts"]["Project"] == {"Created": 1}
    assert production.state.read_text() == f"{whole}\n"
