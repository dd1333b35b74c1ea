"""
Sample content that only the newest servers have: kinds of environments, freezes, identities of services, git, agents.

Invented throughout; what the sample server has in every version does not belong here.

Sources for the shapes: the vendor's public clients and reference of its interface, to 2026.
"""

from __future__ import annotations

import json
from typing import Any

from auditor.demo.builder import Builder, guid, key_file, plaintext, thumbprint, when
from auditor.demo.content import steps
from auditor.demo.content.library import ENVIRONMENTS
from auditor.demo.schema import read, update

PULL_REQUESTS, ONE_REQUEST = "Environments-61", "Environments-62"


def add_newest(build: Builder) -> None:
    """
    Write all of it, over and beside the content of older servers.
    """
    _environments(build)
    _tags(build)
    _accounts_and_feeds(build)
    _git(build)
    _runbooks_and_channels(build)
    _triggers(build)
    _tenants(build)
    _machines(build)
    _of_the_library(build)
    _of_the_server(build)
    _bookkeeping(build)


def _edit(build: Builder, table: str, identity: str, **more: Any) -> None:
    update(build.connection, table, read(build.connection, table, identity) | more)


def _environments(build: Builder) -> None:
    for identity, name in ENVIRONMENTS.items():
        slug = name.lower().replace(": ", "-").replace(" ", "-")
        tags = ["Criticality/High"] if name.startswith("Production") else []
        more = {
            "Type": "Static",
            "Slug": slug,
            "EnvironmentTags": tags,
            "ExtensionSettings": [
                {"ExtensionId": "servicenow-integration", "Values": {"IsChangeControlled": bool(tags)}},
                {"ExtensionId": "jira-integration", "Values": {"JiraEnvironmentType": "unmapped"}},
            ],
        }
        _edit(build, "DeploymentEnvironment", identity, **more)
    build.add(
        "DeploymentEnvironment",
        Id=PULL_REQUESTS,
        Name="Pull requests",
        SortOrder=61,
        Slug="pull-requests",
        Type="Parent",
        Description="One for each branch under review",
        AutomaticDeprovisioningRule={"ExpiryDays": 3, "ExpiryHours": 0},
    )
    build.add(
        "DeploymentEnvironment",
        Id=ONE_REQUEST,
        Name="pr-417",
        SortOrder=62,
        Slug="pr-417",
        Type="Ephemeral",
        ParentEnvironmentId=PULL_REQUESTS,
    )


def _tags(build: Builder) -> None:
    sets: list[tuple[str, str, str, list[str], bool, list[str]]] = [
        ("TagSets-61", "Criticality", "SingleSelect", ["Runbook", "Environment", "Project"], False, ["High", "Low"]),
        ("TagSets-62", "Owner", "FreeText", ["Project"], False, []),
        ("TagSets-63", "Target tags", "MultiSelect", ["Target"], True, ["web", "edge"]),
    ]
    for order, (identity, name, kind, scopes, system, tags) in enumerate(sets, start=60):
        build.add(
            "TagSet",
            Id=identity,
            Name=name,
            SortOrder=order,
            Type=kind,
            Scopes=scopes,
            IsSystem=system,
            Tags=[
                {"Id": f"{identity}/Tags-{at}", "Name": tag, "Color": "#333333", "SortOrder": at}
                for at, tag in enumerate(tags, start=1)
            ],
        )


