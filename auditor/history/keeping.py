"""
A run and the index: names for what it tells, and its commit taken in, where an index is there and up to date.

Where none is, a run does not make one, since that reads the whole history; the first question does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from auditor.changes.state import State
from auditor.changes.wording import Names
from auditor.history.index import Index, Unindexed
from auditor.history.names import Either, StateNames
from auditor.history.opened import index_path
from auditor.history.telling import Told
from migrator.tree.git import Git

MOST_DOCUMENTS = 200
"""A commit of more is taken in by the next question, so that no run takes notably longer."""


@contextmanager
def _index_at(repository: Path, git: Git, commit: str) -> Iterator[Index | None]:
    """
    Yield the index if it is there and *commit* is the newest it knows.
    """
    path = index_path(repository)
    if not path.is_file():
        yield None
        return
    with Index(path, git) as index:
        yield index if index.head() == commit else None


@contextmanager
def names_at(repository: Path, git: Git, head: str, state: State) -> Iterator[Names]:
    """
    Yield what ids are called: documents by the run's *state*, their parts by the index where it stands at *head*.
    """
    names: Names = StateNames(state)
    with ExitStack() as stack:
        with suppress(Unindexed, sqlite3.Error):
            index = stack.enter_context(_index_at(repository, git, head))
            seq = index.seq(head) if index is not None else None
            if index is not None and seq is not None:
                names = Either(names, _Unsure(index.names(seq)))
        yield names


class _Unsure:
    """
    Names from an index that may turn out to be damaged: a run goes on without them.
    """

    def __init__(self, names: Names) -> None:
        self._names = names

    def name(self, document_id: str) -> str | None:
        """
        Return the name, ``None`` if it is not known.
        """
        try:
            return self._names.name(document_id)
        except sqlite3.Error:
            return None


def keep_up(repository: Path, git: Git, parent: str, told: Told) -> None:
    """
    Take the commit on top of *parent* into the index, of which *told* is what changed; leave out a very large one.

    Raises:
        Unindexed: the index cannot be written.
    """
    if len(told.found) > MOST_DOCUMENTS:
        return
    try:
        with _index_at(repository, git, parent) as index:
            if index is not None:
                index.keep_up(git.run("rev-parse", "HEAD"), told)
    except sqlite3.Error as error:
        raise Unindexed(f"the index of {repository} cannot be written ({error})") from None
