"""
Projects and what belongs to them: processes, variables, channels, triggers, runbooks.
"""

from __future__ import annotations

from migrator.maps.document_map import DocumentMap, Meaning, Reference, Sensitive, Volatile
from migrator.maps.shared import (
    FLAG,
    IDS,
    PROCESS_EMBEDDED,
    PROCESS_REFERENCES,
    PROCESS_SCRIPTS,
    PROCESS_SETS,
)

_OWNER = Meaning.OWNER
_COUNTER = "counts saves, also those that change nothing"
_DERIVED = "derived from the rest of the document"

VARIABLE_SCOPES = (
    ("Environment", "DeploymentEnvironment"),
    ("Machine", "Machine"),
    ("Channel", "Channel"),
    ("TenantTag", "Tag"),
    ("Tenant", "Tenant"),
    ("ProcessOwner", "Project|Runbook"),
    ("Project", "Project"),
    ("User", "User"),
)
"""Scopes of a variable whose values are ids. Role and TargetRole hold names, Action the ids of actions."""


def _process(table: str, id_prefix: str, plural: str, *owners: tuple[str, str]) -> DocumentMap:
    """
    Return the map of a kind of process; *owners* are the properties that name whose it is, with their types.
    """
    return DocumentMap(
        table=table,
        file=f"{{dir}}/{{owner}}-{table}",
        id_prefix=id_prefix,
        key=("OwnerId",),
        name_property="",
        owner="OwnerId",
        columns={"IsFrozen": FLAG, "RelatedDocumentIds": IDS},
        references=(*(Reference(name, type_, _OWNER) for name, type_ in owners), *PROCESS_REFERENCES),
        sensitive=(
            Sensitive("Steps/*/Actions/*/Properties/*/SensitiveValue"),
            Sensitive("Steps/*/Properties/*/SensitiveValue"),
        ),
        sets=PROCESS_SETS,
        scripts=PROCESS_SCRIPTS,
        embedded=PROCESS_EMBEDDED,
        volatile=(
            Volatile("Version", _COUNTER),
            Volatile("RelatedDocumentIds", _DERIVED),
            Volatile("LastSnapshotId", "points at a snapshot, which is history"),
            Volatile("IsFrozen", "always false for what is exported"),
        ),
        plural=plural,
    )


