"""
The library: variable sets, step templates, tag sets, tenants, lifecycles, feeds, certificates, git credentials.
"""

from __future__ import annotations

from migrator.maps.document_map import (
    TAG,
    TEMPLATE,
    DocumentMap,
    Meaning,
    Merge,
    Noise,
    Reference,
    Role,
    Sensitive,
    Volatile,
)
from migrator.maps.membership import Joined, Membership, Part, TypedBy
from migrator.maps.shared import (
    CLONED,
    EMBEDDED_PROPERTIES,
    FLAG,
    GUID,
    IDS,
    INSTANT,
    JSON,
    LOGO,
    MCP_SERVERS,
    RESTRICTION_COLUMNS,
    RESTRICTION_SETS,
    RESTRICTIONS,
    action_references,
)

_TEMPLATE_SECRETS = (
    Sensitive("Properties/*/SensitiveValue"),
    Sensitive("Parameters/*/DefaultValue/SensitiveValue"),
)
_TEMPLATE_CONFIDENTIAL = (f"Properties/{MCP_SERVERS}",)
_TEMPLATE_EMBEDDED = tuple(f"Properties/{name}" for name in EMBEDDED_PROPERTIES)
_PHASES = ("Phases/*/AutomaticDeploymentTargets/*", "Phases/*/OptionalDeploymentTargets/*")

