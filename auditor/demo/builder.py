"""
What all sample content is made with: the open database, secrets, ids and times that are the same on every run.

No sample content itself.
"""

from __future__ import annotations

import base64
import hashlib
import random
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.demo.schema import insert, table_of
from migrator.secrets.ciphers import MasterKeyCipher

# Any would do; another one changes every GUID of the sample content, and every tree made of it.
NAMESPACE = uuid.UUID("0d5c8a5e-2b8f-4d51-9c0e-7f6f1b1f0a77")
START = datetime(2018, 9, 3, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Builder:
    """
    Writes documents into one open database; deterministic for one seed and one master key.
    """

    connection: sqlite3.Connection
    cipher: MasterKeyCipher
    rng: random.Random
    spaces: bool = False
    newest: bool = False

    def add(self, table: str, **document: Any) -> str:
        """
        Insert the document and return its id; in a newer database every other big body goes into the blob.
        """
        blob = self.spaces and self.rng.random() < 0.5
        insert(self.connection, table, document, blob=blob)
        return str(document["Id"])

    def seal(self, plain: str) -> str:
        """
        Return *plain* as the database stores a secret.
        """
        return self.cipher.seal(plain)

    def secret(self, label: str) -> str:
        """
        Return a sealed secret whose plaintext is random-looking text made from *label*.
        """
        return self.seal(plaintext(label))

    def sensitive(self, label: str) -> dict[str, str]:
        """
        Return a secret as an object, the way properties and templates hold it.
        """
        return {"SensitiveValue": self.secret(label)}


@contextmanager
def builder(path: Path, master_key: bytes, seed: str, spaces: bool = False, newest: bool = False) -> Iterator[Builder]:
    """
    Open the database for writing; one transaction, undone on an error. *seed* decides all that looks random.
    """
    rng = random.Random(seed)  # noqa: S311
    with closing(sqlite3.connect(path)) as connection, connection:
        yield Builder(connection, MasterKeyCipher(master_key, rng.randbytes), rng, spaces, newest)


def plaintext(label: str) -> str:
    """
    Return 24 characters of random-looking text, the same for the same label.
    """
    return base64.b64encode(hashlib.sha256(f"secret {label}".encode()).digest()[:18]).decode()


def key_file(label: str) -> str:
    """
    Return the base64 text of something long that starts as a PFX file does (``MII``).
    """
    body = b"".join(hashlib.sha256(f"{label} {part}".encode()).digest() for part in range(36))
    return base64.b64encode(b"\x30\x82\x04\x80" + body).decode()


def guid(label: str) -> str:
    """
    Return the GUID that belongs to *label*.
    """
    return str(uuid.uuid5(NAMESPACE, label))


def when(minutes: float) -> str:
    """
    Return the time so many minutes after the sample server's start, ISO 8601 with offset.
    """
    return (START + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")


def thumbprint(label: str) -> str:
    """
    Return a certificate's thumbprint in upper-case hex.
    """
    return hashlib.sha1(label.encode(), usedforsecurity=False).hexdigest().upper()


def password_hash(plain: str, salt: bytes) -> str:
    """
    Return a password or API key hashed as the server does: iterations, salt, hash.
    """
    digest = hashlib.pbkdf2_hmac("sha1", plain.encode(), salt, 1000, 24)
    # 3E8 is the number of iterations, 1000, in hex.
    return f"3E8${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def known_ids(values: list[str]) -> list[str]:
    """
    Return those of *values* that look like the id of a document, each once, in order.
    """
    return [value for value in dict.fromkeys(values) if table_of(value)]
