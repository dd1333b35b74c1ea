"""
Pieces of knowledge that several types share: processes, restrictions, endpoints.

Source: octopus document types as seen in a 2018.8 schema, real exports of Octopus.Migrator 3.x, and the client model.
"""

from __future__ import annotations

from migrator.maps.document_map import Column, Meaning, Reference, Sensitive
from migrator.maps.membership import Membership

IDS = Column.IDS
FLAG = Column.FLAG
JSON = Column.JSON
INSTANT = Column.INSTANT
GUID = Column.GUID
CLONED = "where it was cloned from does not matter any more"
"""Why the origin of a copy does not come along with it."""

LOGO = ("LogoAttachmentKey",)
"""The name of a file that stands beside one installation's database."""

ENVIRONMENTS = Reference("EnvironmentIds/*", "DeploymentEnvironment", Meaning.RESTRICTION)
TENANTS = Reference("TenantIds/*", "Tenant", Meaning.RESTRICTION)
TENANT_TAGS = Reference("TenantTags/*", "Tag", Meaning.RESTRICTION)
RESTRICTIONS = (ENVIRONMENTS, TENANTS, TENANT_TAGS)
RESTRICTION_SETS = ("EnvironmentIds", "TenantIds", "TenantTags")
RESTRICTION_COLUMNS = {"EnvironmentIds": IDS, "TenantIds": IDS, "TenantTags": IDS}

TAG_ID = r"^TagSets-\d+/Tags-\d+$"
"""How a tag is named by id; else it is by ``Set/Tag``."""
NO_TAG = "TagSets-0/Tags-0"
"""The id of a tag that no server ever has."""

TEMPLATE_PROPERTY = "Octopus.Action.Template.Id"
"""The step template that a step was made from."""
PROPERTY_REFERENCES = (
    ("Octopus.Action.Package.FeedId", "Feed", "id"),
    ("Octopus.Action.Package.NuGetFeedId", "Feed", "id"),
    (TEMPLATE_PROPERTY, "ActionTemplate", "id"),
    ("Octopus.Action.Azure.AccountId", "Account", "id"),
    ("Octopus.Account.Id", "Account", "id"),
    ("Octopus.Action.Manual.ResponsibleTeamIds", "Team", "csv"),
    ("Octopus.Action.Email.ToTeamIds", "Team", "csv"),
    ("Octopus.Action.Email.CCTeamIds", "Team", "csv"),
    ("Octopus.Action.Email.BccTeamIds", "Team", "csv"),
    ("Octopus.Action.DeployRelease.ProjectId", "Project", "id"),
)
"""Properties of actions and steps whose value is an id; ``#{...}`` expressions are left alone."""

EMBEDDED_PROPERTY = "Octopus.Action.KubernetesContainers.Containers"
EMBEDDED_TARGET = "Feed"
"""What ``FeedId`` names in JSON inside a text."""
EMBEDDED_PROPERTIES = (EMBEDDED_PROPERTY, "Octopus.Action.Aws.Ecs.Deploy.Containers")
"""Properties whose text is JSON that names feeds."""


def property_references(at: str) -> tuple[Reference, ...]:
    """
    Return the references that a dictionary of action properties at *at* may hold.
    """
    plain = tuple(Reference(f"{at}/{name}", target, form=form) for name, target, form in PROPERTY_REFERENCES)
    return (*plain, *(Reference(f"{at}/{name}", "Feed", form="json") for name in EMBEDDED_PROPERTIES))


def action_references(at: str) -> tuple[Reference, ...]:
    """
    Return the references of an action (or step template) at *at*, its properties and packages.
    """
    return (
        *property_references(f"{at}Properties"),
        Reference(f"{at}Packages/*/FeedId", "Feed"),
        # A project in a step that deploys a release; in others the name of a package.
        Reference(f"{at}Packages/*/PackageId", "Project", form="known"),
        Reference(f"{at}Container/FeedId", "Feed"),
        Reference(f"{at}GitDependencies/*/GitCredentialId", "GitCredential"),
        Reference(f"{at}GitDependencies/*/GitHubConnectionId", "GitHubAppConnection", Meaning.LINK),
    )


PROCESS_REFERENCES = (
    Reference("Steps/*/Actions/*/Environments/*", "DeploymentEnvironment", Meaning.RESTRICTION),
    # No restriction: what is excluded and does not exist cannot be deployed to anyway.
    Reference("Steps/*/Actions/*/ExcludedEnvironments/*", "DeploymentEnvironment", Meaning.LINK),
    Reference("Steps/*/Actions/*/Channels/*", "Channel", Meaning.RESTRICTION),
    Reference("Steps/*/Actions/*/TenantTags/*", "Tag", Meaning.RESTRICTION),
    Reference("Steps/*/Actions/*/WorkerPoolId", "WorkerPool"),
    *action_references("Steps/*/Actions/*/"),
    *property_references("Steps/*/Properties"),
)
PROCESS_SETS = tuple(
    f"Steps/*/Actions/*/{name}" for name in ("Environments", "ExcludedEnvironments", "Channels", "TenantTags")
)
PROCESS_SCRIPTS = ("Steps/*/Actions/*/Properties",)
MCP_SERVERS = "Octopus.Action.Claude.McpServers"
"""A property whose text is JSON with the headers of further servers, tokens among them (inferred)."""
PROCESS_EMBEDDED = tuple(f"Steps/*/Actions/*/Properties/{name}" for name in EMBEDDED_PROPERTIES)
_ROLES = "Octopus.Action.TargetRoles"
PROCESS_MEMBERSHIP = Membership(
    goes_to=("Steps/*/Actions/*/Environments/*",),
    roles=(f"Steps/*/Properties/{_ROLES}", f"Steps/*/Actions/*/Properties/{_ROLES}"),
)

PARAMETER_CONTROLS = {
    "AmazonWebServicesAccount": "Account",
    "AzureAccount": "Account",
    "GoogleCloudAccount": "Account",
    "UsernamePasswordAccount": "Account",
    "GenericOidcAccount": "Account",
    "Certificate": "Certificate",
    "WorkerPool": "WorkerPool",
    "Feed": "Feed",
    "Project": "Project",
    "Channel": "Channel",
    "Team": "Team",
    "Environment": "DeploymentEnvironment",
    "Tenant": "Tenant",
}
"""Types of variables, and control types of templates, whose value is an id."""

ENDPOINT_REFERENCES = (
    Reference("Endpoint/ProxyId", "Proxy"),
    Reference("Endpoint/AccountId", "Account"),
    Reference("Endpoint/DefaultWorkerPoolId", "WorkerPool"),
    Reference("Endpoint/Authentication/AccountId", "Account"),
    Reference("Endpoint/Authentication/ClientCertificate", "Certificate"),
    Reference("Endpoint/ClusterCertificate", "Certificate"),
    Reference("Endpoint/Container/FeedId", "Feed"),
    Reference("Endpoint/TentacleEndpointConfiguration/ProxyId", "Proxy"),
    Reference("Endpoint/Inputs/authentication/credentials/account", "Account"),
    Reference("Endpoint/Inputs/awsAccount", "Account"),
    Reference("MachinePolicyId", "MachinePolicy"),
)
ENDPOINT_SECRETS = (
    Sensitive("Endpoint/SensitiveVariablesEncryptionPassword"),
    Sensitive("Endpoint/AadUserCredentialPassword"),
)
ENDPOINT_CONFIDENTIAL = ("Endpoint/AadClientCredentialSecret",)
"""Stands in clear in every model that is known."""
