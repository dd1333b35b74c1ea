"""
What is one of each in a space, in a project, or for some environments: found there, and never mixed up with another's.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from migrator.tree.values import TreeDocument
from tests.support.imports import Server, doc, empty_server, environment, outcomes, project, tree


@pytest.fixture
def target(tmp_path: Path) -> Server:
    return empty_server(tmp_path)


@pytest.fixture
def newer(tmp_path: Path) -> Server:
    server = empty_server(tmp_path, spaces=True)
    for number, name in ((1, "First"), (2, "Second")):
        server.add(
            "Space", f"Spaces-{number}", Name=name, Slug=name.lower(), IsDefault=number == 1, TaskQueueStopped=False
        )
    return server


def _scoped(number: int, value: str, *environments: str) -> TreeDocument:
    return doc(
        "TenantVariable",
        f"TenantVariables-{number}",
        TenantId="Tenants-1",
        OwnerId="Projects-1",
        VariableTemplateId="template",
        Value=value,
        Scope={"EnvironmentIds": list(environments)},
    )


def test_a_tenants_values_are_told_apart_by_their_environments(target: Server) -> None:
    """
    One template has a value for each scope: each finds its own again, whatever the order of its environments.
    """
    two = (environment(), environment("Environments-2", "Prod"))
    around = (*project(), *two, doc("Tenant", "Tenants-1", Name="T", ProjectIds=[], TenantTags=[]))
    dev = _scoped(1, "dev", "Environments-1")
    target.take(tree(*around, dev))

    both = _scoped(2, "both", "Environments-1", "Environments-2")
    plan, _ = target.take(tree(*around, both), overwrite=True)
    assert plan.counts()["TenantVariable"] == {"Created": 1}

    turned = _scoped(7, "new", "Environments-2", "Environments-1")
    plan, _ = target.take(tree(*around, dev, turned), overwrite=True)

    assert plan.counts()["TenantVariable"] == {"Unchanged": 1, "Updated": 1}
    assert sorted(item["Value"] for item in target.all("TenantVariable")) == ["dev", "new"]


def _built_in(identity: str, space: str, name: str) -> TreeDocument:
    body = {"Name": name, "FeedType": "BuiltIn", "FeedUri": ""}
    return doc("Feed", identity, space=space, file=f"Spaces/{space}/Feeds/{name}.json", **body)


def test_built_in_feeds_are_found_in_their_space(newer: Server) -> None:
    """
    A server makes one built-in feed for each space; a renamed one is not created beside it, and none is another's.
    """
    newer.add("Feed", "feeds-builtin", Name="Built-in", FeedType="BuiltIn", FeedUri="", SpaceId="Spaces-1")
    newer.add("Feed", "Feeds-1010", Name="Built-in", FeedType="BuiltIn", FeedUri="", SpaceId="Spaces-2")

    # On the source the second space is the one whose feed has the fixed id.
    some = tree(_built_in("Feeds-77", "First", "Renamed"), _built_in("feeds-builtin", "Second", "Other"))
    plan, report = newer.take(some, overwrite=True)

    assert outcomes(plan) == {"Updated": 2}
    assert report.ids["Feed"] == {"Feeds-77": "feeds-builtin", "feeds-builtin": "Feeds-1010"}


def _group(number: int, space: str, slug: str) -> TreeDocument:
    place = f"Spaces/{space}/ProjectGroups/G{number}.json"
    return doc("ProjectGroup", f"ProjectGroups-{number}", space=space, file=place, Name=f"G{number}", Slug=slug)


def test_slugs_are_unique_within_their_space_only(newer: Server) -> None:
    """
    Files in git and trust in clouds go by slugs: one that another space has is no reason to change it.
    """
    newer.run("ALTER TABLE ProjectGroup ADD COLUMN Slug TEXT")
    newer.add("ProjectGroup", "ProjectGroups-50", Name="Theirs", Slug="all", SpaceId="Spaces-1")

    _, report = newer.take(tree(_group(1, "First", "all"), _group(2, "Second", "all")))

    slugs = {(item["SpaceId"], item["Name"]): item["Slug"] for item in newer.all("ProjectGroup")}
    assert slugs == {("Spaces-1", "Theirs"): "all", ("Spaces-1", "G1"): "all-2", ("Spaces-2", "G2"): "all"}
    assert [item.document for item in report.warnings if item.path == "Slug"] == ["ProjectGroups-1"]


def test_slugs_of_channels_are_unique_within_their_project_only(target: Server) -> None:
    """
    Every project has a channel that is called default; within one, no two are.
    """
    target.run("ALTER TABLE Channel ADD COLUMN Slug TEXT")

    def channel(number: int, owner: str, name: str) -> TreeDocument:
        body = {"ProjectId": owner, "Name": name, "LifecycleId": None, "TenantTags": [], "Slug": "default"}
        return doc("Channel", f"Channels-{number}", **body)

    others = [item for item in project("Projects-2", "Other") if item.map.type == "Project"]
    some = (channel(1, "Projects-1", "A"), channel(2, "Projects-2", "A"), channel(3, "Projects-1", "B"))
    target.take(tree(*project(), *others, *some))

    assert sorted((item["Name"], item["Slug"]) for item in target.all("Channel")) == [
        ("A", "default"),
        ("A", "default"),
        ("B", "default-2"),
    ]
