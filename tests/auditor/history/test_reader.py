"""
Commits as documents that differ: of our own trees, of older ones, of what somebody else committed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from auditor.changes.blocks import blocks
from auditor.changes.records import Op, spelled
from auditor.changes.render import as_text
from auditor.history.index import Index
from auditor.history.reader import Changed, Commit, open_reader
from migrator.tree.git import Git
from tests.support.histories import History, project, shop, variables


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.git")


def changed(history: History, old: str | None, new: str) -> list[Changed]:
    with open_reader(Git(history.path)) as reader:
        before = history.git("rev-parse", f"{old}^{{tree}}") if old else reader.empty_tree()
        after = history.git("rev-parse", f"{new}^{{tree}}")
        return list(reader.documents(reader.touched(before, after), before, after))


def told(found: list[Changed]) -> list[tuple[str, str, str]]:
    return [
        (item.change.subject.id, record.op.value, spelled(record.path))
        for item in found
        for record in item.change.records
    ]


def test_a_document_that_moved_is_one_change(history: History) -> None:
    """
    A renamed project's files lie elsewhere, and it is one document whose name changed all the same.
    """
    first = history.commit(shop())
    tree = shop()
    tree["Projects/Store/Store.json"] = project(1, "Store")
    tree["Projects/Store/Store-VariableSet.json"] = tree.pop("Projects/Web Shop/Web Shop-VariableSet.json")
    del tree["Projects/Web Shop/Web Shop.json"]

    found = changed(history, first, history.commit(tree))

    assert told(found) == [("Projects-1", "renamed", "Name")]
    assert found[0].change.files == 2


def test_a_script_beside_its_document_is_a_part_of_it(history: History) -> None:
    """
    A process whose script stands in a file of its own changed when that file did, at the place the script has in it.
    """
    action = {
        "Id": "a",
        "Name": "Go",
        "Properties": {"Octopus.Action.Script.ScriptBody": {"$file": "Web Shop - Go.sh"}},
    }
    process = {
        "Id": "deploymentprocess-Projects-1",
        "OwnerId": "Projects-1",
        "Steps": [{"Id": "s", "Name": "Go", "Actions": [action]}],
    }
    place = "Projects/Web Shop/Web Shop"
    files: dict[str, Any] = {f"{place}-DeploymentProcess.json": process, f"{place} - Go.sh": "echo 1\n"}
    first = history.commit(shop(**files))

    (item,) = changed(history, first, history.commit(shop(**files | {f"{place} - Go.sh": "echo 2\n"})))

    (record,) = item.change.records
    assert (record.before, record.after, record.kind) == ("echo 1\n", "echo 2\n", "script")


def test_what_is_no_document_is_passed_over(history: History) -> None:
    """
    Foreign files, broken JSON, unknown folders and metadata.json are no documents, and stop nothing.
    """
    first = history.commit(shop())
    extra = {
        "README.md": "hello",
        "Projects/Broken.json": "{",
        "Other/thing.json": {"Id": "Things-1"},
        "Projects/List.json": "[]",
    }

    assert told(changed(history, first, history.commit(shop(**extra)))) == []


def test_a_tree_of_the_original_tool(history: History) -> None:
    """
    Documents with the original's ``$type`` are of the type it says, wherever they lie.
    """
    body = {"$type": "Octopus.Core.Model.Projects.Project, Octopus.Core", "Id": "Projects-9", "Name": "Old"}

    found = changed(history, None, history.commit({"Projects/Old.json": body}))

    assert [(item.change.map.type, item.change.records[0].op) for item in found] == [("Project", Op.ADDED)]


def test_commits_come_in_order_with_their_words(history: History) -> None:
    """
    Messages, people and trailers of any text come whole, the oldest commit first, each with what it touched.
    """
    history.commit(shop(), "First\n\nServer: demo\nRun: 1 1/1\n", when=1)
    message = "Second: \u202e odd\n\nA body\nof two lines\n\nServer: demo\n"
    history.commit(shop(**{"a.txt": "x"}), message, author='Ægir ’O" <x@example.com>', when=2)

    with open_reader(Git(history.path)) as reader:
        first, second = list(reader.commits("main"))

    assert [touched.path for touched in second[1]] == ["a.txt"]
    assert len(first[1]) == 5
    commit: Commit = second[0]
    assert (commit.subject, commit.body, commit.trailers) == (
        "Second: \u202e odd",
        "A body\nof two lines",
        (("Server", "demo"),),
    )
    assert (commit.author, commit.authored) == ('Ægir ’O"', 2)
    assert first[0].trailer("Run") == "1 1/1"


def test_a_merge_is_told_against_its_first_parent(history: History) -> None:
    """
    Of a merge commit what differs from the branch it stands on is told, once.
    """
    first = history.commit(shop())
    side = history.commit(shop(**{"side.txt": "s"}), parents=(first,))
    history.git("update-ref", "refs/heads/main", first)
    history.commit(shop(**{"side.txt": "s"}), "Merge", parents=(first, side))

    with open_reader(Git(history.path)) as reader:
        found = [[item.path for item in touched] for _, touched in reader.commits("main")]

    assert found[1:] == [["side.txt"]]


def test_twins_and_broken_bodies_do_not_hide_others(history: History) -> None:
    """
    Two files of one id, and a document whose body is odd, leave the other documents as they are.
    """
    first = history.commit(shop())
    odd = {"Id": "variableset-Projects-1", "OwnerId": None, "Variables": {"not": "a list"}}
    tree = shop(
        **{
            "Projects/Twin/Twin.json": project(1, "Twin"),
            "Environments/Test.json": {"Id": "Environments-2", "Name": "Test"},
        }
    )
    tree["Projects/Web Shop/Web Shop-VariableSet.json"] = odd

    found = {item.change.subject.id for item in changed(history, first, history.commit(tree))}

    assert {"Environments-2", "variableset-Projects-1"} <= found


def test_nothing_is_read_that_does_not_differ(history: History) -> None:
    """
    The variables of one project changed: no other document is loaded.
    """
    first = history.commit(shop())
    tree = shop()
    tree["Projects/Web Shop/Web Shop-VariableSet.json"] = variables(1, {"Name": "Site.Url", "Value": "other"})

    assert {item.change.subject.id for item in changed(history, first, history.commit(tree))} == {
        "variableset-Projects-1"
    }


@pytest.mark.parametrize(
    "content",
    [
        '{"Id": "Environments-2", "Name": "Deep", "X": ' + "[" * 900 + "1" + "]" * 900 + "}",
        '{"Id": "Environments-2", "Name": "Deep", "X": ' + '{"a":[' * 450 + "1" + "]}" * 450 + "}",
        '{"Id": "Environments-2", "Name": "Deep", "X": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"Id": "Environments-2", "Name": "Large", "X": "' + "x" * 5_000_000 + '"}',
        '{"Id": "Environments-2", "Name": "Twins", "R": [{"Id": "a"}, {"Id": "a"}, {"Name": 1}, {}, 3]}',
        '{"Id": ["odd"], "Name": {"odd": 1}, "SpaceId": 7}',
    ],
    ids=["deep", "deep objects", "too deep", "large", "twins", "odd"],
)
def test_a_hostile_document_stops_nothing(history: History, content: str) -> None:
    """
    Whatever a document holds, it and the others are told, before and after.
    """
    place = "Environments/Odd.json"
    first = history.commit(shop())
    second = history.commit(shop(**{place: content, "Environments/Test.json": {"Id": "Environments-3", "Name": "T"}}))
    third = history.commit(shop(**{place: content.replace('"Name": ', '"Note": "n", "Name": ').replace("1]", "2]")}))

    assert "Environments-3" in {item.change.subject.id for item in changed(history, first, second)}
    assert "Environments-3" in {item.change.subject.id for item in changed(history, second, third)}
    with Index(history.path.parent / "index.sqlite", Git(history.path)) as index:
        assert index.catch_up(third) == 3
        told = index.told(f"{second}^{{tree}}", f"{third}^{{tree}}", 2)
        assert "Environment T" in as_text(blocks(told.changes, told.sides))


def test_a_document_of_another_type_now(history: History) -> None:
    """
    An id that stands in another type's folder is one document gone and another one come.
    """
    first = history.commit(shop(**{"Environments/X.json": {"Id": "X-1", "Name": "X"}}))
    second = history.commit(shop(**{"Lifecycles/X.json": {"Id": "X-1", "Name": "X"}}))

    found = {(item.change.map.type, item.change.records[0].op) for item in changed(history, first, second)}

    assert found == {("DeploymentEnvironment", Op.REMOVED), ("Lifecycle", Op.ADDED)}


def test_a_repository_of_the_longer_hash(tmp_path: Path) -> None:
    """
    A script beside its document is found where ids have 64 digits too.
    """
    path = tmp_path / "long.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", "--object-format=sha256", str(path)], check=True)
    history = History(path)
    link = {"Octopus.Action.Script.ScriptBody": {"$file": "Web Shop - Go.sh"}}
    process = {
        "Id": "deploymentprocess-Projects-1",
        "OwnerId": "Projects-1",
        "Steps": [{"Id": "s", "Name": "Go", "Actions": [{"Id": "a", "Name": "Go", "Properties": link}]}],
    }
    place = "Projects/Web Shop/Web Shop"
    files: dict[str, Any] = {f"{place}-DeploymentProcess.json": process, f"{place} - Go.sh": "echo 1\n"}
    first = history.commit(shop(**files))

    (item,) = changed(history, first, history.commit(shop(**files | {f"{place} - Go.sh": "echo 2\n"})))

    assert item.change.records[0].after == "echo 2\n"
