"""
What an import leaves out, or keeps as it stands, so that one thing does not stop all the others.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migrator.importer import ImportRefused
from migrator.sql.target import open_target
from migrator.tree.values import Tree, TreeDocument
from tests.support.imports import Server, action, doc, empty_server, environment, outcomes, process, project, tree


@pytest.fixture
def target(tmp_path: Path) -> Server:
    return empty_server(tmp_path)


@pytest.fixture
def newer(tmp_path: Path) -> Server:
    return empty_server(tmp_path, spaces=True)


def whole(*documents: TreeDocument, server: str = "another") -> Tree:
    """
    Return the whole export of a server.
    """
    return replace(tree(*documents), whole=(("", server),))


def _feed_of(target: Server) -> object:
    (got,) = target.all("DeploymentProcess")
    return got["Steps"][0]["Actions"][0]["Properties"]["Octopus.Action.Package.FeedId"]


def _with_feed(identity: str) -> list[TreeDocument]:
    step = action("a-1", "Deploy", {"Octopus.Action.Package.FeedId": identity})
    return [*project(), process("Projects-1", step)]


def test_what_led_nowhere_on_the_source_is_kept_and_told(target: Server) -> None:
    """
    A whole export that has no document of an id: the source had none either, and the process comes as it is.
    """
    some = whole(*_with_feed("Feeds-12"))

    _, report = target.take(some)

    assert _feed_of(target) == "Feeds-12"
    assert [item.message for item in report.warnings if "Feeds-12" in item.message] == [
        "Feeds-12 led nowhere on the source already; it was kept as it stands"
    ]
    with pytest.raises(ImportRefused, match="Feeds-12"):
        target.take(some, strict=True, overwrite=True)


def test_an_id_that_is_anothers_on_the_target_is_never_kept(target: Server) -> None:
    """
    What led nowhere must not lead to a document of the target that has the same number by chance.
    """
    target.add("Feed", "Feeds-12", Name="by chance", FeedType="NuGet", FeedUri="x")

    _, report = target.take(whole(*_with_feed("Feeds-12")))

    assert _feed_of(target) == "Feeds-0"
    assert any("another's on the target" in item.message for item in report.warnings)


def test_an_id_stays_on_its_own_server(target: Server) -> None:
    """
    A tree that goes back to its own server names that server's documents, also those whose files were taken out.
    """
    target.add("Feed", "Feeds-12", Name="its own", FeedType="NuGet", FeedUri="x")
    with open_target(target.address, None) as opened:
        own = opened.server

    target.take(whole(*_with_feed("Feeds-12"), server=own))

    assert _feed_of(target) == "Feeds-12"


def test_a_part_of_a_server_says_what_should_be_there(target: Server) -> None:
    """
    In a tree that is no whole export a missing feed was forgotten: no new project comes without the process that needs
    it, a project that is there keeps its own, and everything else comes.
    """
    _, report = target.take(tree(*_with_feed("Feeds-12")))
    assert report.counts["DeploymentProcess"] == {"Skipped (incomplete)": 1, "Missing dependencies": 1}
    assert report.counts["Project"] == {"Skipped (incomplete)": 1}
    assert report.counts["Lifecycle"] == {"Created": 1}
    assert target.all("VariableSet") == []

    target.take(tree(*project(), process("Projects-1", action("a-1", "Theirs"))))
    _, report = target.take(tree(*_with_feed("Feeds-12")), overwrite=True)
    assert report.counts["Project"] == {"Unchanged": 1}
    (kept,) = target.all("DeploymentProcess")
    assert kept["Steps"][0]["Name"] == "Theirs"


def test_a_name_where_an_id_could_stand_resolves_by_name(target: Server) -> None:
    """
    A parameter's default may be a pool's name, of the tree or of the target; one that nobody has is kept and told.
    """

    def template(name: str) -> TreeDocument:
        display = {"Octopus.ControlType": "WorkerPool"}
        parameter = {"Id": "p", "Name": "Pool", "DefaultValue": name, "DisplaySettings": display}
        return doc("LibraryVariableSet", f"LibraryVariableSets-{name}", Name=name, Templates=[parameter])

    target.add("WorkerPool", "WorkerPools-5", Name="Theirs", SortOrder=1, IsDefault=False)
    pool = doc("WorkerPool", "WorkerPools-1", Name="Ours")

    _, report = target.take(tree(pool, template("ours"), template("Theirs"), template("Nobody")))

    defaults = {item["Name"]: item["Templates"][0]["DefaultValue"] for item in target.all("LibraryVariableSet")}
    assert defaults == {"ours": "ours", "Theirs": "Theirs", "Nobody": "Nobody"}
    assert [item.message for item in report.warnings if "called" in item.message] == [
        "nothing on the target is called Nobody; it was kept as it stands"
    ]


def test_left_overs_of_deleted_tenants_are_told_and_left_out(target: Server) -> None:
    """
    A value of a tenant that its server deleted, and a process of a project, are no reason to refuse the rest.
    """
    value = doc("TenantVariable", "TenantVariables-3", TenantId="Tenants-99", OwnerId="Projects-1", Value="80")

    plan, report = target.take(whole(environment(), value, process("Projects-77")))

    assert outcomes(plan) == {"Created": 1, "Skipped (incomplete)": 2}
    told = {item.document: item.message for item in report.warnings}
    assert told["TenantVariables-3"].startswith("left over from Tenants-99")
    assert told["deploymentprocess-Projects-77"].startswith("left over from Projects-77")
    assert not target.all("TenantVariable")


def test_left_overs_of_deleted_spaces_are_told_and_left_out(newer: Server) -> None:
    """
    Documents of a space that is gone go into no other space.
    """
    left = [
        doc("ProjectGroup", f"ProjectGroups-{number}", space="Spaces-2", SpaceId="Spaces-2", Name=f"G{number}")
        for number in (1, 2)
    ]
    some = replace(whole(*left, doc("UserRole", "UserRoles-1", Name="R")), gone_spaces=frozenset([("", "Spaces-2")]))

    plan, report = newer.take(some)

    assert outcomes(plan) == {"Created": 1}
    assert [item.message for item in report.warnings if item.document == "Spaces-2"] == [
        "2 documents of Spaces-2, a space that the source has deleted, left out"
    ]


def test_a_type_of_one_server_is_never_imported(target: Server) -> None:
    """
    What is the registration of one server stays there, whatever its id, and so does what comes and goes by itself.
    """
    target.run("CREATE TABLE GitHubAppConnection (Id TEXT PRIMARY KEY, AccountLogin TEXT, JSON TEXT)")
    some = tree(
        doc("GitHubAppConnection", "GitHubAppConnections-1", AccountLogin="acme"),
        doc("DeploymentEnvironment", "Environments-9", Name="pr-17", Type="Ephemeral"),
        environment(),
    )

    plan, report = target.take(some)

    assert outcomes(plan) == {"Created": 1}
    told = {item.document: item.message for item in report.warnings}
    assert "registration" in told["GitHubAppConnections-1"] and "removed by" in told["Environments-9"]


def test_a_computed_column_is_not_written(target: Server) -> None:
    """
    The database makes such a value by itself and refuses any other: neither a new row nor a changed one names it.
    """
    target.run("ALTER TABLE DeploymentEnvironment ADD COLUMN Loud TEXT GENERATED ALWAYS AS (upper(Name)) VIRTUAL")

    def dev(order: int) -> Tree:
        return tree(doc("DeploymentEnvironment", "Environments-1", Name="Dev", SortOrder=order, Loud="stale"))

    target.take(dev(1))
    plan, _ = target.take(dev(2), overwrite=True)

    assert [(change.path, change.after) for item in plan.decisions for change in item.changes] == [("SortOrder", "2")]
    assert target.run("SELECT Name, SortOrder, Loud FROM DeploymentEnvironment") == [("Dev", 2, "DEV")]
    assert outcomes(target.preview(dev(2))) == {"Unchanged": 1}
    assert "stale" not in str(target.run("SELECT JSON FROM DeploymentEnvironment"))


def _in_git(**more: object) -> list[TreeDocument]:
    own = {"Type": "VersionControlled", "Url": "https://x:pw@git.example.com/s.git", "BasePath": ".octopus"}
    return project(PersistenceSettings=own | {"DefaultBranch": "main"} | more)


def test_another_server_that_would_write_the_same_folder_is_told(target: Server) -> None:
    """
    A project under version control brings its repository along: on another server two would write one folder.
    """
    with open_target(target.address, None) as opened:
        own = opened.server
    some = tree(*_in_git())

    foreign = target.preview(replace(some, servers=(("", "another"),))).warnings
    same = target.preview(replace(some, servers=(("", own),))).warnings

    (told,) = [item for item in foreign if item.path == "PersistenceSettings"]
    assert "two servers would write that one folder" in told.message and "pw" not in told.message
    assert not [item for item in same if item.path == "PersistenceSettings"]


def test_a_connection_that_no_import_takes_is_the_targets_of_its_name(target: Server) -> None:
    """
    A project that names a GitHub connection gets the target's own of the same account, or none; it comes either way.
    """
    target.run("CREATE TABLE GitHubAppConnection (Id TEXT PRIMARY KEY, AccountLogin TEXT, JSON TEXT)")
    target.run("INSERT INTO GitHubAppConnection VALUES ('GitHubAppConnections-9', 'acme', '{}')")
    for number, login in ((1, "acme"), (2, "nobody")):
        connection = doc("GitHubAppConnection", f"GitHubAppConnections-{number}", AccountLogin=login)
        credentials = {"Type": "GitHub", "Id": f"GitHubAppConnections-{number}"}
        target.take(tree(connection, *_in_git(Credentials=credentials)), overwrite=True)
        found = target.named("Project", "Shop")["PersistenceSettings"]["Credentials"]["Id"]
        assert found == {"acme": "GitHubAppConnections-9", "nobody": "GitHubAppConnections-0"}[login]


def test_what_each_server_makes_by_itself_is_changed_and_never_made(tmp_path: Path) -> None:
    """
    A built-in policy and a system's tag set are found by name; a server without them is told, and gets none.
    """
    target = empty_server(tmp_path, newest=True)
    some = tree(
        doc(
            "RateLimitingPolicy", "RateLimitingPolicies-1", Name="Unauthenticated", IsBuiltIn=True, RequestsPerMinute=5
        ),
        doc("RateLimitingPolicy", "RateLimitingPolicies-2", Name="Ours", IsBuiltIn=False, RequestsPerMinute=7),
        doc("TagSet", "TagSets-1", Name="Target tags", IsSystem=True, Tags=[]),
    )

    _, report = target.take(some, overwrite=True)

    assert [item["Name"] for item in target.all("RateLimitingPolicy")] == ["Ours"]
    assert target.all("TagSet") == []
    told = [item.message for item in report.warnings]
    assert "each server makes its built-in policies by itself" in told
    assert "each server makes its own tag sets by itself" in told

    target.add("RateLimitingPolicy", "RateLimitingPolicies-9", Name="Unauthenticated", IsBuiltIn=True)
    target.take(some, overwrite=True)

    assert target.named("RateLimitingPolicy", "Unauthenticated")["RequestsPerMinute"] == 5
    assert len(target.all("RateLimitingPolicy")) == 2


def test_a_dynamic_worker_pool_is_told_once(tmp_path: Path) -> None:
    """
    It is made, and a person hears that it will have no workers; not again where it is there already.
    """
    target = empty_server(tmp_path, newest=True)
    some = tree(doc("WorkerPool", "WorkerPools-1", Name="Hosted", SortOrder=0, WorkerPoolType="DynamicWorkerPool"))
    for times in (1, 0):
        _, report = target.take(some)
        assert sum("vendor's cloud" in item.message for item in report.warnings) == times
    assert target.named("WorkerPool", "Hosted")["WorkerPoolType"] == "DynamicWorkerPool"


def test_a_newer_server_is_told_whose_variables_are(tmp_path: Path) -> None:
    """
    A tree of an older server does not say of what type an owner is, and a newer one looks for its sets by that.
    """
    target = empty_server(tmp_path, newest=True)

    library = doc("LibraryVariableSet", "LibraryVariableSets-1", Name="Common", ContentType="Variables")
    identity, owner = "variableset-LibraryVariableSets-1", "LibraryVariableSets-1"
    target.take(tree(*project(), library, doc("VariableSet", identity, OwnerId=owner, Variables=[])))

    kinds = {item["OwnerId"].partition("-")[0]: item["OwnerType"] for item in target.all("VariableSet")}
    assert kinds == {"Projects": "Project", "LibraryVariableSets": "LibraryVariableSet"}


def test_a_copy_on_its_own_server_gets_an_address_of_its_own(tmp_path: Path) -> None:
    """
    The GUID of a web hook stays where the tree goes to another server, and is a new one where the first still is.
    """
    hook = "11111111-0000-4000-8000-000000000001"
    for server, same in ((None, True), ("another", True), ("own", False)):
        target = empty_server(tmp_path, str(server), newest=True)
        trigger = doc(
            "ProjectTrigger", "ProjectTriggers-1", Name="Hook", ProjectId="Projects-1", Filter={"WebhookId": hook}
        )
        some = tree(*project(), trigger)
        if server is not None:
            with open_target(target.address, None) as opened:
                name = opened.server if server == "own" else server
            some = replace(some, servers=(("", name),))
        target.take(some)
        assert (target.named("ProjectTrigger", "Hook")["Filter"]["WebhookId"] == hook) is same
