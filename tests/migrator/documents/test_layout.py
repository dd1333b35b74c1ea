"""
Paths: safe on every file system, one to one, and a matter of the document and its owner alone.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from migrator.documents.file import check_path
from migrator.documents.layout import SEGMENT_CHARACTERS, Layout, Owner, bounded_segment, safe_id, safe_name
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap
from tests.support.values import any_text

DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)\s*(\.|$)")
devices = ["CON", "nul.txt", "com¹", "LPT1 .x", "con", "Con ", "GIT~1", ".git", ".git\u200c", ".."]
edges = ["", " ", "x.", "x ", " x", "a/b", "a\\b", "a:b", "a\x00", "a\tb", "x" * 300, "界" * 100, "A [A-1]"]
letters = ["\x85", "\u2028", "é", "e\u0301", "\u212a", "ß", "a\ud800"]
hard = st.sampled_from([*devices, *edges, *letters])
names = st.one_of(hard, any_text, st.lists(st.one_of(hard, any_text), max_size=4).map("".join))
ids = st.one_of(st.sampled_from(["Projects-1", "users-a", "COM1", "x" * 90, "é", "a b", ".", ""]), any_text)


def assert_safe(segment: str) -> None:
    assert segment
    assert len(segment) <= SEGMENT_CHARACTERS
    assert len(segment.encode("utf-8")) <= 255
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', segment)
    assert segment[-1] not in ". "
    assert segment[0] not in ". "
    assert not DEVICE.match(segment)
    assert not re.fullmatch(r"(?i)\.?git|git~\d+", segment)
    assert unicodedata.is_normalized("NFC", segment)
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in segment)


@given(names, ids, st.booleans())
def test_names_are_safe_everywhere(name: str, identity: str, unique: bool) -> None:
    """
    Any name becomes a segment that Windows, macOS and git take as it is.
    """
    assert_safe(safe_name(name, identity, unique=unique, reserved=("-variableset",)))


@given(names, ids, names, ids)
@example("A", "x-1", "Ａ", "x-2")
@example("a:b", "x-1", "a?b", "x-2")
@example("A [x-2]", "x-1", "A?", "x-2")
def test_names_stay_apart(name: str, identity: str, other_name: str, other_identity: str) -> None:
    """
    Two documents whose names and ids differ, blind to case, never share a file, blind to case.
    """
    assume(name.casefold() != other_name.casefold() and identity.casefold() != other_identity.casefold())
    assert safe_name(name, identity).casefold() != safe_name(other_name, other_identity).casefold()


@given(names, ids, ids)
def test_equal_names_stay_apart_by_id(name: str, identity: str, other: str) -> None:
    """
    Where names need not be unique, the id keeps two documents of one name apart.
    """
    assume(identity.casefold() != other.casefold())
    one, two = (safe_name(name, item, unique=False).casefold() for item in (identity, other))
    assert one != two


@given(st.sampled_from(REGISTRY.maps), names, ids, st.one_of(st.none(), ids), st.one_of(st.none(), ids), names)
def test_every_path_is_safe(
    document_map: DocumentMap, name: str, identity: str, owner: str | None, space: str | None, version: str
) -> None:
    """
    Whatever names, ids, owners and versions a row holds, no sink refuses its path.
    """
    body: dict[str, Any] = {"Id": identity, document_map.name_property: name, "SpaceId": space, "Version": version}
    if document_map.owner:
        body[document_map.owner] = owner
    check_path(Layout().path(document_map, identity, body))


@given(ids, ids)
def test_ids_stay_apart(one: str, two: str) -> None:
    """
    Different ids give different file names, however long they are.
    """
    assume(one.casefold() != two.casefold())
    assert safe_id(one).casefold() != safe_id(two).casefold()
    assert_safe(safe_id(one))


@given(st.lists(names, min_size=1, max_size=4), ids, st.sampled_from([".ps1", ".sh", ".abcdefgh"]))
def test_script_names_are_bounded(parts: list[str], identity: str, ending: str) -> None:
    """
    A file's name made of several is safe, ends as asked and carries the id where anything was lost.
    """
    segment = bounded_segment(parts, identity, ending)
    assert_safe(segment)
    assert segment.endswith(ending)
    assert segment == " - ".join(parts) + ending or f"[{safe_id(identity)}]" in segment


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("Web Shop", "Web Shop"),
        ("größer", "größer"),
        ("a:b", "a_b [Projects-1]"),
        ("CON", "_CON [Projects-1]"),
        ("trailing.", "trailing [Projects-1]"),
        ("x-VariableSet", "x-VariableSet [Projects-1]"),
        ("", "_ [Projects-1]"),
    ],
)
def test_plain_names_stay_as_they_are(name: str, segment: str) -> None:
    """
    A harmless name is its own file name; a changed one says whose it is.
    """
    assert safe_name(name, "Projects-1", reserved=("-variableset",)) == segment


def test_an_owner_gives_the_folder() -> None:
    """
    A part of a document stands beside it; where the owner is gone, it stands by itself; spaces have folders.
    """
    layout = Layout()
    process = {"Id": "deploymentprocess-Projects-1", "OwnerId": "Projects-1"}
    alone = layout.path(REGISTRY["DeploymentProcess"], process["Id"], process)
    layout.learn(Owner(REGISTRY["Space"], "Spaces-1", "Main"))
    layout.learn(Owner(REGISTRY["Project"], "Projects-1", "Shop", "Spaces-1"))
    assert alone == "DeploymentProcesss/deploymentprocess-Projects-1.json"
    assert layout.path(REGISTRY["DeploymentProcess"], process["Id"], process) == (
        "Spaces/Main/Projects/Shop/Shop-DeploymentProcess.json"
    )
    assert layout.path(REGISTRY["Project"], "Projects-2", {"Name": "B", "SpaceId": "Spaces-9"}) == (
        "Spaces/Spaces-9/Projects/B/B.json"
    )


def test_owners_that_own_each_other() -> None:
    """
    A damaged database, in which two runbooks are each other's project, still gives every document a path.
    """
    layout = Layout()
    for one, other in (("Runbooks-1", "Runbooks-2"), ("Runbooks-2", "Runbooks-1")):
        layout.learn(Owner(REGISTRY["Runbook"], one, "Restart", None, other))

    assert layout.origin("Runbooks-1") != layout.origin("Runbooks-2")
    places = {layout.owner_place(one) for one in ("Runbooks-1", "Runbooks-2")}
    assert all(place and place.directory.startswith("Runbooks/") for place in places)


def test_an_origin_tells_whatever_a_place_depends_on() -> None:
    """
    The origin of an owner differs wherever its place does: by its own name, its project's, its space's, or a clash.
    """

    def learned(space: str = "Main", project: str = "Shop", runbook: str = "Restart", **more: Any) -> Layout:
        layout = Layout(**more)
        layout.learn(Owner(REGISTRY["Space"], "Spaces-1", space))
        layout.learn(Owner(REGISTRY["Project"], "Projects-1", project, "Spaces-1"))
        layout.learn(Owner(REGISTRY["Runbook"], "Runbooks-1", runbook, "Spaces-1", "Projects-1"))
        return layout

    layouts = [
        learned(),
        learned(space="Other"),
        learned(project="Store"),
        learned(runbook="Start"),
        learned(clashes=frozenset([("Project", "shop")])),
        learned(clashes=frozenset([("Runbook", "restart")])),
    ]
    assert len({layout.owner_place("Runbooks-1") for layout in layouts}) == len(layouts)
    assert len({layout.origin("Runbooks-1") for layout in layouts}) == len(layouts)
    assert learned().origin("runbooks-1") == learned().origin("Runbooks-1")
    assert learned().origin("Runbooks-2") == b""


def test_names_that_differ_in_case_only_carry_their_ids() -> None:
    """
    Where a collation lets two names differ in case alone, both files carry the id.
    """
    layout = Layout(frozenset([("Lifecycle", "slow")]))
    paths = [
        layout.path(REGISTRY["Lifecycle"], f"Lifecycles-{number}", {"Name": name})
        for number, name in enumerate(("Slow", "SLOW", "Fast"))
    ]
    assert paths == [
        "Lifecycles/Slow [Lifecycles-0].json",
        "Lifecycles/SLOW [Lifecycles-1].json",
        "Lifecycles/Fast.json",
    ]
