"""
Sample content of projects that only the newest servers have: kinds of environments, tags, git, channels, triggers.

Invented throughout; what the sample server has in every version does not belong here.

Sources for the shapes: the vendor's public clients and reference of its interface, to 2026.
"""

from __future__ import annotations

import json
from typing import Any

from auditor.demo.builder import Builder, guid, plaintext
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
    _processes(build)
    _variables(build)
    _triggers(build)
    _tenants(build)


def edit(build: Builder, table: str, identity: str, **more: Any) -> None:
    """
    Change some properties of a document.
    """
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
        edit(build, "DeploymentEnvironment", identity, **more)
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
        edit(build, "Project", project, **more)


def _runbooks_and_channels(build: Builder) -> None:
    more = {
        "ProvisioningRunbookId": "Runbooks-1",
        "DeprovisioningRunbookId": "Runbooks-2",
        "ProjectTags": ["Owner/Storefront crew", "Criticality/High"],
        "DeploymentSettingsId": "deploymentsettings-Projects-1",
        "Icon": {"Id": "shop", "Color": "#0077B3"},
    }
    edit(build, "Project", "Projects-1", **more)
    scope = {"EnvironmentScope": "Specified", "Environments": ["Environments-3", "Environments-2"]}
    edit(build, "Runbook", "Runbooks-1", RunbookTags=["Criticality/Low"], **scope)
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


def _processes(build: Builder) -> None:
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
    package = "Retail.Package"
    entry: dict[str, Any] = {
        "Id": guid("package of the template"),
        "Name": package,
        "PackageId": None,
        "FeedId": "Feeds-65",
    }
    entry["Properties"] = {"SelectionMode": "deferred", "PackageParameterName": package}
    controls = {"Retail.Account": "AmazonWebServicesAccount", package: "Package", "Retail.Pool": "WorkerPool"}
    defaults: dict[str, Any] = {"Retail.Account": "Accounts-61", "Retail.Pool": "Linux, big"}
    build.add(
        "ActionTemplate",
        Id="ActionTemplates-61",
        Name="Roll out by package",
        Version=3,
        ActionType="Octopus.Script",
        CommunityActionTemplateId=None,
        Packages=[entry],
        GitDependencies=[{"Name": "", "GitCredentialType": "Library", "GitCredentialId": "GitCredentials-61"}],
        Properties={"Octopus.Action.Script.ScriptBody": "echo #{Retail.Package.PackageId}\n"},
        Parameters=[
            {
                "Id": guid(f"parameter {name}"),
                "Name": name,
                "DefaultValue": defaults.get(name, ""),
                "DisplaySettings": {"Octopus.ControlType": control},
            }
            for name, control in controls.items()
        ],
    )
    by_template = steps.script("Projects-1", "Roll out", "Bash") | {"Id": guid("step by template")}
    for action in by_template["Actions"]:
        action |= {"Id": guid("action by template"), "Packages": [entry | {"PackageId": "shop"}]}
        action["Properties"] |= {
            "Octopus.Action.Template.Id": "ActionTemplates-61",
            "Octopus.Action.Template.Version": "3",
            package: json.dumps({"PackageId": "shop", "FeedId": "Feeds-65"}),
            "Retail.Account": "Accounts-61",
            "Retail.Pool": "#{Pool}",
        }
    process = read(build.connection, "DeploymentProcess", "deploymentprocess-Projects-1")
    edit(build, "DeploymentProcess", process["Id"], Steps=[*process["Steps"], from_git, by_template])
    donor = {"DeploymentAction": guid("action by template"), "PackageReference": package}
    policy = {"SkipMachineBehavior": "SkipUnavailableMachines", "TargetRoles": ["web", "edge"]}
    edit(
        build,
        "DeploymentSettings",
        "deploymentsettings-Projects-1",
        VersioningStrategy={"Template": "", "DonorPackage": donor},
        ConnectivityPolicy=policy,
    )
    forever, some = {"Strategy": "Forever", "QuantityToKeep": 0}, {"Strategy": "Count", "QuantityToKeep": 30}
    edit(
        build,
        "Lifecycle",
        "Lifecycles-2",
        Slug="standard-three-gates",
        ReleaseRetentionPolicy=forever | {"Unit": "Items"},
        TentacleRetentionPolicy=some | {"Unit": "Days"},
    )


def _variables(build: Builder) -> None:
    found = read(build.connection, "VariableSet", "variableset-Projects-1")
    prompt = {"Label": "Pool", "Required": True, "DisplaySettings": {"Octopus.ControlType": "WorkerPool"}}
    # Since 2025 what has its usual value is left out, the type of a text among it.
    more = [
        {
            "Id": guid("variable of a pool"),
            "Name": "Pool",
            "Type": "WorkerPool",
            "Value": "WorkerPools-2",
            "Prompt": prompt,
        }
        | {"Scope": {"Channel": ["Channels-61"]}},
        {
            "Id": guid("variable of an identity"),
            "Name": "Identity",
            "Type": "GenericOidcAccount",
            "Value": "Accounts-62",
        }
        | {
            "Scope": {"ProcessOwner": ["Runbooks-1", "Projects-1"], "Environment": ["Environments-3", "Environments-2"]}
        },
        {"Id": guid("variable without a type"), "Name": "Plain", "Value": "as it is", "Scope": {}},
    ]
    edit(build, "VariableSet", found["Id"], Variables=[*found["Variables"], *more])


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
        (
            "New packages",
            {
                "FilterType": "FeedFilter",
                "Packages": [{"DeploymentActionSlug": "roll-out", "PackageReference": "Retail.Package"}],
            },
            {"ActionType": "CreateRelease", "ChannelId": "Channels-61"},
        ),
        (
            "New artefacts",
            {"FilterType": "ArcFeedFilter", "Packages": [{"DeploymentAction": guid("action by template")}]},
            {"ActionType": "CreateRelease", "ChannelId": "Channels-61"},
        ),
        (
            "New commits",
            {
                "FilterType": "GitFilter",
                "Sources": [{"DeploymentActionSlug": "check-out-and-run", "IncludeFilePaths": ["src/**", "deploy/**"]}],
            },
            {"ActionType": "CreateRelease", "ChannelId": "Channels-61"},
        ),
        (
            "Promote at nine",
            {"FilterType": "OnceDailySchedule", "StartTime": "2025-01-01T09:00:00", "DaysOfWeek": ["Monday", "Friday"]},
            {
                "ActionType": "DeployLatestRelease",
                "SourceEnvironmentIds": ["Environments-3", "Environments-2"],
                "DestinationEnvironmentId": "Environments-21",
                "ChannelId": "Channels-61",
                "TenantIds": ["Tenants-2", "Tenants-1"],
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
