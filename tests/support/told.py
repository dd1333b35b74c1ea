"""
The page of changes: many made-up changes of documents, and what people are told of each.

``python -m tests.support.told`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from auditor.changes.blocks import blocks
from auditor.changes.differ import differences
from auditor.changes.records import Subject, apply
from auditor.changes.render import Look, as_html, as_markdown, as_text
from auditor.changes.wording import DocumentChange, Sides
from migrator.maps import REGISTRY

PAGE = Path(__file__).parents[1] / "data" / "told.txt"
EACH = 20
"""So many changes are made of each document."""
_BEFORE = {
    "Environments-1": "Production",
    "Environments-2": "Staging",
    "Users-1": "jonas.lind",
    "Users-2": "mei.tanaka",
    "Projects-1": "Web Shop",
    "Tenants-1": "Windmill",
    "LibraryVariableSets-1": "Keys & hosts",
    "Lifecycles-1": "Slow",
}
_AFTER = {name: called for name, called in _BEFORE.items() if name not in ("Users-2", "Lifecycles-1")} | {
    "Environments-2": "Staging 2"
}
SCRIPT = "".join(f"line {number}\n" for number in range(12))


class Called:
    """
    What ids are called on one side.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def name(self, document_id: str) -> str | None:
        return self._names.get(document_id)


SIDES = Sides(Called(_BEFORE), Called(_AFTER))


def _secret(text: str) -> dict[str, str]:
    return {"$secret": text}


def _variable(number: int, name: str, value: Any, **scope: list[str]) -> dict[str, Any]:
    return {"Id": f"v{number}", "Name": name, "Type": "String", "Value": value, "Scope": scope}


def _action(number: int, kind: str = "Octopus.Script", **properties: Any) -> dict[str, Any]:
    return {
        "Id": f"a{number}",
        "Name": f"Action {number}",
        "ActionType": kind,
        "IsDisabled": False,
        "IsRequired": True,
        "Environments": ["Environments-1"],
        "ExcludedEnvironments": [],
        "Channels": ["Channels-1"],
        "TenantTags": ["Ring/early"],
        "WorkerPoolId": "WorkerPools-1",
        "Packages": [{"Id": "p1", "Name": "web", "PackageId": "Acme.Web", "FeedId": "Feeds-1"}],
        "Properties": {name.replace("_", "."): value for name, value in properties.items()},
    }


def _step(number: int, name: str, *actions: dict[str, Any], **properties: Any) -> dict[str, Any]:
    some = {name.replace("_", "."): value for name, value in properties.items()}
    for action in actions:
        action["Name"] = name if len(actions) == 1 else action["Name"]
    return {
        "Id": f"s{number}",
        "Name": name,
        "Condition": "Success",
        "StartTrigger": "StartAfterPrevious",
        "Properties": some,
        "Actions": list(actions),
    }


def _process() -> dict[str, Any]:
    return {
        "OwnerId": "Projects-1",
        "Version": 3,
        "Steps": [
            _step(1, "Stop", _action(1, Octopus_Action_Script_ScriptBody=SCRIPT, Octopus_Action_Script_Syntax="Bash")),
            _step(
                2,
                "Deploy",
                _action(2, "Octopus.IIS", Octopus_Action_TargetRoles="web,db", Password=_secret("a")),
                _action(3, "Octopus.Manual", Octopus_Action_Manual_ResponsibleTeamIds="Teams-1,Teams-2"),
                Octopus_Action_TargetRoles="web",
            ),
            _step(3, "Test", _action(4, "Acme.Own", Octopus_Action_RunOnServer="true")),
            _step(
                4,
                "Scale",
                _action(5, Octopus_Action_KubernetesContainers_Containers='[{"Name": "web", "Ports": [80]}]'),
            ),
            _step(5, "Tell", _action(6, "Octopus.Email", Octopus_Action_Email_ToTeamIds="Teams-1")),
        ],
    }


