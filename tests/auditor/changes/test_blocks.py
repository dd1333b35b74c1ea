"""
What a person reads of each kind of change, to the letter.
"""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

from auditor.changes.blocks import blocks
from auditor.changes.differ import differences
from auditor.changes.records import Subject
from auditor.changes.render import Look, as_html, as_markdown, as_text
from auditor.changes.values import LONGEST_VALUE, shown
from auditor.changes.wording import DocumentChange, Sides
from migrator.maps import REGISTRY
from migrator.wording import escaped

CALLED = {
    "Environments-1": "Production",
    "Environments-2": "Staging",
    "Users-1": "jonas.lind",
    "Users-2": "mei.tanaka",
    "Projects-1": "Web Shop",
    "LibraryVariableSets-1": "Monitoring: keys & hosts",
    "LibraryVariableSets-2": "Base",
}


class Called:
    def name(self, document_id: str) -> str | None:
        return CALLED.get(document_id)


def change(
    kind: str, old: Any, new: Any, name: str = "", owner: str | None = None, identity: str = "X-1", files: int = 1
) -> DocumentChange:
    document_map = REGISTRY[kind]
    subject = Subject(kind, identity, name or identity, None, owner)
    return DocumentChange(subject, document_map, old, new, differences(document_map, subject, old, new), files)


def read(*changes: DocumentChange, look: Look | None = None) -> str:
    return as_text(blocks(changes, Sides(Called(), Called())), look)


def variable(identity: str, name: str, value: Any, **scope: list[str]) -> dict[str, Any]:
    return {"Id": identity, "Name": name, "Value": value, "Scope": scope}


def variables(*some: dict[str, Any]) -> dict[str, Any]:
    return {"Id": "variableset-Projects-1", "OwnerId": "Projects-1", "Variables": list(some)}


def secret(text: str) -> dict[str, str]:
    return {"$secret": text}


def step(number: int, name: str, script: str = "", roles: str = "", disabled: bool = False) -> dict[str, Any]:
    body = {"Octopus.Action.Script.ScriptBody": script} if script else {}
    action = {
        "Id": f"a{number}",
        "Name": name,
        "ActionType": "Octopus.Script",
        "IsDisabled": disabled,
        "Properties": body,
    }
    return {
        "Id": f"s{number}",
        "Name": name,
        "Actions": [action],
        "Properties": {"Octopus.Action.TargetRoles": roles} if roles else {},
    }


def process(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"Id": "deploymentprocess-Projects-1", "OwnerId": "Projects-1", "Steps": list(steps)}


