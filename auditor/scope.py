"""
One team's slice of a server: which projects, spaces and types of document an audit reads, by the table ``export``.

What chosen projects need is found by the migrator's own selection, so that an audit's tree and a partial export are the
same. Not here: what is done with the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from auditor.settings import ExportTable
from migrator.export.read import Server, read_rows, reader_of
from migrator.export.spool import Spool
from migrator.maps.document_map import Role
from migrator.maps.natural_keys import fold
from migrator.partial_exporter import partial_facts
from migrator.selection.read import read_selected, without
from migrator.selection.request import Selection, chosen_spaces, read_choices, type_names
from migrator.sql.rows import SPACE_COLUMN, Row, Table
from migrator.sql.server_facts import ServerFacts

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class SliceRead:
    """
    The facts of a server, and what the head of its tree says of a slice (``None``: the whole server).
    """

    facts: ServerFacts
    partial: dict[str, Any] | None = None


def selection_of(table: ExportTable) -> Selection:
    """
    Return what a server's table ``export`` chooses; without projects and groups it is the whole server but for types.

    Raises:
        UsageError: a type to leave out does not exist.
    """
    return Selection(table.projects, table.project_groups, table.spaces, type_names(table.leave_out), history=False)


def sliced(server: Server, table: ExportTable) -> Server:
    """
    Return a server without the tables that are not to be read.
    """
    if not table.leave_out:
        return server
    return replace(server, schema=without(server.schema, selection_of(table)))


def read_slice(server: Server, spool: Spool, table: ExportTable, progress: Progress) -> SliceRead:
    """
    Copy the rows of a slice, or of the whole server, to *spool*, in one read transaction.

    Raises:
        UsageError: a project, group or space does not exist.
        DatabaseError: the connection was lost, or the database was changed during the read.
    """
    selection = selection_of(table)
    if selection.projects or selection.groups:
        selected = read_selected(server, spool, selection, noise=table.noise_level, progress=progress)
        return SliceRead(selected.facts, partial_facts(selection, selected))
    if not selection.spaces:
        return SliceRead(read_rows(server, spool, progress))
    with reader_of(server) as reader:
        inside = chosen_spaces(read_choices(reader), selection)
    return SliceRead(read_rows(server, spool, progress, keep=lambda table: _of_spaces(table, inside or frozenset())))


def _of_spaces(table: Table, inside: frozenset[str]) -> Callable[[Row], bool] | None:
    """
    Return whether a row belongs to one of the spaces, or to the whole server.
    """
    at = table.id_position if table.map.role is Role.SPACE else table.position(SPACE_COLUMN)
    if at is None:
        return None
    return lambda row: row[at] is None or fold(row[at]) in inside
