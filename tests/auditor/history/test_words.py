"""
Texts in the index: what may be searched, which name fits.
"""

from __future__ import annotations

import pytest

from auditor.history.words import LONGEST_TEXT, fits, text_of
from migrator.documents.canonical_json import Number


def test_words_are_names_and_values_without_secrets() -> None:
    """
    Each once, a line each; of a text that holds a secret the rest.
    """
    value = {
        "Name": "Web",
        "Again": ["Web", 3, True, None, Number("1.50")],
        "Key": {"$secret": "sealed"},
        "Mixed": {"$parts": ["pw=", {"$secret": "sealed"}, ";"]},
    }

    assert text_of(value).splitlines() == ["Name", "Web", "Again", "3", "1.50", "Key", "Mixed", "pw=(secret);"]


def test_very_long_text_has_an_end() -> None:
    """
    Of five megabytes the beginning is searched.
    """
    assert len(text_of({"a": "x" * 5_000_000})) == LONGEST_TEXT


@pytest.mark.parametrize(
    ("pattern", "name", "does"),
    [
        ("web*", "Web Shop", True),
        ("GRÖSSE", "größe", True),
        ("w?b", "wb", False),
        ("[a-c]x", "Bx", True),
        ("web", "Web Shop", False),
    ],
)
def test_a_name_fits_a_pattern(pattern: str, name: str, does: bool) -> None:
    """
    Blind to case in any script, and the whole name.
    """
    assert fits(pattern, name) is does
