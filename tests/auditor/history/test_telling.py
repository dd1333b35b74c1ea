"""
What differs between two trees, told with the names of both sides.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.changes.wording import NoNames
from auditor.history.telling import tell
from migrator.tree.git import Git
from tests.support.histories import History, project, shop


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.git")


def test_each_side_has_its_own_names(history: History) -> None:
    """
    A renamed project is called as it was on the old side and as it is on the new one, nobody else knowing either.
    """
    first = history.commit(shop())
    second = history.commit(shop(**{"Projects/Web Shop/Web Shop.json": project(1, "Store")}))

    told = tell(Git(history.path), f"{first}^{{tree}}", f"{second}^{{tree}}", NoNames())

    assert told is not None
    assert (told.sides.shown("Projects-1", old=True), told.sides.shown("projects-1")) == ("Web Shop", "Store")


def test_what_is_gone_is_told_by_the_name_it_had(history: History) -> None:
    """
    A deleted document's id is shown on the new side as deleted, with its name.
    """
    first = history.commit(shop())
    tree = shop()
    del tree["Environments/Production.json"]
    second = history.commit(tree)

    told = tell(Git(history.path), f"{first}^{{tree}}", f"{second}^{{tree}}", NoNames())

    assert told is not None
    assert told.sides.shown("Environments-1") == 'Environments-1 (deleted, was "Production")'


def test_very_much_is_not_told(history: History) -> None:
    """
    Of more files than the limit nothing is read; of as many, all.
    """
    first = history.commit(shop())
    second = history.commit(shop(**{f"Environments/E{n}.json": {"Id": f"E-{n}", "Name": f"E{n}"} for n in range(3)}))
    git = Git(history.path)

    assert tell(git, f"{first}^{{tree}}", f"{second}^{{tree}}", NoNames(), 2) is None
    assert tell(git, f"{first}^{{tree}}", f"{second}^{{tree}}", NoNames(), 3) is not None
