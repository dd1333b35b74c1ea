"""
Secrets in documents: database to tree and back, at declared places and wherever they stand.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents.canonical_json import decode, encode
from migrator.errors import SecretError, UnreadableDocument
from migrator.maps.document_map import DocumentMap, Sensitive
from migrator.secrets.ciphers import KeyDerivation, MasterKeyCipher, PasswordCipher, find_ciphertexts
from migrator.secrets.sealing import (
    MixedText,
    Opaque,
    SecretsMode,
    SecretText,
    may_hold_secret,
    open_from_tree,
    open_stored,
    plaintexts,
    seal_for_database,
    seal_for_tree,
    sealer,
)
from tests.support.servers import CIPHER
from tests.support.values import any_text, stored_values, utf8_text

MAP = DocumentMap(
    "Sample",
    "Samples/{id}",
    "Samples-",
    sensitive=(Sensitive("Value", (("Type", "Sensitive"),)), Sensitive("Inner/*/Password")),
    confidential=("Hash",),
)
PASSWORD = PasswordCipher.from_password("p", KeyDerivation(b"salt", 2, 1, 1))
bodies = st.dictionaries(
    st.one_of(st.sampled_from(["Value", "Hash", "Inner", "Type"]), any_text), stored_values, max_size=5
)

DECOY = "A" * 22 + "==|" + "A" * 22 + "=="
keys = st.one_of(
    st.sampled_from([CIPHER.seal("as a key"), DECOY, f"x {DECOY}", "$secret:x", "$omitted:1", "$escaped:", "$secret"]),
    any_text,
)


def to_tree(opened: dict[str, Any], mode: SecretsMode = SecretsMode.ENCRYPT) -> dict[str, Any]:
    return seal_for_tree(MAP, "Samples-1", opened, sealer(mode, lambda: PASSWORD))


@given(bodies)
def test_round_trip(body: dict[str, Any]) -> None:
    """
    Database to tree to bytes to tree to database gives the same document, with every secret under a new IV.
    """
    opened = open_stored(MAP, "Samples-1", body, CIPHER)
    read = decode(encode(to_tree(opened)))
    again = open_from_tree(MAP, "Samples-1", read, PASSWORD)
    assert again == opened
    stored = seal_for_database(again, CIPHER)
    assert open_stored(MAP, "Samples-1", stored, CIPHER) == opened


@given(bodies)
def test_tree_holds_no_ciphertext_of_the_server(body: dict[str, Any]) -> None:
    """
    Nothing that the master key opens is left in a tree, in any of the modes.
    """
    opened = open_stored(MAP, "Samples-1", body, CIPHER)
    for mode in SecretsMode:
        text = encode(to_tree(opened, mode)).decode("utf-8")
        for start, end in find_ciphertexts(text):
            with pytest.raises(SecretError):
                CIPHER.open(text[start:end])


@given(bodies)
def test_same_secret_same_bytes(body: dict[str, Any]) -> None:
    """
    A secret that was merely sealed anew does not show.
    """
    opened = open_stored(MAP, "Samples-1", body, CIPHER)
    stored = seal_for_database(opened, CIPHER)
    assert encode(to_tree(open_stored(MAP, "Samples-1", stored, CIPHER))) == encode(to_tree(opened))


@given(bodies)
def test_the_quick_look_is_never_wrongly_false(body: dict[str, Any]) -> None:
    """
    A document that the quick look passes over is the same opened and unopened.
    """
    text = encode(body).decode("utf-8")
    if not may_hold_secret(text):
        assert open_stored(DocumentMap("X", "X", "X-"), "X-1", body, CIPHER) == body


@given(utf8_text, utf8_text)
def test_a_changed_secret_always_shows(before: str, after: str) -> None:
    """
    Another plaintext gives another sealed value, and another fingerprint.
    """
    if before == after:
        return
    for mode in (SecretsMode.ENCRYPT, SecretsMode.FINGERPRINT):
        assert to_tree({"x": SecretText(before)}, mode) != to_tree({"x": SecretText(after)}, mode)


def test_moved_between_elements_with_ids() -> None:
    """
    An element of a list keeps its secret's bytes when its neighbours move, if it has an Id of its own.
    """
    one, two = ({"Id": name, "Password": SecretText("same")} for name in "ab")
    forward, backward = to_tree({"Inner": [one, two]}), to_tree({"Inner": [two, one]})
    assert forward["Inner"] == backward["Inner"][::-1]
    assert forward["Inner"][0]["Password"] != forward["Inner"][1]["Password"]


def test_declared_places_are_secret_whatever_they_hold() -> None:
    """
    A declared place whose text is no ciphertext is sealed as it stands; null and empty stay what they are.
    """
    opened = open_stored(MAP, "Samples-1", {"Type": "Sensitive", "Value": "in clear", "Hash": "3E8$a"}, CIPHER)
    assert opened["Value"] == SecretText("in clear", encrypted=False)
    assert opened["Hash"] == SecretText("3E8$a", encrypted=False)
    for empty in ("", None):
        body = {"Type": "Sensitive", "Value": empty, "Hash": empty}
        assert to_tree(open_stored(MAP, "Samples-1", body, CIPHER)) == body
    assert open_stored(MAP, "Samples-1", {"Type": "String", "Value": "x"}, CIPHER)["Value"] == "x"


def test_ciphertext_inside_text_is_taken_apart() -> None:
    """
    Secrets among other words are sealed one by one, and put back in their place.
    """
    text = f'{{"a":"{CIPHER.seal("first one")}","b":"{CIPHER.seal("second one")}"}}'
    opened = open_stored(MAP, "Samples-1", {"Json": text}, CIPHER)
    assert isinstance(opened["Json"], MixedText)
    assert plaintexts(opened) == ["first one", "second one"]
    tree = to_tree(opened)
    assert "first one" not in str(tree)
    assert open_from_tree(MAP, "Samples-1", tree, PASSWORD) == opened


def test_json_inside_json_is_taken_apart() -> None:
    """
    A serializer may have escaped the ciphertext inside a text; the tree has none of it, and the database a fresh one.
    """
    inner = json.dumps({"Password": CIPHER.seal("deep")}).replace("+", "\\u002B").replace("=", "\\u003D")
    opened = open_stored(MAP, "Samples-1", {"Other": json.dumps(inner)}, CIPHER)
    assert plaintexts(opened) == ["deep"]
    assert "u003D" not in json.dumps(to_tree(opened))
    again = json.loads(json.loads(seal_for_database(opened, CIPHER)["Other"]))
    assert CIPHER.open(again["Password"]) == "deep"


@given(st.dictionaries(keys, st.one_of(stored_values, st.dictionaries(keys, stored_values, max_size=2)), max_size=3))
def test_keys_that_look_encrypted_are_sealed(body: dict[str, Any]) -> None:
    """
    A key is sealed as it stands and told; import restores it, and also a key that only looks like a sealed one.
    """
    opaque: list[tuple[str, Opaque]] = []
    opened = open_stored(MAP, "Samples-1", {"Other": body}, CIPHER, opaque=opaque)
    tree = encode(to_tree(opened)).decode()
    assert not find_ciphertexts(tree)
    assert not any(find_ciphertexts(path) for path, _ in opaque)
    assert any(what is Opaque.KEY for _, what in opaque) == any(find_ciphertexts(key) for key in all_keys(body))
    assert open_from_tree(MAP, "Samples-1", decode(tree), PASSWORD) == opened


def all_keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in all_keys(item))]
    return [key for item in value for key in all_keys(item)] if isinstance(value, list) else []


def test_what_does_not_open_names_its_place() -> None:
    """
    A secret that does not open makes its own document unreadable, and the message says where, not what.
    """
    foreign = MasterKeyCipher(b"another key, 16b").seal("unreachable")
    with pytest.raises(UnreadableDocument, match="Samples-1 at Inner/0/Password") as error:
        open_stored(MAP, "Samples-1", {"Inner": [{"Password": foreign}]}, CIPHER)
    assert foreign not in str(error.value)
    moved = to_tree({"a": SecretText("x")})
    with pytest.raises(UnreadableDocument, match="at b"):
        open_from_tree(MAP, "Samples-1", {"b": moved["a"]}, PASSWORD)


@pytest.mark.parametrize("marker", [{"$fingerprint": "AAAA"}, {"$omitted": True}, {"$secret": 5}])
def test_a_tree_without_secrets_cannot_be_opened(marker: dict[str, Any]) -> None:
    """
    Digests and omitted secrets are told as such; nothing is imported in their place.
    """
    with pytest.raises(UnreadableDocument):
        open_from_tree(MAP, "Samples-1", {"a": marker}, PASSWORD)
    with pytest.raises(UnreadableDocument):
        open_from_tree(MAP, "Samples-1", {"a": {"$secret": "AAAA"}}, None)


def test_secrets_do_not_show_themselves() -> None:
    """
    Between the two ciphers a secret's repr is empty, also within a document.
    """
    shown = repr({"a": SecretText("hunter2"), "b": MixedText(("x", SecretText("hunter2")))})
    assert "hunter2" not in shown


def test_sealing_needs_a_cipher() -> None:
    """
    Only omitting works without a password.
    """
    place = ("a", "b", "c")
    assert sealer(SecretsMode.OMIT, lambda: None)(SecretText("x"), place) == {"$omitted": True}
    for mode in (SecretsMode.ENCRYPT, SecretsMode.FINGERPRINT):
        with pytest.raises(SecretError):
            sealer(mode, lambda: None)(SecretText("x"), place)
