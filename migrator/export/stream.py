"""
From a spool of rows to a tree: owners first, then the plaintexts, then file by file.

Shared by the exporter (all rows into a folder) and the auditor (changed rows into git). Knows no sink.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from migrator.documents.document import DocumentId
from migrator.documents.file import File
from migrator.errors import PlaintextFound, SecretError, UnreadableDocument
from migrator.export.collector import fewer_collections
from migrator.export.render import Rendered, Renderer
from migrator.export.spool import Head, Packed, Spool
from migrator.maps import REGISTRY
from migrator.secrets.ciphers import MasterKeyCipher, find_ciphertexts
from migrator.secrets.plaintext_search import LeakGuard
from migrator.secrets.sealing import open_stored, plaintexts
from migrator.sql.rows import Row, Table, body_text, to_body
from migrator.sql.server_facts import WRONG_KEY

Wanted = Callable[[int], bytearray | None]
"""Which rows of the table at a position are to be rendered, a flag for each; ``None``: all of them."""


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


def _everything(table: int) -> None:
    return None


@dataclass
class Rendition:
    """
    One run's rendering of a spool; unreadable documents are collected, not raised.
    """

    spool: Spool
    renderer: Renderer
    wanted: Wanted = _everything
    unreadable: list[Unreadable] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    current: tuple[Table, Head, Packed] = field(init=False, repr=False)
    """The row of the document that was yielded last."""
    _guard: LeakGuard | None = field(default=None, repr=False)
    _known: set[str] = field(default_factory=set, repr=False)
    _late: set[str] = field(default_factory=set, repr=False)

    def learn_owners(self) -> None:
        """
        Read the heads of the tables whose documents own others; call it first.
        """
        for position, item in enumerate(self.spool.tables):
            if REGISTRY.owns(item.table.map.table):
                for _, head, _ in self.spool.rows(position):
                    self.renderer.learn(item.table, Head(*head))

    def documents(self) -> Iterator[Rendered]:
        """
        Yield every wanted document that can be read, each searched for plaintexts before it is yielded.

        Raises:
            PlaintextFound: a secret's plaintext would be written; nothing of what was yielded may be kept.
            SecretError: no secret at all opens under the master key.
        """
        with fewer_collections():
            self._collect_plaintexts()
            self.renderer.on_plaintexts = self._met
            yield from self._render()
            if self._late:
                # Secrets of an unusual shape, known only now: look again, before the sink keeps anything.
                self._guard = LeakGuard(self._late)
                for _ in self._render(again=True):
                    pass

    def wanted_rows(self) -> Iterator[tuple[Table, Head, Packed]]:
        """
        Yield the rows that are to be rendered, as often as asked.
        """
        for position, item in enumerate(self.spool.tables):
            if self.renderer.options.leaves_out(item.table.map):
                continue
            excludes = bool(item.table.map.excluded_ids)
            for _, head, packed in self.spool.rows(position, self.wanted(position)):
                if not (excludes and item.table.map.exclusion(str(head[0]))):
                    self.current = item.table, Head(*head), packed
                    yield self.current

    def _render(self, *, again: bool = False) -> Iterator[Rendered]:
        for table, head, packed in self.wanted_rows():
            try:
                rendered = self.renderer.render(table, Spool.unpack(packed))
            except UnreadableDocument as error:
                if not again:
                    self._leave(table, head, error)
                continue
            self._search(rendered.identity, rendered.files)
            if not again:
                self.counts[table.map.type] = self.counts.get(table.map.type, 0) + 1
            yield rendered

    def _leave(self, table: Table, head: Head, error: UnreadableDocument) -> None:
        body = {"Id": head.id, table.map.name_property: head.name, "SpaceId": head.space}
        if table.map.owner:
            body[table.map.owner] = head.owner
        path = self.renderer.layout.path(table.map, str(head.id), body)
        self.unreadable.append(Unreadable(DocumentId(table.map.type, str(head.id)), error.path, error.message, path))

    def _search(self, identity: DocumentId, files: tuple[File, ...]) -> None:
        for file in files:
            if self._guard is not None and self._guard.finds(file.content):
                raise PlaintextFound(
                    f"{identity.type} {identity.id}: the plaintext of a secret stands in clear in {file.path}; nothing "
                    "was written. Take it out of the document (use a sensitive variable), or change the secret"
                )

    def _met(self, found: list[str]) -> None:
        self._late.update(plain for plain in found if plain not in self._known and len(plain) >= 8)

    def _collect_plaintexts(self) -> None:
        found: set[str] = set()
        opened = failed = 0
        master = self.renderer.master
        for table, _, packed in self.wanted_rows() if master else ():
            if not table.map.confidential and not packed.holds(b"==", b"\\u00"):
                continue  # Most rows have no secret, which is seen without unpacking them.
            some, good, bad = _plaintexts_of(table, Spool.unpack(packed), master)
            found.update(some)
            opened, failed = opened + good, failed + bad
        if failed > opened * _ACCIDENTS:
            raise SecretError(WRONG_KEY)
        self._known = found
        self._guard = LeakGuard(found)


_ACCIDENTS = 20
"""A wrong key opens one secret in 256 by accident, since nothing authenticates them; a right one opens nearly all."""


def _plaintexts_of(table: Table, row: Row, master: MasterKeyCipher | None) -> tuple[list[str], int, int]:
    """
    Return the plaintexts in a row, and how many of its secrets the master key opened and did not open.
    """
    assert master is not None
    try:
        texts = [body_text(table, row), "\n".join([value for value in row if isinstance(value, str)])]
        if table.map.confidential or "\\u00" in texts[0]:
            body = to_body(table, row, texts[0])
            return plaintexts(open_stored(table.map, "", body, master)), 0, 0
    except UnreadableDocument:
        return [], 0, 0
    found: list[str] = []
    failed = 0
    for text in dict.fromkeys(text for text in texts if "==" in text):
        for start, end in find_ciphertexts(text):
            try:
                found.append(master.open(text[start:end]))
            except SecretError:
                failed += 1
    return found, len(found), failed
