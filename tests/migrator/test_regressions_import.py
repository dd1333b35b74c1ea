"""
Known defects of importers: ids that were not mapped. The number in a name is the one in the regression table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.imports import (
    Server,
    action,
    doc,
    empty_server,
    environment,
    outcomes,
    process,
    project,
    secret,
    tree,
    variable,
    variables,
)


def shifted(target: Server, table: str, prefix: str) -> None:
    """
    Let the target's next id of a table differ from every source's.
    """
    target.run("INSERT INTO KeyAllocation (CollectionName, Allocated) VALUES (?, 400)", table)


def process_of(target: Server, name: str = "Shop") -> dict[str, Any]:
    """
    Return the first action of a project's process.
    """
    owner = target.named("Project", name)["Id"]
    found: dict[str, Any] = target.read("DeploymentProcess", f"deploymentprocess-{owner}")["Steps"][0]["Actions"][0]
    return found


def values_of(target: Server, name: str = "Shop") -> list[dict[str, Any]]:
    """
    Return a project's variables.
    """
    owner = target.named("Project", name)["Id"]
    found: list[dict[str, Any]] = target.read("VariableSet", f"variableset-{owner}")["Variables"]
    return found


def test_5051_child_project_of_deploy_a_release_is_remapped(target: Server) -> None:
    """
    A step that deploys another project names that project's id on the target, in both places.
    """
    shifted(target, "Project", "Projects-")
    child = project("Projects-2", "Child")[-1]
    step = action(
        "a", "Go", {"Octopus.Action.DeployRelease.ProjectId": "Projects-2"}, Packages=[{"PackageId": "Projects-2"}]
    )

    target.take(tree(*project(), child, process("Projects-1", step)))

    got, wanted = process_of(target), target.named("Project", "Child")["Id"]
    assert wanted != "Projects-2"
    assert (wanted, wanted) == (
        got["Properties"]["Octopus.Action.DeployRelease.ProjectId"],
        got["Packages"][0]["PackageId"],
    )


def test_5065_default_worker_pool_of_a_machine_is_remapped(target: Server) -> None:
    """
    A target's default worker pool is the target's pool of that name.
    """
    target.add("WorkerPool", "WorkerPools-7", Name="Cloud", SortOrder=1, IsDefault=False)
    machine = doc(
        "Machine",
        "Machines-1",
        Name="web",
        Roles=["web"],
        EnvironmentIds=["Environments-1"],
        IsDisabled=False,
        CommunicationStyle="AzureWebApp",
        Endpoint={"DefaultWorkerPoolId": "WorkerPools-2"},
    )

    target.take(tree(environment(), doc("WorkerPool", "WorkerPools-2", Name="cloud "), machine))

    assert target.named("Machine", "web")["Endpoint"]["DefaultWorkerPoolId"] == "WorkerPools-7"


def test_5069_5397_worker_pool_of_an_action_is_remapped(target: Server) -> None:
    """
    A step on a named pool runs on the target's pool of that name.
    """
    target.add("WorkerPool", "WorkerPools-7", Name="Cloud", SortOrder=1, IsDefault=False)

    target.take(
        tree(
            *project(),
            doc("WorkerPool", "WorkerPools-2", Name="Cloud"),
            process("Projects-1", action("a", "Go", WorkerPoolId="WorkerPools-2")),
        )
    )

    assert process_of(target)["WorkerPoolId"] == "WorkerPools-7"


@pytest.mark.parametrize("kind", ["AmazonWebServicesAccount", "AzureAccount", "UsernamePasswordAccount"])
def test_5086_account_variables_are_remapped(target: Server, kind: str) -> None:
    """
    A variable whose type is an account holds the target's account.
    """
    target.add("Account", "Accounts-7", Name="cloud", AccountType="Token", EnvironmentIds=[])
    account = doc("Account", "amazon-cloud", Name="Cloud", AccountType="Token", EnvironmentIds=[])

    target.take(
        tree(
            *project(),
            account,
            variables("Projects-1", variable("A", "amazon-cloud", kind), variable("B", "amazon-cloud")),
        )
    )

    assert [v["Value"] for v in values_of(target)] == ["Accounts-7", "amazon-cloud"]


def test_5087_tag_scopes_are_remapped_and_canonical_names_kept(target: Server) -> None:
    """
    A scope to a tag names the target's tag, whether by id or by the name that is the same everywhere.
    """
    target.add("TagSet", "TagSets-9", Name="region", SortOrder=1, Tags=[{"Id": "TagSets-9/Tags-4", "Name": "eu"}])
    tags = doc("TagSet", "TagSets-1", Name="Region", SortOrder=1, Tags=[{"Id": "TagSets-1/Tags-1", "Name": "EU"}])

    target.take(
        tree(
            *project(),
            tags,
            variables(
                "Projects-1",
                variable("A", "1", TenantTag=["TagSets-1/Tags-1"]),
                variable("B", "1", TenantTag=["Region/EU"]),
            ),
        )
    )

    assert [v["Scope"]["TenantTag"] for v in values_of(target)] == [["TagSets-9/Tags-4"], ["Region/EU"]]


def test_5081_every_filter_of_a_subscription_is_remapped(target: Server) -> None:
    """
    A subscription's lists of users, projects, environments, tenants, tags and teams name the target's.
    """
    for table in ("User", "Project", "DeploymentEnvironment", "Tenant", "TagSet", "Team"):
        shifted(target, table, "")
    filters = {
        "Users": ["Users-1"],
        "Projects": ["Projects-1"],
        "ProjectGroups": ["ProjectGroups-1"],
        "Environments": ["Environments-1"],
        "Tenants": ["Tenants-1"],
        "Tags": ["TagSets-1/Tags-1"],
    }
    subscription = doc(
        "Subscription",
        "Subscriptions-1",
        Name="All",
        Type="Event",
        IsDisabled=False,
        EventNotificationSubscription={"Filter": filters, "EmailTeams": ["Teams-1"], "WebhookTeams": []},
    )

    target.take(
        tree(
            *project(),
            environment(),
            doc("User", "Users-1", Username="ann", IsActive=True, IsService=False),
            doc("Team", "Teams-1", Name="crew", MemberUserIds=[], ProjectIds=[], EnvironmentIds=[]),
            doc("Tenant", "Tenants-1", Name="acme", ProjectIds=[]),
            doc("TagSet", "TagSets-1", Name="Region", SortOrder=1, Tags=[{"Id": "TagSets-1/Tags-1", "Name": "EU"}]),
            subscription,
        )
    )

    got = target.named("Subscription", "All")["EventNotificationSubscription"]
    ids = [*(value for values in got["Filter"].values() for value in values), *got["EmailTeams"]]
    assert ids == [
        "Users-401",
        "Projects-401",
        "ProjectGroups-1",
        "Environments-401",
        "Tenants-401",
        "TagSets-401/Tags-1",
        "Teams-401",
    ]


def test_3145_tag_ids_are_based_on_the_new_set(target: Server) -> None:
    """
    The ids of tags carry their set's id on the target, in the set itself and wherever they are used.
    """
    shifted(target, "TagSet", "")
    tags = doc("TagSet", "TagSets-20", Name="Ring", SortOrder=1, Tags=[{"Id": "TagSets-20/Tags-3", "Name": "early"}])

    target.take(tree(tags, doc("Tenant", "Tenants-1", Name="acme", ProjectIds=[], TenantTags=["TagSets-20/Tags-3"])))

    assert [tag["Id"] for tag in target.named("TagSet", "Ring")["Tags"]] == ["TagSets-401/Tags-3"]
    assert target.named("Tenant", "acme")["TenantTags"] == ["TagSets-401/Tags-3"]


def test_5967_teams_of_a_manual_step_are_remapped(target: Server) -> None:
    """
    A list of teams in one text is mapped part by part; teams are found by name, built-in ones by id.
    """
    target.add("Team", "Teams-5", Name="Crew", MemberUserIds=[], ProjectIds=[], EnvironmentIds=[])
    target.add("Team", "teams-everyone", Name="Everyone", MemberUserIds=[], ProjectIds=[], EnvironmentIds=[])
    step = action("a", "Wait", {"Octopus.Action.Manual.ResponsibleTeamIds": "Teams-1, teams-everyone,#{Team}"})

    target.take(tree(*project(), doc("Team", "Teams-1", Name="crew", MemberUserIds=[]), process("Projects-1", step)))

    assert (
        process_of(target)["Properties"]["Octopus.Action.Manual.ResponsibleTeamIds"] == "Teams-5,teams-everyone,#{Team}"
    )


def test_6411_feeds_of_step_templates_and_versions_are_remapped(target: Server) -> None:
    """
    A step template names the target's feed in its properties and packages, and so does each version.
    """
    target.add("Feed", "Feeds-8", Name="Nuget", FeedUri="https://n.example.com", FeedType="NuGet")
    body = {
        "Name": "Unpack",
        "Version": 1,
        "ActionType": "Octopus.TentaclePackage",
        "Packages": [{"FeedId": "feeds-nuget"}],
        "Properties": {"Octopus.Action.Package.FeedId": "feeds-nuget"},
    }

    target.take(
        tree(
            doc("Feed", "feeds-nuget", Name="nuget", FeedUri="x", FeedType="NuGet"),
            doc("ActionTemplate", "ActionTemplates-1", **body),
            doc(
                "ActionTemplateVersion", "ActionTemplateVersions-1", LatestActionTemplateId="ActionTemplates-1", **body
            ),
        )
    )

    for table in ("ActionTemplate", "ActionTemplateVersion"):
        got = target.named(table, "Unpack")
        assert (
            got["Properties"]["Octopus.Action.Package.FeedId"],
            got["Packages"][0]["FeedId"],
        ) == ("Feeds-8", "Feeds-8")


def test_6623_process_owner_scopes_are_remapped(target: Server) -> None:
    """
    A variable scoped to the process of a project is scoped to that project's on the target.
    """
    shifted(target, "Project", "")

    target.take(tree(*project(), variables("Projects-1", variable("A", "1", ProcessOwner=["Projects-1"]))))

    assert values_of(target)[0]["Scope"] == {"ProcessOwner": ["Projects-401"]}


def test_7205_dangling_logo_is_dropped_and_a_proxy_found_by_name(target: Server) -> None:
    """
    A logo whose file nobody carries does not fail the import, and a proxy that exists is not made again.
    """
    target.add("Proxy", "Proxies-5", Name="Outgoing", Host="old")
    machine = doc(
        "Machine",
        "Machines-1",
        Name="web",
        Roles=[],
        EnvironmentIds=[],
        IsDisabled=False,
        CommunicationStyle="x",
        Endpoint={"ProxyId": "Proxies-1"},
    )

    target.take(
        tree(*project(LogoAttachmentKey="Projects-1"), doc("Proxy", "Proxies-1", Name="outgoing", Host="new"), machine)
    )

    assert target.named("Project", "Shop").get("LogoAttachmentKey") is None
    assert len(target.all("Proxy")) == 1
    assert target.named("Machine", "web")["Endpoint"]["ProxyId"] == "Proxies-5"


def test_5259_equal_ids_of_different_kinds_and_sides_do_not_meet(target: Server) -> None:
    """
    A source's Projects-2 and a target's Projects-2 are different documents, and ids of one type never map another's.
    """
    target.take(tree(*project("Projects-9", "Old one")))
    target.run("UPDATE KeyAllocation SET Allocated = 1 WHERE CollectionName = 'Project'")
    first, second = project("Projects-2", "First"), project("Projects-1", "Second")[-1]

    target.take(tree(*first, second, variables("Projects-2", variable("A", "1", Project=["Projects-1"]))))

    second_id = target.named("Project", "Second")["Id"]
    assert values_of(target, "First")[0]["Scope"]["Project"] == [second_id]
    assert len({item["Id"] for item in target.all("Project")}) == 3


def test_4958_built_in_feed_keeps_its_address(target: Server) -> None:
    """
    The built-in feed is one document on every server, found by its id; a column that must not be empty stays.
    """
    target.add("Feed", "feeds-builtin", Name="Octopus Server (built-in)", FeedUri="http://local", FeedType="BuiltIn")
    feed = doc("Feed", "feeds-builtin", Name="Built-in", FeedUri=None, FeedType="BuiltIn", IsX=True)

    target.take(tree(feed), overwrite=True)

    (got,) = target.all("Feed")
    assert (got["Id"], got["FeedUri"], got["IsX"]) == ("feeds-builtin", "http://local", True)


def test_9349_7197_text_that_looks_like_an_id_is_left_alone(target: Server) -> None:
    """
    Only known places hold references: ids of variables, plain values and free text stay as they are.
    """
    shifted(target, "DeploymentEnvironment", "")
    odd = variable("A", "Environments-1") | {"Id": "Messages-1"}
    step = action("a", "Go", {"Octopus.Action.Script.ScriptBody": "echo Environments-1 Projects-1"}, Notes="Projects-1")

    target.take(
        tree(
            *project(Description="Environments-1"),
            environment(),
            variables("Projects-1", odd),
            process("Projects-1", step),
        )
    )

    assert (odd["Id"], "Environments-1") == (values_of(target)[0]["Id"], values_of(target)[0]["Value"])
    assert process_of(target)["Properties"]["Octopus.Action.Script.ScriptBody"] == "echo Environments-1 Projects-1"
    assert target.named("Project", "Shop")["Description"] == "Environments-1"


def test_6226_step_of_a_deleted_channel_does_not_run_everywhere(target: Server) -> None:
    """
    A list of channels that would become empty is kept impossible, and the report says so.
    """
    _, report = target.take(tree(*project(), process("Projects-1", action("a", "Go", Channels=["Channels-99"]))))

    assert process_of(target)["Channels"] == ["Channels-0"]
    assert any("Channels-99" in item.message and "Channels" in item.path for item in report.warnings)


def test_5646_7391_1762_stale_ids_of_the_past_do_not_fail_an_import(target: Server) -> None:
    """
    A deployment whose group is gone is taken; what no import takes is named and left out, whatever it refers to.
    """
    past = doc("Deployment", "Deployments-1", ProjectGroupId="ProjectGroups-99", ProjectId="Projects-1")
    artifact = doc("Artifact", "Artifacts-1", Filename="gone.zip", RelatedDocumentIds=["Deployments-99"])

    plan, report = target.take(tree(*project(), past, artifact))

    assert plan.counts()["Deployment"] == {"Created": 1}
    assert any(": history" in item.message for item in report.warnings)


def test_5477_library_variable_keeps_its_scope_or_goes(target: Server) -> None:
    """
    A variable whose environments are not on the target is dropped with a warning, never left without scope.
    """
    library = doc(
        "LibraryVariableSet",
        "LibraryVariableSets-1",
        Name="Lib",
        ContentType="Variables",
        VariableSetId="variableset-LibraryVariableSets-1",
        Templates=[],
    )
    lib = variables(
        "LibraryVariableSets-1",
        variable("A", "1", Environment=["Environments-9"]),
        variable("B", "2", Environment=["Environments-9"], Role=["web"]),
    )

    _, report = target.take(tree(library, lib))

    (got,) = target.all("VariableSet")
    assert [(v["Name"], v["Scope"]) for v in got["Variables"]] == [
        ("B", {"Environment": ["Environments-0"], "Role": ["web"]})
    ]
    assert any(item.path.startswith("Variables/A") and "dropped" in item.message for item in report.warnings)


def test_6391_worker_pool_variables_are_references(target: Server) -> None:
    """
    A variable whose worker pool is nowhere is a missing dependency, named with file and place.
    """
    plan = target.preview(tree(*project(), variables("Projects-1", variable("A", "WorkerPools-9", "WorkerPool"))))

    (told,) = [item for item in plan.warnings if item.document == "variableset-Projects-1"]
    assert "WorkerPools-9" in told.message and "Value" in told.path
    assert plan.counts()["VariableSet"]["Missing dependencies"] == 1


def test_5072_tenant_keeps_known_connections_and_the_targets_own(target: Server) -> None:
    """
    A tenant's connections to projects of the tree are taken, the target's others stay, unknown ones go with a warning.
    """
    target.add(
        "Tenant",
        "Tenants-3",
        Name="acme",
        ProjectIds=["Projects-77"],
        TenantTags=[],
        ProjectEnvironments={"Projects-77": ["Environments-5"]},
    )
    tenant = doc(
        "Tenant",
        "Tenants-1",
        Name="Acme",
        ProjectIds=["Projects-1", "Projects-2"],
        TenantTags=[],
        ProjectEnvironments={"Projects-1": ["Environments-1"], "Projects-2": ["Environments-1"]},
    )

    _, report = target.take(tree(*project(), environment(), tenant), overwrite=True)

    got, shop = target.read("Tenant", "Tenants-3"), target.named("Project", "Shop")["Id"]
    assert got["ProjectIds"] == [shop, "Projects-77"]
    assert got["ProjectEnvironments"] == {shop: ["Environments-1"], "Projects-77": ["Environments-5"]}
    assert any("Projects-2" in item.message for item in report.warnings)


def test_7138_dictionary_keyed_by_project_id_is_remapped(target: Server) -> None:
    """
    The keys of a tenant's connections are ids too.
    """
    shifted(target, "Project", "")
    shifted(target, "DeploymentEnvironment", "")

    target.take(
        tree(
            *project(),
            environment(),
            doc(
                "Tenant",
                "Tenants-1",
                Name="acme",
                ProjectIds=["Projects-1"],
                ProjectEnvironments={"Projects-1": ["Environments-1"]},
            ),
        )
    )

    assert target.named("Tenant", "acme")["ProjectEnvironments"] == {"Projects-401": ["Environments-401"]}


def test_6210_published_snapshot_that_nobody_carries_is_cleared(tmp_path: Path) -> None:
    """
    A link to history is cleared with a warning rather than left dangling; the target's own stays on overwrite.
    """
    target = empty_server(tmp_path, "newer", spaces=True)
    runbook = doc(
        "Runbook",
        "Runbooks-1",
        Name="Restart",
        ProjectId="Projects-1",
        RunbookProcessId="RunbookProcess-Runbooks-1",
        PublishedRunbookSnapshotId="RunbookSnapshots-5",
    )
    steps = doc("RunbookProcess", "RunbookProcess-Runbooks-1", OwnerId="Runbooks-1", ProjectId="Projects-1", Steps=[])
    target.run("INSERT INTO KeyAllocation VALUES ('Runbook', 40)")
    some = tree(*project(), runbook, steps)

    _, report = target.take(some)

    got = target.named("Runbook", "Restart")
    assert (got["PublishedRunbookSnapshotId"], got["RunbookProcessId"]) == (None, "RunbookProcess-Runbooks-41")
    assert [item["OwnerId"] for item in target.all("RunbookProcess")] == ["Runbooks-41"]
    assert any("RunbookSnapshots-5" in item.message for item in report.warnings)
    assert outcomes(target.preview(some, overwrite=True)) == {"Unchanged": 5}


def test_2410_2427_channels_of_steps_are_remapped(target: Server) -> None:
    """
    A step limited to a channel is limited to the target's channel of that project and name.
    """
    shifted(target, "Channel", "")
    channel = doc("Channel", "Channels-1", Name="Beta", ProjectId="Projects-1", LifecycleId=None, Rules=[])

    target.take(tree(*project(), channel, process("Projects-1", action("a", "Go", Channels=["Channels-1"]))))

    assert process_of(target)["Channels"] == ["Channels-401"]


def test_1421_order_of_files_is_no_matter(target: Server) -> None:
    """
    A project whose lifecycle comes last in the tree gets it all the same.
    """
    target.take(tree(*reversed(project())))

    assert target.named("Project", "Shop")["LifecycleId"] == target.named("Lifecycle", "Default lifecycle")["Id"]


def test_4992_proxy_of_a_machine_makes_the_round_trip(target: Server) -> None:
    """
    Proxies come along with their password, sealed under the target's key.
    """
    proxy = doc("Proxy", "Proxies-4", Name="out", Password=secret("hunter2hunter2"))

    target.take(tree(proxy))
    plan = target.preview(tree(proxy), overwrite=True)

    assert "hunter2" not in str(target.named("Proxy", "out"))
    assert outcomes(plan) == {"Unchanged": 1}


def test_6799_feeds_inside_a_json_property_are_remapped(target: Server) -> None:
    """
    Ids inside a text of JSON are mapped, and the text around them stays as it was.
    """
    target.add("Feed", "Feeds-8", Name="docker", FeedUri="x", FeedType="Docker")
    text = '[ {"Name":"a", "FeedId": "feeds-docker"},{"FeedId":"feeds-docker"} ]'
    step = action("a", "Go", {"Octopus.Action.KubernetesContainers.Containers": text})

    target.take(
        tree(
            *project(),
            doc("Feed", "feeds-docker", Name="Docker", FeedUri="x", FeedType="Docker"),
            process("Projects-1", step),
        )
    )

    assert process_of(target)["Properties"]["Octopus.Action.KubernetesContainers.Containers"] == text.replace(
        "feeds-docker", "Feeds-8"
    )


def test_9247_template_parameters_and_step_values_are_references(target: Server) -> None:
    """
    What a template's control says is an id is mapped: the default, and what a step fills in.
    """
    target.add("Account", "Accounts-7", Name="cloud", AccountType="Token", EnvironmentIds=[])
    settings = {"DisplaySettings": {"Octopus.ControlType": "AzureAccount"}}
    template = doc(
        "ActionTemplate",
        "ActionTemplates-1",
        Name="T",
        Version=1,
        ActionType="x",
        Properties={},
        Parameters=[{"Id": "p", "Name": "Acc", "DefaultValue": "acc-1"} | settings],
    )
    step = action("a", "Go", {"Octopus.Action.Template.Id": "ActionTemplates-1", "Acc": "acc-1", "Other": "acc-1 "})

    target.take(
        tree(
            *project(),
            doc("Account", "acc-1", Name="Cloud", AccountType="Token", EnvironmentIds=[]),
            template,
            process("Projects-1", step),
        )
    )

    assert target.named("ActionTemplate", "T")["Parameters"][0]["DefaultValue"] == "Accounts-7"
    got = process_of(target)["Properties"]
    assert (got["Acc"], got["Other"]) == ("Accounts-7", "acc-1 ")


def test_4037_action_ids_of_channel_rules_survive_a_whole_process(target: Server) -> None:
    """
    A process that comes whole keeps its actions' ids, so that channel rules and scopes still find them.
    """
    channel = doc(
        "Channel", "Channels-1", Name="Beta", ProjectId="Projects-1", LifecycleId=None, Rules=[{"Actions": ["guid-a"]}]
    )

    target.take(
        tree(
            *project(),
            process("Projects-1", action("guid-a", "Go")),
            channel,
            variables("Projects-1", variable("A", "1", Action=["guid-a"])),
        )
    )

    assert target.named("Channel", "Beta")["Rules"][0]["Actions"] == ["guid-a"] == [process_of(target)["Id"]]
    assert values_of(target)[0]["Scope"] == {"Action": ["guid-a"]}


def test_4037_action_ids_go_by_name_where_the_targets_process_is_kept(target: Server) -> None:
    """
    Where the target's process stays, rules and scopes name the target's action of that step and name.
    """
    target.take(tree(*project(), process("Projects-1", action("old", "Go") | {"Notes": "1"})))
    channel = doc(
        "Channel", "Channels-1", Name="Beta", ProjectId="Projects-1", LifecycleId=None, Rules=[{"Actions": ["new"]}]
    )

    plan, _ = target.take(tree(*project(), process("Projects-1", action("new", "Go")), channel))

    assert outcomes(plan) == {"Unchanged": 3, "Skipped (no overwrite)": 1, "Created": 1}
    assert target.named("Channel", "Beta")["Rules"][0]["Actions"] == ["old"]


def test_7728_7972_tenant_values_that_are_accounts_are_remapped(target: Server) -> None:
    """
    A tenant's value that is an account or a certificate is mapped, with the column that repeats it.
    """
    shifted(target, "Account", "")
    library = doc(
        "LibraryVariableSet",
        "LibraryVariableSets-1",
        Name="Lib",
        ContentType="Variables",
        VariableSetId="variableset-LibraryVariableSets-1",
        Templates=[{"Id": "guid-t", "Name": "Acc", "DisplaySettings": {"Octopus.ControlType": "AzureAccount"}}],
    )
    value = doc(
        "TenantVariable",
        "TenantVariables-1",
        TenantId="Tenants-1",
        OwnerId="LibraryVariableSets-1",
        EnvironmentId=None,
        VariableTemplateId="guid-t",
        Value="acc-1",
        RelatedDocumentId="acc-1",
    )

    target.take(
        tree(
            library,
            doc("Tenant", "Tenants-1", Name="acme", ProjectIds=[]),
            doc("Account", "acc-1", Name="c", AccountType="Token", EnvironmentIds=[]),
            value,
        )
    )

    (got,) = target.all("TenantVariable")
    assert (got["Value"], got["RelatedDocumentId"]) == ("Accounts-401", "Accounts-401")
    assert target.run("SELECT RelatedDocumentId, RelatedDocumentTable FROM RelatedDocument") == [
        ("Accounts-401", "Account")
    ]


def test_7714_machine_scopes_are_supported(target: Server) -> None:
    """
    A variable scoped to a machine is scoped to the target's machine of that name.
    """
    target.add(
        "Machine", "Machines-9", Name="WEB", Roles=[], EnvironmentIds=[], IsDisabled=False, CommunicationStyle="x"
    )

    target.take(
        tree(
            *project(),
            doc("Machine", "Machines-1", Name="web"),
            variables("Projects-1", variable("A", "1", Machine=["Machines-1"])),
        )
    )

    assert values_of(target)[0]["Scope"] == {"Machine": ["Machines-9"]}


def test_1192_ids_that_become_one_stand_in_a_list_once(target: Server) -> None:
    """
    Two of a list's ids that are one document on the target are named once.
    """
    account = doc(
        "Account", "acc-1", Name="c", AccountType="Token", EnvironmentIds=["Environments-1", "environments-1"]
    )

    target.take(tree(environment(), account))

    assert target.named("Account", "c")["EnvironmentIds"] == ["Environments-1"]
