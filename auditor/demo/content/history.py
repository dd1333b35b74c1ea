"""
Sample content: what happened. Releases with their frozen sets and processes, deployments, tasks, events.

Not configuration: an export of the configuration leaves it out.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import Any

from auditor.demo.builder import Builder, when
from auditor.demo.content.access import PEOPLE
from auditor.demo.content.library import ENVIRONMENTS
from auditor.demo.content.projects import projects
from auditor.demo.content.tenants import TENANTS
from auditor.demo.events import SYSTEM, Happening, record
from auditor.demo.schema import read


@dataclass(frozen=True)
class _Release:
    number: int
    project: str
    name: str
    version: str
    channel: str

    @property
    def id(self) -> str:
        return f"Releases-{self.number}"


def add_history(build: Builder) -> None:
    """
    Write all of it.
    """
    _creation_events(build)
    deployment = 0
    for number, project in enumerate(["Projects-1", "Projects-1", "Projects-3", "Projects-5", "Projects-21"], start=1):
        release = _add_release(build, number, project)
        for environment in list(ENVIRONMENTS)[: 1 + number % 3]:
            deployment += 1
            _add_deployment(build, deployment, release, environment)
    _interruption(build)
    _health_events(build)


def _creation_events(build: Builder) -> None:
    people = list(PEOPLE.items())
    made = [
        *((id_, f"Environment {name} was created", name) for id_, name in ENVIRONMENTS.items()),
        *((id_, f"Project {name} was created", name) for id_, (name, _) in projects().items()),
        *((id_, f"Tenant {name} was created", name) for id_, name in TENANTS.items()),
    ]
    tables = {"Environments": "DeploymentEnvironment", "Projects": "Project", "Tenants": "Tenant"}
    for number, (id_, message, name) in enumerate(made):
        user, (username, _) = people[number % 3]
        document = read(build.connection, tables[id_.partition("-")[0]], id_)
        text = html.escape(json.dumps({"Id": id_, "Name": document["Name"]}, ensure_ascii=False))
        event = Happening(
            "Created",
            message,
            [id_],
            (user, username),
            when(40 + 3 * number),
            named=[(id_, name)],
            details=f"<ins>{text}</ins>",
        )
        record(build.connection, event)


def _add_release(build: Builder, number: int, project: str) -> _Release:
    (channel,) = build.connection.execute(
        "SELECT Id FROM Channel WHERE ProjectId = ? AND Name = 'Default'", (project,)
    ).fetchone()
    release = _Release(number, project, projects()[project][0], f"1.{number}.0", channel)
    tail = f"s-{number}-{['QK7RD', 'VX2MP', 'H9TZA', 'C4WNB', '8JYLE'][number - 1]}"
    snapshots = {}
    for table, live in (("VariableSet", "variableset"), ("DeploymentProcess", "deploymentprocess")):
        document = read(build.connection, table, f"{live}-{project}")
        snapshots[table] = build.add(
            table, **(document | {"Id": f"{live}-{project}-{tail}", "IsFrozen": True, "Version": number})
        )
    build.add(
        "Release",
        Id=release.id,
        Version=release.version,
        Assembled=when(300 + number),
        ProjectId=project,
        ProjectVariableSetSnapshotId=snapshots["VariableSet"],
        ProjectDeploymentProcessSnapshotId=snapshots["DeploymentProcess"],
        ChannelId=channel,
        LibraryVariableSetSnapshots=[],
        SelectedPackages=[{"StepName": "Unpack", "Version": f"1.{number}.0"}],
        ReleaseNotes="Smaller and faster",
    )
    _record(
        build, "Created", f"Release {release.version} was created for {release.name}", [release.id, project], number
    )
    return release


def _record(build: Builder, category: str, message: str, related: list[str], number: int, **rest: Any) -> None:
    user = rest.pop("user", ("Users-2", "olaf.brandt"))
    record(build.connection, Happening(category, message, related, user, when(310 + 12 * number), **rest))


def _add_deployment(build: Builder, number: int, release: _Release, environment: str) -> None:
    task, deployment = f"ServerTasks-{number}", f"Deployments-{number}"
    start, done = when(320 + 12 * number), when(324 + 12 * number)
    place = {"ProjectId": release.project, "EnvironmentId": environment}
    text = f"Deploy {release.name} release {release.version} to {ENVIRONMENTS[environment]}"
    build.add(
        "ServerTask",
        Id=task,
        Name="Deploy",
        Description=text,
        QueueTime=start,
        StartTime=start,
        CompletedTime=done,
        ErrorMessage=None,
        ConcurrencyTag=f"{release.project}/{environment}",
        State="Success",
        HasPendingInterruptions=False,
        HasWarningsOrErrors=False,
        ServerNodeId="OctopusServerNodes-OCTO01",
        DurationSeconds=240,
        TenantId=None,
        Arguments={"DeploymentId": deployment},
        **place,
    )
    group = projects()[release.project][1]
    build.add(
        "Deployment",
        Id=deployment,
        Name=f"Deploy to {ENVIRONMENTS[environment]}",
        Created=start,
        ReleaseId=release.id,
        ProjectGroupId=group,
        TaskId=task,
        DeployedBy="olaf.brandt",
        TenantId=None,
        DeployedToMachineIds=["Machines-1", "Machines-6"],
        ChannelId=release.channel,
        Comments="",
        FormValues={},
        **place,
    )
    _index_deployment(build, number, release, environment)
    _record(build, "DeploymentSucceeded", text + " succeeded", [deployment, release.project, task, group], number)
    build.add(
        "Artifact",
        Id=f"Artifacts-{number}",
        Filename=f"report-{number}.html",
        RelatedDocumentIds=[deployment, task],
        Created=done,
        TenantId=None,
        LogCorrelationId=f"{task}_LOG",
        **place,
    )


def _index_deployment(build: Builder, number: int, release: _Release, environment: str) -> None:
    run = build.connection.execute
    for machine in ("Machines-1", "Machines-6"):
        run(
            "INSERT INTO DeploymentRelatedMachine (DeploymentId, MachineId) VALUES (?, ?)",
            (f"Deployments-{number}", machine),
        )
    slug = read(build.connection, "Project", release.project)["Slug"]
    row = {
        "DeploymentId": f"Deployments-{number}",
        "DeploymentName": f"Deploy to {ENVIRONMENTS[environment]}",
        "ProjectId": release.project,
        "ProjectName": release.name,
        "ProjectSlug": slug,
        "EnvironmentId": environment,
        "EnvironmentName": ENVIRONMENTS[environment],
        "ReleaseId": release.id,
        "ReleaseVersion": release.version,
        "TaskId": f"ServerTasks-{number}",
        "TaskState": "Success",
        "Created": when(320 + 12 * number),
        "QueueTime": when(320 + 12 * number),
        "DurationSeconds": 240,
        "DeployedBy": "olaf.brandt",
    }
    names = ", ".join(row)
    run(f"INSERT INTO DeploymentHistory ({names}) VALUES ({', '.join('?' for _ in row)})", list(row.values()))  # noqa: S608


def _interruption(build: Builder) -> None:
    build.add(
        "Interruption",
        Id="Interruptions-1",
        Created=when(390),
        Title="Approve",
        Status="Submitted",
        RelatedDocumentIds=["Deployments-2", "ServerTasks-2"],
        ResponsibleTeamIds=["Teams-1"],
        ProjectId="Projects-1",
        EnvironmentId="Environments-1",
        TaskId="ServerTasks-2",
        TenantId=None,
        Form={"Values": {"Instructions": None, "Notes": "looks good", "Result": "Proceed"}, "Elements": []},
    )


def _health_events(build: Builder) -> None:
    for number in range(1, 7):
        name = read(build.connection, "Machine", f"Machines-{number}")["Name"]
        text = "Health check finished without warnings."
        related = [f"Machines-{number}"]
        _record(build, "MachineHealthy", f"Machine {name} is healthy", related, 15 + number, user=SYSTEM, details=text)