def _accounts_and_feeds(build: Builder) -> None:
    accounts: list[tuple[str, str, str, dict[str, Any]]] = [
        (
            "Accounts-61",
            "Cloud without keys",
            "AmazonWebServicesOidcAccount",
            {"RoleArn": "arn:aws:iam::0:role/deploy"},
        ),
        ("Accounts-62", "Registry identity", "GenericOidcAccount", {"Audience": "https://registry.example.com"}),
    ]
    for identity, name, kind, rest in accounts:
        build.add(
            "Account",
            Id=identity,
            AccountType=kind,
            Name=name,
            Slug=name.lower().replace(" ", "-"),
            EnvironmentIds=["Environments-21", "Environments-3"],
            TenantIds=[],
            TenantTags=[],
            DeploymentSubjectKeys=["space", "project", "environment"],
            HealthCheckSubjectKeys=["space", "account"],
            **rest,
        )
    feeds: list[tuple[str, str, str, str, dict[str, Any]]] = [
        (
            "Feeds-61",
            "Bucket",
            "GcsStorage",
            "",
            {"ServiceAccountJsonKey": build.secret("bucket"), "UseServiceAccountKey": True},
        ),
        ("Feeds-62", "Octopus Server (built-in)", "BuiltIn", "Spaces-2", {}),
        ("Feeds-63", "Octopus Server Releases (built-in)", "OctopusProject", "Spaces-2", {}),
        ("Feeds-64", "Octopus Server Releases (built-in)", "OctopusProject", "", {}),
        (
            "Feeds-65",
            "Registry without keys",
            "AzureContainerRegistry",
            "",
            {"OidcAuthentication": {"Audience": "api://registry", "SubjectKeys": ["space", "feed"]}},
        ),
    ]
    for identity, name, kind, space, rest in feeds:
        place = {"SpaceId": space} if space else {}
        build.add(
            "Feed", Id=identity, Name=name, FeedType=kind, FeedUri="https://packages.example.com", **rest, **place
        )


def _git(build: Builder) -> None:
    build.add(
        "GitCredential",
        Id="GitCredentials-61",
        Name="Deployments repository",
        Details={"Type": "UsernamePassword", "Username": "bot", "Password": build.secret("deployments repository")},
        RepositoryRestrictions={"Enabled": True, "AllowedRepositories": ["https://git.example.com/shop/*"]},
    )
    build.add(
        "GitHubAppConnection",
        Id="GitHubAppConnections-1",
        AccountLogin="example-retail",
        Repositories=["shop/storefront"],
    )
    ways: dict[str, dict[str, Any]] = {
        "Projects-2": {"Type": "Reference", "Id": "GitCredentials-61"},
        "Projects-3": {"Type": "UsernamePassword", "Username": "bot", "Password": build.secret("inline git password")},
        "Projects-4": {"Type": "GitHub", "Id": "GitHubAppConnections-1"},
    }
    for project, credentials in ways.items():
        settings = {
            "Type": "VersionControlled",
            "Url": f"https://git.example.com/shop/{project.lower()}.git",
            "BasePath": ".octopus",
            "DefaultBranch": "main",
            "ProtectedBranchNamePatterns": ["release/*", "main"],
            "ConversionState": {"VariablesAreInGit": project == "Projects-3", "RunbooksAreInGit": False},
            "Credentials": credentials,
        }
        more = {"PersistenceSettings": settings, "IsVersionControlled": True}
        _edit(build, "Project", project, **more)


