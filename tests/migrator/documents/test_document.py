"""
The walk over a document, and the order of ids.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents.document import by_number, display_name, element_names, holders, number, places, spelled
from migrator.maps import REGISTRY


def test_ids_follow_each_other_as_they_were_given() -> None:
    """
    Ids are in the order of their numbers, not of their letters.
    """
    assert sorted(["Releases-10", "Releases-9", "Releases-1"], key=by_number) == [
        "Releases-1",
        "Releases-9",
        "Releases-10",
    ]


@pytest.mark.parametrize("tail", ["²", "٣", "", "ABC", "-", "1²", "9" * 5000, "+1", "1_0"])
def test_a_tail_that_is_no_number_of_a_server_stops_nothing(tail: str) -> None:
    """
    Another script's digits and endless numbers are no numbers: such an id has its place, before the others.
    """
    assert by_number(f"Releases-{tail}") == (0, f"Releases-{tail}")


@given(st.lists(st.text(max_size=30)), st.integers(0, 2**63 - 1))
def test_every_text_has_a_place(texts: list[str], value: int) -> None:
    """
    Any ids can be put in order, whatever the one they come in; every number that a column holds is one.
    """
    backwards = texts[::-1]
    assert sorted(texts, key=by_number) == sorted(backwards, key=by_number)
    assert number(str(value)) == value


BODY = {
    "Name": "Deploy",
    "Scope": {"Role": ["web"], "Env": []},
    "Steps": [{"Id": "a", "Tags": ["x", "y"]}, {"Tags": "none"}, "broken", {"Id": "b"}],
}


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("Name", ["Name"]),
        ("Nobody", []),
        ("Scope/*", ["Scope/Role", "Scope/Env"]),
        ("Scope/*/*", ["Scope/Role/0"]),
        ("Scope/~", ["Scope/Role", "Scope/Env"]),
        ("Steps/~", []),
        ("Name/~", []),
        ("Name/*", []),
        ("Steps/Id", []),
        ("Steps/*/Id", ["Steps/[a]/Id", "Steps/[b]/Id"]),
        ("Steps/*/Tags/*", ["Steps/[a]/Tags/0", "Steps/[a]/Tags/1"]),
        ("*", ["Name", "Scope", "Steps"]),
    ],
)
def test_a_pattern_names_the_places_that_exist(pattern: str, paths: list[str]) -> None:
    """
    An asterisk is any element or value, a tilde the keys of a dictionary alone; of another shape nothing is named.
    """
    found = places(BODY, pattern)
    assert ["/".join(place.path) for place in found] == paths
    assert all(place.is_key == pattern.endswith("~") for place in found)
    assert all(place.value == (place.key if place.is_key else place.container[place.key]) for place in found)
    if "~" not in pattern:
        assert [(id(box), key) for box, key in holders(BODY, pattern)] == [(id(p.container), p.key) for p in found]


def test_elements_are_called_by_what_stays_theirs() -> None:
    """
    An id of its own that no other element has names an element; the others have their places.
    """
    assert element_names([{"Id": "a"}, {"Id": "b"}, {"Id": "a"}, {"Id": ""}, {"Id": 5}, "x"]) == [
        *("0", "[b]", "2", "3", "4", "5")
    ]
    assert element_names(["x", {}]) == ["0", "1"]


def test_no_two_places_are_spelled_alike() -> None:
    """
    A slash or a tilde inside a name is escaped.
    """
    assert spelled(("a/b", "c~1", "d")) == "a~1b/c~01/d"


def test_a_document_without_a_name_is_called_by_its_id() -> None:
    """
    People see the name; where that is empty or no text, the id.
    """
    kind = REGISTRY["Lifecycle"]
    assert display_name(kind, {"Name": "Slow"}, "Lifecycles-1") == "Slow"
    assert {display_name(kind, {"Name": name}, "Lifecycles-1") for name in ("", None, 5)} == {"Lifecycles-1"}


def test_where_a_number_ends() -> None:
    """
    Nineteen digits are a number, twenty are none.
    """
    assert (number("9" * 19), number("9" * 20), number("-1"), number("")) == (10**19 - 1, None, None, None)
