"""
Where the files of history stand: ``Releases/<project>/<channel>/<version>/`` and ``Deployments/<project>/<id>/``.

A frozen copy stands with the first release or deployment that uses it. Layout as real exports of Octopus.Migrator 3.x
have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrator.documents.document import Body, by_number
from migrator.documents.layout import Layout, safe_id, safe_name
from migrator.errors import UnreadableDocument
from migrator.export.spool import Spool, SpooledTable
from migrator.sql.rows import Row, body_text, to_body

FROZEN = "IsFrozen"
Key = tuple[str, str]
_NAMES = {
    "VariableSet": "variable-set-snapshot",
    "DeploymentProcess": "deployment-process-snapshot",
    "RunbookProcess": "runbook-process-snapshot",
}


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
        for body in self._bodies("Release"):
            folder = self._release_folder(body, channels)
            self._put("Release", str(body.get("Id")), f"{folder}/release")
            self._put_frozen(frozen, folder, body)
        for body in self._bodies("Deployment"):
            folder = f"{self._space(body)}Deployments/{self._project(body)}/{safe_id(str(body.get('Id')))}"
            self._put("Deployment", str(body.get("Id")), f"{folder}/deployment")
            self._put_frozen(frozen, folder, body)
        for (type_, low), (identity, owner) in frozen.items():
            place = self.layout.owner_place(owner)
            name = place.name if place else safe_id(owner or "none")
            self._put(type_, low, f"Releases/{name}/{_NAMES[type_]}s/{safe_id(identity)}")

    def _put(self, type_: str, identity: str, path: str) -> None:
        self.layout.fixed[type_, identity.lower()] = f"{path}.json"

    def _release_folder(self, body: Body, channels: dict[str, str]) -> str:
        channel = str(body.get("ChannelId") or "")
        name = channels.get(channel.lower()) or safe_id(channel or "none")
        version = safe_name(str(body.get("Version")), str(body.get("Id")))
        return f"{self._space(body)}Releases/{self._project(body)}/{name}/{version}"

    def _put_frozen(self, frozen: dict[Key, tuple[str, str]], folder: str, body: Body) -> None:
        for type_, name in (
            ("DeploymentProcess", "ProjectDeploymentProcessSnapshotId"),
            ("DeploymentProcess", "DeploymentProcessId"),
            ("VariableSet", "ProjectVariableSetSnapshotId"),
            ("VariableSet", "ManifestVariableSetId"),
        ):
            low = str(body.get(name) or "").lower()
            if frozen.pop((type_, low), None) is not None:
                self._put(type_, low, f"{folder}/{_NAMES[type_]}")
        for item in body.get("LibraryVariableSetSnapshots") or []:
            low = str(item.get("VariableSetSnapshotId") or "").lower() if isinstance(item, dict) else ""
            found = frozen.pop(("VariableSet", low), None)
            if found is not None:
                self._put("VariableSet", low, f"{folder}/library-{_NAMES['VariableSet']} [{safe_id(found[0])}]")

    def _project(self, body: Body) -> str:
        owner = str(body.get("ProjectId") or "")
        place = self.layout.owner_place(owner)
        return place.name if place else safe_id(owner or "none")

    def _space(self, body: Body) -> str:
        space = body.get("SpaceId")
        return self.layout.space_folder(space if isinstance(space, str) else None)

    def _channels(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for position, item in enumerate(self.spool.tables):
            if item.table.map.type == "Channel":
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
            if item.table.map.type in _NAMES and at is not None:
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
