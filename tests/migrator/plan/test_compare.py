"""
When two documents say the same, and how a difference is told in a plan.
"""

from __future__ import annotations

from typing import Any

import pytest

from migrator.documents.canonical_json import Number
from migrator.maps.document_map import Column, DocumentMap, Volatile
from migrator.plan.compare import LONGEST, comparable, differences
from migrator.secrets.sealing import SecretText

MAP = DocumentMap(
    "Thing",
    "Things/{name}",
    "Things-",
    columns={"Ids": Column.IDS, "When": Column.INSTANT, "Key": Column.GUID, "On": Column.FLAG},
    sets=("Roles", "Inner/*/Tags"),
    volatile=(Volatile("Counter", "counts"), Volatile("Steps/*/Seen", "moves")),
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"Counter": 1}, {"Counter": 2}, True),
        ({"Steps": [{"Id": "a", "Seen": 1}]}, {"Steps": [{"Id": "a"}]}, True),
        ({"Roles": ["a", "b"]}, {"Roles": ["b", "a"]}, True),
        ({"Roles": "ab"}, {"Roles": "ba"}, False),
        ({"Inner": [{"Tags": [2, "1"]}]}, {"Inner": [{"Tags": ["1", 2]}]}, True),
        ({"Order": ["a", "b"]}, {"Order": ["b", "a"]}, False),
        ({"Ids": []}, {}, True),
        ({"Ids": None}, {"Ids": []}, True),
        ({"Ids": ["a"]}, {}, False),
        ({"Others": []}, {}, False),
        ({"Name": None}, {}, True),
        ({"Name": ""}, {}, False),
        ({"Variables": [{"Name": "a", "Scope": {}}]}, {"Variables": [{"Name": "a"}]}, True),
        ({"Variables": [{"Name": "a", "Scope": {"Role": ["b"]}}]}, {"Variables": [{"Name": "a"}]}, False),
        ({"When": "2020-01-01T10:00:00+00:00"}, {"When": "2020-01-01T12:00:00.000+02:00"}, True),
        ({"When": "2020-01-01T10:00:00+00:00"}, {"When": "2020-01-01T10:00:01+00:00"}, False),
        ({"Text": "2020-01-01T10:00:00+00:00"}, {"Text": "2020-01-01T12:00:00.000+02:00"}, False),
        (
            {"Key": "0F8FAD5B-D9CB-469F-A165-70867728950E"},
            {"Key": "0f8fad5b-d9cb-469f-a165-70867728950e"},
            True,
        ),
        ({"On": True}, {"On": False}, False),
    ],
)
def test_documents_are_compared_by_what_they_mean(one: Any, other: Any, same: bool) -> None:
    """
    What changes by itself, the order of a set and how nothing, an instant or a GUID is written make no difference.
    """
    assert (comparable(MAP, one) == comparable(MAP, other)) is same


def told(before: Any, after: Any) -> list[tuple[str, str | None, str | None]]:
    found = differences(before, after, lambda text: {"Projects-1": "Shop"}.get(text, text))
    return [(change.path, change.before, change.after) for change in found]


def test_a_difference_is_told_at_its_place() -> None:
    """
    Only what differs is told, elements by their names, ids by what they are called, in the order of the old document.
    """
    before = {
        "Same": {"A": 1},
        "Gone": "x",
        "Project": "Projects-1",
        "Steps": [{"Id": "1", "Name": "One", "V": 1}, {"Id": "2", "Name": "Two", "V": 1}],
        "Projects-1": {"V": 1},
    }
    after = {
        "Same": {"A": 1},
        "Project": "Projects-2",
        "Steps": [{"Id": "9", "Name": "Two", "V": 2}, {"Id": "1", "Name": "One", "V": 1}],
        "Projects-1": {"V": 2},
        "New": True,
    }
    assert told(before, after) == [
        ("Gone", "x", None),
        ("Project", "Shop", "Projects-2"),
        ("Steps/Two/Id", "2", "9"),
        ("Steps/Two/V", "1", "2"),
        ("Steps", "in another order", "in this order"),
        ("Shop/V", "1", "2"),
        ("New", None, "True"),
    ]


def test_elements_of_one_name_are_numbered() -> None:
    """
    Of several elements of one name each is told by its number; one that came or went is told whole.
    """
    before = {"List": [{"Name": "a", "V": 1}, {"Name": "a", "V": 2}, {"Name": "a", "V": 3}]}
    after = {"List": [{"Name": "a", "V": 1}, {"Name": "a", "V": 5}]}
    assert told(before, after) == [("List/a (2)/V", "2", "5"), ("List/a (3)", "Name: a; V: 3", None)]
    assert told({"List": [{"Id": "x", "V": 1}, 5]}, {"List": [{"Id": "x", "V": 2}, 5]}) == [("List/[x]/V", "1", "2")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (SecretText("hunter2"), "(secret)"),
        ([SecretText("hunter2"), 1], "(secret), 1"),
        ([], "nothing"),
        (["a", None], "a, None"),
        ({"Projects-1": "Projects-1"}, "Shop: Shop"),
        (Number("1.50"), "1.50"),
        (False, "False"),
        ("x" * LONGEST, "x" * LONGEST),
    ],
)
def test_a_value_is_told_in_a_few_words(value: Any, shown: str) -> None:
    """
    Nothing of a secret is told, not even its length; lists and objects are told by what is in them.
    """
    assert told({"A": "x"}, {"A": value}) == [("A", "x", shown)]


def test_a_long_value_is_cut() -> None:
    """
    Hundred and twenty characters are told whole, longer values end visibly.
    """
    ((_, _, shown),) = told({"A": 0}, {"A": "x" * (LONGEST + 1)})
    assert shown == f"{'x' * LONGEST}..."