def _runbooks_and_channels(build: Builder) -> None:
    more = {
        "ProvisioningRunbookId": "Runbooks-1",
        "DeprovisioningRunbookId": "Runbooks-2",
        "ProjectTags": ["Owner/Storefront crew", "Criticality/High"],
        "DeploymentSettingsId": "deploymentsettings-Projects-1",
        "Icon": {"Id": "shop", "Color": "#0077B3"},
    }
    _edit(build, "Project", "Projects-1", **more)
    scope = {"EnvironmentScope": "Specified", "Environments": ["Environments-3", "Environments-2"]}
    _edit(build, "Runbook", "Runbooks-1", RunbookTags=["Criticality/Low"], **scope)
    build.add(
        "Channel",
        Id="Channels-61",
        Name="Pull requests",
        Slug="pull-requests",
        ProjectId="Projects-1",
        LifecycleId=None,
        IsDefault=False,
        Type="EphemeralEnvironment",
        ParentEnvironmentId=PULL_REQUESTS,
        EphemeralEnvironmentNameTemplate="pr-#{Octopus.Release.CustomFields[Number]}",
        TenantTags=[],
        GitReferenceRules=["pull/*", "feature/*"],
        GitResourceRules=[{"Id": guid("git rule"), "Rules": ["main"], "GitDependencyActions": []}],
        Rules=[],
    )
    container = {"FeedId": "Feeds-65", "Image": "tools/deploy", "GitUrl": None, "Dockerfile": None}
    from_git = steps.script("Projects-1", "Check out and run", "Bash") | {"Id": guid("step from git")}
    for action in from_git["Actions"]:
        action |= {
            "Id": guid("action from git"),
            "Container": container,
            "WorkerPoolId": "WorkerPools-2",
            "GitDependencies": [
                {
                    "Name": "",
                    "GitCredentialType": "Library",
                    "GitCredentialId": "GitCredentials-61",
                    "DefaultBranch": "main",
                }
            ],
            "Inputs": {"target": {"type": "account", "awsAccount": "Accounts-61"}},
        }
        action["Properties"]["Octopus.Action.Aws.Ecs.Deploy.Containers"] = json.dumps(
            [{"containerName": "web", "containerImageReference": {"imageName": "web", "feedId": "Feeds-65"}}]
        )
        action["Properties"]["Octopus.Action.Claude.McpServers"] = json.dumps({"token": plaintext("server of tools")})
    process = read(build.connection, "DeploymentProcess", "deploymentprocess-Projects-1")
    _edit(build, "DeploymentProcess", process["Id"], Steps=[*process["Steps"], from_git])


def _triggers(build: Builder) -> None:
    triggers: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        (
            "On a call from outside",
            {"FilterType": "WebhookFilter", "WebhookId": guid("webhook"), "Secret": build.secret("webhook")},
            {
                "ActionType": "RunRunbook",
                "RunbookId": "Runbooks-1",
                "EnvironmentIds": ["Environments-3", "Environments-2"],
            },
        ),
        (
            "Nightly, by tag",
            {"FilterType": "CronExpressionSchedule", "CronExpression": "0 0 3 * * *", "Timezone": "Europe/Berlin"},
            {
                "ActionType": "RunRunbook",
                "RunbookTags": ["Criticality/Low"],
                "EnvironmentIds": ["Environments-2"],
                "Variables": json.dumps({"Token": plaintext("asked for at night")}),
            },
        ),
    ]
    for number, (name, filter_, action) in enumerate(triggers, start=61):
        build.add(
            "ProjectTrigger",
            Id=f"ProjectTriggers-{number}",
            Name=name,
            ProjectId="Projects-1",
            IsDisabled=False,
            Filter=filter_,
            Action=action,
        )


def _tenants(build: Builder) -> None:
    build.connection.execute("UPDATE Tenant SET Slug = lower(replace(Id, '-', '')), IsDisabled = Id = 'Tenants-4'")
    build.connection.execute(
        "UPDATE TenantVariable SET OwnerType = iif(OwnerId LIKE 'Projects-%', 'Project', 'LibraryVariableSet')"
    )
    scopes = {61: ["Environments-3", "Environments-2"], 62: ["Environments-21"]}
    for number, environments in scopes.items():
        secret = number == 62
        build.add(
            "TenantVariable",
            Id=f"TenantVariables-{number * 10}",
            TenantId="Tenants-2",
            OwnerId="LibraryVariableSets-3",
            OwnerType="LibraryVariableSet",
            EnvironmentId=None,
            VariableTemplateId=guid("template LibraryVariableSets-3 Tenant.CloudAccount"),
            RelatedDocumentId=None if secret else "Accounts-61",
            Value=build.sensitive("scoped value") if secret else "Accounts-61",
            Scope={"EnvironmentIds": environments},
        )


