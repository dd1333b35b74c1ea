"""
Sample content: machines, policies, proxies, workers and their pools.

Invented throughout.
"""

from __future__ import annotations

from typing import Any

from auditor.demo.builder import Builder, thumbprint
from auditor.demo.content.library import ACCOUNTS, ENVIRONMENTS

POLICIES = ["MachinePolicies-1", "MachinePolicies-2"]
POOLS = {"WorkerPools-1": "Default Worker Pool", "WorkerPools-2": "Linux, big", "WorkerPools-21": "Übersee"}
ROLES = ["web", "shop-db", "worker", "cluster", "billing batch", "edge"]
_ENDPOINTS = "Octopus.Core.Model.Environments.Endpoints"


def add_infrastructure(build: Builder) -> None:
    """
    Write all of it.
    """
    _policies(build)
    _proxies(build)
    _pools(build)
    for number in range(1, 25):
        _machine(build, number)
    for number in range(1, 4):
        _worker(build, number)


def _policies(build: Builder) -> None:
    names = {"MachinePolicies-1": "Default Machine Policy", "MachinePolicies-2": "Spot machines: clean up"}
    for id_, name in names.items():
        default = id_ == "MachinePolicies-1"
        check = "df -P / | awk 'NR==2 {print $5}'\n"
        build.add(
            "MachinePolicy",
            Id=id_,
            Name=name,
            IsDefault=default,
            Description=None,
            MachineHealthCheckPolicy={
                "TentacleEndpointHealthCheckPolicy": {"RunType": "InheritFromDefault", "ScriptBody": None},
                "SshEndpointHealthCheckPolicy": {"RunType": "Inline", "ScriptBody": check},
                "HealthCheckInterval": "01:00:00" if default else "00:10:00",
            },
            MachineConnectivityPolicy={"MachineConnectivityBehavior": "ExpectedToBeOnline"},
            MachineCleanupPolicy={
                "DeleteMachinesBehavior": "DoNotDelete" if default else "DeleteUnavailableMachines",
                "DeleteMachinesElapsedTimeSpan": "00:00:00" if default else "02:00:00",
            },
            MachineUpdatePolicy={"CalamariUpdateBehavior": "UpdateOnDeployment", "TentacleUpdateBehavior": "Update"},
        )


def _proxies(build: Builder) -> None:
    for number, name in enumerate(["Branch office", "DMZ: outbound"], start=1):
        build.add(
            "Proxy",
            Id=f"Proxies-{number}",
            Name=name,
            Host=f"proxy{number}.example.com",
            Port=3128,
            ProxyType="HTTP",
            Username="octopus" if number == 2 else None,
            Password=build.secret("proxy password") if number == 2 else None,
        )


def _pools(build: Builder) -> None:
    for order, (id_, name) in enumerate(POOLS.items()):
        build.add("WorkerPool", Id=id_, Name=name, SortOrder=order, IsDefault=order == 0, Description="")


def _listening(number: int) -> dict[str, Any]:
    return {
        "$type": f"{_ENDPOINTS}.ListeningTentacleEndpoint, Octopus.Core",
        "Uri": f"https://node{number}.example.com:10933/",
        "ProxyId": "Proxies-2" if number % 5 == 0 else None,
    }


def _ssh(number: int) -> dict[str, Any]:
    return {
        "$type": f"{_ENDPOINTS}.SshEndpoint, Octopus.Core",
        "AccountId": ACCOUNTS["SshKeyPair"],
        "Host": f"linux{number}.example.com",
        "Port": 22,
        "DotNetCorePlatform": "linux-x64",
        "ProxyId": None,
    }


def _kubernetes(number: int) -> dict[str, Any]:
    return {
        "$type": f"{_ENDPOINTS}.KubernetesEndpoint, Octopus.Core",
        "ClusterUrl": f"https://cluster{number}.example.com:6443",
        "ClusterCertificate": "Certificates-2",
        "Namespace": "shop",
        "SkipTlsVerification": "False",
        "DefaultWorkerPoolId": "WorkerPools-2",
        "Authentication": {"AuthenticationType": "KubernetesStandard", "AccountId": ACCOUNTS["Token"]},
    }


def _web_app(number: int) -> dict[str, Any]:
    return {
        "$type": f"{_ENDPOINTS}.AzureWebAppEndpoint, Octopus.Core",
        "AccountId": ACCOUNTS["AzureServicePrincipal"],
        "ResourceGroupName": "shop-live",
        "WebAppName": f"shop-{number}",
        "WebAppSlotName": None,
    }


def _endpoint(build: Builder, number: int) -> tuple[str, dict[str, Any]]:
    kind = number % 6
    if kind == 1:
        return "Ssh", _ssh(number)
    if kind == 2:
        return "Kubernetes", _kubernetes(number)
    if kind == 3:
        return "AzureWebApp", _web_app(number)
    if kind == 4:
        folder = {"DropFolderPath": rf"\\files.example.com\drop\{number}"}
        word = build.secret(f"offline drop {number}") if number == 4 else None
        kind_name = f"{_ENDPOINTS}.OfflineDropEndpoint, Octopus.Core"
        return "OfflineDrop", {"$type": kind_name, "Destination": folder, "SensitiveVariablesEncryptionPassword": word}
    if kind == 5:
        return "None", {"$type": f"{_ENDPOINTS}.CloudRegionEndpoint, Octopus.Core", "DefaultWorkerPoolId": ""}
    return "TentaclePassive", _listening(number)


def _machine(build: Builder, number: int) -> None:
    environments = list(ENVIRONMENTS)
    style, endpoint = _endpoint(build, number)
    tentacle = style == "TentaclePassive"
    tenanted = number % 7 == 0
    names = {7: "Kasse 7 & Drucker", 11: "cloud/region eu", 13: "print:server"}
    build.add(
        "Machine",
        Id=f"Machines-{number}",
        Name=names.get(number, f"{style.lower()}-{number:02d}"),
        IsDisabled=number == 12,
        Roles=[ROLES[number % len(ROLES)], ROLES[(number + 2) % len(ROLES)]],
        EnvironmentIds=[environments[number % len(environments)]],
        MachinePolicyId=POLICIES[number % 2],
        TenantIds=["Tenants-1", "Tenants-2"] if tenanted else [],
        TenantTags=["TagSets-1/Tags-2"] if tenanted else [],
        TenantedDeploymentParticipation="Tenanted" if tenanted else "Untenanted",
        Thumbprint=thumbprint(f"machine {number}") if tentacle else None,
        Fingerprint=None,
        CommunicationStyle=style,
        Endpoint=endpoint,
        HealthStatus="Healthy",
        StatusSummary="This machine is running the latest version.",
        HasLatestCalamari=True,
    )


def _worker(build: Builder, number: int) -> None:
    build.add(
        "Worker",
        Id=f"Workers-{number}",
        Name=f"worker-{number}" if number < 3 else "worker: Übersee/3",
        IsDisabled=False,
        WorkerPoolIds=[list(POOLS)[number - 1]],
        MachinePolicyId="MachinePolicies-1",
        Thumbprint=thumbprint(f"worker {number}"),
        Fingerprint=None,
        CommunicationStyle="TentaclePassive",
        Endpoint=_listening(100 + number),
        HealthStatus="Healthy",
    )
