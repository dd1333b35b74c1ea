"""
One document in, one row out, as the server's own mapper stores it: columns, and the rest as JSON.

What a document means does not belong here.

Source: the public document mapper Nevermore, and a public schema snapshot of a 2018.8 database.
"""

# Table names come from the callers' code and cannot be bound as parameters.
# ruff: noqa: S608
from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

TABLE_OF_PREFIX: Mapping[str, str] = {
    "accounts": "Account",
    "approvalpolicies": "ApprovalPolicy",
    "actiontemplates": "ActionTemplate",
    "actiontemplateversions": "ActionTemplateVersion",
    "artifacts": "Artifact",
    "certificates": "Certificate",
    "channels": "Channel",
    "communityactiontemplates": "CommunityActionTemplate",
    "deploymentfreezes": "DeploymentFreeze",
    "deploymentprocess": "DeploymentProcess",
    "deployments": "Deployment",
    "environments": "DeploymentEnvironment",
    "events": "Event",
    "feeds": "Feed",
    "gitcredentials": "GitCredential",
    "insightsreports": "InsightsReport",
    "interruptions": "Interruption",
    "invitations": "Invitation",
    "libraryvariablesets": "LibraryVariableSet",
    "lifecycles": "Lifecycle",
    "machinepolicies": "MachinePolicy",
    "machines": "Machine",
    "projectgroups": "ProjectGroup",
    "projects": "Project",
    "projecttriggers": "ProjectTrigger",
    "proxies": "Proxy",
    "releases": "Release",
    "runbooks": "Runbook",
    "servertasks": "ServerTask",
    "spaces": "Space",
    "subscriptions": "Subscription",
    "tagsets": "TagSet",
    "teams": "Team",
    "tenants": "Tenant",
    "tenantvariables": "TenantVariable",
    "userroles": "UserRole",
    "users": "User",
    "variableset": "VariableSet",
    "workerpools": "WorkerPool",
    "workers": "Worker",
}
"""The table that a document id's prefix names, in lower case."""

_ACCOUNT_SLUGS = (
    "usernamepassword",
    "amazonwebservicesaccount",
    "azureserviceprincipal",
    "azuresubscription",
    "sshkeypair",
    "token",
)
_JSON_COLUMNS = frozenset(
    [
        "CustomFields",
        "Details",
        "ExternalSecurityGroups",
        "GrantedPermissions",
        "GrantedSpacePermissions",
        "GrantedSystemPermissions",
        "Icon",
        "Identities",
        "ProjectEnvironments",
        "SupportedRestrictions",
        "UserRoleIds",
    ]
)
"""Columns that newer servers keep a list or a dictionary in, as a text of JSON."""
_LIST_COLUMNS = frozenset(["TenantTags", "IncludedTenantTags", "Roles", "ExternalIdentifiers"])
_BIT_COLUMNS = frozenset(["AutoCreateRelease", "DiscreteChannelRelease", "Exclusive", "CanBeDeleted", "CanBeRenamed"])
_JOINED = {"Project": ("IncludedLibraryVariableSetIds", "ProjectLibraryVariableSet", "ProjectId")}
"""Lists that the newest servers keep in a table of their own, with the column of their owner."""
_BODIES = ("JSON", "JSONBlob")
# The server reserves ids in blocks of this size, hence the visible jumps.
_BLOCK = 20
# Their related ids have a table of their own, or none.
_NO_EDGES = frozenset(["Event", "Artifact", "Interruption"])


def insert(connection: sqlite3.Connection, table: str, document: Mapping[str, Any], *, blob: bool = False) -> None:
    """
    Add *document* to *table*: what has a column goes there, the rest into JSON.

    Lists in columns become ``|a|b|``, booleans 0 and 1. ``blob`` puts the body into JSONBlob where there is one.
    Keeps KeyAllocation and RelatedDocument right; the rowversion counts by itself.

    Raises:
        sqlite3.IntegrityError: the id or the natural key is taken, or a needed column is missing.
    """
    document = _join(connection, table, document)
    row = row_of(columns_of(connection, table), document, blob=blob)
    connection.execute(
        f'INSERT INTO "{table}" ({", ".join(_quoted(row))}) VALUES ({", ".join("?" for _ in row)})',
        list(row.values()),
    )
    _allocate(connection, table, str(document["Id"]))
    _relate(connection, table, document)


