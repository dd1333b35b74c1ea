"""
The page of changes: many made-up changes of documents, and what people are told of each.

``make pages`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import partial
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


def chosen(random: Random, some: Any) -> Any:
    # By the one method whose results are promised to stay the same.
    return some[int(random.random() * len(some))]


def edited(random: Random, value: Any, depth: int = 0) -> Any:
    """
    Return a value with one thing in it changed, mostly far inside.
    """
    if isinstance(value, dict) and value and not (len(value) == 1 and next(iter(value)).startswith("$")):
        # Most of what there is to tell stands further inside.
        name = chosen(random, [name for name in sorted(value) for _ in range(_weight(name, value[name]))])
        dice = random.random()
        if dice < 0.08:
            return {key: item for key, item in value.items() if key != name}
        if dice < 0.16:
            return {**value, chosen(random, ("Added", "Notes", "ProxyId", "Enabled")): chosen(random, _VALUES)}
        return {**value, name: edited(random, value[name], depth + 1)}
    if isinstance(value, list) and value:
        at = int(random.random() * len(value))
        dice = random.random()
        if dice < 0.12:
            return [*value[:at], *value[at + 1 :]]
        if dice < 0.24:
            return [*value[:at], *value[at + 1 :], value[at]]
        if dice < 0.36:
            return [*value[:at], _new(random, value[at]), *value[at:]]
        return [*value[:at], edited(random, value[at], depth + 1), *value[at + 1 :]]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str) and "," in value and random.random() < 0.7:
        return ",".join(edited(random, value.split(",")) or ["none"])
    if isinstance(value, str) and "\n" in value and random.random() < 0.7:
        lines = edited(random, value.splitlines())
        return "\n".join(map(str, lines)) + chosen(random, ("\n", "\r\n"))
    if isinstance(value, str) and random.random() < 0.4:
        return f"{value} 2"
    return chosen(random, _VALUES)


def _weight(name: str, value: Any) -> int:
    if name in ("OwnerId", "TenantId", "Version"):
        return 1
    return 24 if isinstance(value, dict | list) and value else 4


def _new(random: Random, like: Any) -> Any:
    if not isinstance(like, dict):
        return chosen(random, ("Environments-2", "Users-1", "fresh", 5))
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
                new = edited(random, new)
            made = change(kind, document, new, number + 1, files=1 + number % 2)
            if made.records:
                yield f"{kind} {number + 1}", made
        yield f"{kind} comes", change(kind, None, document, 90)
        yield f"{kind} goes", change(kind, document, None, 91)


def _text(lines: int, word: str = "line") -> str:
    return "".join(f"{word} {number}\n" for number in range(lines))


def _roles(*numbers: int) -> dict[str, Any]:
    return {"Roles": [f"role {number}" for number in numbers]}


def _script(text: str) -> dict[str, Any]:
    return {"OwnerId": "Projects-1", "Steps": [_step(1, "Run", _action(1, Octopus_Action_Script_ScriptBody=text))]}


def _property(name: str, text: str) -> dict[str, Any]:
    return {"Steps": [_step(1, "Run", _action(1, **{name: text}))]}


def _steps(*names: str) -> dict[str, Any]:
    return {"Steps": [{"Id": name, "Name": name.upper(), "Actions": []} for name in names]}


_JSON = "Octopus_Action_KubernetesContainers_Containers"
EDGES: dict[str, tuple[str, Any, Any]] = {
    "a text of as many lines as are shown": ("DeploymentProcess", _script("\n"), _script(_text(19))),
    "a text of one line more": ("DeploymentProcess", _script("\n"), _script(_text(20))),
    "a text of two lines more": ("DeploymentProcess", _script(_text(3)), _script(_text(22, "new"))),
    "a text as large as is compared": ("Feed", {"Notes": "a" * 999_999 + "\n"}, {"Notes": "b" * 999_999 + "\n"}),
    "a text too large to compare": ("Feed", {"Notes": "\n"}, {"Notes": "b" * 1_000_000 + "\n"}),
    "a text with as many rows as are compared": ("Feed", {"Notes": "a\n" * 20_000}, {"Notes": "a\n" * 19_999 + "b\n"}),
    "a text with too many rows": ("Feed", {"Notes": "a\n" * 20_001}, {"Notes": "a\n" * 20_000 + "b\n"}),
    "a text with tabs": ("DeploymentProcess", _script("if\n"), _script("if\n\tthen\n")),
    "line ends": ("DeploymentProcess", _script("a\nb\n"), _script("a \r\nb\r\n")),
    "a text that becomes several lines": ("Feed", {"Notes": "a"}, {"Notes": "a\nb\n"}),
    "a text that comes": ("Feed", {}, {"Notes": "a\nb\n"}),
    "a text that goes": ("Feed", {"Notes": "a\nb\n"}, {}),
    "another spelling of JSON": (
        "DeploymentProcess",
        _property(_JSON, '[{"A": 1,\n"B": 2}]'),
        _property(_JSON, '[{"B": 2, "A": 1}]\n'),
    ),
    "other JSON": ("DeploymentProcess", _property(_JSON, '[{"A": 1}]\n'), _property(_JSON, '[{"A": 2}]\n')),
    "no JSON": ("DeploymentProcess", _property(_JSON, "[{\n"), _property(_JSON, "[}\n")),
    "texts joined by commas": (
        "DeploymentProcess",
        _property("Octopus_Action_TargetRoles", "web,db"),
        _property("Octopus_Action_TargetRoles", "db,mail,cache"),
    ),
    "values that fit into one line": ("Feed", {"Uri": "a" * 35}, {"Uri": "b" * 35}),
    "values that do not": ("Feed", {"Uri": "a" * 35}, {"Uri": "b" * 36}),
    "values that fit into a subject": ("Feed", {"Uri": "a" * 13}, {"Uri": "b" * 13}),
    "values that do not fit into a subject": ("Feed", {"Uri": "a" * 13}, {"Uri": "b" * 14}),
    "the longest value": ("Feed", {}, {"Uri": "a" * 120}),
    "a longer value": ("Feed", {}, {"Uri": "a" * 121}),
    "a note up to the edge": ("Feed", {}, {"Uri": "a" * 56}),
    "a note past the edge": ("Feed", {}, {"Uri": "a" * 57}),
    "a label up to the column": ("Feed", {"a" * 37: 1}, {"a" * 37: 2}),
    "a label past the column": ("Feed", {"a" * 38: 1}, {"a" * 38: 2}),
    "three stay": ("Machine", _roles(1, 2, 3), _roles(1, 2, 3, 4)),
    "four stay": ("Machine", _roles(1, 2, 3, 4), _roles(1, 2, 3, 4, 5)),
    "one for one": ("Machine", _roles(1), _roles(2)),
    "the first": ("Machine", _roles(), _roles(1)),
    "the last": ("Machine", _roles(1), _roles()),
    "two come": ("Machine", _roles(), _roles(1, 2)),
    "twenty come and four stay": ("Machine", _roles(1, 2, 3, 4), _roles(*range(1, 25))),
    "twenty-one come and four stay": ("Machine", _roles(1, 2, 3, 4), _roles(*range(1, 26))),
    "twenty-two go and four stay": ("Machine", _roles(*range(1, 27)), _roles(1, 2, 3, 4)),
    "another order without meaning": ("Machine", _roles(1, 2, 3), _roles(3, 1, 2)),
    "another order with one": ("Feed", {"List": ["a", "b", "c", "d"]}, {"List": ["b", "c", "d", "a"]}),
    "equal values": ("Feed", {"List": ["a", "b", "a"]}, {"List": ["a", "a", "b", "a"]}),
    "numbers and truths": ("Feed", {"List": [1, True, 0]}, {"List": [True, 1, False]}),
    "steps that move": ("DeploymentProcess", _steps(*"abcdef"), _steps(*"cabfed")),
    "a step that moves to the front": ("DeploymentProcess", _steps(*"abcd"), _steps(*"dabc")),
    "a step that moves and is renamed": (
        "DeploymentProcess",
        _steps(*"abc"),
        {"Steps": [*_steps(*"bc")["Steps"], {"Id": "a", "Name": "Z", "Actions": []}]},
    ),
    "steps with new ids": (
        "DeploymentProcess",
        _steps(*"abc"),
        {"Steps": [{**step, "Id": f"new-{step['Id']}"} for step in _steps(*"abc")["Steps"]]},
    ),
    "elements with empty ids": (
        "Feed",
        {"List": [{"Id": "", "Name": "a", "V": 1}, {"Id": "", "Name": "b", "V": 1}]},
        {"List": [{"Id": "", "Name": "b", "V": 2}, {"Id": "", "Name": "a", "V": 1}]},
    ),
    "elements without a name": ("Feed", {"List": [{"V": 1}, {"V": 2}]}, {"List": [{"V": 1}, {"V": 3}]}),
    "twins": (
        "VariableSet",
        {"Variables": [_variable(1, "A", "x"), _variable(1, "A", "y")]},
        {"Variables": [_variable(1, "A", "x"), _variable(1, "A", "z")]},
    ),
    "variables with new ids": (
        "VariableSet",
        {"Variables": [_variable(1, "A", "x", Role=["a"]), _variable(2, "A", "y", Role=["b"])]},
        {"Variables": [_variable(3, "A", "z", Role=["b"]), _variable(4, "A", "x", Role=["a"])]},
    ),
    "wider and narrower": (
        "VariableSet",
        {"Variables": [_variable(1, "A", "x", Role=["a"], Environment=["Environments-1", "Environments-2"])]},
        {"Variables": [_variable(1, "A", "x", Role=["a", "b"], Environment=["Environments-1"])]},
    ),
    "wider twice": (
        "VariableSet",
        {"Variables": [_variable(1, "A", "x", Role=["a"], Environment=["Environments-1"])]},
        {"Variables": [_variable(1, "A", "x", Role=["a", "b", "c"])]},
    ),
    "neither wider nor narrower": (
        "VariableSet",
        {"Variables": [_variable(1, "A", "x", Role=["a"])]},
        {"Variables": [_variable(1, "A", "x", Role=["b"])]},
    ),
    "no longer": (
        "VariableSet",
        {"Variables": [_variable(1, "A", "x", Role=["a", "b", "c"])]},
        {"Variables": [_variable(1, "A", "x", Role=["b"])]},
    ),
    "three things": ("Feed", {"A": 1, "B": 1, "C": 1}, {"A": 2, "B": 2, "C": 2}),
    "four things": ("Feed", {"A": 1, "B": 1, "C": 1, "D": 1}, {"A": 2, "B": 2, "C": 2, "D": 2}),
    "a tenant's project": (
        "Tenant",
        {"ProjectEnvironments": {"Projects-1": ["Environments-1"], "Projects-2": ["Environments-2"]}},
        {"ProjectEnvironments": {"Projects-1": ["Environments-1", "Environments-2"], "Tenants-1": []}},
    ),
    "all of a tenant's projects": ("Tenant", {"ProjectEnvironments": {"Projects-1": ["Environments-1"]}}, {}),
    "a value in the place of an object": ("Feed", {"A": {"B": 1}}, {"A": [1]}),
    "only what nobody wants to know": ("Feed", {"Nested": {"Id": "a"}}, {"Nested": {"Id": "b"}}),
}
"""Changes on both sides of each limit, and of each way to tell of one."""


def _edges() -> Iterator[tuple[str, DocumentChange]]:
    for number, (name, (kind, old, new)) in enumerate(EDGES.items()):
        yield name, change(kind, {"Name": "One", **old}, {"Name": "One", **new}, number)


def _alike() -> dict[str, list[DocumentChange]]:
    def many(kind: str, old: Any, new: Any, count: int = 4, **more: Any) -> list[DocumentChange]:
        return [
            change(kind, old and {"Name": f"n{n}", **old}, new and {"Name": f"n{n}", **new}, n, **more)
            for n in range(count)
        ]

    two_of_a_name = [
        change("Machine", {"Slug": "a", "Name": n}, {"Slug": "b", "Name": n}) for n in ("a", "a", "b", "c")
    ]
    return {
        "three alike": many("Machine", {"Slug": "a"}, {"Slug": "b"}, 3),
        "four alike": many("Machine", {"Slug": "a"}, {"Slug": "b"}),
        "four of three names": two_of_a_name,
        "four that come": many("Feed", None, {"A": 1}),
        "four that go": many("Feed", {"A": 1}, None),
        "four steps": many("DeploymentProcess", _steps("a"), _steps("a", "b")),
        "four secrets": many("Feed", {"Password": _secret("a")}, {"Password": _secret("b")}),
        "four exposed": many("Feed", {"Password": _secret("a")}, {"Password": "b"}),
        "four of another type": many("Unheard", {"A": 1}, {"A": 2}),
        "four that change more": many("Feed", {"A": 1, "B": 1}, {"A": 2, "B": 2}),
        "a project with its parts": [
            change("Project", None, {"Name": "New"}, 7),
            *(
                change(kind, None, {"OwnerId": "PROJECTS-7", "ProjectId": "projects-7", **more}, number)
                for number, (kind, more) in enumerate(
                    [
                        ("VariableSet", {"Variables": [_variable(1, "A", _secret("a"))]}),
                        ("DeploymentProcess", _steps("a")),
                        ("Channel", {"Name": "Default"}),
                        ("Channel", {"Name": "Beta"}),
                    ]
                )
            ),
        ],
        "a project with parts without secrets": [
            change("Project", None, {"Name": "New"}, 7),
            change("DeploymentProcess", None, {"OwnerId": "Projects-7", **_steps("a")}, 8),
            change("VariableSet", None, {"OwnerId": "Projects-7", "Variables": [_variable(1, "A", "b")]}, 9),
        ],
        "parts of others": [
            change("VariableSet", {"OwnerId": owner, "Variables": []}, {"OwnerId": owner, "Variables": [None]}, number)
            for number, owner in enumerate(("LIBRARYVARIABLESETS-1", "Projects-1", "Nobody-1", None))
        ],
        "a part that came to an old project": [
            change("Project", {"Name": "Old"}, None, 7),
            change("Channel", None, {"Name": "Beta", "ProjectId": "Projects-7"}),
        ],
        "a document renamed": [
            change("Machine", {"Name": "a", "Slug": "x"}, {"Name": "b", "Slug": "y"}, 1, files=1),
            change("Machine", {"Name": "c"}, {"Name": "d"}, 2, files=2),
        ],
    }


def page() -> str:
    """
    Return the page.
    """
    made = dict(changes())
    parts = [_part(name, one) for name, one in (*made.items(), *_edges())]
    for name, some in _alike().items():
        found = blocks(some, SIDES)
        parts.append(f"== {name}: {'; '.join(block.summary for block in found)}\n{as_text(found)}\n")
    several = [one for name, one in made.items() if name.endswith((" 1", " 2", " comes", " goes"))]
    alike = [change("Machine", {"Slug": "a"}, {"Slug": "b"}, number) for number in range(6)]
    alike += [change("Feed", None, {"Name": f"F{number}"}, number) for number in range(4)]
    alike += [change("User", {"IsActive": True}, {"IsActive": False}, number) for number in range(3)]
    told = blocks([*several, *alike], SIDES)
    few = blocks([made["VariableSet 2"], made["Machine 1"], made["Feed 1"], made["User 1"]], SIDES)
    looks: dict[str, Callable[[], str]] = {
        "together": lambda: as_text(told),
        "together, narrow, at most 25 lines": lambda: as_text(told, Look(width=60, most=25)),
        **{f"few, at most {most} lines": partial(as_text, few, Look(most=most)) for most in range(1, 14)},
        "in colour": lambda: as_text(told[:12], Look(colour=True)).replace("\x1b", "ESC"),
        "together, in Markdown": lambda: as_markdown(told),
        "together, as HTML": lambda: as_html(told),
        "summaries": lambda: "\n".join(
            f"{block.summary} | {', '.join(s.id for s in block.subjects)}" for block in told
        ),
    }
    parts += [f"== {name}\n{make()}\n" for name, make in looks.items()]
    # A line of somebody's text may be as long as it likes.
    return "\n".join(line[:400] for part in parts for line in part.split("\n"))


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
