"""
By what documents are told apart: the collation's own comparison, and ids made of an owner's.
"""

from __future__ import annotations

import pytest

from migrator.maps import REGISTRY
from migrator.maps.document_map import LAST
from migrator.maps.natural_keys import fold, key_of, owner_of, rank
from migrator.maps.parts import prefix_fits


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Web Shop", "WEB SHOP  ", True),
        ("Stra\u00dfe", "STRASSE", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("caf\u00e9", "cafe", False),
        (" a", "a", False),
        ("a\t", "a", False),
        (None, "", False),
        (5, 5, True),
    ],
)
def test_texts_are_compared_as_the_collation_does(one: object, other: object, same: bool) -> None:
    """
    Blind to case, to trailing blanks and to how an accent is written, not to accents; what is no text is itself.
    """
    assert (fold(one) == fold(other)) is same


def test_a_derived_id_tells_its_owner() -> None:
    """
    The column that names the owner says it; where it is empty, the id does, which is made of it, in any case.
    """
    variables, project = REGISTRY["VariableSet"], REGISTRY["Project"]
    assert owner_of(variables, "variableset-Projects-1", {"OwnerId": "Projects-2"}) == "Projects-2"
    for body in ({}, {"OwnerId": None}, {"OwnerId": ""}, {"OwnerId": 7}):
        assert owner_of(variables, "VariableSet-Projects-1", body) == "Projects-1"
    assert owner_of(variables, "something-else", {}) is None
    # No column names an owner: what stands under no name is none.
    assert owner_of(project, "Projects-1", {"": "Projects-9"}) == "1"


def test_what_a_map_says_of_matching_is_asked() -> None:
    """
    An import matches by a key of its own where there is one, and takes unknown types last.
    """
    assert key_of(REGISTRY["Project"]) == ("Name",)
    assert all(key_of(item) == (item.match_key or item.key) for item in REGISTRY.maps)
    assert rank("Space") < rank("Project") < rank("Unheard") == (LAST, "Unheard")


def test_the_form_of_an_id_is_blind_to_case() -> None:
    """
    An id fits a type by its beginning; a type that is not known, or has no such beginning, fits none.
    """
    assert prefix_fits("Project", "projects-1")
    assert not prefix_fits("Project", "ProjectGroups-1")
    assert not prefix_fits("Unheard", "Unheards-1")
    assert not any(prefix_fits(item.type, "anything") for item in REGISTRY.maps if not item.id_prefix)
