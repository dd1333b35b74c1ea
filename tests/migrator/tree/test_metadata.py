"""
The head of a tree: what is in it, what of it may be left out, and what no reader takes from strangers.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from migrator.errors import OperatorError, SecretError
from migrator.secrets.ciphers import KeyDerivation, PasswordCipher
from migrator.secrets.sealing import SecretsMode
from migrator.tree.metadata import Metadata

SALT = bytes(range(16))
DERIVATION = KeyDerivation(SALT, 2, 1, 1)


def head(**more: Any) -> dict[str, Any]:
    """
    Return the content of a head with secrets; what is ``None`` in *more* is left out.
    """
    value = {
        "Format": "octopus-migrator",
        "FormatVersion": 1,
        "DatabaseVersion": "2018.8.0",
        "Server": "abc",
        "Noise": "strict",
        "InlineScripts": "Leave",
        "Secrets": {
            "Mode": "encrypt",
            "Scheme": "aes-siv",
            "Derivation": "scrypt",
            "Salt": base64.b64encode(SALT).decode(),
            "N": 2,
            "R": 1,
            "P": 1,
            "Check": "check",
        },
        "Partial": {"Projects": ["Shop"]},
    }
    return {name: item for name, item in (value | more).items() if item is not None}


def read(value: Any) -> Metadata:
    return Metadata.from_bytes(json.dumps(value).encode())


def secrets(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = head()["Secrets"]
    return {name: item for name, item in (found | more).items() if item is not None}


def test_a_head_is_a_file_of_known_names() -> None:
    """
    Each fact has its name in the file for ever, since older trees are read by newer programs.
    """
    known = Metadata(
        "2018.8.0", "abc", SecretsMode.ENCRYPT, DERIVATION, "check", "strict", "Leave", {"Projects": ["Shop"]}
    )
    assert json.loads(known.to_bytes()) == head()
    assert read(head()) == known


def test_what_may_be_left_out_has_its_value() -> None:
    """
    A head of a whole server without secrets has neither a key's derivation nor a part; noise and scripts are as ever.
    """
    least = Metadata("2018.8.0", "abc", SecretsMode.OMIT)
    assert json.loads(least.to_bytes()) == head(
        Noise="normal", InlineScripts="CopyToFiles", Secrets={"Mode": "omit"}, Partial=None
    )
    assert read(head(Noise=None, InlineScripts=None, Partial=None, Secrets={"Mode": "omit"})) == least


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        *(head(**{name: None}) for name in ("Format", "FormatVersion", "DatabaseVersion", "Server", "Secrets")),
        head(Format="another"),
        head(FormatVersion="1"),
        head(Partial=[]),
        head(Secrets=[]),
        head(Secrets=secrets(Mode="unheard")),
        *(head(Secrets=secrets(**{name: None})) for name in ("Mode", "N", "R", "P")),
        head(Secrets=secrets(Salt="not base64!")),
        head(Secrets=secrets(N=0)),
        head(Secrets=secrets(N=1)),
        head(Secrets=secrets(N=3)),
        head(Secrets=secrets(R=0)),
        head(Secrets=secrets(R=33)),
        head(Secrets=secrets(P=0)),
        head(Secrets=secrets(P=17)),
        head(Secrets=secrets(N=1 << 23)),
        head(Secrets=secrets(N=1 << 22, R=2)),
    ],
)
def test_a_strange_head_is_refused(value: Any) -> None:
    """
    What is not ours, lacks something, or asks for a key that costs more than a reader has is refused in one sentence.
    """
    with pytest.raises(OperatorError, match=r"metadata\.json was not written by this program, or was changed"):
        read(value)
    with pytest.raises(OperatorError, match="was not written"):
        Metadata.from_bytes(b"{")


@pytest.mark.parametrize(("n", "r", "p"), [(2, 32, 16), (1 << 22, 1, 1), (1 << 21, 2, 1), (1 << 17, 32, 1)])
def test_the_dearest_key_is_taken(n: int, r: int, p: int) -> None:
    """
    Up to 512 MiB of memory, blocks of 32 and sixteen in parallel are taken: later programs may raise the cost.
    """
    assert read(head(Secrets=secrets(N=n, R=r, P=p))).derivation == KeyDerivation(SALT, n, r, p)


def test_a_newer_format_asks_for_a_newer_program() -> None:
    """
    A tree of a later version is not guessed at.
    """
    with pytest.raises(OperatorError, match=r"of a newer format \(2\); use a newer program"):
        read(head(FormatVersion=2))


def test_a_tree_opens_with_its_password() -> None:
    """
    The password that it was written with gives its cipher; another, or none to be given, is told.
    """
    cipher = PasswordCipher.from_password("right", DERIVATION)
    known = Metadata("1", "abc", SecretsMode.ENCRYPT, DERIVATION, cipher.check)
    assert known.open_with("right").check == cipher.check
    with pytest.raises(SecretError, match="does not fit this export"):
        known.open_with("wrong")
    with pytest.raises(SecretError, match="holds no secrets"):
        Metadata("1", "abc", SecretsMode.OMIT).open_with("right")
