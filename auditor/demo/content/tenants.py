"""
Sample content: tenants, what they are connected to, and their values for templates.

Invented companies throughout.
"""

from __future__ import annotations

from typing import Any

from auditor.demo.builder import Builder, guid
from auditor.demo.content.library import ACCOUNTS

TENANTS = {
    "Tenants-1": "Nordlys Handel",
    "Tenants-2": "Bäckerei Süß & Söhne",
    "Tenants-3": "Oliva: Madrid/Lisboa",
    "Tenants-4": "Windmill Stores",
    "Tenants-21": "Fjord Outlet",
    "Tenants-22": "株式会社サンプル",
}
_PROJECTS = ["Projects-1", "Projects-5", "Projects-9"]
_ENVIRONMENTS = ["Environments-2", "Environments-21"]


def add_tenants(build: Builder) -> None:
    """
    Write all of it.
    """
    count = 0
    for number, (id_, name) in enumerate(TENANTS.items(), start=1):
        connected = _PROJECTS[: number % 3 + 1]
        build.add(
            "Tenant",
            Id=id_,
            Name=name,
            ProjectIds=connected,
            TenantTags=[f"TagSets-1/Tags-{number % 4 + 1}", f"TagSets-2/Tags-{number % 2 + 1}"],
            ProjectEnvironments=dict.fromkeys(connected, _ENVIRONMENTS[: number % 2 + 1]),
            ClonedFromTenantId="Tenants-1" if number == 5 else None,
            LogoAttachmentKey=None,
        )
        for variable in _values(build, number, id_, connected):
            count += 1
            build.add("TenantVariable", Id=f"TenantVariables-{count}", TenantId=id_, **variable)


def _values(build: Builder, number: int, tenant: str, connected: list[str]) -> list[dict[str, Any]]:
    common = "LibraryVariableSets-3"
    values = [
        _value(common, "Tenant.Alias", TENANTS[tenant].split()[0].casefold()),
        _value(common, "Tenant.ApiToken", build.sensitive(f"tenant token {tenant}")),
    ]
    if number % 2:
        account = ACCOUNTS["AzureServicePrincipal"]
        values.append(_value(common, "Tenant.CloudAccount", account) | {"RelatedDocumentId": account})
    for project in connected:
        for environment in _ENVIRONMENTS[: number % 2 + 1]:
            place = {"EnvironmentId": environment}
            values.append(_value(project, "Site.Colour", f"#00{number:02d}{len(values):02d}") | place)
            key = build.sensitive(f"site key {tenant} {project} {environment}")
            values.append(_value(project, "Site.Key", key) | place)
    return values


def _value(owner: str, template: str, value: Any) -> dict[str, Any]:
    return {
        "OwnerId": owner,
        "EnvironmentId": None,
        "VariableTemplateId": guid(f"template {owner} {template}"),
        "RelatedDocumentId": None,
        "Value": value,
    }