def _machines(build: Builder) -> None:
    rpc = {"MachineRpcCallRetryPolicy": {"Enabled": True}}
    account = {"TentacleUpdateAccountId": "usernamepassword-deploy-robot"}
    policy = read(build.connection, "MachinePolicy", "MachinePolicies-2")
    _edit(build, "MachinePolicy", policy["Id"], MachineUpdatePolicy=policy["MachineUpdatePolicy"] | account, **rpc)
    endpoints: dict[str, dict[str, Any]] = {
        "KubernetesTentacle": {
            "TentacleEndpointConfiguration": {"CommunicationMode": "Listening", "ProxyId": "Proxies-1"},
            "KubernetesAgentDetails": {
                "AgentVersion": "2.9.0",
                "HelmReleaseName": "agent",
                "UpgradeStatus": "NoUpgrades",
            },
            "DefaultNamespace": "shop",
        },
        "StepPackage": {
            "DeploymentTargetTypeId": "aws-ecs-target",
            "DefaultWorkerPoolId": "WorkerPools-2",
            "Inputs": {
                "authentication": {"credentials": {"type": "account", "account": "Accounts-61"}},
                "clusterName": "shop",
            },
        },
    }
    for number, (style, endpoint) in enumerate(endpoints.items(), start=61):
        build.add(
            "Machine",
            Id=f"Machines-{number}",
            Name=f"{style.lower()}-{number}",
            Slug=f"{style.lower()}-{number}",
            IsDisabled=False,
            Roles=["web", "edge"],
            EnvironmentIds=["Environments-3"],
            MachinePolicyId="MachinePolicies-1",
            TenantIds=[],
            TenantTags=[],
            Thumbprint=thumbprint(style),
            CommunicationStyle=style,
            DeploymentTargetType=style,
            Endpoint={"CommunicationStyle": style} | endpoint,
            HealthStatus="Healthy",
            OperatingSystemVersion="6.8",
        )
    build.add(
        "WorkerPool",
        Id="WorkerPools-61",
        Name="Hosted",
        SortOrder=61,
        IsDefault=False,
        WorkerPoolType="DynamicWorkerPool",
    )
    build.add("KubernetesMonitor", Id="KubernetesMonitors-1", MachineId="Machines-61", InstallationId=guid("monitor"))
    for tag, target in (("web", "Machines-61"), ("edge", "Machines-61"), ("web", "Machines-62")):
        build.connection.execute("INSERT INTO DeploymentTargetTag VALUES (?, ?, 1)", (target, tag))


def _of_the_library(build: Builder) -> None:
    build.add(
        "DeploymentFreeze",
        Id="DeploymentFreezes-1",
        Name="Season's sale",
        Start="2025-12-20T00:00:00.000+00:00",
        End="2026-01-03T00:00:00.000+00:00",
        OwnerId=None,
        ProjectEnvironmentScope={
            "Projects-1": ["Environments-22", "Environments-21"],
            "Projects-5": ["Environments-21"],
        },
        TenantProjectEnvironmentScope=[
            {"TenantId": "Tenants-1", "ProjectId": "Projects-1", "EnvironmentId": "Environments-21"}
        ],
        RecurringSchedule={"Type": "Weekly", "Unit": 2, "EndType": "Never", "DaysOfWeek": ["Saturday", "Friday"]},
    )
    build.add(
        "InsightsReport",
        Id="InsightsReports-1",
        Name="Storefront pace",
        ProjectIds=["Projects-5", "Projects-1"],
        ProjectGroupIds=["ProjectGroups-1"],
        ChannelIds=[],
        TenantIds=[],
        TenantTags=[],
        EnvironmentGroups=[{"Name": "Live", "Environments": ["Environments-22", "Environments-21"]}],
        TimeZone="UTC",
    )
    for number, kind in enumerate(["LifecycleRelease", "RunbookRetention"], start=1):
        build.add(
            "SpaceDefaultRetentionPolicy",
            Id=f"RetentionPolicies-{number}",
            Name=f"Default of {kind}",
            RetentionType=kind,
            Strategy="Count",
            QuantityToKeep=100,
            Unit="Items",
        )
    build.add(
        "ApprovalPolicy",
        Id="ApprovalPolicies-1",
        Name="Four eyes",
        TagScopes=[{"ProjectTags": ["Criticality/High"], "EnvironmentTags": ["Criticality/High"]}],
        IdScopes=[{"ProjectId": "Projects-1", "EnvironmentIds": ["Environments-22", "Environments-21"]}],
        ApprovingUserIds=["Users-2", "Users-1"],
        ApprovingTeamIds=["Teams-1"],
    )
    slack = {
        "SlackChannelIds": ["C2", "C1"],
        "SlackDigestLastProcessed": when(900),
        "SlackDigestLastProcessedEventAutoId": 412,
        "WebhookHeaderValue": build.sensitive("webhook header"),
    }
    key = "EventNotificationSubscription"
    told = read(build.connection, "Subscription", "Subscriptions-2")
    _edit(build, "Subscription", told["Id"], **{key: told[key] | slack})


