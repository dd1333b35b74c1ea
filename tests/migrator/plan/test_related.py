"""
The edges of a row: what its server keeps of what it refers to.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.imports import Server, account, doc, empty_server, environment, project, tree


@pytest.fixture
def target(tmp_path: Path) -> Server:
    return empty_server(tmp_path)


def _edges(target: Server) -> set[tuple[str, str, str]]:
    return set(target.run('SELECT "Table", RelatedDocumentId, RelatedDocumentTable FROM RelatedDocument'))


def test_a_machine_has_edges_to_what_it_works_with(target: Server) -> None:
    """
    The server asks the machines' edges before it lets a person delete an account, so an import writes them.
    """
    endpoint = {"CommunicationStyle": "Ssh", "AccountId": "acc-1", "ProxyId": "#{Proxy}"}
    body = {"Name": "web", "EnvironmentIds": ["Environments-1"], "Roles": ["web"], "Endpoint": endpoint}

    target.take(tree(account(), environment(), doc("Machine", "Machines-1", TenantTags=[], TenantIds=[], **body)))

    (cloud,) = target.all("Account")
    (dev,) = target.all("DeploymentEnvironment")
    assert _edges(target) == {
        ("Machine", cloud["Id"], "Account"),
        ("Machine", dev["Id"], "DeploymentEnvironment"),
    }


def test_edges_are_written_for_the_types_whose_edges_the_target_keeps(target: Server) -> None:
    """
    Which types those are is for the server to say: where it has edges of projects, a new project gets its own.
    """
    target.take(tree(*project()))
    assert not [edge for edge in _edges(target) if edge[0] == "Project"]

    target.run("INSERT INTO RelatedDocument VALUES ('Projects-99', 'Project', 'Lifecycles-99', 'Lifecycle')")
    target.take(tree(*project("Projects-2", "Second")))

    (lifecycle,) = target.all("Lifecycle")
    assert ("Project", lifecycle["Id"], "Lifecycle") in _edges(target)
