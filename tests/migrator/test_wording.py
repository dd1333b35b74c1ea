"""
Counts with their noun, and what somebody most likely meant.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.maps import REGISTRY
from migrator.wording import counted, did_you_mean, nearest, plural

ROOT = Path(__file__).parents[2]
names = st.text("abcxyzABCXYZ019", min_size=3, max_size=20)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("file", "files"),
        ("proxy", "proxies"),
        ("API key", "API keys"),
        ("deployment process", "deployment processes"),
        ("branch", "branches"),
        ("build information", "build information"),
        ("deployment history", "deployment history"),
        ("deployment settings", "deployment settings"),
    ],
)
def test_several_are_called_as_english_has_it(one: str, many: str) -> None:
    """
    The plural follows the ending, and a count of one has none.
    """
    assert plural(one) == many
    assert [counted(number, one) for number in (0, 1, 2)] == [f"0 {many}", f"1 {one}", f"2 {many}"]


def test_every_type_has_words_for_several() -> None:
    """
    Each type of document is called by plain words in all messages, and no two by the same.
    """
    said = {item.type: item.called(2) for item in REGISTRY.maps}
    assert [type_ for type_, words in said.items() if words in (type_, f"{type_}s")] == []
    assert len(set(said.values())) == len(said)
    assert (said["Release"], said["BuildInformation"]) == ("releases", "build information")
    assert [REGISTRY["Proxy"].called(number) for number in (0, 1)] == ["proxies", "proxy"]


@given(names, st.lists(names, max_size=5))
def test_a_name_that_is_known_is_nearest_to_itself(name: str, others: list[str]) -> None:
    """
    Case, hyphens, blanks and underscores make no difference, and the very name wins over similar ones.
    """
    known = [*(other for other in others if other.lower() != name.lower()), name]
    assert nearest("-_ ".join(name.upper()), known) == [name]


def test_a_slip_is_recognised_and_nonsense_is_not() -> None:
    """
    The question names what was most likely meant, in order; where nothing is near there is none, or other words.
    """
    known = ["password", "password-file", "directory"]
    assert did_you_mean("pasword", known) == "; did you mean password?"
    assert did_you_mean("pasword-fil", known, limit=2) == "; did you mean password-file or password?"
    assert did_you_mean("xyz", known) == ""
    assert did_you_mean("xyz", known, "look it up", before=": ") == ": look it up"
    assert (
        did_you_mean("brlin", ["berlin"], before="", meaning={"berlin": "Europe/Berlin"})
        == "did you mean Europe/Berlin?"
    )
    assert nearest("", known) == nearest("--", known) == nearest("x", ["", "--"]) == []


def test_nobody_else_guesses_or_counts() -> None:
    """
    No other module looks for near names, or puts a plural together by itself.
    """
    for package in ("migrator", "auditor"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert path.name == "wording.py" or "get_close_matches" not in text, path
            assert "(s)" not in text and "'s' if" not in text, path
