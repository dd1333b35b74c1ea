"""
What differs between two trees of a repository, with the names of both: ready to be shown, or said in a commit.

A run tells its changes so before it commits them. Not here: the index, which keeps them; how they look (``changes``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from auditor.changes.wording import DocumentChange, Names, Sides
from auditor.history.names import Laid, named, names_before, names_in
from auditor.history.reader import Changed, open_reader
from migrator.tree.git import Git

MOST_FILES = 2000
"""A run of which more files differ counts its documents and does not tell what changed in each: that costs time, and
nobody reads it there."""


@dataclass(frozen=True)
class Told:
    """
    What differs between two states, with the names of both.
    """

    changes: tuple[DocumentChange, ...]
    sides: Sides
    found: tuple[Changed, ...] = field(default=(), repr=False)


def tell(git: Git, old_tree: str | None, new_tree: str, names: Names, most_files: int | None = None) -> Told | None:
    """
    Return what differs between two trees, ``None`` where that is in more than *most_files* files.

    *names* knows what ids are called of which nothing differs; of those that do, the trees tell it.

    Raises:
        GitError: git ended before its time.
    """
    with open_reader(git) as reader:
        before = old_tree or reader.empty_tree()
        touched = reader.touched(before, new_tree)
        if most_files is not None and len(touched) > most_files:
            return None
        found = tuple(reader.documents(touched, before, new_tree))
    old = Laid(names, (pair for item in found for pair in names_before(item)))
    new = Laid(names, (pair for item in found for pair in names_in(item)))
    return Told(tuple(named(item.change, new if item.new else old) for item in found), Sides(old, new), found)
