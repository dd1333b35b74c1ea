"""
metadata.json: which server a tree came from, how it was written, and how its secrets are sealed.

Nothing in it changes when nothing changed on the server: no time, no machine's name.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrator.documents.canonical_json import decode, encode
from migrator.errors import OperatorError, SecretError
from migrator.secrets.ciphers import KeyDerivation, PasswordCipher
from migrator.secrets.sealing import SecretsMode

NAME = "metadata.json"
FORMAT = "octopus-migrator"
VERSION = 1
_LARGEST_MEMORY = 1 << 22
"""In units of 128 bytes: 512 MiB. A tree of unknown origin must not make its reader ask for more."""


@dataclass(frozen=True)
class Metadata:
    """
    The head of a native tree.
    """

    database_version: str
    server: str
    secrets: SecretsMode
    derivation: KeyDerivation | None = None
    check: str | None = None
    noise: str = "normal"
    inline_scripts: str = "CopyToFiles"
    partial: Mapping[str, Any] | None = None
    """
    Of a partial export: what it was asked for (``Projects``, ``ProjectGroups`` ...), and under ``LeftOut``, by type and
    id, what its documents mention and a target has to find for itself; under ``LedNowhere`` the ids that no document of
    the server had. ``None``: the whole server.
    """

    def to_bytes(self) -> bytes:
        """
        Return the file's content.
        """
        value: dict[str, Any] = {
            "Format": FORMAT,
            "FormatVersion": VERSION,
            "DatabaseVersion": self.database_version,
            "Server": self.server,
            "Noise": self.noise,
            "InlineScripts": self.inline_scripts,
            "Secrets": {"Mode": self.secrets.value},
        }
        if self.derivation is not None:
            value["Secrets"] |= {
                "Scheme": "aes-siv",
                "Derivation": "scrypt",
                "Salt": base64.b64encode(self.derivation.salt).decode(),
                "N": self.derivation.cost,
                "R": self.derivation.block,
                "P": self.derivation.parallel,
                "Check": self.check,
            }
        if self.partial is not None:
            value["Partial"] = dict(self.partial)
        return encode(value, ("Format", "FormatVersion"))

    @classmethod
    def from_bytes(cls, content: bytes) -> Metadata:
        """
        Read a metadata.json.

        Raises:
            OperatorError: not one of ours, or of a newer format.
        """
        try:
            value = decode(content)
            if value["Format"] != FORMAT:
                raise KeyError("Format")
            if value["FormatVersion"] > VERSION:
                raise OperatorError(f"{NAME} is of a newer format ({value['FormatVersion']}); use a newer program")
            secrets = value["Secrets"]
            return cls(
                value["DatabaseVersion"],
                value["Server"],
                SecretsMode(secrets["Mode"]),
                _derivation(secrets),
                secrets.get("Check"),
                value.get("Noise", "normal"),
                value.get("InlineScripts", "CopyToFiles"),
                _partial(value.get("Partial")),
            )
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
            raise OperatorError(f"{NAME} was not written by this program, or was changed") from None

    def open_with(self, password: str) -> PasswordCipher:
        """
        Return the cipher that opens the tree's secrets.

        Raises:
            SecretError: the password is another.
        """
        if self.derivation is None:
            raise SecretError("the tree holds no secrets that a password could open")
        cipher = PasswordCipher.from_password(password, self.derivation)
        if cipher.check != self.check:
            raise SecretError("the password does not fit this export; give the one it was written with")
        return cipher


def _partial(value: Any) -> Mapping[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise ValueError("Partial is no object")
    return value


def _derivation(secrets: dict[str, Any]) -> KeyDerivation | None:
    if "Salt" not in secrets:
        return None
    derivation = KeyDerivation(
        base64.b64decode(secrets["Salt"], validate=True), secrets["N"], secrets["R"], secrets["P"]
    )
    parameters_fit = 1 <= derivation.block <= 32 and 1 <= derivation.parallel <= 16
    is_power_of_two = derivation.cost >= 2 and derivation.cost & (derivation.cost - 1) == 0
    if not parameters_fit or not is_power_of_two or derivation.cost * derivation.block > _LARGEST_MEMORY:
        raise ValueError("cost out of range")
    return derivation
