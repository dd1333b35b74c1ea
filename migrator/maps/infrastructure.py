"""
Infrastructure: environments, deployment targets, workers, policies, proxies, accounts.
"""

from __future__ import annotations

from migrator.maps.document_map import DocumentMap, Meaning, Merge, Reference, Sensitive, Volatile
from migrator.maps.membership import Membership
from migrator.maps.shared import (
    ENDPOINT_CONFIDENTIAL,
    ENDPOINT_REFERENCES,
    ENDPOINT_SECRETS,
    FLAG,
    IDS,
    RESTRICTION_COLUMNS,
    RESTRICTION_SETS,
    RESTRICTIONS,
)

_HEALTH = tuple(
    Volatile(path, "rewritten by every health check")
    for path in (
        "HealthStatus",
        "Status",
        "StatusSummary",
        "HasLatestCalamari",
        "OperatingSystem",
        "OperatingSystemVersion",
        "IsInProcess",
        "ShellName",
        "ShellVersion",
        "Architecture",
        "LastSeen",
        "LastHealthCheck",
        "Endpoint/TentacleVersionDetails",
        "Endpoint/KubernetesAgentDetails/AgentVersion",
        "Endpoint/KubernetesAgentDetails/TentacleVersion",
        "Endpoint/KubernetesAgentDetails/UpgradeStatus",
        "Endpoint/LastSavedStepPackageVersion",
        "Endpoint/Id",
        "Endpoint/LastModifiedOn",
        "Endpoint/LastModifiedBy",
    )
)

