"""
The key of the export password: when a run derives it, and whether the password is the one of the repository.

Deriving takes long on purpose, so it goes on beside other work and is left out where nothing is to be sealed.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from auditor.repository.repository import METADATA, Repository
from migrator.errors import SecretError
from migrator.exporter import ExportOptions, derive
from migrator.secrets.ciphers import KeyDerivation, PasswordCipher
from migrator.tree.metadata import Metadata


@dataclass
class ExportKey:
    """
    The key of one run's password, derived in *pool* once for each way of deriving it.
    """

    options: ExportOptions
    pool: ThreadPoolExecutor
    # HEAD's way of deriving, begun on a guess, need not be today's: its cost may have been raised since.
    _started: dict[KeyDerivation, Future[PasswordCipher | None]] = field(default_factory=dict, repr=False)

    def start(self, derivation: KeyDerivation) -> None:
        """
        Begin to derive the key; it will be needed soon.
        """
        if derivation not in self._started:
            self._started[derivation] = derive(self.options, derivation, self.pool)

    def cipher(self, derivation: KeyDerivation) -> PasswordCipher | None:
        """
        Return the password's cipher, ``None`` where secrets are left out.
        """
        self.start(derivation)
        return self._started[derivation].result()


def metadata_in(repository: Repository, head: str | None) -> Metadata | None:
    """
    Return what HEAD says of how its tree was written, ``None`` if there is none of ours.
    """
    content = repository.read(METADATA, head) if head else None
    return Metadata.from_bytes(content) if content is not None else None


def check_password(before: Metadata | None, options: ExportOptions, metadata: Metadata) -> None:
    """
    Raise ``SecretError`` unless the password is the one that HEAD was written with.
    """
    if before is None or options.password is None:
        return
    # A tree without sealed secrets has no check value, and nothing in it depends on the password.
    if before.check is None or metadata.check is None:
        return
    if before.derivation == metadata.derivation:
        if before.check != metadata.check:
            raise SecretError(
                "the export password is not the one that this repository was written with; give that one, or change it "
                "with `auditor rekey`"
            )
    else:
        # Another salt or cost gives another check value, so the password is tried on HEAD's own.
        before.open_with(options.password.reveal())
