"""
Rows and documents: each is the other's inverse, in every form a body has.
"""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents.canonical_json import Number, decode
from migrator.errors import UnreadableDocument
from migrator.maps.document_map import Column, DocumentMap
from migrator.sql.rows import Row, Table, body_text, from_body, from_column, to_body, to_column
from tests.support.values import any_text, json_values, utf8_text

MAP = DocumentMap(
    "Sample", "Samples/{id}", "Samples-", columns={"IsDisabled": Column.FLAG, "EnvironmentIds": Column.IDS}
)
PLAIN = ("Id", "Name", "IsDisabled", "EnvironmentIds", "Count")
FORMS = {"JSON": ("JSON",), "JSONBlob": ("JSONBlob",), "both": ("JSON", "JSONBlob")}
ids = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="|"), min_size=1).filter(str.strip)
rests = st.dictionaries(
    any_text.filter(lambda key: key.lower() not in {name.lower() for name in PLAIN}), json_values(), max_size=5
)
bodies = st.builds(
    lambda columns, rest: rest | columns,
    st.fixed_dictionaries(
        {
            "Id": ids,
            "Name": st.one_of(st.none(), utf8_text),
            "IsDisabled": st.one_of(st.none(), st.booleans()),
            "EnvironmentIds": st.one_of(st.none(), st.lists(ids, max_size=3)),
            "Count": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        }
    ),
    rests,
)


def table(form: str) -> Table:
    return Table("Sample", (*PLAIN, *FORMS[form]), MAP)


def as_row(where: Table, row: dict[str, Any]) -> Row:
    return tuple(row[name] for name in where.columns)


@pytest.mark.parametrize("form", FORMS)
@given(body=bodies, blob=st.booleans())
def test_a_document_survives_its_row(form: str, body: dict[str, Any], blob: bool) -> None:
    """
    Document to row to document gives the same, whichever column holds the body.
    """
    where = table(form)
    row = from_body(where, body, blob=blob)
    assert set(row) == set(where.columns)
    assert to_body(where, as_row(where, row), body_text(where, as_row(where, row))) == body


@given(bodies)
def test_exactly_one_body_is_filled(body: dict[str, Any]) -> None:
    """
    Where there are two body columns, one is NULL.
    """
    for blob in (True, False):
        row = from_body(table("both"), body, blob=blob)
        assert (row["JSON"] is None, row["JSONBlob"] is None) == (blob, not blob)


@pytest.mark.parametrize(
    ("text", "value"),
    [(None, None), ("", []), ("||", []), ("|a|b|", ["a", "b"]), ("|a|b| ", ["a", "b"]), ("no bars", "no bars")],
)
def test_lists_of_ids(text: str | None, value: Any) -> None:
    """
    NULL stays null, an empty list has three spellings, and what is no list passes through.
    """
    assert from_column(text, Column.IDS) == value


def test_columns_pass_through_in_a_stable_form() -> None:
    """
    Bits become truth values, floats keep a text, bytes become hexadecimal; the way back is the inverse.
    """
    assert from_column(1, Column.FLAG) is True
    assert from_column(None, Column.FLAG) is None
    assert from_column(1.5, None) == Number("1.5")
    assert from_column(b"\x01\xff", None) == "01ff"
    assert to_column(Number("1.5"), None) == 1.5
    assert to_column(False, Column.FLAG) == 0
    assert to_column([], Column.IDS) == ""


def test_an_object_in_a_column_is_kept_as_json() -> None:
    """
    A property whose column is text goes there as JSON, with numbers and letters as they stand, and not into the body.
    """
    value = {"Größe": Number("1.10"), "List": [None, True, {"a": "b"}]}
    where = table("JSON")

    row = from_body(where, {"Id": "Samples-1", "Name": value, "Rest": value})

    assert row["Name"] == '{"Größe":1.10,"List":[null,true,{"a":"b"}]}'
    assert row["JSON"] == f'{{"Rest":{row["Name"]}}}'
    body = to_body(where, as_row(where, {name: row.get(name) for name in where.columns}), row["JSON"])
    assert decode(body["Name"]) == value


@pytest.mark.parametrize("text", ["[1]", '"x"', "5", "null", "{", "not JSON"])
def test_a_body_that_is_no_object_is_told(text: str) -> None:
    """
    The message names the document and the column and repeats nothing of the text.
    """
    where = table("JSON")
    with pytest.raises(UnreadableDocument, match="Samples-1 at JSON"):
        to_body(where, ("Samples-1", None, 0, "", 0, text), text)


@pytest.mark.parametrize(
    "blob", [b"\x1f\x8b", b"plain", gzip.compress(b"x", mtime=0)[:-2], gzip.compress(b"odd", mtime=0)]
)
def test_a_damaged_blob_is_told(blob: bytes) -> None:
    """
    A compressed body that does not unpack makes its own document unreadable.
    """
    where = table("JSONBlob")
    with pytest.raises(UnreadableDocument, match="Samples-1 at JSONBlob"):
        body_text(where, ("Samples-1", None, 0, "", 0, blob))


@pytest.mark.parametrize(("form", "value"), [("JSON", b"{}"), ("JSON", 5), ("JSONBlob", "{}"), ("JSONBlob", 5)])
def test_a_body_of_another_type_is_told(form: str, value: Any) -> None:
    """
    SQLite lets any value stand in any column; what is neither text nor bytes where it should be is unreadable.
    """
    with pytest.raises(UnreadableDocument, match=f"Samples-1 at {form}"):
        body_text(table(form), ("Samples-1", None, 0, "", 0, value))
