"""
The frozen form of change records: docs/change-record.schema.json, held against what the program writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auditor.changes.differ import differences
from auditor.changes.records import Op, SecretChange, Subject, Weight
from migrator.maps import REGISTRY

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "change-record.schema.json").read_text(encoding="utf-8"))
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "object": dict,
    "null": type(None),
    "integer": int,
    "array": list,
}
LEAVES = st.none() | st.text("ab", max_size=3) | st.just({"$secret": "x"}) | st.integers(0, 3)
VARIABLES = st.lists(
    st.fixed_dictionaries({"Id": st.sampled_from("abc"), "Name": st.sampled_from("xy"), "Value": LEAVES}), max_size=4
)


def fits(value: Any, schema: dict[str, Any], place: str = "") -> None:
    """
    Hold a value against the few words of JSON Schema that the file uses.
    """
    if "enum" in schema:
        assert value in schema["enum"], place
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(isinstance(value, TYPES[name]) for name in names), place
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema["required"]) <= set(value) <= set(schema["properties"]), place
        for name, item in value.items():
            fits(item, schema["properties"][name], f"{place}/{name}")
    for item in value if isinstance(value, list) and "items" in schema else ():
        fits(item, schema["items"], place)


@given(VARIABLES, VARIABLES, st.sampled_from(("a", "b")))
def test_every_record_has_the_frozen_form(old: Any, new: Any, name: str) -> None:
    """
    Whatever differs, the record's JSON is what version 1 of the schema promises.
    """
    subject = Subject("VariableSet", "variableset-Projects-1", name, None, "Web Shop")
    bodies = ({"Variables": old, "Name": "a"}, {"Variables": new, "Name": name})

    for record in differences(REGISTRY["VariableSet"], subject, *bodies):
        fits(json.loads(json.dumps(record.as_json())), SCHEMA)


def test_the_words_of_the_schema_are_the_programs() -> None:
    """
    The schema's enumerations hold each word the program knows, and no other.
    """
    properties = SCHEMA["properties"]

    assert properties["op"]["enum"] == [op.value for op in Op]
    assert properties["secret"]["enum"] == [None, *(change.value for change in SecretChange)]
    assert properties["weight"]["enum"] == [int(weight) for weight in Weight]
