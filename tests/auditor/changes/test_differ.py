"""
The differ's law, and what pairs with what.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.changes.differ import alike, differences
from auditor.changes.records import HIDDEN, Op, Record, SecretChange, Subject, Weight, apply, spelled
from migrator.documents.document import Body
from migrator.maps.document_map import DocumentMap, ListRule, Reading

SUBJECT = Subject("Thing", "Things-1", "A thing")
MAP = DocumentMap(
    table="Thing",
    file="Things/{name}",
    id_prefix="Things-",
    sets=("Roles",),
    reading=Reading(
        lists=(
            ListRule("Steps", ordered=True),
            ListRule("Steps/*/Actions", ordered=True, with_=("ActionType",)),
            ListRule("Variables", with_=("Scope",)),
        )
    ),
)
SECRET = {"$secret": "c2VhbGVk"}
NAMES = st.sampled_from(("a", "b", "c", "d", "e"))
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.text("xyz", max_size=2), st.just(SECRET), st.just({"$secret": "x"})
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(("Id", "Name", "Scope", "Value", "Type")), inner, max_size=4),
    ),
    max_leaves=12,
)
ELEMENTS = st.lists(
    st.fixed_dictionaries(
        {"Id": NAMES, "Name": NAMES},
        optional={"Scope": VALUES, "Value": LEAVES, "Actions": VALUES, "ActionType": NAMES},
    ),
    max_size=6,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "Name": NAMES,
        "Steps": ELEMENTS,
        "Variables": ELEMENTS,
        "Roles": st.lists(NAMES, max_size=5),
        "Other": VALUES,
        "List": st.lists(VALUES, max_size=5),
    },
)


def found(old: Body | None, new: Body | None) -> list[Record]:
    return differences(MAP, SUBJECT, old, new)


def told(records: Sequence[Record]) -> list[tuple[str, str, Any, Any]]:
    return [(spelled(record.path), record.op.value, record.before, record.after) for record in records]


@given(BODIES, BODIES)
def test_the_records_applied_to_the_old_document_give_the_new_one(old: Body, new: Body) -> None:
    """
    Nothing is hidden: what the records say is the whole difference, the order of lists included.
    """
    kept = deepcopy(old)

    result = apply(found(old, new), old)

    assert alike(result, new)
    assert alike(old, kept), "the old document was touched"


@given(BODIES)
def test_the_same_document_has_no_records(body: Body) -> None:
    """
    A document and its copy differ in nothing.
    """
    assert found(body, deepcopy(body)) == []


@given(st.none() | BODIES, st.none() | BODIES)
def test_a_document_comes_and_goes(old: Body | None, new: Body | None) -> None:
    """
    No document is a state too.
    """
    assert alike(apply(found(old, new), old), new)


@given(BODIES, BODIES)
def test_no_record_shows_a_secret(old: Body, new: Body) -> None:
    """
    What leaves the program as JSON has neither the sealed form of a secret nor a value beside a secret's change.
    """
    for record in found(old, new):
        text = json.dumps(record.as_json())
        assert "$secret" not in text
        if record.secret:
            assert record.as_json()["before"] is None
            assert record.as_json()["after"] is None


class TestElements:
    """
    What pairs with what.
    """

    def test_a_variable_is_found_by_its_id(self) -> None:
        """An element that moved and changed is one change, its order having no meaning."""
        old = {"Variables": [{"Id": "1", "Name": "A", "Value": "x"}, {"Id": "2", "Name": "B", "Value": "y"}]}
        new = {"Variables": [{"Id": "1", "Name": "A", "Value": "z"}, {"Id": "2", "Name": "B", "Value": "y"}]}

        assert told(found(old, new)) == [("Variables/[1]/Value", "changed", "x", "z")]

    def test_new_ids_after_an_import(self) -> None:
        """Twins of one name are paired by their scope when every id is a new one."""
        scopes: list[Mapping[str, Any]] = [{"Environment": ["Environments-1"]}, {"Environment": ["Environments-2"]}]
        old = {"Variables": [{"Id": f"o{n}", "Name": "A", "Scope": s, "Value": n} for n, s in enumerate(scopes)]}
        new = {"Variables": [{"Id": f"n{n}", "Name": "A", "Scope": s, "Value": n} for n, s in enumerate(scopes)][::-1]}

        records = found(old, new)

        assert {record.op for record in records} == {Op.CHANGED, Op.MOVED}
        assert {record.weight for record in records} == {Weight.MINOR}
        assert all(spelled(record.path).endswith("/Id") or record.order for record in records)

    def test_an_insertion_moves_nothing(self) -> None:
        """A step put before others is one addition."""
        old = {"Steps": [{"Id": "1", "Name": "A"}, {"Id": "2", "Name": "B"}]}
        new = {"Steps": [{"Id": "0", "Name": "Z"}, *old["Steps"]]}

        assert [(r.op, r.identity.position if r.identity else None) for r in found(old, new)] == [(Op.ADDED, 1)]

    def test_the_one_that_moved_is_told(self) -> None:
        """Of many steps only the one moves that left its place, and says from where to where."""
        steps = [{"Id": str(n), "Name": f"S{n}"} for n in range(6)]
        new = [*steps[1:4], steps[0], *steps[4:]]

        assert told(found({"Steps": steps}, {"Steps": new})) == [("Steps/[0]", "moved", 1, 4)]

    def test_a_renamed_step(self) -> None:
        """A step with its id and another name is renamed."""
        old, new = {"Steps": [{"Id": "1", "Name": "A"}]}, {"Steps": [{"Id": "1", "Name": "B"}]}

        assert told(found(old, new)) == [("Steps/[1]/Name", "renamed", "A", "B")]

    def test_doubles_are_told_as_they_are(self) -> None:
        """Two elements of one id are paired by what they hold, so that one edit is one element gone, one come."""
        twins = [{"Id": "1", "Name": "A", "V": 1}, {"Id": "1", "Name": "A", "V": 2}]
        new = [twins[0], {"Id": "1", "Name": "A", "V": 3}]

        records = found({"Variables": twins}, {"Variables": new})

        assert {record.op for record in records} <= {Op.ADDED, Op.REMOVED, Op.CHANGED}
        assert len(records) <= 2

    def test_elements_without_a_name_go_by_position(self) -> None:
        """A list whose elements nothing names is compared by position, and the record says so."""
        records = found({"List": [{"V": 1}, {"V": 2}]}, {"List": [{"V": 1}, {"V": 3}]})

        assert [(record.op, record.by_position) for record in records] == [(Op.CHANGED, True)]


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ({}, {"V": SECRET}, SecretChange.SET),
        ({"V": None}, {"V": SECRET}, SecretChange.SET),
        ({"V": SECRET}, {}, SecretChange.CLEARED),
        ({"V": SECRET}, {"V": ""}, SecretChange.CLEARED),
        ({"V": SECRET}, {"V": {"$secret": "b3RoZXI="}}, SecretChange.CHANGED),
        ({"V": SECRET}, {"V": "readable"}, SecretChange.EXPOSED),
        ({"V": {"$parts": ["a", SECRET]}}, {"V": {"$parts": ["a", {"$secret": "x"}]}}, SecretChange.CHANGED),
    ],
)
def test_what_became_of_a_secret(old: Body, new: Body, change: SecretChange) -> None:
    """
    A secret's change is one of a few words, its neighbours are told as ever, and an exposed one is an alarm.
    """
    records = found({**old, "W": 1}, {**new, "W": 2})

    assert [record.secret for record in records] == [change, None]
    assert (records[0].weight is Weight.ALARM) == (change is SecretChange.EXPOSED)


def test_a_text_with_a_secret_in_it_shows_the_rest() -> None:
    """
    Of a text that holds a secret the words around it are told.
    """
    old, new = {"V": {"$parts": ["pw=", SECRET]}}, {"V": {"$parts": ["password=", SECRET]}}

    (record,) = found(old, new)

    assert (record.secret, record.as_json()["after"]) == (None, f"password={HIDDEN}")


@pytest.mark.parametrize(("name", "count"), [("Variables", 2_000), ("Steps", 1_000)])
def test_many_elements_are_compared_in_one_pass(name: str, count: int) -> None:
    """
    Each element is looked at a bounded number of times, whatever the length of the list and though all moved.
    """

    class Counting(dict[str, Any]):
        looks = 0

        def get(self, *words: Any) -> Any:
            Counting.looks += 1
            return super().get(*words)

    old = {name: [Counting(Id=f"i{n}", Name=f"n{n}", Value=n) for n in range(count)]}
    new = {name: [Counting(Id=f"i{n}", Name=f"n{n}", Value=n + n % 2) for n in reversed(range(count))]}

    records = found(old, new)

    assert len(records) > count / 2
    assert Counting.looks < 20 * count


def test_twenty_thousand_variables_take_no_time() -> None:
    """
    One change among very many elements is a fraction of a second's work; the limit has room for a slow machine.
    """
    old = {"Variables": [{"Id": f"i{n}", "Name": f"n{n}", "Value": "a"} for n in range(20_000)]}
    new = {"Variables": [{**item, "Value": "b"} if item["Id"] == "i19999" else dict(item) for item in old["Variables"]]}

    begun = process_time()
    records = found(old, new)

    assert [spelled(record.path) for record in records] == ["Variables/[i19999]/Value"]
    assert process_time() - begun < 3
