"""
From a spool of rows to a tree: a first look at each row, then file by file.

The first look learns who owns what and opens the secrets of all rows that are going to be rendered; the second renders
them. Shared by the exporter (all rows into a folder) and the auditor (changed rows into git). Knows no sink.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from migrator.documents.document import DocumentId
from migrator.errors import PlaintextFound, SecretError, UnreadableDocument
from migrator.export.history_layout import HistoryPlaces
from migrator.export.render import Rendered, Renderer, Signs
from migrator.export.spool import Head, Packed, RawHead, Spool, SpooledTable
from migrator.maps import REGISTRY
from migrator.maps.in_git import GitPlace
from migrator.secrets.plaintext_search import LeakGuard
from migrator.sql.rows import Table
from migrator.sql.server_facts import WRONG_KEY

HASH = 16
"""Bytes of a row's hash."""
Judge = Callable[[RawHead, Packed], bytes | None]
"""Returns the hash of a row that is to be rendered, ``None`` for one that is not."""


@dataclass(frozen=True)
class Unreadable:
    """
    A document that was left as it was, and why.
    """

    identity: DocumentId
    path: str
    message: str
    files: str
    """The path of its file in the tree."""


@dataclass
class _Chosen:
    """
    The rows of a table that are to be rendered: a flag for each row, and the hashes of those whose flag is set.
    """

    flags: bytearray
    hashes: bytearray = field(default_factory=bytearray)


