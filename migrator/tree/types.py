"""
Which type a file of a tree is: by the folder it stands in, its own id and, in the original's form, its ``$type``.

Names of files say nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from migrator.documents.document import Body
from migrator.documents.layout import SPACES
from migrator.maps import REGISTRY, Registry
from migrator.maps.document_map import UNMAPPED, DocumentMap, Meaning
from migrator.octopus_format.classes import CLASSES, NAMESPACE, TYPE, VARIED


@dataclass(frozen=True)
class Place:
    """
    Where a document stands within its export: its space's folder, and the first folder of its type.
    """

    space: str | None
    folder: str


def place_of(path: str) -> Place:
    """
    Return the place of a path below an export's root.

    ``Spaces/<space>/<file>`` is the space itself; deeper is what belongs to it. A table that nobody has facts about
    has ``Tables/<name>`` for its folder.
    """
    parts = path.split("/")
    if parts[0] == UNMAPPED and len(parts) > 2:
        return Place(None, f"{UNMAPPED}/{parts[1]}")
    if parts[0] == SPACES and len(parts) > 3:
        return Place(parts[1], parts[2])
    return Place(None, parts[0] if len(parts) > 1 else "")


class Types:
    """
    The folders of every known type.
    """

    def __init__(self, registry: Registry = REGISTRY) -> None:
        self._registry = registry
        self._main: dict[str, DocumentMap] = {}
        self._companions: dict[str, list[DocumentMap]] = {}
        for item in registry.maps:
            if not item.file.startswith("{dir}"):
                self._main[item.folder.lower()] = item
        for item in registry.maps:
            if item.file.startswith("{dir}"):
                self._main[f"{item.table}s".lower()] = item
                for folder in self._owner_folders(item):
                    self._companions.setdefault(folder.lower(), []).append(item)
        # Frozen copies stand with the releases and deployments that use them.
        for item in registry.maps:
            if item.snapshots:
                self._companions[item.folder.lower()] = [other for other in registry.maps if other.snapshot_file]
        self._anywhere = {identity: item for item in registry.maps for identity in item.ids_anywhere}
        self._classes = dict(_classes())

    def _owner_folders(self, item: DocumentMap) -> Iterable[str]:
        owners = {t for r in item.references if r.meaning is Meaning.OWNER or r.path == item.owner for t in r.targets}
        return {self._registry[owner].folder for owner in owners}

    @property
    def folders(self) -> frozenset[str]:
        """
        Return the names of folders that hold documents, in lower case.
        """
        return frozenset(self._main)

    def knows(self, folder: str) -> bool:
        """
        Return whether documents of a known type stand in a folder.
        """
        return folder.lower() in self._main

    def find(self, folder: str, body: Body, identity: str) -> DocumentMap | None:
        """
        Return the type of a document, ``None`` if there is none for it.
        """
        # First: editions of the original tool differ in where they put these.
        if identity.lower() in self._anywhere:
            return self._anywhere[identity.lower()]
        named = self._by_class(body)
        if named is not None:
            return named
        lowered = folder.lower()
        for companion in self._companions.get(lowered, []):
            if identity.lower().startswith(companion.id_prefix.lower()):
                return companion
        # A table that this program does not know was written by the default map, and is told by the form of its ids.
        return self._main.get(lowered) or self._unknown_table(folder, identity)

    def _by_class(self, body: Body) -> DocumentMap | None:
        name = body.get(TYPE)
        if not isinstance(name, str):
            return None
        table = self._classes.get(name.partition(",")[0].strip().lower())
        return self._registry[table] if table else None

    def _unknown_table(self, folder: str, identity: str) -> DocumentMap | None:
        if folder.startswith(f"{UNMAPPED}/"):
            return self._registry[folder.partition("/")[2]]
        found = self._registry[folder]
        known = self._registry.is_excluded(folder) or found.known
        return found if not known and identity.lower().startswith(found.id_prefix.lower()) else None


def _classes() -> Iterable[tuple[str, str]]:
    for table, name in CLASSES.items():
        yield f"{NAMESPACE}{name}".lower(), table
    for table, varied in VARIED.items():
        for name in varied.classes.values():
            yield f"{NAMESPACE}{name}".lower(), table
