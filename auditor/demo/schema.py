"""
The tables of the embedded database, in three shapes: DDL for SQLite from the server's schema as data.

Also hands on the row functions of ``rows``, so that one import makes and fills a database. Sample content does not
belong here.

Sources: schema-2018.8.json (facts of a public schema snapshot); for ``spaces`` the release notes from 2019 on; for
``newest`` what public issues, clients and the names of the upgrade's scripts say of 2019 to 2026. Which columns a table
that lost its JSON has, and how lists stand in them, is inferred.
"""

# Table names come from package data and cannot be bound as parameters.
# ruff: noqa: S608
from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from auditor.demo.rows import delete, insert, next_id, read, table_of, update

__all__ = ["create_database", "delete", "insert", "next_id", "read", "table_definitions", "table_of", "update"]

# NOCASE, as the collations that SQL Server has by default are blind to case.
_TYPES = {
    "nvarchar": "TEXT COLLATE NOCASE",
    "varchar": "TEXT COLLATE NOCASE",
    "uniqueidentifier": "TEXT COLLATE NOCASE",
    "datetimeoffset": "TEXT",
    "datetime": "TEXT",
    "int": "INTEGER",
    "bigint": "INTEGER",
    "bit": "INTEGER",
    "timestamp": "BLOB",
    "varbinary": "BLOB",
}

# Server-wide tables that stay outside spaces (2019 on); every other document table gets a SpaceId.
_SYSTEM_LEVEL = frozenset(
    [
        "User",
        "UserRole",
        "Configuration",
        "ApiKey",
        "ExtensionConfiguration",
        "CommunityActionTemplate",
        "DashboardConfiguration",
        "Invitation",
        "KeyAllocation",
        "Mutex",
        "NuGetPackage",
        "OctopusServerInstallationHistory",
        "OctopusServerNode",
        "RelatedDocument",
        "SchemaVersions",
        "DeploymentHistory",
        "DeploymentRelatedMachine",
        "EventRelatedDocument",
        "WorkerTaskLease",
    ]
)

_COUNTER = "rowversion"
# A rowversion is eight bytes, big end first. SQLite before 3.41 has no unhex(): bytes are cut from a blob of all 256.
_ALL_BYTES = f"x'{bytes(range(256)).hex()}'"
# A view, since every connection parses the whole schema: this much in each trigger would cost it milliseconds.
_STAMP = (
    "CREATE VIEW rowversion_stamp AS SELECT CAST("
    + " || ".join(f"substr({_ALL_BYTES}, ((seq >> {shift}) & 255) + 1, 1)" for shift in range(56, -1, -8))
    + f" AS BLOB) AS stamp FROM sqlite_sequence WHERE name = '{_COUNTER}'"
)
_ZERO_STAMP = "x'0000000000000000'"


