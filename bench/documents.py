"""
The documents of generated databases: real-looking words, valid references, distinct names, sizes as in the field.

How they get into a database is in ``generate``.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from typing import Any

from auditor.demo.builder import thumbprint
from migrator.secrets.ciphers import MasterKeyCipher

_TEXT = """
order basket invoice parcel route ledger shelf refund voucher ticket stock depot label batch queue broker region market
branch printer scanner counter price margin season supplier pallet courier address customer account night morning weekly
urgent retry window schedule report archive signal metric threshold balance transfer
"""
_WORDS = _TEXT.split()
_VERBS = ("check", "load", "send", "sort", "merge", "print", "count", "verify", "publish", "collect", "close", "open")
ENVIRONMENTS = [f"Environments-{number}" for number in range(1, 6)]
"""The environments that every generated database has."""

_SECRET_FIELDS = {"UsernamePassword": "Password", "AmazonWebServicesAccount": "SecretKey", "Token": "Token"}
_BIG_EVERY = 1000
Row = tuple[str, dict[str, Any]]


class Maker:
    """
    The random source of one generated database, and the texts made from it.
    """

    def __init__(self, seed: int, master_key: bytes) -> None:
        self.rng = random.Random(seed)
        self.cipher = MasterKeyCipher(master_key, self.rng.randbytes)
        self.made = 0

    def words(self, count: int) -> str:
        return " ".join(self.rng.choices(_WORDS, k=count))

    def name(self, number: int) -> str:
        return f"{self.words(2).title()} {number}"

    def guid(self) -> str:
        return str(uuid.UUID(bytes=self.rng.randbytes(16), version=4))

    def secret(self) -> str:
        return self.cipher.seal(self.rng.randbytes(15).hex())

    def size(self) -> int:
        """
        Return how many characters of text the next body wants: mostly about 2 KB, now and then 100 KB.
        """
        self.made += 1
        if self.made % _BIG_EVERY == 0:
            return 100_000
        return int(self.rng.lognormvariate(7.4, 0.45))

    def script(self, size: int) -> str:
        lines: list[str] = []
        while size > 0:
            word, other = self.rng.sample(_WORDS, 2)
            line = f"${word} = {self.rng.choice(_VERBS)}-{other} -Limit {self.rng.randrange(1000)}  # {self.words(4)}"
            lines.append(line)
            size -= len(line) + 2
        return "\r\n".join(lines)


def documents(make: Maker, count: int) -> Iterator[Row]:
    """
    Yield *count* documents with their tables; each group of 20 refers to itself and to groups before it.
    """
    # Of each 20 documents: 9 of three projects, 3 machines, 3 of tenants, 2 of a library set, an account, 2 others.
    made = 0
    for group in range(1, count + 1):
        for row in _group(make, group):
            if made == count:
                return
            made += 1
            yield row


def _group(make: Maker, group: int) -> Iterator[Row]:
    for part in range(3):
        yield from _project(make, group * 3 + part - 2)
    for part in range(3):
        yield "Machine", _machine(make, group * 3 + part - 2)
    yield "Tenant", _tenant(make, group)
    for part in range(2):
        yield "TenantVariable", _tenant_variable(make, group, part)
    yield from _library_set(make, group)
    yield "Account", _account(make, group)
    yield "ActionTemplate", _template(make, group)
    yield "Channel", _channel(make, group)


def _project(make: Maker, number: int) -> Iterator[Row]:
    id_ = f"Projects-{number}"
    name = make.name(number)
    library = (number + 2) // 3
    project = {
        "Id": id_,
        "Name": name,
        "Slug": name.lower().replace(" ", "-"),
        "IsDisabled": False,
        "VariableSetId": f"variableset-{id_}",
        "DeploymentProcessId": f"deploymentprocess-{id_}",
        "ProjectGroupId": f"ProjectGroups-{number % 20 + 1}",
        "LifecycleId": "Lifecycles-1",
        "AutoCreateRelease": False,
        "DiscreteChannelRelease": False,
        "IncludedLibraryVariableSetIds": [f"LibraryVariableSets-{library - 1}"] if library > 1 else [],
        "Description": make.script(make.size()),
        "Templates": [_parameter(f"{id_} colour")],
        "TenantedDeploymentMode": "TenantedOrUntenanted",
        "VersioningStrategy": {"DonorPackageStepId": None, "Template": "1.0.#{Octopus.Version.NextPatch}"},
        "AutoDeployReleaseOverrides": [],
    }
    yield "Project", project
    yield "DeploymentProcess", _process(make, id_)
    yield "VariableSet", _variables(make, id_, number % 3 == 0)


def _process(make: Maker, owner: str) -> dict[str, Any]:
    size = make.size()
    steps = []
    count = make.rng.randint(1, 3)
    for number in range(count):
        name = f"{make.rng.choice(_VERBS)} {make.words(1)} {number}"
        properties = {
            "Octopus.Action.Script.ScriptSource": "Inline",
            "Octopus.Action.Script.Syntax": "PowerShell",
            "Octopus.Action.Script.ScriptBody": make.script(size // count),
            "Octopus.Action.RunOnServer": "false",
        }
        action = {"Id": make.guid(), "Name": name, "ActionType": "Octopus.Script", "IsDisabled": False}
        lists: dict[str, Any] = {
            "Environments": [],
            "ExcludedEnvironments": [],
            "Channels": [],
            "TenantTags": [],
            "Packages": [],
        }
        step = {"Id": make.guid(), "Name": name, "Condition": "Success", "StartTrigger": "StartAfterPrevious"}
        roles = {"Octopus.Action.TargetRoles": make.rng.choice(_WORDS)}
        steps.append(step | {"Properties": roles, "Actions": [action | lists | {"Properties": properties}]})
    return {
        "Id": f"deploymentprocess-{owner}",
        "OwnerId": owner,
        "IsFrozen": False,
        "Version": 3,
        "RelatedDocumentIds": [],
        "Steps": steps,
    }


def _variables(make: Maker, owner: str, secrets: bool) -> dict[str, Any]:
    size = make.size()
    variables: list[dict[str, Any]] = []
    while size > 0:
        environment = make.rng.choice(ENVIRONMENTS)
        value = make.words(make.rng.randint(1, 12) if size < 50_000 else 2000)
        variable: dict[str, Any] = {
            "Id": make.guid(),
            "Name": f"{make.words(1)}.{len(variables)}",
            "Value": value,
            "Type": "String",
        }
        if make.rng.random() < 0.5:
            variable["Scope"] = {"Environment": [environment]}
        variables.append(variable)
        size -= len(value) + 130
    for number in range(2 if secrets else 0):
        name = f"{make.words(1)}.key{number}"
        variables.append({"Id": make.guid(), "Name": name, "Value": make.secret(), "Type": "Sensitive"})
    scopes = [item["Scope"]["Environment"][0] for item in variables if "Scope" in item]
    return {
        "Id": f"variableset-{owner}",
        "OwnerId": owner,
        "Version": len(variables),
        "IsFrozen": False,
        "RelatedDocumentIds": sorted(set(scopes)),
        "Variables": variables,
    }


def _machine(make: Maker, number: int) -> dict[str, Any]:
    endpoint = {
        "$type": "Octopus.Core.Model.Environments.Endpoints.ListeningTentacleEndpoint, Octopus.Core",
        "Uri": f"https://node{number}.example.com:10933/",
        "ProxyId": None,
    }
    return {
        "Id": f"Machines-{number}",
        "Name": f"{make.words(1)}-{number}",
        "IsDisabled": False,
        "Roles": make.rng.sample(_WORDS[:20], 3),
        "EnvironmentIds": [make.rng.choice(ENVIRONMENTS)],
        "MachinePolicyId": "MachinePolicies-1",
        "TenantIds": [],
        "TenantTags": [],
        "Thumbprint": thumbprint(f"machine {number}"),
        "Fingerprint": None,
        "CommunicationStyle": "TentaclePassive",
        "Endpoint": endpoint,
        "Notes": make.script(make.size()),
    }


def _tenant(make: Maker, group: int) -> dict[str, Any]:
    projects = [f"Projects-{group * 3 - 2}"]
    return {
        "Id": f"Tenants-{group}",
        "Name": make.name(group),
        "ProjectIds": projects,
        "TenantTags": [],
        "ProjectEnvironments": dict.fromkeys(projects, ENVIRONMENTS[:2]),
        "Description": make.script(make.size()),
    }


def _tenant_variable(make: Maker, group: int, part: int) -> dict[str, Any]:
    owner = f"Projects-{group * 3 - 2}"
    secret = part == 0 and group % 2 == 0
    return {
        "Id": f"TenantVariables-{group * 2 + part - 1}",
        "TenantId": f"Tenants-{group}",
        "OwnerId": owner,
        "EnvironmentId": ENVIRONMENTS[part],
        "VariableTemplateId": _parameter(f"{owner} colour")["Id"],
        "RelatedDocumentId": None,
        "Value": {"SensitiveValue": make.secret()} if secret else make.script(make.size()),
    }


def _library_set(make: Maker, group: int) -> Iterator[Row]:
    id_ = f"LibraryVariableSets-{group}"
    library = {
        "Id": id_,
        "Name": make.name(group),
        "VariableSetId": f"variableset-{id_}",
        "ContentType": "Variables",
        "Description": make.script(make.size()),
        "Templates": [],
    }
    yield "LibraryVariableSet", library
    yield "VariableSet", _variables(make, id_, group % 4 == 0)


def _account(make: Maker, group: int) -> dict[str, Any]:
    kind = list(_SECRET_FIELDS)[group % 3]
    return {
        "Id": f"{kind.lower()}-{group}",
        "AccountType": kind,
        "Name": make.name(group),
        "EnvironmentIds": [],
        "TenantIds": [],
        "TenantTags": [],
        "Description": make.script(make.size()),
        _SECRET_FIELDS[kind]: make.secret() if group % 2 else None,
    }


def _template(make: Maker, group: int) -> dict[str, Any]:
    properties = {
        "Octopus.Action.Script.ScriptSource": "Inline",
        "Octopus.Action.Script.Syntax": "PowerShell",
        "Octopus.Action.Script.ScriptBody": make.script(make.size()),
    }
    return {
        "Id": f"ActionTemplates-{group}",
        "Name": make.name(group),
        "Version": 1,
        "ActionType": "Octopus.Script",
        "CommunityActionTemplateId": None,
        "Properties": properties,
        "Parameters": [_parameter(f"template {group}")],
    }


def _channel(make: Maker, group: int) -> dict[str, Any]:
    return {
        "Id": f"Channels-{group}",
        "Name": "Default",
        "ProjectId": f"Projects-{group * 3 - 2}",
        "LifecycleId": None,
        "TenantTags": [],
        "Description": make.script(make.size()),
        "IsDefault": True,
        "Rules": [],
    }


def _parameter(label: str) -> dict[str, Any]:
    settings = {"Octopus.ControlType": "SingleLineText"}
    id_ = str(uuid.uuid5(uuid.NAMESPACE_OID, label))
    return {"Id": id_, "Name": "Colour", "Label": "Colour", "DefaultValue": "blue", "DisplaySettings": settings}
