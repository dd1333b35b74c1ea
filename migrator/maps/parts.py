"""
Which types a partial export leaves out, as sets made from the maps. How it follows the others is in ``selection``.
"""

from __future__ import annotations

from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, Kind

TAKEN_HISTORY = frozenset(item.type for item in REGISTRY.maps if item.taken or item.snapshot_file)
"""
The types of history that a partial export and an import take; of those with frozen copies, these are history.

Events, artifacts and the like do not belong to a project alone.
"""


def _ignored_with(word: str) -> frozenset[str]:
    return frozenset(item.type for item in REGISTRY.maps if item.membership.ignored_with == word)


TENANTS = _ignored_with("tenants")
CERTIFICATES = _ignored_with("certificates")
MACHINES = _ignored_with("machines")
DEPLOYMENTS = _ignored_with("deployments")


def is_left_out(document_map: DocumentMap, ignored: frozenset[str], *, history: bool) -> bool:
    """
    Return whether a type is not even read.
    """
    if document_map.type in ignored:
        return True
    return document_map.kind is Kind.HISTORY and not (history and document_map.type in TAKEN_HISTORY)


def prefix_fits(type_: str, identity: str) -> bool:
    """
    Return whether an id has the form that ids of a type usually have.
    """
    found = REGISTRY.find(type_)
    return bool(found and found.id_prefix) and identity.lower().startswith(REGISTRY[type_].id_prefix.lower())
