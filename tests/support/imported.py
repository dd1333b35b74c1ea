"""
The page of imports: many made-up trees, what an import plans for each, and the rows that it writes.

``make pages`` writes it.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from auditor.demo.schema import table_definitions
from migrator.documents.document import Body
from migrator.importer import ImportOptions, Surroundings, apply_import, describe, plan_import
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.sql.target import open_target
from migrator.tree.values import Tree, TreeDocument
from tests.support.imports import TARGET, TARGET_KEY, Server, action, doc, empty_server, project
from tests.support.told import chosen, edited

PAGE = Path(__file__).parents[1] / "data" / "imported.txt"
TREES = 10
_COLUMNS = {table: {column["name"] for column in item["columns"]} for table, item in table_definitions().items()}
THEN = datetime(2026, 5, 13, 12, tzinfo=UTC)


def _action(id_: str, name: str, **properties: Any) -> Body:
    return action(
        id_,
        name,
        {key.replace("_", "."): value for key, value in properties.items()},
        Environments=["Environments-1"],
        ExcludedEnvironments=["Environments-2"],
        Channels=["Channels-1"],
        TenantTags=["Ring/Early"],
        WorkerPoolId="WorkerPools-1",
        Packages=[{"Id": "p1", "Name": "", "PackageId": "Acme", "FeedId": "Feeds-1", "Properties": {}}],
    )


def _steps(*actions: Body) -> list[Body]:
    return [{"Id": f"step-{a['Id']}", "Name": a["Name"], "Properties": {}, "Actions": [a]} for a in actions]


def _variable(number: int, name: str, value: Any, kind: str = "String", **scope: list[str]) -> Body:
    return {"Id": f"v{number}", "Name": name, "Value": value, "Type": kind, "Scope": scope}


def documents() -> list[TreeDocument]:
    """
    Return the documents of a small server in which nearly everything refers to something.
    """
    phase = {
        "Id": "ph1",
        "Name": "First",
        "AutomaticDeploymentTargets": ["Environments-1"],
        "OptionalDeploymentTargets": ["Environments-2"],
    }
    return [
        doc("DeploymentEnvironment", "Environments-1", Name="Dev", SortOrder=1, UseGuidedFailure=False),
        doc("DeploymentEnvironment", "Environments-2", Name="Live", SortOrder=2, UseGuidedFailure=True),
        *(
            replace(item, body=item.body | {"Phases": [phase]}) if item.map.type == "Lifecycle" else item
            for item in project(
                IncludedLibraryVariableSetIds=["LibraryVariableSets-1"],
                Templates=[{"Id": "t1", "Name": "Port", "DefaultValue": {"Value": "80"}}],
                ReleaseCreationStrategy={"ChannelId": "Channels-1"},
            )
        ),
        doc(
            "Channel",
            "Channels-1",
            Name="Default",
            ProjectId="Projects-1",
            LifecycleId="Lifecycles-1",
            TenantTags=["Ring/Early"],
            IsDefault=True,
            Rules=[{"Id": "r1", "Actions": ["One"], "VersionRange": "[1,2)"}],
        ),
        doc(
            "DeploymentProcess",
            "deploymentprocess-Projects-1",
            OwnerId="Projects-1",
            Version=5,
            IsFrozen=False,
            Steps=_steps(
                _action("a1", "One", Octopus_Action_Azure_AccountId="acc-1", Octopus_Action_Package_FeedId="Feeds-1"),
                _action("a2", "Two", Octopus_Action_Template_Id="ActionTemplates-1", Who="Projects-1"),
            ),
            RelatedDocumentIds=[],
        ),
        doc(
            "VariableSet",
            "variableset-Projects-1",
            OwnerId="Projects-1",
            Version=7,
            IsFrozen=False,
            Variables=[
                _variable(1, "Url", "https://dev", Environment=["Environments-1"]),
                _variable(2, "Url", "https://live", Environment=["Environments-2"], Role=["web"]),
                _variable(3, "Account", "acc-1", "AzureAccount"),
                _variable(4, "Step", "x", Action=["a1"], Channel=["Channels-1"]),
                _variable(5, "Box", "y", Machine=["Machines-1"], TenantTag=["Ring/Early"]),
            ],
            RelatedDocumentIds=[],
        ),
        doc(
            "LibraryVariableSet",
            "LibraryVariableSets-1",
            Name="Common",
            VariableSetId="variableset-LibraryVariableSets-1",
            ContentType="Variables",
            Templates=[{"Id": "t2", "Name": "Colour", "DefaultValue": {"Value": "red"}}],
        ),
        doc(
            "VariableSet",
            "variableset-LibraryVariableSets-1",
            OwnerId="LibraryVariableSets-1",
            Version=1,
            IsFrozen=False,
            Variables=[_variable(6, "Shared", "1")],
            RelatedDocumentIds=[],
        ),
        doc(
            "Tenant",
            "Tenants-1",
            Name="Acme",
            ProjectIds=["Projects-1"],
            TenantTags=["Ring/Early"],
            ProjectEnvironments={"Projects-1": ["Environments-1", "Environments-2"]},
        ),
        doc(
            "TenantVariable",
            "TenantVariables-1",
            TenantId="Tenants-1",
            EnvironmentId="Environments-1",
            OwnerId="Projects-1",
            VariableTemplateId="t1",
            Value={"Value": "8080"},
            RelatedDocumentId=None,
        ),
        doc(
            "TagSet",
            "TagSets-1",
            Name="Ring",
            SortOrder=1,
            Tags=[{"Id": "TagSets-1/Tags-1", "Name": "Early", "CanonicalTagName": "Ring/Early", "SortOrder": 1}],
        ),
        doc("Account", "acc-1", Name="cloud", AccountType="Token", EnvironmentIds=["Environments-1"], TenantIds=[]),
        doc("Feed", "Feeds-1", Name="Packages", FeedUri="https://nuget", FeedType="NuGet"),
        doc("Feed", "feeds-builtin", Name="Built in", FeedUri=None, FeedType="BuiltIn", DownloadAttempts=5),
        doc("MachinePolicy", "MachinePolicies-1", Name="Default", IsDefault=True),
        doc(
            "Machine",
            "Machines-1",
            Name="box",
            IsDisabled=False,
            Roles=["web"],
            EnvironmentIds=["Environments-1"],
            MachinePolicyId="MachinePolicies-1",
            TenantIds=["Tenants-1"],
            TenantTags=["Ring/Early"],
            CommunicationStyle="None",
            Endpoint={"CommunicationStyle": "None", "AccountId": "acc-1"},
        ),
        doc("WorkerPool", "WorkerPools-1", Name="Pool", SortOrder=1, IsDefault=True),
        doc(
            "ActionTemplate",
            "ActionTemplates-1",
            Name="Greet",
            Version=3,
            ActionType="Octopus.Script",
            CommunityActionTemplateId=None,
            Properties={"Octopus.Action.Script.ScriptBody": "echo"},
            Parameters=[{"Id": "q", "Name": "Who", "DisplaySettings": {"Octopus.ControlType": "Project"}}],
        ),
        doc("UserRole", "userroles-1", Name="Deployer", GrantedPermissions=["DeploymentCreate"], CanBeDeleted=True),
        doc(
            "User",
            "Users-1",
            Username="mei",
            DisplayName="Mei",
            IsActive=True,
            IsService=False,
            IdentificationToken="00000000-0000-0000-0000-000000000001",
        ),
        doc(
            "Team",
            "teams-1",
            Name="Makers",
            MemberUserIds=["Users-1"],
            UserRoleIds=["userroles-1"],
            ProjectIds=["Projects-1"],
            EnvironmentIds=["Environments-1"],
            TenantIds=[],
            TenantTags=[],
            ProjectGroupIds=[],
        ),
        doc(
            "ProjectTrigger",
            "ProjectTriggers-1",
            Name="Nightly",
            ProjectId="Projects-1",
            TriggerType="DeploymentTarget",
            IsDisabled=False,
            Filter={"EnvironmentIds": ["Environments-1"], "Roles": []},
            Action={"ShouldRedeployWhenMachineHasBeenDeployedTo": False},
        ),
        doc("Subscription", "Subscriptions-1", Name="Watch", Type="Event", IsDisabled=False),
    ]


_KEYS = ("Id", "OwnerId", "Version", "IsFrozen")


def _changed(random: Random, item: TreeDocument) -> TreeDocument:
    body = {name: value for name, value in item.body.items() if name not in _KEYS}
    kept = {name: value for name, value in item.body.items() if name in _KEYS}
    # What stands in a column must stay of its kind.
    new = edited(random, body)
    columns = _COLUMNS[item.map.type]
    new = {n: v if n not in columns or type(v) is type(body.get(n)) else body[n] for n, v in new.items()}
    return replace(item, body=kept | new)


def _trees() -> Iterator[tuple[str, Tree, Tree, dict[str, bool]]]:
    """
    Yield what stands in a target, what is imported into it, and how.
    """
    whole = documents()
    for number in range(TREES):
        random = Random(number)
        before = [item for item in whole if number == 0 or random.random() < 0.98]
        after = [_changed(random, item) if random.random() < 0.4 else item for item in whole if random.random() < 0.9]
        if number % 4 == 3:
            after.append(replace(chosen(random, after), file="Another/file.json"))
        options = {"overwrite": number not in (0, 6), "force": number % 4 != 0}
        yield f"tree {number}", _tree(before), _tree(after), options


def _tree(some: list[TreeDocument]) -> Tree:
    # The kinds of names that a partial export leaves out, one of them without a key.
    left = {"Project": {"Projects-9": {"Name": "Other"}}, "Feed": {"Feeds-1": {"Name": "Packages"}, "Feeds-8": None}}
    return Tree(tuple(some), versions=(("", ""),), left_out=(("", left),))


def page() -> str:
    """
    Return the page.
    """
    with tempfile.TemporaryDirectory() as folder:
        return "\n".join(
            part
            for number, (name, before, after, options) in enumerate(_trees())
            for part in _part(empty_server(Path(folder), str(number)), name, before, after, options)
        )


def _part(server: Server, name: str, before: Tree, after: Tree, options: dict[str, bool]) -> Iterator[str]:
    # So that no id of the tree is by chance the target's.
    for number in range(1, 4):
        server.add("DeploymentEnvironment", f"Environments-{number}", Name=f"Old {number}", SortOrder=number)
        server.add("Feed", f"Feeds-{number}", Name=f"Old {number}", FeedUri="u", FeedType="NuGet")
    yield f"== {name}: before"
    yield _take(server, before, {"overwrite": True, "force": True})
    # What the tree cannot see: an import must leave it as it is.
    for table, column in (("Account", "EnvironmentIds"), ("Team", "EnvironmentIds"), ("Machine", "EnvironmentIds")):
        server.run(f"UPDATE \"{table}\" SET {column} = {column} || 'Environments-3|' WHERE {column} <> ''")
    server.run('UPDATE VariableSet SET JSON = replace(JSON, \'"Name":"Url"\', \'"Name":"url "\')')
    server.run("UPDATE UserRole SET JSON = replace(JSON, '[\"Dep', '[\"TeamEdit\",\"Dep')")
    untouched = _rows(server)
    yield from untouched if before.documents == tuple(documents()) else ()
    yield f"== {name}: {', '.join(word for word, on in options.items() if on) or 'nothing is overwritten'}"
    yield _take(server, after, options)
    yield from (line for line in _rows(server) if line not in untouched)
    yield ""


def _take(server: Server, wanted: Tree, options: dict[str, bool]) -> str:
    given = ImportOptions(master_key=TARGET, **options)  # type: ignore[arg-type]
    guids = iter(range(1, 10**6))
    world = Surroundings(lambda: THEN, lambda: uuid.UUID(int=next(guids)), lambda seconds: None, lambda: 0.0)
    with open_target(server.address, MasterKeyCipher(TARGET_KEY)) as target:
        plan = plan_import(wanted, target, given)
        told = describe(plan)
        if plan.problems or plan.refusals:
            return told
        apply_import(plan, target, given, world=world)
        target.commit()
    return told


def _rows(server: Server) -> list[str]:
    """
    Return each row of each table as a line.
    """
    found = []
    with closing(sqlite3.connect(server.path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        ).fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"').fetchall():
                # What a database counts by itself says nothing of an import.
                own = {name: row[name] for name in row.keys() if not isinstance(row[name], bytes | None)}  # noqa: SIM118
                found.append(f"{table}: {json.dumps(own)}")
    return sorted(found)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
