"""
Counting documents by what became of them, and telling their type from a path.
"""

from __future__ import annotations

import pytest

from auditor.changes.outcomes import Change, Outcome, counts, documents_of, group_of


def test_documents_are_counted_by_type_and_outcome() -> None:
    """
    Each type has its own counts, in an order that does not depend on that of the changes.
    """
    changes = [
        Change("Project", "b", Outcome.REMOVED),
        Change("Machine", "m", Outcome.ADDED),
        Change("Project", "a", Outcome.ADDED),
        Change("Project", "c", Outcome.ADDED),
    ]

    assert list(counts(changes).items()) == [("Machine", {"added": 1}), ("Project", {"added": 2, "removed": 1})]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("Projects/Shop/Shop.json", "Project"),
        ("Projects/Shop/Shop-VariableSet.json", "VariableSet"),
        ("Tenants/Acme/Acme-variables-TenantVariables-1.json", "TenantVariable"),
        ("Projects/Shop/Shop-variables.json", "Project"),
        ("PROJECTS/Shop/Shop.json", "Project"),
        ("Machines/web.json", "Machine"),
        ("Spaces/Default/Machines/web.json", "Machine"),
        ("Spaces/Default/Default.json", "Space"),
        ("Spaces/Default.json", "Space"),
        ("Nobody/x.json", "Nobody"),
        ("Projects/Web Shop/Web Shop-DeploymentProcess.json", "DeploymentProcess"),
    ],
)
def test_a_path_tells_the_kind(path: str, kind: str) -> None:
    """
    The folder says what is counted, in a space's folder as on a server without; parts of an owner stand with it.
    """
    assert group_of(path) == kind


def test_documents_are_the_files_of_json_in_folders() -> None:
    """
    Scripts and what stands at the root are no documents.
    """
    paths = ["Teams/a.json", "metadata.json", "Projects/a/a.steps.ps1", "README.md"]
    assert documents_of(paths) == ["Teams/a.json"]
