"""
The secrets of one run: each is opened once, and all are known before the first file is written.

The search for plaintexts needs all of them from the beginning. Not here: where a document has its secrets.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from migrator.documents.document import Body
from migrator.errors import SecretError
from migrator.maps.document_map import DocumentMap
from migrator.secrets.ciphers import MasterKeyCipher, as_stored, find_ciphertexts
from migrator.secrets.plaintext_search import LeakGuard
from migrator.secrets.sealing import declared_secrets, open_stored, plaintexts

_ACCIDENTS = 20
"""A wrong key opens one secret in 256 by accident, since nothing authenticates them; a right one opens nearly all."""


class OpenedSecrets:
    """
    What the master key opens, remembered: ``meet`` every document first, then ``open`` gives what is known.
    """

    def __init__(self, master: MasterKeyCipher) -> None:
        self._master = master
        self._opened: dict[str, str | None] = {}
        self._plain: set[str] = set()
        self._known: dict[bool, int] = {True: 0, False: 0}
        self.proven = False
        """The server's own certificate opened, so that the key is the right one whatever else does not open."""

    def __repr__(self) -> str:
        return "OpenedSecrets(...)"

    def open(self, text: str) -> str:
        """
        Return the plaintext of a stored secret.

        Raises:
            SecretError: it does not open under the master key.
        """
        if text not in self._opened:
            self._opened[text] = None
            with suppress(SecretError):
                self._opened[text] = self._master.open(text)
        plain = self._opened[text]
        if plain is None:
            raise SecretError("the value does not open under this master key")
        return plain

    def meet(self, document_map: DocumentMap, body: Body) -> None:
        """
        Open all secrets of a document; those that do not open are left for the rendering to name.
        """
        # Also what the server should have sealed and this row holds in clear.
        opened = open_stored(document_map, "", body, self, strict=False)
        failed = declared_secrets(document_map, opened)
        self._known[False] += failed
        self._known[True] += declared_secrets(document_map, body) - failed
        self._plain.update(plaintexts(opened))
        # A key of a dictionary may have that shape too; it is sealed as it is, but its plaintext may stand nowhere.
        for key in _keys(body):
            self.meet_text(key)

    def meet_text(self, text: str) -> None:
        """
        Open whatever in a text has the shape of a secret.
        """
        for start, end in find_ciphertexts(text):
            with suppress(SecretError):
                self.open(as_stored(text[start:end]))

    def knows(self, opened: Body) -> bool:
        """
        Return whether every secret of an opened document was met before.
        """
        return self._plain.issuperset(plaintexts(opened))

    def fit(self) -> bool:
        """
        Return whether the master key is the right one: it opens nearly all that stands where secrets are declared.
        """
        # Not just one that fails: an old row under a lost key must not stop what the key opens.
        return self.proven or self._known[False] <= self._known[True] * _ACCIDENTS

    def guard(self) -> LeakGuard:
        """
        Return what searches files for the plaintexts of everything that was met.
        """
        return LeakGuard(self._all())

    def digest(self, key: bytes) -> str:
        """
        Return a digest of everything that was met, by which two runs tell whether they know the same secrets.
        """
        mac = hmac.new(key, digestmod="sha256")
        for plain in sorted(self._all()):
            mac.update(hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest())
        return mac.hexdigest()

    def _all(self) -> set[str]:
        return self._plain.union(plain for plain in self._opened.values() if plain is not None)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)
