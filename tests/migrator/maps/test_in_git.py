"""
Which part of a document lives in git, and where.
"""

from __future__ import annotations

from typing import Any

import pytest

from migrator.maps import REGISTRY
from migrator.maps.document_map import Role
from migrator.maps.in_git import place_in_git, without_login

IN_GIT = REGISTRY.of(Role.PROJECT).in_git


def settings(**more: Any) -> dict[str, Any]:
    """
    Return the settings of a project that is under version control.
    """
    own = {"Type": "VersionControlled", "Url": "https://bot:pw@git.example.com/shop.git", "DefaultBranch": "main"}
    return {"PersistenceSettings": own | {"BasePath": ".octopus/shop"} | more}


def test_a_project_says_what_of_it_lives_in_git() -> None:
    """
    Process and settings always do; variables and runbooks where their conversion says so; no password is told.
    """
    half = str(place_in_git(IN_GIT, settings()))
    state = {"VariablesAreInGit": True, "RunbooksAreInGit": True}
    whole = str(place_in_git(IN_GIT, settings(ConversionState=state)))

    assert half == (
        "its deployment process and deployment settings live in git "
        "(https://git.example.com/shop.git, branch main, folder .octopus/shop)"
    )
    assert "variables without secrets and runbooks" in whole and "pw" not in half + whole


@pytest.mark.parametrize("body", [{}, {"PersistenceSettings": {"Type": "Database"}}, {"PersistenceSettings": "odd"}])
def test_a_project_of_the_database_says_nothing(body: dict[str, Any]) -> None:
    """
    Where all of it is in the database there is nothing to tell.
    """
    assert place_in_git(IN_GIT, body) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a:b@c@git.example.com/x", "https://git.example.com/x"),
        ("git@git.example.com:x.git", "git@git.example.com:x.git"),
        ("https://[bad", "an address that cannot be read"),
    ],
)
def test_no_login_is_shown(url: str, shown: str) -> None:
    """
    Name and password of an address are nobody's business, however odd it is.
    """
    assert without_login(url) == shown
