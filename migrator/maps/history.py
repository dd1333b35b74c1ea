"""
What happened: releases, deployments, their tasks. Not configuration, exported only on request.
"""

from __future__ import annotations

from migrator.maps.document_map import Column, DocumentMap, Kind, Meaning, Reference
from migrator.maps.membership import Membership, Part, Snapshot
from migrator.maps.shared import FLAG, IDS, INSTANT
from migrator.maps.system import EVENTS

_LINK = Meaning.LINK


def _history(table: str, file: str, prefix: str, key: tuple[str, ...], **more: object) -> DocumentMap:
    return DocumentMap(table=table, file=file, id_prefix=prefix, key=key, kind=Kind.HISTORY, **more)  # type: ignore[arg-type]


_FLAGS = {"HasPendingInterruptions": FLAG, "HasWarningsOrErrors": FLAG}
_CREATED: dict[str, Column] = {"Created": INSTANT}
_TIMES: dict[str, Column] = dict.fromkeys(("QueueTime", "StartTime", "CompletedTime"), INSTANT)
_CONTEXT = (
    Reference("ProjectId", "Project", _LINK),
    Reference("EnvironmentId", "DeploymentEnvironment", _LINK),
    Reference("TenantId", "Tenant", _LINK),
)
_OF_DEPLOYMENTS = "deployments"
_SNAPSHOTS = (
    Snapshot("ProjectDeploymentProcessSnapshotId", "DeploymentProcess"),
    Snapshot("DeploymentProcessId", "DeploymentProcess"),
    Snapshot("ProjectVariableSetSnapshotId", "VariableSet"),
    Snapshot("ManifestVariableSetId", "VariableSet"),
    Snapshot("LibraryVariableSetSnapshots/*/VariableSetSnapshotId", "VariableSet", "library-{snapshot} [{id}]"),
)
_RELATED: dict[str, Column] = {"RelatedDocumentIds": IDS}