INFRASTRUCTURE_MAPS = (
    DocumentMap(
        table="DeploymentEnvironment",
        file="Environments/{name}",
        id_prefix="Environments-",
        references=(
            Reference("ParentEnvironmentId", "DeploymentEnvironment", Meaning.LINK),
            Reference("EnvironmentTags/*", "Tag", Meaning.LINK),
        ),
        sets=("EnvironmentTags", "ExtensionSettings"),
        state_of=(("Type", "Ephemeral", "made and removed by releases and runbooks"),),
        import_order=60,
        inferred=(
            "table",
            "EnvironmentTags",
            "ExtensionSettings",
        ),
        plural="environments",
    ),
    DocumentMap(
        table="MachinePolicy",
        # The original tool's plural, so that a repository of its exports can be gone on with.
        file="MachinePolicys/{name}",
        id_prefix="MachinePolicies-",
        columns={"IsDefault": FLAG},
        references=(Reference("MachineUpdatePolicy/TentacleUpdateAccountId", "Account", Meaning.LINK),),
        import_order=50,
        plural="machine policies",
    ),
    DocumentMap(
        table="Proxy",
        file="Proxies/{name}",
        id_prefix="Proxies-",
        sensitive=(Sensitive("Password"),),
        import_order=40,
        plural="proxies",
    ),
    DocumentMap(
        table="WorkerPool",
        file="WorkerPools/{name}",
        id_prefix="WorkerPools-",
        columns={"IsDefault": FLAG},
        told=("WorkerPoolType", "DynamicWorkerPool", "only the vendor's cloud gives workers to a dynamic pool"),
        import_order=80,
        inferred=("columns",),
        plural="worker pools",
    ),
    DocumentMap(
        table="Account",
        file="Accounts/{name}",
        id_prefix="Accounts-",
        columns=RESTRICTION_COLUMNS,
        # Not TenantId and ClientId: in an Azure account these are Azure's own GUIDs.
        references=RESTRICTIONS,
        sensitive=tuple(
            Sensitive(name)
            for name in (
                "Password",
                "PrivateKeyFile",
                "PrivateKeyPassphrase",
                "CertificateBytes",
                "SecretKey",
                "Token",
                "JsonKey",
                # Where a platform hub's accounts have them; that they share the table is inferred.
                "Details/Password",
                "Details/SecretKey",
                "Details/JsonKey",
            )
        ),
        sets=(*RESTRICTION_SETS, "DeploymentSubjectKeys", "HealthCheckSubjectKeys", "AccountTestSubjectKeys"),
        import_order=190,
        slugged=True,
        inferred=(
            "Details",
            "DeploymentSubjectKeys",
            "HealthCheckSubjectKeys",
            "AccountTestSubjectKeys",
        ),
        plural="accounts",
    ),
    DocumentMap(
        table="Machine",
        edged=True,  # Since 2018.7: it asks these before an account may be deleted.
        file="Machines/{name}",
        id_prefix="Machines-",
        columns={**RESTRICTION_COLUMNS, "Roles": IDS, "IsDisabled": FLAG},
        references=(*RESTRICTIONS, *ENDPOINT_REFERENCES),
        sensitive=ENDPOINT_SECRETS,
        confidential=ENDPOINT_CONFIDENTIAL,
        sets=(*RESTRICTION_SETS, "Roles"),
        volatile=_HEALTH,
        membership=Membership(ignored_with="machines", by_role=("EnvironmentIds", "Roles")),
        import_order=230,
        slugged=True,
        prominence=2,
        inferred=(
            "Endpoint/AadClientCredentialSecret",
            "Endpoint/Inputs",
            "Endpoint/LastSavedStepPackageVersion",
        ),
        plural="machines",
    ),
    DocumentMap(
        table="Worker",
        edged=True,
        file="Workers/{name}",
        id_prefix="Workers-",
        columns={"WorkerPoolIds": IDS, "IsDisabled": FLAG},
        references=(Reference("WorkerPoolIds/*", "WorkerPool", Meaning.RESTRICTION), *ENDPOINT_REFERENCES),
        sensitive=ENDPOINT_SECRETS,
        confidential=ENDPOINT_CONFIDENTIAL,
        sets=("WorkerPoolIds",),
        volatile=_HEALTH,
        membership=Membership(ignored_with="machines", works_in="WorkerPoolIds"),
        import_order=240,
        inferred=(
            "Endpoint/AadClientCredentialSecret",
            "Endpoint/Inputs",
        ),
        plural="workers",
    ),
    DocumentMap(
        table="KubernetesMonitor",
        file="KubernetesMonitors/{id}",
        id_prefix="KubernetesMonitors-",
        key=("Id",),
        name_property="",
        references=(Reference("MachineId", "Machine", Meaning.LINK),),
        confidential=("AuthenticationTokenHash",),
        never_imported={"*": "the registration of one server"},
        inferred=(
            "table",
            "prefix",
            "AuthenticationTokenHash",
        ),
        plural="Kubernetes monitors",
    ),
    DocumentMap(
        table="SshKnownHost",
        file="SshKnownHosts/{id}",
        id_prefix="SshKnownHosts-",
        key=("Host", "KeyType"),
        name_property="",
        inferred=(
            "table",
            "prefix",
        ),
        plural="known SSH hosts",
    ),
    DocumentMap(
        table="DeploymentFreeze",
        file="DeploymentFreezes/{name}",
        id_prefix="DeploymentFreezes-",
        references=(
            Reference("ProjectEnvironmentScope/~", "Project", Meaning.RESTRICTION),
            Reference("ProjectEnvironmentScope/*/*", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("TenantProjectEnvironmentScope/*/TenantId", "Tenant", Meaning.RESTRICTION),
            Reference("TenantProjectEnvironmentScope/*/ProjectId", "Project", Meaning.RESTRICTION),
            Reference("TenantProjectEnvironmentScope/*/EnvironmentId", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("OwnerId", "Project", Meaning.LINK),
        ),
        sets=("ProjectEnvironmentScope/*", "TenantProjectEnvironmentScope", "RecurringSchedule/DaysOfWeek"),
        # One freeze may span spaces: a tree of one of them does not know the other's projects.
        merge=Merge(unseen=("ProjectEnvironmentScope/~", "TenantProjectEnvironmentScope/*/ProjectId")),
        inferred=(
            "key",
            "OwnerId",
        ),
        plural="deployment freezes",
    ),
    DocumentMap(
        # Its columns are inferred from the client's model.
        table="DeploymentFreezeOverride",
        file="DeploymentFreezeOverrides/{id}",
        id_prefix="DeploymentFreezeOverrides-",
        key=("Id",),
        name_property="",
        references=(
            Reference("DeploymentFreezeId", "DeploymentFreeze"),
            Reference("ProjectEnvironmentScope/~", "Project", Meaning.RESTRICTION),
            Reference("ProjectEnvironmentScope/*/*", "DeploymentEnvironment", Meaning.RESTRICTION),
            Reference("TenantProjectEnvironmentScope/*/TenantId", "Tenant", Meaning.RESTRICTION),
            Reference("TenantProjectEnvironmentScope/*/ProjectId", "Project", Meaning.RESTRICTION),
            Reference("TenantProjectEnvironmentScope/*/EnvironmentId", "DeploymentEnvironment", Meaning.RESTRICTION),
        ),
        sets=("ProjectEnvironmentScope/*", "TenantProjectEnvironmentScope"),
        never_imported={"*": "said once of one server's deployments"},
        inferred=(
            "prefix",
            "columns",
        ),
        plural="overrides of deployment freezes",
    ),
)
