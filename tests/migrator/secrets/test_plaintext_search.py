"""
The leak guard: it finds every plaintext in every form, and sealed values do not alarm it.
"""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from migrator.documents.canonical_json import encode
from migrator.secrets.plaintext_search import _PIECE, SHORTEST, LeakGuard
from migrator.sql.rows import compact
from tests.support.values import any_text, utf8_text

secrets = st.text(st.characters(exclude_categories=("Cs",)), min_size=SHORTEST, max_size=200).filter(
    lambda text: len(text.strip()) >= SHORTEST
)


@given(secrets, utf8_text, utf8_text)
def test_a_plaintext_is_found(secret: str, before: str, after: str) -> None:
    """
    A secret is found as text of its own, inside other text, and inside JSON within JSON.
    """
    guard = LeakGuard([secret, "another secret"])
    values: list[Any] = [secret, f"{before}{secret}{after}", compact({before: secret})]
    for value in values:
        assert guard.finds(encode({"Description": value}))
    assert guard.finds(secret.encode("utf-8"))


@given(secrets, st.lists(any_text, max_size=3))
def test_nothing_else_is_found(secret: str, texts: list[str]) -> None:
    """
    A file without the secret raises no alarm.
    """
    content = encode(texts)
    assume(secret not in "".join(texts) and secret not in content.decode("utf-8"))
    assert not LeakGuard([secret]).finds(content)


def test_short_secrets_are_not_searched_for() -> None:
    """
    A secret of a few letters is a word that stands everywhere.
    """
    assert not LeakGuard(["short", "         "]).finds(b"short          ")
    assert not LeakGuard([]).finds(b"anything")


@given(secrets, st.integers(min_value=-40, max_value=40))
def test_a_plaintext_is_found_wherever_it_stands_in_a_large_file(secret: str, shift: int) -> None:
    """
    Large files are searched piece by piece, and nothing that lies across two pieces is missed.
    """
    guard = LeakGuard([secret, "another secret"])
    assume(set(secret) != {"\x01"})
    around = b"\x01" * (_PIECE + shift)
    assert guard.finds(around + secret.encode("utf-8") + around)
    assert not guard.finds(around)


def test_text_that_hits_everywhere() -> None:
    """
    A secret that begins as a whole large file does takes no memory, and is told from the file.
    """
    guard = LeakGuard(["a" * 40 + "b"])
    assert not guard.finds(b"a" * 2 * _PIECE)
    assert guard.finds(b"a" * 2 * _PIECE + b"b")


def test_sealed_values_do_not_alarm() -> None:
    """
    Base64 that is sealed, and only by chance holds a secret's letters, is not a leak.
    """
    guard = LeakGuard(["AAAABBBB"])
    assert not guard.finds(encode({"Password": {"$secret": "xxAAAABBBBxx"}}))
    assert guard.finds(encode({"Password": "xxAAAABBBBxx"}))


def test_the_guard_does_not_show_what_it_looks_for() -> None:
    """
    Its repr holds no plaintext.
    """
    assert "hunter2hunter2" not in repr(LeakGuard(["hunter2hunter2"]))
