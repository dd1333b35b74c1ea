"""
Sample content: the server's own settings and bookkeeping.

What people configure in projects does not belong here.
"""

from __future__ import annotations

import json
from typing import Any

from auditor.demo.builder import Builder, guid, key_file, plaintext, thumbprint, when
from auditor.demo.stub import INSTALLATION_ID


def add_system(build: Builder) -> None:
    """
    Write all of it.
    """
    for id_, document in _configuration(build).items():
        build.add("Configuration", Id=id_, **document)
    _extensions(build)
    _bookkeeping(build)
    _packages(build)


def _configuration(build: Builder) -> dict[str, dict[str, Any]]:
    smtp = {
        "SmtpHost": "mail.example.com",
        "SmtpPort": 587,
        "SmtpLogin": "octopus",
        "SmtpPassword": build.secret("smtp"),
        "SendEmailFrom": "octopus@example.com",
        "EnableSsl": True,
    }
    certificate = {
        "Name": "CN=Octopus Portal",
        "Thumbprint": thumbprint("portal"),
        "CertificateData": build.seal(key_file("portal")),
    }
    license_text = (
        "<License Signature='demo'><LicensedTo>Example Retail</LicensedTo><ProjectLimit>60</ProjectLimit></License>"
    )
    return {
        "features": {
            "Name": "Features Configuration",
            "IsMultiTenancyEnabled": True,
            "IsDockerEnabled": True,
            "IsCommunityActionTemplatesEnabled": True,
            "IsBuiltInRepoSyncEnabled": False,
            "IsKubernetesEnabled": True,
        },
        "serverconfig": {
            "Name": "Server Configuration",
            "ServerUri": "https://octopus.example.com",
            "InstallationId": INSTALLATION_ID,
        },
        "smtp": {"Name": "Smtp Configuration"} | smtp,
        "webportal": {"Name": "Web Portal", "IsEnabled": True, "ListenPrefixes": "https://+:443/", "ForceSSL": True},
        "license": {"Name": "License", "LicenseText": license_text, "SerialNumber": guid("license")},
        "certificate-global": certificate,
        "maintenance": {"Name": "Maintenance", "IsInMaintenanceMode": False},
        "activitylogs": {"Name": "Activity log storage", "ActivityLogsDirectory": "C:\\Octopus\\TaskLogs"},
        "artifacts": {"Name": "Artifact storage", "ArtifactsDirectory": "C:\\Octopus\\Artifacts"},
        "builtinrepository": {"Name": "Built-in repository", "DeleteUnreleasedPackagesAfterDays": 30},
        "schedule": {"Name": "Schedules", "Schedules": {"Retention": {"Interval": "04:00:00", "LastRun": when(500)}}},
        "upgradeavailability": {"Name": "Upgrade availability", "LastChecked": when(620), "IsUpgradeAvailable": True},
    }


def _extensions(build: Builder) -> None:
    client_word = build.secret("open id client")
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "authentication-usernamepassword": ("Username Password", {"IsEnabled": True}),
        "authentication-guest": ("Guest", {"IsEnabled": False}),
        "authentication-aad": (
            "Azure AD",
            {
                "IsEnabled": True,
                "Issuer": "https://login.example.com/",
                "ClientSecret": client_word,
                "AllowAutoUserCreation": False,
            },
        ),
    }
    for id_, (name, inner) in settings.items():
        text = json.dumps({"Id": id_, "ConfigurationSchemaVersion": "1.0"} | inner)
        build.add("ExtensionConfiguration", Id=id_, Name=name, ExtensionAuthor="Octopus Deploy", Json=text)


def _bookkeeping(build: Builder) -> None:
    run = build.connection.execute
    versions = ["2018.7.4", "2018.8.9", "2018.8.12"]
    if build.newest:
        versions += ["2024.4.4121", "2026.1.2307"]
    for number, version in enumerate(versions, start=1):
        build.add(
            "OctopusServerInstallationHistory",
            Id=f"OctopusServerInstallationHistory-{number}",
            Node="OCTO01",
            Version=version,
            Installed=when(-40_000 + 10_000 * number),
        )
    for name in ["Script0001 - Initial tables", "Script0188 - Worker pools", "Script0201 - Worker leases"]:
        run(
            "INSERT INTO SchemaVersions (ScriptName, Applied) VALUES (?, ?)",
            (f"Octopus.Core.UpgradeScripts.{name}.sql", when(-30_000)),
        )
    build.add(
        "OctopusServerNode",
        Id="OctopusServerNodes-OCTO01",
        Name="OCTO01",
        LastSeen=when(630),
        Rank="Leader",
        MaxConcurrentTasks=5,
        IsInMaintenanceMode=False,
    )
    if not build.newest:
        build.add("Mutex", Id="Mutexes-retention", Holder="OCTO01")
    build.add(
        "WorkerTaskLease",
        Id="WorkerTaskLeases-1",
        WorkerId="Workers-1",
        TaskId="ServerTasks-1",
        Exclusive=False,
        Name="Workers-1",
    )


def _packages(build: Builder) -> None:
    for number, package in enumerate(["Batch", "Shop.web-shop", "Lake.invoices"], start=1):
        build.add(
            "NuGetPackage",
            Id=f"packages-{package}-1.{number}.0",
            PackageId=package,
            Version=f"1.{number}.0",
            VersionMajor=1,
            VersionMinor=number,
            VersionBuild=0,
            VersionRevision=0,
            VersionSpecial=None,
            Hash=plaintext(f"hash {package}"),
            Description="",
        )
