"""
Projects and what belongs to them: processes, variables, channels, triggers, runbooks.
"""

from __future__ import annotations

from migrator.maps.document_map import (
    ACTION,
    TEMPLATE,
    DocumentMap,
    Meaning,
    Reference,
    Role,
    Sensitive,
    Volatile,
)
from migrator.maps.in_git import InGit
from migrator.maps.membership import Joined, Membership, Part
from migrator.maps.shared import (
    CLONED,
    FLAG,
    IDS,
    JSON,
    LOGO,
    MCP_SERVERS,
    PROCESS_EMBEDDED,
    PROCESS_MEMBERSHIP,
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

SCOPE_TARGETS = {scope: tuple(target.split("|")) for scope, target in (*VARIABLE_SCOPES, ("Action", ACTION))}
"""What the ids of each scope may be of."""
_DONOR = (
    Reference("VersioningStrategy/DonorPackageStepId", ACTION, Meaning.LINK),
    Reference("VersioningStrategy/DonorPackage/DeploymentAction", ACTION, Meaning.LINK),
)


def _process(
    table: str, id_prefix: str, plural: str, *owners: tuple[str, str], import_order: int, **words: object
) -> DocumentMap:
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
        confidential=(f"Steps/*/Actions/*/Properties/{MCP_SERVERS}",),
        sets=PROCESS_SETS,
        scripts=PROCESS_SCRIPTS,
        embedded=PROCESS_EMBEDDED,
        volatile=(
            Volatile("Version", _COUNTER),
            Volatile("RelatedDocumentIds", _DERIVED),
            Volatile("LastSnapshotId", "points at a snapshot, which is history"),
            Volatile("IsFrozen", "always false for what is exported"),
        ),
        membership=PROCESS_MEMBERSHIP,
        holds={ACTION: "Steps/*/Actions/*"},
        properties=("Steps/*/Actions/*/Properties", "Steps/*/Properties"),
        derived_from="OwnerId",
        fresh={"IsFrozen": False, "Version": 1, "LastSnapshotId": None},
        empty={"Steps": []},
        counter="Version",
        inferred=("Steps/*/Actions/*/Inputs", f"Steps/*/Actions/*/Properties/{MCP_SERVERS}"),
        import_order=import_order,
        plural=plural,
        **words,  # type: ignore[arg-type]
    )


