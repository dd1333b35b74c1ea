"""
Sample content: users, their keys, teams, roles, subscriptions, dashboards, invitations.

Invented people throughout.
"""

from __future__ import annotations

import base64
import hashlib

from auditor.demo.builder import Builder, guid, password_hash, plaintext, when
from auditor.demo.content.library import ENVIRONMENTS

PEOPLE = {
    "Users-1": ("ines.ferreira", "Inês Ferreira"),
    "Users-2": ("olaf.brandt", "Olaf Brandt"),
    "Users-3": ("mei.tanaka", "Mei Tanaka"),
    "Users-21": ("jonas.lind", "Jonas Lind"),
    "Users-22": ("amara.okafor", "Amara Okafor"),
    "Users-23": ("petr.novak", "Petr Novák"),
    "Users-41": ("octopus-auditor", "Octopus Auditor"),
}
TEAMS = {"Teams-1": "Storefront crew", "Teams-2": "Payments: on call", "Teams-21": "Release managers"}
_PERMISSIONS = [
    "ProjectView",
    "ProjectEdit",
    "ProcessView",
    "ProcessEdit",
    "VariableView",
    "VariableEdit",
    "EnvironmentView",
    "MachineView",
    "DeploymentCreate",
    "ReleaseCreate",
    "EventView",
    "TaskView",
]


def add_access(build: Builder) -> None:
    """
    Write all of it.
    """
    _roles(build)
    _users(build)
    _api_keys(build)
    _teams(build)
    _subscriptions(build)
    _personal(build)


def _roles(build: Builder) -> None:
    roles = [
        ("userroles-systemadministrator", "System administrator", ["AdministerSystem", *_PERMISSIONS], False),
        ("userroles-projectdeployer", "Project deployer", [_PERMISSIONS[0], *_PERMISSIONS[8:10]], False),
        ("UserRoles-1", "Auditor: reads only", ["ProjectView", "VariableView", "EventView"], True),
    ]
    for id_, name, granted, deletable in roles:
        build.add(
            "UserRole",
            Id=id_,
            Name=name,
            Description=f"{name}.",
            GrantedPermissions=granted,
            SupportedRestrictions=[],
            CanBeDeleted=deletable,
        )


def _users(build: Builder) -> None:
    people = {"users-system": ("system", "System")} | PEOPLE
    for number, (id_, (username, display)) in enumerate(people.items()):
        service = username in ("system", "octopus-auditor")
        outside = id_ == "Users-23"
        hashed = password_hash(plaintext(f"login of {username}"), hashlib.md5(id_.encode()).digest())  # noqa: S324
        build.add(
            "User",
            Id=id_,
            Username=username,
            DisplayName=display,
            EmailAddress=None if service else f"{username}@example.com",
            IsActive=id_ != "Users-22",
            IsService=service,
            IdentificationToken=guid(f"token of {username}"),
            ExternalId=f"S-1-5-21-{number}" if outside else None,
            ExternalIdentifiers=[f"{username}@corp.example.com"] if outside else [],
            PasswordHashed=None if outside or id_ == "users-system" else hashed,
            SecurityGroupIds=[],
            SecurityGroupsLastUpdated=when(number) if outside else None,
            CanPasswordBeEdited=not service,
            Notes=None,
        )


def _api_keys(build: Builder) -> None:
    for user, purpose in [("Users-41", "Nightly audit"), ("Users-1", "Own scripts"), ("Users-21", "build server/CI")]:
        key = "API-" + "".join(sign for sign in plaintext(f"key {user}").upper() if sign.isalnum())
        digest = base64.b64encode(
            hashlib.sha1(f"Octopus-ApiKey-{key}".encode(), usedforsecurity=False).digest()
        ).decode()
        build.add(
            "ApiKey",
            Id="apikeys-" + "".join(sign for sign in digest if sign.isalnum()),
            UserId=user,
            ApiKeyHashed=password_hash(key, hashlib.md5(user.encode()).digest()),  # noqa: S324
            Created=when(30),
            Purpose=purpose,
        )


def _teams(build: Builder) -> None:
    teams: list[tuple[str, str, list[str], list[str], list[str]]] = [
        ("teams-administrators", "Octopus Administrators", ["Users-1"], ["userroles-systemadministrator"], []),
        ("teams-everyone", "Everyone", list(PEOPLE), [], []),
        ("Teams-1", TEAMS["Teams-1"], ["Users-2", "Users-3"], ["userroles-projectdeployer"], ["ProjectGroups-1"]),
        ("Teams-2", TEAMS["Teams-2"], ["Users-21"], ["userroles-projectdeployer", "UserRoles-1"], ["ProjectGroups-2"]),
        ("Teams-21", TEAMS["Teams-21"], ["Users-1", "Users-23"], ["UserRoles-1"], []),
    ]
    for id_, name, members, roles, groups in teams:
        narrow = id_ == "Teams-2"
        build.add(
            "Team",
            Id=id_,
            Name=name,
            MemberUserIds=members,
            UserRoleIds=roles,
            ProjectIds=["Projects-1", "Projects-2"] if narrow else [],
            ProjectGroupIds=groups,
            EnvironmentIds=["Environments-21"] if narrow else [],
            TenantIds=["Tenants-1"] if narrow else [],
            TenantTags=["TagSets-2/Tags-1"] if narrow else [],
            ExternalSecurityGroups=[{"Id": "S-1-5-32-544", "DisplayName": "Operators"}] if id_ == "Teams-21" else [],
            CanBeDeleted=id_.startswith("Teams-"),
            CanBeRenamed=True,
        )


def _subscriptions(build: Builder) -> None:
    for number, name in enumerate(["Production: every change", "Failed deployments"], start=1):
        hook = number == 1
        build.add(
            "Subscription",
            Id=f"Subscriptions-{number}",
            Name=name,
            Type="Event",
            IsDisabled=False,
            EventNotificationSubscription={
                "Filter": {
                    "Users": [],
                    "Projects": ["Projects-1"] if hook else [],
                    "ProjectGroups": [],
                    "Environments": ["Environments-21"],
                    "Tenants": [],
                    "Tags": [],
                    "EventGroups": ["Document"] if hook else [],
                    "EventCategories": [] if hook else ["DeploymentFailed"],
                    "DocumentTypes": [],
                },
                "EmailTeams": ["Teams-21"],
                "WebhookTeams": ["Teams-1"] if hook else [],
                "WebhookURI": "https://hooks.example.com/octopus" if hook else None,
                "WebhookHeaderKey": "X-Hook" if hook else None,
                "WebhookHeaderValue": build.secret("web hook header") if hook else None,
                "EmailDigestLastProcessed": when(600),
                "EmailDigestLastProcessedEventAutoId": 12,
                "WebhookLastProcessed": when(600),
                "WebhookLastProcessedEventAutoId": 12,
            },
        )


def _personal(build: Builder) -> None:
    for user in ("Users-1", "Users-21"):
        build.add(
            "DashboardConfiguration",
            Id=user,
            IncludedEnvironmentIds=list(ENVIRONMENTS)[:3],
            IncludedProjectIds=["Projects-1", "Projects-3"],
            IncludedTenantIds=[],
            IncludedTenantTags=["TagSets-1/Tags-1"],
            ProjectLimit=50,
        )
    build.add(
        "Invitation",
        Id="Invitations-1",
        InvitationCode=guid("invitation"),
        AddToTeamIds=["Teams-1"],
        Expires=when(20_000),
    )