DOCUMENTS: dict[str, dict[str, Any]] = {
    "VariableSet": {
        "OwnerId": "Projects-1",
        "Variables": [
            _variable(1, "Url", "https://a.example.com", Environment=["Environments-1"]),
            _variable(2, "Url", "https://b.example.com", Environment=["Environments-2"], Role=["web", "db"]),
            _variable(3, "Key", _secret("a"), TenantTag=["Ring/early"]),
            _variable(4, "Text", "one\ntwo\nthree\n"),
            _variable(5, "Mixed", {"$parts": ["pw=", _secret("b")]}),
            _variable(6, "Level", "Debug", Channel=["Channels-1"], Action=["a1"]),
        ],
    },
    "DeploymentProcess": _process(),
    "Team": {
        "Name": "On call",
        "Description": None,
        "MemberUserIds": ["Users-1", "Users-2", "Users-3"],
        "UserRoleIds": ["userroles-1"],
        "ExternalSecurityGroups": [{"Id": "g1", "DisplayName": "Group one"}, {"Id": "g2", "DisplayName": "Group two"}],
        "EnvironmentIds": ["Environments-1"],
    },
    "Lifecycle": {
        "Name": "Slow",
        "Phases": [
            {
                "Id": f"p{number}",
                "Name": f"Phase {number}",
                "AutomaticDeploymentTargets": ["Environments-1"],
                "OptionalDeploymentTargets": ["Environments-2"],
                "MinimumEnvironmentsBeforePromotion": number,
                "IsOptionalPhase": number == 2,
            }
            for number in (1, 2, 3)
        ],
        "ReleaseRetentionPolicy": {"Unit": "Days", "QuantityToKeep": 30, "ShouldKeepForever": False},
    },
    "Tenant": {
        "Name": "Windmill",
        "TenantTags": ["Ring/early", "Ring/late"],
        "ProjectEnvironments": {"Projects-1": ["Environments-1", "Environments-2"], "Projects-2": []},
    },
    "Machine": {
        "Name": "kasse-7",
        "IsDisabled": False,
        "Roles": ["web", "db", "queue", "cache", "mail"],
        "EnvironmentIds": ["Environments-1"],
        "Endpoint": {"CommunicationStyle": "TentaclePassive", "Uri": "https://10.0.0.7:10933", "ProxyId": None},
    },
    "UserRole": {"Name": "Deployer", "GrantedPermissions": [f"P{number}" for number in range(8)], "CanBeDeleted": True},
    "Project": {
        "Name": "Web Shop",
        "Slug": "web-shop",
        "IsDisabled": False,
        "LifecycleId": "Lifecycles-1",
        "IncludedLibraryVariableSetIds": ["LibraryVariableSets-1"],
        "Templates": [{"Id": "t1", "Name": "Port", "DefaultValue": "80", "DisplaySettings": {"Type": "Text"}}],
        "ReleaseCreationStrategy": {"ChannelId": "Channels-1", "ReleaseCreationPackage": None},
    },
    "ActionTemplate": {
        "Name": "Say hello",
        "Version": 4,
        "Properties": {"Octopus.Action.Script.ScriptBody": "echo hello\necho bye\n"},
        "Parameters": [
            {"Id": "p1", "Name": "Who", "DefaultValue": {"Value": "world"}},
            {"Id": "p2", "Name": "Key", "DefaultValue": {"SensitiveValue": _secret("a")}},
        ],
        "Packages": [{"Id": "k1", "Name": "tool", "PackageId": "tool"}],
    },
    "User": {"Username": "mei.tanaka", "DisplayName": "Mei Tanaka", "IsActive": True, "Identities": [{"Claims": {}}]},
    "Feed": {"Name": "Internal", "FeedUri": "https://nuget.example.com", "Password": {"SensitiveValue": _secret("a")}},
    "TenantVariable": {"TenantId": "Tenants-1", "OwnerId": "Projects-1", "Value": {"Value": "80"}},
    "Unheard": {
        "Name": "New",
        "Nested": {"Deep": [1, 2.5, {"A": None}], "Url": "x" * 90},
        "Plain": [1, True, "a", None],
    },
}
_OWNERS = {"VariableSet": "Web Shop", "DeploymentProcess": "Web Shop", "TenantVariable": "Windmill"}
_VALUES: tuple[Any, ...] = (
    *("Environments-1", "Users-2", "Lifecycles-1", "nobody-1", "", "a short text", "Off", "a\tb\u202e", "y" * 130),
    *("one\ntwo\nfour\n", SCRIPT.replace("line 5", "line five"), _secret("z"), {"$parts": ["pw=", _secret("c")]}),
    *(None, True, False, 0, 7, [], ["web"], {}, {"Key": "value"}, {"SensitiveValue": _secret("y")}),
)


def _chosen(random: Random, some: Any) -> Any:
    # By the one method whose results are promised to stay the same.
    return some[int(random.random() * len(some))]


