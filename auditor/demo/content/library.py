"""
Sample content of the library: environments, tags, lifecycles, groups, feeds, accounts, certificates, variable sets.

Invented throughout. Projects do not belong here.
"""

from __future__ import annotations

from typing import Any

from auditor.demo.builder import Builder, guid, key_file, thumbprint, when

ENVIRONMENTS = {
    "Environments-1": "Development",
    "Environments-2": "Test",
    "Environments-3": "Staging",
    "Environments-21": "Production",
    "Environments-22": "Production: stand-by site",
}
TAG_SETS = {
    "TagSets-1": ("Region", ["Nordics", "DACH", "Iberia", "Benelux"]),
    "TagSets-2": ("Release ring", ["Early adopter", "Stable"]),
    "TagSets-21": ("Hosting & support", ["Dedicated", "Shared / small", "24x7"]),
}
GROUPS = {
    "ProjectGroups-1": "Storefront",
    "ProjectGroups-2": "Payments & Billing",
    "ProjectGroups-21": "Logistics",
    "ProjectGroups-22": "Platform",
    "ProjectGroups-23": "Data: reports/lake",
    "ProjectGroups-41": "Sandbox",
}
LIFECYCLES = ["Lifecycles-1", "Lifecycles-2", "Lifecycles-21"]
ACCOUNTS = {
    "UsernamePassword": "usernamepassword-deploy-robot",
    "SshKeyPair": "sshkeypair-linux-fleet",
    "AzureSubscription": "azuresubscription-classic-cloud",
    "AzureServicePrincipal": "azureserviceprincipal-cloud-operations",
    "AmazonWebServicesAccount": "amazonwebservicesaccount-retail",
    "Token": "token-cluster-north",
}
CERTIFICATES = ["Certificates-1", "Certificates-2", "Certificates-3", "Certificates-4"]


def add_library(build: Builder) -> None:
    """
    Write all of it.
    """
    _environments_and_tags(build)
    _lifecycles(build)
    _feeds(build)
    _accounts(build)
    _certificates(build)


def _environments_and_tags(build: Builder) -> None:
    for order, (id_, name) in enumerate(ENVIRONMENTS.items()):
        guided = name.startswith("Production")
        text = f"{name} of all shops" if order else ""
        build.add(
            "DeploymentEnvironment", Id=id_, Name=name, SortOrder=order, Description=text, UseGuidedFailure=guided
        )
    colours = ["#0077B3", "#227647", "#ECAD3F", "#A80000"]
    for order, (id_, (name, tags)) in enumerate(TAG_SETS.items()):
        members = [
            {
                "Id": f"{id_}/Tags-{number}",
                "Name": tag,
                "Description": None,
                "Color": colours[number % len(colours)],
                "SortOrder": number,
            }
            for number, tag in enumerate(tags, start=1)
        ]
        build.add("TagSet", Id=id_, Name=name, SortOrder=order, Description="", Tags=members)
    for id_, name in GROUPS.items():
        text = f"Everything about {name.lower()}"
        build.add("ProjectGroup", Id=id_, Name=name, Description=text, EnvironmentIds=[], RetentionPolicyId=None)


def _retention(quantity: int, unit: str = "Items") -> dict[str, Any]:
    return {"Unit": unit, "QuantityToKeep": quantity, "ShouldKeepForever": quantity == 0}


def _phase(label: str, automatic: list[str], optional: list[str], retention: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "Id": guid(f"phase {label}"),
        "Name": label.partition(" - ")[2],
        "AutomaticDeploymentTargets": automatic,
        "OptionalDeploymentTargets": optional,
        "MinimumEnvironmentsBeforePromotion": 0,
        "IsOptionalPhase": label.endswith("rehearsal"),
        "ReleaseRetentionPolicy": retention,
        "TentacleRetentionPolicy": None,
    }


def _lifecycles(build: Builder) -> None:
    full = [
        _phase("standard - Build check", ["Environments-1"], [], _retention(5)),
        _phase("standard - Acceptance", [], ["Environments-2", "Environments-3"], None),
        _phase("standard - Live", [], ["Environments-21", "Environments-22"], _retention(90, "Days")),
    ]
    hotfix = [
        _phase("hotfix - rehearsal", [], ["Environments-3"], None),
        _phase("hotfix - Live", [], ["Environments-21"], None),
    ]
    plans: list[tuple[str, str, list[dict[str, Any]]]] = [
        ("Lifecycles-1", "Default Lifecycle", []),
        ("Lifecycles-2", "Standard: three gates", full),
        ("Lifecycles-21", "Hotfix", hotfix),
    ]
    for id_, name, phases in plans:
        build.add(
            "Lifecycle",
            Id=id_,
            Name=name,
            Description=None if not phases else f"{len(phases)} phases",
            Phases=phases,
            ReleaseRetentionPolicy=_retention(0),
            TentacleRetentionPolicy=_retention(3),
        )


