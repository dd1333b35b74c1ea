"""
The server's own tables by name, what an Octopus database is known by, and the tables that are never exported.
"""

from __future__ import annotations

EVENTS = "Event"
"""The audit trail."""
INSTALLATIONS = "OctopusServerInstallationHistory"
"""Which versions of the server ran on the database, and when."""
SETTINGS = "Configuration"
"""The server's settings, a row for each subject."""
SERVER_CERTIFICATE = "certificate-global"
"""The row of the settings with the server's own certificate, which its master key seals."""
KEYS = "KeyAllocation"
"""The server's own counter of ids, for each table."""
RELATED = "RelatedDocument"
"""Which documents a row is related to; derived by the server from the documents."""

CORE_TABLES = ("Project", "DeploymentEnvironment", SETTINGS, "VariableSet", "DeploymentProcess")
"""Tables of every Octopus database, by which one is known."""
EXPECTED_TABLES = (
    *CORE_TABLES,
    "Lifecycle",
    "ProjectGroup",
    "LibraryVariableSet",
    "Machine",
    "User",
    "Team",
    "UserRole",
)
"""Tables that every server since 2018 has: a missing one is worth a word."""

EXCLUDED_TABLES = {
    KEYS: "the server's own counter of ids",
    "SchemaVersions": "the journal of the database's own upgrades",
    "Mutex": "locks of running nodes",
    "OctopusServerNode": "nodes of one installation and when they were last seen",
    INSTALLATIONS: "which versions were installed on one installation",
    "WorkerTaskLease": "leases of running tasks",
    "Invitation": "open invitations expire by themselves",
    RELATED: "derived by the server from the documents",
    "NuGetPackage": "an index of the built-in feed's files",
    "sysdiagrams": "a drawing of a database tool",
}
