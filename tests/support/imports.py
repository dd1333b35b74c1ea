"""
Small targets and trees for tests of the import: real SQLite files, trees made by hand.
"""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.demo import rows
from migrator.credentials import Secret
from migrator.documents.document import Body
from migrator.importer import ImportOptions, Surroundings, apply_import, plan_import
from migrator.maps import REGISTRY
from migrator.plan.values import Plan
from migrator.report import Report
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.secrets.sealing import SecretText
from migrator.sql.target import open_target
from migrator.tree.values import Tree, TreeDocument
from tests.support.templates import empty

SOURCE_KEY, TARGET_KEY = bytes(range(16)), bytes(range(16, 32))
TARGET = Secret(base64.b64encode(TARGET_KEY).decode())
CIPHER = MasterKeyCipher(TARGET_KEY)


def doc(
    type_: str, id_: str, *, origin: str = "", space: str | None = None, file: str = "", **body: Any
) -> TreeDocument:
    """
    Return a document of a tree.
    """
    path = file or f"{origin}{type_}/{body.get('Name') or id_} {id_}.json"
    return TreeDocument(REGISTRY[type_], id_, {"Id": id_} | body, path, origin, space)


def tree(*documents: TreeDocument, version: str = "") -> Tree:
    """
    Return a tree of one server's documents.
    """
    return Tree(documents, versions=(("", version),) if version else ())


def secret(plain: str) -> SecretText:
    """
    Return a secret as a tree's document holds it once it is opened.
    """
    return SecretText(plain)


@dataclass(frozen=True)
class Server:
    """
    A target's database file.
    """

    path: Path

    @property
    def address(self) -> str:
        """
        Return its address.
        """
        return f"sqlite:///{self.path}"

    def add(self, table: str, id_: str, **document: Any) -> str:
        """
        Put a document into it, as its server would.
        """
        with closing(sqlite3.connect(self.path)) as connection, connection:
            rows.insert(connection, table, {"Id": id_} | document)
        return id_

    def run(self, statement: str, *values: Any) -> list[Any]:
        """
        Run one statement of SQL on it.
        """
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def read(self, table: str, id_: str) -> Body:
        """
        Return the merged document.
        """
        with closing(sqlite3.connect(self.path)) as connection:
            return rows.read(connection, table, id_)

    def named(self, table: str, name: str) -> Body:
        """
        Return the only document of that name.
        """
        ((id_,),) = self.run(f'SELECT Id FROM "{table}" WHERE Name = ?', name)
        return self.read(table, id_)

    def all(self, table: str) -> list[Body]:
        """
        Return all documents of a table, in order of their ids.
        """
        with closing(sqlite3.connect(self.path)) as connection:
            ids = connection.execute(f'SELECT Id FROM "{table}" ORDER BY Id').fetchall()
            return [rows.read(connection, table, id_) for (id_,) in ids]

    def preview(self, wanted: Tree, **options: Any) -> Plan:
        """
        Return the plan of an import.
        """
        given = ImportOptions(master_key=TARGET, **options)
        with open_target(self.address, MasterKeyCipher(TARGET_KEY)) as target:
            return plan_import(wanted, target, given)

    def take(self, wanted: Tree, **options: Any) -> tuple[Plan, Report]:
        """
        Import a tree.
        """
        given = ImportOptions(master_key=TARGET, **options)
        with open_target(self.address, MasterKeyCipher(TARGET_KEY)) as target:
            plan = plan_import(wanted, target, given)
            report = apply_import(plan, target, given, world=Surroundings())
            target.commit()
        return plan, report


def empty_server(folder: Path, name: str = "target", *, spaces: bool = False, newest: bool = False) -> Server:
    """
    Return a new, empty server.
    """
    return Server(empty(folder / f"{name}.db", spaces=spaces, newest=newest))


def outcomes(plan: Plan) -> dict[str, int]:
    """
    Return how many documents have each outcome.
    """
    found: dict[str, int] = {}
    for decision in plan.decisions:
        found[decision.outcome.value] = found.get(decision.outcome.value, 0) + 1
    return found


def project(id_: str = "Projects-1", name: str = "Shop", **more: Any) -> list[TreeDocument]:
    """
    Return a project with the group and the lifecycle it needs.
    """
    body: Body = {
        "Name": name,
        "Slug": name.lower().replace(" ", "-"),
        "IsDisabled": False,
        "VariableSetId": f"variableset-{id_}",
        "DeploymentProcessId": f"deploymentprocess-{id_}",
        "ProjectGroupId": "ProjectGroups-1",
        "LifecycleId": "Lifecycles-1",
        "AutoCreateRelease": False,
        "DiscreteChannelRelease": False,
        "IncludedLibraryVariableSetIds": [],
    }
    return [
        doc("ProjectGroup", "ProjectGroups-1", Name="Default group"),
        doc("Lifecycle", "Lifecycles-1", Name="Default lifecycle", Phases=[]),
        doc("Project", id_, **(body | more)),
    ]


def variables(owner: str, *some: Body) -> TreeDocument:
    """
    Return a variable set.
    """
    return doc("VariableSet", f"variableset-{owner}", OwnerId=owner, Variables=list(some))


def variable(name: str, value: Any, kind: str = "String", **scope: list[str]) -> Body:
    """
    Return a variable.
    """
    return {"Id": f"guid-{name}-{sorted(scope.items())}", "Name": name, "Value": value, "Type": kind} | (
        {"Scope": scope} if scope else {}
    )


def process(owner: str, *actions: Body) -> TreeDocument:
    """
    Return a deployment process with one step for each action.
    """
    steps = [{"Id": f"step-{a['Id']}", "Name": a["Name"], "Properties": {}, "Actions": [a]} for a in actions]
    return doc("DeploymentProcess", f"deploymentprocess-{owner}", OwnerId=owner, Steps=steps)


def action(id_: str, name: str, properties: Body | None = None, **more: Any) -> Body:
    """
    Return an action of a step.
    """
    return {"Id": id_, "Name": name, "ActionType": "Octopus.Script", "Properties": properties or {}} | more


def account(id_: str = "acc-1", **more: Any) -> Any:
    """
    Return an account.
    """
    return doc("Account", id_, **({"Name": "cloud", "AccountType": "Token", "EnvironmentIds": []} | more))


def environment(id_: str = "Environments-1", name: str = "Dev") -> TreeDocument:
    """
    Return an environment.
    """
    return doc("DeploymentEnvironment", id_, Name=name, SortOrder=1)
