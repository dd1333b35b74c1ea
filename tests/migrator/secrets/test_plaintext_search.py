"""
The search for plaintexts: it finds every secret in every spelling, and sealed values do not alarm it.
"""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from migrator.documents.canonical_json import encode
from migrator.secrets.plaintext_search import _PIECE, LeakGuard, is_looked_for, is_strong, plain_spelling
from migrator.sql.rows import compact
from tests.support.values import any_text, utf8_text

secrets = st.text(st.characters(exclude_categories=("Cs",)), min_size=8, max_size=200).filter(is_strong)
KEY = "-----BEGIN PRIVATE KEY-----\r\nMIIEpAIBAAKCAQEA7bq+/fy\r\nw3sLkQ9+aB/cDx==\r\n-----END PRIVATE KEY-----\r\n"
SPELLINGS = [
    (KEY, KEY.replace("\r\n", "\n")),
    (KEY, KEY.rstrip()),
    (KEY, KEY.replace("\r\n", "")),
    (KEY, "MIIEpAIBAAKCAQEA7bq+/fyw3sLkQ9+aB/cDx=="),
    (KEY, json.dumps({"key": json.dumps(KEY)})),
    ("Pa$$wörd-Ünïcode", "Pa$$wörd-Ünïcode\n"),
    ("Pa$$wörd-Ünïcode", json.dumps({"in": json.dumps("Pa$$wörd-Ünïcode")})),
    ("a+b<c>&'d'\"e\"/f", "a\\u002Bb\\u003Cc\\u003E\\u0026\\u0027d\\u0027\\u0022e\\u0022\\/f"),
    ("a+b<c>&'d'\"e\"/f", html.escape("a+b<c>&'d'\"e\"/f")),
    ("a+b<c>&'d'\"e\"/f", "".join(f"&#{ord(sign)};" for sign in "a+b<c>&'d'\"e\"/f")),
    ("p@ss/wörd+1 2", urllib.parse.quote("p@ss/wörd+1 2", safe="")),
    ("p@ss/wörd+1 2", urllib.parse.quote_plus("p@ss/wörd+1 2")),
    ("p@ss/wörd+1 2", urllib.parse.quote(urllib.parse.quote("p@ss/wörd+1 2", safe=""), safe="").lower()),
    ("correct horse battery", base64.b64encode(b"user:correct horse battery").decode()),
    ("correct horse battery", base64.b64encode(b"u:correct horse battery;x=1").decode()),
    ("correct horse battery", base64.b64encode(b"correct horse battery").decode().rstrip("=")),
    (
        "correct horse battery",
        base64.encodebytes(b"the password is: correct horse battery, and so on, at length").decode(),
    ),
    ("correct horse battery", base64.b64encode("$p = 'correct horse battery'".encode("utf-16-le")).decode()),
    ("??>>~~correct~~<<??", base64.urlsafe_b64encode(b"??>>~~correct~~<<??").decode()),
    (base64.b64encode(b'{"private_key": "horse-battery-9"}').decode(), '{"private_key": "horse-battery-9"}'),
    ("0A1B2C3D4E5F60718293a4b5c6d7e8f9", "0a1b2c3d4e5f60718293A4B5C6D7E8F9"),
    ("correct horse battery", b"correct horse battery".hex().upper()),
]


@pytest.mark.parametrize(("secret", "text"), SPELLINGS)
def test_a_secret_is_found_in_every_spelling(secret: str, text: str) -> None:
    """
    Line ends, escapes of JSON, URL, HTML, base64 wherever it begins, hexadecimals in either case: the same secret.
    """
    guard = LeakGuard([secret, "another secret"])
    assert guard.finds(encode({"Description": f"it is: {text}"}))
    assert guard.finds(f"it is: {text}".encode())
    [(start, end)] = guard.parts(f"it is: ({text})")
    assert not guard.finds(f"it is: ({text})"[:start].encode() + b"|" + f"it is: ({text})"[end:].encode())