def update(connection: sqlite3.Connection, table: str, document: Mapping[str, Any], *, blob: bool = False) -> None:
    """
    Replace the row of *document* (by its Id) with what *document* says; columns it does not name stay.

    Raises:
        KeyError: there is no such row.
    """
    document = _join(connection, table, document)
    row = row_of(columns_of(connection, table), document, blob=blob)
    changed = connection.execute(
        f'UPDATE "{table}" SET {", ".join(f"{name} = ?" for name in _quoted(row))} WHERE Id = ?',
        [*row.values(), document["Id"]],
    ).rowcount
    if not changed:
        raise KeyError(f"{table} has no {document['Id']}")
    _relate(connection, table, document)


def delete(connection: sqlite3.Connection, table: str, id_: str) -> None:
    """
    Remove the row *id_* and its edges.

    Raises:
        KeyError: there is no such row.
    """
    if not connection.execute(f'DELETE FROM "{table}" WHERE Id = ?', (id_,)).rowcount:
        raise KeyError(f"{table} has no {id_}")
    connection.execute("DELETE FROM RelatedDocument WHERE Id = ?", (id_,))
    _join(connection, table, {"Id": id_, _JOINED.get(table, ("",))[0]: []})


def read(connection: sqlite3.Connection, table: str, id_: str) -> dict[str, Any]:
    """
    Return the merged document *id_* without its rowversion.

    Raises:
        KeyError: there is no such row.
    """
    cursor = connection.execute(f'SELECT * FROM "{table}" WHERE Id = ?', (id_,))
    values = cursor.fetchone()
    if values is None:
        raise KeyError(f"{table} has no {id_}")
    row = dict(zip((item[0] for item in cursor.description), values, strict=True))
    body = row.get("JSON")
    if body is None and row.get("JSONBlob") is not None:
        body = gzip.decompress(row["JSONBlob"]).decode("utf-16-le")
    columns = {name: _from_column(name, value) for name, value in row.items() if name not in (*_BODIES, "DataVersion")}
    rest: dict[str, Any] = json.loads(body or "{}")
    return columns | rest | _joined(connection, table, id_)


