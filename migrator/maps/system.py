"""
The server's own tables by name, what an Octopus database is known by,
the tables that are never exported, and what is noise in every table.
"""

from __future__ import annotations

from migrator.maps.document_map import Volatile

EVENTS = "Event"
"""The audit trail."""
INSTALLATIONS = "OctopusServerInstallationHistory"
"""Which versions of the server ran on the database, and when."""
SETTINGS = "Configuration"
"""The server's settings, a row for each subject."""
SERVER_CERTIFICATE = "certificate-global"
"""The row of the settings with the server's own certificate, which its master key seals."""
SYSTEM_USER = "users-system"
"""The user in whose name the server itself acts."""
KEYS = "KeyAllocation"
"""The server's own counter of ids, for each table."""
RELATED = "RelatedDocument"
"""Which documents a row is related to; derived by the server from the documents."""

CORE_TABLES = ("Project", "DeploymentEnvironment", SETTINGS, "VariableSet", "DeploymentProcess")
"""Tables of every Octopus database, by which one is known."""
EXPECTED_TABLES = (
    *CORE_TABLES,
    "Lifecycle",
    "ProjectGroup",
    "LibraryVariableSet",
    "Machine",
    "User",
    "Team",
    "UserRole",
)
"""Tables that every server since 2018 has: a missing one is worth a word."""

EXCLUDED_TABLES = {
    KEYS: "the server's own counter of ids",
    "SchemaVersions": "the journal of the database's own upgrades",
    "Mutex": "locks of running nodes",
    "OctopusServerNode": "nodes of one installation and when they were last seen",
    INSTALLATIONS: "which versions were installed on one installation",
    "WorkerTaskLease": "leases of running tasks",
    "Invitation": "open invitations expire by themselves",
    RELATED: "derived by the server from the documents",
    "NuGetPackage": "an index of the built-in feed's files",
    "sysdiagrams": "a drawing of a database tool",
    **dict.fromkeys(
        (
            "OctopusServerNodeStatus",
            "MessageBusEvent",
            "MessageBusCursor",
            "HalibutMessageQueueItem",
            "MachineHealthCheck",
            "MachineScriptTask",
            "TaskLogEntry",
            "DeploymentTargetMetadataInspection",
            "DataMigrationState",
            "IndexUsage",
            "IndexRebuild",
            "DatabaseMaintenance",
            "EventRetentionRun",
            "DeprecationUsage",
            "CacheKey",
            "GitRepositoryReferenceCacheHighWatermark",
            "ConnectProjectToTenantsTask",
            "SampleProject",
            "UserOnboarding",
            "UserSession",
            "WorkerLease",
            "UserFavouriteProject",
            "GitHubAppToken",
            "GitHubAppConnectionsCache",
            "GitHubAppRepositoryCacheEntry",
            "ProjectIntents",
            "KubernetesTaskResourceStatus",
            "ProjectTriggerExecution",
            "RunbookRunHistory",
            "RunbookRunRelatedMachine",
            "DeletedSpace",
            "GitEntityStash",
            "ProvisionDynamicEnvironmentTask",
            "DeprovisionDynamicEnvironmentTask",
            "DeprovisionDynamicEnvironmentForProjectTask",
            "DynamicInfrastructureLifecycle",
            "ServerTaskApproval",
            "Blob",
            "StepPackage",
            "PackageMetadata",
        ),
        "rewritten by the server in the course of its work",
    ),
    "SigningKey": "private keys of one installation",
}

EXCLUDED_PATTERNS = {
    "*ReadModel": "a view the server keeps for itself",
    "*HighWatermark": "where a cache stands",
    "ProvisionDynamicEnvironment*Task": "running work",
    "DeprovisionDynamicEnvironment*Task": "running work",
    "MessageBus*": "messages between nodes",
    "NServiceBus*": "messages between nodes",
    "Worker*Lease": "leases of running tasks",
    "BulkDeployment*Task": "running work",
}
"""Names with ``*`` of tables that are left out too."""

EXCLUDED_SCHEMAS = {
    "executions": "running work",
    "observability": "live status",
    # How it is spelled is inferred.
    "dynamicenvironments": "running work",
    "nservicebus": "messages between nodes",
    "sys": "the database's own",
    "information_schema": "the database's own",
}
"""Schemas whose tables are left out, in lower case."""

VOLATILE_EVERYWHERE = tuple(
    Volatile(name, "when and by whom a row was written last: it moves though nothing else does")
    for name in ("LastModified", "LastModifiedOn", "LastModifiedBy")
)
"""Of every type, known or not."""
