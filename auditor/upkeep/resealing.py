"""
A document's sealed secrets under another password, in place: every other byte of its file stays as it is.

Pure. What a sealed secret is bound to is the same as in ``migrator.secrets.sealing``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from migrator.documents.canonical_json import decode
from migrator.documents.document import element_names, spelled
from migrator.errors import OperatorError, SecretError
from migrator.secrets.ciphers import PasswordCipher
from migrator.secrets.sealing import ESCAPED, PARTS, RESERVED, SECRET
from migrator.tree.types import Types, place_of

_SEALED = re.compile(rb'("\$secret": ")([A-Za-z0-9+/=]*)(")')
Path = tuple[str, ...]


def resealed(types: Types, file: str, content: bytes, old: PasswordCipher, new: PasswordCipher) -> bytes:
    """
    Return the content of a document's file with its secrets sealed under *new*.

    Raises:
        OperatorError: the file is no document, or one of its secrets does not open under *old*.
    """
    # Most documents hold no secret, and need not be parsed.
    if _SEALED.search(content) is None:
        return content
    try:
        body = decode(content)
        identity = str(body["Id"])
        document_map = types.find(place_of(file).folder, body, identity)
    except (ValueError, TypeError, KeyError):
        document_map = None
    if document_map is None:
        raise OperatorError(f"{file} holds a sealed secret, but is no document of this program")
    # By the sealed text alone: it is bound to its place, so equal ones are one.
    changed: dict[bytes, bytes] = {}
    for path, sealed in _secrets(body, ()):
        context = (document_map.type, identity, spelled(path))
        try:
            changed[sealed.encode()] = new.seal(old.open(sealed, context), context).encode()
        except SecretError:
            raise SecretError(f"{file} at {spelled(path)}: the secret does not open under the old password") from None
    return _SEALED.sub(lambda found: found[1] + changed.get(found[2], found[2]) + found[3], content)


def _secrets(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        # An object of the server's own that looks so is written with $escaped around it.
        if len(value) == 1 and not RESERVED.isdisjoint(value):
            yield from _marked(*next(iter(value.items())), path)
            return
        for key, item in value.items():
            yield from _secrets(item, (*path, key))
    elif isinstance(value, list):
        for item, name in zip(value, element_names(value), strict=True):
            yield from _secrets(item, (*path, name))


def _marked(kind: str, inner: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if kind == SECRET and isinstance(inner, str):
        yield path, inner
    elif kind == PARTS and isinstance(inner, list):
        for index, part in enumerate(inner):
            yield from _secrets(part, (*path, str(index)))
    elif kind == ESCAPED and isinstance(inner, dict):
        for key, item in inner.items():
            yield from _secrets(item, (*path, ESCAPED, key))
