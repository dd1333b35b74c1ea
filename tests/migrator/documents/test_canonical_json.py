"""
Canonical JSON: the laws of values and bytes.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents import canonical_json
from migrator.documents.canonical_json import Number, decode, encode, encode_ordered
from migrator.secrets.sealing import MixedText, SecretText
from tests.support.values import any_text, json_values, utf8_text


@given(json_values())
def test_bytes_give_the_value_back(value: Any) -> None:
    """
    Decoding what was encoded gives the same value: numbers with their text, big integers, lone surrogates.
    """
    assert decode(encode(value)) == value


@given(json_values())
def test_bytes_are_canonical(value: Any) -> None:
    """
    Encoding what was decoded from canonical bytes gives the same bytes.
    """
    once = encode(value)
    assert encode(decode(once)) == once
    assert once.endswith(b"\n")
    assert b"\r" not in once
    once.decode("utf-8")


@given(json_values(st.one_of(st.none(), st.booleans(), st.integers(-(2**62), 2**62), utf8_text), utf8_text))
def test_both_encoders_agree(value: Any) -> None:
    """
    The slow encoder, which takes what the fast one refuses, writes the same bytes where both can.
    """
    slow = canonical_json._to_bytes("".join(canonical_json._written(value, "\n")))
    assert encode(value) == slow + b"\n"


@given(st.dictionaries(any_text, json_values(), max_size=5), st.lists(any_text, max_size=3))
def test_keys_are_sorted_but_for_the_first(value: dict[str, Any], first: list[str]) -> None:
    """
    Named keys lead in their order, all others follow by code point; the value stays the same.
    """
    keys = list(value)
    first = list(dict.fromkeys([*keys[:2], *first]))
    encoded = encode(value, first)
    assert decode(encoded) == value
    head = [key for key in first if key in value]
    assert list(json.loads(encoded)) == head + sorted(value.keys() - set(head))


@pytest.mark.parametrize("text", ["1.10", "1.0", "1e5", "-0.0", "100000000000000000000000000", "-0", "1" * 5000])
def test_numbers_keep_their_text(text: str) -> None:
    """
    ``1.10`` and ``1.1`` are two texts, and neither becomes the other.
    """
    assert encode(decode(f"[{text}]")) == f"[\n  {text}\n]\n".encode()


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "{", "", "[1,]", "'a'", "\ufeff{}", "[" * 100_000])
def test_what_is_not_json_is_refused(text: str) -> None:
    """
    Anything else is a ValueError, also what other parsers let pass and what is nested too deep.
    """
    with pytest.raises(ValueError):
        decode(text)


def test_only_json_values_are_encoded() -> None:
    """
    A float would lose its text, and other objects have none.
    """
    for value in (object(), {"a": {1, 2}}, b"x"):
        with pytest.raises(TypeError):
            encode(value)


@pytest.mark.parametrize("kind", [SecretText("a plain text"), MixedText(("a", SecretText("plain text")))])
def test_a_secret_is_no_json_value(kind: Any) -> None:
    """
    A secret that nobody sealed is refused like any other kind of value; its plaintext never becomes bytes by itself.
    """
    for value in (kind, {"Password": kind}, [{"Password": kind, "Big": 2**70}]):
        for encoder in (encode, encode_ordered):
            with pytest.raises(TypeError):
                encoder(value)


def test_numbers_are_values() -> None:
    """
    Two numbers of one text are equal and stand in one set.
    """
    assert {Number("1.0"), Number("1.0")} == {Number("1.0")}
    assert Number("1.0") != Number("1.00")
    assert repr(Number("1.5")) == "Number('1.5')"
