"""
The walk over a document, and the order of ids.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents.document import by_number, number


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
