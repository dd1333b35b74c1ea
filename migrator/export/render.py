"""
Rows to files: one row in, its document's canonical bytes and its scripts out. Pure.

Everything that a file depends on is either in the row or in ``Renderer.context``; the auditor's first level of change
detection rests on that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from migrator.documents.canonical_json import encode
from migrator.documents.document import Body, DocumentId, display_name, holders
from migrator.documents.file import File
from migrator.documents.layout import Layout, Owner
from migrator.documents.scripts import LINK, InlineScripts, find_scripts, script_owner
from migrator.export.spool import Head
from migrator.maps.document_map import DocumentMap, Noise
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.secrets.sealing import Sealer, may_hold_secret, open_stored, plaintexts, seal_for_tree
from migrator.sql.rows import Row, Table, body_text, to_body

FORMAT = 1
"""Raise it when the same row is to give other bytes."""


@dataclass(frozen=True)
class Rendered:
    """
    One document's files; the first is the document itself.
    """

    identity: DocumentId
    name: str
    owner: str | None
    files: tuple[File, ...]


@dataclass(frozen=True)
class RenderOptions:
    """
    What of a document a tree shows, and how.
    """

    noise: Noise = Noise.NORMAL
    inline_scripts: InlineScripts = InlineScripts.COPY

    def leaves_out(self, document_map: DocumentMap) -> bool:
        """
        Return whether the whole type is left out at this level of noise.
        """
        return bool(document_map.catalogue) and self.noise is Noise.STRICT


@dataclass
class Renderer:
    """
    Renders rows; owners and spaces must have been learned first.
    """

    options: RenderOptions
    layout: Layout
    master: MasterKeyCipher | None
    seal: Sealer
    on_plaintexts: Callable[[list[str]], None] = field(default=lambda found: None, repr=False)
    write: Callable[[DocumentMap, Body], bytes] | None = field(default=None, repr=False)
    """Makes the file of an opened document in a foreign form, secrets and all; ``None``: the native form."""

    def learn(self, table: Table, head: Head) -> None:
        """
        Remember an owner or a space from a row's head.
        """
        values = (head.name, head.space, head.owner)
        self.layout.learn(Owner(table.map, head.id, *[value if isinstance(value, str) else None for value in values]))

    def context(self, table: Table, head: Head) -> bytes:
        """
        Return whatever a row's files depend on besides the row and the options of the run.
        """
        origin, clashes = self.layout.origin(head.owner), self.layout.clashes
        clash = bool(clashes) and (table.map.table, (head.name or "").lower()) in clashes
        if not head.space and not clash:
            return origin
        return repr((origin, self.layout.space_folder(head.space), clash)).encode("utf-8", "surrogatepass")

    def render(self, table: Table, row: Row) -> Rendered:
        """
        Return the files of one row.

        Raises:
            UnreadableDocument: its body or one of its secrets cannot be read.
        """
        text = body_text(table, row)
        body = to_body(table, row, text)
        identity = str(body.get("Id") or row[table.id_position])
        thorough = may_hold_secret(text) or may_hold_secret(
            "\n".join([v for v in row if isinstance(v, str) and v is not text])
        )
        opened = open_stored(table.map, identity, body, self.master, thorough=thorough)
        with_secrets = opened is not body
        if with_secrets and (found := plaintexts(opened)):
            self.on_plaintexts(found)
        return self.render_opened(table.map, identity, opened, with_secrets=with_secrets or thorough)

    def render_opened(
        self, document_map: DocumentMap, identity: str, body: Body, *, with_secrets: bool = True
    ) -> Rendered:
        """
        Return the files of a document whose secrets are opened.
        """
        path = self.layout.path(document_map, identity, body)
        name = display_name(document_map, body, identity)
        owner = body.get(document_map.owner) if document_map.owner else None
        _quieten(document_map, body, self.options.noise)
        _sort_sets(document_map, body)
        if with_secrets and self.write is None:
            # Before the links to scripts are put in, which are reserved words of the tree like those of secrets.
            body = seal_for_tree(document_map, identity, body, self.seal)
        scripts = self._scripts(document_map, body, path)
        content = encode(body, document_map.first) if self.write is None else self.write(document_map, body)
        files = (File(path, content), *scripts)
        return Rendered(DocumentId(document_map.type, identity), name, owner if isinstance(owner, str) else None, files)

    def _scripts(self, document_map: DocumentMap, body: Body, path: str) -> list[File]:
        mode = self.options.inline_scripts
        if mode is InlineScripts.LEAVE or not document_map.scripts or body.get("IsFrozen") is True:
            return []
        folder, _, file = path.rpartition("/")
        files = []
        for script in find_scripts(document_map, body, script_owner(file)):
            files.append(File(f"{folder}/{script.file}", script.text.encode("utf-8")))
            if mode is InlineScripts.EXTRACT:
                script.place.container[script.place.key] = {LINK: script.file}
        return files


_OF_FROZEN = frozenset(("IsFrozen", "Version"))
"""What tells a release's copy from the living document, and does not change by itself there."""


def _quieten(document_map: DocumentMap, body: Body, noise: Noise) -> None:
    if noise is Noise.RAW:
        return
    frozen = body.get("IsFrozen") is True
    for rule in document_map.volatile:
        if frozen and rule.path in _OF_FROZEN:
            continue
        if rule.level is Noise.NORMAL or noise is Noise.STRICT:
            for container, key in holders(body, rule.path):
                container.pop(key, None)


def _sort_sets(document_map: DocumentMap, body: Body) -> None:
    for pattern in document_map.sets:
        for container, key in holders(body, pattern):
            value = container[key]
            if isinstance(value, list) and len(value) > 1:
                container[key] = sorted(value, key=_rank)


def _rank(value: Any) -> tuple[str, str]:
    return ("", value) if isinstance(value, str) else ("~", repr(value))
