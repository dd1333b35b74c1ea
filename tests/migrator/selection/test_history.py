"""
What happened, exported with its project and taken back by an import.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from migrator.exporter import export
from migrator.importer import import_tree
from migrator.tree.files import FolderFiles
from tests.support.imports import Server, empty_server
from tests.support.partial import IMPORT, Shop, action, new_shop, take
from tests.support.servers import SampleServer, contents, document

FOLDER = "Releases/Web Shop/Default"


@pytest.fixture
def sample(server: SampleServer, tmp_path: Path) -> Shop:
    return Shop(Server(server.path), tmp_path)


def target_of(shop: Shop) -> Server:
    return empty_server(shop.folder)


def test_layout_is_that_of_the_original(sample: Shop) -> None:
    """
    Releases stand below project, channel and version, with their frozen copies; deployments below their project.
    """
    files = sample.export("Web Shop").files()
    for version in ("1.1.0", "1.2.0"):
        for name in ("release", "deployment-process-snapshot", "variable-set-snapshot"):
            assert f"{FOLDER}/{version}/{name}.json" in files
    assert "Deployments/Web Shop/Deployments-1/deployment.json" in files
    assert "ServerTasks/ServerTasks-1.json" in files
    assert not any("snapshot - " in path for path in files)


def test_frozen_copies_keep_what_tells_them_apart(sample: Shop) -> None:
    """
    A frozen copy says that it is one, and of which version; its secrets are sealed like all.
    """
    done = sample.export("Web Shop")
    body = document(done.folder, f"{FOLDER}/1.1.0/variable-set-snapshot.json")
    assert body["IsFrozen"] is True
    assert body["Version"] == 1
    assert any(isinstance(variable["Value"], dict) for variable in body["Variables"])


@pytest.mark.parametrize(
    ("versions", "chosen"), [("1.2.0", ["1.2.0"]), ("1.0.0-1.1.5", ["1.1.0"]), ("*", ["1.1.0", "1.2.0"])]
)
def test_versions_choose_releases_and_their_deployments(sample: Shop, versions: str, chosen: list[str]) -> None:
    """
    Only the chosen releases come, with their frozen copies, deployments and tasks, and nothing of the others.
    """
    done = sample.export("Web Shop", versions=versions)
    assert sorted(path.name for path in (done.folder / FOLDER).iterdir()) == chosen
    wanted = sample.server.run(
        "SELECT count(*) FROM Deployment d JOIN Release r ON r.Id = d.ReleaseId WHERE r.ProjectId = 'Projects-1' "
        f"AND r.Version IN ({', '.join('?' for _ in chosen)})",
        *chosen,
    )[0][0]
    assert done.report.counts["Deployment"]["Exported"] == wanted
    assert done.report.counts["ServerTask"]["Exported"] == wanted


def test_a_shared_snapshot_has_one_file(tmp_path: Path) -> None:
    """
    A frozen copy that two releases use stands with the first; a library set's says of which set it is.
    """
    shop = new_shop(tmp_path)
    shop.library("LibraryVariableSets-1", "Common")
    frozen = shop.variables("variableset-LibraryVariableSets-1-s-1-AAAAA", "LibraryVariableSets-1", frozen=True)
    shop.project()
    snapshot = {"LibraryVariableSetId": "LibraryVariableSets-1", "VariableSetSnapshotId": frozen}
    for number in (2, 1):
        shop.release(number, f"{number}.0.0", LibraryVariableSetSnapshots=[snapshot])
    files = [path for path in shop.export().files() if "library-variable-set-snapshot" in path]
    assert files == [f"Releases/Shop/Default/1.0.0/library-variable-set-snapshot [{frozen}].json"]


def test_an_id_with_another_scripts_digit_has_its_place(tmp_path: Path) -> None:
    """
    A release whose id ends in what looks like a digit and is no number is exported like the others.
    """
    shop = new_shop(tmp_path)
    shop.project()
    shop.release(1, "1.0.0")
    shop.server.run("UPDATE Release SET Id = 'Releases-²'")
    shop.release(2, "2.0.0")
    done = shop.export()
    assert done.report.counts["Release"] == {"Exported": 2}
    assert {f"Releases/Shop/Default/{number}.0.0/release.json" for number in (1, 2)} <= done.files().keys()


def test_an_import_takes_history_back(sample: Shop) -> None:
    """
    Releases, tasks, deployments, their index and the frozen copies get into an empty server, with its own ids, and a
    second import finds them all.
    """
    done = sample.export("Web Shop")
    target = target_of(sample)
    take(target, done)
    (project,) = target.all("Project")
    releases = {body["Version"]: body for body in target.all("Release")}
    assert sorted(releases) == ["1.1.0", "1.2.0"]
    for body in releases.values():
        assert body["ProjectId"] == project["Id"]
        snapshot = target.read("VariableSet", body["ProjectVariableSetSnapshotId"])
        assert snapshot["IsFrozen"]
        assert snapshot["OwnerId"] == project["Id"]
    tasks = {body["Id"] for body in target.all("ServerTask")}
    deployments = target.all("Deployment")
    assert deployments
    assert {body["TaskId"] for body in deployments} == tasks
    assert {body["ReleaseId"] for body in deployments} <= {body["Id"] for body in releases.values()}
    for table in ("DeploymentHistory", "DeploymentRelatedMachine"):
        ids = {row[0] for row in target.run(f'SELECT DeploymentId FROM "{table}"')}
        assert ids == {body["Id"] for body in deployments}
    before = {t: target.run(f'SELECT count(*) FROM "{t}"') for t in ("Release", "ServerTask", "Deployment")}
    counts = take(target, done).counts
    assert counts["Release"] == {"Unchanged": 2}
    assert before == {t: target.run(f'SELECT count(*) FROM "{t}"') for t in before}
    assert "DeploymentRelatedMachine" not in counts


def test_live_documents_are_not_mixed_up_with_frozen_ones(sample: Shop) -> None:
    """
    Beside the frozen copies there is still exactly one living process and variable set of a project.
    """
    target = target_of(sample)
    take(target, sample.export("Web Shop"))
    for table in ("VariableSet", "DeploymentProcess"):
        owners = target.run(f'SELECT OwnerId FROM "{table}" WHERE IsFrozen = 0')
        assert len(owners) == len(set(owners))
        assert target.run(f'SELECT count(*) FROM "{table}" WHERE IsFrozen = 1') == [(2,)]


def test_2271_a_release_is_matched_by_project_and_version(sample: Shop) -> None:
    """
    A release of the same version that the target has already is the same one, whatever its id.
    """
    target = target_of(sample)
    take(target, sample.export("Web Shop", into="first", versions="1.2.0"))
    take(target, sample.export("Web Shop", into="all"))
    assert sorted(body["Version"] for body in target.all("Release")) == ["1.1.0", "1.2.0"]


def test_2334_tasks_of_one_description_and_time_are_kept_apart(sample: Shop) -> None:
    """
    Two tasks that look the same both get into the target, and stay two when imported again.
    """
    sample.server.run(
        "UPDATE ServerTask SET Description = 'same', QueueTime = 'q', StartTime = 's', CompletedTime = 'c', "
        "EnvironmentId = 'Environments-1' WHERE ProjectId = 'Projects-1'"
    )
    done = sample.export("Web Shop")
    target = target_of(sample)
    for _ in range(2):
        take(target, done)
        assert len(target.all("ServerTask")) == done.report.counts["ServerTask"]["Exported"]


def test_stale_ids_are_tolerated(tmp_path: Path) -> None:
    """
    A frozen process that names a feed and a channel long gone is exported and imported with warnings.
    """
    shop = new_shop(tmp_path)
    shop.project()
    old = action(properties={"Octopus.Action.Package.FeedId": "feeds-gone"}, Channels=["Channels-404"])
    shop.release(1, "1.0.0", steps=[old])
    done = shop.export()
    assert {"feeds-gone", "Channels-404"} <= {w.message.split(" ")[0] for w in done.report.warnings}
    target = target_of(shop)
    report = take(target, done)
    assert any("feeds-gone" in warning.message for warning in report.warnings)
    assert len(target.all("Release")) == 1


def test_a_whole_export_with_history_is_imported(sample: Shop) -> None:
    """
    export --include-history and import bring every release of a server; events stay behind and are counted.
    """
    folder = sample.folder / "whole"
    export(sample.server.address, folder, SampleServer(sample.server.path).options(history=True))
    assert len([path for path in contents(folder) if path.endswith("/release.json")]) == 5
    target = target_of(sample)
    report = import_tree(target.address, FolderFiles(folder), IMPORT)
    assert report.counts["Release"] == {"Created": 5}
    assert any("Event: history" in warning.message for warning in report.warnings)
