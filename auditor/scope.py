"""
The scope of an audit: which projects, spaces and types of document of a server it reads, by the table ``export``.

What chosen projects need is found by the migrator's own selection, so that an audit's tree and a partial export are the
same. A database that shows no frozen state is read again until it did not move. Not here: what is done with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from auditor.settings import ExportTable
from migrator.errors import ChangedMeanwhile
from migrator.export.read import Content, Progress, Server, read_rows, reader_of
from migrator.export.spool import Spool
from migrator.maps.document_map import Role
from migrator.maps.natural_keys import fold
from migrator.maps.system import EVENTS
from migrator.selection.read import read_selected, without
from migrator.selection.request import Selection, chosen_spaces, read_choices, type_names
from migrator.sql.rows import SPACE_COLUMN, Row, Table

ATTEMPTS = 5
IN_WINDOW = 3
"""Attempts while people wait for the window to close; there is no pause between them either."""
# Longer before each attempt, since what writes now may go on for a while.
_PAUSE = 2.0
Read = TypeVar("Read")


def selection_of(table: ExportTable) -> Selection:
    """
    Return what a server's table ``export`` chooses; without projects and groups it is the whole server but for types.

    Raises:
        UsageError: a type to leave out does not exist.
    """
    return Selection(table.projects, table.project_groups, table.spaces, type_names(table.leave_out), history=False)


def in_scope(server: Server, table: ExportTable) -> Server:
    """
    Return a server without the tables that are not to be read.
    """
    if not table.leave_out:
        return server
    return replace(server, schema=without(server.schema, selection_of(table)))


def read_scope(server: Server, spool: Spool, table: ExportTable, progress: Progress) -> Content:
    """
    Copy the rows of a server that are in scope to *spool*, in one read transaction.

    Raises:
        UsageError: a project, group or space does not exist.
        ChangedMeanwhile: rows came or went during the read.
        DatabaseError: the connection was lost.
    """
    selection = selection_of(table)
    if selection.projects or selection.groups:
        selected = read_selected(server, spool, selection, noise=table.noise_level, progress=progress, watched=True)
        return Content(selected.facts, selected.clashes, selected.head(selection))
    if not selection.spaces:
        return read_rows(server, spool, progress)
    with reader_of(server) as reader:
        inside = chosen_spaces(read_choices(reader), selection) or frozenset()
    return read_rows(server, spool, progress, keep=lambda table: _of_spaces(table, inside))


def _of_spaces(table: Table, inside: frozenset[str]) -> Callable[[Row], bool] | None:
    """
    Return whether a row belongs to one of the spaces, or to the whole server.
    """
    # A space's own row says by its id which space it is; the column SpaceId is other tables'.
    at = table.id_position if table.map.role is Role.SPACE else table.position(SPACE_COLUMN)
    if at is None:
        return None
    return lambda row: row[at] is None or fold(row[at]) in inside


def read_until_still(
    read: Callable[[], Read],
    probe: Callable[[], Mapping[str, str]],
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], Any] = lambda seconds: None,
) -> tuple[Read, tuple[str, ...]]:
    """
    Return what *read* returns for the first time that *probe* says the same of each table before and after it.

    After *attempts* reads the last one is returned all the same, with the names of the tables that moved.

    Raises:
        ChangedMeanwhile: rows came or went during the last read.
    """
    for attempt in range(attempts):
        if attempt:
            sleep(_PAUSE * attempt)
        # Each time anew, or what moved during the pause would count against the new read.
        before = probe()
        try:
            result = read()
        except ChangedMeanwhile:
            if attempt == attempts - 1:
                raise
            continue
        after = probe()
        # A name of a table is the database's own, and may hold what has no place in a line.
        moved = tuple(
            " ".join(name.split()) for name in sorted(before) if name != EVENTS and before[name] != after.get(name)
        )
        if not moved:
            break
    return result, moved
