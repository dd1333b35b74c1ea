"""
Known defects of importers: matching, uniqueness, merging. The number in a name is the one in the regression table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from migrator.secrets.sealing import SecretText
from tests.support.imports import (
    Server,
    account,
    doc,
    environment,
    outcomes,
    project,
    secret,
    tree,
    variable,
    variables,
)


def test_5148_second_import_finds_policies_subscriptions_accounts_and_feeds(target: Server) -> None:
    """
    Importing twice matches by natural key: the second time nothing is created and nothing changes.
    """
    some = tree(
        doc("MachinePolicy", "MachinePolicies-1", Name="Default", IsDefault=True),
        doc("Subscription", "Subscriptions-1", Name="All", Type="Event", IsDisabled=False),
        account(Token=secret("a token of weight")),
        doc("Feed", "feeds-x", Name="X", FeedUri="u", FeedType="NuGet"),
    )
    target.take(some)

    for overwrite in (False, True):
        plan, _ = target.take(some, overwrite=overwrite)

        assert outcomes(plan) == {"Unchanged": 4}


def test_2645_deleted_account_is_made_again(target: Server) -> None:
    """
    Every type of account makes the round trip, and one deleted on the target comes back.
    """
    accounts = tree(
        *[
            account(f"a-{kind}", Name=kind, AccountType=kind, **{field: secret(f"plain {kind}")})
            for kind, field in [
                ("SshKeyPair", "PrivateKeyFile"),
                ("Token", "Token"),
                ("AzureSubscription", "CertificateBytes"),
            ]
        ]
    )
    target.take(accounts)
    target.run("DELETE FROM Account WHERE Name = 'SshKeyPair'")

    plan, _ = target.take(accounts)

    assert outcomes(plan) == {"Created": 1, "Unchanged": 2}


def test_2579_two_channels_of_a_project_are_found_again(target: Server) -> None:
    """
    Channels are matched by project and name, the project first.
    """
    target.run("INSERT INTO KeyAllocation VALUES ('Project', 100)")
    channels = [
        doc("Channel", f"Channels-{n}", Name=f"C{n}", ProjectId="Projects-1", LifecycleId=None, Rules=[])
        for n in (1, 2)
    ]
    target.take(tree(*project(), *channels))

    plan, _ = target.take(tree(*project(), *channels), overwrite=True)

    assert outcomes(plan) == {"Unchanged": 5}


def test_6102_two_triggers_of_a_project_are_found_again(target: Server) -> None:
    """
    Triggers are matched by project and name.
    """
    triggers = [
        doc(
            "ProjectTrigger",
            f"ProjectTriggers-{n}",
            Name=f"T{n}",
            ProjectId="Projects-1",
            TriggerType="x",
            IsDisabled=False,
        )
        for n in (1, 2)
    ]
    target.take(tree(*project(), *triggers))

    plan, _ = target.take(tree(*project(), *triggers), overwrite=True)

    assert outcomes(plan) == {"Unchanged": 5}


def test_2334_2271_things_of_the_past_never_collide(target: Server) -> None:
    """
    Two tasks that look alike are two; two releases of one version, which no server can hold, are one.
    """
    past = [doc("ServerTask", f"ServerTasks-{n}", Name="Deploy", Description="same") for n in (1, 2)]
    past += [doc("Release", f"Releases-{n}", ProjectId="Projects-1", Version="1.0") for n in (1, 2)]

    plan, _ = target.take(tree(*project(), *past))

    assert plan.counts()["ServerTask"] == {"Created": 2}
    assert plan.counts()["Release"] == {"Created": 1}


def deployed(origin: str, name: str) -> list[Any]:
    """
    Return a server's only deployment, and the row that says to which machine it went.
    """
    some = [
        *project("Projects-1", name),
        environment(),
        doc("Machine", "Machines-1", Name=f"M {name}", EnvironmentIds=["Environments-1"], Roles=[]),
        doc("Release", "Releases-1", ProjectId="Projects-1", Version="1.0"),
        doc(
            "Deployment",
            "Deployments-1",
            ProjectId="Projects-1",
            ReleaseId="Releases-1",
            EnvironmentId="Environments-1",
            Name="D",
            Created="2018-08-01T10:00:00.000+00:00",
        ),
        doc("DeploymentRelatedMachine", "1", DeploymentId="Deployments-1", MachineId="Machines-1"),
    ]
    return [replace(item, origin=origin, file=f"{origin}{item.file}") for item in some]


def test_what_indexes_a_deployment_comes_with_it_alone(target: Server) -> None:
    """
    Two servers' Deployments-1 are two: the rows of the one that the target has are not repeated with the other's.
    """
    first, second = deployed("a/", "One"), deployed("b/", "Two")
    target.take(tree(*first))

    target.take(tree(*first, *second))

    rows = target.run("SELECT DeploymentId, MachineId FROM DeploymentRelatedMachine ORDER BY 1")
    assert rows == [("Deployments-1", "Machines-1"), ("Deployments-2", "Machines-2")]


def test_1663_api_key_is_found_by_its_id(target: Server) -> None:
    """
    A key's id is made of the key: it is the same on every server and never doubled.
    """
    some = tree(
        doc("User", "Users-1", Username="ann", IsActive=True, IsService=False),
        doc(
            "ApiKey",
            "apikeys-abc",
            UserId="Users-1",
            ApiKeyHashed=SecretText("3E8$x$y", False),
            Created="2018-08-01T00:00:00.000+00:00",
        ),
    )
    target.take(some)

    plan, _ = target.take(some, overwrite=True)

    assert outcomes(plan) == {"Unchanged": 2}


def test_9314_tenant_variables_are_found_by_mapped_ids(target: Server) -> None:
    """
    Values of tenants are compared after mapping: other environment ids on the target do not double them.
    """
    for table in ("DeploymentEnvironment", "Project", "Tenant"):
        target.run("INSERT INTO KeyAllocation VALUES (?, 100)", table)
    template = {"Id": "guid-t", "Name": "Url", "DisplaySettings": {"Octopus.ControlType": "SingleLineText"}}
    values = [
        doc(
            "TenantVariable",
            f"TenantVariables-{n}",
            TenantId="Tenants-1",
            OwnerId="Projects-1",
            EnvironmentId=env,
            VariableTemplateId="guid-t",
            Value=str(n),
        )
        for n, env in enumerate(["Environments-1", "Environments-2"])
    ]
    some = tree(
        *project(Templates=[template]),
        environment(),
        environment("Environments-2", "Test"),
        doc("Tenant", "Tenants-1", Name="acme", ProjectIds=["Projects-1"]),
        *values,
    )
    target.take(some)

    plan, _ = target.take(some, overwrite=True)

    assert outcomes(plan) == {"Unchanged": 8}
    assert len(target.all("TenantVariable")) == 2


def test_9477_other_version_is_refused(target: Server) -> None:
    """
    A tree of another version is refused, naming both and the option that accepts it.
    """
    target.add(
        "OctopusServerInstallationHistory",
        "OctopusServerInstallationHistory-1",
        Node="n",
        Version="2018.8.1",
        Installed="2018-08-01",
    )

    (refusal,) = target.preview(tree(environment(), version="2018.7.0")).refusals

    assert (
        "2018.7.0" in refusal.message and "2018.8.1" in refusal.message and "--ignore-version-check" in refusal.message
    )
    assert not target.preview(tree(environment(), version="2018.7.0"), ignore_version_check=True).refusals


def test_9665_double_declarations_become_one(target: Server) -> None:
    """
    A variable declared twice with the same name, scope and value is imported once; another value stays.
    """
    twice = [variable("A", "1", Role=["web"]), variable("a ", "1", Role=["WEB"]), variable("A", "2", Role=["web"])]

    target.take(tree(*project(), variables("Projects-1", *twice)))
    plan, _ = target.take(tree(*project(), variables("Projects-1", *twice)), overwrite=True)

    assert [v["Value"] for v in target.all("VariableSet")[0]["Variables"]] == ["1", "2"]
    assert outcomes(plan) == {"Unchanged": 4}


def test_5101_skipped_tag_set_still_maps_its_tags(target: Server) -> None:
    """
    A document that is skipped still says what its ids are: no variable loses a tag scope in a second import.
    """
    target.add("TagSet", "TagSets-9", Name="Ring", SortOrder=5, Tags=[{"Id": "TagSets-9/Tags-7", "Name": "early"}])
    tags = doc("TagSet", "TagSets-1", Name="Ring", SortOrder=1, Tags=[{"Id": "TagSets-1/Tags-1", "Name": "Early"}])

    plan, _ = target.take(
        tree(*project(), tags, variables("Projects-1", variable("A", "1", TenantTag=["TagSets-1/Tags-1"])))
    )

    assert outcomes(plan) == {"Skipped (no overwrite)": 1, "Created": 5}
    assert target.all("VariableSet")[0]["Variables"][0]["Scope"] == {"TenantTag": ["TagSets-9/Tags-7"]}


def template_versions(*numbers: int, latest: int, name: str = "T", old_name: str = "T") -> list[Any]:
    """
    Return a step template and some of its versions.
    """
    head = doc(
        "ActionTemplate", "ActionTemplates-1", Name=name, Version=latest, ActionType="x", Properties={"v": str(latest)}
    )
    return [
        head,
        *(
            doc(
                "ActionTemplateVersion",
                f"ActionTemplateVersions-{n}",
                Name=old_name,
                Version=n,
                LatestActionTemplateId="ActionTemplates-1",
                ActionType="x",
                Properties={},
            )
            for n in numbers
        ),
    ]


def test_5115_no_version_above_a_kept_template(target: Server) -> None:
    """
    When the target's step template is kept, versions above its own are left out; older gaps are filled.
    """
    target.take(tree(*template_versions(1, 2, latest=2)))

    plan, _ = target.take(tree(*template_versions(1, 2, 3, latest=3)))

    assert outcomes(plan) == {"Skipped (no overwrite)": 1, "Unchanged": 2, "Skipped (incomplete)": 1}


def test_5117_5119_all_versions_of_a_template_are_imported(target: Server) -> None:
    """
    Each version of a step template is a document of its own, also those that nothing refers to.
    """
    target.take(tree(*template_versions(0, 1, 2, 3, latest=3)))

    assert sorted(item["Version"] for item in target.all("ActionTemplateVersion")) == [0, 1, 2, 3]


def test_7061_versions_of_a_renamed_template_are_found(target: Server) -> None:
    """
    Versions keep the name they had; they are matched by their template and number.
    """
    some = tree(*template_versions(1, 2, latest=2, name="New", old_name="Old"))
    target.take(some)

    plan, _ = target.take(some, overwrite=True)

    assert outcomes(plan) == {"Unchanged": 3}


def test_5082_missing_restriction_of_an_account_is_dropped_with_a_warning(target: Server) -> None:
    """
    An account limited to two environments of which one is not there stays limited to the other.
    """
    _, report = target.take(tree(environment(), account(EnvironmentIds=["Environments-1", "Environments-2"])))

    assert target.named("Account", "cloud")["EnvironmentIds"] == ["Environments-1"]
    assert any("Environments-2" in item.message for item in report.warnings)


def test_5082_last_restriction_of_an_account_is_never_dropped(target: Server) -> None:
    """
    An account limited to nothing that exists stays unusable rather than usable everywhere; twice is the same.
    """
    some = tree(account(EnvironmentIds=["Environments-2"]))
    _, report = target.take(some)
    plan, _ = target.take(some, overwrite=True)

    assert target.named("Account", "cloud")["EnvironmentIds"] == ["Environments-0"]
    assert any("everywhere" in item.message for item in report.warnings)
    assert outcomes(plan) == {"Unchanged": 1}


def test_5084_trigger_with_a_missing_environment_is_imported(target: Server) -> None:
    """
    A trigger's filter loses what is not there, never all of it.
    """
    trigger = doc(
        "ProjectTrigger",
        "ProjectTriggers-1",
        Name="T",
        ProjectId="Projects-1",
        IsDisabled=False,
        Filter={"EnvironmentIds": ["Environments-1", "Environments-2"]},
    )

    target.take(tree(*project(), environment(), trigger))

    assert target.named("ProjectTrigger", "T")["Filter"]["EnvironmentIds"] == ["Environments-1"]


def test_5085_machine_in_missing_environments_and_tenants_is_imported(target: Server) -> None:
    """
    A machine loses environments and tenants that are not there, and keeps the others.
    """
    machine = doc(
        "Machine",
        "Machines-1",
        Name="web",
        Roles=["web"],
        IsDisabled=False,
        CommunicationStyle="x",
        EnvironmentIds=["Environments-1", "Environments-2"],
        TenantIds=["Tenants-9"],
    )

    target.take(tree(environment(), machine))

    got = target.named("Machine", "web")
    assert (got["EnvironmentIds"], got["TenantIds"]) == (["Environments-1"], ["Tenants-0"])


def test_keys_fold_as_the_collation_does(target: Server) -> None:
    """
    Names match blind to case and trailing blanks, also beyond ASCII, and not blind to accents.
    """
    target.add("DeploymentEnvironment", "Environments-4", Name="ÜBUNG", SortOrder=1)
    target.add("DeploymentEnvironment", "Environments-5", Name="Test", SortOrder=1)

    target.take(
        tree(
            environment("Environments-1", "übung"),
            environment("Environments-2", "test "),
            environment("Environments-3", "Ubung"),
        )
    )

    assert {item["Name"] for item in target.all("DeploymentEnvironment")} == {"ÜBUNG", "Test", "Ubung"}


def test_two_files_of_one_key_are_reported_not_guessed(target: Server) -> None:
    """
    Two documents of the tree with one key are a problem that names the file; with force both are left out.
    """
    some = tree(
        environment("Environments-1", "Dev"), doc("DeploymentEnvironment", "Environments-2", Name="dev", SortOrder=9)
    )

    plan, _ = target.take(some, force=True)

    assert [problem.file.partition("/")[2] for problem in plan.problems] == [
        "Dev Environments-1.json",
        "dev Environments-2.json",
    ]
    assert outcomes(plan) == {"Skipped (key collision)": 2}
    assert target.all("DeploymentEnvironment") == []


def test_the_same_document_of_two_exports_is_one(target: Server) -> None:
    """
    Exports put together may repeat a document: what says the same is imported once, and both ids are mapped.
    """
    parts = [doc("DeploymentEnvironment", f"Environments-{o}", origin=f"{o}/", Name="Dev", SortOrder=1) for o in "12"]
    accounts = [
        doc("Account", "a", origin=f"{o}/", Name=o, AccountType="x", EnvironmentIds=[f"Environments-{o}"]) for o in "12"
    ]

    plan, _ = target.take(tree(*parts, *accounts))

    assert outcomes(plan) == {"Created": 3, "Unchanged": 1}
    assert [item["EnvironmentIds"] for item in target.all("Account")] == [["Environments-1"], ["Environments-1"]]


def test_several_sources_in_one_directory_keep_their_ids_apart(target: Server) -> None:
    """
    Two servers' Environments-1 are different documents, and each account keeps its own.
    """
    parts = [doc("DeploymentEnvironment", "Environments-1", origin=f"{o}/", Name=f"Env {o}", SortOrder=1) for o in "ab"]
    parts += [
        doc("Account", "acc-1", origin=f"{o}/", Name=f"acc {o}", AccountType="Token", EnvironmentIds=["Environments-1"])
        for o in "ab"
    ]

    target.take(tree(*parts))

    for o in "ab":
        assert target.named("Account", f"acc {o}")["EnvironmentIds"] == [
            target.named("DeploymentEnvironment", f"Env {o}")["Id"]
        ]