HISTORY_MAPS = (
    _history(
        "Release",
        "Releases/{owner}/{version}/release",
        "Releases-",
        ("ProjectId", "Version"),
        name_property="Version",
        owner="ProjectId",
        columns={"Assembled": INSTANT},
        references=(
            Reference("ProjectId", "Project", Meaning.OWNER),
            Reference("ChannelId", "Channel", _LINK),
            Reference("LifecycleId", "Lifecycle", _LINK),
            Reference("ProjectVariableSetSnapshotId", "VariableSet", _LINK),
            Reference("ProjectDeploymentProcessSnapshotId", "DeploymentProcess", _LINK),
            Reference("LibraryVariableSetSnapshots/*/LibraryVariableSetId", "LibraryVariableSet", _LINK),
            Reference("LibraryVariableSetSnapshots/*/VariableSetSnapshotId", "VariableSet", _LINK),
        ),
        membership=Membership(version="Version"),
        import_order=340,
        taken=True,
        snapshots=_SNAPSHOTS,
        settled="Releases/{owner}/{channel}/{version}/release",
    ),
    _history(
        "Deployment",
        "Deployments/{owner}/{id}/deployment",
        "Deployments-",
        ("Id",),
        owner="ProjectId",
        columns={"DeployedToMachineIds": IDS, **_CREATED},
        references=(
            Reference("ProjectId", "Project", Meaning.OWNER),
            Reference("EnvironmentId", "DeploymentEnvironment", _LINK),
            Reference("ReleaseId", "Release", _LINK),
            Reference("ProjectGroupId", "ProjectGroup", _LINK),
            Reference("TaskId", "ServerTask", _LINK),
            Reference("TenantId", "Tenant", _LINK),
            Reference("ChannelId", "Channel", _LINK),
            Reference("DeployedToMachineIds/*", "Machine", _LINK),
            Reference("ManifestVariableSetId", "VariableSet", _LINK),
        ),
        parts=(Part("DeploymentHistory", "DeploymentId"), Part("DeploymentRelatedMachine", "DeploymentId")),
        membership=Membership(ignored_with=_OF_DEPLOYMENTS, goes_to=("EnvironmentId",), follows="ReleaseId"),
        match_key=("ReleaseId", "EnvironmentId", "TenantId"),
        repeats=True,
        told_apart_by=("Created",),
        import_order=360,
        taken=True,
        snapshots=_SNAPSHOTS,
        plural="deployments",
    ),
    _history(
        "DeploymentHistory",
        "DeploymentHistory/{id}",
        "",
        ("DeploymentId",),
        name_property="",
        columns={**_CREATED, **_TIMES},
        references=(
            Reference("DeploymentId", "Deployment", _LINK),
            *_CONTEXT,
            Reference("ReleaseId", "Release", _LINK),
            Reference("TaskId", "ServerTask", _LINK),
            Reference("ChannelId", "Channel", _LINK),
        ),
        membership=Membership(ignored_with=_OF_DEPLOYMENTS),
        import_order=370,
        taken=True,
    ),
    _history(
        "DeploymentRelatedMachine",
        "DeploymentRelatedMachines/{id}",
        "",
        ("DeploymentId", "MachineId"),
        name_property="",
        references=(Reference("DeploymentId", "Deployment", _LINK), Reference("MachineId", "Machine", _LINK)),
        membership=Membership(ignored_with=_OF_DEPLOYMENTS),
        import_order=380,
        taken=True,
    ),
    _history(
        "ServerTask",
        "ServerTasks/{id}",
        "ServerTasks-",
        ("Id",),
        columns={**_FLAGS, **_TIMES},
        references=_CONTEXT,
        membership=Membership(ignored_with=_OF_DEPLOYMENTS),
        match_key=("Description", "ProjectId", "EnvironmentId"),
        repeats=True,
        # Two tasks may say the same of the same place, and differ in nothing else.
        told_apart_by=("QueueTime", "StartTime", "CompletedTime"),
        import_order=350,
        taken=True,
        task_logs=True,
    ),
    _history(
        EVENTS,
        "Events/{id}",
        "Events-",
        ("Id",),
        name_property="",
        columns={**_RELATED, "Occurred": INSTANT},
        references=(*_CONTEXT, Reference("UserId", "User", _LINK), Reference("RelatedDocumentIds/*", "*", _LINK)),
    ),
    _history("EventRelatedDocument", "EventRelatedDocuments/{id}", "", ("Id",), name_property=""),
    _history(
        "Artifact", "Artifacts/{id}", "Artifacts-", ("Id",), columns={**_RELATED, **_CREATED}, references=_CONTEXT
    ),
    _history(
        "Interruption",
        "Interruptions/{id}",
        "Interruptions-",
        ("Id",),
        columns={**_RELATED, "ResponsibleTeamIds": IDS, **_CREATED},
        references=(*_CONTEXT, Reference("TaskId", "ServerTask", _LINK)),
    ),
    _history(
        "RunbookSnapshot",
        "RunbookSnapshots/{owner}/{id}",
        "RunbookSnapshots-",
        ("Id",),
        owner="RunbookId",
        columns={"Assembled": INSTANT, "LibraryVariableSetSnapshotIds": IDS},
        references=(
            Reference("RunbookId", "Runbook", Meaning.OWNER),
            Reference("ProjectId", "Project", _LINK),
            Reference("FrozenRunbookProcessId", "RunbookProcess", _LINK),
            Reference("FrozenProjectVariableSetId", "VariableSet", _LINK),
            Reference("ProjectVariableSetSnapshotId", "VariableSet", _LINK),
            Reference("LibraryVariableSetSnapshotIds/*", "VariableSet", _LINK),
        ),
        plural="runbook snapshots",
        inferred=("columns",),
    ),
    _history(
        "RunbookRun",
        "RunbookRuns/{id}",
        "RunbookRuns-",
        ("Id",),
        columns={
            "IsPublished": FLAG,
            **dict.fromkeys(("DeployedToMachineIds", "SpecificMachineIds", "ExcludedMachineIds"), IDS),
            **_CREATED,
        },
        references=(
            *_CONTEXT,
            Reference("RunbookId", "Runbook", _LINK),
            Reference("RunbookSnapshotId", "RunbookSnapshot", _LINK),
            Reference("FrozenRunbookProcessId", "RunbookProcess", _LINK),
            Reference("ManifestVariableSetId", "VariableSet", _LINK),
            Reference("TaskId", "ServerTask", _LINK),
            Reference("DeployedById", "User", _LINK),
            *(
                Reference(f"{name}/*", "Machine", _LINK)
                for name in ("DeployedToMachineIds", "SpecificMachineIds", "ExcludedMachineIds")
            ),
        ),
        # What people are asked for at a run may be a secret, and nothing here says whether it is.
        confidential=("FormValues/*",),
        plural="runbook runs",
        inferred=("columns",),
    ),
    _history("BuildInformation", "BuildInformation/{id}", "BuildInformation-", ("Id",)),
)
