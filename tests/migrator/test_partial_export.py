"""
Partial export: the same bytes as a whole one, nothing dangling, nothing sideways, and there and back.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from migrator.documents.document import Body
from migrator.errors import DatabaseError, OperatorError, UsageError
from migrator.export.read import look_at
from migrator.export.spool import Spool
from migrator.exporter import export
from migrator.importer import import_tree
from migrator.maps.parts import CERTIFICATES, DEPLOYMENTS, MACHINES, TENANTS
from migrator.selection.closure import Closure
from migrator.selection.read import look_for, read_selected
from migrator.selection.request import Selection
from migrator.sql.reader import Reader
from migrator.tree.files import FolderFiles
from tests.support.imports import Server, empty_server
from tests.support.partial import IMPORT, Exported, Shop, action, new_shop, take
from tests.support.servers import SampleServer, contents, migrator

IDS = re.compile(r"\b[A-Za-z]+s?-(?:\d+)\b")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return new_shop(tmp_path)


@pytest.fixture
def sample(server: SampleServer, tmp_path: Path) -> Shop:
    return Shop(Server(server.path), tmp_path)


def test_files_are_those_of_a_whole_export(sample: Shop) -> None:
    """
    Every file has the bytes it has in a whole export; only tenants, whose connections are cut, may differ.
    """
    whole = sample.whole()
    done = sample.export("Web Shop", "Invoices", history=False).files()
    mine = {path: content for path, content in done.items() if path != "metadata.json"}
    assert len(mine) > 60
    assert {path for path, content in mine.items() if whole[path] != content} <= {
        path for path in mine if path.startswith("Tenants/")
    }


@pytest.mark.parametrize("minds_case", [True, False])
def test_files_are_called_as_in_a_whole_export(shop: Shop, minds_case: bool) -> None:
    """
    A name that another document bears but for case makes its file another one, also where the other stays behind;
    whether the database's own comparison minds case or not.
    """
    shop.project()
    collation = "" if minds_case else "COLLATE NOCASE"
    columns = ", ".join(f"{row[1]} TEXT {collation}" for row in shop.server.run("PRAGMA table_info(Lifecycle)"))
    shop.server.run("ALTER TABLE Lifecycle RENAME TO Old")
    shop.server.run(f"CREATE TABLE Lifecycle ({columns})")
    shop.server.run("INSERT INTO Lifecycle SELECT * FROM Old")
    shop.server.run("DROP TABLE Old")
    shop.add("Lifecycle", "Lifecycles-2", Name="PLAIN", Phases=[])
    shop.add("Lifecycle", "Lifecycles-3", Name="Other", Phases=[])
    whole = {path for path in shop.whole() if path.startswith("Lifecycles/")}
    mine = {path for path in shop.export(history=False).files() if path.startswith("Lifecycles/")}
    assert len(whole) == 3
    assert mine == {path for path in whole if "Lifecycles-1" in path}


@pytest.mark.parametrize("ignored", [frozenset[str](), TENANTS, CERTIFICATES, MACHINES, TENANTS | MACHINES])
def test_what_is_mentioned_is_there_or_listed(sample: Shop, ignored: frozenset[str]) -> None:
    """
    Each id that any document mentions is in the export, or in the report's warnings and in metadata.json.
    """
    done = sample.export("Web Shop", "Release Train", "Kassenabschluß Größe 2", ignored=ignored)
    assert not ignored & done.types()
    there = {identity.lower() for identity in done.ids()}
    known = {
        row[0].lower()
        for table in ("Project", "Machine", "Tenant", "Certificate", "Team", "User", "DeploymentEnvironment", "Feed")
        for row in sample.server.run(f'SELECT Id FROM "{table}"')
    }
    listed = " ".join(warning.message for warning in done.report.warnings).lower()
    left = json.dumps(done.metadata["Partial"]["LeftOut"]).lower()
    for body in done.bodies():
        for text in {text.lower() for text in IDS.findall(json.dumps(body))} & known - there:
            assert re.search(rf"\b{re.escape(text)}\b", listed), (body["Id"], text)
            assert text in left or "connections" in listed, (body["Id"], text)


def test_shared_documents_pull_nothing_sideways(sample: Shop) -> None:
    """
    One project comes alone, whatever environments, tenants, teams and lifecycles it shares; channels are its own.
    """
    done = sample.export("Web Shop")
    assert done.report.counts["Project"] == {"Exported": 1}
    assert {body["ProjectId"] for body in done.bodies() if "VersionRange" in str(body.get("Rules"))} <= {"Projects-1"}
    assert not {"User", "ApiKey", "Subscription", "Configuration"} & done.types()


def test_deploy_release_children_are_named(sample: Shop) -> None:
    """
    Projects that a step deploys are not exported but carried by id and name, and found by name on the target.
    """
    done = sample.export("Release Train")
    named = done.metadata["Partial"]["LeftOut"]["Project"]
    assert named["Projects-7"] == {"Name": "Ledger"}
    assert "Projects-7" not in done.ids()
    target = _target(sample)
    take(target, sample.export("Ledger", into="ledger"))
    take(target, done)
    ids = {body["Name"]: body["Id"] for body in target.all("Project")}
    process = next(b for b in target.all("DeploymentProcess") if b["OwnerId"] == ids["Release Train"])
    actions = [a for step in process["Steps"] for a in step["Actions"]]
    ledger = next(a for a in actions if a["Name"] == "Deploy Ledger")
    other = next(a for a in actions if a["Name"] == "Deploy Invoices")
    assert ledger["Properties"]["Octopus.Action.DeployRelease.ProjectId"] == ids["Ledger"]
    assert ledger["Packages"][0]["PackageId"] == ids["Ledger"]
    assert other["Properties"]["Octopus.Action.DeployRelease.ProjectId"] == "Projects-0"


def machine(shop: Shop, number: int, roles: list[str], environment: str, **more: Any) -> str:
    body = {"Name": f"M{number}", "IsDisabled": False, "Roles": roles, "EnvironmentIds": [environment]}
    body |= {"TenantIds": [], "TenantTags": [], "MachinePolicyId": "MachinePolicies-1", "CommunicationStyle": "None"}
    return shop.add("Machine", f"Machines-{number}", Endpoint={}, **(body | more))


def test_targets_come_by_environment_and_role(shop: Shop) -> None:
    """
    A target comes if the project goes to one of its environments and a step needs one of its roles, or if a variable
    names it; its policy and its own other environments come with it.
    """
    shop.add("MachinePolicy", "MachinePolicies-1", Name="P", IsDefault=True)
    for number in (2, 3):
        shop.environment(f"Environments-{number}", f"E{number}")
    wanted = machine(shop, 1, ["WEB"], "Environments-1", EnvironmentIds=["Environments-1", "Environments-3"])
    machine(shop, 2, ["db"], "Environments-1")
    machine(shop, 3, ["web"], "Environments-2")
    named = machine(shop, 4, ["db"], "Environments-2")
    scope = {"Id": "v", "Name": "A", "Value": "1", "Type": "String", "Scope": {"Machine": [named]}}
    shop.project(steps=[action(Step={"Octopus.Action.TargetRoles": "web,#{Role}"})], variables=[scope])
    done = shop.export()
    assert {i for i in done.ids() if i.startswith("Machines-")} == {wanted, named}
    assert {"MachinePolicies-1", "Environments-3"} <= done.ids()
    less = shop.export(into="less", ignored=MACHINES)
    assert "Machine" not in less.types()
    assert any(named in warning.message for warning in less.report.warnings)


def test_a_lifecycle_without_phases_goes_through_all_environments(shop: Shop) -> None:
    """
    By convention such a lifecycle names all environments; they and their targets come when asked for, else the report
    says that they do not.
    """
    shop.add("MachinePolicy", "MachinePolicies-1", Name="P", IsDefault=True)
    shop.environment("Environments-2", "Far")
    shop.add("Lifecycle", "Lifecycles-2", Name="Empty", Phases=[])
    there = machine(shop, 1, ["web"], "Environments-2")
    shop.project(LifecycleId="Lifecycles-2", steps=[action(Step={"Octopus.Action.TargetRoles": "web"})])
    done = shop.export(all_environments=True)
    assert {"Environments-1", "Environments-2", there} <= done.ids()
    assert not done.report.warnings
    less = shop.export(into="less")
    assert there not in less.ids()
    assert [warning.document for warning in less.report.warnings] == ["Lifecycles-2"]


def test_workers_come_with_the_pools_that_steps_name(shop: Shop) -> None:
    """
    A named pool brings its workers; another pool of such a worker comes without its own.
    """
    shop.add("MachinePolicy", "MachinePolicies-1", Name="P", IsDefault=True)
    for number in (1, 2):
        shop.add("WorkerPool", f"WorkerPools-{number}", Name=f"Pool {number}", SortOrder=1, IsDefault=False)
    base = {"IsDisabled": False, "MachinePolicyId": "MachinePolicies-1", "CommunicationStyle": "None", "Endpoint": {}}
    shop.add("Worker", "Workers-1", Name="W1", WorkerPoolIds=["WorkerPools-1", "WorkerPools-2"], **base)
    shop.add("Worker", "Workers-2", Name="W2", WorkerPoolIds=["WorkerPools-2"], **base)
    shop.project(steps=[action(WorkerPoolId="WorkerPools-1")])
    done = shop.export().ids()
    assert {"WorkerPools-1", "WorkerPools-2", "Workers-1"} <= done
    assert "Workers-2" not in done


@pytest.mark.parametrize("tag", ["TagSets-5/Tags-1", "Region/EU", "region/eu"])
def test_a_tag_brings_its_set(shop: Shop, tag: str) -> None:
    """
    A tag is a reference by id and by its canonical name, blind to case.
    """
    tags = [{"Id": "TagSets-5/Tags-1", "Name": "EU"}]
    shop.add("TagSet", "TagSets-5", Name="Region", SortOrder=1, Tags=tags)
    shop.project(steps=[action(TenantTags=[tag])])
    assert "TagSets-5" in shop.export().ids()


def test_typed_values_are_references(shop: Shop) -> None:
    """
    A parameter of a step template, a template's default and a tenant's value bring what they name.
    """
    limits: Body = {"EnvironmentIds": [], "TenantIds": [], "TenantTags": [], "AccountType": "Token"}
    for number in range(1, 5):
        shop.add("Account", f"account-{number}", Name=f"A{number}", **limits)
    control = {"DisplaySettings": {"Octopus.ControlType": "AzureAccount"}}
    parameter = {"Id": "p", "Name": "Account", **control}
    template = {"Name": "T", "Version": 1, "ActionType": "x", "Properties": {}, "CommunityActionTemplateId": None}
    shop.add("ActionTemplate", "ActionTemplates-1", **template, Parameters=[parameter])
    used = {"Octopus.Action.Template.Id": "ActionTemplates-1", "Account": "account-1"}
    part = {"Id": "t", "Name": "T", "DefaultValue": "account-2", **control}
    shop.project(steps=[action(properties=used)], Templates=[part])
    shop.tenant("Tenants-1", "North", Projects_1=["Environments-1"])
    place = {"TenantId": "Tenants-1", "OwnerId": "Projects-1", "EnvironmentId": "Environments-1"}
    shop.add("TenantVariable", "TenantVariables-1", **place, VariableTemplateId="t", Value="account-3")
    done = shop.export().ids()
    assert {"account-1", "account-2", "account-3"} <= done
    assert "account-4" not in done


def test_every_chain_leads_to_a_chosen_project(sample: Shop) -> None:
    """
    For each document the explanation begins with it and ends with a project that was asked for.
    """
    done = sample.export("Web Shop")
    assert len(done.report.chains) == sum(counts["Exported"] for counts in done.report.counts.values())
    ends = {line.split(" <- ")[-1].partition(" (")[0] for line in done.report.chains}
    assert ends == {"asked for", "project Web Shop [Projects-1]"}


def test_explain_is_printed(server: SampleServer, tmp_path: Path) -> None:
    """
    --explain shows a chain of places for a document that is two steps away.
    """
    done = migrator(
        *("partial-export", "--database", server.address, "--directory", str(tmp_path / "o"), "--PROJECT=ledger"),
        *("--explain", "--quiet", "--console", "--noLogo", "--ignoreHistory"),
    )
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("lifecycle Hotfix"))
    assert line.endswith(
        "<- channel Preview: β/next [Channels-10] (LifecycleId) <- project Ledger [Projects-7] (its channel)"
    )


def test_another_export_is_not_mixed_in(shop: Shop) -> None:
    """
    A directory with another export is refused, the same export may be repeated, --clean replaces.
    """
    shop.project()
    shop.project("Projects-2", "Mill")
    first = shop.export("Shop")
    assert shop.export("Shop").files() == first.files()
    with pytest.raises(UsageError, match="holds another export"):
        shop.export("Mill")
    assert Exported(first.folder, first.report).files() == first.files()
    whole = shop.folder / "whole"
    shop.whole()
    before = contents(whole)
    with pytest.raises(UsageError, match="--clean"):
        shop.export("Shop", into="whole")
    assert contents(whole) == before


def test_the_original_format_is_imported_too(sample: Shop) -> None:
    """
    --format octopus writes the chosen projects in the original's form, which an import reads.
    """
    done = migrator(
        *("partial-export", "--database", sample.server.address, "--directory", str(sample.folder / "o")),
        *("--project", "Ledger", "--format", "octopus", "--ignore-history", "--quiet"),
    )
    assert done.returncode == 0, done.stderr
    assert b"Octopus.Migrator" in (sample.folder / "o/metadata.json").read_bytes()
    target = _target(sample)
    import_tree(target.address, FolderFiles(sample.folder / "o"), IMPORT)
    assert [body["Name"] for body in target.all("Project")] == ["Ledger"]


@pytest.mark.parametrize("number", [pytest.param(n, marks=[pytest.mark.slow] if n % 3 else []) for n in range(24)])
def test_there_and_back(sample: Shop, number: int) -> None:
    """
    A project that is exported, imported into an empty server and exported again is the same but for its ids.
    """
    name = sorted(body["Name"] for body in sample.server.all("Project"))[number]
    first = sample.export(name, history=False)
    target = _target(sample)
    report = take(target, first)
    again = Shop(target, sample.folder).export(name, into="again", history=False)
    ids = {old.lower(): new for kinds in report.ids.values() for old, new in kinds.items()}
    assert _plain(first, ids) == _plain(again, {})


def _plain(done: Exported, ids: dict[str, str]) -> dict[str, Any]:
    """
    Return the documents by their mapped ids, with what a partial export leaves out on purpose taken out.
    """
    left = {identity.lower() for kinds in done.metadata["Partial"]["LeftOut"].values() for identity in kinds}

    def mapped(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("[{"):
            return mapped(json.loads(value))
        if isinstance(value, str):
            new = ",".join(_mapped_id(part, ids) for part in value.split(","))
            return "nothing" if value.lower() in left or new.endswith("s-0") or new == "Projects-999" else new
        if isinstance(value, list):
            items = [item for item in map(mapped, value) if item != "nothing"]
            return sorted(items, key=repr) if all(isinstance(item, str) for item in items) else items
        if isinstance(value, dict):
            pairs = {_mapped_id(key, ids): mapped(item) for key, item in value.items() if key not in _SEALED}
            return {key: item for key, item in pairs.items() if item not in (None, "nothing", [], {})}
        return value

    return {_mapped_id(str(body["Id"]), ids): mapped(body) for body in done.bodies()}


_SEALED = frozenset(("$secret", "InstallationId"))


def _mapped_id(text: str, ids: dict[str, str]) -> str:
    if text.lower() in ids:
        return ids[text.lower()]
    head, slash, tail = text.partition("/")
    if slash and head.lower() in ids:
        return f"{ids[head.lower()]}/{tail}"
    start, dash, owner = text.partition("-")
    return f"{start}-{ids[owner.lower()]}" if dash and owner.lower() in ids else text


def test_several_imports_end_as_one(sample: Shop) -> None:
    """
    Two projects exported together and imported twice: the second time nothing changes.
    """
    done = sample.export("Invoices", "Ledger", history=False)
    target = _target(sample)
    take(target, done)
    counts = take(target, done).counts
    assert {word for kinds in counts.values() for word in kinds} == {"Unchanged"}


def test_a_vanished_row_stops_the_export(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A row whose id was read and that is gone when its body is wanted fails clearly; nothing is written.
    """
    shop.project()
    by_key = Reader.by_key

    def losing(self: Reader, source: Any, *rest: Any, **more: Any) -> Any:
        rows = by_key(self, source, *rest, **more)
        return iter(()) if source.name == "Channel" and len(source.columns) > 4 else rows

    monkeypatch.setattr(Reader, "by_key", losing)
    with pytest.raises(DatabaseError, match="Channels-1 vanished during the read"):
        shop.export()
    assert not (shop.folder / "partial").exists()


