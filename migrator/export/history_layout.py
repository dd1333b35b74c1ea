"""
Where the files of history stand: ``Releases/<project>/<channel>/<version>/`` and ``Deployments/<project>/<id>/``.

A frozen copy stands with the first release or deployment that uses it. Layout as real exports of Octopus.Migrator 3.x
have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrator.documents.document import Body, by_number, places
from migrator.documents.layout import Layout, safe_id, safe_name
from migrator.errors import UnreadableDocument
from migrator.export.spool import Spool, SpooledTable
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap
from migrator.sql.rows import SPACE_COLUMN, Row, body_text, to_body

FROZEN = "IsFrozen"
CHANNEL = "ChannelId"
Key = tuple[str, str]
_SETTLED = tuple(item for item in REGISTRY.maps if item.snapshots)
"""Releases, then deployments: the documents that bring frozen copies along."""
_CHANNELS = frozenset(type_ for item in _SETTLED for type_ in item.targets_at(CHANNEL))


@dataclass
class HistoryPlaces:
    """
    Gives the documents of history in a spool their paths.
    """

    spool: Spool
    layout: Layout

    def settle(self) -> None:
        """
        Tell the layout where they stand; owners must have been learned before.
        """
        channels = self._channels()
        frozen = self._frozen()
        for item in _SETTLED:
            for body in self._bodies(item.type):
                path = self._path(item, body, channels)
                self._put(item.type, str(body.get("Id")), path)
                self._put_frozen(item, frozen, path.rpartition("/")[0], body)
        for (type_, low), (identity, owner) in frozen.items():
            place = self.layout.owner_place(owner)
            name = place.name if place else safe_id(owner or "none")
            folder = f"{_SETTLED[0].folder}/{name}/{REGISTRY[type_].snapshot_file}s"
            self._put(type_, low, f"{folder}/{safe_id(identity)}")

    def _put(self, type_: str, identity: str, path: str) -> None:
        self.layout.fixed[type_, identity.lower()] = f"{path}.json"

    def _path(self, document_map: DocumentMap, body: Body, channels: dict[str, str]) -> str:
        identity, channel = str(body.get("Id")), str(body.get(CHANNEL) or "")
        owner, space = str(body.get(document_map.owner or "") or ""), body.get(SPACE_COLUMN)
        place = self.layout.owner_place(owner)
        path = (document_map.settled or document_map.file).format(
            owner=place.name if place else safe_id(owner or "none"),
            channel=channels.get(channel.lower()) or safe_id(channel or "none"),
            version=safe_name(str(body.get("Version")), identity),
            id=safe_id(identity),
        )
        return f"{self.layout.space_folder(space if isinstance(space, str) else None)}{path}"

    def _put_frozen(
        self, document_map: DocumentMap, frozen: dict[Key, tuple[str, str]], folder: str, body: Body
    ) -> None:
        for snapshot in document_map.snapshots:
            for place in places(body, snapshot.path):
                low = str(place.value or "").lower()
                found = frozen.pop((snapshot.type, low), None)
                if found is not None:
                    name = REGISTRY[snapshot.type].snapshot_file
                    file = snapshot.file.format(snapshot=name, id=safe_id(found[0]))
                    self._put(snapshot.type, low, f"{folder}/{file}")

    def _channels(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for position, item in enumerate(self.spool.tables):
            if item.table.map.type in _CHANNELS:
                for _, head, _ in self.spool.rows(position):
                    found[str(head[0]).lower()] = self.layout.base(item.table.map, str(head[0]), head[3])
        return found

    def _frozen(self) -> dict[Key, tuple[str, str]]:
        """
        Return id and owner of each frozen copy.
        """
        found: dict[Key, tuple[str, str]] = {}
        for position, item in enumerate(self.spool.tables):
            at = item.table.position(FROZEN)
            if item.table.map.snapshot_file and at is not None:
                for _, head, packed in self.spool.rows(position):
                    if Spool.unpack(packed)[at]:
                        kind = item.table.map.type
                        found[kind, str(head[0]).lower()] = (str(head[0]), str(head[1] or ""))
        return found

    def _bodies(self, type_: str) -> Iterator[Body]:
        for position, item in enumerate(self.spool.tables):
            if item.table.map.type == type_:
                rows = [Spool.unpack(packed) for _, _, packed in self.spool.rows(position)]
                yield from _in_order(item, rows)


def _in_order(item: SpooledTable, rows: list[Row]) -> Iterator[Body]:
    bodies = []
    for row in rows:
        try:
            bodies.append(to_body(item.table, row, body_text(item.table, row)))
        except UnreadableDocument:
            continue  # The rendering names it.
    yield from sorted(bodies, key=lambda body: by_number(str(body.get("Id"))))
