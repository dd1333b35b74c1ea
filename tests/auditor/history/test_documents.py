"""
Documents and types as people name them.
"""

from __future__ import annotations

import pytest

from auditor.history.documents import label, type_called
from migrator.errors import UsageError


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        ("Machine", "Machine"),
        ("machine", "Machine"),
        ("Target", "Machine"),
        ("targets", "Machine"),
        ("TEAMS", "Team"),
        ("step template", "ActionTemplate"),
        ("variables", "VariableSet"),
        ("deployment process", "DeploymentProcess"),
        ("library set", "LibraryVariableSet"),
    ],
)
def test_a_type_is_called_by_any_of_its_words(word: str, type_: str) -> None:
    """
    The table's name, people's title and their plural all mean the type, in any case.
    """
    assert type_called(word) == type_


def test_a_word_for_no_type_is_told_with_the_nearest() -> None:
    """
    A mistyped word names what was probably meant.
    """
    with pytest.raises(UsageError, match=r"there is no type machin.*machine"):
        type_called("machin")


@pytest.mark.parametrize(
    ("type_", "name", "owner", "called"),
    [
        ("Machine", "web-07", None, "Target web-07"),
        ("Machine", "web-07", "somebody", "Target web-07"),
        ("VariableSet", "x", "Project Web Shop", "Project Web Shop / variables"),
        ("VariableSet", "x", None, "variables x"),
        ("Channel", "Beta", "Project Web Shop", "Project Web Shop / Channel Beta"),
        ("Unheard", "x", None, "Unheard x"),
        ("SomeThing", "x", None, "Some thing x"),
    ],
)
def test_a_document_has_a_label(type_: str, name: str, owner: str | None, called: str) -> None:
    """
    A part is called by its owner and its area, anything else by its title and its name.
    """
    assert label(type_, name, owner) == called