def _feeds(build: Builder) -> None:
    feeds: list[tuple[str, str, str, str, dict[str, Any]]] = [
        ("feeds-builtin", "Octopus Server (built-in)", "octopus://", "BuiltIn", {"Username": "", "Password": None}),
        (
            "feeds-artifact-store",
            "Artifact store",
            "https://packages.example.com/nuget/v3/index.json",
            "NuGet",
            {"Username": "svc-octopus", "Password": build.secret("feed artifact store"), "EnhancedMode": False},
        ),
        (
            "feeds-container-registry",
            "Container registry",
            "https://registry.example.com",
            "Docker",
            {
                "Username": "puller",
                "Password": build.secret("feed container registry"),
                "ApiVersion": "v2",
                "RegistryPath": "shop",
            },
        ),
        (
            "feeds-registry-west",
            "Amazon registry/west",
            "https://ecr.eu-west-1.amazonaws.com",
            "AwsElasticContainerRegistry",
            {
                "AccessKey": "AKIDEMO00000000WEST",
                "SecretKey": build.secret("feed registry west"),
                "Region": "eu-west-1",
            },
        ),
        (
            "feeds-java-libraries",
            "Java libraries",
            "https://maven.example.com/releases",
            "Maven",
            {"Username": None, "Password": None, "DownloadAttempts": 5, "DownloadRetryBackoffSeconds": 10},
        ),
    ]
    for id_, name, uri, kind, rest in feeds:
        build.add("Feed", Id=id_, Name=name, FeedUri=uri, FeedType=kind, **rest)


def _accounts(build: Builder) -> None:
    azure = {"SubscriptionNumber": guid("subscription"), "TenantId": guid("directory"), "ClientId": guid("client")}
    accounts: dict[str, tuple[str, dict[str, Any]]] = {
        "UsernamePassword": ("Deploy robot", {"Username": "CORP\\deploy", "Password": build.secret("account robot")}),
        "SshKeyPair": (
            "Linux fleet",
            {
                "Username": "deployer",
                "PrivateKeyFile": build.seal(key_file("ssh key of the fleet")),
                "PrivateKeyPassphrase": build.secret("account ssh passphrase"),
            },
        ),
        "AzureSubscription": (
            "Classic cloud",
            {
                "SubscriptionNumber": guid("classic subscription"),
                "CertificateBytes": build.seal(key_file("azure management certificate")),
                "CertificateThumbprint": thumbprint("azure management certificate"),
                "ServiceManagementEndpointBaseUri": "",
            },
        ),
        "AzureServicePrincipal": ("Cloud operations", azure | {"Password": build.secret("account principal")}),
        "AmazonWebServicesAccount": (
            "Retail (Amazon)",
            {"AccessKey": "AKIDEMO0000000RETAIL", "SecretKey": build.secret("account amazon")},
        ),
        "Token": ("Cluster north", {"Token": build.secret("account token")}),
    }
    for kind, (name, rest) in accounts.items():
        scoped = kind in ("AzureSubscription", "Token")
        build.add(
            "Account",
            Id=ACCOUNTS[kind],
            AccountType=kind,
            Name=name,
            EnvironmentIds=["Environments-21"] if scoped else [],
            TenantIds=[],
            TenantTags=["TagSets-1/Tags-1"] if kind == "Token" else [],
            TenantedDeploymentParticipation="TenantedOrUntenanted" if kind == "Token" else "Untenanted",
            Description=None,
            **rest,
        )


def _certificates(build: Builder) -> None:
    plans = [
        ("Certificates-1", "shop.example.com", 0, 9000),
        ("Certificates-2", "shop.example.com", 9000, None),
        ("Certificates-3", "Signing: releases", 400, None),
        ("Certificates-4", "Ünterzeichner", 500, None),
    ]
    for id_, name, created, archived in plans:
        build.add(
            "Certificate",
            Id=id_,
            Name=name,
            Thumbprint=thumbprint(id_),
            NotAfter=when(created + 525_600),
            Subject=f"CN={name}, O=Example Retail",
            EnvironmentIds=["Environments-21"] if id_ == "Certificates-2" else [],
            TenantIds=[],
            TenantTags=[],
            TenantedDeploymentParticipation="Untenanted",
            Archived=None if archived is None else when(archived),
            Created=when(created),
            Notes="",
            CertificateDataFormat="Pkcs12",
            CertificateData=build.seal(key_file(f"certificate {id_}")),
            Password=build.secret(f"certificate {id_}"),
            ReplacedBy="Certificates-2" if archived else None,
            Issuer="CN=Example CA",
            SelfSigned=False,
            HasPrivateKey=True,
            SerialNumber=thumbprint(f"serial {id_}")[:16],
            SignatureAlgorithmName="sha256RSA",
            Version=3,
        )
