"""
Tables that are never exported, each with the reason.
"""

from __future__ import annotations

EXCLUDED_TABLES = {
    "KeyAllocation": "the server's own counter of ids",
    "SchemaVersions": "the journal of the database's own upgrades",
    "Mutex": "locks of running nodes",
    "OctopusServerNode": "nodes of one installation and when they were last seen",
    "OctopusServerInstallationHistory": "which versions were installed on one installation",
    "WorkerTaskLease": "leases of running tasks",
    "Invitation": "open invitations expire by themselves",
    "RelatedDocument": "derived by the server from the documents",
    "NuGetPackage": "an index of the built-in feed's files",
    "sysdiagrams": "a drawing of a database tool",
}
