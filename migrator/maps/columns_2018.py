"""
The columns that tables of configuration have had since 2018, as data: what a target of an older version may lack.

Source: a public schema snapshot of a 2018.8 database. Newer columns pass through as they are and are not listed.
"""

from __future__ import annotations

from collections.abc import Mapping

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Account": (
        "AccountType",
        "Name",
        "EnvironmentIds",
        "TenantIds",
        "TenantTags",
    ),
    "ActionTemplate": (
        "Name",
        "Version",
        "ActionType",
        "CommunityActionTemplateId",
    ),
    "ActionTemplateVersion": (
        "Name",
        "Version",
        "LatestActionTemplateId",
        "ActionType",
    ),
    "ApiKey": (
        "UserId",
        "ApiKeyHashed",
        "Created",
    ),
    "Certificate": (
        "Name",
        "Thumbprint",
        "NotAfter",
        "Subject",
        "EnvironmentIds",
        "TenantIds",
        "TenantTags",
        "Archived",
        "Created",
    ),
    "Channel": (
        "Name",
        "ProjectId",
        "LifecycleId",
        "TenantTags",
    ),
    "CommunityActionTemplate": (
        "Name",
        "ExternalId",
    ),
    "DashboardConfiguration": (
        "IncludedEnvironmentIds",
        "IncludedProjectIds",
        "IncludedTenantTags",
        "IncludedTenantIds",
    ),
    "DeploymentEnvironment": (
        "Name",
        "SortOrder",
    ),
    "DeploymentProcess": (
        "OwnerId",
        "IsFrozen",
        "Version",
        "RelatedDocumentIds",
    ),
    "ExtensionConfiguration": (
        "Name",
        "ExtensionAuthor",
    ),
    "Feed": (
        "Name",
        "FeedUri",
        "FeedType",
    ),
    "LibraryVariableSet": (
        "Name",
        "VariableSetId",
        "ContentType",
    ),
    "Lifecycle": ("Name",),
    "Machine": (
        "Name",
        "IsDisabled",
        "Roles",
        "EnvironmentIds",
        "MachinePolicyId",
        "TenantIds",
        "TenantTags",
        "Thumbprint",
        "Fingerprint",
        "CommunicationStyle",
    ),
    "MachinePolicy": (
        "Name",
        "IsDefault",
    ),
    "Project": (
        "Name",
        "Slug",
        "IsDisabled",
        "VariableSetId",
        "DeploymentProcessId",
        "ProjectGroupId",
        "LifecycleId",
        "AutoCreateRelease",
        "IncludedLibraryVariableSetIds",
        "DiscreteChannelRelease",
    ),
    "ProjectGroup": ("Name",),
    "ProjectTrigger": (
        "Name",
        "ProjectId",
        "TriggerType",
        "IsDisabled",
    ),
    "Proxy": ("Name",),
    "Subscription": (
        "Name",
        "Type",
        "IsDisabled",
    ),
    "TagSet": (
        "Name",
        "SortOrder",
    ),
    "Team": (
        "Name",
        "MemberUserIds",
        "ProjectIds",
        "EnvironmentIds",
        "TenantIds",
        "TenantTags",
        "ProjectGroupIds",
    ),
    "Tenant": (
        "Name",
        "ProjectIds",
        "TenantTags",
    ),
    "TenantVariable": (
        "TenantId",
        "EnvironmentId",
        "OwnerId",
        "VariableTemplateId",
        "RelatedDocumentId",
    ),
    "User": (
        "Username",
        "IsActive",
        "IsService",
        "IdentificationToken",
        "EmailAddress",
        "ExternalId",
        "ExternalIdentifiers",
        "DisplayName",
    ),
    "UserRole": ("Name",),
    "VariableSet": (
        "OwnerId",
        "Version",
        "IsFrozen",
        "RelatedDocumentIds",
    ),
    "Worker": (
        "Name",
        "IsDisabled",
        "WorkerPoolIds",
        "MachinePolicyId",
        "Thumbprint",
        "Fingerprint",
        "CommunicationStyle",
    ),
    "WorkerPool": (
        "Name",
        "SortOrder",
        "IsDefault",
    ),
}