def create_database(path: Path, spaces: bool = False, *, newest: bool = False) -> None:
    """
    Make a new SQLite file at *path* with all tables of a 2018.8 server, empty.

    ``spaces`` makes a newer one: Space and SpaceId, a few tables of 2019 and later, bodies in JSONBlob; ``newest`` that
    of a 2026.1 server: lists in tables of their own, tables without JSON, the server's bookkeeping. Rowversions and
    identity columns count by triggers, whoever writes the row.

    Raises:
        FileExistsError: there is a file at *path* already.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already")
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.execute(_STAMP)
            for name, table in table_definitions(spaces, newest=newest).items():
                for statement in _statements(name, table):
                    connection.execute(statement)
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, 2000)", (_COUNTER,))
    finally:
        connection.close()


def table_definitions(spaces: bool = False, *, newest: bool = False) -> dict[str, dict[str, Any]]:
    """
    Return each table's ``columns``, ``primary_key`` and ``unique`` as data, in one of three shapes.
    """
    text = files("auditor.demo").joinpath("schema-2018.8.json").read_text(encoding="utf-8")
    tables: dict[str, dict[str, Any]] = json.loads(text)["tables"]
    if newest:
        return _newest(_with_spaces(tables))
    return _with_spaces(tables) if spaces else tables


def _with_spaces(tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    for name, table in tables.items():
        if name not in _SYSTEM_LEVEL:
            table["columns"].append(_column("SpaceId", nullable=True))
            for unique in table["unique"]:
                # Names need be unique within a space only.
                unique["columns"].append("SpaceId")
    tables["VariableSet"]["columns"] = _mixed_body(tables["VariableSet"]["columns"])
    tables["DeploymentProcess"]["columns"] = _blob_body(tables["DeploymentProcess"]["columns"])
    return tables | {
        "Space": _table(["Name", "Slug", "IsDefault:bit", "JSON"], unique=[["Name"], ["Slug"]]),
        "Runbook": _table(["Name", "ProjectId", "JSON", "SpaceId"], unique=[["ProjectId", "Name"]]),
        "RunbookProcess": _table(
            [
                "ProjectId",
                "OwnerId",
                "IsFrozen:bit",
                "Version:int",
                "RelatedDocumentIds",
                "JSONBlob:varbinary",
                "SpaceId",
            ]
        ),
        "ScopedUserRole": _table(["TeamId", "UserRoleId", "JSON", "SpaceId"]),
        "DeploymentSettings": _table(["ProjectId", "JSON", "SpaceId"]),
        "GitCredential": _table(["Name", "JSON", "SpaceId"], unique=[["Name", "SpaceId"]]),
    }


_WITHOUT_JSON = {
    "Tenant": "Slug Description ClonedFromTenantId ProjectEnvironments Icon IsDisabled:bit CustomFields "
    "LogoAttachmentKey",
    "ProjectGroup": "Slug Description EnvironmentIds RetentionPolicyId",
    "UserRole": "Description GrantedPermissions GrantedSpacePermissions GrantedSystemPermissions SupportedRestrictions "
    "CanBeDeleted:bit",
    "Team": "Slug Description ExternalSecurityGroups UserRoleIds CanBeDeleted:bit CanBeRenamed:bit",
    "User": "PasswordHashed SecurityGroupIds SecurityGroupsLastUpdated CanPasswordBeEdited:bit Identities Notes "
    "AccessTokensNotBefore",
    "ScopedUserRole": "ProjectIds ProjectGroupIds EnvironmentIds TenantIds",
    "ApiKey": "Purpose Expires",
    "WorkerPool": "Slug Description WorkerPoolType WorkerType",
}
"""The columns that took the place of JSON by 2024.4, as far as the sample content has something for them."""

_MORE_COLUMNS = {
    "Project": "LastModified",
    "DeploymentEnvironment": "Slug Type LastModified",
    "Channel": "Slug LastModified",
    "Runbook": "Slug LastModified",
    "Machine": "Slug DeploymentTargetType",
    "Lifecycle": "Slug",
    "Feed": "Slug",
    "Account": "Slug",
    "Space": "LastModified TaskQueueStopped:bit",
    "VariableSet": "OwnerType",
    "TenantVariable": "OwnerType LastModified",
    "RelatedDocument": "RelatedDocumentIdPrefix",
}

_NEWER_TABLES = {
    "DeploymentFreeze": "Name Start End LastModified JSON",
    "InsightsReport": "Name SpaceId JSON",
    "ApprovalPolicy": "Name SpaceId JSON",
    "SpaceDefaultRetentionPolicy": "Name RetentionType SpaceId JSON",
    "ServiceAccountOidcIdentity": "Name ServiceAccountId Issuer Subject Audience",
    "GitHubAppConnection": "AccountLogin SpaceId JSON",
    "KubernetesMonitor": "MachineId InstallationId SpaceId JSON",
    "RateLimitingPolicy": "Name IsBuiltIn:bit ScopeType JSON",
    "SshKnownHost": "Host KeyType PublicKey",
    "PlatformHubAccount": "Name Slug Details",
    # The server's own bookkeeping, which moves all day.
    "OctopusServerNodeStatus": "LastSeen RunningTaskCount:int",
    "MessageBusCursor": "Position:int",
    "WorkerLease": "WorkerId TaskId Taken",
    "ProjectReadModel": "ProjectId JSON",
    "UserSession": "UserId LastUsed",
}
_JOIN_TABLES = {
    "ProjectLibraryVariableSet": (
        "ProjectId LibraryVariableSetId SortOrder:int",
        ("ProjectId", "LibraryVariableSetId"),
    ),
    # Nobody has facts about this one: it is exported as it is.
    "DeploymentTargetTag": ("TargetId Tag Origin:int", ("TargetId", "Tag")),
}


def _newest(tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    for name, words in _WITHOUT_JSON.items():
        had = {column["name"] for column in tables[name]["columns"]}
        own = [column for column in tables[name]["columns"] if column["name"] != "JSON"]
        tables[name]["columns"] = [*own, *_columns(word for word in words.split() if word.partition(":")[0] not in had)]
    for name, words in _MORE_COLUMNS.items():
        had = {column["name"] for column in tables[name]["columns"]}
        tables[name]["columns"] += _columns(word for word in words.split() if word.partition(":")[0] not in had)
    project = tables["Project"]
    project["columns"] = [item for item in project["columns"] if item["name"] != "IncludedLibraryVariableSetIds"]
    del tables["Mutex"]
    new = {name: _loose(words.split(), ("Id",)) for name, words in _NEWER_TABLES.items()}
    new |= {name: _loose(words.split(), key) for name, (words, key) in _JOIN_TABLES.items()}
    return tables | new


def _columns(words: Iterable[str]) -> list[dict[str, Any]]:
    return [_column(word.partition(":")[0], word.partition(":")[2] or "nvarchar", nullable=True) for word in words]


def _loose(words: list[str], key: tuple[str, ...]) -> dict[str, Any]:
    names = words if set(key) <= {word.partition(":")[0] for word in words} else [*key, *words]
    return {"primary_key": list(key), "unique": [], "columns": _columns(names)}


def _table(columns: list[str], unique: list[list[str]] | None = None) -> dict[str, Any]:
    pairs = [(text.partition(":")[0], text.partition(":")[2] or "nvarchar") for text in ["Id", *columns]]
    return {
        "primary_key": ["Id"],
        "unique": [{"columns": names} for names in unique or []],
        "columns": [_column(name, kind, nullable=name in ("SpaceId", "RelatedDocumentIds")) for name, kind in pairs],
    }


def _column(name: str, kind: str = "nvarchar", nullable: bool = False) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": nullable}


def _mixed_body(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    loose = [column | {"nullable": True} if column["name"] == "JSON" else column for column in columns]
    return [*loose, _column("JSONBlob", "varbinary", nullable=True)]


def _blob_body(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_column("JSONBlob", "varbinary") if column["name"] == "JSON" else column for column in columns]


def _statements(name: str, table: dict[str, Any]) -> list[str]:
    key = table["primary_key"]
    lines = [_declare(column, key) for column in table["columns"]]
    if key and not any("PRIMARY KEY" in line for line in lines):
        lines.append(f"PRIMARY KEY ({_list(key)})")
    lines += [f"UNIQUE ({_list(unique['columns'])})" for unique in table["unique"]]
    create = f'CREATE TABLE "{name}" (\n  ' + ",\n  ".join(lines) + "\n)"
    return [create, *_triggers(name, table)]


def _declare(column: dict[str, Any], key: list[str]) -> str:
    name = column["name"]
    if column.get("identity") and key == [name]:
        return f'"{name}" INTEGER PRIMARY KEY AUTOINCREMENT'
    text = f'"{name}" {_TYPES[column["type"]]}'
    if not column["nullable"]:
        text += " NOT NULL"
    if "default" in column:
        text += f" DEFAULT {column['default']}"
    elif column["type"] == "timestamp":
        text += f" DEFAULT ({_ZERO_STAMP})"
    elif column.get("identity"):
        text += " DEFAULT 0"
    return text


def _triggers(name: str, table: dict[str, Any]) -> list[str]:
    triggers = []
    for column in table["columns"]:
        if column["type"] == "timestamp":
            triggers += _stamp_triggers(name)
        elif column.get("identity") and table["primary_key"] != [column["name"]]:
            field = column["name"]
            triggers.append(f'CREATE INDEX "IX_{name}_{field}" ON "{name}" ("{field}")')
            triggers.append(
                f'CREATE TRIGGER "{name}_{field}" AFTER INSERT ON "{name}" WHEN NEW."{field}" = 0 BEGIN '
                f'UPDATE "{name}" SET "{field}" = (SELECT max("{field}") + 1 FROM "{name}") '
                f"WHERE rowid = NEW.rowid; END"
            )
    return triggers


def _stamp_triggers(name: str) -> list[str]:
    body = (
        f"BEGIN UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = '{_COUNTER}'; "
        f'UPDATE "{name}" SET DataVersion = (SELECT stamp FROM rowversion_stamp) WHERE rowid = NEW.rowid; END'
    )
    return [
        f'CREATE TRIGGER "{name}_inserted" AFTER INSERT ON "{name}" WHEN NEW.DataVersion = {_ZERO_STAMP} {body}',
        # The stamp's own update changes it, and so is not stamped again.
        f'CREATE TRIGGER "{name}_updated" AFTER UPDATE ON "{name}" WHEN NEW.DataVersion IS OLD.DataVersion {body}',
    ]


def _list(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
