"""
Importing straight from a commit of an audit's repository, all of it or some projects and what they need.
"""

from __future__ import annotations

import base64
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from auditor.demo.edits import apply_edits
from migrator import ExportOptions, export
from migrator.cli.main import main
from migrator.credentials import Secret
from migrator.errors import UsageError
from migrator.tree.files import FolderFiles
from migrator.tree.reader import read_tree
from migrator.tree.restrict import restrict
from tests.support.servers import KEY, contents

PASSWORD = "a password of the tests"
MASTER = base64.b64encode(KEY).decode()
OPTIONS = ExportOptions(Secret(PASSWORD), Secret(MASTER))


def git(repository: Path, *words: str) -> str:
    identity = ("-c", "user.name=Tests", "-c", "user.email=tests@localhost")
    done = subprocess.run(["git", "-C", str(repository), *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(scope="module")
def history(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A folder with a repository of one commit, and the server's database after several people edited it.
    """
    root = tmp_path_factory.mktemp("history")
    database = Path(shutil.copy(filled, root / "server.db"))
    export(f"sqlite:///{database}", root / "tree", OPTIONS)
    git(root, "init", "--quiet", "tree")
    git(root / "tree", "add", "--all")
    git(root / "tree", "commit", "--quiet", "--message", "before")
    apply_edits(database, KEY)
    return root


@pytest.fixture
def database(history: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(history / "server.db", tmp_path / "server.db"))


def run(database: Path, repository: Path, *words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("OCTOPUS_MASTER_KEY", MASTER)
    monkeypatch.setenv("MIGRATOR_PASSWORD", PASSWORD)
    source = ["--repository", str(repository), "--revision", "HEAD"]
    return main(["import", f"--database=sqlite:///{database}", *source, "--overwrite", *words])


def test_put_a_server_back(history: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What people changed since is as it was; what they added stays, since an import deletes nothing.
    """
    assert run(database, history / "tree", monkeypatch=monkeypatch) == 0
    export(f"sqlite:///{database}", tmp_path / "again", OPTIONS)
    before, after = contents(history / "tree"), contents(tmp_path / "again")
    changed = {path for path in after if before.get(path) not in (None, after[path])}

    # Union of members, and new ids of what had been deleted, are an import's own rules.
    assert {path.split("/")[0] for path in changed} <= {"Teams", "Tenants", "Accounts", "Machines", "Subscriptions"}
    assert any(path.startswith("Machines/new-shop") for path in after.keys() - before.keys())


def test_one_project_and_what_it_needs(history: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Only the project's own things are put back: another project that was changed too is left as it is now.
    """
    with closing(sqlite3.connect(database)) as db:
        other = "SELECT JSON, Version FROM VariableSet WHERE Id = 'variableset-Projects-2'"
        db.execute("UPDATE VariableSet SET JSON = '{\"Variables\": []}' WHERE Id = 'variableset-Projects-2'")
        db.commit()
        kept = db.execute(other).fetchone()

    assert run(database, history / "tree", "--project", "WEB SHOP ", monkeypatch=monkeypatch) == 0
    with closing(sqlite3.connect(database)) as db:
        assert db.execute(other).fetchone() == kept
        (variables,) = db.execute(
            "SELECT JSON FROM VariableSet WHERE OwnerId = 'Projects-1' AND IsFrozen = 0"
        ).fetchone()
    assert '"Value": "3"' in variables or '"Value":"3"' in variables


def test_again_is_nothing(
    history: Path, database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The same project from the same commit, once more, is a plan of nothing but Unchanged.
    """
    assert run(database, history / "tree", "--project", "Web Shop", monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    assert run(database, history / "tree", "--project", "Web Shop", monkeypatch=monkeypatch) == 0
    words = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [line[1] for line in words] == ["Unchanged"]


def test_what_is_taken(history: Path) -> None:
    """
    A restricted tree has the project with its parts, connected tenants with their values for it, and no other project.
    """
    whole = read_tree(FolderFiles(history / "tree"), Secret(PASSWORD))
    some = restrict(whole, ["Web Shop"])
    held = {(d.map.type, d.id) for d in some.documents}

    assert [d.id for d in some.documents if d.map.type == "Project"] == ["Projects-1"]
    assert {("VariableSet", "variableset-Projects-1"), ("DeploymentProcess", "deploymentprocess-Projects-1")} <= held
    assert not [d for d in some.documents if d.map.type == "User"]
    for document in some.documents:
        if document.map.type == "TenantVariable":
            owner = str(document.body["OwnerId"])
            assert ("Project" if owner.startswith("Projects-") else "LibraryVariableSet", owner) in held
    assert [d for d in some.documents if d.map.type == "TenantVariable"]


def test_a_name_that_is_none(history: Path) -> None:
    """
    A project that the commit does not hold is told with the nearest name.
    """
    with pytest.raises(UsageError, match="did you mean Web Shop"):
        restrict(read_tree(FolderFiles(history / "tree"), Secret(PASSWORD)), ["Web Shp"])


@pytest.mark.parametrize(
    "words",
    [
        ["--directory", "x", "--repository", "y", "--revision", "HEAD"],
        ["--repository", "y"],
        ["--directory", "x", "--revision", "HEAD"],
        [],
    ],
)
def test_one_source(
    words: list[str], filled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A directory, or a repository with a revision: anything else is wrong usage.
    """
    monkeypatch.setenv("OCTOPUS_MASTER_KEY", MASTER)
    monkeypatch.setenv("MIGRATOR_PASSWORD", PASSWORD)
    assert main(["import", f"--database=sqlite:///{filled}", *words]) == 2
    assert "--re" in capsys.readouterr().err


@pytest.mark.parametrize("revision", ["no-such", "--output=x"])
def test_a_revision_that_is_none(
    revision: str, history: Path, database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    An unknown revision is one sentence, and a word that git would take for an option is no revision.
    """
    monkeypatch.setenv("OCTOPUS_MASTER_KEY", MASTER)
    monkeypatch.setenv("MIGRATOR_PASSWORD", PASSWORD)
    words = [f"--repository={history / 'tree'}", f"--revision={revision}"]
    assert main(["import", f"--database=sqlite:///{database}", *words]) in (1, 2)
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
