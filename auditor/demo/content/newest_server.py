"""
Sample content that only the newest servers have, beside projects: agents, freezes, identities, the platform hub.

Invented throughout. Sources for the shapes: the vendor's public clients and reference of its interface, to 2026.
"""

from __future__ import annotations

import json
from typing import Any

from auditor.demo.builder import Builder, guid, key_file, plaintext, thumbprint, when
from auditor.demo.content.newest import edit
from auditor.demo.schema import read


def add_newest_server(build: Builder) -> None:
    """
    Write all of it, over and beside the content of older servers.
    """
    _machines(build)
    _of_the_library(build)
    _of_the_server(build)
    _bookkeeping(build)


def _machines(build: Builder) -> None:
    rpc = {"MachineRpcCallRetryPolicy": {"Enabled": True}}
    account = {"TentacleUpdateAccountId": "usernamepassword-deploy-robot"}
    policy = read(build.connection, "MachinePolicy", "MachinePolicies-2")
    edit(build, "MachinePolicy", policy["Id"], MachineUpdatePolicy=policy["MachineUpdatePolicy"] | account, **rpc)
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
        "AwsEcsCluster": {"ClusterName": "shop", "AccountId": "Accounts-61", "DefaultWorkerPoolId": "WorkerPools-2"},
        "Kubernetes": {
            "ClusterUrl": "https://cluster.example.com:6443",
            "ClusterCertificate": "Certificates-2",
            "Container": {"Image": "tools/kubectl", "FeedId": "Feeds-65"},
            "Authentication": {"AuthenticationType": "KubernetesCertificate", "ClientCertificate": "Certificates-3"},
        },
        "AzureServiceFabricCluster": {
            "SecurityMode": "SecureAzureAD",
            "AadUserCredentialPassword": build.secret("fabric user"),
            "AadClientCredentialSecret": plaintext("fabric client"),
            "DefaultWorkerPoolId": "",
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
    edit(build, "Subscription", told["Id"], **{key: told[key] | slack})


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
    edit(build, "Configuration", "smtp", **mail)
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
