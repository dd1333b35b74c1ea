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
        ("Projects/Web Shop/Web Shop.json", "Project"),
        ("Projects/Web Shop/Web Shop-VariableSet.json", "VariableSet"),
        ("Projects/Web Shop/Web Shop-DeploymentProcess.json", "DeploymentProcess"),
        ("Spaces/Default/Projects/Web Shop/Web Shop.json", "Project"),
        ("Unheard/Of.json", "Unheard"),
    ],
)
def test_a_path_looks_like_a_type(path: str, kind: str) -> None:
    """
    What stands with its owner is told by the name of its file, in a space as without one.
    """
    assert group_of(path) == kind


def test_scripts_and_metadata_are_no_documents() -> None:
    """
    Only the JSON files below a folder are documents.
    """
    assert documents_of(["metadata.json", "Projects/A/A - Go.sh", "Projects/A/A.json"]) == ["Projects/A/A.json"]
