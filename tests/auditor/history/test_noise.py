"""
What the history says changes all the time, and the rule for it.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from auditor.cli.main import PROGRAM
from auditor.history.index import Index
from auditor.history.noise import Noise, noise, pattern_of
from migrator.tree.git import Git
from tests.support.histories import History, project, shop


def busy(path: Path) -> History:
    """
    Return a history of ten runs: a target's health moves at each, tasks come and go, somebody edits a project twice.
    """
    history = History(path / "history.git")
    tree: dict[str, Any] = shop()
    history.commit(tree, "First\n\nRun: r0 1/1", when=100)
    for number in range(1, 11):
        tree["Machines/web.json"] = {
            "Id": "Machines-1",
            "Name": "web",
            "Endpoint": {"Seen": number},
            "Volumes": [{"Id": "v-1", "Free": number}],
        }
        tree = {key: value for key, value in tree.items() if not key.startswith("Lease/")}
        tree[f"Lease/{number}.json"] = {"Id": f"Leases-{number}", "Name": "lease"}
        if number in (3, 7):
            tree["Projects/Web Shop/Web Shop.json"] = project(1, "Web Shop", Description=str(number))
        # A run of two commits is one run.
        history.commit(tree, f"Run\n\nRun: r{number} 1/2", when=100 + number)
        tree["Environments/Production.json"] = {"Id": "Environments-1", "Name": "Prod" if number < 5 else "Live"}
        history.commit(tree, f"Run\n\nRun: r{number} 2/2", when=100 + number)
    return history


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return busy(tmp_path_factory.mktemp("noise"))


def found_in(history: History, **given: Any) -> Noise:
    with Index(history.path.parent / "noise.sqlite", Git(history.path)) as index:
        index.catch_up(history.git("rev-parse", "main"))
        return noise(index, **given)


def test_what_moves_at_each_run_is_named_with_its_rule(history: History) -> None:
    """
    Tables whose rows come and go, places and documents that change: each in how many runs; a person's edits are none.
    """
    found = found_in(history)

    assert found.runs == 10
    assert [(item.type, item.runs) for item in found.tables] == [("Lease", 10)]
    assert {(item.type, item.path, item.runs) for item in found.paths} == {
        ("Machine", "Endpoint/Seen", 9),
        ("Machine", "Volumes/*/Free", 9),
    }
    assert [(item.type, item.id) for item in found.documents] == [("Machine", "Machines-1")]


def test_rules_are_lines_of_the_configuration(history: History) -> None:
    """
    What is printed can be put into the file as it stands.
    """
    found = found_in(history)

    rules = [tomllib.loads(item.rule) for item in (*found.tables, *found.paths)]
    assert {"exclude_tables": ["Lease"]} in rules
    assert {"volatile": [{"type": "Machine", "path": "Volumes/*/Free"}]} in rules


def test_fewer_runs_and_a_higher_share_say_less(history: History) -> None:
    """
    Only the last runs count, and nothing is noise that happened in fewer than three of them.
    """
    assert found_in(history, share=0.95).paths == ()
    assert found_in(history, runs=2) == Noise(2)


def test_the_command_prints_it(history: History) -> None:
    """
    The command works on any clone, as text and as JSON.
    """
    words = ["noise", "--repository", str(history.path)]
    text = CliRunner().invoke(PROGRAM, words, standalone_mode=False)
    parsed = json.loads(CliRunner().invoke(PROGRAM, [*words, "--json"], standalone_mode=False).output)

    assert text.exit_code == 0 and " 90 %  Machine Endpoint/Seen" in text.output
    assert parsed["runs"] == 10 and parsed["tables"][0]["table"] == "Lease"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("Steps/[s-1]/Name", "Steps/*/Name"), ("Steps/0/Name", "Steps/*/Name"), ("A~1B/C", "A~1B/C")],
)
def test_elements_of_lists_become_a_pattern(path: str, expected: str) -> None:
    """
    Which element it was says nothing about the place.
    """
    assert pattern_of(path) == expected
