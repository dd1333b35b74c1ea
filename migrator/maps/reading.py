"""
How people speak of each type and of what is in it: titles, words for places, which elements of a list are one.

Whoever shows a difference reads it from here; nothing else is decided by these words.
"""

from __future__ import annotations

from collections.abc import Mapping

from migrator.maps.document_map import ListRule, Reading, TextRule

GROUPS = ("security", "projects", "library", "infrastructure", "server", "history", "other")
"""The order in which changes are told: who may do what first."""

ACTION_TYPES = {
    "Octopus.Script": "Run a script",
    "Octopus.AzurePowerShell": "Run an Azure script",
    "Octopus.AwsRunScript": "Run an AWS script",
    "Octopus.KubernetesRunScript": "Run a kubectl script",
    "Octopus.TentaclePackage": "Deploy a package",
    "Octopus.TransferPackage": "Transfer a package",
    "Octopus.IIS": "Deploy to IIS",
    "Octopus.WindowsService": "Deploy a Windows service",
    "Octopus.Manual": "Manual intervention",
    "Octopus.Email": "Send an e-mail",
    "Octopus.HealthCheck": "Health check",
    "Octopus.DeployRelease": "Deploy a release",
    "Octopus.KubernetesDeployContainers": "Deploy containers",
    "Octopus.KubernetesDeployRawYaml": "Deploy raw YAML",
    "Octopus.HelmChartUpgrade": "Upgrade a Helm chart",
    "Octopus.TerraformApply": "Apply a Terraform template",
    "Octopus.TerraformPlan": "Plan a Terraform template",
    "Octopus.DockerRun": "Run a container",
    "Octopus.AzureWebApp": "Deploy an Azure web app",
    "Octopus.AzureAppService": "Deploy an Azure app service",
    "Octopus.Vhd": "Deploy a VHD",
}
"""What the portal calls a step by the type of its action."""

_RESTRICTION = {
    "EnvironmentIds": "environment",
    "TenantIds": "tenant",
    "TenantTags": "tag",
    "ProjectIds": "project",
    "ProjectGroupIds": "group",
}
_PROCESS = Reading(
    "deployment process",
    "deployment process",
    "projects",
    lists=(
        ListRule("Steps", ordered=True, each="step"),
        ListRule("Steps/*/Actions", ordered=True, with_=("ActionType",), each="action"),
        ListRule("Steps/*/Actions/*/Packages", with_=("PackageId",), each="package"),
    ),
    texts=(
        TextRule("Steps/*/Actions/*/Properties/Octopus.Action.Script.ScriptBody", "script"),
        TextRule("Steps/*/Actions/*/Properties/Octopus.Action.TargetRoles", "csv"),
        TextRule("Steps/*/Properties/Octopus.Action.TargetRoles", "csv"),
        TextRule("Steps/*/Actions/*/Properties/Octopus.Action.Manual.ResponsibleTeamIds", "csv"),
        TextRule("Steps/*/Actions/*/Properties/Octopus.Action.Email.ToTeamIds", "csv"),
        TextRule("Steps/*/Actions/*/Properties/Octopus.Action.Email.CCTeamIds", "csv"),
        TextRule("Steps/*/Actions/*/Properties/Octopus.Action.Email.BccTeamIds", "csv"),
        TextRule("Steps/*/Actions/*/Properties/Octopus.Action.KubernetesContainers.Containers", "json"),
        TextRule("Steps/*/Actions/*/Properties/Octopus.Action.Aws.Ecs.Deploy.Containers", "json"),
        TextRule("Steps/*/Actions/*/Properties/Octopus.Action.RunOnServer", "boolean"),
    ),
    labels={
        "Steps/*/Actions/*/Properties/Octopus.Action.Script.ScriptBody": "script",
        "Steps/*/Actions/*/Properties/Octopus.Action.Script.Syntax": "syntax",
        "Steps/*/Actions/*/Properties/Octopus.Action.TargetRoles": "role",
        "Steps/*/Properties/Octopus.Action.TargetRoles": "role",
        "Steps/*/Actions/*/Properties/Octopus.Action.Manual.ResponsibleTeamIds": "responsible team",
        "Steps/*/Actions/*/Properties/Octopus.Action.Manual.Instructions": "instructions",
        "Steps/*/Actions/*/Properties/Octopus.Action.RunOnServer": "runs on the server",
        "Steps/*/Actions/*/Environments": "environment",
        "Steps/*/Actions/*/ExcludedEnvironments": "excluded environment",
        "Steps/*/Actions/*/Channels": "channel",
        "Steps/*/Actions/*/TenantTags": "tag",
        "Steps/*/Actions/*/WorkerPoolId": "worker pool",
        "Steps/*/Condition": "condition",
        "Steps/*/StartTrigger": "start",
    },
    flags={
        "Steps/*/Actions/*/IsDisabled": ("disabled", "enabled"),
        "Steps/*/Actions/*/IsRequired": ("required", "no longer required"),
    },
)

