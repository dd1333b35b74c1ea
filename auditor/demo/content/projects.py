"""
Sample content: two dozen projects with their processes, channels and triggers.

Variables are in ``demo.content.variables``, the steps themselves in ``demo.content.steps``.
"""

from __future__ import annotations

from typing import Any

from auditor.demo.builder import Builder, guid, known_ids
from auditor.demo.content import steps
from auditor.demo.content.library import GROUPS, LIFECYCLES
from auditor.demo.content.sets import LIBRARY_SETS, MODULES, template
from auditor.demo.content.variables import add_variables

_NAMES = {
    "ProjectGroups-1": ["Web Shop", "Product Catalogue", "Search & Index", "Basket: Service", "Mobile/Backend"],
    "ProjectGroups-2": ["Invoices", "Ledger", "Refund Worker", "Kassenabschluß Größe 2", "Fraud Rules"],
    "ProjectGroups-21": ["Parcel Tracking", "Warehouse Robots", "Route Planner", 'Customs "Forms" <EU>'],
    "ProjectGroups-22": ["Identity", "API Gateway", "Message Broker", "Log Pipeline", "Release Train"],
    "ProjectGroups-23": ["Nightly Reports ", "Data Lake", "数据同步", "CON"],
    "ProjectGroups-41": [
        (
            "An experiment that somebody began on a rainy Thursday, never finished, never dared to delete, and gave a "
            "name so long that every tool which makes a file of it has to think twice"
        )
    ],
}


def projects() -> dict[str, tuple[str, str]]:
    """
    Return the id of each project with its name and its group; ids have the server's gaps.
    """
    found: dict[str, tuple[str, str]] = {}
    for group in GROUPS:
        for name in _NAMES[group]:
            number = len(found) + 1
            found[f"Projects-{number if number < 15 else number + 6}"] = (name, group)
    return found


def slug(id_: str, name: str) -> str:
    """
    Return the unique address of a project.
    """
    text = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in name.lower())
    return "-".join(text.split())[:40].strip("-") or f"project-{id_.rpartition('-')[2]}"


def add_projects(build: Builder) -> None:
    """
    Write all of it.
    """
    channel = 0
    for number, (id_, (name, group)) in enumerate(projects().items(), start=1):
        plan = _process(build, number, id_, name)
        actions = {action["Name"]: action["Id"] for item in plan for action in item["Actions"]}
        _add_project(build, number, id_, (name, group), actions.get("Unpack") if number % 4 == 0 else None)
        build.add(
            "DeploymentProcess",
            Id=f"deploymentprocess-{id_}",
            OwnerId=id_,
            IsFrozen=False,
            Version=number % 5 + 1,
            RelatedDocumentIds=known_ids(_mentioned(plan)),
            Steps=plan,
            LastSnapshotId=None,
        )
        channels = [f"Channels-{channel + 1}", f"Channels-{channel + 2}"][: 2 if number % 3 == 1 else 1]
        channel += len(channels)
        action = actions.get("Unpack", next(iter(actions.values()), None))
        _add_channels(build, id_, channels, action)
        add_variables(build, id_, channels[-1], action)
    _triggers(build)


def _process(build: Builder, number: int, project: str, name: str) -> list[dict[str, Any]]:
    word = slug(project, name)
    languages = list(steps.SCRIPTS)
    kinds: list[list[dict[str, Any]]] = [
        [steps.package(project, f"Shop.{word}"), steps.from_template(build, project), steps.email(project)],
        [steps.windows_service(build, project, name), steps.manual(project, ["Teams-2", "Teams-21"])],
        [steps.containers(project, word), steps.cloud(project)],
        [steps.amazon(project), steps.manual(project, ["Teams-1"]), steps.package(project, f"Lake.{word}")],
    ]
    first = steps.script(project, name, languages[number % 5], roles="worker,billing batch")
    last = steps.script(project, name, languages[(number + 2) % 5])
    if name == "Release Train":
        cars = [(id_, text) for id_, (text, group) in projects().items() if group == "ProjectGroups-2"]
        return [*(steps.deploy_release(project, id_, text) for id_, text in cars), last]
    if number == len(projects()):
        return []
    return [first, *kinds[number % 4], last]


def _mentioned(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _mentioned(item)]
    if isinstance(value, list):
        return [text for item in value for text in _mentioned(item)]
    if isinstance(value, str) and " " not in value and len(value) < 60:
        return [part for part in value.split(",") if part]
    return []


