"""
Sample content: the variables of projects, of every type and scope.

Library variable sets are in ``demo.content.sets``.
"""

from __future__ import annotations

from typing import Any

from auditor.demo.builder import Builder
from auditor.demo.content.library import ACCOUNTS
from auditor.demo.content.sets import plain


def add_variables(build: Builder, project: str, channel: str, action: str | None) -> None:
    """
    Write the project's live variable set.
    """
    variables = project_variables(build, project, channel, action)
    build.add(
        "VariableSet",
        Id=f"variableset-{project}",
        OwnerId=project,
        Version=len(variables),
        IsFrozen=False,
        RelatedDocumentIds=scope_values(variables),
        Variables=variables,
    )


def scope_values(variables: list[dict[str, Any]]) -> list[str]:
    """
    Return all scope values of *variables*, each once: ids, role names and action GUIDs, as the server keeps them.
    """
    values = [value for variable in variables for group in variable.get("Scope", {}).values() for value in group]
    return list(dict.fromkeys(values))


def project_variables(build: Builder, project: str, channel: str, action: str | None) -> list[dict[str, Any]]:
    """
    Return one variable of each kind and scope; a few are left out by chance, so that projects differ.
    """
    always = [
        plain(project, "Site.Url", "http://localhost:5000", Environment=["Environments-1"]),
        plain(project, "Site.Url", "https://#{Region}.shop.example.com/", Environment=["Environments-21"]),
        secret(build, project, "Database.Password", Environment=["Environments-2", "Environments-3"]),
        secret(build, project, "Database.Password", Environment=["Environments-21"]),
        plain(project, "Replicas", str(build.rng.randint(1, 9))),
        prompted(project, "Deployment.Reason"),
    ]
    maybe = [
        plain(project, "Connection", "Server=#{Host};Database=shop;User=app;Password=#{Database.Password}"),
        plain(project, "Log.Level", "Debug", Machine=["Machines-1", "Machines-6"]),
        plain(project, "Log.Level", "Warning", Role=["web", "billing batch"]),
        plain(project, "Ring", "early", TenantTag=["TagSets-2/Tags-1"]),
        plain(project, "Mode", "preview", Channel=[channel]),
        plain(project, "Timeout", "90", **({"Action": [action]} if action else {})),
        plain(project, "Alias", "eins", Tenant=["Tenants-1"]),
        plain(project, "Empty", ""),
        plain(project, "Größe", "zwölf\r\nzeilen\ttext"),
        plain(project, "Cloud.Account", ACCOUNTS["AmazonWebServicesAccount"]) | {"Type": "AmazonWebServicesAccount"},
        plain(project, "Azure.Account", ACCOUNTS["AzureServicePrincipal"], Environment=["Environments-21"])
        | {"Type": "AzureAccount"},
        plain(project, "Tls", "Certificates-2") | {"Type": "Certificate"},
        plain(project, "Pool", "WorkerPools-2") | {"Type": "WorkerPool"},
    ]
    chosen = maybe if project == "Projects-1" else [item for item in maybe if build.rng.random() < 0.7]
    if project == "Projects-2":
        # Older servers wrote no Type but a mark.
        old = {key: value for key, value in secret(build, project, "Legacy.Token").items() if key != "Type"}
        chosen.append(old | {"IsSensitive": True})
    return always + chosen


def secret(build: Builder, owner: str, name: str, **scope: list[str]) -> dict[str, Any]:
    """
    Return a sensitive variable with a plaintext of its own.
    """
    label = f"variable {owner} {name} {sorted(scope.items())}"
    return plain(owner, name, build.secret(label), **scope) | {"Type": "Sensitive"}


def prompted(owner: str, name: str) -> dict[str, Any]:
    """
    Return a variable that is asked for at each deployment.
    """
    prompt = {
        "Label": "Why?",
        "Description": "One line",
        "Required": True,
        "DisplaySettings": {"Octopus.ControlType": "MultiLineText"},
    }
    return plain(owner, name, "because") | {"Prompt": prompt}
