"""
Who may do what, and the server's own settings: users, roles, teams, keys, configuration rows, spaces.
"""

from __future__ import annotations

from migrator.maps.document_map import Column, DocumentMap, Meaning, Merge, Reference, Role, Sensitive, Volatile
from migrator.maps.membership import Membership
from migrator.maps.shared import FLAG, GUID, IDS, INSTANT, JSON
from migrator.maps.system import SERVER_CERTIFICATE, SETTINGS, SYSTEM_USER

_ONE_SERVER = "state of one installation"
_STORAGE = "storage paths of one installation"

ACCESS_MAPS = (
    DocumentMap(
        table="Space",
        file="Spaces/{name}/{name}",
        id_prefix="Spaces-",
        columns={"IsDefault": FLAG, "TaskQueueStopped": FLAG},
        references=(
            Reference(
                "SpaceManagersTeams/*", "Team", Meaning.LINK, named="who manages a space does not move with a project"
            ),
            Reference("SpaceManagersTeamMembers/*", "User", Meaning.LINK),
        ),
        sets=("SpaceManagersTeams", "SpaceManagersTeamMembers"),
        volatile=(Volatile("TaskQueueStopped", "somebody paused the queue: a state, no configuration"),),
        role=Role.SPACE,
        owner_rank=0,
        import_order=10,
        inferred=(
            "SpaceManagersTeamMembers",
            "TaskQueueStopped",
        ),
        plural="spaces",
    ),
    DocumentMap(
        table="UserRole",
        file="UserRoles/{name}",
        id_prefix="UserRoles-",
        sets=(
            *("GrantedPermissions", "GrantedSystemPermissions", "GrantedSpacePermissions"),
            *("SupportedRestrictions", "SpacePermissionDescriptions", "SystemPermissionDescriptions"),
        ),
        fixed_ids=("userroles-*",),
        # Since the table lost its JSON (2024.4); that lists and dictionaries are JSON texts in columns is inferred.
        columns={
            "CanBeDeleted": FLAG,
            "GrantedPermissions": JSON,
            "GrantedSpacePermissions": JSON,
            "GrantedSystemPermissions": JSON,
            "SpacePermissionDescriptions": JSON,
            "SupportedRestrictions": JSON,
            "SystemPermissionDescriptions": JSON,
        },
        # What a newer version grants to a built-in role must not be lost to a tree of an older one.
        merge=Merge(("GrantedPermissions", "GrantedSystemPermissions", "GrantedSpacePermissions"), fixed_only=True),
        import_order=20,
        inferred=("columns",),
        plural="user roles",
    ),
    DocumentMap(
        table="User",
        file="Users/{name}",
        id_prefix="Users-",
        key=("Username",),
        name_property="Username",
        columns={"IsActive": FLAG, "IsService": FLAG, "IdentificationToken": GUID, "Identities": JSON}
        | {"CanPasswordBeEdited": FLAG},
        # One-way, but whoever has it can try passwords offline.
        confidential=("PasswordHashed",),
        fixed_ids=(SYSTEM_USER,),
        volatile=(
            Volatile("IdentificationToken", "renewed by the server at each change of password"),
            Volatile("SecurityGroupIds", "copied from the directory at each sign-in"),
            Volatile("SecurityGroupsLastUpdated", "a time stamp of the directory's synchronisation"),
            Volatile("ExternalIdentifiers", "derived from the identity provider at each sign-in"),
            Volatile("AccessTokensNotBefore", "moves at each sign-out"),
            Volatile("RefreshTokensNotBefore", "moves at each sign-out"),
        ),
        membership=Membership(named="people and their logins do not move with a project"),
        import_order=30,
        inferred=("columns",),
        plural="users",
    ),
    DocumentMap(
        table="Team",
        file="Teams/{name}",
        id_prefix="Teams-",
        columns=dict.fromkeys(
            ("MemberUserIds", "ProjectIds", "ProjectGroupIds", "EnvironmentIds", "TenantIds", "TenantTags"), Column.IDS
        )
        | {"ExternalSecurityGroups": JSON, "UserRoleIds": JSON}
        | dict.fromkeys(("CanBeDeleted", "CanBeRenamed", "CanChangeRoles", "CanChangeMembers"), FLAG),
        references=(
            Reference("MemberUserIds/*", "User", Meaning.LINK),
            Reference("UserRoleIds/*", "UserRole", Meaning.LINK),
            Reference("ProjectIds/*", "Project", Meaning.RESTRICTION),
            Reference("ProjectGroupIds/*", "ProjectGroup", Meaning.RESTRICTION),
            Reference("EnvironmentIds/*", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("TenantIds/*", "Tenant", Meaning.RESTRICTION),
            Reference("TenantTags/*", "Tag", Meaning.RESTRICTION),
        ),
        sets=(
            "ExternalSecurityGroups",
            "MemberUserIds",
            "UserRoleIds",
            "ProjectIds",
            "ProjectGroupIds",
            "EnvironmentIds",
            "TenantIds",
            "TenantTags",
        ),
        fixed_ids=("teams-administrators", "teams-everyone", "teams-managers", "teams-spacemanagers-*"),
        # As in the original tool: members that only the target knows stay.
        merge=Merge(united=("MemberUserIds",)),
        server_wide=True,
        import_order=300,
        inferred=("columns",),
        plural="teams",
    ),
    DocumentMap(
        table="ScopedUserRole",
        file="ScopedUserRoles/{id}",
        id_prefix="ScopedUserRoles-",
        key=("Id",),
        name_property="",
        owner=None,
        columns=dict.fromkeys(("ProjectIds", "ProjectGroupIds", "EnvironmentIds", "TenantIds"), IDS),
        references=(
            Reference("TeamId", "Team"),
            Reference("UserRoleId", "UserRole"),
            Reference("ProjectIds/*", "Project", Meaning.RESTRICTION),
            Reference("ProjectGroupIds/*", "ProjectGroup", Meaning.RESTRICTION),
            Reference("EnvironmentIds/*", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("TenantIds/*", "Tenant", Meaning.RESTRICTION),
        ),
        sets=("ProjectIds", "ProjectGroupIds", "EnvironmentIds", "TenantIds"),
        match_key=("TeamId", "UserRoleId"),
        repeats=True,
        # The server relies on them: with other ones it may fail to start.
        kept_with={"TeamId": "the roles of a built-in team are the target's own"},
        told_apart_by=("ProjectIds/*", "ProjectGroupIds/*", "EnvironmentIds/*", "TenantIds/*"),
        import_order=310,
        inferred=("columns",),
        plural="scoped user roles",
    ),
    DocumentMap(
        table="ApiKey",
        file="ApiKeys/{id}",
        id_prefix="apikeys-",
        key=("Id",),
        name_property="",
        columns={"Created": INSTANT},
        references=(Reference("UserId", "User"),),
        confidential=("ApiKeyHashed",),
        # Its id is made of the key itself, so it is the same on every server, and the key works there, too.
        fixed_ids=("apikeys-*",),
        plural="API keys",
    ),
    DocumentMap(
        table=SETTINGS,
        file="Configuration/{id}",
        id_prefix="",
        key=("Id",),
        name_property="",
        references=(Reference("Credentials/Id", "GitCredential", Meaning.LINK),),
        sensitive=(
            Sensitive("SmtpPassword"),
            Sensitive("Details/SmtpPassword"),
            Sensitive("CertificateData"),
            Sensitive("Credentials/Password"),
        ),
        # Where logs are streamed to: tokens stand among addresses, so every text there is sealed.
        confidential=("LicenseText", "StreamConfiguration/*"),
        volatile=(
            Volatile("IsInMaintenanceMode", "the audit switches it itself"),
            Volatile("ShowAsNewUntil", "set by an upgrade, forgotten later"),
        ),
        excluded_ids={
            "maintenance": _ONE_SERVER,
            "schedule": _ONE_SERVER,
            "upgrade": _ONE_SERVER,
            "activitylog": _STORAGE,
            "artifact": _STORAGE,
            "builtinrepository": _STORAGE,
            "octopusid": _ONE_SERVER,
            "eventretention": _STORAGE,
            "archivelimits": _STORAGE,
        },
        # A row for each subject, with the same id on every server.
        fixed_ids=("*",),
        never_imported={
            SERVER_CERTIFICATE: "the server's own X.509 identity",
            "license": "belongs to one installation",
        },
        # Up to 3.8 of the original tool it stood among the users' certificates.
        ids_anywhere=(SERVER_CERTIFICATE,),
        own=("InstallationId",),
        inferred=(
            "StreamConfiguration",
            "Credentials",
        ),
        plural="server settings",
    ),
    DocumentMap(
        table="ExtensionConfiguration",
        file="ExtensionConfigurations/{name}",
        id_prefix="",
        key=("Id",),
        unique_name=False,
        fixed_ids=("*",),
        embedded=("Json",),
        plural="extension settings",
    ),
    DocumentMap(
        table="ServiceAccountOidcIdentity",
        file="ServiceAccountOidcIdentities/{name}",
        id_prefix="ServiceAccountOidcIdentities-",
        key=("ServiceAccountId", "Name"),
        unique_name=False,
        references=(Reference("ServiceAccountId", "User"),),
        inferred=(
            "prefix",
            "key",
        ),
        plural="identities of service accounts",
    ),
    DocumentMap(
        table="RateLimitingPolicy",
        file="RateLimitingPolicies/{name}",
        id_prefix="RateLimitingPolicies-",
        columns={"IsBuiltIn": FLAG},
        not_created=("IsBuiltIn", (True,), "each server makes its built-in policies by itself"),
        inferred=("table",),
        plural="rate limiting policies",
    ),
    DocumentMap(
        table="ApprovalPolicy",
        file="ApprovalPolicies/{name}",
        id_prefix="ApprovalPolicies-",
        references=(
            Reference("TagScopes/*/ProjectTags/*", "Tag", Meaning.RESTRICTION),
            Reference("TagScopes/*/EnvironmentTags/*", "Tag", Meaning.RESTRICTION),
            Reference("IdScopes/*/ProjectId", "Project", Meaning.RESTRICTION),
            Reference("IdScopes/*/EnvironmentIds/*", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("ApprovingUserIds/*", "User", Meaning.RESTRICTION),
            Reference("ApprovingTeamIds/*", "Team", Meaning.RESTRICTION),
        ),
        sets=(
            "TagScopes",
            "IdScopes",
            "TagScopes/*/ProjectTags",
            "TagScopes/*/EnvironmentTags",
            "IdScopes/*/EnvironmentIds",
            "ApprovingUserIds",
            "ApprovingTeamIds",
        ),
        inferred=(
            "table",
            "key",
        ),
        plural="approval policies",
    ),
    # What a platform hub keeps for the whole server. Of these the tables' names are inferred.
    DocumentMap(
        table="PlatformHubAccount",
        file="PlatformHubAccounts/{name}",
        id_prefix="Accounts-",
        sensitive=tuple(
            Sensitive(f"{at}{name}") for at in ("", "Details/") for name in ("Password", "SecretKey", "JsonKey")
        ),
        inferred=("table",),
        plural="accounts of the platform hub",
    ),
    DocumentMap(
        table="PlatformHubGitCredential",
        file="PlatformHubGitCredentials/{name}",
        id_prefix="GitCredentials-",
        sensitive=(Sensitive("Details/Password"), Sensitive("Details/Password/SensitiveValue")),
        sets=("RepositoryRestrictions/AllowedRepositories",),
        inferred=(
            "table",
            "prefix",
        ),
        plural="git credentials of the platform hub",
    ),
    DocumentMap(
        table="PlatformHubCertificate",
        file="PlatformHubCertificates/{name}",
        id_prefix="Certificates-",
        sensitive=(Sensitive("CertificateData"), Sensitive("Password")),
        inferred=(
            "table",
            "prefix",
        ),
        plural="certificates of the platform hub",
    ),
    DocumentMap(
        table="PlatformHubVersionControlSettings",
        file="PlatformHubVersionControlSettings/{id}",
        id_prefix="platformhub-",
        key=("Id",),
        name_property="",
        references=(Reference("Credentials/Id", "PlatformHubGitCredential|GitCredential"),),
        sensitive=(Sensitive("Credentials/Password"), Sensitive("Credentials/Password/SensitiveValue")),
        fixed_ids=("*",),
        inferred=(
            "table",
            "prefix",
        ),
        plural="version control settings of the platform hub",
    ),
    DocumentMap(
        table="ProcessTemplate",
        file="ProcessTemplates/{name}",
        id_prefix="ProcessTemplates-",
        key=("Slug",),
        unique_name=False,
        references=(Reference("IndividuallySharedSpaceIds/*", "Space", Meaning.LINK),),
        sets=("IndividuallySharedSpaceIds",),
        never_imported={"*": "the platform hub's git repository has it, and publishing makes it"},
        inferred=(
            "table",
            "prefix",
        ),
        plural="process templates",
    ),
    DocumentMap(
        table="ProcessTemplateVersion",
        file="ProcessTemplateVersions/{id}",
        id_prefix="ProcessTemplateVersion-",
        key=("Slug", "Version"),
        name_property="",
        catalogue="published versions of what lives in the platform hub's git repository",
        never_imported={"*": "the platform hub's git repository has it, and publishing makes it"},
        inferred=("table",),
        plural="versions of process templates",
    ),
    DocumentMap(
        table="CompliancePolicyVersion",
        file="CompliancePolicyVersions/{id}",
        id_prefix="CompliancePolicyVersion-",
        key=("Slug", "Version"),
        name_property="",
        catalogue="published versions of what lives in the platform hub's git repository",
        never_imported={"*": "the platform hub's git repository has it, and publishing makes it"},
        inferred=(
            "table",
            "prefix",
        ),
        plural="versions of compliance policies",
    ),
)