def _add_project(build: Builder, number: int, id_: str, named: tuple[str, str], donor: str | None) -> None:
    name, group = named
    tenanted = number % 4 == 1
    secret = build.sensitive(f"template default {id_}") if number % 8 == 1 else None
    templates = [template(id_, "Site.Colour", default="#00AAFF"), template(id_, "Site.Key", "Sensitive", secret)]
    included = [*list(LIBRARY_SETS)[: number % 3 + 1], list(MODULES)[number % 3]]
    build.add(
        "Project",
        Id=id_,
        Name=name,
        Slug=slug(id_, name),
        IsDisabled=name == "CON",
        VariableSetId=f"variableset-{id_}",
        DeploymentProcessId=f"deploymentprocess-{id_}",
        ProjectGroupId=group,
        LifecycleId=LIFECYCLES[number % 3],
        AutoCreateRelease=donor is not None,
        IncludedLibraryVariableSetIds=included[::-1] if number % 2 else included,
        DiscreteChannelRelease=number % 6 == 0,
        Description=f"{name.strip()} – delivered in pieces\r\nAsk *{GROUPS[group]}*." if number % 5 else None,
        DefaultToSkipIfAlreadyInstalled=False,
        TenantedDeploymentMode="TenantedOrUntenanted" if tenanted else "Untenanted",
        VersioningStrategy={
            "DonorPackageStepId": donor,
            "Template": None if donor else "#{Octopus.Version.LastMajor}.#{Octopus.Version.NextMinor}",
        },
        Templates=templates if tenanted else [],
        ReleaseCreationStrategy={"ReleaseCreationPackageStepId": donor or "", "ChannelId": None},
        ProjectConnectivityPolicy={
            "SkipMachineBehavior": "None",
            "TargetRoles": ["web"] if tenanted else [],
            "AllowDeploymentsToNoTargets": not tenanted,
        },
        AutoDeployReleaseOverrides=[],
        UsedPackages=[],
        ReleaseNotesTemplate="",
        ClonedFromProjectId="Projects-999" if number == 6 else None,
        LogoAttachmentKey=None,
    )


def _add_channels(build: Builder, project: str, ids: list[str], action: str | None) -> None:
    for number, id_ in enumerate(ids):
        rule = {
            "Id": guid(f"rule {project}"),
            "VersionRange": "[2.0,3.0)",
            "Tag": "^beta",
            "Actions": [action] if action else [],
        }
        build.add(
            "Channel",
            Id=id_,
            Name="Default" if number == 0 else "Preview: β/next",
            ProjectId=project,
            LifecycleId=None if number == 0 else "Lifecycles-21",
            TenantTags=[] if number == 0 else ["TagSets-2/Tags-1"],
            Description=None,
            IsDefault=number == 0,
            Rules=[] if number == 0 else [rule],
        )


def _triggers(build: Builder) -> None:
    model = "Octopus.Core.Model.Projects.ProjectTrigger"
    for number, project in enumerate(["Projects-1", "Projects-3", "Projects-21"], start=1):
        machines = {
            "$type": f"{model}.MachineFilter, Octopus.Core",
            "EventGroups": ["MachineAvailableForDeployment"],
            "EventCategories": [],
            "EnvironmentIds": ["Environments-2"],
            "Roles": ["web"],
        }
        nightly = {
            "$type": f"{model}.DailyScheduledTriggerFilter, Octopus.Core",
            "StartTime": "2018-09-03T22:30:00.000Z",
            "Timezone": "W. Europe Standard Time",
            "Interval": "OnceDaily",
        }
        redeploy = {
            "$type": f"{model}.AutoDeployAction, Octopus.Core",
            "ShouldRedeployWhenMachineHasBeenDeployedTo": number == 1,
        }
        promote = {
            "$type": f"{model}.DeployLatestReleaseAction, Octopus.Core",
            "SourceEnvironmentIds": ["Environments-1"],
            "DestinationEnvironmentId": "Environments-2",
            "ChannelId": None,
            "TenantIds": ["Tenants-1"],
            "TenantTags": ["TagSets-1/Tags-1"],
            "Variables": None,
        }
        scheduled = number == 2
        build.add(
            "ProjectTrigger",
            Id=f"ProjectTriggers-{number}",
            Name="Every night: promote" if scheduled else "New machines",
            ProjectId=project,
            TriggerType="ScheduledTrigger" if scheduled else "DeploymentTargetTrigger",
            IsDisabled=number == 3,
            Filter=nightly if scheduled else machines,
            Action=promote if scheduled else redeploy,
        )
