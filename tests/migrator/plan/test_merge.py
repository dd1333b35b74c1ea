"""
Known defects of importers: merging, and what must not be narrowed. Numbers are those of the regression table.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.demo import rows
from migrator.documents.stored import Stored
from migrator.maps import REGISTRY
from migrator.plan.merge import combined, incoming
from migrator.plan.rewrite import Rewritten
from migrator.secrets.sealing import SecretText
from migrator.tree.values import Tree, TreeDocument
from tests.support.imports import (
    Server,
    account,
    action,
    doc,
    empty_server,
    environment,
    outcomes,
    process,
    project,
    tree,
    variable,
    variables,
)
from tests.support.values import json_values


def test_5129_restrictions_the_tree_cannot_see_are_not_narrowed(target: Server) -> None:
    """
    Importing projects one by one, each with its own environment, does not strip what the other import brought.
    """
    both = account(EnvironmentIds=["Environments-1", "Environments-2"])
    target.take(tree(environment(), both))

    target.take(tree(environment("Environments-2", "Prod"), both), overwrite=True)

    wanted = {target.named("DeploymentEnvironment", name)["Id"] for name in ("Dev", "Prod")}
    assert set(target.named("Account", "cloud")["EnvironmentIds"]) == wanted


def test_1628_built_in_roles_take_the_union_of_permissions(target: Server) -> None:
    """
    A built-in role never loses a permission that the target's version has.
    """
    target.add("UserRole", "userroles-admin", Name="Admin", GrantedPermissions=["A", "New"])

    plan, _ = target.take(
        tree(doc("UserRole", "userroles-admin", Name="Admin", GrantedPermissions=["A", "B"])), overwrite=True
    )

    assert sorted(target.read("UserRole", "userroles-admin")["GrantedPermissions"]) == ["A", "B", "New"]
    assert outcomes(plan) == {"Merged": 1}


def test_1823_variable_sets_merge(target: Server) -> None:
    """
    Equal name and scope takes the incoming value; the target's other variables stay; twice is the same.
    """
    target.take(
        tree(
            *project(),
            environment("Environments-1", "Only here"),
            variables("Projects-1", variable("A", "old"), variable("B", "own", Environment=["Environments-1"])),
        )
    )
    some = tree(*project(), variables("Projects-1", variable("a", "new"), variable("C", "more")))

    plan, _ = target.take(some, overwrite=True)
    again = target.preview(some, overwrite=True)

    assert [(v["Name"], v["Value"]) for v in target.all("VariableSet")[0]["Variables"]] == [
        ("a", "new"),
        ("C", "more"),
        ("B", "own"),
    ]
    assert (outcomes(plan)["Merged"], outcomes(again)) == (1, {"Unchanged": 4})


def test_4882_merged_sets_get_no_doubles_and_lose_no_scope(target: Server) -> None:
    """
    A variable made by hand on both sides is one; a variable of a machine that is not there is dropped, with a warning.
    """
    target.take(
        tree(*project(), environment(), variables("Projects-1", variable("A", "1", Environment=["Environments-1"])))
    )
    incoming = [
        variable("A", "1", Environment=["Environments-7"]) | {"Id": "other"},
        variable("M", "1", Machine=["Machines-9"]),
    ]
    some = tree(*project(), environment("Environments-7"), variables("Projects-1", *incoming))

    plan, report = target.take(some, overwrite=True)

    assert [(v["Name"], v.get("Scope")) for v in target.all("VariableSet")[0]["Variables"]] == [
        ("A", {"Environment": ["Environments-1"]})
    ]
    assert outcomes(plan) == {"Unchanged": 5}
    assert any("Machine" in item.message and "dropped" in item.message for item in report.warnings)


@pytest.fixture
def newer(tmp_path: Path) -> Server:
    """
    An empty target of a version that has runbooks, with its default space.
    """
    server = empty_server(tmp_path, "newer", spaces=True)
    server.add("Space", "Spaces-1", Name="Default", Slug="default", IsDefault=True)
    return server


def with_parts(*more: TreeDocument) -> Tree:
    """
    Return a tree of a project with two of everything that a scope can name.
    """
    runbooks = [
        document
        for number in (1, 2)
        for document in (
            doc("Runbook", f"Runbooks-{number}", Name=f"R{number}", ProjectId="Projects-1", Environments=[]),
            doc("RunbookProcess", f"RunbookProcess-Runbooks-{number}", OwnerId=f"Runbooks-{number}", Steps=[]),
        )
    ]
    tags = [{"Id": f"TagSets-1/Tags-{number}", "Name": name} for number, name in ((1, "early"), (2, "late"))]
    return tree(
        *project(),
        environment(),
        environment("Environments-2", "Prod"),
        doc("TagSet", "TagSets-1", Name="Ring", SortOrder=1, Tags=tags),
        process("Projects-1", action("a1", "One"), action("a2", "Two")),
        *runbooks,
        *more,
    )


def scopes_of(server: Server, kind: str) -> list[tuple[str, int]]:
    """
    Return value and number of scope values of each variable named A.
    """
    some = server.all("VariableSet")[0]["Variables"]
    return sorted((item["Value"], len(item["Scope"][kind])) for item in some if item["Name"] == "A")


LOST = {
    "Environment": "Environments-9",
    "ProcessOwner": "Runbooks-9",
    "TenantTag": "TagSets-9/Tags-1",
    "Machine": "Machines-9",
}
"""Ids that are not in the tree, so that a scope with one is narrowed on the way to the target."""


@pytest.mark.parametrize(
    ("kind", "own", "more"),
    [
        ("Environment", "Environments-1", "Environments-2"),
        ("ProcessOwner", "Runbooks-1", "Runbooks-2"),
        ("TenantTag", "TagSets-1/Tags-1", "TagSets-1/Tags-2"),
        ("TenantTag", "Ring/early", "Ring/late"),
    ],
)
def test_a_variable_does_not_merge_into_one_of_a_scope_that_the_tree_sees(
    newer: Server, kind: str, own: str, more: str
) -> None:
    """
    Whatever more the target's variable is for, the tree holds it too, so it is another variable and keeps its value.
    """
    newer.take(with_parts(variables("Projects-1", variable("A", "theirs", **{kind: [own, more]}))))

    mine = variable("A", "mine", **{kind: [own, LOST[kind]]})
    newer.take(with_parts(variables("Projects-1", mine)), overwrite=True)

    assert scopes_of(newer, kind) == [("mine", 1), ("theirs", 2)]


@pytest.mark.parametrize(
    ("kind", "own", "unseen"),
    [
        ("Environment", "Environments-1", "Environments-77"),
        ("ProcessOwner", "Runbooks-1", "Runbooks-77"),
        ("TenantTag", "TagSets-1/Tags-1", "TagSets-77/Tags-1"),
        ("TenantTag", "Ring/early", "Region/North"),
    ],
)
def test_a_narrowed_variable_merges_into_what_it_is_left_of(newer: Server, kind: str, own: str, unseen: str) -> None:
    """
    What more the target's variable is for, the tree cannot see: it is the same variable, and keeps its scope.
    """
    widen(newer, kind, own, unseen)

    mine = variable("A", "mine", **{kind: [own, LOST[kind]]})
    newer.take(with_parts(variables("Projects-1", mine)), overwrite=True)

    assert scopes_of(newer, kind) == [("mine", 2)]


@pytest.mark.parametrize(
    ("kind", "own", "unseen"),
    [("Environment", "Environments-1", "Environments-77"), ("Role", "web", "db"), ("Action", "a1", "a77")],
)
def test_a_variable_that_lost_nothing_is_left_of_no_other(newer: Server, kind: str, own: str, unseen: str) -> None:
    """
    That another variable lost something says nothing of this one: its scope is what the source meant.
    """
    widen(newer, kind, own, unseen)

    lost = variable("M", "1", Machine=[LOST["Machine"]], Environment=["Environments-1"])
    mine = variable("A", "mine", **{kind: [own]})
    newer.take(with_parts(variables("Projects-1", mine, lost)), overwrite=True)

    assert scopes_of(newer, kind) == [("mine", 1), ("theirs", 2)]


def widen(server: Server, kind: str, own: str, unseen: str) -> None:
    """
    Give the server a variable that applies to something that no tree holds, too.
    """
    server.take(with_parts(variables("Projects-1", variable("A", "theirs", **{kind: [own]}))))
    body = server.all("VariableSet")[0]
    body["Variables"][0]["Scope"][kind].append(unseen)
    server.run("UPDATE VariableSet SET JSON = ?", json.dumps({"Variables": body["Variables"]}))


def test_teams_merge_members(target: Server) -> None:
    """
    Members whom only the target has survive an overwrite.
    """
    target.add("Team", "Teams-5", Name="crew", MemberUserIds=["Users-50"], ProjectIds=[], EnvironmentIds=[])
    target.add("User", "Users-9", Username="ANN", IsActive=True, IsService=False, IdentificationToken="t")

    target.take(
        tree(
            doc("User", "Users-1", Username="ann", IsActive=True, IsService=False),
            doc("Team", "Teams-1", Name="Crew", MemberUserIds=["Users-1"], ProjectIds=[], EnvironmentIds=[]),
        ),
        overwrite=True,
    )

    assert target.read("Team", "Teams-5")["MemberUserIds"] == ["Users-9", "Users-50"]
    assert target.read("User", "Users-9")["IdentificationToken"] == "t"


def test_5940_roles_of_built_in_teams_are_the_targets_own(tmp_path: Path) -> None:
    """
    What a built-in team may do on the target is never altered.
    """
    target = empty_server(tmp_path, "newer", spaces=True)
    target.add("Space", "Spaces-1", Name="Default", Slug="default", IsDefault=True)
    target.add("Team", "teams-everyone", Name="Everyone", MemberUserIds=[], ProjectIds=[], EnvironmentIds=[])
    target.add("UserRole", "userroles-x", Name="X", GrantedPermissions=[])
    target.add(
        "ScopedUserRole",
        "ScopedUserRoles-5",
        TeamId="teams-everyone",
        UserRoleId="userroles-x",
        ProjectIds=[],
        Note="own",
    )

    plan, _ = target.take(
        tree(
            doc(
                "ScopedUserRole",
                "ScopedUserRoles-1",
                TeamId="teams-everyone",
                UserRoleId="userroles-x",
                ProjectIds=[],
                Note="other",
            )
        ),
        overwrite=True,
    )

    assert outcomes(plan) == {"Skipped (no overwrite)": 1}
    assert target.read("ScopedUserRole", "ScopedUserRoles-5")["Note"] == "own"


any_variables = st.one_of(
    json_values(),
    st.lists(
        st.one_of(
            json_values(),
            st.fixed_dictionaries(
                {},
                optional={
                    "Id": json_values(),
                    "Name": st.one_of(st.sampled_from("ab"), json_values()),
                    "Value": st.one_of(st.builds(SecretText, st.sampled_from("xy")), json_values()),
                    "Scope": st.dictionaries(st.sampled_from(("Environment", "Role")), json_values()),
                },
            ),
        ),
        max_size=4,
    ),
)


@given(mine=any_variables, theirs=any_variables, lost=st.booleans())
def test_whatever_stands_for_variables_merges(mine: Any, theirs: Any, lost: bool) -> None:
    """
    A tree and a database may hold anything where variables should be: merging never fails, and twice is once.
    """
    document_map = REGISTRY["VariableSet"]
    change = Rewritten({}, narrowed={("Variables", "0", "Scope", "Environment")} if lost else set())
    body = incoming(document_map, {"Id": "v", "Variables": mine})

    once = combined(document_map, change, body, Stored("v", {"Id": "v", "Variables": theirs}, ""), is_no_image)
    twice = combined(document_map, change, body, Stored("v", once, ""), is_no_image)

    assert once == twice


def is_no_image(kind: str, identity: str) -> bool:
    return False


def test_doubles_are_declarations_that_say_the_same() -> None:
    """
    Name, scope and value make a double; values that only look alike, as secrets do, are two.
    """
    some = [
        variable("A", "1", Environment=["E"]),
        variable("a", "1", Environment=["e"]) | {"Id": "other"},
        variable("A", "1"),
        variable("A", 1),
        variable("A", {"SensitiveValue": SecretText("one")}),
        variable("A", {"SensitiveValue": SecretText("two")}),
        variable("B", None),
        variable("B", None, Role=[]),
        variable("B", "None"),
    ]

    kept = incoming(REGISTRY["VariableSet"], {"Id": "v", "Variables": some})["Variables"]

    assert kept == [some[number] for number in (0, 2, 3, 4, 5, 6, 8)]


@pytest.mark.parametrize("strange", [[], [1], {"a": [1]}, None, 1.5])
def test_whatever_stands_in_a_united_list_comes_through(strange: Any, target: Server) -> None:
    """
    In a hostile tree an element of a list that becomes both sides' may be anything; it is taken, and ends no import.
    """
    target.take(tree(doc("Team", "teams-1", Name="Makers", MemberUserIds=[])))
    plan, _ = target.take(
        tree(doc("Team", "teams-1", Name="Makers", MemberUserIds=[strange])), overwrite=True, force=True
    )
    assert len(plan.decisions) == 1


def test_a_freeze_keeps_the_projects_of_other_spaces(tmp_path: Path) -> None:
    """
    One freeze may span spaces: what the target's has of projects that the tree does not hold stays, with tenants.
    """
    target = empty_server(tmp_path, newest=True)
    target.add("DeploymentEnvironment", "Environments-7", Name="Elsewhere", SortOrder=0)
    target.add("Tenant", "Tenants-7", Name="Theirs", ProjectIds=[], TenantTags=[])
    mine = [*project(), environment("Environments-1", "Dev")]
    freeze = {"ProjectEnvironmentScope": {"Projects-1": ["Environments-1"]}, "TenantProjectEnvironmentScope": []}
    target.take(tree(*mine, doc("DeploymentFreeze", "DeploymentFreezes-1", Name="Sale", **freeze)))
    theirs = target.named("DeploymentFreeze", "Sale")
    theirs["ProjectEnvironmentScope"]["Projects-77"] = ["Environments-7"]
    theirs["TenantProjectEnvironmentScope"] = [
        {"TenantId": "Tenants-7", "ProjectId": "Projects-77", "EnvironmentId": "Environments-7"}
    ]
    with closing(sqlite3.connect(target.path)) as connection, connection:
        rows.update(connection, "DeploymentFreeze", theirs)

    _, report = target.take(
        tree(*mine, doc("DeploymentFreeze", "DeploymentFreezes-1", Name="Sale", End="2027-01-01", **freeze)),
        overwrite=True,
    )

    assert report.counts["DeploymentFreeze"] == {"Merged": 1}
    found = target.named("DeploymentFreeze", "Sale")
    assert found["End"] == "2027-01-01"
    assert found["ProjectEnvironmentScope"] == theirs["ProjectEnvironmentScope"]
    assert found["TenantProjectEnvironmentScope"] == theirs["TenantProjectEnvironmentScope"]
