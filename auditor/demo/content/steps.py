"""
Sample content: the steps that deployment processes are made of, and their scripts.

Which project has which steps is said in ``demo.content.projects``.
"""

from __future__ import annotations

import json
from typing import Any

from auditor.demo.builder import Builder, guid
from auditor.demo.content.library import ACCOUNTS

SCRIPTS = {
    "PowerShell": (
        "# Ready check of #{Octopus.Project.Name}\r\n$wanted = 'NAME'\r\n"
        "$answer = Invoke-RestMethod \"#{Site.Url}/health\"\r\nif ($answer.state -ne 'ok') {\r\n"
        "\tFail-Step \"$wanted says $($answer.state)\"\r\n}\r\nWrite-Host \"$wanted is up\"\r\n"
    ),
    "Bash": (
        "#!/bin/bash\nset -eu\n# rotate what NAME left behind\nfor log in /var/log/NAME/*.log; do\n"
        '  [ -s "$log" ] || continue\n  gzip -9 "$log"\ndone\necho "$(get_octopusvariable "Octopus.Release.Number")"\n'
    ),
    "Python": (
        "import json\nimport urllib.request\n\nwith urllib.request.urlopen(get_octopusvariable('Site.Url')) as page:\n"
        "    state = json.load(page)\n\nprint('NAME', state['rows'], 'rows, größer als nichts')\n"
    ),
    "CSharp": (
        "using System;\n\nvar site = Octopus.Parameters[\"Site.Url\"];\nConsole.WriteLine($\"NAME is at {site}\");\n"
    ),
    "FSharp": (
        'open System\n\nlet site = Octopus.findVariable "Site.Url"\nprintfn "NAME: %s" site\n'
    ),
}  # fmt: skip
"""A small script in each language; NAME stands for the project's name."""


def action_id(project: str, name: str) -> str:
    """
    Return the GUID of the action *name* in *project*'s process; channels and variables refer to it.
    """
    return guid(f"action {project} {name}")


def step(project: str, name: str, kind: str, properties: dict[str, Any], **action: Any) -> dict[str, Any]:
    """
    Return a step with one action; ``roles`` are target roles, everything else in *action* goes into the action.
    """
    roles = action.pop("roles", "")
    body = {
        "Id": action_id(project, name),
        "Name": name,
        "ActionType": kind,
        "IsDisabled": False,
        "IsRequired": False,
        "WorkerPoolId": "",
        "Environments": [],
        "ExcludedEnvironments": [],
        "Channels": [],
        "TenantTags": [],
        "Packages": [],
        "Properties": properties,
    }
    return {
        "Id": guid(f"step {project} {name}"),
        "Name": name,
        "Condition": "Success",
        "StartTrigger": "StartAfterPrevious",
        "PackageRequirement": "LetOctopusDecide",
        "Properties": {"Octopus.Action.TargetRoles": roles} if roles else {},
        "Actions": [body | action],
    }


def script(project: str, title: str, language: str, **action: Any) -> dict[str, Any]:
    """
    Return a step with an inline script in *language* that speaks of the project *title*.
    """
    properties = {
        "Octopus.Action.RunOnServer": "false" if action.get("roles") else "true",
        "Octopus.Action.Script.ScriptSource": "Inline",
        "Octopus.Action.Script.Syntax": language,
        "Octopus.Action.Script.ScriptBody": SCRIPTS[language].replace("NAME", title.strip()),
    }
    return step(project, f"Check with {language}", "Octopus.Script", properties, **action)


def package(project: str, package_id: str, **action: Any) -> dict[str, Any]:
    """
    Return a step that unpacks a package on the web machines.
    """
    feed = "feeds-artifact-store"
    properties = {
        "Octopus.Action.Package.FeedId": feed,
        "Octopus.Action.Package.PackageId": package_id,
        "Octopus.Action.Package.DownloadOnTentacle": "False",
        "Octopus.Action.EnabledFeatures": "Octopus.Features.ConfigurationVariables",
    }
    reference = {"Id": guid(f"package {project}"), "Name": "", "PackageId": package_id, "FeedId": feed}
    packages = [reference | {"AcquisitionLocation": "Server", "Properties": {}}]
    return step(project, "Unpack", "Octopus.TentaclePackage", properties, roles="web,edge", Packages=packages, **action)


def windows_service(build: Builder, project: str, title: str) -> dict[str, Any]:
    """
    Return a step that installs a Windows service under an account with a secret password.
    """
    properties: dict[str, Any] = {
        "Octopus.Action.WindowsService.ServiceName": title.strip(),
        "Octopus.Action.WindowsService.CustomAccountName": "CORP\\svc-batch",
        "Octopus.Action.WindowsService.CustomAccountPassword": build.sensitive(f"service account {project}"),
        "Octopus.Action.Package.FeedId": "feeds-builtin",
        "Octopus.Action.Package.PackageId": "Batch",
    }
    return step(project, "Install the service", "Octopus.WindowsService", properties, roles="worker")


