"""
By what an import tells documents apart: natural keys, folded as the server's collation does. Pure.

The collation is SQL_Latin1_General_CP1_CI_AS: blind to case and to trailing blanks, not to accents.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from migrator.maps import REGISTRY
from migrator.maps.document_map import LAST, DocumentMap

DERIVED = {item.type: item.derived_from for item in REGISTRY.maps if item.derived_from}
"""Types whose id is made of their owner's, with the column that names the owner."""


def fold(text: Any) -> Any:
    """
    Return *text* as the collation compares it; what is no text stays as it is.
    """
    return unicodedata.normalize("NFC", text).casefold().rstrip(" ") if isinstance(text, str) else text


def key_of(document_map: DocumentMap) -> tuple[str, ...]:
    """
    Return the properties by which an import matches documents of a type.
    """
    return document_map.match_key or document_map.key


def may_repeat(document_map: DocumentMap) -> bool:
    """
    Return whether several documents of one server may have the same key.
    """
    return document_map.repeats


def rank(type_: str) -> tuple[int, str]:
    """
    Return a sort key that puts types in the order of an import.
    """
    found = REGISTRY.find(type_)
    return (found.import_order if found else LAST), type_


def owner_of(document_map: DocumentMap, identity: str, body: dict[str, Any]) -> str | None:
    """
    Return the id of the document that one with a derived id belongs to.
    """
    owner = body.get(document_map.derived_from) if document_map.derived_from else None
    if isinstance(owner, str) and owner:
        return owner
    prefix = document_map.id_prefix
    return identity[len(prefix) :] if identity.lower().startswith(prefix.lower()) else None
