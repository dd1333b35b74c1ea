"""
By what an import tells documents apart: natural keys, folded as the server's collation does. Pure.

The collation is SQL_Latin1_General_CP1_CI_AS: blind to case and to trailing blanks, not to accents.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from migrator.maps.document_map import DocumentMap

DERIVED = {
    "VariableSet": "OwnerId",
    "DeploymentProcess": "OwnerId",
    "RunbookProcess": "OwnerId",
    "DeploymentSettings": "ProjectId",
}
"""Types whose id is made of their owner's, with the column that names the owner."""

_KEYS = {"ScopedUserRole": ("TeamId", "UserRoleId")}
_MANY = frozenset(("ScopedUserRole", "Certificate"))

ORDER = (
    "Space",
    "UserRole",
    "User",
    "Proxy",
    "MachinePolicy",
    "DeploymentEnvironment",
    "TagSet",
    "WorkerPool",
    "Feed",
    "GitCredential",
    "Lifecycle",
    "ProjectGroup",
    "CommunityActionTemplate",
    "ActionTemplate",
    "ActionTemplateVersion",
    "LibraryVariableSet",
    "Project",
    "Tenant",
    "Account",
    "Certificate",
    "Channel",
    "Runbook",
    "Machine",
    "Worker",
    "DeploymentProcess",
    "RunbookProcess",
    "DeploymentSettings",
    "VariableSet",
    "TenantVariable",
    "Team",
    "ScopedUserRole",
    "ProjectTrigger",
    "Subscription",
    "Release",
    "ServerTask",
    "Deployment",
    "DeploymentHistory",
    "DeploymentRelatedMachine",
)
"""Each type after those its key depends on, and mostly after those it refers to."""


def fold(text: Any) -> Any:
    """
    Return *text* as the collation compares it; what is no text stays as it is.
    """
    return unicodedata.normalize("NFC", text).casefold().rstrip(" ") if isinstance(text, str) else text


def key_of(document_map: DocumentMap) -> tuple[str, ...]:
    """
    Return the properties by which an import matches documents of a type.
    """
    return _KEYS.get(document_map.type, document_map.key)


def may_repeat(document_map: DocumentMap) -> bool:
    """
    Return whether several documents of one server may have the same key.
    """
    return document_map.type in _MANY


def rank(type_: str) -> tuple[int, str]:
    """
    Return a sort key that puts types in the order of an import.
    """
    return (ORDER.index(type_) if type_ in ORDER else len(ORDER)), type_


def owner_of(document_map: DocumentMap, identity: str, body: dict[str, Any]) -> str | None:
    """
    Return the id of the document that one with a derived id belongs to.
    """
    column = DERIVED.get(document_map.type)
    owner = body.get(column) if column else None
    if isinstance(owner, str) and owner:
        return owner
    prefix = document_map.id_prefix
    return identity[len(prefix) :] if identity.lower().startswith(prefix.lower()) else None
