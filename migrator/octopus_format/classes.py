"""
The original tool's names and orders, as data: class names, the order of properties, names of files.

Only facts of that format belong here; how they are used is in ``form``. Class names of types that appeared
after 3.15 are by analogy: a ``$type`` that a stored document carries always wins.

Sources: exports of Octopus.Migrator 3.4 to 3.15 and the server's schema of 2018.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TYPE = "$type"
METADATA_TYPES = (
    "Octopus.Migrator.ExportProcess.ServerMetadata, Octopus.Migrator",
    "Octopus.Migrator.Core.ExportProcess.ServerMetadata, Octopus.Migrator.Core",
)
NAMESPACE = "Octopus.Core.Model."
ASSEMBLY = ", Octopus.Core"


@dataclass(frozen=True)
class Varied:
    """
    How the class of a document follows from one of its properties: by ``classes``, else made of ``otherwise``.

    ``missing`` stands for a value that is not there. Lower-case values in ``classes`` are found blind to case.
    """

    property: str
    classes: Mapping[str, str]
    otherwise: str = ""
    missing: str = ""


CLASSES = {
    "ActionTemplate": "Projects.ActionTemplate",
    "ActionTemplateVersion": "Projects.ActionTemplateVersion",
    "ApiKey": "Users.ApiKey",
    "Certificate": "Certificates.Certificate",
    "Channel": "Projects.Channel",
    "CommunityActionTemplate": "Projects.CommunityActionTemplate",
    "DeploymentEnvironment": "Environments.DeploymentEnvironment",
    "DeploymentProcess": "Projects.DeploymentProcess",
    "DeploymentSettings": "Projects.DeploymentSettings",
    "ExtensionConfiguration": "Extensions.ExtensionConfiguration",
    "LibraryVariableSet": "Variables.LibraryVariableSet",
    "Lifecycle": "Lifecycles.Lifecycle",
    "Machine": "Environments.Machine",
    "MachinePolicy": "Policies.MachinePolicy",
    "Project": "Projects.Project",
    "ProjectGroup": "Projects.ProjectGroup",
    "ProjectTrigger": "Projects.ProjectTrigger.ProjectTrigger",
    "Proxy": "Proxies.Proxy",
    "Runbook": "Projects.Runbook",
    "RunbookProcess": "Projects.RunbookProcess",
    "ScopedUserRole": "Users.ScopedUserRole",
    "Space": "Spaces.Space",
    "Subscription": "Subscriptions.Subscription",
    "TagSet": "TagSets.TagSet",
    "Team": "Users.Team",
    "Tenant": "Tenants.Tenant",
    "TenantVariable": "Variables.TenantVariable",
    "User": "Users.User",
    "UserRole": "Users.UserRole",
    "VariableSet": "Variables.VariableSet",
    "Worker": "Workers.Worker",
    "WorkerPool": "Workers.WorkerPool",
}
"""Class of each type whose documents are all of one class."""

_ACCOUNT = "Environments.Accounts.{}Account"
_ACCOUNT_TYPES = (
    *("UsernamePassword", "SshKeyPair", "AzureSubscription", "AzureServicePrincipal"),
    *("AmazonWebServices", "Token"),
)
VARIED = {
    "Account": Varied("AccountType", {kind: _ACCOUNT.format(kind) for kind in _ACCOUNT_TYPES}, _ACCOUNT),
    "Feed": Varied(
        "FeedType",
        {
            "NuGet": "NuGet.NuGetFeed",
            "BuiltIn": "NuGet.NuGetFeed",
            "Docker": "Docker.DockerFeed",
            "Maven": "Maven.MavenFeed",
            "GitHub": "GitHub.GitHubFeed",
        },
        "{0}.{0}Feed",
        "NuGet",
    ),
    "Configuration": Varied(
        "Id",
        {
            "features": "Features.FeaturesConfiguration",
            "serverconfig": "Server.ServerConfiguration",
            "smtp": "Smtp.SmtpConfiguration",
            "webportal": "WebPortal.WebPortalConfiguration",
            "license": "Installation.License",
            "certificate-global": "Configuration.CertificateConfiguration",
        },
    ),
}
"""Classes of the types whose documents are of several."""
FILES = {"Configuration": {"serverconfig": "server"}}
"""Names of files that are not simply the id, by type and id."""

LEADING = {
    "ActionTemplate": "Id Name Description Version ActionType CommunityActionTemplateId Properties Parameters",
    "ApiKey": "Id Purpose UserId ApiKeyHashed Created",
    "Channel": "Id Name Description ProjectId LifecycleId IsDefault TenantTags Rules",
    "Configuration": "Id",
    "DeploymentEnvironment": "Id Name Description SortOrder UseGuidedFailure",
    "DeploymentProcess": "Id OwnerId Version IsFrozen Steps RelatedDocumentIds",
    "LibraryVariableSet": "Id Name Description VariableSetId ContentType Templates",
    "Lifecycle": "Id Name Description Phases ReleaseRetentionPolicy TentacleRetentionPolicy",
    "Machine": "Id Name Endpoint IsDisabled Roles EnvironmentIds TenantIds TenantTags MachinePolicyId",
    "MachinePolicy": "Id Name Description IsDefault MachineHealthCheckPolicy MachineConnectivityPolicy "
    "MachineCleanupPolicy MachineUpdatePolicy",
    "Project": "Id Name Description Slug IsDisabled VariableSetId DeploymentProcessId ProjectGroupId LifecycleId "
    "AutoCreateRelease IncludedLibraryVariableSetIds UsedPackages DefaultToSkipIfAlreadyInstalled "
    "TenantedDeploymentMode VersioningStrategy Templates ReleaseCreationStrategy ProjectConnectivityPolicy "
    "AutoDeployReleaseOverrides LogoAttachmentKey LogoAttachmentMimeType",
    "ProjectGroup": "Id Name Description",
    "ProjectTrigger": "Id Name ProjectId Filter Action",
    "RunbookProcess": "Id OwnerId Version IsFrozen Steps RelatedDocumentIds",
    "TagSet": "Id Name Description SortOrder Tags",
    "Team": "Id Name MemberUserIds ExternalSecurityGroups UserRoleIds ProjectIds EnvironmentIds TenantIds "
    "ProjectGroupIds TenantTags",
    "Tenant": "Id Name ProjectIds ProjectEnvironments TenantTags LogoAttachmentKey LogoAttachmentMimeType",
    "TenantVariable": "Id TenantId OwnerId EnvironmentId VariableTemplateId Value",
    "User": "Id Username DisplayName EmailAddress Notes PasswordHashed IsActive IsService ApiKey ExternalId "
    "IdentificationToken SecurityGroupIds SecurityGroupsLastUpdated CanPasswordBeEdited",
    "UserRole": "Id Name Description GrantedPermissions CanBeDeleted",
    "VariableSet": "Id OwnerId Version IsFrozen Variables RelatedDocumentIds",
}
"""Properties in class order; those that are not named follow in the order they are stored in."""
TRAILING = {
    "Account": "Id AccountType Name Description EnvironmentIds TenantIds TenantTags",
    "Feed": "Id Name FeedUri Username Password FeedType",
}
"""Properties of a base class, which come after those of the derived one."""

OMITTED: dict[str, dict[str, object]] = {
    "VariableSet": {"Version": 0, "IsFrozen": False},
    "DeploymentProcess": {"IsFrozen": False},
    "RunbookProcess": {"IsFrozen": False},
}
"""Properties that are not written when they have this value."""
WITHOUT_EMPTY = {"VariableSet": ("Variables", "Scope")}
"""A property of the elements of a list that is not written when it is empty."""
