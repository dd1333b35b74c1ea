"""
The first level of change detection: which rows differ from what they were when HEAD was made, by a hash of each.

A hash covers the raw row and whatever else its files depend on. Nothing is parsed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from auditor.state import State
from migrator.maps import REGISTRY
from migrator.rendering import Renderer
from migrator.spool import Head, Spool
from migrator.sql.rows import SPACE_COLUMN, Table

_CHECK_EVERY = 256
_SIZE = 16


@dataclass
class RowChanges:
    """
    The rows of a spool that differ from the state, their hashes, and the rows that are gone.
    """

    spool: Spool
    documents: int = 0
    gone: list[tuple[Table, str]] = field(default_factory=list)
    _wanted: list[bytearray] = field(default_factory=list)
    _digests: list[bytearray] = field(default_factory=list)

    def wanted(self, table: int, row: int) -> bool:
        """
        Return whether a row differs.
        """
        return bool(self._wanted[table][row])

    def differ(self) -> bool:
        """
        Return whether any row differs or is gone.
        """
        return bool(self.gone) or any(1 in flags for flags in self._wanted)

    def wanted_in(self, table: int) -> bool:
        """
        Return whether any row of a table differs.
        """
        return 1 in self._wanted[table]

    def digest(self, at: tuple[int, int]) -> bytes:
        """
        Return the hash of a row that differs.
        """
        table, row = at
        return bytes(self._digests[table][row * _SIZE : (row + 1) * _SIZE])

    def find(self, renderer: Renderer, state: State | None, check: Callable[[], None]) -> None:
        """
        Hash every row; without a *state* every row differs. *check* is called now and then and may raise.
        """
        if state is not None:
            present = {item.table.map.type for item in self.spool.tables}
            for name in state.counts().keys() - present:
                table = Table(name, ("Id",), REGISTRY[name])
                self.gone += [(table, identity) for identity in state.hashes(name)]
        for position in range(len(self.spool.tables)):
            self._find_in(position, renderer, state, check)

    def _find_in(self, position: int, renderer: Renderer, state: State | None, check: Callable[[], None]) -> None:
        item = self.spool.tables[position]
        table, flags = item.table, bytearray(item.count)
        digests = bytearray(_SIZE * item.count if state is None else 0)
        self._wanted.append(flags)
        self._digests.append(digests)
        if renderer.options.leaves_out(table.map):
            return
        known = {} if state is None else state.hashes(table.map.type)
        # Without an owner, a space or a clash of names a row's files depend on the row alone.
        alone = table.map.owner is None and table.position(SPACE_COLUMN) is None and not renderer.layout.clashes
        certain = table.map.owner is None or table.position(table.map.owner) is not None
        exclusion = table.map.exclusion if table.map.excluded_ids else None
        blake2b, skipped = hashlib.blake2b, 0
        for index, (head, packed) in enumerate(self.spool.rows(position)):
            if not index % _CHECK_EVERY:
                check()
            if exclusion is not None and exclusion(str(head[0])) is not None:
                skipped += 1
                continue
            hashed = blake2b(packed[0], digest_size=_SIZE)
            hashed.update(packed[1])
            if not alone:
                hashed.update(renderer.context(table, Head(*head)))
            digest = hashed.digest()
            if known.pop(head[0], None) != digest or not certain:
                flags[index] = 1
                if not digests:
                    digests.extend(bytes(_SIZE * item.count))
                digests[index * _SIZE : (index + 1) * _SIZE] = digest
        self.documents += len(flags) - skipped
        self.gone += [(table, identity) for identity in known]
