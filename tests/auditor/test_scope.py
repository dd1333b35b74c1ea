"""
One repository for one team: projects, spaces and types in a server's table ``export``.
"""

from __future__ import annotations

from migrator.exporter import partial_export
from migrator.selection.request import Selection
from tests.support.audits import Audited
from tests.support.servers import contents


def test_the_tree_of_some_projects_is_that_of_a_partial_export(fresh: Audited) -> None:
    """
    An audit of a project commits exactly the files of a partial export without history, metadata included.
    """
    fresh.change(export={"projects": ["web shop"], "leave_out": ["certificates"]})
    fresh.good()
    chosen = Selection(("web shop",), history=False, ignored=frozenset(("Certificate",)))
    partial_export(fresh.database.address, fresh.root / "partial", chosen, fresh.database.options())
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
