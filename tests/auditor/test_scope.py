"""
One repository for one team: projects, spaces and types in a server's table ``export``.
"""

from __future__ import annotations

import pytest

from auditor.scope import ATTEMPTS, read_until_still
from migrator.errors import ChangedMeanwhile, DatabaseError
from migrator.exporter import partial_export
from migrator.selection.request import Selection
from tests.support.audits import RENDERED, Audited
from tests.support.servers import contents


def test_the_tree_of_some_projects_is_that_of_a_partial_export(fresh: Audited) -> None:
    """
    An audit of a project commits exactly the files of a partial export without history, metadata included.
    """
    fresh.change(export={"projects": ["web shop"], "leave_out": ["certificates"]})
    fresh.good()
    chosen = Selection(("web shop",), history=False, ignored=frozenset(("Certificate",)))
    options = fresh.database.options(render=RENDERED)
    partial_export(fresh.database.address, fresh.root / "partial", chosen, options)
    assert fresh.files() == contents(fresh.root / "partial")


def test_nothing_changed_gives_no_commit_and_a_change_one(fresh: Audited) -> None:
    """
    The state of rows holds for some projects: edits elsewhere are not seen, one inside is, and a leaver is taken out.
    """
    fresh.change(export={"projects": ["Ledger"]})
    first = fresh.good()
    assert first.commits
    fresh.database.edit("Project", "Projects-1", lambda body: body.update(Description="elsewhere"))
    assert not fresh.good().commits
    fresh.database.edit("Project", "Projects-7", lambda body: body.update(IncludedLibraryVariableSetIds=[]))
    changed = fresh.good()
    assert changed.commits
    gone = {path for path, how in fresh.changed().items() if how == "D"}
    assert any(path.startswith("LibraryVariableSets/") for path in gone)


def test_types_are_left_out_of_a_whole_server(fresh: Audited) -> None:
    """
    Without projects, leave_out alone makes a tree of everything but these types.
    """
    fresh.change(export={"leave_out": ["Users", "step templates"]})
    fresh.good()
    folders = {path.partition("/")[0] for path in fresh.files()}
    assert "Projects" in folders
    assert not folders & {"Users", "ActionTemplates"}


def test_an_unknown_project_fails_with_the_nearest(fresh: Audited) -> None:
    """
    A misspelt project is an error that says what was probably meant.
    """
    fresh.change(export={"projects": ["Legder"]})
    result = fresh.run()
    assert result.error is not None
    assert "did you mean Ledger" in result.error


@pytest.mark.parametrize("moves", range(ATTEMPTS + 1))
def test_a_read_counts_if_nothing_moved(moves: int) -> None:
    """
    A read during which something moved is thrown away, up to five times; the last one comes with what moved.
    """
    reads: list[int] = []
    pauses: list[float] = []
    state = iter([n for read in range(ATTEMPTS) for n in ((read, read + 1) if read < moves else (read, read))])

    def read() -> int:
        reads.append(len(reads))
        return len(reads)

    def probe() -> dict[str, str]:
        return {"User\nRole": str(next(state)), "Lifecycle": ""}

    found, moved = read_until_still(read, probe, sleep=pauses.append)
    assert found == min(moves + 1, ATTEMPTS)
    assert moved == (("User Role",) if moves == ATTEMPTS else ())
    assert len(pauses) == found - 1


def test_what_happens_beside_the_configuration_is_no_movement() -> None:
    """
    Somebody logs in: an audit event, and nothing that was read.
    """
    number = iter(range(10))
    assert read_until_still(lambda: "all", lambda: {"Event": str(next(number))}) == ("all", ())


def test_rows_that_came_and_went_are_read_again() -> None:
    """
    The read's own complaint counts as movement; one that stays is told, and any other error at once.
    """
    failing = [ChangedMeanwhile("rows came"), None]

    def read() -> str:
        if failing and (error := failing.pop(0)):
            raise error
        return "all"

    assert read_until_still(read, dict) == ("all", ())
    tried: list[type[DatabaseError]] = []

    def never(kind: type[DatabaseError]) -> str:
        tried.append(kind)
        raise kind("it was so")

    for kind, attempts in ((ChangedMeanwhile, 3), (DatabaseError, 1)):
        tried.clear()
        with pytest.raises(kind, match="it was so"):
            read_until_still(lambda kind=kind: never(kind), dict, 3)  # type: ignore[misc]
        assert len(tried) == attempts
