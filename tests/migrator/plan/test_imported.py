"""
What imports do stands on a page: a match, a merge or a row that becomes another one is seen by who reviews it.
"""

from __future__ import annotations

from tests.support import imported


def test_what_imports_do_is_on_the_page() -> None:
    """
    Each of some made-up trees is imported as the page says: what is planned, what is wrong, and the rows after it.
    """
    written = imported.PAGE.read_text(encoding="utf-8").split("\n== ")
    made = imported.page().split("\n== ")
    different = [(one, other) for one, other in zip(written, made, strict=False) if one != other]
    assert not different[:1], "if that is meant: make pages"
    assert len(written) == len(made)
