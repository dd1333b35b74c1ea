"""
The second level of change detection: rendered files against HEAD by git's blob ids, which are the truth.

Only rows that differ are rendered, and only files that differ are written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from auditor.changes.commit_message import Change, Outcome
from auditor.changes.rows import RowChanges, row_hash
from auditor.changes.state import Files, State, Whole
from auditor.changes.tree_groups import documents_of, group_of
from auditor.repository.fast_import import FastImport, blob_id
from auditor.result import FileCounts
from migrator.documents.file import File
from migrator.errors import OperatorError
from migrator.export.render import Rendered
from migrator.export.stream import Rendition
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap

_PUT_EVERY = 1000
_HANDFUL = 5


class Shrunk(OperatorError):
    """
    So much is gone that it looks like a failed read; nothing was committed.
    """


@dataclass
class Comparison:
    """
    One run's comparison with HEAD.

    ``listing`` holds HEAD's files (path to blob id) where the state does not belong to HEAD, and loses those that are
    met; otherwise it is ``None`` and the state knows them.
    """

    rendition: Rendition
    rows: RowChanges
    state: State
    listing: dict[str, bytes] | None
    algorithm: str
    check: Callable[[], None]
    find_in_head: Callable[[list[str]], Mapping[str, list[str]]]
    """Tells the files of documents in HEAD by their ids; slow."""
    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    added: int = 0
    modified: int = 0
    deleted: int = 0
    _before: Mapping[str, int] = field(default_factory=dict)
    _obsolete: dict[str, bytes] = field(default_factory=dict)
    _claimed: set[int] = field(default_factory=set)
    """Hashes of the paths met, letters' case ignored: no two documents may share one on any file system."""
    _present: set[int] = field(default_factory=set)
    """Hashes of the very paths met."""
    _puts: list[tuple[str, str, bytes, str, Files]] = field(default_factory=list)

    def find(self) -> None:
        """
        Find the rows that differ from the state and those that are gone.
        """
        self.rendition.wanted = self.rows.wanted
        self.rows.find(self.rendition, self.state if self.listing is None else None, self.check)

    def write(self, sink: FastImport, metadata: File, shrink_limit: float | None) -> None:
        """
        Render what differs into *sink*, then take out what is gone. ``None``: any shrinking is accepted.

        Raises:
            PlaintextFound, SecretError: from rendering; the sink must be abandoned.
            Shrunk: more than *shrink_limit* of all documents is gone, or a whole type that had more than a handful.
        """
        if shrink_limit is not None:
            whole = self.listing is None
            self._before = self.state.counts() if whole else Counter(map(group_of, documents_of(self.listing or ())))
        for document in self.rendition.documents():
            self.check()
            self._compare(document, sink)
        self._compare_metadata(metadata, sink)
        self._keep_unreadable()
        if shrink_limit is not None:
            self._check_shrink(shrink_limit)
        self._remove(sink)
        self._flush()

    def wholes(self) -> list[Whole]:
        """
        Return the tables that may be known by one hash from now on: those of which every row could be read.
        """
        troubled = {item.identity.type for item in self.rendition.unreadable}
        return [whole for whole in self.rows.wholes if whole.table not in troubled]

    def file_counts(self, total_before: int) -> FileCounts:
        """
        Return the files by outcome; *total_before* is how many files HEAD has.
        """
        unchanged = total_before - self.modified - self.deleted
        return FileCounts(self.added, self.modified, self.deleted, max(unchanged, 0))

    def _compare(self, document: Rendered, sink: FastImport) -> None:
        kind, identity = document.identity
        before = dict(self.state.files(kind, identity)[1]) if self.listing is None else {}
        existed = bool(before)
        files = tuple((file.path, blob_id(file.content, self.algorithm)) for file in document.files)
        outcomes = {
            self._compare_file(file, blob, before, sink) for file, (_, blob) in zip(document.files, files, strict=True)
        }
        self._obsolete.update(before)
        if before or outcomes != {"unchanged"}:
            self._tell(document, outcomes, before, existed=existed, blobs=files)
        self._puts.append(
            (kind, identity, row_hash(*self.rendition.current, self.rendition.renderer), document.name, files)
        )
        if len(self._puts) >= _PUT_EVERY:
            self._flush()

    def _compare_file(self, file: File, blob: bytes, before: dict[str, bytes], sink: FastImport) -> str:
        claim = hash(file.path.casefold())
        if claim in self._claimed:
            raise OperatorError(
                f"two documents would be the same file {file.path}; rename one of them on the server (names must "
                "differ by more than upper and lower case)"
            )
        self._claimed.add(claim)
        if self.listing is None:
            self._present.add(hash(file.path))
        known = (before if self.listing is None else self.listing).pop(file.path, None)
        if known == blob:
            self.unchanged += 1
            return "unchanged"
        sink.write(file)
        if known is None:
            self.added += 1
            return "added"
        self.modified += 1
        return "modified"

    def _tell(
        self, document: Rendered, outcomes: set[str], left: dict[str, bytes], *, existed: bool, blobs: Files
    ) -> None:
        moved = any(path.endswith(".json") for path in left)
        if moved and document.owner is not None and sorted(left.values()) == sorted(blob for _, blob in blobs):
            return  # Only its owner's name changed, and that is told of the owner.
        new = not existed if self.listing is None else outcomes == {"added"}
        outcome = Outcome.ADDED if new else Outcome.RENAMED if moved and document.owner is None else Outcome.CHANGED
        self.changes.append(Change(document.identity.type, self._called(document), outcome))

    def _called(self, document: Rendered) -> str:
        place = self.rendition.renderer.layout.owner_place(document.owner)
        if place is None:
            return document.name
        named = REGISTRY[document.identity.type].name_property
        return f"{document.name} of {place.title}" if named else place.title

    def _compare_metadata(self, metadata: File, sink: FastImport) -> None:
        before = dict(self.state.files("", metadata.path)[1]) if self.listing is None else {}
        blob = blob_id(metadata.content, self.algorithm)
        if self._compare_file(metadata, blob, before, sink) == "modified":
            self.changes.append(Change("Metadata", "the export's own metadata", Outcome.CHANGED))
        self._puts.append(("", metadata.path, b"", "", ((metadata.path, blob),)))

    def _keep_unreadable(self) -> None:
        if self.listing is None:
            return  # The state knows their files, and nothing was changed in it.
        lost = [item for item in self.rendition.unreadable if item.files not in self.listing]
        # Renamed and broken at once: its files have another name, and only its id tells which they are.
        found = self.find_in_head([item.identity.id for item in lost]) if lost and self.listing else {}
        for item in self.rendition.unreadable:
            kind, identity = item.identity
            mains = [item.files] if item.files in self.listing else found.get(identity, [])
            starts = tuple(main.removesuffix(".json") + " - " for main in mains)
            kept = [path for path in self.listing if path in mains or (starts and path.startswith(starts))]
            files = tuple((path, self.listing.pop(path)) for path in kept)
            if files:
                # Under a hash that no row has, so that the next run tries again and knows what belongs to it.
                name = files[0][0].rpartition("/")[2].removesuffix(".json")
                self._puts.append((kind, identity, b"", name, files))

    def _check_shrink(self, limit: float) -> None:
        if self.listing is None:
            gone = Counter(table.map.type for table, _ in self.rows.gone)
        else:
            gone = Counter(map(group_of, documents_of(self.listing)))
        total, lost = sum(self._before.values()), sum(gone.values())
        whole = [name for name, count in self._before.items() if count > _HANDFUL and gone[name] >= count]
        if whole or (total > _HANDFUL and lost > limit * total):
            what = f"all {self._before[whole[0]]} documents of {whole[0]}" if whole else f"{lost} of {total} documents"
            raise Shrunk(
                f"{what} would be gone, which looks like a failed read; nothing was committed. If it is right, run "
                "`auditor once --accept-shrink`"
            )

    def _remove(self, sink: FastImport) -> None:
        for table, identity in self.rows.gone:
            name, files = self.state.files(table.map.type, identity)
            self._obsolete.update(files)
            self.changes.append(Change(table.map.type, _gone_name(table.map, name, files), Outcome.REMOVED))
        self.state.forget((table.map.type, identity) for table, identity in self.rows.gone)
        if self.listing:
            self._obsolete.update(self.listing)
            for path in documents_of(self.listing):
                self.changes.append(
                    Change(group_of(path), path.rpartition("/")[2].removesuffix(".json"), Outcome.REMOVED)
                )
        for path in sorted(self._obsolete):
            if hash(path) not in self._present:
                sink.delete(path)
                self.deleted += 1

    def _flush(self) -> None:
        self.state.put(self._puts)
        self._puts = []


def _gone_name(document_map: DocumentMap, name: str, files: Files) -> str:
    if document_map.name_property or not files:
        return name
    folder, _, file = files[0][0].rpartition("/")
    return folder.rpartition("/")[2] if "{dir}" in document_map.file else file.removesuffix(".json")