def test_a_change_without_a_snapshot_stops_the_export(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the database has no snapshots, anything that moves between the first and the last statement is an error.
    """
    shop.project()
    monkeypatch.setattr("migrator.selection.read.reads_one_state", lambda server: False)
    close = Closure.run

    def moving(self: Closure) -> None:
        close(self)
        with sqlite3.connect(shop.server.path) as connection:
            connection.execute("PRAGMA journal_mode")
        moved.append(1)

    moved: list[int] = []
    signs = iter([{"Project": "1"}, {"Project": "2"}])
    monkeypatch.setattr("migrator.selection.read.probe", lambda server, **how: next(signs))
    monkeypatch.setattr(Closure, "run", moving)
    with pytest.raises(DatabaseError, match="changed during the read"):
        shop.export()
    assert moved


def test_a_reference_that_nothing_explains_stops_the_export(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The last check is independent of the search: what the search forgets, it names with document and place.
    """
    shop.add("Feed", "feeds-x", Name="X", FeedUri="https://x", FeedType="NuGet")
    shop.project(steps=[action(properties={"Octopus.Action.Package.FeedId": "feeds-x"})])
    follow = Closure._follow_slot

    def forgetting(self: Closure, item: Any, slot: Any) -> None:
        if "Feed" not in slot.reference.targets:
            follow(self, item, slot)

    monkeypatch.setattr(Closure, "_follow_slot", forgetting)
    with pytest.raises(OperatorError, match=r"deploymentprocess-Projects-1 at Steps/.*FeedId mentions feeds-x"):
        shop.export()
    assert not (shop.folder / "partial").exists()


def test_what_the_server_has_lost_is_said_and_not_fatal(shop: Shop) -> None:
    """
    An id that exists nowhere on the server is a warning with its place.
    """
    scope = {"Id": "v", "Name": "A", "Value": "1", "Type": "String", "Scope": {"Machine": ["Machines-404"]}}
    shop.project(variables=[scope])
    (warning,) = shop.export().report.warnings
    assert (warning.document, warning.path) == ("variableset-Projects-1", "Variables/[v]/Scope/Machine")
    assert "Machines-404" in warning.message
    assert "does not exist" in warning.message


def test_deployments_can_be_left_out_alone(sample: Shop) -> None:
    """
    Releases come without deployments, tasks and what indexes them.
    """
    done = sample.export("Web Shop", ignored=DEPLOYMENTS)
    assert "Release" in done.types()
    assert not DEPLOYMENTS & done.types()


def test_a_partial_read_reads_little(server: SampleServer) -> None:
    """
    Of a server with two dozen projects only what one needs gets into the spool; a whole read has far more.
    """
    looked = look_for(server.address, Selection(("CON",), history=False))
    with Spool() as spool:
        read_selected(looked, spool, Selection(("CON",), history=False))
        few = sum(item.count for item in spool.tables)
    total = sum(server.run(f'SELECT count(*) FROM "{t.name}"')[0][0] for t in look_at(server.address).schema.tables)
    assert few < total / 3


def test_nothing_chosen_is_wrong_usage(server: SampleServer, tmp_path: Path) -> None:
    """
    Without a project the command says what to give and exits with 2.
    """
    done = migrator("PartialExport", "--database", server.address, "--directory", str(tmp_path / "o"))
    assert done.returncode == 2
    assert "--project" in done.stderr
    assert not (tmp_path / "o").exists()


def _target(shop: Shop) -> Server:
    return empty_server(shop.folder)


def test_spaces_stand_in_their_folder(server_with_spaces: SampleServer, tmp_path: Path) -> None:
    """
    On a server with spaces the documents stand below their space, which comes along, as in a whole export.
    """
    whole = tmp_path / "whole"
    export(server_with_spaces.address, whole, server_with_spaces.options())
    done = Shop(Server(server_with_spaces.path), tmp_path).export("Web Shop", history=False).files()
    del done["metadata.json"]
    assert set(done) <= set(contents(whole))
    shutil.rmtree(whole)


@pytest.mark.parametrize("other", ["Projects-2", "of an older server"])
def test_what_is_part_of_another_project_stays_there(shop: Shop, other: str) -> None:
    """
    A release's channel that is another project's, whatever its id, is named with that project and not taken.
    """
    shop.project(other, "Other")
    shop.add("Channel", "Channels-2", Name="Other", ProjectId=other, LifecycleId=None, TenantTags=[], Rules=[])
    shop.project()
    shop.release(1, "1.0.0", channel="Channels-2")

    done = shop.export()

    assert {"Projects-1", "Releases-1"} <= done.ids()
    assert not {other, "Channels-2"} & done.ids()
    left = done.metadata["Partial"]["LeftOut"]
    assert (list(left["Project"]), list(left["Channel"])) == ([other], ["Channels-2"])


def test_variables_of_another_project_stay_there(shop: Shop) -> None:
    """
    A project that names another's variables, which may also be a library set's, does not bring them.
    """
    shop.project("Projects-2", "Other")
    shop.project(VariableSetId="variableset-Projects-2", IncludedLibraryVariableSetIds=["LibraryVariableSets-1"])
    shop.library("LibraryVariableSets-1", "Common")

    taken = shop.export().ids()

    assert {"variableset-Projects-1", "variableset-LibraryVariableSets-1"} <= taken
    assert "variableset-Projects-2" not in taken


def test_mentioning_a_project_is_not_being_part_of_it(shop: Shop) -> None:
    """
    A project that was cloned from another one is itself all the same.
    """
    shop.project("Projects-2", "Other")
    shop.project(ClonedFromProjectId="Projects-2")

    assert "Projects-1" in shop.export().ids()


def test_an_owner_of_another_type_is_no_project(shop: Shop) -> None:
    """
    What is part of a tenant comes with it, also where the tenant's id looks like a project's.
    """
    shop.project(Templates=[{"Id": "t", "Name": "Colour"}])
    shop.tenant("Projects-9", "Odd", Projects_1=["Environments-1"])
    values = {"OwnerId": "Projects-1", "EnvironmentId": "Environments-1", "VariableTemplateId": "t", "Value": "red"}
    shop.add("TenantVariable", "TenantVariables-1", TenantId="Projects-9", **values)

    assert {"Projects-9", "TenantVariables-1"} <= shop.export().ids()


def test_what_led_nowhere_does_not_keep_a_part_from_arriving(server: SampleServer, tmp_path: Path) -> None:
    """
    A template's invented feed, for one: the head of the tree says that the server never had it, and an import goes on.
    """

    def use(body: dict[str, Any]) -> None:
        body["Steps"][0]["Actions"][0]["Packages"] = [{"Id": "p", "Name": "", "FeedId": "Feeds-NonExisting"}]

    server.edit("DeploymentProcess", "deploymentprocess-Projects-1", use)
    done = Shop(Server(server.path), tmp_path).export("Web Shop", history=False)
    assert done.metadata["Partial"]["LedNowhere"] == ["Feeds-NonExisting"]
    report = import_tree(empty_server(tmp_path).address, FolderFiles(done.folder), IMPORT)
    assert report.counts["DeploymentProcess"] == {"Created": 1}
    assert any("Feeds-NonExisting led nowhere on the source already" in item.message for item in report.warnings)
