"""
Edits of the sample content as different people make them: the document changes and its audit event is written.

For the demonstration and the tests of attribution. How an event row looks is in ``events``.

Source: event rows of a real 2018.7 database (which ids an event names, and its message).
"""

from __future__ import annotations

import html
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from auditor.demo.builder import Builder, builder, guid, thumbprint
from auditor.demo.content.access import PEOPLE
from auditor.demo.events import Happening, next_time, record
from auditor.demo.schema import delete, insert, next_id, read, update

Edit = Callable[[Builder], str]


def apply_edits(path: Path, master_key: bytes) -> list[str]:
    """
    Make every edit of ``EDITS`` once, in order, each by its own person; return a line about each.
    """
    return [apply_edit(path, master_key, name) for name in EDITS]


def apply_edit(path: Path, master_key: bytes, name: str) -> str:
    """
    Make the edit *name* of ``EDITS``; return a line about it.

    Raises:
        KeyError: no such edit, or what it edits is gone.
    """
    with builder(path, master_key, f"edit {name}") as build:
        return EDITS[name](build)


def random_edit(path: Path, master_key: bytes, rng: random.Random) -> str:
    """
    Make one edit that *rng* chooses: a variable, a secret, a machine, or a description; return a line about it.
    """
    with builder(path, master_key, f"random {rng.random()}") as build:
        user = rng.choice(sorted(PEOPLE)[:5])
        kinds = [_random_variable, _random_secret, _random_description, _random_machine]
        return rng.choice(kinds)(build, rng, user)


def _say(build: Builder, user: str, category: str, message: str, related: list[str], **rest: Any) -> str:
    username = PEOPLE[user][0]
    record(
        build.connection, Happening(category, message, related, (user, username), next_time(build.connection), **rest)
    )
    return f"{username}: {message}"


def _difference(before: str, after: str) -> str:
    return f"<span></span><del>{html.escape(before)}</del><ins>{html.escape(after)}</ins>"


def _save_variables(build: Builder, user: str, document: dict[str, Any], details: str | None) -> str:
    document["Version"] += 1
    update(build.connection, "VariableSet", document)
    owner = document["OwnerId"]
    name = _name(build.connection, owner)
    message = f"Variables for {name} were changed"
    return _say(build, user, "Modified", message, [document["Id"], owner], named=[(owner, name)], details=details)


def _name(connection: sqlite3.Connection, owner: str) -> str:
    table = "Project" if owner.startswith("Projects-") else "LibraryVariableSet"
    return str(read(connection, table, owner)["Name"])


def _is_secret(variable: dict[str, Any]) -> bool:
    return variable.get("Type") == "Sensitive" or bool(variable.get("IsSensitive"))


def change_variable(build: Builder) -> str:
    """
    Olaf changes the value of a text variable of the first project.
    """
    document = read(build.connection, "VariableSet", "variableset-Projects-1")
    variable = next(item for item in document["Variables"] if item["Name"] == "Replicas")
    before, variable["Value"] = variable["Value"], "12"
    return _save_variables(build, "Users-2", document, _difference(before, "12"))


def change_secret(build: Builder) -> str:
    """
    Mei changes a secret and nothing else: new plaintext, new IV; the event shows salted digests only.
    """
    document = read(build.connection, "VariableSet", "variableset-Projects-3")
    variable = next(item for item in document["Variables"] if _is_secret(item))
    variable["Value"] = build.secret("changed by Mei")
    return _save_variables(build, "Users-3", document, None)


def reseal_secret(build: Builder) -> str:
    """
    Mei saves a set without a change: the server seals the same plaintext under a new IV.
    """
    document = read(build.connection, "VariableSet", "variableset-Projects-2")
    variable = next(item for item in document["Variables"] if _is_secret(item))
    variable["Value"] = build.seal(build.cipher.open(variable["Value"]))
    return _save_variables(build, "Users-3", document, None)


def add_machines(build: Builder) -> str:
    """
    Jonas adds three machines.
    """
    said = ""
    for number in range(3):
        id_ = next_id(build.connection, "Machine", "Machines")
        name = f"new-shop-{number + 1}"
        document = read(build.connection, "Machine", "Machines-6")
        document |= {"Id": id_, "Name": name, "Thumbprint": thumbprint(f"added {name}")}
        insert(build.connection, "Machine", document)
        said = _say(
            build,
            "Users-21",
            "Created",
            f"Machine {name} was created",
            [id_, *document["EnvironmentIds"]],
            named=[(id_, name)],
        )
    return said


def rename_project(build: Builder) -> str:
    """
    Inês gives a project another name.
    """
    document = read(build.connection, "Project", "Projects-4")
    before, document["Name"] = document["Name"], "Basket & Checkout"
    update(build.connection, "Project", document)
    message = f"Project {document['Name']} was changed"
    return _say(build, "Users-1", "Modified", message, ["Projects-4"], details=_difference(before, document["Name"]))


