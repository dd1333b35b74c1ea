"""
What one id is on the target: by the tree, by construction, by a key, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from migrator.documents.stored import Found
from migrator.maps.document_map import ANY, TAG, TEMPLATE
from migrator.plan.context import Context, make_context
from migrator.plan.target_view import TargetView
from migrator.tree.values import Tree
from tests.support.imports import doc


@dataclass
class Target:
    """
    Lifecycles, channels and feeds by their key; it counts what it is asked for.
    """

    documents: Mapping[str, Sequence[Found]] = field(default_factory=dict)
    columns: frozenset[str] = frozenset(("Name", "ProjectId"))
    asked: int = 0
    held: Mapping[str, tuple[str, bool]] = field(default_factory=dict)

    def spaces(self) -> Mapping[str, tuple[str, bool]]:
        return self.held

    def has(self, type_: str) -> bool:
        return type_ in self.documents

    def has_column(self, type_: str, name: str) -> bool:
        return name in self.columns

    def find(self, type_: str, names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> list[Found]:
        # A collation may take more texts for one than an import does.
        self.asked += 1
        return list(self.documents[type_])

    def existing(self, type_: str, ids: Sequence[str]) -> Mapping[str, str]:
        held = {item.id.lower(): item.id for item in self.documents.get(type_, ())}
        return {id_.lower(): held[id_.lower()] for id_ in ids if id_.lower() in held}


def context(target: Target | None = None) -> Context:
    return Context(cast(TargetView, target or Target()))


def test_what_the_tree_holds_goes_by_the_tree() -> None:
    """
    An id that was matched is that document's, in any case, within its origin and among the types it may be of.
    """
    known = context()
    known.ids.put("a", "Project", "Projects-1", "Projects-7")
    assert known.resolve("a", ("Project",), "PROJECTS-1") == "Projects-7"
    assert known.resolve("a", ("Runbook", "Project"), "Projects-1") == "Projects-7"
    assert known.resolve("a", (ANY,), "Projects-1") == "Projects-7"
    assert known.resolve("b", ("Project",), "Projects-1") is None
    assert known.resolve("a", ("Runbook",), "Projects-1") is None
    assert known.resolve("a", (), "Projects-1") is None


def test_parts_of_documents_keep_their_ids_where_the_tree_says_nothing() -> None:
    """
    A variable template's id is the one of the target's template where there is one, else its own; an action's too, but
    ``None`` where the target's process is kept and has none like it.
    """
    known = context()
    known.ids.put("a", TEMPLATE, "Projects-1/old", "new")
    assert known.template("a", "Projects-1", "old") == "new"
    assert known.template("a", "Projects-1", "other") == "other"
    assert known.template("a", "Projects-2", "old") == "old"
    known.actions["a", "projects-1"] = {"one": "eins", "two": None}
    assert known.action("a", "Projects-1", "ONE") == "eins"
    assert known.action("a", "Projects-1", "two") is None
    assert known.action("a", "Projects-1", "three") == "three"
    assert known.action("a", "Projects-2", "one") == "one"


def test_a_tag_by_its_name_is_itself() -> None:
    """
    Only a tag's id is another one elsewhere; the canonical name says the same on every server.
    """
    known = context()
    known.ids.put("a", TAG, "TagSets-1/Tags-1", "TagSets-9/Tags-9")
    assert known.resolve("a", (TAG,), "Ring/Early") == "Ring/Early"
    assert known.resolve("a", (TAG,), "TagSets-1/Tags-1") == "TagSets-9/Tags-9"
    assert known.resolve("a", (TAG,), "TagSets-1/Tags-2") is None


def test_an_id_made_of_its_owners_follows_it() -> None:
    """
    What is called after its owner is found by the owner, whatever case the source writes it in.
    """
    known = context()
    known.ids.put("a", "Project", "Projects-1", "Projects-7")
    assert known.resolve("a", ("VariableSet",), "variableset-Projects-1") == "variableset-Projects-7"
    assert known.resolve("a", ("VariableSet",), "variableset-Projects-2") is None
    assert known.resolve("a", ("VariableSet",), "another-set-Projects-1") is None
    assert known.resolve("a", ("Lifecycle", "VariableSet"), "VARIABLESET-projects-1") == "VARIABLESET-Projects-7"


def test_what_every_server_has_is_there_by_construction() -> None:
    """
    A document with a fixed id is the target's of that id, spelled as the target spells it; asked for once.
    """
    known = context(Target({"Feed": [Found("feeds-builtin", ("x",))]}))
    assert known.resolve("a", ("Feed",), "Feeds-BuiltIn") == "feeds-builtin"
    assert known.resolve("a", ("Feed",), "Feeds-7") is None
    assert context(Target({"Feed": []})).resolve("a", ("Feed",), "Feeds-BuiltIn") is None


def left_out(key: Mapping[str, object] | None, *found: Found, **more: Any) -> tuple[Context, Target]:
    target = Target({"Lifecycle": found, **more.pop("documents", {})}, **more)
    known = context(target)
    known.left_out["a", "Lifecycle", "lifecycles-1"] = key
    return known, target


def test_what_a_partial_export_left_out_is_found_by_its_key() -> None:
    """
    The one document of the target with its key stands for it, by an import's own comparison; it is looked for once.
    """
    slow, other = Found("Lifecycles-5", ("SLOW",)), Found("Lifecycles-6", ("Slöw",))
    known, target = left_out({"Name": "Slow"}, other, slow)
    for _ in range(2):
        assert known.resolve("a", ("Lifecycle",), "Lifecycles-1") == "Lifecycles-5"
    assert target.asked == 1
    assert known.is_left_out("a", ("Feed", "Lifecycle"), "LIFECYCLES-1")
    assert not known.is_left_out("a", ("Lifecycle",), "Lifecycles-2")
    assert not known.is_left_out("b", ("Lifecycle",), "Lifecycles-1")
    assert known.resolve("a", ("Lifecycle",), "Lifecycles-2") is None


@pytest.mark.parametrize("key", [None, {}, {"Id": "Lifecycles-1"}, {"Name": None}])
def test_what_was_left_out_without_a_key_is_not_guessed(key: Mapping[str, object] | None) -> None:
    """
    A tree that names no key, or not all of it, says nothing that a document could be found by.
    """
    known, target = left_out(key, Found("Lifecycles-5", (None,)))
    assert known.resolve("a", ("Lifecycle",), "Lifecycles-1") is None
    assert target.asked == 0


def test_of_two_with_one_key_none_is_taken() -> None:
    """
    Nobody can say which of two was meant.
    """
    known, _ = left_out({"Name": "Slow"}, Found("Lifecycles-5", ("slow",)), Found("Lifecycles-6", ("Slow",)))
    assert known.resolve("a", ("Lifecycle",), "Lifecycles-1") is None


def test_a_target_without_the_table_or_the_column_has_none() -> None:
    """
    A server of another version may lack what a key needs; then it is not asked.
    """
    known, target = left_out({"Name": "Slow"}, Found("Lifecycles-5", ("slow",)), columns=frozenset(("ProjectId",)))
    assert known.resolve("a", ("Lifecycle",), "Lifecycles-1") is None
    known.left_out["a", "Machine", "machines-1"] = {"Name": "web"}
    assert known.resolve("a", ("Machine",), "Machines-1") is None
    assert target.asked == 0


def test_a_key_with_a_reference_is_the_targets() -> None:
    """
    A part of a key that is an id is first made the target's; where that is not known, nothing is looked for.
    """
    known, target = left_out(None, documents={"Channel": [Found("Channels-8", ("Projects-7", "Beta"))]})
    known.left_out["a", "Channel", "channels-1"] = {"ProjectId": "Projects-1", "Name": "Beta"}
    known.left_out["a", "Channel", "channels-2"] = {"ProjectId": "Projects-2", "Name": "Beta"}
    known.ids.put("a", "Project", "Projects-1", "Projects-7")
    assert known.resolve("a", ("Channel",), "Channels-1") == "Channels-8"
    assert known.resolve("a", ("Channel",), "Channels-2") is None
    assert target.asked == 1


def test_where_a_document_goes() -> None:
    """
    A document of a space goes to the target's of that name; one without to the default space, or, beside spaces, to
    the whole server; a type without the column to none.
    """
    known = context(Target(columns=frozenset(("SpaceId",))))
    known.default_space, known.spaces = "Spaces-1", {("a", "office"): "Spaces-5"}
    assert known.space_of(doc("Feed", "Feeds-1", origin="a", space="Office")) == "Spaces-5"
    assert known.space_of(doc("Feed", "Feeds-1", origin="b", space="Office")) is None
    assert known.space_of(doc("Feed", "Feeds-1", origin="a")) == "Spaces-1"
    known.with_spaces = True
    assert known.space_of(doc("Feed", "Feeds-1", origin="a")) is None
    assert context().space_of(doc("Feed", "Feeds-1", origin="a", space="Office")) is None


def test_what_a_tree_alone_tells() -> None:
    """
    Typed values, owners of owners, what was left out and whether there are spaces are known before anything is matched.
    """
    some = Tree(
        (
            doc("Runbook", "Runbooks-1", origin="a", ProjectId="Projects-1", Name="Restart"),
            doc("Project", "Projects-1", origin="a", Name="Shop"),
            doc("Feed", "Feeds-1", origin="a", Name="x", space="Default"),
        ),
        left_out=(("a", {"Lifecycle": {"Lifecycles-9": {"Name": "Slow"}}}),),
    )
    known = make_context(some, cast(TargetView, Target(held={"Spaces-3": ("b", False), "Spaces-2": ("a", True)})))
    assert known.owners == {("a", "runbooks-1"): "Projects-1"}
    assert known.left_out == {("a", "Lifecycle", "lifecycles-9"): {"Name": "Slow"}}
    assert known.of("a").known["lifecycles-9"] == "Lifecycle"
    assert known.of("a").known["projects-1"] == "Project"
    assert known.of("b").known == {}
    assert (known.with_spaces, known.default_space) == (True, "Spaces-2")
    least = make_context(Tree(()), cast(TargetView, Target()))
    assert (least.with_spaces, least.default_space) == (False, None)
