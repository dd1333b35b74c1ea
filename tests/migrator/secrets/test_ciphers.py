"""
The ciphers: published and computed vectors, and the laws of opening and sealing.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.errors import SecretError
from migrator.secrets.ciphers import (
    InterchangeCipher,
    KeyDerivation,
    MasterKeyCipher,
    PasswordCipher,
    as_stored,
    find_ciphertexts,
    is_ciphertext,
)
from tests.support.servers import CIPHER
from tests.support.values import any_text, mixed_texts, utf8_text

PLAIN = "Pa$$w0rd-Ünïcode"
CHEAP = KeyDerivation(b"a server's salt.", cost=2, block=1, parallel=1)
TREE = PasswordCipher.from_password("password", CHEAP)
contexts = st.lists(any_text, min_size=3, max_size=3)
keys = st.one_of(st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))


@pytest.mark.parametrize(
    ("key", "first", "sealed"),
    [
        (
            "EBESExQVFhcYGRobHB0eHw==",
            0xA0,
            "rmnp0lvoK/M4fReq4OBtxbKxddmHomLTh5TWHgRf428=|oKGio6SlpqeoqaqrrK2urw==",
        ),
        (
            "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=",
            0xC0,
            "nK/D8VafmUx5TgisNzy7x8h9hw/blpvTpflWF1MB6V4=|wMHCw8TFxsfIycrLzM3Ozw==",
        ),
    ],
    ids=["AES-128", "AES-256"],
)
def test_master_key_vectors(key: str, first: int, sealed: str) -> None:
    """
    A known key, IV and plaintext give the known text, and back.
    """
    cipher = MasterKeyCipher.from_base64(f"Octopus Server\n{key}\n", lambda size: bytes(range(first, first + size)))
    assert cipher.seal(PLAIN) == sealed
    assert cipher.open(sealed) == PLAIN


@pytest.mark.parametrize(
    ("plain", "sealed"),
    [
        ("Hello", "J5H0495vTvj5kZdf37hVEw==|AAAAAAAAAAAAAAAAAAAAAA=="),
        (PLAIN, "FDy4lzfb22SpV+ZMHBZvHlCXHsMVe53VkK2xYHMfkzw=|AAAAAAAAAAAAAAAAAAAAAA=="),
        ("", "a8oFSx/272wMIoszEatRJw==|AAAAAAAAAAAAAAAAAAAAAA=="),
    ],
)
def test_interchange_vectors(plain: str, sealed: str) -> None:
    """
    The original tool's envelope, byte for byte.
    """
    cipher = InterchangeCipher.from_password("correct horse")
    assert cipher.seal(plain) == sealed
    assert cipher.open(sealed) == plain


@given(keys, utf8_text)
def test_master_key_opens_what_it_sealed(key: bytes, plain: str) -> None:
    """
    Opening gives the plaintext back; sealing twice gives two texts; both have the shape of a stored secret.
    """
    cipher = MasterKeyCipher(key)
    one, two = cipher.seal(plain), cipher.seal(plain)
    assert cipher.open(one) == cipher.open(two) == plain
    assert one != two
    assert is_ciphertext(one)


@given(any_text, contexts)
def test_password_opens_what_it_sealed(plain: str, context: list[str]) -> None:
    """
    Opening in the same place gives the plaintext back, and sealing is deterministic.
    """
    sealed = TREE.seal(plain, context)
    assert TREE.open(sealed, context) == plain
    assert TREE.seal(plain, context) == sealed
    assert TREE.fingerprint(plain, context) == TREE.fingerprint(plain, context)


@given(any_text, contexts, contexts)
def test_a_moved_secret_does_not_open(plain: str, place: list[str], other: list[str]) -> None:
    """
    A sealed value opens only where it stood; equal secrets in two places look different.
    """
    if place == other:
        return
    sealed = TREE.seal(plain, place)
    assert TREE.seal(plain, other) != sealed
    assert TREE.fingerprint(plain, other) != TREE.fingerprint(plain, place)
    with pytest.raises(SecretError, match="moved"):
        TREE.open(sealed, other)


@given(any_text, st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_secret_does_not_open(plain: str, position: int, flip: int) -> None:
    """
    One changed byte is enough.
    """
    raw = bytearray(base64.b64decode(TREE.seal(plain, "abc")))
    raw[position % len(raw)] ^= flip
    with pytest.raises(SecretError):
        TREE.open(base64.b64encode(raw).decode(), "abc")


def test_password_and_salt_decide() -> None:
    """
    Another password, or another server's salt, gives other bytes, and neither opens the other's.
    """
    sealed = TREE.seal("value", ("a", "b", "c"))
    for other in (
        PasswordCipher.from_password("Password", CHEAP),
        PasswordCipher.from_password("password", KeyDerivation(b"another salt....", 2, 1, 1)),
    ):
        assert other.check != TREE.check
        assert other.seal("value", ("a", "b", "c")) != sealed
        with pytest.raises(SecretError):
            other.open(sealed, ("a", "b", "c"))


@pytest.mark.parametrize("text", ["", "not base64!", "AAAA", "=", "é"])
def test_nonsense_does_not_open(text: str) -> None:
    """
    Texts that were never sealed raise the one error, whatever they are.
    """
    for cipher in (MasterKeyCipher(bytes(16)), InterchangeCipher.from_password("x")):
        with pytest.raises(SecretError):
            cipher.open(text)
    with pytest.raises(SecretError):
        TREE.open(text, "abc")


@pytest.mark.parametrize("key", ["", "x", "not base64!", base64.b64encode(bytes(15)).decode(), "QQ==\n\n \n"])
def test_a_malformed_master_key_is_told(key: str) -> None:
    """
    The message says where a right one comes from and repeats nothing of the wrong one.
    """
    with pytest.raises(SecretError, match="show-master-key") as error:
        MasterKeyCipher.from_base64(key)
    assert not key.strip() or key.strip() not in str(error.value)


def test_ciphers_do_not_show_their_keys() -> None:
    """
    A repr in a log or a traceback holds no key.
    """
    shown = repr(MasterKeyCipher(b"k" * 16)) + repr(TREE) + repr(InterchangeCipher(b"k" * 16))
    assert "kkkk" not in shown
    assert TREE.check not in shown


@given(mixed_texts)
def test_ciphertexts_are_found_wherever_they_stand(text: str) -> None:
    """
    What is found has the shape of a secret, lies apart, and every secret between words is found.
    """
    found = find_ciphertexts(text)
    assert all(is_ciphertext(text[start:end]) for start, end in found)
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(found))
    for match in re.finditer(r"(?<![A-Za-z0-9+/=|])[A-Za-z0-9+/]+={0,2}\|[A-Za-z0-9+/]{22}==", text):
        if is_ciphertext(match.group()):
            assert match.span() in found


@given(st.text(string.ascii_letters + string.digits + "+/=|", max_size=120))
def test_whole_and_partial_recognition_agree(text: str) -> None:
    """
    A text that is a ciphertext as a whole is found as one.
    """
    assert not is_ciphertext(text) or find_ciphertexts(text) == [(0, len(text))]


@pytest.mark.parametrize("depth", [1, 2, 3])
@given(plain=utf8_text)
def test_ciphertexts_are_found_in_json_inside_json(depth: int, plain: str) -> None:
    """
    Whatever a serializer writes for +, /, = and |, and with a line end's ``n`` right before it, the secret opens.
    """
    text = f"before\n{CIPHER.seal(plain)}\nafter"
    for _ in range(depth):
        text = json.dumps(text)[1:-1].replace("/", "\\/")
        for sign in "+=|":
            text = text.replace(sign, f"\\u00{ord(sign):02X}")
    [(start, end)] = find_ciphertexts(text)
    assert CIPHER.open(as_stored(text[start:end])) == plain


def test_digests_of_events_are_no_ciphertexts() -> None:
    """
    The salted one-way digests of audit events (20 bytes, 12 bytes) are left alone.
    """
    digest = f"{base64.b64encode(bytes(20)).decode()}|{base64.b64encode(bytes(12)).decode()}"
    assert not is_ciphertext(digest)
    assert find_ciphertexts(digest) == []


def test_recognition_is_linear() -> None:
    """
    Megabytes of texts that look almost like secrets are searched in one pass; a second look at each would never end.
    """
    almost = "x|AAAAAAAAAAAAAAAAAAAAAA== " * 150_000
    assert find_ciphertexts(almost) == []
    assert find_ciphertexts("A" * 3_000_000 + "|" * 1_000_000) == []
