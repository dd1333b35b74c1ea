"""
What makes plain git show a history well, in the repository that is kept and in a clone.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from auditor.repository.diff_driver import settle, undo
from migrator.documents.canonical_json import encode
from migrator.tree.git import Git
from tests.support.histories import History, shop, variables

PLACE = "Projects/Web Shop/Web Shop-VariableSet.json"


@pytest.fixture
def clone(tmp_path: Path) -> Git:
    History(tmp_path / "history.git").commit(shop())
    subprocess.run(["git", "clone", "-q", "history.git", "clone"], cwd=tmp_path, check=True)
    return Git(tmp_path / "clone")


def attributes(clone: Git) -> Path:
    return clone.path / ".git" / "info" / "attributes"


def headers(history: History) -> list[str]:
    lines = history.git("show", "--format=", "HEAD").splitlines()
    return [line.rpartition("@@")[2].strip() for line in lines if line.startswith("@@")]


def sets(text: str, **changed: str) -> bytes:
    names = ("Site.Url", "Größe", "Replicas")
    some = [
        {"Name": name, "Scope": {"Environment": ["Environments-1"]}, "Value": changed.get(name, text)} for name in names
    ]
    return encode(variables(1, *some), ("Id", "Name"))


def test_a_hunk_header_names_the_variable(tmp_path: Path) -> None:
    """
    The header is the name of the variable that changed; where the name stands in the hunk itself it is empty, and the
    one before is never named in its place.
    """
    history = History(tmp_path / "history.git")
    settle(Git(history.path))
    history.commit(shop(**{PLACE: sets("a")}))
    history.commit(shop(**{PLACE: sets("a", Größe="b")}))

    assert headers(history) == ["Größe"]


def test_a_hunk_header_names_the_step(tmp_path: Path) -> None:
    """
    A property of an action is under the step's name, the second step's not under the first one's.
    """

    def process(value: str) -> bytes:
        bag = {f"Octopus.Action.P{n}": "x" for n in range(5)} | {"Octopus.Action.Z": value}
        steps = [
            {"Id": f"s{n}", "Name": f"Step {n}", "Actions": [{"Id": f"a{n}", "Name": f"Step {n}", "Properties": bag}]}
            for n in range(2)
        ]
        return encode({"Id": "deploymentprocess-Projects-1", "Steps": steps}, ("Id", "Name"))

    history = History(tmp_path / "history.git")
    settle(Git(history.path))
    history.commit({"p/a.json": process("1")})
    history.commit({"p/a.json": process("2")})

    assert headers(history) == ["Step 0", "Step 1"]


def test_names_stand_as_they_are(clone: Git) -> None:
    """
    A path in any script is shown, not its bytes as numbers.
    """
    settle(clone)
    (clone.path / "Größe.json").write_text("{}")
    clone.run("add", ".")

    assert "Größe.json" in clone.run("diff", "--cached", "--name-only")


def test_twice_is_as_once_and_undo_takes_it_out(clone: Git) -> None:
    """
    Setting it again changes nothing, and after undo the clone is byte for byte what it was.
    """
    config = clone.path / ".git" / "config"
    before = config.read_bytes()

    assert (settle(clone), settle(clone)) == (True, False)
    assert attributes(clone).exists()
    assert (undo(clone), undo(clone)) == (True, False)
    assert not attributes(clone).exists()
    assert config.read_bytes().replace(b'[diff "octopus"]\n', b"") == before


def test_what_somebody_wrote_stays(clone: Git) -> None:
    """
    Lines of a person in info/attributes stay, count more than ours, and so does a setting that they changed.
    """
    attributes(clone).parent.mkdir(exist_ok=True)
    attributes(clone).write_text("*.json diff=mine\n")
    settle(clone)
    clone.run("config", "core.quotePath", "true")

    assert "diff: mine" in clone.run("check-attr", "diff", "a.json")
    undo(clone)
    assert attributes(clone).read_text() == "*.json diff=mine\n"
    assert clone.run("config", "core.quotePath") == "true"