@given(secrets, utf8_text, utf8_text)
def test_a_plaintext_is_found(secret: str, before: str, after: str) -> None:
    """
    A secret is found as text of its own, inside other text, and inside JSON within JSON.
    """
    guard = LeakGuard([secret, "another secret"])
    values: list[Any] = [secret, f"{before}. {secret} .{after}", compact({before: secret})]
    for value in values:
        assert guard.finds(encode({"Description": value}))
    assert guard.finds(secret.encode("utf-8"))


@given(secrets, st.lists(any_text, max_size=3))
def test_nothing_else_is_found(secret: str, texts: list[str]) -> None:
    """
    A file without the secret raises no alarm.
    """
    content = encode(texts)
    assume(plain_spelling(secret.encode()).lower() not in plain_spelling(content).lower())
    assert not LeakGuard([secret]).finds(content)


@given(secrets, utf8_text, utf8_text)
def test_the_parts_hold_the_secret_and_nothing_of_it_is_left(secret: str, before: str, after: str) -> None:
    """
    What is cut out of a text leaves none in it, and a text without secrets has no parts.
    """
    guard = LeakGuard([secret])
    text = f"{before}. {secret} .{after}"
    parts = guard.parts(text)
    assert parts
    left = [text[end:start] for (_, end), (start, _) in zip([(0, 0), *parts], [*parts, (len(text), 0)], strict=True)]
    assert not any(guard.parts(piece) for piece in left)


@pytest.mark.parametrize("word", ["Admin", "aaaabbbb", "Production", "changeit", "4711471147"])
def test_a_word_counts_where_it_is_a_whole_value(word: str) -> None:
    """
    A secret that is a mere word stands in many texts for other reasons; a value that is nothing else is the secret.
    """
    guard = LeakGuard([word])
    assert guard.finds(encode({"Value": word}))
    assert guard.is_one(f"{word}\n")
    assert not guard.finds(encode({"Value": f"it is {word} for ever"}))
    assert not guard.parts(f"it is {word} for ever")


@pytest.mark.parametrize("word", ["", "   ", "sa", "true", "False", "8080", "None"])
def test_what_is_everywhere_is_not_looked_for(word: str) -> None:
    """
    The shortest words, numbers and yes and no are in every document.
    """
    assert not is_looked_for(word)
    assert not LeakGuard([word]).finds(encode({"Value": word}))


@given(secrets, st.integers(min_value=-40, max_value=40))
def test_a_plaintext_is_found_wherever_it_stands_in_a_large_file(secret: str, shift: int) -> None:
    """
    Large files are searched piece by piece, and nothing that lies across two pieces is missed.
    """
    guard = LeakGuard([secret, "another secret"])
    around = b"\x01" * (_PIECE + shift)
    assert guard.finds(around + secret.encode("utf-8") + around)
    assert not guard.finds(around)


def test_text_that_hits_everywhere() -> None:
    """
    A secret that begins as a whole large file does takes no memory, and is told from the file.
    """
    guard = LeakGuard(["abcde" * 8 + "!"])
    assert not guard.finds(b"abcde" * (_PIECE // 2))
    assert guard.finds(b"abcde" * (_PIECE // 2) + b"!")


def test_a_text_with_very_many_secrets_is_one() -> None:
    """
    Cutting out thousands of parts would take for ever.
    """
    text = "hunter2hunter2 " * 5000
    assert LeakGuard(["hunter2hunter2"]).parts(text) == [(0, len(text))]


def test_sealed_values_do_not_alarm() -> None:
    """
    Base64 that is sealed, and only by chance holds a secret's letters, is not a leak.
    """
    guard = LeakGuard(["AbCdEfGhIj12"])
    assert not guard.finds(encode({"Password": {"$secret": "xxAbCdEfGhIj12xx"}}))
    assert guard.finds(encode({"Password": "xxAbCdEfGhIj12xx"}))


def test_the_guard_does_not_show_what_it_looks_for() -> None:
    """
    Its repr holds no plaintext.
    """
    assert "hunter2hunter2" not in repr(LeakGuard(["hunter2hunter2"]))