def _join(connection: sqlite3.Connection, table: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Write the list of a document that has a table of its own, and return the document without it.
    """
    name, joined, owner = _JOINED.get(table, ("", "", ""))
    if name not in document or not columns_of(connection, joined):
        return document
    connection.execute(f'DELETE FROM "{joined}" WHERE "{owner}" = ?', (document["Id"],))
    rows = [(document["Id"], value, at) for at, value in enumerate(document[name])]
    connection.executemany(f'INSERT INTO "{joined}" VALUES (?, ?, ?)', rows)
    return {key: value for key, value in document.items() if key != name}


def _joined(connection: sqlite3.Connection, table: str, id_: str) -> dict[str, Any]:
    name, joined, owner = _JOINED.get(table, ("", "", ""))
    if not name or not (columns := columns_of(connection, joined)):
        return {}
    select = f'SELECT "{columns[1]}" FROM "{joined}" WHERE "{owner}" = ? ORDER BY "{columns[2]}"'
    return {name: [value for (value,) in connection.execute(select, (id_,))]}


def next_id(connection: sqlite3.Connection, table: str, prefix: str) -> str:
    """
    Return the first free id ``prefix-N`` above all that were ever used in *table*.
    """
    rows = connection.execute(f'SELECT Id FROM "{table}" WHERE Id LIKE ?', (f"{prefix}-%",))
    used = [int(tail) for (id_,) in rows if (tail := id_[len(prefix) + 1 :]).isdigit()]
    return f"{prefix}-{max(used, default=0) + 1}"


def table_of(id_: str) -> str | None:
    """
    Return the table that holds *id_*, judged by its prefix, or ``None``.
    """
    if "/" in id_:
        return None  # a tag: it lives inside its set
    prefix = id_.partition("-")[0].lower()
    return "Account" if prefix in _ACCOUNT_SLUGS else TABLE_OF_PREFIX.get(prefix)


def compressed(body: str) -> bytes:
    """
    Return *body* as JSONBlob holds it: GZip of UTF-16LE, the same bytes every time.
    """
    return gzip.compress(body.encode("utf-16-le"), mtime=0)


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """
    Return the column names of *table*, in order.
    """
    return [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]


def row_of(names: Sequence[str], document: Mapping[str, Any], *, blob: bool = False) -> dict[str, Any]:
    """
    Return *document* as the row of a table with the columns *names*: values by column, the rest as the body.

    Raises:
        ValueError: there is no body column and something is left over.
    """
    row = {name: _to_column(name, document[name]) for name in names if name in document and name not in _BODIES}
    if "SpaceId" in names and "SpaceId" not in document:
        row["SpaceId"] = "Spaces-1"
    rest = {name: value for name, value in document.items() if name not in names}
    bodies = [name for name in _BODIES if name in names]
    if not bodies:
        if rest:
            raise ValueError(f"{document['Id']}: no column for {', '.join(rest)}")
        return row
    body = json.dumps(rest, ensure_ascii=False, separators=(",", ":"))
    chosen = "JSONBlob" if "JSONBlob" in bodies and (blob or "JSON" not in bodies) else "JSON"
    return row | dict.fromkeys(bodies) | {chosen: compressed(body) if chosen == "JSONBlob" else body}


def _to_column(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if name in _JSON_COLUMNS and value is not None:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, list):
        return f"|{'|'.join(value)}|" if value else ""
    return value


def _from_column(name: str, value: Any) -> Any:
    if name in _JSON_COLUMNS and value:
        return json.loads(value)
    if name.endswith("Ids") or name in _LIST_COLUMNS:
        # Real lists may end in a blank.
        return [item for item in (value or "").split("|") if item.strip()]
    if isinstance(value, int) and (name.startswith(("Is", "Has")) or name in _BIT_COLUMNS):
        return bool(value)
    return value


def _allocate(connection: sqlite3.Connection, table: str, id_: str) -> None:
    tail = id_.rpartition("-")[2]
    # The ids of sets and processes are made of their owner's and use up no numbers.
    if not tail.isdigit() or table in ("KeyAllocation", "VariableSet", "DeploymentProcess", "RunbookProcess"):
        return
    block = -(-int(tail) // _BLOCK) * _BLOCK
    connection.execute(
        "INSERT INTO KeyAllocation (CollectionName, Allocated) VALUES (?, ?) "
        "ON CONFLICT (CollectionName) DO UPDATE SET Allocated = max(Allocated, excluded.Allocated)",
        (table, block),
    )


def _relate(connection: sqlite3.Connection, table: str, document: Mapping[str, Any]) -> None:
    if table in _NO_EDGES:
        return
    related = document.get("RelatedDocumentIds") or [document.get("RelatedDocumentId")]
    edges = [(document["Id"], table, id_, target) for id_ in related if id_ and (target := table_of(id_))]
    connection.execute("DELETE FROM RelatedDocument WHERE Id = ?", (document["Id"],))
    names = '(Id, "Table", RelatedDocumentId, RelatedDocumentTable)'
    connection.executemany(f"INSERT INTO RelatedDocument {names} VALUES (?, ?, ?, ?)", edges)


def _quoted(names: Mapping[str, Any]) -> list[str]:
    return [f'"{name}"' for name in names]
