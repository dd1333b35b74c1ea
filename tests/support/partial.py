"""
Small servers for tests of partial export: one project with what it cannot be without, and exports of it as values.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrator.credentials import Secret
from migrator.exporter import ExportOptions, PartialReport, export, partial_export
from migrator.importer import ImportOptions, import_tree
from migrator.selection.request import Selection
from migrator.tree.files import FolderFiles
from tests.support.imports import Server
from tests.support.templates import empty

KEY = bytes(range(16))
KEY_TEXT = base64.b64encode(KEY).decode()
PASSWORD = "correct horse battery"
OPTIONS = ExportOptions(password=Secret(PASSWORD), master_key=Secret(KEY_TEXT))
IMPORT = ImportOptions(
    password=Secret(PASSWORD), master_key=Secret(KEY_TEXT), ignore_version_check=True, overwrite=True
)


@dataclass(frozen=True)
class Exported:
    """
    An export in a folder.
    """

    folder: Path
    report: PartialReport

    def files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def ids(self) -> set[str]:
        """
        Return the ids of all documents.
        """
        return {str(body["Id"]) for body in self.bodies() if "Id" in body}

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in self.folder.rglob("*.json") if path.name != "metadata.json"]

    def body(self, identity: str) -> dict[str, Any]:
        return next(body for body in self.bodies() if body.get("Id") == identity)

    def types(self) -> set[str]:
        return set(self.report.counts)

    @property
    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "metadata.json").read_text())
        return found


@dataclass(frozen=True)
class Shop:
    """
    A server that a test fills, and a folder for its exports.
    """

    server: Server
    folder: Path

    def add(self, table: str, id_: str, **document: Any) -> str:
        return self.server.add(table, id_, **document)

    def project(self, id_: str = "Projects-1", name: str = "Shop", **more: Any) -> str:
        """
        Add a project with an empty process and an empty variable set.
        """
        steps, variables = more.pop("steps", []), more.pop("variables", [])
        body = {
            "Slug": name.lower(),
            "IsDisabled": False,
            "VariableSetId": f"variableset-{id_}",
            "DeploymentProcessId": f"deploymentprocess-{id_}",
            "ProjectGroupId": "ProjectGroups-1",
            "LifecycleId": "Lifecycles-1",
            "AutoCreateRelease": False,
            "DiscreteChannelRelease": False,
            "IncludedLibraryVariableSetIds": [],
        }
        self.add("Project", id_, Name=name, **(body | more))
        self.process(f"deploymentprocess-{id_}", id_, *steps)
        self.variables(f"variableset-{id_}", id_, *variables)
        return id_

    def process(self, id_: str, owner: str, *actions: dict[str, Any], frozen: bool = False, **more: Any) -> str:
        steps = [
            {"Id": f"s{n}", "Name": a["Name"], "Properties": a.pop("Step", {}), "Actions": [a]}
            for n, a in enumerate(actions)
        ]
        table = more.pop("table", "DeploymentProcess")
        body = {"OwnerId": owner, "IsFrozen": frozen, "Version": 1, "Steps": steps, "RelatedDocumentIds": []}
        return self.add(table, id_, **body, **more)

    def variables(self, id_: str, owner: str, *some: dict[str, Any], frozen: bool = False) -> str:
        body = {"OwnerId": owner, "IsFrozen": frozen, "Version": 1, "Variables": list(some), "RelatedDocumentIds": []}
        return self.add("VariableSet", id_, **body)

    def library(self, id_: str, name: str, *variables: dict[str, Any], templates: list[Any] | None = None) -> str:
        self.add(
            "LibraryVariableSet",
            id_,
            Name=name,
            VariableSetId=f"variableset-{id_}",
            ContentType="Variables",
            Templates=templates or [],
        )
        self.variables(f"variableset-{id_}", id_, *variables)
        return id_

    def environment(self, id_: str, name: str) -> str:
        return self.add("DeploymentEnvironment", id_, Name=name, SortOrder=1)

    def tenant(self, id_: str, name: str, **projects: list[str]) -> str:
        connected = {key.replace("_", "-"): value for key, value in projects.items()}
        return self.add(
            "Tenant", id_, Name=name, ProjectIds=list(connected), TenantTags=[], ProjectEnvironments=connected
        )

    def release(self, number: int, version: str, project: str = "Projects-1", **more: Any) -> str:
        """
        Add a release with frozen copies of its project's process and variables.
        """
        tail = f"{project}-s-{number}-ABCDE"
        process, variables = more.pop("steps", []), more.pop("variables", [])
        self.process(f"deploymentprocess-{tail}", project, *process, frozen=True)
        self.variables(f"variableset-{tail}", project, *variables, frozen=True)
        return self.add(
            "Release",
            f"Releases-{number}",
            Version=version,
            Assembled="2018-09-03T08:00:00.000+00:00",
            ProjectId=project,
            ProjectVariableSetSnapshotId=f"variableset-{tail}",
            ProjectDeploymentProcessSnapshotId=f"deploymentprocess-{tail}",
            ChannelId=more.pop("channel", "Channels-1"),
            **more,
        )

    def export(self, *projects: str, into: str = "partial", **selection: Any) -> Exported:
        chosen = {"projects": projects or (() if "groups" in selection else ("Shop",))} | selection
        folder = self.folder / into
        report = partial_export(self.server.address, folder, Selection(**chosen), OPTIONS)
        return Exported(folder, report)

    def whole(self, into: str = "whole") -> dict[str, bytes]:
        folder = self.folder / into
        report = export(self.server.address, folder, OPTIONS)
        return Exported(folder, PartialReport(report.counts)).files()


def action(name: str = "Run", properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """
    Return an action of a step.
    """
    return {"Id": f"guid-{name}", "Name": name, "ActionType": "Octopus.Script", "Properties": properties or {}} | more


def new_shop(folder: Path) -> Shop:
    """
    Return a server with a group, a lifecycle to one environment and a channel of the project Shop.
    """
    shop = Shop(Server(empty(folder / "shop.db")), folder)
    shop.add("ProjectGroup", "ProjectGroups-1", Name="Web")
    shop.environment("Environments-1", "Dev")
    phase = {
        "Id": "p",
        "Name": "Dev",
        "AutomaticDeploymentTargets": [],
        "OptionalDeploymentTargets": ["Environments-1"],
    }
    shop.add("Lifecycle", "Lifecycles-1", Name="Plain", Phases=[phase])
    shop.add("Channel", "Channels-1", Name="Default", ProjectId="Projects-1", LifecycleId=None, TenantTags=[], Rules=[])
    return shop


def take(target: Server, exported: Exported) -> Any:
    """
    Import an export into a server.
    """
    return import_tree(target.address, FolderFiles(exported.folder), IMPORT)
