"""
What a server's database says of the server itself: version, identity, and whether a master key fits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from migrator.errors import SecretError, UnreadableDocument
from migrator.maps.system import INSTALLATIONS, SERVER_CERTIFICATE, SETTINGS
from migrator.secrets.ciphers import is_ciphertext
from migrator.secrets.opened import OpenedSecrets
from migrator.secrets.sealing import Opens
from migrator.sql.reader import Reader
from migrator.sql.rows import Row, Table, body_text, to_body

WRONG_KEY = (
    "the master key does not open this database; get the right one with `Octopus.Server show-master-key` "
    "(after a rotation it is a new one)"
)


@dataclass(frozen=True)
class ServerFacts:
    """
    ``version`` is the product's, ``""`` where unknown; ``identity`` is stable over upgrades, rotations and renames.
    """

    version: str
    identity: bytes
    certificate: str | None = None

    def seen(self, table: Table, rows: Sequence[Row]) -> ServerFacts:
        """
        Return the facts with the server's own certificate, where it stands in *rows* of *table*.
        """
        if self.certificate is not None or table.map.type != SETTINGS:
            return self
        found = next((row for row in rows if str(row[table.id_position]).lower() == SERVER_CERTIFICATE), None)
        return self if found is None else replace(self, certificate=_certificate(table, found))

    @property
    def name(self) -> str:
        """
        Return the identity as a short text.
        """
        return self.identity.hex()[:16]

    def check_master_key(self, cipher: Opens | None) -> None:
        """
        Try the key on the server's own certificate, as the vendor's lost-master-key command does.

        Raises:
            SecretError: the key is of another server, or was rotated.
        """
        if cipher is None or self.certificate is None:
            return
        try:
            cipher.open(self.certificate)
        except SecretError:
            raise SecretError(WRONG_KEY) from None

    def judge(self, secrets: OpenedSecrets | None) -> None:
        """
        Try the key as ``check_master_key`` does, and note that it is proven: nothing else then speaks against it.

        Raises:
            SecretError: the key is of another server, or was rotated.
        """
        self.check_master_key(secrets)
        if secrets is not None:
            secrets.proven = self.certificate is not None


def read_facts(reader: Reader) -> ServerFacts:
    """
    Read the facts within a transaction.
    """
    facts, table = read_installation(reader), reader.schema.find(SETTINGS)
    return facts if table is None else facts.seen(table, list(reader.by_key(table, "Id", [SERVER_CERTIFICATE])))


def read_installation(reader: Reader) -> ServerFacts:
    """
    Read the facts but for the certificate, which comes with the rows of its table.

    The identity is made of the oldest row of OctopusServerInstallationHistory, which is written once.
    """
    history = reader.scalars(INSTALLATIONS, ("Installed", "Id", "Node", "Version"))
    # By the time and not by the id: another node takes its ids from a block of its own.
    ordered = sorted(history, key=lambda row: (str(row[0]), str(row[1])))
    newest = str(ordered[-1][3] or "") if ordered else ""
    oldest = repr(tuple(str(value) for value in ordered[0][1:])) if ordered else "no installation history"
    identity = hashlib.blake2b(
        oldest.encode("utf-8", "surrogatepass"), digest_size=16, person=b"octopus-server"
    ).digest()
    return ServerFacts(newest, identity)


def _certificate(table: Table, row: Row) -> str | None:
    try:
        value = to_body(table, row, body_text(table, row)).get("CertificateData")
    except UnreadableDocument:
        return None
    return value if isinstance(value, str) and is_ciphertext(value) else None
