"""
What is wrong with a tree before anything is decided, and which of its documents an import considers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from migrator.maps import REGISTRY
from migrator.plan.checks import check_tree, companions, importable, storable
from migrator.plan.target_view import TargetView
from migrator.plan.values import ImportOptions
from migrator.report import ReportedWarning
from migrator.tree.values import Problem, Tree, TreeDocument
from tests.support.imports import doc, project


@dataclass
class Target:
    """
    A target that has all tables and columns but some.
    """

    version: str = "2018.8"
    without: frozenset[str] = field(default_factory=frozenset)

    def has(self, type_: str) -> bool:
        return type_ not in self.without

    def has_column(self, type_: str, name: str) -> bool:
        return f"{type_}.{name}" not in self.without


def view(*without: str, version: str = "2018.8") -> TargetView:
    return cast(TargetView, Target(version, frozenset(without)))


def checked(*documents: TreeDocument, without: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """
    Return what is wrong with documents: file, place, words; first what force goes on despite.
    """
    problems, refusals, warnings = check_tree(Tree(documents), view(*without), ImportOptions())
    assert warnings == []
    return [(item.file, item.place, item.message) for item in (*problems, *refusals)]


def test_what_an_import_needs_to_find_a_document_is_demanded() -> None:
    """
    A document has an id, its natural key and a type that is known; what is no key may be empty.
    """
    good = doc("Lifecycle", "Lifecycles-1", Name="Slow")
    assert checked(good) == []
    assert checked(doc("Lifecycle", "", Name="Slow", file="a.json")) == [("a.json", "Id", "the document has no id")]
    for name in (None, ""):
        assert checked(doc("Lifecycle", "Lifecycles-1", Name=name, file="a.json")) == [
            ("a.json", "Name", "the document has no Name, by which it would be found")
        ]
    assert checked(doc("Unheard", "x", Name=None, file="a.json")) == [
        ("a.json", "", "Unheard is not a type this program knows; it was not imported")
    ]
    value = doc(
        "TenantVariable", "TenantVariables-1", TenantId="T", OwnerId="P", VariableTemplateId="t", EnvironmentId=""
    )
    assert checked(value) == []
    assert checked(doc("VariableSet", "variableset-Projects-1")) == []


def test_what_never_is_imported_needs_no_key() -> None:
    """
    Of what belongs to one server, and of history, nothing is demanded.
    """
    never = next(item for item in REGISTRY.maps if item.never_imported and "*" not in item.never_imported)
    assert checked(doc(never.type, next(iter(never.never_imported)).upper(), Name=None)) == []
    assert checked(doc("Release", "Releases-1")) == []


def test_two_files_of_one_id_are_told() -> None:
    """
    One id of a type, in any case, stands in one file of an origin; the same file twice is no trouble.
    """
    one = doc("Feed", "Feeds-1", Name="a", file="a.json")
    twin = doc("Feed", "FEEDS-1", Name="b", file="b.json")
    assert checked(one, twin) == [("b.json", "Id", "FEEDS-1 is also the id of a.json; remove one of them")]
    assert checked(one, replace(twin, origin="other/")) == []
    assert checked(one, replace(twin, file="a.json")) == []
    assert checked(one, doc("Proxy", "Feeds-1", Name="a", file="c.json")) == []


def test_what_no_database_holds_is_left_out() -> None:
    """
    Half a character in an id or in a column is a problem, and the document is not imported; in JSON it may stand.
    """
    bad, odd = "a\ud800", doc("Feed", "Feeds-2", Name="b", Extra="a\ud800")
    by_name, by_id = doc("Feed", "Feeds-1", Name=bad, file="a.json"), doc("Feed", bad, Name="x", file="b.json")
    words = "no database can hold what stands there; it was not imported"
    some = (odd, by_name, by_id)
    assert checked(*some, without=("Feed.Extra",)) == [("a.json", "Name", words), ("b.json", "Id", words)]
    assert storable(Tree(some), view("Feed.Extra")).documents == (odd,)


@pytest.mark.parametrize(
    ("tree", "target", "ignored", "refused", "warned"),
    [
        ("1.0", "1.0", False, False, ""),
        (" 1.0", "1.0 ", False, False, ""),
        ("1.0", "1.1", False, True, ""),
        ("1.0", "1.1", True, False, "the tree is of version 1.0, the target of 1.1; imported all the same"),
        ("", "1.1", False, False, "the server's version is not known on both sides and was not compared"),
        ("1.0", "", False, False, "the server's version is not known on both sides and was not compared"),
    ],
)
def test_versions_are_one(tree: str, target: str, ignored: bool, refused: bool, warned: str) -> None:
    """
    Tree and target are of exactly one version, or it is said that the difference was ignored or cannot be known.
    """
    options = ImportOptions(ignore_version_check=ignored)
    for origin, file in (("", "metadata.json"), ("a", "a/metadata.json")):
        _, refusals, warnings = check_tree(Tree((), versions=((origin, tree),)), view(version=target), options)
        message = (
            "the tree is of version 1.0, the target of 1.1; bring both to one version, or give --ignore-version-check"
        )
        assert refusals == ([Problem(file, "", message)] if refused else [])
        assert [item.message for item in warnings] == ([warned] if warned else [])


def test_what_a_tree_brings_along_as_warnings_is_told() -> None:
    """
    What the reader of a tree saw is a problem or a warning of the import too.
    """
    seen = Problem("a.json", "", "broken")
    problems, _, warnings = check_tree(Tree((), (seen,), ("odd",)), view(), ImportOptions())
    assert (problems, [item.message for item in warnings]) == ([seen], ["odd"])


def test_an_older_target_is_refused() -> None:
    """
    A table or a column that the target lacks is told once, where something would have to be stored there.
    """
    one, two = (doc("Feed", f"Feeds-{n}", Name=f"f{n}", FeedType="NuGet", file=f"{n}.json") for n in (1, 2))
    assert checked(one, two, without=("Feed",)) == [
        ("1.json", "", "the target has no table Feed: it is of an older version")
    ]
    assert checked(one, two, without=("Feed.FeedType",)) == [
        ("1.json", "FeedType", "the target has no column Feed.FeedType: it is of an older version")
    ]
    for nothing in (None, "", [], 0, False):
        assert checked(doc("Feed", "Feeds-1", Name="a", FeedType=nothing), without=("Feed.FeedType",)) == []
    # What is no column of 2018 goes into the JSON.
    assert checked(doc("Feed", "Feeds-1", Name="a", Newer="x"), without=("Feed.Newer",)) == []


def test_a_space_needs_its_column_only_where_there_are_spaces() -> None:
    """
    A document of a space is refused by a server without spaces; that of a whole server, or of both, is not.
    """
    without = ("Feed.SpaceId", "Team.SpaceId")
    assert checked(doc("Feed", "Feeds-1", Name="a", SpaceId="Spaces-1"), without=without) == []
    assert checked(
        doc("Feed", "Feeds-1", Name="a", SpaceId="Spaces-1", space="Default", file="a.json"), without=without
    )
    for item in (item for item in REGISTRY.maps if item.server_wide):
        where = (f"{item.type}.SpaceId",)
        assert checked(doc(item.type, "x-1", Name="a", SpaceId="Spaces-1", space="Default"), without=where) == []


def considered(*documents: TreeDocument, without: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    warnings: list[ReportedWarning] = []
    found = [item.id for item in importable(Tree(documents), view(*without), warnings)]
    return found, [": ".join(filter(None, (item.document, item.message))) for item in warnings]


def test_which_documents_an_import_considers() -> None:
    """
    Each once, without history, without what belongs to one server, unknown types and tables that are not there.
    """
    feed = doc("Feed", "Feeds-1", Name="a")
    event, release = doc("Event", "Events-1"), doc("Release", "Releases-1", Version="1")
    never = next(item for item in REGISTRY.maps if item.never_imported and "*" not in item.never_imported)
    identity, reason = next(iter(never.never_imported.items()))
    assert considered(feed, replace(feed, id="FEEDS-1"), doc("Feed", ""), doc("Unheard", "x")) == (["Feeds-1"], [])
    assert considered(feed, replace(feed, origin="b")) == (["Feeds-1", "Feeds-1"], [])
    assert considered(feed, doc("Proxy", "Feeds-1"), without=("Feed",)) == (["Feeds-1"], [])
    assert considered(event, event, release) == ([], ["2 documents of type Event: history, which is not imported"])
    assert considered(release, without=("Release",)) == (
        [],
        ["1 document of type Release: history, which is not imported"],
    )
    assert considered(doc(never.type, identity)) == ([], [f"{identity}: never imported: {reason}"])


def test_an_owner_never_is_without_its_parts() -> None:
    """
    A new project gets an empty process and an empty variable set where the tree has none, with a word of it.
    """
    owner = project()[-1]
    process = doc("DeploymentProcess", "DEPLOYMENTPROCESS-Projects-1", OwnerId="Projects-1", Steps=[])

    def made(*documents: TreeDocument) -> dict[str, dict[str, Any]]:
        warnings: list[ReportedWarning] = []
        found = {item.map.type: item.body for item in companions(Tree(documents), [documents[0]], warnings)}
        assert [item.message for item in warnings] == [
            f"{body['Id']} is not in the tree; an empty one was made" for body in found.values()
        ]
        return found

    both = made(owner)
    assert both.keys() == {"VariableSet", "DeploymentProcess"}
    assert both["VariableSet"] == {"OwnerId": "Projects-1", "Id": "variableset-Projects-1", "Variables": []}
    assert made(owner, process).keys() == {"VariableSet"}
    assert made(owner, replace(process, origin="other")).keys() == {"VariableSet", "DeploymentProcess"}
    in_git: Mapping[str, Any] = owner.body | {"DeploymentProcessId": None, "VariableSetId": ""}
    assert made(replace(owner, body=dict(in_git))) == {}