def manual(project: str, teams: list[str]) -> dict[str, Any]:
    """
    Return a step that waits for a person of *teams*, in production only.
    """
    properties = {
        "Octopus.Action.Manual.Instructions": "Look at #{Octopus.Deployment.Comments}, then go on.",
        "Octopus.Action.Manual.ResponsibleTeamIds": ",".join(teams),
    }
    return step(project, "Approve", "Octopus.Manual", properties, Environments=["Environments-21"])


def email(project: str) -> dict[str, Any]:
    """
    Return a step that writes to two teams.
    """
    properties = {
        "Octopus.Action.Email.ToTeamIds": "Teams-21,Teams-1",
        "Octopus.Action.Email.Subject": "#{Octopus.Project.Name} → #{Octopus.Environment.Name}",
        "Octopus.Action.Email.Body": "<p>Done &amp; dusted.</p>",
        "Octopus.Action.Email.IsHtml": "True",
    }
    return step(project, "Tell people", "Octopus.Email", properties, ExcludedEnvironments=["Environments-1"])


def containers(project: str, image: str) -> dict[str, Any]:
    """
    Return a step that deploys containers; the list of them is JSON inside the property.
    """
    feed = "feeds-container-registry"
    inner = [
        {
            "Name": image,
            "PackageId": f"shop/{image}",
            "FeedId": feed,
            "Ports": [{"key": "http", "value": "8080"}],
            "EnvironmentVariables": [{"key": "LEVEL", "value": "#{Log.Level}"}],
        }
    ]
    properties = {
        "Octopus.Action.KubernetesContainers.Replicas": "#{Replicas}",
        "Octopus.Action.KubernetesContainers.Namespace": "shop",
        "Octopus.Action.KubernetesContainers.DeploymentName": image,
        "Octopus.Action.KubernetesContainers.Containers": json.dumps(inner, separators=(",", ":")),
    }
    packages = [{"Id": guid(f"image {project}"), "Name": image, "PackageId": f"shop/{image}", "FeedId": feed}]
    return step(
        project,
        "Roll out containers",
        "Octopus.KubernetesDeployContainers",
        properties,
        roles="cluster",
        Packages=packages,
        WorkerPoolId="WorkerPools-2",
    )


def cloud(project: str) -> dict[str, Any]:
    """
    Return a step that runs against Azure with an account named by id, on a pool of workers.
    """
    properties = {
        "Octopus.Action.Azure.AccountId": ACCOUNTS["AzureServicePrincipal"],
        "Octopus.Action.Script.ScriptSource": "Inline",
        "Octopus.Action.Script.Syntax": "PowerShell",
        "Octopus.Action.Script.ScriptBody": "Get-AzureRmWebApp -Name '#{Group}' | Restart-AzureRmWebApp\r\n",
    }
    return step(project, "Restart in the cloud", "Octopus.AzurePowerShell", properties, WorkerPoolId="WorkerPools-21")


def amazon(project: str) -> dict[str, Any]:
    """
    Return a step whose account is named by a variable.
    """
    properties = {
        "Octopus.Action.AwsAccount.Variable": "Cloud.Account",
        "Octopus.Action.Aws.Region": "eu-west-1",
        "Octopus.Action.Script.ScriptSource": "Inline",
        "Octopus.Action.Script.Syntax": "Bash",
        "Octopus.Action.Script.ScriptBody": "aws s3 sync ./site s3://#{Bucket}\n",
    }
    return step(project, "Copy to the bucket", "Octopus.AwsRunScript", properties)


def deploy_release(project: str, target: str, name: str) -> dict[str, Any]:
    """
    Return a step that deploys another project.
    """
    properties = {
        "Octopus.Action.DeployRelease.ProjectId": target,
        "Octopus.Action.DeployRelease.DeploymentCondition": "IfNewer",
    }
    packages = [{"Id": guid(f"release {project} {target}"), "Name": "", "PackageId": target, "FeedId": "feeds-builtin"}]
    return step(project, f"Deploy {name}", "Octopus.DeployRelease", properties, Packages=packages)


def from_template(build: Builder, project: str) -> dict[str, Any]:
    """
    Return a step made from a step template, with a secret parameter.
    """
    properties: dict[str, Any] = {
        "Octopus.Action.Template.Id": "ActionTemplates-1",
        "Octopus.Action.Template.Version": "3",
        "Octopus.Action.Script.ScriptSource": "Inline",
        "Octopus.Action.Script.Syntax": "PowerShell",
        "Octopus.Action.Script.ScriptBody": "Invoke-WebRequest #{WarmUp.Url} -UseBasicParsing | Out-Null\r\n",
        "WarmUp.Url": "#{Site.Url}",
        "WarmUp.Token": build.sensitive(f"warm-up token {project}"),
    }
    return step(project, "Warm up", "Octopus.Script", properties, TenantTags=["TagSets-2/Tags-2"])