PROJECT_MAPS = (
    DocumentMap(
        table="ProjectGroup",
        file="ProjectGroups/{name}",
        id_prefix="ProjectGroups-",
        columns={"EnvironmentIds": JSON},
        references=(Reference("EnvironmentIds/*", "DeploymentEnvironment", Meaning.LINK),),
        sets=("EnvironmentIds",),
        role=Role.PROJECT_GROUP,
        import_order=120,
        inferred=("columns",),
        plural="project groups",
    ),
    DocumentMap(
        table="Project",
        in_git=InGit(
            "PersistenceSettings",
            ("Type", "VersionControlled"),
            ("deployment process", "deployment settings"),
            (
                ("variables without secrets", "ConversionState/VariablesAreInGit"),
                ("runbooks", "ConversionState/RunbooksAreInGit"),
            ),
        ),
        file="Projects/{name}/{name}",
        id_prefix="Projects-",
        columns={
            "IsDisabled": FLAG,
            "AutoCreateRelease": FLAG,
            "DiscreteChannelRelease": FLAG,
            "IncludedLibraryVariableSetIds": IDS,
        },
        # Made by the upgrade to 2026.1, with both ids for its key. The column that keeps their order is inferred.
        joined=(
            Joined("IncludedLibraryVariableSetIds", "ProjectLibraryVariableSet", "ProjectId", "LibraryVariableSetId"),
        ),
        references=(
            Reference("ProjectGroupId", "ProjectGroup"),
            Reference("LifecycleId", "Lifecycle"),
            Reference("IncludedLibraryVariableSetIds/*", "LibraryVariableSet"),
            Reference("VariableSetId", "VariableSet", Meaning.LINK, quiet=True),
            Reference("DeploymentProcessId", "DeploymentProcess", Meaning.LINK, quiet=True),
            Reference("ReleaseCreationStrategy/ChannelId", "Channel", Meaning.LINK),
            Reference("AutoDeployReleaseOverrides/*/EnvironmentId", "DeploymentEnvironment", Meaning.LINK),
            Reference("AutoDeployReleaseOverrides/*/TenantId", "Tenant", Meaning.LINK),
            Reference("AutoDeployReleaseOverrides/*/ReleaseId", "Release", Meaning.LINK),
            Reference("ClonedFromProjectId", "Project", Meaning.LINK, named=CLONED),
            Reference("SpaceId", "Space", Meaning.LINK, quiet=True),
            Reference("DeploymentSettingsId", "DeploymentSettings", Meaning.LINK),
            Reference("ProvisioningRunbookId", "Runbook", Meaning.LINK),
            Reference("DeprovisioningRunbookId", "Runbook", Meaning.LINK),
            # Where 2024.4 had them; that they hold ids is inferred.
            Reference("DynamicEnvironmentSettings/ProvisioningRunbook", "Runbook", Meaning.LINK, form="known"),
            Reference("DynamicEnvironmentSettings/DeprovisioningRunbook", "Runbook", Meaning.LINK, form="known"),
            Reference("ProjectTags/*", "Tag", Meaning.LINK),
            Reference("PersistenceSettings/Credentials/Id", "GitCredential|GitHubAppConnection"),
        ),
        sensitive=(
            Sensitive("Templates/*/DefaultValue/SensitiveValue"),
            Sensitive("PersistenceSettings/Credentials/Password"),
            Sensitive("PersistenceSettings/Credentials/Password/SensitiveValue"),
        ),
        sets=(
            # Not IncludedLibraryVariableSetIds, whose order means something.
            "ProjectTags",
            "ProjectConnectivityPolicy/TargetRoles",
            "PersistenceSettings/ProtectedBranchNamePatterns",
            "ExtensionSettings",
        ),
        volatile=(
            Volatile("AutoDeployReleaseOverrides", "points at releases, which are history"),
            Volatile("UsedPackages", _DERIVED),
        ),
        role=Role.PROJECT,
        owner_rank=1,
        parts=(
            Part("DeploymentProcess", "OwnerId"),
            Part("VariableSet", "OwnerId"),
            Part("DeploymentSettings", "ProjectId"),
            Part("Channel", "ProjectId"),
            Part("ProjectTrigger", "ProjectId"),
            Part("Runbook", "ProjectId"),
        ),
        membership=Membership(named="only the chosen projects are exported", lifecycle="LifecycleId"),
        inner=(
            *_DONOR,
            Reference("ReleaseCreationStrategy/ReleaseCreationPackageStepId", ACTION, Meaning.LINK),
            Reference("ReleaseCreationStrategy/ReleaseCreationPackage/DeploymentAction", ACTION, Meaning.LINK),
        ),
        holds={TEMPLATE: "Templates/*"},
        own=LOGO,
        fresh={"AutoDeployReleaseOverrides": []},
        import_order=170,
        prominence=6,
        inferred=(
            "joined order",
            "ProvisioningRunbookId",
            "DeprovisioningRunbookId",
            "DynamicEnvironmentSettings",
            "PersistenceSettings/ProtectedBranchNamePatterns",
            "ExtensionSettings",
        ),
        plural="projects",
    ),
    _process(
        *("DeploymentProcess", "deploymentprocess-", "deployment processes", ("OwnerId", "Project")),
        import_order=250,
        snapshot_file="deployment-process-snapshot",
        of_owner="Deployment process of {}",
        prominence=4,
    ),
    DocumentMap(
        table="DeploymentSettings",
        file="{dir}/{owner}-DeploymentSettings",
        id_prefix="deploymentsettings-",
        key=("ProjectId",),
        name_property="",
        owner="ProjectId",
        references=(Reference("ProjectId", "Project", _OWNER),),
        sets=("ConnectivityPolicy/TargetRoles",),
        volatile=(Volatile("Version", _COUNTER),),
        inner=_DONOR,
        derived_from="ProjectId",
        fresh={"Version": 1},
        counter="Version",
        import_order=270,
        of_owner="Settings of {}",
        plural="deployment settings",
    ),
    DocumentMap(
        table="Runbook",
        slug_within="ProjectId",
        file="Runbooks/{owner}/{name}/{name}",
        id_prefix="Runbooks-",
        key=("ProjectId", "Name"),
        owner="ProjectId",
        references=(
            Reference("ProjectId", "Project", _OWNER),
            Reference("RunbookProcessId", "RunbookProcess", Meaning.LINK),
            # Snapshots are history, which an import leaves behind, so that a runbook arrives unpublished.
            Reference("PublishedRunbookSnapshotId", "RunbookSnapshot", Meaning.LINK),
            Reference("Environments/*", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("RunbookTags/*", "Tag", Meaning.LINK),
        ),
        sets=("Environments", "RunbookTags"),
        owner_rank=4,
        parts=(Part("RunbookProcess", "OwnerId"),),
        import_order=220,
        plural="runbooks",
    ),
    _process(
        *("RunbookProcess", "RunbookProcess-", "runbook processes"),
        *(("RunbookId", "Runbook"), ("OwnerId", "Runbook"), ("ProjectId", "Project")),
        import_order=260,
        snapshot_file="runbook-process-snapshot",
        of_owner="Process of runbook {}",
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
        # The flag is that of 3.8 and older, the type that of newer servers.
        sensitive=(Sensitive("Variables/*/Value", (("Type", "Sensitive"), ("IsSensitive", True))),),
        # Not the variables themselves, which keep the order that people gave them.
        sets=("Variables/*/Scope/*",),
        volatile=(
            Volatile("Version", _COUNTER),
            Volatile("RelatedDocumentIds", _DERIVED),
            Volatile("IsFrozen", "always false for what is exported"),
        ),
        inner=(Reference("Variables/*/Scope/Action/*", ACTION, Meaning.SCOPE),),
        variables="Variables/*",
        derived_from="OwnerId",
        owner_type=("OwnerId", "OwnerType"),
        fresh={"IsFrozen": False, "Version": 1},
        empty={"Variables": []},
        counter="Version",
        import_order=280,
        snapshot_file="variable-set-snapshot",
        of_owner="Variables of {}",
        prominence=5,
        plural="variable sets",
    ),
    DocumentMap(
        table="Channel",
        slug_within="ProjectId",
        file="Channels/{owner}/{name}",
        id_prefix="Channels-",
        key=("ProjectId", "Name"),
        owner="ProjectId",
        columns={"TenantTags": IDS},
        references=(
            Reference("ProjectId", "Project", _OWNER),
            Reference("LifecycleId", "Lifecycle"),
            Reference("TenantTags/*", "Tag", Meaning.RESTRICTION),
            Reference("ParentEnvironmentId", "DeploymentEnvironment"),
        ),
        # Save for the tags inferred: no rule of these lists says that one goes before another.
        sets=(
            "TenantTags",
            "GitReferenceRules",
            "GitResourceRules/*/Rules",
            "GitResourceRules/*/GitDependencyActions",
            "Rules/*/ActionPackages",
        ),
        membership=Membership(lifecycle="LifecycleId"),
        inner=(
            # Up to 2018.8 a rule names actions, later actions with their packages.
            Reference("Rules/*/Actions/*", ACTION, Meaning.RESTRICTION),
            Reference("Rules/*/ActionPackages/*/DeploymentAction", ACTION),
        ),
        import_order=210,
        inferred=(
            "GitResourceRules",
            "Rules/*/ActionPackages",
        ),
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
            Reference("Action/SourceEnvironmentId", "DeploymentEnvironment"),
            Reference("Action/RunbookTags/*", "Tag", Meaning.RESTRICTION),
        ),
        # A feed's filter names actions by name or id; that of other feeds, and of git, by slug.
        inner=(Reference("Filter/Packages/*/DeploymentAction", ACTION),),
        sensitive=(Sensitive("Filter/Secret"), Sensitive("Filter/Secret/SensitiveValue")),
        # What people are asked for at a deployment may be a secret, and nothing here says whether it is.
        confidential=("Action/FormValues/*", "Action/Variables"),
        sets=(
            "Filter/EnvironmentIds",
            "Filter/Roles",
            "Filter/EventGroups",
            "Filter/EventCategories",
            "Action/EnvironmentIds",
            "Action/SourceEnvironmentIds",
            "Action/TenantIds",
            "Action/TenantTags",
            "Action/RunbookTags",
            "Filter/DaysOfWeek",
            # Inferred: any of them fires.
            "Filter/Packages",
            "Filter/Sources",
            "Filter/Sources/*/IncludeFilePaths",
            "Filter/Sources/*/ExcludeFilePaths",
        ),
        # It makes the web hook's address.
        unique_on_server=("Filter/WebhookId",),
        volatile=tuple(
            Volatile(f"{part}/{name}", "a trace of how the portal's interface carries it")
            for part in ("Filter", "Action")
            for name in ("Id", "LastModifiedOn", "LastModifiedBy")
        ),
        import_order=320,
        inferred=(
            "Filter/Packages",
            "Filter/Sources",
            "Action/Variables",
        ),
        plural="project triggers",
    ),
)