def _of_the_server(build: Builder) -> None:
    build.add(
        "ServiceAccountOidcIdentity",
        Id="ServiceAccountOidcIdentities-1",
        Name="Builds of the storefront",
        ServiceAccountId="Users-41",
        Issuer="https://token.actions.example.com",
        Subject="repo:shop/storefront:ref:refs/heads/main",
        Audience="api://octopus",
    )
    build.add(
        "RateLimitingPolicy", Id="RateLimitingPolicies-1", Name="Unauthenticated", IsBuiltIn=True, RequestsPerMinute=600
    )
    build.add(
        "SshKnownHost",
        Id="SshKnownHosts-1",
        Host="git.example.com",
        KeyType="ssh-ed25519",
        PublicKey=thumbprint("host"),
    )
    build.add(
        "PlatformHubAccount",
        Id="Accounts-901",
        Name="Hub's cloud",
        Slug="hubs-cloud",
        Details={
            "AccountType": "AmazonWebServicesAccount",
            "AccessKey": "AK",
            "SecretKey": build.secret("hub account"),
        },
    )
    build.add(
        "Configuration",
        Id="platformhub-versioncontrol",
        Url="https://git.example.com/hub.git",
        DefaultBranch="main",
        Credentials={"Type": "UsernamePassword", "Username": "bot", "Password": build.secret("hub repository")},
    )
    build.add(
        "Configuration",
        Id="auditstream",
        Active=True,
        StreamConfiguration={"Type": "Splunk", "Url": "https://logs.example.com", "Token": plaintext("log stream")},
    )
    mail = {"SmtpPassword": None, "Details": {"CredentialType": "Basic", "SmtpPassword": build.secret("newer mail")}}
    _edit(build, "Configuration", "smtp", **mail)
    connections = [{"Id": guid("connection"), "Name": "Changes", "OAuthClientSecret": build.secret("change requests")}]
    build.add(
        "ExtensionConfiguration",
        Id="servicenow-integration",
        Name="ServiceNow",
        ExtensionAuthor="Octopus Deploy",
        Json=json.dumps({"IsEnabled": True, "Connections": connections, "Certificate": key_file("not a secret")[:40]}),
    )
    build.connection.execute(
        "UPDATE VariableSet SET OwnerType = iif(OwnerId LIKE 'Projects-%', 'Project', 'LibraryVariableSet')"
    )


def _bookkeeping(build: Builder) -> None:
    rows: dict[str, tuple[object, ...]] = {
        "OctopusServerNodeStatus": ("OctopusServerNodes-OCTO01", when(631), 0),
        "MessageBusCursor": ("MessageBusCursors-OCTO01", 4711),
        "WorkerLease": ("WorkerLeases-1", "Workers-1", "ServerTasks-1", when(632)),
        "ProjectReadModel": ("ProjectReadModels-1", "Projects-1", "{}"),
        "UserSession": ("UserSessions-1", "Users-1", when(633)),
    }
    for table, values in rows.items():
        places = ", ".join("?" for _ in values)
        build.connection.execute(f'INSERT INTO "{table}" VALUES ({places})', values)  # noqa: S608
