"""
What is told of many changes stands on a page: a word, a mark or a column that changes is seen by who reviews it.
"""

from __future__ import annotations

from tests.support import told


def test_what_is_told_is_on_the_page() -> None:
    """
    Each of some hundred made-up changes is told as the page says, alone and together, as text, Markdown, HTML and JSON.
    """
    written = told.PAGE.read_text(encoding="utf-8").split("\n== ")
    made = told.page().split("\n== ")
    different = [(one, other) for one, other in zip(written, made, strict=False) if one != other]
    assert not different[:1], "if that is meant: make pages"
    assert len(written) == len(made)
