"""
What belongs to what in a partial export, as data: parts that come with a document, and what is named, not taken along.

How the rules are followed is in ``selection.closure``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, Kind


@dataclass(frozen=True)
class Part:
    """
    Documents of ``type`` that name their owner in ``column`` and come with it; ``derived``: their id is made of its.
    """

    type: str
    column: str
    derived: bool = False


PARTS: Mapping[str, tuple[Part, ...]] = {
    "Project": (
        Part("DeploymentProcess", "OwnerId", derived=True),
        Part("VariableSet", "OwnerId", derived=True),
        Part("DeploymentSettings", "ProjectId", derived=True),
        Part("Channel", "ProjectId"),
        Part("ProjectTrigger", "ProjectId"),
        Part("Runbook", "ProjectId"),
    ),
    "Runbook": (Part("RunbookProcess", "OwnerId", derived=True),),
    "LibraryVariableSet": (Part("VariableSet", "OwnerId", derived=True),),
    "ActionTemplate": (Part("ActionTemplateVersion", "LatestActionTemplateId"),),
    "Deployment": (Part("DeploymentHistory", "DeploymentId"), Part("DeploymentRelatedMachine", "DeploymentId")),
}
"""What a document is not whole without, though it does not name it."""

NAMED_TYPES: Mapping[str, str] = {
    "Project": "only the chosen projects are exported",
    "User": "people and their logins do not move with a project",
}
"""Types of which a mention never brings the document along, with the reason."""

NAMED_PLACES: Mapping[tuple[str, str], str] = {
    ("Space", "SpaceManagersTeams/*"): "who manages a space does not move with a project",
    ("Project", "ClonedFromProjectId"): "where it was cloned from does not matter any more",
    ("Tenant", "ClonedFromTenantId"): "where it was cloned from does not matter any more",
}
"""Places whose mention does not bring the document along."""

HISTORY_OF_DEPLOYMENTS = frozenset(("Deployment", "DeploymentHistory", "DeploymentRelatedMachine", "ServerTask"))
TAKEN_HISTORY = frozenset(("Release", *HISTORY_OF_DEPLOYMENTS))
"""The types of history that a partial export knows; events, artifacts and the like do not belong to a project alone."""

TENANTS = frozenset(("Tenant", "TenantVariable"))
CERTIFICATES = frozenset(("Certificate",))
MACHINES = frozenset(("Machine", "Worker"))
DEPLOYMENTS = HISTORY_OF_DEPLOYMENTS


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
