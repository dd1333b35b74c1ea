"""
Defects of the original tool's export, each by its number in the public tracker.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from migrator import export
from migrator.errors import UsageError
from migrator.maps.parts import MACHINES
from migrator.selection.request import Selection
from tests.support.imports import Server, empty_server
from tests.support.partial import Shop, action, new_shop, take
from tests.support.servers import SampleServer, contents, migrator

TEMPLATE = {"Octopus.Action.Template.Id": "ActionTemplates-1", "Octopus.Action.Template.Version": "1"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return new_shop(tmp_path)


def template(shop: Shop, id_: str = "ActionTemplates-1", **more: object) -> None:
    body = {"Name": f"Step {id_}", "Version": 3, "ActionType": "Octopus.Script", "Properties": {}, "Parameters": []}
    shop.add("ActionTemplate", id_, **(body | {"CommunityActionTemplateId": None} | more))


def version(shop: Shop, number: int, latest: str = "ActionTemplates-1") -> str:
    body = {"Name": f"Step {latest}", "Version": number, "ActionType": "Octopus.Script", "Properties": {}}
    return shop.add("ActionTemplateVersion", f"ActionTemplateVersions-{number}", LatestActionTemplateId=latest, **body)


@pytest.mark.parametrize("number", [1629, 2645, 4992, 5952])
def test_1629_2645_4992_5952_every_type_is_exported(
    server_with_spaces: SampleServer, tmp_path: Path, number: int
) -> None:
    """
    Step templates, each kind of account, proxies and runbooks come in a whole export: as many as the tables hold.
    """
    report = export(server_with_spaces.address, tmp_path / "out", server_with_spaces.options())
    tables = {1629: "ActionTemplate", 2645: "Account", 4992: "Proxy", 5952: "Runbook"}
    ((count,),) = server_with_spaces.run(f'SELECT count(*) FROM "{tables[number]}"')
    assert count > 0
    assert report.counts[tables[number]] == {"Exported": count}


def test_5000_extension_settings_carry_their_json(server: SampleServer, tmp_path: Path) -> None:
    """
    The JSON text inside an extension's settings is in its file.
    """
    export(server.address, tmp_path / "out", server.options())
    files = [path.read_text() for path in (tmp_path / "out/ExtensionConfigurations").glob("*.json")]
    assert files
    assert all('"Json": null' not in text and '"Json"' in text for text in files)


def test_1655_history_is_an_option_of_its_own(server: SampleServer, tmp_path: Path) -> None:
    """
    A whole export has no releases unless asked, and then in the original's layout with the frozen copies.
    """
    export(server.address, tmp_path / "plain", server.options())
    export(server.address, tmp_path / "history", server.options(history=True))
    plain, history = contents(tmp_path / "plain"), contents(tmp_path / "history")
    assert not any(path.startswith(("Releases/", "Deployments/", "ServerTasks/", "Events/")) for path in plain)
    folder = "Releases/Web Shop/Default/1.1.0"
    names = {"release", "deployment-process-snapshot", "variable-set-snapshot"}
    assert {path for path in history if path.startswith(f"{folder}/")} == {f"{folder}/{name}.json" for name in names}
    assert "Deployments/Web Shop/Deployments-1/deployment.json" in history
    assert "ServerTasks/ServerTasks-1.json" in history
    assert set(plain) <= set(history)


def test_3167_1747_2050_a_logo_that_is_not_there_breaks_nothing(shop: Shop) -> None:
    """
    A community template or a project whose logo is a gif, or gone, is exported with key and type as they are.
    """
    shop.add(
        "CommunityActionTemplate", "CommunityActionTemplates-1", Name="C", ExternalId="e", LogoAttachmentKey="gone"
    )
    template(shop, CommunityActionTemplateId="CommunityActionTemplates-1")
    shop.project(steps=[action(properties=dict(TEMPLATE))], LogoAttachmentKey="x", LogoAttachmentMimeType="image/gif")
    done = shop.export()
    assert done.body("CommunityActionTemplates-1")["LogoAttachmentKey"] == "gone"
    assert done.body("Projects-1")["LogoAttachmentMimeType"] == "image/gif"


def test_5241_certificates_of_one_name_have_a_file_each(server: SampleServer, tmp_path: Path) -> None:
    """
    A certificate and the one it replaced, which bear one name, do not overwrite each other.
    """
    export(server.address, tmp_path / "out", server.options())
    assert len(list((tmp_path / "out/Certificates").glob("shop.example.com*.json"))) == 2


def test_6915_an_event_is_a_file_by_id(server: SampleServer, tmp_path: Path) -> None:
    """
    The length of an event's message does not matter for its file's name.
    """
    server.run("UPDATE Event SET Message = ? WHERE Id = (SELECT min(Id) FROM Event)", "x" * 4000)
    export(server.address, tmp_path / "out", server.options(history=True))
    ((count,),) = server.run("SELECT count(*) FROM Event")
    assert len(list((tmp_path / "out/Events").glob("Events-*.json"))) == count


def test_5145_3182_4643_names_make_sound_paths(shop: Shop) -> None:
    """
    Long names are bounded, reserved characters and trailing blanks are made safe, and the name itself stays exact.
    """
    name = "A: " + "very long " * 15 + "end "
    properties = {"Octopus.Action.Script.ScriptBody": "echo", "Octopus.Action.Script.ScriptSource": "Inline"}
    shop.project(name=name, steps=[action("Step " * 40, properties)])
    done = shop.export(name)
    assert done.body("Projects-1")["Name"] == name
    parts = [part for path in done.files() for part in path.split("/")]
    assert all(len(part) <= 120 and not part.endswith((" ", ".")) and ":" not in part for part in parts)
    assert any(path.endswith(".ps1") for path in done.files())


def test_5127_what_is_left_out_is_not_even_read(server: SampleServer, tmp_path: Path) -> None:
    """
    With history, tenants, certificates and machines left out, no statement names one of their tables.
    """
    from migrator.exporter import partial_export
    from migrator.maps.parts import CERTIFICATES, TENANTS

    said: list[str] = []

    def listen(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        chosen = Selection(("Web Shop",), history=False, ignored=TENANTS | CERTIFICATES | MACHINES)
        report = partial_export(server.address, tmp_path / "out", chosen, server.options())
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    left = ["Tenant", "TenantVariable", "Certificate", "Machine", "Worker", "Release", "Deployment", "ServerTask"]
    left += ["DeploymentRelatedMachine", "DeploymentHistory", "Event"]
    read = [text for text in said if text.lstrip().upper().startswith("SELECT")]
    assert read
    assert not [name for name in left if any(f'FROM "{name}"' in text for text in read)]
    assert not set(left) & set(report.counts)
    assert not any(path.startswith(("Tenants/", "Machines/", "Releases/")) for path in contents(tmp_path / "out"))


def test_6497_6581_a_table_without_json_is_exported(server: SampleServer, tmp_path: Path) -> None:
    """
    DeploymentRelatedMachine, which has no JSON column, does not stop an export of the history.
    """
    report = export(server.address, tmp_path / "out", server.options(history=True))
    ((count,),) = server.run("SELECT count(*) FROM DeploymentRelatedMachine")
    assert report.counts["DeploymentRelatedMachine"] == {"Exported": count}


def test_7138_a_tenant_connected_to_a_project_is_exported(shop: Shop) -> None:
    """
    A dictionary whose keys are ids of projects is read, exported and mapped to the target's ids.
    """
    shop.project()
    shop.tenant("Tenants-1", "North", Projects_1=["Environments-1"])
    done = shop.export()
    assert done.body("Tenants-1")["ProjectEnvironments"] == {"Projects-1": ["Environments-1"]}
    target = _target(shop)
    take(target, done)
    (project,), (tenant,) = target.all("Project"), target.all("Tenant")
    assert list(tenant["ProjectEnvironments"]) == [project["Id"]]


def test_8172_deployment_settings_are_exported(server_with_spaces: SampleServer, tmp_path: Path) -> None:
    """
    What newer servers moved out of the project comes with it.
    """
    done = Shop(Server(server_with_spaces.path), tmp_path).export("Web Shop")
    assert "deploymentsettings-Projects-1" in done.ids()


@pytest.mark.parametrize("number", [6210, 6213, 6214])
def test_6210_6213_6214_a_published_snapshot_is_said_to_be_left_out(
    server_with_spaces: SampleServer, tmp_path: Path, number: int
) -> None:
    """
    A runbook whose published snapshot is not exported says so in the report, and imports.
    """
    identity = f"RunbookSnapshots-{number}"
    server_with_spaces.edit("Runbook", "Runbooks-1", lambda body: body.update(PublishedRunbookSnapshotId=identity))
    done = Shop(Server(server_with_spaces.path), tmp_path).export("Web Shop", history=False)
    assert [w.path for w in done.report.warnings if identity in w.message] == ["PublishedRunbookSnapshotId"]
    target = empty_server(tmp_path, spaces=True)
    take(target, done)
    assert all(body["PublishedRunbookSnapshotId"] is None for body in target.all("Runbook"))


def test_6799_a_community_template_used_only_by_a_runbook_comes(
    server_with_spaces: SampleServer, tmp_path: Path
) -> None:
    """
    References are followed from every kind of process, through a step template to its community template.
    """
    shop = Shop(Server(server_with_spaces.path), tmp_path)
    community = {"ExternalId": "e", "LogoAttachmentKey": None}
    shop.add("CommunityActionTemplate", "CommunityActionTemplates-9", Name="Community", **community)
    template(shop, "ActionTemplates-90", CommunityActionTemplateId="CommunityActionTemplates-9")

    def use(body: dict[str, list[dict[str, list[dict[str, dict[str, str]]]]]]) -> None:
        body["Steps"][0]["Actions"][0]["Properties"]["Octopus.Action.Template.Id"] = "ActionTemplates-90"

    server_with_spaces.edit("RunbookProcess", "RunbookProcess-Runbooks-1", use)
    assert {"ActionTemplates-90", "CommunityActionTemplates-9"} <= shop.export("Web Shop").ids()


def test_2570_3124_3682_2283_task_logs_follow_their_switch(server: SampleServer, tmp_path: Path) -> None:
    """
    Logs are copied only when asked, only those of exported tasks, and a second time none again.
    """
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("servertasks-1_abc.txt", "servertasks-99_abc.txt"):
        (logs / name).write_text(name)
    common = ["--database", server.address, "--project", "Web Shop", "--quiet"]
    assert migrator("partial-export", "--directory", str(tmp_path / "no"), *common).returncode == 0
    assert not (tmp_path / "no/TaskLogs").exists()
    more = ["--include-tasklogs", "--tasklogs-directory", str(logs)]
    for _ in range(2):
        done = migrator("partial-export", "--directory", str(tmp_path / "yes"), *common, *more)
        assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "yes/TaskLogs").iterdir()] == ["servertasks-1_abc.txt"]


def test_5153_both_switches_are_refused_only_when_both_are_given(server: SampleServer, tmp_path: Path) -> None:
    """
    --releaseVersion alone works; with --ignore-history it is refused, also spelled without hyphens.
    """
    common = ["partial-export", "--database", server.address, "--project", "Web Shop", "--quiet"]
    alone = migrator(*common, "--directory", str(tmp_path / "a"), "--releaseVersion=1.1.0")
    both = migrator(*common, "--directory", str(tmp_path / "b"), "--releaseVersion=1.1.0", "--ignoreHistory")
    assert alone.returncode == 0, alone.stderr
    assert both.returncode == 2
    assert "--ignore-history" in both.stderr
    assert "--releaseVersion" in both.stderr
    assert [path.name for path in (tmp_path / "a/Releases/Web Shop/Default").iterdir()] == ["1.1.0"]


def test_5593_a_name_in_two_spaces_needs_a_space(server_with_spaces: SampleServer, tmp_path: Path) -> None:
    """
    A project's name that two spaces have is an error that names them; --space chooses.
    """
    shop = Shop(Server(server_with_spaces.path), tmp_path)
    with sqlite3.connect(server_with_spaces.path) as connection:
        connection.execute("UPDATE Project SET SpaceId = 'Spaces-1'")
    shop.add("Lifecycle", "Lifecycles-90", Name="Other", Phases=[], SpaceId="Spaces-2")
    shop.project(
        "Projects-90", "Web Shop", SpaceId="Spaces-2", ProjectGroupId="ProjectGroups-61", LifecycleId="Lifecycles-90"
    )
    with pytest.raises(UsageError, match=r"Default, Second: floor.*--space"):
        shop.export("Web Shop")
    done = shop.export("web shop", spaces=("second: FLOOR",))
    assert "Projects-90" in done.ids()
    assert "Projects-1" not in done.ids()


def test_5129_importing_one_project_after_the_other_narrows_nothing(shop: Shop) -> None:
    """
    An account limited to the environments of both projects still is after both were imported one by one.
    """
    shop.environment("Environments-2", "Test")
    phase = {
        "Id": "q",
        "Name": "Test",
        "AutomaticDeploymentTargets": [],
        "OptionalDeploymentTargets": ["Environments-2"],
    }
    shop.add("Lifecycle", "Lifecycles-2", Name="Other", Phases=[phase])
    limits = {"TenantIds": [], "TenantTags": [], "EnvironmentIds": ["Environments-1", "Environments-2"]}
    shop.add("Account", "Accounts-1", Name="Robot", AccountType="Token", Token=None, **limits)
    uses = {"Id": "v", "Name": "A", "Value": "Accounts-1", "Type": "AzureAccount"}
    shop.project(variables=[uses])
    shop.project("Projects-2", "Mill", LifecycleId="Lifecycles-2", variables=[uses])
    shop.tenant("Tenants-1", "North", Projects_1=["Environments-1"], Projects_2=["Environments-2"])
    target = _target(shop)
    for name in ("Shop", "Mill"):
        take(target, shop.export(name, into=name))
    names = {body["Id"]: body["Name"] for body in target.all("DeploymentEnvironment")}
    (account,), (tenant,) = target.all("Account"), target.all("Tenant")
    assert sorted(names[item] for item in account["EnvironmentIds"]) == ["Dev", "Test"]
    assert len(tenant["ProjectEnvironments"]) == 2
    both = shop.export("Shop", "Mill", into="both")
    assert {"Projects-1", "Projects-2"} <= both.ids()
    assert both.body("Tenants-1")["ProjectIds"] == ["Projects-1", "Projects-2"]


def test_5117_versions_used_by_a_release_only_come(shop: Shop) -> None:
    """
    A step template that only a release's frozen process uses is exported.
    """
    template(shop)
    version(shop, 1)
    shop.project()
    shop.release(1, "1.0.0", steps=[action(properties=dict(TEMPLATE))])
    assert {"ActionTemplates-1", "ActionTemplateVersions-1"} <= shop.export().ids()
    assert "ActionTemplates-1" not in shop.export(into="without", history=False).ids()


def test_5100_6933_library_sets_used_by_a_release_only_come(shop: Shop) -> None:
    """
    A library set that a release snapshots and the project has dropped since is exported, live and frozen.
    """
    shop.library("LibraryVariableSets-1", "Old")
    frozen = "variableset-LibraryVariableSets-1-s-4-QWERT"
    shop.variables(frozen, "LibraryVariableSets-1", frozen=True)
    shop.project()
    snapshot = {"LibraryVariableSetId": "LibraryVariableSets-1", "VariableSetSnapshotId": frozen}
    shop.release(1, "1.0.0", LibraryVariableSetSnapshots=[snapshot])
    assert {"LibraryVariableSets-1", "variableset-LibraryVariableSets-1", frozen} <= shop.export().ids()


def test_5119_all_versions_of_a_used_template_are_exported(shop: Shop) -> None:
    """
    A project that uses version 1 brings the template with all its versions.
    """
    template(shop)
    wanted = {version(shop, number) for number in range(4)}
    template(shop, "ActionTemplates-2")
    shop.project(steps=[action(properties=dict(TEMPLATE))])
    done = shop.export()
    assert wanted | {"ActionTemplates-1"} <= done.ids()
    assert "ActionTemplates-2" not in done.ids()


def test_5477_an_environment_that_only_a_library_variable_names_comes(shop: Shop) -> None:
    """
    A library variable keeps its scope: the environment outside the project's lifecycle is exported too.
    """
    shop.environment("Environments-9", "Far")
    shop.environment("Environments-10", "Unused")
    scoped = {"Id": "v", "Name": "A", "Value": "1", "Type": "String", "Scope": {"Environment": ["Environments-9"]}}
    shop.library("LibraryVariableSets-1", "Common", scoped)
    shop.project(IncludedLibraryVariableSetIds=["LibraryVariableSets-1"])
    done = shop.export()
    assert "Environments-9" in done.ids()
    assert "Environments-10" not in done.ids()
    target = _target(shop)
    take(target, done)
    far = next(body["Id"] for body in target.all("DeploymentEnvironment") if body["Name"] == "Far")
    scopes = [v["Scope"] for body in target.all("VariableSet") for v in body["Variables"]]
    assert scopes == [{"Environment": [far]}]


def test_6391_a_worker_pool_named_by_a_variable_comes(shop: Shop) -> None:
    """
    The value of a variable of a type that holds ids is a reference.
    """
    shop.add("WorkerPool", "WorkerPools-7", Name="Big", SortOrder=1, IsDefault=False)
    shop.project(variables=[{"Id": "v", "Name": "Pool", "Value": "WorkerPools-7", "Type": "WorkerPool"}])
    assert "WorkerPools-7" in shop.export().ids()


@pytest.mark.parametrize("number", [7728, 7972])
def test_7728_7972_what_a_tenants_value_names_comes(shop: Shop, number: int) -> None:
    """
    A certificate or an account that is a tenant's value for a library template is exported.
    """
    limits: dict[str, list[str]] = {"EnvironmentIds": [], "TenantIds": [], "TenantTags": []}
    named = {7728: "Certificates-5", 7972: "Accounts-5"}[number]
    shop.add(
        "Certificate",
        "Certificates-5",
        Name="C",
        Thumbprint="A",
        NotAfter="2030",
        Created="2020",
        Subject="S",
        **limits,
    )
    shop.add("Account", "Accounts-5", Name="A", AccountType="Token", **limits)
    control = {7728: "Certificate", 7972: "AzureAccount"}[number]
    part = {"Id": "t", "Name": "T", "DisplaySettings": {"Octopus.ControlType": control}}
    shop.library("LibraryVariableSets-1", "Common", templates=[part])
    shop.project(IncludedLibraryVariableSetIds=["LibraryVariableSets-1"])
    shop.tenant("Tenants-1", "North", Projects_1=["Environments-1"])
    place = {"OwnerId": "LibraryVariableSets-1", "EnvironmentId": None, "VariableTemplateId": "t"}
    value = {"TenantId": "Tenants-1", "Value": named, "RelatedDocumentId": named}
    shop.add("TenantVariable", "TenantVariables-1", **place, **value)
    assert {"TenantVariables-1", named} <= shop.export().ids()


def test_5072_connections_to_other_projects_are_cut_and_said(shop: Shop) -> None:
    """
    A tenant of two projects comes with the connection to the exported one; the target's own connections stay.
    """
    shop.project()
    shop.project("Projects-2", "Mill")
    shop.tenant("Tenants-1", "North", Projects_1=["Environments-1"], Projects_2=["Environments-1"])
    done = shop.export()
    assert done.body("Tenants-1")["ProjectIds"] == ["Projects-1"]
    assert "Projects-2" not in done.ids()
    assert any(w.document == "Tenants-1" and "Projects-2" in w.message for w in done.report.warnings)
    take(_target(shop), done)


def test_2590_the_tool_computes_what_is_needed(shop: Shop) -> None:
    """
    Nobody has to guess folders: what the project does not need is not there, and what is there can be imported.
    """
    shop.project()
    shop.project("Projects-2", "Mill")
    shop.library("LibraryVariableSets-1", "Unused")
    shop.add("Feed", "feeds-x", Name="Unused", FeedUri="https://x", FeedType="NuGet")
    done = shop.export()
    assert done.types() == {
        "Project",
        "ProjectGroup",
        "Lifecycle",
        "DeploymentEnvironment",
        "DeploymentProcess",
        "VariableSet",
        "Channel",
    }
    take(_target(shop), done)


def _target(shop: Shop) -> Server:
    return empty_server(shop.folder)