PROJECT_MAPS = (
    DocumentMap(
        table="ProjectGroup",
        file="ProjectGroups/{name}",
        id_prefix="ProjectGroups-",
        plural="project groups",
    ),
    DocumentMap(
        table="Project",
        file="Projects/{name}/{name}",
        id_prefix="Projects-",
        columns={
            "IsDisabled": FLAG,
            "AutoCreateRelease": FLAG,
            "DiscreteChannelRelease": FLAG,
            "IncludedLibraryVariableSetIds": IDS,
        },
        references=(
            Reference("ProjectGroupId", "ProjectGroup"),
            Reference("LifecycleId", "Lifecycle"),
            Reference("IncludedLibraryVariableSetIds/*", "LibraryVariableSet"),
            Reference("VariableSetId", "VariableSet", Meaning.LINK),
            Reference("DeploymentProcessId", "DeploymentProcess", Meaning.LINK),
            Reference("ReleaseCreationStrategy/ChannelId", "Channel", Meaning.LINK),
            Reference("AutoDeployReleaseOverrides/*/EnvironmentId", "DeploymentEnvironment", Meaning.LINK),
            Reference("AutoDeployReleaseOverrides/*/TenantId", "Tenant", Meaning.LINK),
            Reference("AutoDeployReleaseOverrides/*/ReleaseId", "Release", Meaning.LINK),
            Reference("ClonedFromProjectId", "Project", Meaning.LINK),
            Reference("SpaceId", "Space", Meaning.LINK),
        ),
        sensitive=(Sensitive("Templates/*/DefaultValue/SensitiveValue"),),
        volatile=(
            Volatile("AutoDeployReleaseOverrides", "points at releases, which are history"),
            Volatile("UsedPackages", _DERIVED),
        ),
        plural="projects",
    ),
    _process("DeploymentProcess", "deploymentprocess-", "deployment processes", ("OwnerId", "Project")),
    DocumentMap(
        table="DeploymentSettings",
        file="{dir}/{owner}-DeploymentSettings",
        id_prefix="deploymentsettings-",
        key=("ProjectId",),
        name_property="",
        owner="ProjectId",
        references=(Reference("ProjectId", "Project", _OWNER),),
        volatile=(Volatile("Version", _COUNTER),),
        plural="deployment settings",
    ),
    DocumentMap(
        table="Runbook",
        file="Runbooks/{owner}/{name}/{name}",
        id_prefix="Runbooks-",
        key=("ProjectId", "Name"),
        owner="ProjectId",
        references=(
            Reference("ProjectId", "Project", _OWNER),
            Reference("RunbookProcessId", "RunbookProcess", Meaning.LINK),
            Reference("PublishedRunbookSnapshotId", "RunbookSnapshot", Meaning.LINK),
            Reference("Environments/*", "DeploymentEnvironment", Meaning.RESTRICTION),
        ),
        sets=("Environments",),
        plural="runbooks",
    ),
    _process(
        *("RunbookProcess", "RunbookProcess-", "runbook processes"),
        *(("RunbookId", "Runbook"), ("OwnerId", "Runbook"), ("ProjectId", "Project")),
    ),
    DocumentMap(
        table="VariableSet",
        file="{dir}/{owner}-VariableSet",
        id_prefix="variableset-",
        key=("OwnerId",),
        name_property="",
        owner="OwnerId",
        columns={"IsFrozen": FLAG, "RelatedDocumentIds": IDS},
        references=(
            Reference("OwnerId", "Project|LibraryVariableSet", _OWNER),
            *(Reference(f"Variables/*/Scope/{scope}/*", target, Meaning.SCOPE) for scope, target in VARIABLE_SCOPES),
        ),
        sensitive=(Sensitive("Variables/*/Value", (("Type", "Sensitive"), ("IsSensitive", True))),),
        sets=("Variables/*/Scope/*",),
        volatile=(
            Volatile("Version", _COUNTER),
            Volatile("RelatedDocumentIds", _DERIVED),
            Volatile("IsFrozen", "always false for what is exported"),
        ),
        plural="variable sets",
    ),
    DocumentMap(
        table="Channel",
        file="Channels/{owner}/{name}",
        id_prefix="Channels-",
        key=("ProjectId", "Name"),
        owner="ProjectId",
        columns={"TenantTags": IDS},
        references=(
            Reference("ProjectId", "Project", _OWNER),
            Reference("LifecycleId", "Lifecycle"),
            Reference("TenantTags/*", "Tag", Meaning.RESTRICTION),
        ),
        sets=("TenantTags",),
        plural="channels",
    ),
    DocumentMap(
        table="ProjectTrigger",
        file="ProjectTriggers/{owner}/{name}",
        id_prefix="ProjectTriggers-",
        key=("ProjectId", "Name"),
        owner="ProjectId",
        columns={"IsDisabled": FLAG},
        references=(
            Reference("ProjectId", "Project", _OWNER),
            Reference("Filter/EnvironmentIds/*", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("Action/EnvironmentId", "DeploymentEnvironment"),
            Reference("Action/EnvironmentIds/*", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("Action/SourceEnvironmentIds/*", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("Action/DestinationEnvironmentId", "DeploymentEnvironment"),
            Reference("Action/ChannelId", "Channel"),
            Reference("Action/TenantIds/*", "Tenant", Meaning.RESTRICTION),
            Reference("Action/TenantTags/*", "Tag", Meaning.RESTRICTION),
            Reference("Action/RunbookId", "Runbook"),
        ),
        confidential=("Action/FormValues/*",),
        sets=(
            "Filter/EnvironmentIds",
            "Filter/Roles",
            "Filter/EventGroups",
            "Filter/EventCategories",
            "Action/EnvironmentIds",
            "Action/SourceEnvironmentIds",
            "Action/TenantIds",
            "Action/TenantTags",
        ),
        plural="project triggers",
    ),
)