LIBRARY_MAPS = (
    DocumentMap(
        table="LibraryVariableSet",
        file="LibraryVariableSets/{name}",
        id_prefix="LibraryVariableSets-",
        # A set of the name X-VariableSet would take the file of X's variables.
        reserved_endings=("-variableset",),
        references=(Reference("VariableSetId", "VariableSet", Meaning.LINK, quiet=True),),
        sensitive=(Sensitive("Templates/*/DefaultValue/SensitiveValue"),),
        owner_rank=2,
        parts=(Part("VariableSet", "OwnerId"),),
        holds={TEMPLATE: "Templates/*"},
        import_order=160,
        prominence=3,
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
        confidential=_TEMPLATE_CONFIDENTIAL,
        scripts=("Properties",),
        embedded=_TEMPLATE_EMBEDDED,
        role=Role.STEP_TEMPLATE,
        parts=(Part("ActionTemplateVersion", "LatestActionTemplateId"),),
        parameters="Parameters/*",
        properties=("Properties",),
        own=LOGO,
        import_order=140,
        plural="step templates",
    ),
    DocumentMap(
        table="ActionTemplateVersion",
        file="ActionTemplateVersions/{name}/{version}",
        id_prefix="ActionTemplateVersions-",
        # Not by its name, which its template may have changed since.
        key=("LatestActionTemplateId", "Version"),
        references=(
            Reference("LatestActionTemplateId", "ActionTemplate", Meaning.OWNER),
            Reference("CommunityActionTemplateId", "CommunityActionTemplate", Meaning.LINK),
            *action_references(""),
        ),
        sensitive=_TEMPLATE_SECRETS,
        confidential=_TEMPLATE_CONFIDENTIAL,
        scripts=("Properties",),
        embedded=_TEMPLATE_EMBEDDED,
        parameters="Parameters/*",
        properties=("Properties",),
        own=LOGO,
        version_of="LatestActionTemplateId",
        import_order=150,
        plural="step template versions",
    ),
    DocumentMap(
        table="CommunityActionTemplate",
        file="CommunityActionTemplates/{name}",
        id_prefix="CommunityActionTemplates-",
        # The community library's own id: the same on every server, whatever the name.
        key=("ExternalId",),
        columns={"ExternalId": GUID},
        catalogue="a synchronised catalogue, not the user's configuration",
        own=LOGO,
        import_order=130,
        plural="community step templates",
    ),
    DocumentMap(
        table="TagSet",
        file="TagSets/{name}",
        id_prefix="TagSets-",
        sets=("Scopes",),
        not_created=("IsSystem", (True,), "each server makes its own tag sets by itself"),
        holds={TAG: "Tags/*"},
        import_order=70,
        plural="tag sets",
    ),
    DocumentMap(
        table="Tenant",
        file="Tenants/{name}/{name}",
        id_prefix="Tenants-",
        columns={"Icon": JSON, "IsDisabled": FLAG, "ProjectEnvironments": JSON, "ProjectIds": IDS, "TenantTags": IDS},
        references=(
            # Not restrictions: a tenant that loses a connection is connected to less, not to everything.
            Reference("ProjectIds/*", "Project", Meaning.LINK),
            Reference("ProjectEnvironments/~", "Project", Meaning.LINK),
            Reference("ProjectEnvironments/*/*", "DeploymentEnvironment", Meaning.LINK),
            Reference("TenantTags/*", "Tag", Meaning.LINK),
            Reference("ClonedFromTenantId", "Tenant", Meaning.LINK, named=CLONED),
        ),
        sets=("ProjectIds", "TenantTags", "ProjectEnvironments/*"),
        owner_rank=3,
        membership=Membership(ignored_with="tenants", connections=("ProjectIds", "ProjectEnvironments")),
        # A tree of one project does not know to which others of the target its tenant is connected.
        merge=Merge(unseen=("ProjectEnvironments/~", "ProjectIds/*")),
        own=LOGO,
        import_order=180,
        prominence=1,
        inferred=("columns",),
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
            Reference("Scope/EnvironmentIds/*", "DeploymentEnvironment", Meaning.SCOPE),
            Reference("RelatedDocumentId", "Account|Certificate|WorkerPool|Feed|Project|Team", Meaning.REQUIRED),
        ),
        sensitive=(Sensitive("Value/SensitiveValue"),),
        sets=("Scope/EnvironmentIds",),
        membership=Membership(ignored_with="tenants", with_both=("TenantId", "OwnerId")),
        inner=(Reference("VariableTemplateId", TEMPLATE),),
        # Since 2025.1 one template may have several values for a tenant, each for other environments.
        repeats=True,
        told_apart_by=("Scope/EnvironmentIds/*",),
        always_apart=True,
        # Table and columns are inferred: the scope may stand in the body as well.
        joined=(Joined("Scope/EnvironmentIds", "TenantVariableScope", "TenantVariableId", "EnvironmentId"),),
        # That its values are those of a variable set's is inferred.
        owner_type=("OwnerId", "OwnerType"),
        typed_by=TypedBy("OwnerId", "VariableTemplateId", "RelatedDocumentId"),
        import_order=290,
        inferred=(
            "Scope",
            "OwnerType",
        ),
        plural="tenant variables",
    ),
    DocumentMap(
        table="Lifecycle",
        file="Lifecycles/{name}",
        id_prefix="Lifecycles-",
        references=tuple(Reference(path, "DeploymentEnvironment", Meaning.RESTRICTION) for path in _PHASES),
        sets=("Phases/*/AutomaticDeploymentTargets", "Phases/*/OptionalDeploymentTargets"),
        membership=Membership(phases=_PHASES),
        import_order=110,
        plural="lifecycles",
    ),
    DocumentMap(
        table="Feed",
        file="Feeds/{name}",
        id_prefix="Feeds-",
        sensitive=(
            Sensitive("Password"),
            Sensitive("SecretKey"),
            Sensitive("JsonKey"),
            Sensitive("ServiceAccountJsonKey"),
        ),
        sets=("PackageAcquisitionLocationOptions", "OidcAuthentication/SubjectKeys"),
        fixed_ids=("feeds-builtin", "feeds-builtin-*"),
        # feeds-builtin is the first space's alone; others have numbered ones.
        server_made=("FeedType", ("BuiltIn", "OctopusProject")),
        # The built-in feed comes without one, and an import over the target's must not empty it.
        kept_where_empty=("FeedUri",),
        import_order=90,
        slugged=True,
        plural="feeds",
    ),
    DocumentMap(
        table="Certificate",
        file="Certificates/{name}",
        id_prefix="Certificates-",
        # A certificate that was replaced is kept, archived, under the name of the new one.
        key=("Name", "Thumbprint"),
        unique_name=False,
        columns={**RESTRICTION_COLUMNS, **dict.fromkeys(("NotAfter", "Archived", "Created"), INSTANT)},
        references=(*RESTRICTIONS, Reference("ReplacedBy", "Certificate", Meaning.LINK)),
        sensitive=(Sensitive("CertificateData"), Sensitive("Password")),
        sets=RESTRICTION_SETS,
        membership=Membership(ignored_with="certificates"),
        repeats=True,
        told_apart_by=("NotAfter", "Subject", "Archived"),
        import_order=200,
        plural="certificates",
    ),
    DocumentMap(
        table="GitCredential",
        file="GitCredentials/{name}",
        id_prefix="GitCredentials-",
        sensitive=(Sensitive("Details/Password"), Sensitive("Details/Password/SensitiveValue")),
        sets=("RepositoryRestrictions/AllowedRepositories",),
        import_order=100,
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
            Reference("IncludedProjectGroupIds/*", "ProjectGroup", Meaning.LINK),
            Reference("IncludedProjectTags/*", "Tag", Meaning.LINK),
            Reference("IncludedEnvironmentTags/*", "Tag", Meaning.LINK),
        ),
        sets=(
            "IncludedEnvironmentIds",
            "IncludedProjectIds",
            "IncludedTenantIds",
            "IncludedTenantTags",
            "IncludedProjectGroupIds",
            "IncludedProjectTags",
            "IncludedEnvironmentTags",
        ),
        catalogue="a user's own view, not the server's configuration",
        bears_id_of="User",
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
        sensitive=tuple(
            Sensitive(f"{at}WebhookHeaderValue{end}")
            for at in ("EventNotificationSubscription/", "")
            for end in ("", "/SensitiveValue")
        ),
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
                "SlackChannelIds",
                "SlackChannelNames",
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
                "SlackDigestLastProcessed",
                "SlackDigestLastProcessedEventAutoId",
            )
        ),
        import_order=330,
        plural="subscriptions",
    ),
    DocumentMap(
        table="GitHubAppConnection",
        file="GitHubAppConnections/{name}",
        id_prefix="GitHubAppConnections-",
        name_property="AccountLogin",
        # Newer ones may have it below Installation, where nobody can be asked for it (inferred).
        key=("AccountLogin",),
        unique_name=False,
        never_imported={"*": "bound to one server's registration at GitHub"},
        inferred=(
            "prefix",
            "key",
        ),
        plural="GitHub connections",
    ),
    DocumentMap(
        table="InsightsReport",
        file="InsightsReports/{name}",
        id_prefix="InsightsReports-",
        references=(
            Reference("ProjectIds/*", "Project", Meaning.RESTRICTION),
            Reference("ProjectGroupIds/*", "ProjectGroup", Meaning.RESTRICTION),
            Reference("ChannelIds/*", "Channel", Meaning.RESTRICTION),
            Reference("TenantIds/*", "Tenant", Meaning.RESTRICTION),
            Reference("TenantTags/*", "Tag", Meaning.RESTRICTION),
            Reference("EnvironmentGroups/*/Environments/*", "DeploymentEnvironment", Meaning.RESTRICTION),
        ),
        sets=(
            "ProjectIds",
            "ProjectGroupIds",
            "ChannelIds",
            "TenantIds",
            "TenantTags",
            "EnvironmentGroups/*/Environments",
        ),
        inferred=("key",),
        plural="Insights reports",
    ),
    DocumentMap(
        # Table and prefix are inferred: the server's interface alone was seen.
        table="SpaceDefaultRetentionPolicy",
        file="SpaceDefaultRetentionPolicies/{name}",
        id_prefix="RetentionPolicies-",
        key=("RetentionType",),
        name_property="RetentionType",
        server_made=("RetentionType", ()),
        inferred=(
            "table",
            "prefix",
        ),
        plural="default retention policies",
    ),
)
