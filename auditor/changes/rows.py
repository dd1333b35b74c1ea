"""
The first level of change detection: which rows differ from what they were when HEAD was made, by a hash of each.

A hash covers the raw row and whatever else its files depend on. A table whose rows came in the same order with the same
content is known by one hash, and none of its rows is looked at. Nothing is parsed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from auditor.changes.state import State, Whole
from migrator.export.render import Renderer
from migrator.export.spool import Head, Packed, Spool
from migrator.export.stream import Rendition
from migrator.maps import REGISTRY
from migrator.sql.rows import SPACE_COLUMN, Table

_CHECK_EVERY = 256
_SIZE = 16


@dataclass
class RowChanges:
    """
    The rows of a spool that differ from the state, and the rows that are gone.
    """

    spool: Spool
    on_difference: Callable[[], object] = lambda: None
    """Called once, as soon as a table is met that is not what it was: there will be something to render."""
    documents: int = 0
    gone: list[tuple[Table, str]] = field(default_factory=list)
    wholes: list[Whole] = field(default_factory=list)
    """Each table as it was read, for the state."""
    _wanted: list[bytearray] = field(default_factory=list)

    def wanted(self, table: int) -> bytearray:
        """
        Return a flag for each row of a table: whether it differs.
        """
        return self._wanted[table]

    def differ(self) -> bool:
        """
        Return whether any row differs or is gone.
        """
        return bool(self.gone) or any(1 in flags for flags in self._wanted)

    def find(self, rendition: Rendition, state: State | None, check: Callable[[], None]) -> None:
        """
        Hash what came; without a *state* every row differs. *check* is called now and then and may raise.

        The rendition learns the owners as soon as a table must be looked at row by row.
        """
        if state is not None:
            present = {item.table.map.type for item in self.spool.tables}
            for name in state.types() - present:
                table = Table(name, ("Id",), REGISTRY[name])
                self.gone += [(table, identity) for identity in state.hashes(name)]
        renderer, owners, learned = rendition.renderer, self._owners(rendition.renderer), False
        for position, item in enumerate(self.spool.tables):
            self._wanted.append(bytearray(item.count))
            if renderer.options.leaves_out(item.table.map):
                continue
            digest = self.spool.digest(position)
            if not _alone(item.table, renderer):
                digest = hashlib.blake2b(digest + owners, digest_size=_SIZE).digest()
            documents = _unchanged(item.table, digest, state)
            if documents is None:
                if not learned:
                    self.on_difference()
                    rendition.learn_owners()
                    learned = True
                documents = self._all_of(position) if state is None else self._find_in(position, renderer, state, check)
            self.documents += documents
            self.wholes.append(Whole(item.table.map.type, digest, documents))

    def _owners(self, renderer: Renderer) -> bytes:
        """
        Return a hash of all that paths of owned documents and of those in spaces may depend on.
        """
        tables = [
            self.spool.digest(position)
            for position, item in enumerate(self.spool.tables)
            if REGISTRY.owns(item.table.map.table)
        ]
        clashes = repr(sorted(renderer.layout.clashes)).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(b"".join([*tables, clashes]), digest_size=_SIZE).digest()

    def _all_of(self, position: int) -> int:
        """
        Let every row of a table differ; return how many documents it has.
        """
        flags, exclusion = self._wanted[position], _exclusion(self.spool.tables[position].table)
        if exclusion is None:
            flags[:] = b"\1" * len(flags)
        else:
            for index, head, _ in self.spool.rows(position):
                flags[index] = exclusion(str(head[0])) is None
        return flags.count(1)

    def _find_in(self, position: int, renderer: Renderer, state: State, check: Callable[[], None]) -> int:
        """
        Compare a table row by row; return how many documents it has.
        """
        table, flags = self.spool.tables[position].table, self._wanted[position]
        known = state.hashes(table.map.type)
        alone, certain, exclusion = _alone(table, renderer), _certain(table), _exclusion(table)
        skipped = 0
        for index, head, packed in self.spool.rows(position):
            if not index % _CHECK_EVERY:
                check()
            if exclusion is not None and exclusion(str(head[0])) is not None:
                skipped += 1
                continue
            context = b"" if alone else renderer.context(table, Head(*head))
            flags[index] = known.pop(head[0], None) != _hash(packed, context) or not certain
        self.gone += [(table, identity) for identity in known]
        return len(flags) - skipped


def row_hash(table: Table, head: Head, packed: Packed, renderer: Renderer) -> bytes:
    """
    Return the hash of a row and of whatever else its files depend on; owners must have been learned.
    """
    return _hash(packed, b"" if _alone(table, renderer) else renderer.context(table, head))


def _hash(packed: Packed, context: bytes) -> bytes:
    return hashlib.blake2b(packed.whole(context), digest_size=_SIZE).digest()


def _exclusion(table: Table) -> Callable[[str], str | None] | None:
    """
    Return what tells a row that is left out by its id, ``None`` if none of the table is.
    """
    return table.map.exclusion if table.map.excluded_ids else None


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