READINGS: Mapping[str, Reading] = {
    "User": Reading("User", "", "security", flags={"IsActive": ("activated", "deactivated")}),
    "Team": Reading(
        "Team",
        "",
        "security",
        lists=(ListRule("ExternalSecurityGroups", ("Id",), each="external group"),),
        labels={"MemberUserIds": "member", "UserRoleIds": "role", **_RESTRICTION},
    ),
    "UserRole": Reading(
        "User role",
        "",
        "security",
        labels={
            "GrantedPermissions": "permission",
            "GrantedSystemPermissions": "system permission",
            "GrantedSpacePermissions": "permission",
        },
    ),
    "ScopedUserRole": Reading(
        "Role of a team", "", "security", labels={"TeamId": "team", "UserRoleId": "role", **_RESTRICTION}
    ),
    "ApiKey": Reading("API key", "", "security", labels={"UserId": "user"}),
    "ServiceAccountOidcIdentity": Reading("Identity of a service account", "", "security"),
    "Account": Reading("Account", "", "security", labels=_RESTRICTION),
    "Certificate": Reading("Certificate", "", "security", labels=_RESTRICTION),
    "GitCredential": Reading("Git credential", "", "security"),
    "Space": Reading("Space", "", "server", labels={"SpaceManagersTeams": "manager team"}),
    "Project": Reading(
        "Project",
        "settings",
        "projects",
        lists=(ListRule("Templates", each="variable template"),),
        labels={
            "IncludedLibraryVariableSetIds": "library set",
            "LifecycleId": "lifecycle",
            "ProjectGroupId": "group",
            "ProjectConnectivityPolicy/TargetRoles": "role",
            "ProjectTags": "tag",
            "DefaultGuidedFailureMode": "default failure mode",
        },
        flags={"IsDisabled": ("disabled", "enabled")},
    ),
    "ProjectGroup": Reading("Project group", "", "projects"),
    "DeploymentProcess": _PROCESS,
    "RunbookProcess": Reading(
        "process", "process", "projects", _PROCESS.lists, _PROCESS.texts, _PROCESS.labels, _PROCESS.flags
    ),
    "DeploymentSettings": Reading("deployment settings", "deployment settings", "projects"),
    "Runbook": Reading("Runbook", "", "projects", labels={"Environments": "environment", "RunbookTags": "tag"}),
    "VariableSet": Reading(
        "variables",
        "variables",
        "projects",
        lists=(ListRule("Variables", with_=("Scope",), each="variable"),),
        labels={
            "Variables/*/Value": "value",
            "Variables/*/Scope/Environment": "env",
            "Variables/*/Scope/Machine": "target",
            "Variables/*/Scope/Role": "role",
            "Variables/*/Scope/TargetRole": "role",
            "Variables/*/Scope/Channel": "channel",
            "Variables/*/Scope/Action": "step",
            "Variables/*/Scope/Tenant": "tenant",
            "Variables/*/Scope/TenantTag": "tag",
            "Variables/*/Scope/ProcessOwner": "process",
        },
    ),
    "Channel": Reading(
        "Channel",
        "",
        "projects",
        lists=(ListRule("Rules", each="version rule"),),
        labels={"LifecycleId": "lifecycle", "TenantTags": "tag"},
    ),
    "ProjectTrigger": Reading("Trigger", "", "projects", flags={"IsDisabled": ("disabled", "enabled")}),
    "LibraryVariableSet": Reading(
        "Library set", "", "library", lists=(ListRule("Templates", each="variable template"),)
    ),
    "ActionTemplate": Reading(
        "Step template",
        "",
        "library",
        lists=(ListRule("Parameters", each="parameter"), ListRule("Packages", each="package")),
        texts=(TextRule("Properties/Octopus.Action.Script.ScriptBody", "script"),),
        labels={"Properties/Octopus.Action.Script.ScriptBody": "script"},
    ),
    "ActionTemplateVersion": Reading("Version of a step template", "", "library"),
    "CommunityActionTemplate": Reading("Community step template", "", "library"),
    "TagSet": Reading("Tag set", "", "library", lists=(ListRule("Tags", ordered=True, each="tag"),)),
    "Lifecycle": Reading(
        "Lifecycle",
        "",
        "library",
        lists=(ListRule("Phases", ordered=True, each="phase"),),
        labels={
            "Phases/*/AutomaticDeploymentTargets": "automatic environment",
            "Phases/*/OptionalDeploymentTargets": "environment by hand",
            "Phases/*/MinimumEnvironmentsBeforePromotion": "needed before the next phase",
        },
        flags={"Phases/*/IsOptionalPhase": ("optional", "no longer optional")},
    ),
    "Feed": Reading("Feed", "", "library"),
    "Tenant": Reading(
        "Tenant",
        "",
        "library",
        labels={"ProjectEnvironments": "project", "TenantTags": "tag", "ProjectEnvironments/*": "environment"},
    ),
    "TenantVariable": Reading("variable", "variables", "library", labels={"Value": "value"}),
    "DashboardConfiguration": Reading("Dashboard", "", "library"),
    "Subscription": Reading("Subscription", "", "library", flags={"IsDisabled": ("disabled", "enabled")}),
    "DeploymentFreeze": Reading("Deployment freeze", "", "library"),
    "InsightsReport": Reading("Insights report", "", "library"),
    "ApprovalPolicy": Reading("Approval policy", "", "security"),
    "DeploymentEnvironment": Reading(
        "Environment", "", "infrastructure", flags={"UseGuidedFailure": ("guided failure on", "guided failure off")}
    ),
    "Machine": Reading(
        "Target",
        "",
        "infrastructure",
        labels={"Roles": "role", "MachinePolicyId": "machine policy", **_RESTRICTION},
        flags={"IsDisabled": ("disabled", "enabled")},
    ),
    "Worker": Reading(
        "Worker",
        "",
        "infrastructure",
        labels={"WorkerPoolIds": "worker pool", "MachinePolicyId": "machine policy"},
        flags={"IsDisabled": ("disabled", "enabled")},
    ),
    "WorkerPool": Reading("Worker pool", "", "infrastructure"),
    "MachinePolicy": Reading("Machine policy", "", "infrastructure"),
    "Proxy": Reading("Proxy", "", "infrastructure"),
    "Configuration": Reading("Server setting", "", "server"),
    "ExtensionConfiguration": Reading("Extension setting", "", "server"),
    "Release": Reading("Release", "", "history"),
    "Deployment": Reading("Deployment", "", "history"),
}