@dataclass
class Stream:
    """
    One run's way from a spool to files; unreadable documents are collected, not raised.
    """

    spool: Spool
    renderer: Renderer
    history: HistoryPlaces | None = None
    """Where documents of history stand, if there may be any."""
    unreadable: list[Unreadable] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """Documents of each type that were rendered."""
    in_git: list[tuple[DocumentId, GitPlace]] = field(default_factory=list)
    """Rendered documents of which parts live in git."""
    passing: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many documents were left out as states that come and go by themselves, by type and reason."""
    _chosen: dict[int, _Chosen] = field(default_factory=dict)
    _learned: int = 0
    """Up to which table owners are known."""

    def tables(self) -> Iterator[tuple[int, SpooledTable]]:
        """
        Yield position and table of what is not left out as a whole.
        """
        for position, item in enumerate(self.spool.tables):
            if not self.renderer.options.leaves_out(item.table.map):
                yield position, item

    def look_at_all(self) -> None:
        """
        Look at every row and choose it.
        """
        for position, _ in self.tables():
            self.look(position)

    def look(self, position: int, judge: Judge | None = None) -> tuple[int, int]:
        """
        Look at a table's rows and choose those that *judge* gives a hash (``None``: all).

        Returns how many documents the table has, and how many of them were chosen.

        Tables are looked at in the order of the spool, where owners come before what they own.
        """
        self._learn_owners(position)
        self._learned = position + 1
        item = self.spool.tables[position]
        table, signs = item.table, Signs.of(item.table)
        excluded = table.map.exclusion if table.map.excluded_ids else None
        learns, places = REGISTRY.owns(table.map.table), self.history
        states = self.renderer.options.looks_for_states(table.map)
        chosen, documents = _Chosen(bytearray(item.count)), item.count
        for index, head, packed in self.spool.rows(position):
            if learns:
                self.renderer.learn(table, Head(*head))
            if places is not None:
                places.learn(table, head, packed)
            # After it was learned: what is not exported may own what is.
            if excluded is not None and excluded(str(head[0])) is not None:
                documents -= 1
                continue
            if states and (reason := self.renderer.passing(table, Spool.unpack(packed))):
                self.passing[table.map.type, reason] = self.passing.get((table.map.type, reason), 0) + 1
                documents -= 1
                continue
            if judge is not None:
                digest = judge(head, packed)
                if digest is None:
                    continue
                chosen.hashes += digest
            chosen.flags[index] = 1
            if signs.may_stand_in(packed):  # Most rows have no secret, which is seen without unpacking them.
                self.renderer.meet(table, Spool.unpack(packed), signs)
        self._chosen[position] = chosen
        return documents, chosen.flags.count(1)

    def left_out(self) -> dict[str, int]:
        """
        Return how many documents of each type are states that come and go by themselves, whatever was looked at.
        """
        found: dict[str, int] = {}
        for (type_, _), count in self.passing.items():
            found[type_] = found.get(type_, 0) + count
        for position, item in self.tables():
            table = item.table
            if position not in self._chosen and self.renderer.options.looks_for_states(table.map):
                rows = (Spool.unpack(packed) for _, _, packed in self.spool.rows(position))
                count = sum(bool(self.renderer.passing(table, row)) for row in rows)
                found |= {table.map.type: count} if count else {}
        return found

    def _learn_owners(self, before: int) -> None:
        """
        Learn from the heads of tables *before* a position that nothing else will look at.
        """
        for position in range(self._learned, before):
            table = self.spool.tables[position].table
            if REGISTRY.owns(table.map.table):
                for _, head, _ in self.spool.rows(position):
                    self.renderer.learn(table, Head(*head))

    def documents(self) -> Iterator[Rendered]:
        """
        Yield every chosen document that can be read, each searched for plaintexts before it is yielded.

        Raises:
            PlaintextFound: a secret's plaintext would be written; nothing of what was yielded may be kept.
            SecretError: no secret at all opens under the master key.
        """
        if self.history is not None:
            self.history.settle()
        secrets = self.renderer.secrets
        if secrets is not None and not secrets.fit():
            raise SecretError(WRONG_KEY)
        guard = secrets.guard() if secrets is not None else None
        with _fewer_collections():
            for position, chosen in sorted(self._chosen.items()):
                yield from self._rendered(position, chosen, guard)

    def _rendered(self, position: int, chosen: _Chosen, guard: LeakGuard | None) -> Iterator[Rendered]:
        table, at = self.spool.tables[position].table, 0
        type_ = table.map.type
        for _, head, packed in self.spool.rows(position, chosen.flags):
            digest, at = bytes(chosen.hashes[at : at + HASH]), at + HASH
            try:
                rendered = self.renderer.render(table, Spool.unpack(packed), digest)
            except UnreadableDocument as error:
                self._leave(table, Head(*head), error)
                continue
            # Before it is handed on: a sink may write it at once.
            if guard is not None:
                _search(rendered, guard)
            self.counts[type_] = self.counts.get(type_, 0) + 1
            if rendered.in_git is not None:
                self.in_git.append((rendered.identity, rendered.in_git))
            yield rendered

    def _leave(self, table: Table, head: Head, error: UnreadableDocument) -> None:
        # Its row's columns tell its path though its body cannot be read, and that file is to be kept.
        body = {"Id": head.id, table.map.name_property: head.name, "SpaceId": head.space}
        if table.map.owner:
            body[table.map.owner] = head.owner
        path = self.renderer.layout.path(table.map, str(head.id), body)
        self.unreadable.append(Unreadable(DocumentId(table.map.type, str(head.id)), error.path, error.message, path))


def _search(rendered: Rendered, guard: LeakGuard) -> None:
    for file in rendered.files:
        if guard.finds(file.content):
            raise PlaintextFound(
                f"{rendered.identity.type} {rendered.identity.id}: the plaintext of a secret stands in clear in "
                f"{file.path}; nothing was written. Take it out of the document (use a sensitive variable), or change "
                "the secret"
            )


_USUAL = gc.get_threshold()
_SELDOM = 50_000


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """
    Look for garbage cycles less often: a rendered document is freed by its last reference, so that none are found.

    It took a sixth of a first run's time. Of the whole process: with runs side by side the first to end restores.
    """
    gc.set_threshold(_SELDOM, *_USUAL[1:])
    try:
        yield
    finally:
        gc.set_threshold(*_USUAL)
