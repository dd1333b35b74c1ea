"""
A document's sealed secrets under another password, in place: every other byte of its file stays as it is.

Pure. What a sealed secret is bound to is the same as in ``migrator.secrets.sealing``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from migrator.documents.canonical_json import decode
from migrator.documents.document import element_names, spelled
from migrator.errors import OperatorError, SecretError
from migrator.secrets.ciphers import PasswordCipher
from migrator.secrets.sealing import ESCAPED, PARTS, RESERVED, SECRET, key_place
from migrator.tree.types import Types, place_of

_SEALED = re.compile(rb'("\$secret(?:": "|:))([A-Za-z0-9+/=]*)(")')
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
    type_ = document_map.type

    def again(place: str, sealed: str) -> str:
        context = (type_, identity, place)
        try:
            plain = old.open(sealed, context)
        except SecretError:
            raise SecretError(f"{file} at {place}: the secret does not open under the old password") from None
        changed[sealed.encode()] = new.seal(plain, context).encode()
        return plain

    _reseal(body, (), again)
    return _SEALED.sub(lambda found: found[1] + changed.get(found[2], found[2]) + found[3], content)


def _reseal(value: Any, path: Path, again: Callable[[str, str], str]) -> None:
    if isinstance(value, dict):
        # An object of the server's own that looks so is written with $escaped around it.
        if len(value) == 1 and not RESERVED.isdisjoint(value):
            _reseal_marked(*next(iter(value.items())), path, again)
            return
        for key, item in value.items():
            _reseal(item, (*path, _key(key, path, again)), again)
    elif isinstance(value, list):
        for item, name in zip(value, element_names(value), strict=True):
            _reseal(item, (*path, name), again)


def _key(key: str, path: Path, again: Callable[[str, str], str]) -> str:
    kind, _, inner = key.partition(":")
    if kind == SECRET:
        # Behind the sign of how the database holds it; the secrets below are bound to the key itself.
        return again(key_place(path), inner)[1:]
    return inner if kind == ESCAPED and inner else key


def _reseal_marked(kind: str, inner: Any, path: Path, again: Callable[[str, str], str]) -> None:
    if kind == SECRET and isinstance(inner, str):
        again(spelled(path), inner)
    elif kind == PARTS and isinstance(inner, list):
        for index, part in enumerate(inner):
            _reseal(part, (*path, str(index)), again)
    elif kind == ESCAPED and isinstance(inner, dict):
        for key, item in inner.items():
            _reseal(item, (*path, ESCAPED, key), again)
