"""
The first level of change detection: which rows differ from what they were when HEAD was made, by a hash of each.

A hash covers the raw row and whatever else its files depend on. A table whose rows came in the same order with the same
content is known by one hash, and none of its rows is looked at. Nothing is parsed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass, field
from itertools import count

from auditor.changes.state import State, Whole
from migrator.export.render import Renderer
from migrator.export.spool import Head, Packed, RawHead
from migrator.export.stream import HASH, Judge, Stream
from migrator.maps import REGISTRY
from migrator.sql.rows import SPACE_COLUMN, Table

_CHECK_EVERY = 256


@dataclass(frozen=True)
class TableChanges:
    """
    Each table of a spool by its hash, and those that are not what they were, by position.
    """

    hashes: dict[int, bytes]
    unchanged: dict[int, int]
    """The documents of each table that is as a whole what it was."""
    gone: tuple[tuple[Table, str], ...]
    """The rows of tables that are gone."""

    @property
    def any(self) -> bool:
        """
        Return whether a table must be looked at row by row, so that there may be something to render.
        """
        return len(self.unchanged) < len(self.hashes)


@dataclass
class RowChanges:
    """
    What the rows of a spool are, beside the state: how many documents, which rows are gone, whether any differs.
    """

    documents: int = 0
    differ: bool = False
    gone: list[tuple[Table, str]] = field(default_factory=list)
    wholes: list[Whole] = field(default_factory=list)
    """Each table as it was read, for the state."""

    def wholes_but(self, troubled: Container[str]) -> list[Whole]:
        """
        Return the tables that may be known by one hash from now on: those of which every row could be read.
        """
        return [whole for whole in self.wholes if whole.table not in troubled]


def changed_tables(stream: Stream, state: State | None, unread: Collection[str] = ()) -> TableChanges:
    """
    Compare each table as a whole with the state; without one all of them differ. What was *unread* is not gone.
    """
    renderer, spool = stream.renderer, stream.spool
    tables = list(stream.tables())
    gone: list[tuple[Table, str]] = []
    if state is not None:
        for name in state.types() - {item.table.map.type for item in spool.tables} - set(unread):
            # Of a table that is gone only the map and the ids are asked.
            table = Table(name, ("Id",), REGISTRY[name])
            gone += [(table, identity) for identity in state.hashes(name)]
    owners = _owners(stream)
    hashes = {position: spool.digest(position) for position, _ in tables}
    for position, item in tables:
        # Its files lie in folders called after owners and spaces, whose rows are in other tables.
        if not _alone(item.table, renderer):
            hashes[position] = hashlib.blake2b(hashes[position] + owners, digest_size=HASH).digest()
    unchanged = {
        position: documents
        for position, item in tables
        if (documents := _unchanged(item.table, hashes[position], state)) is not None
    }
    return TableChanges(hashes, unchanged, tuple(gone))


def changed_rows(stream: Stream, tables: TableChanges, state: State | None, check: Callable[[], None]) -> RowChanges:
    """
    Let the stream look at the rows of all tables that differ and choose those that do; without a *state* all do.

    *check* is called now and then and may raise.
    """
    found = RowChanges(gone=list(tables.gone))
    for position, digest in tables.hashes.items():
        table = stream.spool.tables[position].table
        documents = tables.unchanged.get(position)
        if documents is None:
            known = state.hashes(table.map.type) if state is not None else {}
            documents, chosen = stream.look(position, _judge(table, stream.renderer, known, check))
            found.gone += [(table, identity) for identity in known]
            found.differ = found.differ or chosen > 0
        found.documents += documents
        found.wholes.append(Whole(table.map.type, digest, documents))
    found.differ = found.differ or bool(found.gone)
    return found


def _judge(table: Table, renderer: Renderer, known: dict[str, bytes], check: Callable[[], None]) -> Judge:
    """
    Return what chooses the rows whose hash is not the *known* one, and takes out of these what it meets.
    """
    alone, certain, counted = _alone(table, renderer), _certain(table), count()

    def judge(head: RawHead, packed: Packed) -> bytes | None:
        if not next(counted) % _CHECK_EVERY:
            check()
        context = b"" if alone else renderer.context(table, Head(*head))
        digest = hashlib.blake2b(packed.whole(context), digest_size=HASH).digest()
        # Taken out even where it is not believed, or the row would count as gone.
        return None if known.pop(str(head[0]), None) == digest and certain else digest

    return judge


def _owners(stream: Stream) -> bytes:
    """
    Return a hash of all that paths of owned documents and of those in spaces may depend on.
    """
    tables = [
        stream.spool.digest(position)
        for position, item in enumerate(stream.spool.tables)
        if REGISTRY.owns(item.table.map.table)
    ]
    clashes = repr(sorted(stream.renderer.layout.clashes)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(b"".join([*tables, clashes]), digest_size=HASH).digest()


def _unchanged(table: Table, digest: bytes, state: State | None) -> int | None:
    """
    Return how many documents a table has, if it is as a whole what it was.
    """
    before = state.whole(table.map.type) if state is not None and _certain(table) else None
    return before.documents if before is not None and before.hash == digest else None


def _alone(table: Table, renderer: Renderer) -> bool:
    """
    Return whether a row's files depend on the row alone: it has no owner and no space, and no names clash.
    """
    return table.map.owner is None and table.position(SPACE_COLUMN) is None and not renderer.layout.clashes


def _certain(table: Table) -> bool:
    """
    Return whether a row tells whose it is; if only its body does, its path may change although the row does not.
    """
    return table.map.owner is None or table.position(table.map.owner) is not None
