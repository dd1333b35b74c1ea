"""
A run and the index: its commit is taken in where an index stands at the commit before, and never at the run's cost.
"""

from __future__ import annotations

import pytest

from auditor.history import keeping
from auditor.history.index import Index, check
from auditor.history.opened import index_path, opened
from migrator.tree.git import Git
from tests.support.audits import Audited


def known(audited: Audited) -> str | None:
    with Index(index_path(audited.repository), Git(audited.repository)) as index:
        return index.head()


def test_a_run_takes_its_commit_in(small_audited: Audited) -> None:
    """
    After a run the index stands at its commit, without a question, and says what one made from git alone says.
    """
    with opened(small_audited.repository):
        pass
    small_audited.edit("change a variable")

    small_audited.good()

    assert known(small_audited) == small_audited.head()
    path = index_path(small_audited.repository)
    assert check(path, Git(small_audited.repository), small_audited.head()) == []


def test_a_run_makes_no_index(small_audited: Audited) -> None:
    """
    Where nobody asked yet, a run does not read the whole history.
    """
    small_audited.edit("change a variable")

    small_audited.good()

    assert not index_path(small_audited.repository).exists()


def test_a_large_commit_waits_for_the_next_question(small_audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A commit of very many documents is left out, so that no run takes notably longer; the next question takes it in.
    """
    with opened(small_audited.repository):
        pass
    before = small_audited.head()
    monkeypatch.setattr(keeping, "MOST_DOCUMENTS", 0)
    small_audited.edit("change a variable")

    small_audited.good()

    assert known(small_audited) == before
    with opened(small_audited.repository) as history:
        assert history.head.id == small_audited.head()


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 300])
def test_a_damaged_index_stops_no_run(small_audited: Audited, damage: bytes) -> None:
    """
    Whatever is in the index's file, the run commits, and its words are the same.
    """
    path = index_path(small_audited.repository)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(damage)
    small_audited.edit("change a variable")

    small_audited.good()

    assert small_audited.subject() == "Web Shop: Replicas 3 -> 12"


def test_parts_are_named_where_the_index_knows_them(audited: Audited) -> None:
    """
    What a run tells names documents by its own state: no id stands in its commit where a name is known.
    """
    audited.edit("add a team member")

    audited.good()

    assert "+ petr.novak" in audited.git("log", "-1", "--format=%B", "main")