LAYOUTS = {
    "a variable's value, with its scope": (
        [
            change(
                "VariableSet",
                variables(
                    variable("1", "Site.Url", "https://#{Region}.a.example.com/", Environment=["Environments-1"]),
                    variable("2", "Site.Url", "b", Role=["web"]),
                    variable("3", "Replicas", "3"),
                ),
                variables(
                    variable("1", "Site.Url", "https://#{Region}.b.example.com/", Environment=["Environments-1"]),
                    variable("2", "Site.Url", "b", Role=["web"]),
                    variable("3", "Replicas", "12"),
                ),
                owner="Web Shop",
            )
        ],
        """
~ Project Web Shop / variables              (2 of 3 changed)
    ~ Site.Url  [env Production]  https://#{Region}.a.example.com/ -> https://#{Region}.b.example.com/
          1 other value of Site.Url
    ~ Replicas  [no scope]                  3 -> 12
""",
    ),
    "a secret": (
        [
            change(
                "VariableSet",
                variables(
                    variable("1", "ApiKey", secret("a"), Environment=["Environments-2"]),
                    variable("2", "Token", secret("b")),
                ),
                variables(
                    variable("1", "ApiKey", secret("c"), Environment=["Environments-2"]),
                    variable("2", "Token", "readable"),
                ),
                owner="Search & Index",
            )
        ],
        """
! ~ Project Search & Index / variables      (2 of 2 changed)
    ~ ApiKey  [env Staging]                 secret changed
  ! ~ Token  [no scope]  NO LONGER SECRET: the value is now readable (not shown here)
""",
    ),
    "scopes": (
        [
            change(
                "VariableSet",
                variables(variable("1", "Level", "Debug", Environment=["Environments-2"]), variable("2", "Other", "x")),
                variables(
                    variable("1", "Level", "Debug", Environment=["Environments-1", "Environments-2"]),
                    variable("2", "Other", "x", Role=["billing"]),
                ),
                owner="Web Shop",
            )
        ],
        """
~ Project Web Shop / variables              (2 of 2 changed)
    ~ Level  [env Staging]                  envs  Staging, + Production  wider: now also Production
    ~ Other  [no scope]                     + role  billing  narrower: before, every role
""",
    ),
    "steps": (
        [
            change(
                "DeploymentProcess",
                process(step(1, "Stop"), step(2, "Deploy"), step(3, "Test"), step(4, "Warm up"), step(5, "Approve")),
                process(
                    step(1, "Stop"),
                    step(6, "Drain", "x", roles="web"),
                    step(2, "Deploy"),
                    step(4, "Warm up cache"),
                    step(5, "Approve", disabled=True),
                    step(3, "Test"),
                ),
                owner="API Gateway",
            )
        ],
        """
~ Project API Gateway / deployment process  (5 -> 6 steps)
    + 2  Drain                              Run a script on roles web
    ~ 4  Warm up -> Warm up cache           renamed
    ~ 5  Approve                            disabled
    > 6  Test                               moved down, from 3; now after "Approve"
""",
    ),
    "a script": (
        [
            change(
                "DeploymentProcess",
                process(step(1, "Check", "a\nb\nc\n")),
                process(step(1, "Check", "a\nb\n# new\nc\n")),
                owner="Mobile/Backend",
            )
        ],
        """
~ Project Mobile/Backend / deployment process  (1 of 1 changed)
    ~ 1  Check
        ~ script                            +1 -0 lines
              | a
              | b
            + | # new
              | c
""",
    ),
    "line ends only": (
        [
            change(
                "DeploymentProcess",
                process(step(1, "Check", "a\r\nb\r\n")),
                process(step(1, "Check", "a\nb\n")),
                owner="Web Shop",
            )
        ],
        """
~ Project Web Shop / deployment process     (1 of 1 changed)
    ~ 1  Check                              script  line ends or trailing blanks only
""",
    ),
    "a member": (
        [
            change(
                "Team",
                {"MemberUserIds": ["Users-1", "Users-3", "Users-4", "Users-5"]},
                {"MemberUserIds": ["Users-1", "Users-3", "Users-4", "Users-5", "Users-2"]},
                "Payments: on call",
            )
        ],
        """
~ Team Payments: on call
    + member  mei.tanaka                    4 -> 5 members
""",
    ),
    "a phase": (
        [
            change(
                "Lifecycle",
                {"Phases": [{"Id": "1", "Name": "Live"}]},
                {"Phases": [{"Id": "1", "Name": "Live"}, {"Id": "2", "Name": "Second look", "IsOptionalPhase": True}]},
                "Hotfix",
            )
        ],
        """
~ Lifecycle Hotfix                          (1 -> 2 phases)
    + phase 2  Second look                  optional
""",
    ),
    "a tenant's connections": (
        [
            change(
                "Tenant",
                {"ProjectEnvironments": {}, "TenantTags": ["Ring/early"]},
                {
                    "ProjectEnvironments": {"Projects-1": ["Environments-1", "Environments-2"]},
                    "TenantTags": ["Ring/late"],
                },
                "Windmill Stores",
            )
        ],
        """
~ Tenant Windmill Stores
    + project Web Shop                      environments Production, Staging
    ~ tag  - Ring/early, + Ring/late
""",
    ),
    "a target's roles": (
        [change("Machine", {"Roles": ["billing", "web"]}, {"Roles": ["billing", "worker"]}, "kasse-7")],
        """
~ Target kasse-7
    ~ roles  billing, - web, + worker
""",
    ),
    "permissions of a role": (
        [
            change(
                "UserRole",
                {"GrantedPermissions": ["DeploymentCreate", "A", "B", "C", "D"]},
                {"GrantedPermissions": ["A", "B", "C", "D", "EventView"]},
                "Project deployer",
            )
        ],
        """
~ User role Project deployer
    - permission  DeploymentCreate          5 -> 5 permissions
    + permission  EventView                 5 -> 5 permissions
""",
    ),
    "another name": (
        [
            change(
                "Project",
                {"Name": "Basket: Service"},
                {"Name": "Basket & Checkout"},
                "Basket & Checkout",
                None,
                "Projects-4",
                6,
            )
        ],
        """
~ Project Basket: Service -> Basket & Checkout  renamed (Projects-4; 6 files moved)
""",
    ),
    "a library set": (
        [
            change(
                "Project",
                {"IncludedLibraryVariableSetIds": ["LibraryVariableSets-2"]},
                {"IncludedLibraryVariableSetIds": ["LibraryVariableSets-2", "LibraryVariableSets-1"]},
                "Invoices",
            )
        ],
        """
~ Project Invoices / settings
    ~ library sets  Base, + Monitoring: keys & hosts
""",
    ),
    "many alike": (
        [
            change("Project", {"DefaultGuidedFailureMode": "Off"}, {"DefaultGuidedFailureMode": "On"}, name, None, name)
            for name in ("Zoo", "Basket", "Customs", "Identity", "Yard")
        ],
        """
~ 5 projects: default failure mode  Off -> On  Basket, Customs, Identity, 2 more
""",
    ),
    "a tenant goes with its variables": (
        [
            change("Tenant", {"Id": "Tenants-1"}, None, "Windmill Stores", None, "Tenants-1"),
            *(
                change(
                    "TenantVariable",
                    {"TenantId": "Tenants-1", "Value": {"SensitiveValue": secret("a")} if number else "x"},
                    None,
                    owner="Windmill Stores",
                    identity=f"TenantVariables-{number}",
                )
                for number in range(3)
            ),
        ],
        """
- Tenant Windmill Stores                    with 3 variables (2 secret)
""",
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout(name: str) -> None:
    """
    Each kind of change is told in the words and the columns that people were promised.
    """
    changes, expected = LAYOUTS[name]

    assert read(*changes) == expected.strip("\n")


def test_alarms_come_first_then_who_may_do_what() -> None:
    """
    What is alarming is told before all else, then security, projects, library, infrastructure.
    """
    found = blocks(
        [
            change("Machine", {"Roles": ["a"]}, {"Roles": ["b"]}, "Aaa"),
            change("Project", {"Slug": "a"}, {"Slug": "b"}, "Bbb"),
            change("Team", {"Description": "a"}, {"Description": "b"}, "Ccc"),
            change("Feed", {"Password": secret("a")}, {"Password": "clear"}, "Ddd"),
        ]
    )

    assert [block.head.split()[1] for block in found] == ["Ddd", "Ccc", "Bbb", "Aaa"]


def test_names_of_others_are_shown_not_obeyed() -> None:
    """
    Control and bidirectional characters in names and values are escapes, and markup is text in HTML and Markdown.
    """
    hostile = "<img src=x onerror=alert(1)>\u202e\x1b[31m*b*"
    some = blocks([change("Machine", {"Roles": ["a"]}, {"Roles": [hostile]}, hostile)])

    text, page, marked = as_text(some), as_html(some), as_markdown(some)

    for shown_text in (text, page, marked):
        assert "\u202e" not in shown_text
        assert "\x1b" not in shown_text
    assert "<img" not in page
    assert "\\<img" in marked
    assert "\\*b\\*" in marked


def test_colour_is_an_addition() -> None:
    """
    Without the colours the coloured text is the plain one.
    """
    changes, _ = LAYOUTS["a secret"]
    plain, coloured = read(*changes), read(*changes, look=Look(colour=True))

    for code in ("\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[1;31m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain


@pytest.mark.parametrize("value", ["x" * 5_000_000, ["y" * 100] * 1000, {"k": "z" * 1000}])
def test_a_long_value_has_an_honest_end(value: Any) -> None:
    """
    A value is shown in at most 120 characters, and that it goes on is visible.
    """
    text = shown(value)

    assert len(text) == LONGEST_VALUE
    assert text.endswith("...")


def test_a_limit_of_lines_counts_what_it_hides() -> None:
    """
    With a limit the text ends with a count of what is not shown.
    """
    changes = [
        change("Machine", {"Slug": "a", "Uri": "1"}, {"Slug": "b", "Uri": str(n)}, f"m{n}", None, f"M{n}")
        for n in range(40)
    ]

    lines = read(*changes, look=Look(most=30)).splitlines()

    assert len(lines) <= 31
    assert lines[-1].endswith("more documents changed)")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (["a", "a", "b"], ["a", "b"], "roles  a, b, - a"),
        (["a"], ["a", "a"], "roles  a, + a"),
        ([1, True], [True, 2], "roles  yes, - 1, + 2"),
    ],
)
def test_a_value_counts_as_often_as_it_stands(old: list[Any], new: list[Any], line: str) -> None:
    """
    Of two equal values one that goes is told, and 1 is not taken for true.
    """
    assert read(change("Machine", {"Roles": old}, {"Roles": new}, "m")).splitlines()[1] == f"    ~ {line}"


def test_thousands_of_changes_are_put_into_words() -> None:
    """
    What is said of many elements of one name is work that grows with their number, not with its square.
    """
    old = variables(*(variable(f"i{n}", "Same", "a") for n in range(6_000)))
    new = variables(*(variable(f"i{n}", "Same", "b") for n in range(6_000)))

    begun = process_time()
    text = read(change("VariableSet", old, new, owner="Web Shop"))

    assert text.count("5999 other values of Same") == 6_000
    assert process_time() - begun < 4


def test_escapes_are_readable() -> None:
    """
    Line ends and tabs are written as people write them, other characters by their number.
    """
    assert escaped("a\n\t\x00\u202eb") == "a\\n\\t\\u0000\\u202eb"
