"""
The facts are written down a second time, as a page that people read: what a type is taken for shows in every review.
"""

from __future__ import annotations

from tests.support import facts


def test_every_fact_is_on_the_page() -> None:
    """
    No fact about a type, no word for it and no name of the original tool's changes unseen: each is a line of the page.
    """
    written = facts.PAGE.read_text(encoding="utf-8").splitlines()
    known = facts.page().splitlines()
    lost, new = sorted(set(written) - set(known)), sorted(set(known) - set(written))
    assert (lost, new) == ([], []), "if that is meant: make pages"
    assert written == known
