"""
Which type a file of a tree is: its folder, its id, and what the original tool wrote into it.
"""

from __future__ import annotations

from typing import Any

import pytest

from migrator.maps import REGISTRY
from migrator.octopus_format.classes import CLASSES
from migrator.tree.types import Place, Types, place_of

TYPES = Types()


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("metadata.json", Place(None, "")),
        ("Teams/a.json", Place(None, "Teams")),
        ("Projects/a/a.json", Place(None, "Projects")),
        ("Spaces/Default/Default.json", Place(None, "Spaces")),
        ("Spaces/Default.json", Place(None, "Spaces")),
        ("Spaces/Default/Teams/a.json", Place("Default", "Teams")),
        ("Spaces/Default/Projects/a/a.json", Place("Default", "Projects")),
    ],
)
def test_a_place_is_a_space_and_a_folder(path: str, place: Place) -> None:
    """
    Below a space's folder everything stands as on a server without spaces; its own file stands nearer to the root.
    """
    assert place_of(path) == place


def found(folder: str, identity: str, **body: Any) -> str | None:
    item = TYPES.find(folder, body, identity)
    return item.type if item else None


@pytest.mark.parametrize(
    ("folder", "identity", "type_"),
    [
        ("Teams", "Teams-1", "Team"),
        ("TEAMS", "anything", "Team"),
        ("Projects", "Projects-1", "Project"),
        ("Projects", "variableset-Projects-1", "VariableSet"),
        ("projects", "DEPLOYMENTPROCESS-Projects-1", "DeploymentProcess"),
        ("VariableSets", "x", "VariableSet"),
        ("LibraryVariableSets", "variableset-LibraryVariableSets-1", "VariableSet"),
        ("Tenants", "TenantVariables-1", "TenantVariable"),
        ("Releases", "variableset-Projects-1-s-2-ABCDE", "VariableSet"),
        ("Unheard", "Unheards-1", "Unheard"),
        ("Unheard", "Others-1", None),
        ("Mutex", "Mutexs-1", None),
        ("Project", "Projects-1", None),
        ("", "Projects-1", None),
    ],
)
def test_the_folder_and_the_id_tell_the_type(folder: str, identity: str, type_: str | None) -> None:
    """
    Parts stand with their owners and are told by their ids; a folder of an unknown table by the form of its ids.
    """
    assert found(folder, identity) == type_


def test_some_ids_are_of_one_type_wherever_they_stand() -> None:
    """
    Editions of the original tool put some documents into other folders, so their ids alone decide.
    """
    for item in REGISTRY.maps:
        for identity in item.ids_anywhere:
            assert found("Teams", identity.upper()) == item.type


def test_the_original_tool_wrote_the_type() -> None:
    """
    A class of the original's decides before the folder, however it is spelled; one that is unknown decides nothing.
    """
    for table, name in CLASSES.items():
        assert found("Teams", "x", **{"$type": f"Octopus.Core.Model.{name}, Octopus.Core"}) == table
    assert found("Other", "x", **{"$type": " octopus.core.model.PROJECTS.project "}) == "Project"
    assert found("Other", "x", **{"$type": "Octopus.Core.Model.NuGet.NuGetFeed, Octopus.Core"}) == "Feed"
    assert found("Teams", "x", **{"$type": "Octopus.Core.Model.Nobody, Octopus.Core"}) == "Team"
    assert found("Teams", "x", **{"$type": 5}) == "Team"


def test_folders_are_known_blind_to_case() -> None:
    """
    What holds documents is known by its folder's name, also that which the original tool gave to parts.
    """
    assert TYPES.knows("TEAMS") and TYPES.knows("variablesets") and not TYPES.knows("Unheard")
    assert {"teams", "projects", "variablesets"} <= TYPES.folders