def delete_tenant(build: Builder) -> str:
    """
    Inês deletes a tenant with all its values; its name is left in the event's message only.
    """
    tenant = "Tenants-4"
    name = read(build.connection, "Tenant", tenant)["Name"]
    rows = build.connection.execute("SELECT Id FROM TenantVariable WHERE TenantId = ?", (tenant,)).fetchall()
    for (id_,) in rows:
        delete(build.connection, "TenantVariable", id_)
    delete(build.connection, "Tenant", tenant)
    return _say(build, "Users-1", "Deleted", f"Tenant {name} was deleted", [tenant], named=[(tenant, name)])


def edit_script(build: Builder) -> str:
    """
    Mei edits an inline script in a process.
    """
    document = read(build.connection, "DeploymentProcess", "deploymentprocess-Projects-5")
    properties = document["Steps"][0]["Actions"][0]["Properties"]
    before = properties["Octopus.Action.Script.ScriptBody"]
    properties["Octopus.Action.Script.ScriptBody"] = before + "# looked at by Mei\n"
    document["Version"] += 1
    update(build.connection, "DeploymentProcess", document)
    name = _name(build.connection, "Projects-5")
    return _say(
        build,
        "Users-3",
        "Modified",
        f"Deployment process for {name} was changed",
        [document["Id"], "Projects-5"],
        named=[("Projects-5", name)],
        details=_difference("", "# looked at by Mei"),
    )


def add_team_member(build: Builder) -> str:
    """
    Inês adds a person to a team.
    """
    document = read(build.connection, "Team", "Teams-2")
    document["MemberUserIds"].append("Users-23")
    update(build.connection, "Team", document)
    return _say(build, "Users-1", "Modified", f"Team {document['Name']} was changed", ["Teams-2"])


def change_lifecycle(build: Builder) -> str:
    """
    Olaf adds a phase to a lifecycle.
    """
    document = read(build.connection, "Lifecycle", "Lifecycles-21")
    phase = document["Phases"][0] | {"Id": guid("phase added by Olaf"), "Name": "Second look", "IsOptionalPhase": True}
    document["Phases"].append(phase)
    update(build.connection, "Lifecycle", document)
    return _say(build, "Users-2", "Modified", f"Lifecycle {document['Name']} was changed", ["Lifecycles-21"])


EDITS: dict[str, Edit] = {
    "change a variable": change_variable,
    "change only a secret": change_secret,
    "save a set without a change": reseal_secret,
    "add three machines": add_machines,
    "rename a project": rename_project,
    "delete a tenant": delete_tenant,
    "edit a script": edit_script,
    "add a team member": add_team_member,
    "change a lifecycle": change_lifecycle,
}
"""Each edit by its name, in the order in which ``apply_edits`` makes them."""


def _random_set(build: Builder, rng: random.Random, secret: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    ids = [row[0] for row in build.connection.execute("SELECT Id FROM VariableSet WHERE IsFrozen = 0 ORDER BY Id")]
    # Not every set holds a variable of the kind.
    while True:
        document = read(build.connection, "VariableSet", rng.choice(ids))
        fitting = [
            item for item in document["Variables"] if _is_secret(item) == secret and item.get("Type") != "WorkerPool"
        ]
        texts = [item for item in fitting if secret or item.get("Type") == "String"]
        if texts:
            return document, rng.choice(texts)


def _random_variable(build: Builder, rng: random.Random, user: str) -> str:
    document, variable = _random_set(build, rng, secret=False)
    variable["Value"] = f"{variable.get('Value') or ''} {rng.randrange(10**9)}"
    return _save_variables(build, user, document, None)


def _random_secret(build: Builder, rng: random.Random, user: str) -> str:
    document, variable = _random_set(build, rng, secret=True)
    variable["Value"] = build.secret(f"random {rng.randrange(10**9)}")
    return _save_variables(build, user, document, None)


def _random_description(build: Builder, rng: random.Random, user: str) -> str:
    ids = [row[0] for row in build.connection.execute("SELECT Id FROM Project ORDER BY Id")]
    document = read(build.connection, "Project", rng.choice(ids))
    document["Description"] = f"Note {rng.randrange(10**9)}"
    update(build.connection, "Project", document)
    return _say(build, user, "Modified", f"Project {document['Name']} was changed", [document["Id"]])


def _random_machine(build: Builder, rng: random.Random, user: str) -> str:
    ids = [row[0] for row in build.connection.execute("SELECT Id FROM Machine ORDER BY Id")]
    document = read(build.connection, "Machine", rng.choice(ids))
    document["Roles"] = [*document["Roles"], f"role-{rng.randrange(10**9)}"]
    update(build.connection, "Machine", document)
    related = [document["Id"], *document["EnvironmentIds"]]
    return _say(build, user, "Modified", f"Machine {document['Name']} was changed", related)
