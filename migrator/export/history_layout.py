"""
Where the files of history stand: ``Releases/<project>/<channel>/<version>/`` and ``Deployments/<project>/<id>/``.

A frozen copy stands with the first release or deployment that uses it. Layout as real exports of Octopus.Migrator 3.x
have it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from migrator.documents.document import by_number, places
from migrator.documents.layout import Layout, safe_id, safe_name
from migrator.errors import UnreadableDocument
from migrator.export.spool import Packed, RawHead, Spool
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap
from migrator.maps.membership import Snapshot
from migrator.sql.rows import SPACE_COLUMN, Table, body_text, to_body

FROZEN = "IsFrozen"
CHANNEL = "ChannelId"
Key = tuple[str, str]
_SETTLED = tuple(item for item in REGISTRY.maps if item.snapshots)
"""Releases, then deployments: the documents that bring frozen copies along."""
_CHANNELS = frozenset(type_ for item in _SETTLED for type_ in item.targets_at(CHANNEL))


@dataclass(frozen=True)
class _Happened:
    """
    A release or a deployment: what its place follows from, and the frozen copies it uses.
    """

    id: str
    space: str | None
    owner: str
    channel: str
    version: str
    copies: tuple[tuple[Snapshot, str], ...]


@dataclass
class HistoryPlaces:
    """
    Gives the documents of history their paths: learns from every row, then settles.
    """

    layout: Layout
    _channels: dict[str, str] = field(default_factory=dict)
    _frozen: dict[Key, tuple[str, str]] = field(default_factory=dict)
    """Id and owner of each frozen copy."""
    _happened: defaultdict[str, list[_Happened]] = field(default_factory=lambda: defaultdict(list))

    def learn(self, table: Table, head: RawHead, packed: Packed) -> None:
        """
        Take from a row what places follow from.
        """
        document_map = table.map
        if document_map.type in _CHANNELS:
            self._channels[str(head[0]).lower()] = self.layout.base(document_map, str(head[0]), head[3])
        elif document_map.snapshots:
            self._happened[document_map.type] += _happened(table, packed)
        elif document_map.snapshot_file and (at := table.position(FROZEN)) is not None and Spool.unpack(packed)[at]:
            self._frozen[document_map.type, str(head[0]).lower()] = (str(head[0]), str(head[1] or ""))

    def settle(self) -> None:
        """
        Tell the layout where documents stand; all rows, and all owners, must have been learned before.
        """
        for document_map in _SETTLED:
            # In the order of their numbers, since the first that uses a copy decides where the copy stands.
            for item in sorted(self._happened[document_map.type], key=lambda item: by_number(item.id)):
                path = self._path(document_map, item)
                self._put(document_map.type, item.id, path)
                self._put_copies(path.rpartition("/")[0], item)
        # Copies whose releases are gone have an owner still.
        for (type_, key), (identity, owner) in self._frozen.items():
            folder = f"{_SETTLED[0].folder}/{self._name(owner)}/{REGISTRY[type_].snapshot_file}s"
            self._put(type_, key, f"{folder}/{safe_id(identity)}")

    def _put(self, type_: str, identity: str, path: str) -> None:
        self.layout.fixed[type_, identity.lower()] = f"{path}.json"

    def _path(self, document_map: DocumentMap, item: _Happened) -> str:
        path = (document_map.settled or document_map.file).format(
            owner=self._name(item.owner),
            channel=self._channels.get(item.channel.lower()) or safe_id(item.channel or "none"),
            version=safe_name(item.version, item.id),
            id=safe_id(item.id),
        )
        return f"{self.layout.space_folder(item.space)}{path}"

    def _put_copies(self, folder: str, item: _Happened) -> None:
        for snapshot, key in item.copies:
            found = self._frozen.pop((snapshot.type, key), None)
            if found is not None:
                name = REGISTRY[snapshot.type].snapshot_file
                self._put(snapshot.type, key, f"{folder}/{snapshot.file.format(snapshot=name, id=safe_id(found[0]))}")

    def _name(self, owner: str) -> str:
        place = self.layout.owner_place(owner)
        return place.name if place else safe_id(owner or "none")


def _happened(table: Table, packed: Packed) -> list[_Happened]:
    row = Spool.unpack(packed)
    try:
        body = to_body(table, row, body_text(table, row))
    except UnreadableDocument:
        return []  # The rendering names it.
    space = body.get(SPACE_COLUMN)
    copies = [
        (snapshot, str(place.value or "").lower())
        for snapshot in table.map.snapshots
        for place in places(body, snapshot.path)
    ]
    return [
        _Happened(
            str(body.get("Id")),
            space if isinstance(space, str) else None,
            str(body.get(table.map.owner or "") or ""),
            str(body.get(CHANNEL) or ""),
            str(body.get("Version")),
            tuple(copies),
        )
    ]