def _edited(random: Random, value: Any, depth: int = 0) -> Any:
    """
    Return a value with one thing in it changed, mostly far inside.
    """
    if isinstance(value, dict) and value and not (len(value) == 1 and next(iter(value)).startswith("$")):
        # Most of what there is to tell stands further inside.
        name = _chosen(random, [name for name in sorted(value) for _ in range(_weight(name, value[name]))])
        dice = random.random()
        if dice < 0.08:
            return {key: item for key, item in value.items() if key != name}
        if dice < 0.16:
            return {**value, _chosen(random, ("Added", "Notes", "ProxyId", "Enabled")): _chosen(random, _VALUES)}
        return {**value, name: _edited(random, value[name], depth + 1)}
    if isinstance(value, list) and value:
        at = int(random.random() * len(value))
        dice = random.random()
        if dice < 0.12:
            return [*value[:at], *value[at + 1 :]]
        if dice < 0.24:
            return [*value[:at], *value[at + 1 :], value[at]]
        if dice < 0.36:
            return [*value[:at], _new(random, value[at]), *value[at:]]
        return [*value[:at], _edited(random, value[at], depth + 1), *value[at + 1 :]]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str) and "," in value and random.random() < 0.7:
        return ",".join(_edited(random, value.split(",")) or ["none"])
    if isinstance(value, str) and "\n" in value and random.random() < 0.7:
        lines = _edited(random, value.splitlines())
        return "\n".join(map(str, lines)) + _chosen(random, ("\n", "\r\n"))
    if isinstance(value, str) and random.random() < 0.4:
        return f"{value} 2"
    return _chosen(random, _VALUES)


def _weight(name: str, value: Any) -> int:
    if name in ("OwnerId", "TenantId", "Version"):
        return 1
    return 24 if isinstance(value, dict | list) and value else 4


def _new(random: Random, like: Any) -> Any:
    if not isinstance(like, dict):
        return _chosen(random, ("Environments-2", "Users-1", "fresh", 5))
    number = int(random.random() * 100)
    return {**deepcopy(like), "Id": f"new{number}", "Name": f"New {number}"}


def change(kind: str, old: Any, new: Any, number: int = 1, files: int = 1) -> DocumentChange:
    """
    Return a document's change.
    """
    document_map = REGISTRY[kind]
    body = new if new is not None else old
    name = str(body.get(document_map.name_property) or f"{kind}s-{number}")
    subject = Subject(kind, f"{kind}s-{number}", name, None, _OWNERS.get(kind))
    return DocumentChange(subject, document_map, old, new, differences(document_map, subject, old, new), files)


def changes() -> Iterator[tuple[str, DocumentChange]]:
    """
    Yield many changes of each document, with what each is called on the page.
    """
    for kind, document in DOCUMENTS.items():
        random = Random(kind)
        for number in range(EACH):
            new = deepcopy(document)
            for _ in range(1 + number % 3):
                new = _edited(random, new)
            made = change(kind, document, new, number + 1, files=1 + number % 2)
            if made.records:
                yield f"{kind} {number + 1}", made
        yield f"{kind} comes", change(kind, None, document, 90)
        yield f"{kind} goes", change(kind, document, None, 91)


def page() -> str:
    """
    Return the page.
    """
    made = dict(changes())
    parts = [_part(name, one) for name, one in made.items()]
    several = [one for name, one in made.items() if name.endswith((" 1", " 2", " comes", " goes"))]
    alike = [change("Machine", {"Slug": "a"}, {"Slug": "b"}, number) for number in range(6)]
    alike += [change("Feed", None, {"Name": f"F{number}"}, number) for number in range(4)]
    alike += [change("User", {"IsActive": True}, {"IsActive": False}, number) for number in range(3)]
    told = blocks([*several, *alike], SIDES)
    looks: dict[str, Callable[[], str]] = {
        "together": lambda: as_text(told),
        "together, narrow, at most 25 lines": lambda: as_text(told, Look(width=60, most=25)),
        "together, in Markdown": lambda: as_markdown(told),
        "together, as HTML": lambda: as_html(told),
        "summaries": lambda: "\n".join(
            f"{block.summary} | {', '.join(s.id for s in block.subjects)}" for block in told
        ),
    }
    parts += [f"== {name}\n{make()}\n" for name, make in looks.items()]
    return "\n".join(parts)


def _part(name: str, made: DocumentChange) -> str:
    told = blocks([made], SIDES)
    text = as_text(told)
    records = "\n".join(_record(record.as_json()) for record in made.records) if made.records[0].path else ""
    assert apply(made.records, made.old) == made.new
    return f"== {name}: {' '.join(block.summary for block in told)}\n{text}\n{records}\n"


def _record(record: dict[str, Any]) -> str:
    short = {name: value for name, value in record.items() if value not in (None, [], 1) and name != "document"}
    return json.dumps(short, ensure_ascii=True, sort_keys=True)[:200]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
