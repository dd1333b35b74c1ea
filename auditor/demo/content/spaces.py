"""
Sample content that only newer servers have: spaces, runbooks, scoped roles, Git credentials, deployment settings.

Sources: release notes and resource models from 2019 on.
"""

from __future__ import annotations

from auditor.demo.builder import Builder
from auditor.demo.content import steps
from auditor.demo.content.projects import projects
from auditor.demo.content.variables import secret


def add_spaces(build: Builder) -> None:
    """
    Write all of it.
    """
    for number, name in enumerate(["Default", "Second: floor"], start=1):
        build.add(
            "Space", Id=f"Spaces-{number}", Name=name, Slug=f"space-{number}", IsDefault=number == 1, Description=""
        )
    build.add("ProjectGroup", Id="ProjectGroups-61", Name="Storefront", Description="", SpaceId="Spaces-2")
    _runbooks(build)
    for number, (team, role) in enumerate(
        [("Teams-1", "userroles-projectdeployer"), ("Teams-2", "UserRoles-1")], start=1
    ):
        build.add(
            "ScopedUserRole",
            Id=f"ScopedUserRoles-{number}",
            TeamId=team,
            UserRoleId=role,
            ProjectIds=["Projects-1"],
            ProjectGroupIds=[],
            EnvironmentIds=["Environments-2"],
            TenantIds=[],
        )
    for project in projects():
        build.add(
            "DeploymentSettings",
            Id=f"deploymentsettings-{project}",
            ProjectId=project,
            ReleaseNotesTemplate="",
            DefaultGuidedFailureMode="EnvironmentDefault",
        )
    build.add(
        "GitCredential",
        Id="GitCredentials-1",
        Name="Config repository",
        Details={
            "$type": "Octopus.Core.Git.UsernamePasswordGitCredentialDetails, Octopus.Core",
            "Type": "UsernamePassword",
            "Username": "bot",
            "Password": build.secret("git credential"),
        },
    )


def _runbooks(build: Builder) -> None:
    for number, name in enumerate(["Restart: all", "Restore/backup"], start=1):
        id_ = f"Runbooks-{number}"
        build.add(
            "Runbook",
            Id=id_,
            Name=name,
            ProjectId="Projects-1",
            RunbookProcessId=f"RunbookProcess-{id_}",
            PublishedRunbookSnapshotId=None,
        )
        build.add(
            "RunbookProcess",
            Id=f"RunbookProcess-{id_}",
            ProjectId="Projects-1",
            OwnerId=id_,
            IsFrozen=False,
            Version=1,
            RelatedDocumentIds=[],
            Steps=[steps.script(id_, name, "Bash")],
        )
    build.add(
        "VariableSet",
        Id="variableset-LibraryVariableSets-61",
        OwnerId="LibraryVariableSets-61",
        Version=1,
        IsFrozen=False,
        RelatedDocumentIds=["Runbooks-1"],
        Variables=[secret(build, "LibraryVariableSets-61", "Restore.Key", ProcessOwner=["Runbooks-1"])],
    )
    build.add(
        "LibraryVariableSet",
        Id="LibraryVariableSets-61",
        Name="Runbook secrets",
        VariableSetId="variableset-LibraryVariableSets-61",
        ContentType="Variables",
        Description="",
        Templates=[],
    )
