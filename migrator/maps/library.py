"""
The library: variable sets, step templates, tag sets, tenants, lifecycles, feeds, certificates, git credentials.
"""

from __future__ import annotations

from migrator.maps.document_map import DocumentMap, Meaning, Noise, Reference, Sensitive, Volatile
from migrator.maps.shared import (
    EMBEDDED_PROPERTY,
    FLAG,
    IDS,
    RESTRICTION_COLUMNS,
    RESTRICTION_SETS,
    RESTRICTIONS,
    action_references,
)

_TEMPLATE_SECRETS = (
    Sensitive("Properties/*/SensitiveValue"),
    Sensitive("Parameters/*/DefaultValue/SensitiveValue"),
)

LIBRARY_MAPS = (
    DocumentMap(
        table="LibraryVariableSet",
        file="LibraryVariableSets/{name}",
        id_prefix="LibraryVariableSets-",
        reserved_endings=("-variableset",),
        references=(Reference("VariableSetId", "VariableSet", Meaning.LINK),),
        sensitive=(Sensitive("Templates/*/DefaultValue/SensitiveValue"),),
        plural="library variable sets",
    ),
    DocumentMap(
        table="ActionTemplate",
        file="ActionTemplates/{name}",
        id_prefix="ActionTemplates-",
        references=(
            Reference("CommunityActionTemplateId", "CommunityActionTemplate", Meaning.LINK),
            *action_references(""),
        ),
        sensitive=_TEMPLATE_SECRETS,
        scripts=("Properties",),
        embedded=(f"Properties/{EMBEDDED_PROPERTY}",),
        plural="step templates",
    ),
    DocumentMap(
        table="ActionTemplateVersion",
        file="ActionTemplateVersions/{name}/{version}",
        id_prefix="ActionTemplateVersions-",
        key=("LatestActionTemplateId", "Version"),
        references=(
            Reference("LatestActionTemplateId", "ActionTemplate", Meaning.OWNER),
            Reference("CommunityActionTemplateId", "CommunityActionTemplate", Meaning.LINK),
            *action_references(""),
        ),
        sensitive=_TEMPLATE_SECRETS,
        scripts=("Properties",),
        embedded=(f"Properties/{EMBEDDED_PROPERTY}",),
        plural="step template versions",
    ),
    DocumentMap(
        table="CommunityActionTemplate",
        file="CommunityActionTemplates/{name}",
        id_prefix="CommunityActionTemplates-",
        key=("ExternalId",),
        catalogue="a synchronised catalogue, not the user's configuration",
        plural="community step templates",
    ),
    DocumentMap(
        table="TagSet",
        file="TagSets/{name}",
        id_prefix="TagSets-",
        plural="tag sets",
    ),
    DocumentMap(
        table="Tenant",
        file="Tenants/{name}/{name}",
        id_prefix="Tenants-",
        columns={"ProjectIds": IDS, "TenantTags": IDS},
        references=(
            Reference("ProjectIds/*", "Project", Meaning.LINK),
            Reference("ProjectEnvironments/~", "Project", Meaning.LINK),
            Reference("ProjectEnvironments/*/*", "DeploymentEnvironment", Meaning.LINK),
            Reference("TenantTags/*", "Tag", Meaning.LINK),
            Reference("ClonedFromTenantId", "Tenant", Meaning.LINK),
        ),
        sets=("ProjectIds", "TenantTags", "ProjectEnvironments/*"),
        plural="tenants",
    ),
    DocumentMap(
        table="TenantVariable",
        file="{dir}/{owner}-variables-{id}",
        id_prefix="TenantVariables-",
        key=("TenantId", "OwnerId", "EnvironmentId", "VariableTemplateId"),
        name_property="",
        owner="TenantId",
        references=(
            Reference("TenantId", "Tenant", Meaning.OWNER),
            Reference("OwnerId", "Project|LibraryVariableSet"),
            Reference("EnvironmentId", "DeploymentEnvironment"),
            Reference("RelatedDocumentId", "Account|Certificate|WorkerPool|Feed|Project|Team", Meaning.REQUIRED),
        ),
        sensitive=(Sensitive("Value/SensitiveValue"),),
        plural="tenant variables",
    ),
    DocumentMap(
        table="Lifecycle",
        file="Lifecycles/{name}",
        id_prefix="Lifecycles-",
        references=(
            Reference("Phases/*/AutomaticDeploymentTargets/*", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("Phases/*/OptionalDeploymentTargets/*", "DeploymentEnvironment", Meaning.RESTRICTION),
        ),
        sets=("Phases/*/AutomaticDeploymentTargets", "Phases/*/OptionalDeploymentTargets"),
        plural="lifecycles",
    ),
    DocumentMap(
        table="Feed",
        file="Feeds/{name}",
        id_prefix="Feeds-",
        sensitive=(Sensitive("Password"), Sensitive("SecretKey"), Sensitive("JsonKey")),
        fixed_ids=("feeds-builtin", "feeds-builtin-*"),
        plural="feeds",
    ),
    DocumentMap(
        table="Certificate",
        file="Certificates/{name}",
        id_prefix="Certificates-",
        key=("Name", "Thumbprint"),
        unique_name=False,
        columns=RESTRICTION_COLUMNS,
        references=(*RESTRICTIONS, Reference("ReplacedBy", "Certificate", Meaning.LINK)),
        sensitive=(Sensitive("CertificateData"), Sensitive("Password")),
        sets=RESTRICTION_SETS,
        plural="certificates",
    ),
    DocumentMap(
        table="GitCredential",
        file="GitCredentials/{name}",
        id_prefix="GitCredentials-",
        sensitive=(Sensitive("Details/Password"), Sensitive("Details/Password/SensitiveValue")),
        plural="git credentials",
    ),
    DocumentMap(
        table="DashboardConfiguration",
        file="DashboardConfigurations/{id}",
        id_prefix="DashboardConfigurations-",
        key=("Id",),
        name_property="",
        columns={
            "IncludedEnvironmentIds": IDS,
            "IncludedProjectIds": IDS,
            "IncludedTenantIds": IDS,
            "IncludedTenantTags": IDS,
        },
        references=(
            Reference("IncludedEnvironmentIds/*", "DeploymentEnvironment", Meaning.LINK),
            Reference("IncludedProjectIds/*", "Project", Meaning.LINK),
            Reference("IncludedTenantIds/*", "Tenant", Meaning.LINK),
            Reference("IncludedTenantTags/*", "Tag", Meaning.LINK),
        ),
        sets=("IncludedEnvironmentIds", "IncludedProjectIds", "IncludedTenantIds", "IncludedTenantTags"),
        catalogue="a user's own view, not the server's configuration",
        plural="dashboard configurations",
    ),
    DocumentMap(
        table="Subscription",
        file="Subscriptions/{name}",
        id_prefix="Subscriptions-",
        columns={"IsDisabled": FLAG},
        references=tuple(
            Reference(f"EventNotificationSubscription/{path}/*", target, Meaning.RESTRICTION)
            for path, target in (
                ("Filter/Users", "User"),
                ("Filter/Projects", "Project"),
                ("Filter/ProjectGroups", "ProjectGroup"),
                ("Filter/Environments", "DeploymentEnvironment"),
                ("Filter/Tenants", "Tenant"),
                ("Filter/Tags", "Tag"),
                ("EmailTeams", "Team"),
                ("WebhookTeams", "Team"),
            )
        ),
        sensitive=(Sensitive("EventNotificationSubscription/WebhookHeaderValue"), Sensitive("WebhookHeaderValue")),
        sets=tuple(
            f"EventNotificationSubscription/{path}"
            for path in (
                "Filter/Users",
                "Filter/Projects",
                "Filter/ProjectGroups",
                "Filter/Environments",
                "Filter/Tenants",
                "Filter/Tags",
                "Filter/EventGroups",
                "Filter/EventCategories",
                "Filter/EventAgents",
                "Filter/DocumentTypes",
                "EmailTeams",
                "WebhookTeams",
            )
        ),
        volatile=tuple(
            Volatile(f"{at}{name}", "rewritten by the server each time it sends", Noise.NORMAL)
            for at in ("", "EventNotificationSubscription/")
            for name in (
                "EmailDigestLastProcessed",
                "EmailDigestLastProcessedEventAutoId",
                "WebhookLastProcessed",
                "WebhookLastProcessedEventAutoId",
                "SlackLastProcessed",
                "SlackLastProcessedEventAutoId",
            )
        ),
        plural="subscriptions",
    ),
)
