"""
Audits of a server of the newest shape: what is not in the tree is counted and named, and nothing moves by itself.
"""

from __future__ import annotations

from auditor.audit import RunOptions
from auditor.cli.once import summary
from migrator.exporter import export
from tests.support.audits import RENDERED, Audited
from tests.support.servers import contents
from tests.support.templates import sample

HOUSEKEEPING = """
    UPDATE OctopusServerNodeStatus SET LastSeen = 'now', RunningTaskCount = 3;
    UPDATE MessageBusCursor SET Position = Position + 100;
    DELETE FROM WorkerLease;
    UPDATE ProjectReadModel SET JSON = '{"n": 2}';
    INSERT INTO UserSession VALUES ('UserSessions-2', 'Users-2', 'now');
    UPDATE Space SET TaskQueueStopped = 1, LastModified = 'now';
    UPDATE Machine SET JSON = json_set(JSON, '$.HealthStatus', 'Unknown', '$.OperatingSystemVersion', '7');
    UPDATE Machine SET JSON = json_set(JSON, '$.Endpoint.KubernetesAgentDetails.AgentVersion', '2.10.0')
        WHERE CommunicationStyle = 'KubernetesTentacle';
    UPDATE Subscription SET JSON = json_set(JSON,
        '$.EventNotificationSubscription.SlackDigestLastProcessedEventAutoId', 999) WHERE Id = 'Subscriptions-2';
    UPDATE User SET AccessTokensNotBefore = 'now';
    DELETE FROM DeploymentEnvironment WHERE Type = 'Ephemeral';
    INSERT INTO DeploymentEnvironment (Id, Name, SortOrder, Type, JSON, SpaceId)
        VALUES ('Environments-63', 'pr-418', 63, 'Ephemeral', '{}', 'Spaces-1');
"""


def test_what_is_not_in_the_tree_is_counted_and_named(fresh: Audited) -> None:
    """
    Environments that releases make are counted at each run; what lives in git is told when a project is new or changed.
    """
    sample(fresh.database.path, newest=True)
    first = summary(fresh.good())
    assert first["left_out"] == {"DeploymentEnvironment": 1}
    assert first["in_git"].keys() == {"Projects-2", "Projects-3", "Projects-4"}
    assert "https://git.example.com/shop/projects-3.git" in first["in_git"]["Projects-3"]
    assert first["tables"]["as_they_are"] == ["DeploymentTargetTag"]
    second = summary(fresh.good())
    assert (second["left_out"], second["in_git"], second["warnings"]) == (first["left_out"], {}, [])
    fresh.database.run("UPDATE Project SET Name = 'Renamed' WHERE Id = 'Projects-4'")
    fresh.database.run("DELETE FROM DeploymentEnvironment WHERE Type = 'Ephemeral'")
    third = summary(fresh.good())
    assert (third["left_out"], list(third["in_git"])) == ({}, ["Projects-4"])
    assert not any(path.startswith("Spaces/Default/Environments/") for path in fresh.changed())


def test_a_run_gives_what_an_export_gives(fresh: Audited) -> None:
    """
    By rows and from scratch, after edits and moves in tables of their own.
    """
    sample(fresh.database.path, newest=True)
    fresh.good()
    for step, statement in enumerate(
        (
            "UPDATE ProjectLibraryVariableSet SET SortOrder = 9 - SortOrder",
            "DELETE FROM DeploymentTargetTag WHERE Tag = 'edge'",
            "UPDATE Tenant SET IsDisabled = 1 - IsDisabled",
            "UPDATE Team SET ExternalSecurityGroups = '[{\"Id\":\"x\"}]' WHERE Id = 'Teams-21'",
        )
    ):
        fresh.database.run(statement)
        fresh.good()
        folder = fresh.root / f"export-{step}"
        export(fresh.database.address, folder, fresh.database.options(render=RENDERED))
        assert contents(folder) == fresh.files()
    head = fresh.head()
    fresh.good(RunOptions(full=True))
    assert fresh.head() == head


def test_what_the_server_does_by_itself_makes_no_commit(fresh: Audited) -> None:
    """
    Bookkeeping, times of saving, health, digests, a paused queue, an environment that a release made and removed.
    """
    sample(fresh.database.path, newest=True)
    fresh.good()
    head = fresh.head()
    with fresh.database.connection() as connection:
        connection.executescript(HOUSEKEEPING)
        for table in ("Project", "DeploymentEnvironment", "Channel", "Runbook", "TenantVariable", "DeploymentFreeze"):
            connection.execute(f"UPDATE {table} SET LastModified = 'now'")
    fresh.good()
    fresh.good(RunOptions(full=True))
    assert fresh.head() == head
