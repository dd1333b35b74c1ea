"""
The state folder knows every file below it, and nobody else names one.
"""

from __future__ import annotations

import ast
from pathlib import Path

from auditor.daemon.trigger import Requests
from auditor.state_folder import LOCK, StateFolder
from auditor.window.journal import Entry, Journal
from tests.support.audits import Audited
from tests.support.servers import ROOT

NAMES = {"journal.json", "status.json", "rows.sqlite", "index.sqlite", "trigger", LOCK}


def test_it_knows_every_file(audited: Audited) -> None:
    """
    What a run, an open window and a daemon leave below the folder are the files that it names, for their owner only.
    """
    folder = audited.folder
    Journal(folder.journal).write(Entry("prod", "https://octopus.example.com", "2026-05-13T12:00:00+00:00", 1))
    requests = Requests()
    requests.replace({"prod": folder})
    requests.close()

    assert {path.name for path in folder.path.iterdir()} == NAMES - {"index.sqlite"}
    assert {folder.journal, folder.status, folder.rows, folder.index, folder.trigger, folder.lock} == {
        folder.path / name for name in NAMES
    }


def test_it_stands_beside_the_repository() -> None:
    """
    The folder has the repository's name and an ending, also where that is written with a slash at its end.
    """
    assert StateFolder.beside(Path("/srv/prod.git/")).path == Path("/srv/prod.git.state")


def test_nobody_else_names_a_file_of_it() -> None:
    """
    The name of a state file stands in one module.
    """
    files = NAMES - {"trigger"}  # A command of the auditor, and what a scheduler goes by, have that name too.
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "auditor").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in files
    }

    # An index inside a clone's own .git is no server's state.
    assert found - {"auditor/history/opened.py"} == {"auditor/state_folder.py"}
