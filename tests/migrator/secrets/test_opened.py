"""
The secrets of a run: each is opened once, and what was met covers whatever is opened later.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents.canonical_json import encode
from migrator.errors import SecretError, UnreadableDocument
from migrator.maps.document_map import DocumentMap, Sensitive
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.secrets.opened import OpenedSecrets
from migrator.secrets.sealing import open_stored, plaintexts
from tests.support.servers import CIPHER, KEY
from tests.support.values import any_text, stored_values

MAP = DocumentMap(
    "Sample",
    "Samples/{id}",
    "Samples-",
    sensitive=(Sensitive("Value", (("Type", "Sensitive"),)), Sensitive("Inner/*/Password")),
    confidential=("Hash",),
)
FOREIGN = MasterKeyCipher(b"another key, 16b")
bodies = st.dictionaries(
    st.one_of(st.sampled_from(["Value", "Hash", "Inner", "Type"]), any_text), stored_values, max_size=5
)


class Counting(MasterKeyCipher):
    """
    Counts how often each secret is opened.
    """

    opened: Counter[str] = Counter()

    def open(self, text: str) -> str:
        self.opened[text] += 1
        return super().open(text)


@given(bodies)
def test_what_was_met_covers_what_is_opened(body: dict[str, Any]) -> None:
    """
    Whatever a document gives when it is opened for a tree was known since it was met.
    """
    secrets = OpenedSecrets(CIPHER)
    secrets.meet(MAP, body)

    assert secrets.knows(open_stored(MAP, "Samples-1", body, secrets))
    assert plaintexts(open_stored(MAP, "Samples-1", body, secrets)) == plaintexts(open_stored(MAP, "", body, CIPHER))


def test_each_is_opened_once() -> None:
    """
    A secret that is met, and rendered, in several documents is opened a single time; so is one that does not open.
    """
    cipher = Counting(KEY)
    cipher.opened.clear()
    secrets, good, bad = OpenedSecrets(cipher), CIPHER.seal("the same in two places"), FOREIGN.seal("unreachable")
    for body in ({"a": good, "b": bad}, {"c": f"key={good};"}):
        secrets.meet(MAP, body)
    assert plaintexts(open_stored(MAP, "1", {"a": good}, secrets)) == ["the same in two places"]
    with pytest.raises(UnreadableDocument):
        open_stored(MAP, "1", {"b": bad}, secrets)

    assert cipher.opened == {good: 1, bad: 1}


def test_what_does_not_open_hides_nothing_else() -> None:
    """
    Beside a secret that does not open, all others of its document are known, and stand in no file.
    """
    secrets = OpenedSecrets(CIPHER)
    secrets.meet(MAP, {"a": FOREIGN.seal("unreachable"), "z": CIPHER.seal("reached all the same")})

    assert secrets.guard().finds(b"... reached all the same ...")
    assert not secrets.guard().finds(b"... unreachable ...")


def test_secrets_in_clear_and_in_names_are_met() -> None:
    """
    A declared place that holds its secret unsealed is known too, and so is a secret in the name of a property.
    """
    secrets = OpenedSecrets(CIPHER)
    secrets.meet(MAP, {"Inner": [{"Password": "never sealed"}], "Deep": {CIPHER.seal("as a name, too"): 1}})
    secrets.meet_text(f"not JSON at all {CIPHER.seal('in a broken row')}")

    for plain in ("never sealed", "as a name, too", "in a broken row"):
        assert secrets.guard().finds(encode({"Text": f"it is {plain}."}))


def test_what_was_not_met_is_told() -> None:
    """
    Rendering a secret that nobody met is noticed, since no file was searched for it.
    """
    secrets = OpenedSecrets(CIPHER)

    assert not secrets.knows(open_stored(MAP, "1", {"Value": "clear", "Type": "Sensitive"}, secrets))


@pytest.mark.parametrize(("good", "bad", "fits"), [(0, 0, True), (1, 20, True), (1, 21, False), (0, 1, False)])
def test_a_key_that_opens_next_to_nothing_is_wrong(good: int, bad: int, fits: bool) -> None:
    """
    One secret in twenty is an accident that a wrong key has too; a server without secrets says nothing of its key.
    """
    secrets = OpenedSecrets(CIPHER)
    secrets.meet(MAP, {"Inner": [{"Password": CIPHER.seal(f"{n}")} for n in range(good)]})
    # A secret whose last byte is flipped opens now and then, so that the shape alone stands here.
    broken = [text for n in range(400) if not opens(text := FOREIGN.seal(f"{n}"))]
    secrets.meet(MAP, {"Inner": [{"Password": text} for text in broken[:bad]]})
    # What stands anywhere else says nothing: anybody may write it there.
    secrets.meet(MAP, {"decoys": broken})

    assert secrets.fit() is fits
    secrets.proven = True
    assert secrets.fit()


def opens(text: str) -> bool:
    try:
        CIPHER.open(text)
    except SecretError:
        return False
    return True


def test_nothing_shows_itself() -> None:
    """
    The repr holds no secret.
    """
    secrets = OpenedSecrets(CIPHER)
    secrets.meet(MAP, {"Value": CIPHER.seal("not to be shown")})

    assert "shown" not in repr(secrets)
