"""
Rows to files: one row in, its document's canonical bytes and its scripts out. Pure.

Everything that a file depends on is either in the row or in ``Renderer.context``; the auditor's first level of change
detection rests on that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from migrator.documents.canonical_json import encode
from migrator.documents.document import Body, DocumentId, display_name, holders
from migrator.documents.file import File
from migrator.documents.layout import Layout, Owner
from migrator.documents.scripts import LINK, InlineScripts, find_scripts, script_owner
from migrator.errors import UnreadableDocument
from migrator.export.spool import Head, Packed
from migrator.maps.document_map import DocumentMap, Noise
from migrator.maps.in_git import GitPlace, place_in_git
from migrator.secrets.opened import OpenedSecrets
from migrator.secrets.sealing import Sealer, may_hold_secret, open_stored, seal_for_tree
from migrator.sql.rows import Row, Table, body_text, to_body

FORMAT = 1
"""Raise it when the same row is to give other bytes."""


@dataclass(frozen=True)
class Rendered:
    """
    One document's files; the first is the document itself.

    ``owner`` is its owner's id, ``owner_name`` what people call that (``None``: not known). ``row_hash`` is what the
    first look at its row gave.
    """

    identity: DocumentId
    name: str
    owner: str | None
    owner_name: str | None
    files: tuple[File, ...]
    row_hash: bytes = b""
    in_git: GitPlace | None = None
    """Where parts of it live that are not in the tree."""


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

    def looks_for_states(self, document_map: DocumentMap) -> bool:
        """
        Return whether single documents of a type may be left out as states that come and go by themselves.
        """
        return bool(document_map.state_of) and self.noise is not Noise.RAW


@dataclass(frozen=True)
class Signs:
    """
    What stands in every row of a table that has a secret at a declared place; ``None``: any row may have one.
    """

    marks: tuple[str, ...] | None

    @classmethod
    def of(cls, table: Table) -> Signs:
        """
        Return the signs of a table, from its map.
        """
        if table.map.confidential:
            return cls(None)
        marks: list[str] = []
        for item in table.map.sensitive:
            literal = [segment for segment in item.path.split("/") if segment != "*"]
            siblings = [name for name, _ in item.when] if "/" not in item.path else []
            if not literal or any(table.position(name) is not None for name in (literal[0], *siblings)):
                return cls(None)  # In a column there is nothing around the text that would tell.
            marks += [value if isinstance(value, str) else name for name, value in item.when] or literal[-1:]
        return cls(tuple(f'"{mark}"' for mark in dict.fromkeys(marks)))

    @cached_property
    def _bytes(self) -> tuple[bytes, ...]:
        return tuple(mark.encode() for mark in ("==", "\\u00", *(self.marks or ())))

    def may_stand_in(self, packed: Packed) -> bool:
        """
        Return quickly whether a row may have a secret; never wrongly false.
        """
        return self.marks is None or packed.holds(*self._bytes)

    def stand_in(self, text: str) -> bool:
        """
        Return whether a row, by its text, is worth being taken apart; never wrongly false.
        """
        return self.marks is None or may_hold_secret(text) or any(mark in text for mark in self.marks)


@dataclass
class Renderer:
    """
    Renders rows; owners and spaces must have been learned, and secrets been met, before.
    """

    options: RenderOptions
    layout: Layout
    secrets: OpenedSecrets | None
    """``None``: secrets are left out, and nothing is opened."""
    seal: Sealer
    write: Callable[[DocumentMap, Body], bytes] | None = field(default=None, repr=False)
    """Makes the file of an opened document in a foreign form, secrets and all; ``None``: the native form."""

    def passing(self, table: Table, row: Row) -> str:
        """
        Return why a row is left out as a state that comes and goes by itself, ``""`` if it is not.
        """
        try:
            return table.map.passing(to_body(table, row, body_text(table, row)))
        except UnreadableDocument:
            return ""

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
        # The usual case as it is, without making a text of it for each of very many rows.
        if not head.space and not clash:
            return origin
        return repr((origin, self.layout.space_folder(head.space), clash)).encode("utf-8", "surrogatepass")

    def meet(self, table: Table, row: Row, signs: Signs) -> None:
        """
        Open the secrets of a row that is going to be rendered; *signs* are its table's.
        """
        if self.secrets is None:
            return
        texts = [value for value in row if isinstance(value, str)]
        try:
            texts.append(body_text(table, row))
            if signs.stand_in("\n".join(texts)):
                self.secrets.meet(table.map, to_body(table, row, texts[-1]))
        except UnreadableDocument:
            # The rendering names it; what opens in it must not stand in another document either.
            for text in texts:
                self.secrets.meet_text(text)

    def render(self, table: Table, row: Row, row_hash: bytes = b"") -> Rendered:
        """
        Return the files of one row, whose secrets were met before.

        Raises:
            UnreadableDocument: its body or one of its secrets cannot be read.
        """
        text = body_text(table, row)
        body = to_body(table, row, text)
        known = body.get("Id") if table.map.known else None
        identity = str(known or row[table.id_position])
        thorough = may_hold_secret(text) or may_hold_secret(
            "\n".join([v for v in row if isinstance(v, str) and v is not text])
        )
        opened = open_stored(table.map, identity, body, self.secrets, thorough=thorough)
        if opened is not body and self.secrets is not None and not self.secrets.knows(opened):
            # The search for plaintexts knows what was met and nothing else, so this file would go unsearched.
            raise AssertionError(f"a secret of {table.map.type} {identity} was not met before it was rendered")
        path = self.layout.path(table.map, identity, opened)
        name = display_name(table.map, opened, identity)
        owner = opened.get(table.map.owner) if table.map.owner else None
        owner = owner if isinstance(owner, str) else None
        place = self.layout.owner_place(owner)
        files = self._files(table.map, identity, opened, path, with_secrets=thorough or opened is not body)
        document = DocumentId(table.map.type, identity)
        in_git = place_in_git(table.map.in_git, opened)
        return Rendered(document, name, owner, place.title if place else None, files, row_hash, in_git)

    def _files(
        self, document_map: DocumentMap, identity: str, body: Body, path: str, *, with_secrets: bool
    ) -> tuple[File, ...]:
        _quieten(document_map, body, self.options.noise)
        # Before secrets are sealed: a seal is bound to the element's path, which may be its index in the written order.
        _sort_sets(document_map, body)
        if with_secrets and self.write is None:
            # Before the links to scripts are put in, which are reserved words of the tree like those of secrets.
            body = seal_for_tree(document_map, identity, body, self.seal)
        scripts = self._scripts(document_map, body, path)
        content = encode(body, document_map.first) if self.write is None else self.write(document_map, body)
        return (File(path, content), *scripts)

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
            # A list of one is the rule, and has an order.
            if isinstance(value, list) and len(value) > 1:
                container[key] = sorted(value, key=_rank)


def _rank(value: Any) -> tuple[str, str]:
    # A list of texts may hold something else by mistake, which is no reason to fail.
    return ("", value) if isinstance(value, str) else ("~", repr(value))
