"""
Spooled rows against HEAD, in two levels: a hash of each row and its context, then git's blob ids, which are the truth.

Only what differs is rendered, and only what differs of that is written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from auditor.changes import Change, Outcome
from auditor.fast_import import FastImport, blob_id
from auditor.result import FileCounts
from auditor.state import Files, State
from migrator.document_map import DocumentMap
from migrator.errors import OperatorError
from migrator.maps import REGISTRY
from migrator.rendering import File, Rendered
from migrator.rendition import Rendition
from migrator.sql.rows import Table

_CHECK_EVERY = 256
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

    ``listing`` holds HEAD's files (path to blob id) where the state does not belong to HEAD; otherwise it is ``None``
    and the state knows them.
    """

    rendition: Rendition
    state: State
    listing: dict[str, bytes] | None
    algorithm: str
    check: Callable[[], None]
    changes: list[Change] = field(default_factory=list)
    documents: int = 0
    unchanged_files: int = 0
    added: int = 0
    modified: int = 0
    deleted: int = 0
    _wanted: list[bytearray] = field(default_factory=list)
    _hashes: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _gone: list[tuple[Table, str]] = field(default_factory=list)
    _obsolete: dict[str, bytes] = field(default_factory=dict)
    _present: set[str] = field(default_factory=set)
    _taken: dict[str, str] = field(default_factory=dict)
    _puts: list[tuple[str, str, bytes, str, Files]] = field(default_factory=list)

    def find(self) -> int:
        """
        Find the rows that differ from the state and those that are gone; return how many differ.
        """
        self.rendition.wanted = lambda table, row: bool(self._wanted[table][row])
        self.rendition.learn_owners()
        self._find_missing_tables()
        return sum(self._find_in(position) for position in range(len(self.rendition.spool.tables)))

    def _find_in(self, position: int) -> int:
        spool, renderer = self.rendition.spool, self.rendition.renderer
        table = spool.tables[position].table
        flags = bytearray(spool.tables[position].count)
        self._wanted.append(flags)
        if renderer.options.leaves_out(table.map):
            return 0
        known = {} if self.listing is not None else self.state.hashes(table.map.type)
        # Without an owner, a space or a clash a row's files depend on the row alone.
        alone = table.map.owner is None and table.position("SpaceId") is None and not renderer.layout.clashes
        certain = table.map.owner is None or table.position(table.map.owner) is not None
        exclusion = table.map.exclusion if table.map.excluded_ids else None
        blake2b, changed, skipped = hashlib.blake2b, 0, 0
        for index, (head, packed) in enumerate(spool.rows(position)):
            if not index % _CHECK_EVERY:
                self.check()
            if exclusion is not None and exclusion(str(head[0])) is not None:
                skipped += 1
                continue
            digest = blake2b(packed, digest_size=16)
            if not alone:
                digest.update(renderer.context(table, head))
            value = digest.digest()
            if known.pop(head[0], None) != value or not certain:
                flags[index] = 1
                changed += 1
                self._hashes[table.map.type, str(head[0])] = value
        self.documents += len(flags) - skipped
        self._gone += [(table, identity) for identity in known]
        return changed

    def check_shrink(self, limit: float) -> None:
        """
        Refuse a run in which too much is gone.

        Raises:
            Shrunk: more than *limit* of all documents, or a whole type that had more than a handful.
        """
        before: Mapping[str, int]
        before = self.state.counts() if self.listing is None else Counter(map(_group, _documents_of(self.listing)))
        gone = Counter(table.map.type for table, _ in self._gone)
        if self.listing is not None:
            gone = Counter(_group(path) for path in _documents_of(self.listing) if path not in self._present)
        total, lost = sum(before.values()), sum(gone.values())
        whole = [name for name, count in before.items() if count > _HANDFUL and gone[name] >= count]
        if whole or (total > _HANDFUL and lost > limit * total):
            what = f"all {before[whole[0]]} documents of {whole[0]}" if whole else f"{lost} of {total} documents"
            raise Shrunk(
                f"{what} would be gone, which looks like a failed read; nothing was committed. If it is right, run "
                "`auditor once --accept-shrink`"
            )

    def _find_missing_tables(self) -> None:
        if self.listing is not None:
            return
        present = {item.table.map.type for item in self.rendition.spool.tables}
        for name in self.state.counts().keys() - present:
            self._gone += [(Table(name, ("Id",), REGISTRY[name]), identity) for identity in self.state.hashes(name)]

    def write(self, sink: FastImport, metadata: File, accept_shrink: Callable[[], None]) -> None:
        """
        Render what differs into *sink*, then take out what is gone.

        Raises:
            PlaintextFound, SecretError: from rendering; the sink must be abandoned.
            Shrunk: from *accept_shrink*, which is asked when all is known.
        """
        for document in self.rendition.documents():
            self.check()
            self._compare(document, sink)
        self._write_metadata(metadata, sink)
        self._keep_unreadable()
        accept_shrink()
        self._remove(sink)
        self._flush()

    def _compare(self, document: Rendered, sink: FastImport) -> None:
        kind, identity = document.identity
        _, old = ("", ()) if self.listing is not None else self.state.files(kind, identity)
        before = dict(old)
        files: list[tuple[str, bytes]] = []
        outcomes: Counter[str] = Counter()
        for file in document.files:
            other = self._taken.setdefault(file.path.casefold(), identity)
            if other != identity or file.path in self._present:
                raise OperatorError(
                    f"{kind} {identity} and {other} would be the same file {file.path}; rename one of them on the server"
                )
            blob = blob_id(file.content, self.algorithm)
            known = before.pop(file.path, None) if self.listing is None else self.listing.get(file.path)
            self._present.add(file.path)
            files.append((file.path, blob))
            outcome = "unchanged" if known == blob else "modified" if known is not None else "added"
            outcomes[outcome] += 1
            if outcome != "unchanged":
                sink.write(file)
        self._obsolete.update(before)
        self._count(outcomes)
        existed = bool(old) if self.listing is None else None
        self._tell(document, outcomes, before, [blob for _, blob in files], existed)
        self._put(kind, identity, document.name, tuple(files))

    def _count(self, outcomes: Counter[str]) -> None:
        self.added += outcomes["added"]
        self.modified += outcomes["modified"]
        self.unchanged_files += outcomes["unchanged"]

    def _tell(
        self,
        document: Rendered,
        outcomes: Counter[str],
        left: dict[str, bytes],
        blobs: list[bytes],
        existed: bool | None,
    ) -> None:
        if not left and set(outcomes) <= {"unchanged"}:
            return
        moved = any(path.endswith(".json") for path in left)
        if moved and document.owner is not None and sorted(left.values()) == sorted(blobs):
            return  # Only its owner's name changed, and that is told of the owner.
        unseen = outcomes["added"] and not outcomes["modified"] and not outcomes["unchanged"]
        new = existed is False or (existed is None and unseen)
        outcome = Outcome.ADDED if new else Outcome.RENAMED if moved and document.owner is None else Outcome.CHANGED
        self.changes.append(Change(document.identity.type, self._called(document), outcome))

    def _called(self, document: Rendered) -> str:
        place = self.rendition.renderer.layout.owner_place(document.owner)
        if place is None:
            return document.name
        named = REGISTRY[document.identity.type].name_property
        return f"{document.name} of {place.title}" if named else place.title

    def _put(self, kind: str, identity: str, name: str, files: Files) -> None:
        digest = self._hashes.get((kind, identity))
        if digest is not None:
            self._puts.append((kind, identity, digest, name, files))
            if len(self._puts) >= _PUT_EVERY:
                self._flush()

    def _flush(self) -> None:
        self.state.put(self._puts)
        self._puts = []

    def _write_metadata(self, metadata: File, sink: FastImport) -> None:
        blob = blob_id(metadata.content, self.algorithm)
        known = self.listing.get(metadata.path) if self.listing is not None else self.state.files("", metadata.path)[1]
        before = known if isinstance(known, bytes) else known[0][1] if known else None
        self._present.add(metadata.path)
        self._count(Counter(["unchanged" if before == blob else "modified" if before else "added"]))
        if before != blob:
            sink.write(metadata)
            if before:
                self.changes.append(Change("Metadata", "the export's own metadata", Outcome.CHANGED))
        self._puts.append(("", metadata.path, b"", "", ((metadata.path, blob),)))

    def _keep_unreadable(self) -> None:
        for item in self.rendition.unreadable:
            if self.listing is not None:
                start = item.files.removesuffix(".json") + " - "
                kept = [path for path in self.listing if path == item.files or path.startswith(start)]
                self._present.update(kept)
                self.unchanged_files += len(kept)
            else:
                self.unchanged_files += len(self.state.files(*item.identity)[1])

    def _remove(self, sink: FastImport) -> None:
        for table, identity in self._gone:
            name, files = self.state.files(table.map.type, identity)
            self._obsolete.update(files)
            self.changes.append(Change(table.map.type, _gone_name(table.map, name, files), Outcome.REMOVED))
        self.state.forget((table.map.type, identity) for table, identity in self._gone)
        if self.listing is not None:
            self._obsolete.update((path, blob) for path, blob in self.listing.items() if path not in self._present)
            for path in _documents_of(self._obsolete):
                name = path.rpartition("/")[2].removesuffix(".json")
                self.changes.append(Change(_group(path), name, Outcome.REMOVED))
        for path in sorted(self._obsolete.keys() - self._present):
            sink.delete(path)
            self.deleted += 1

    def file_counts(self, total_before: int | None) -> FileCounts:
        """
        Return the files by outcome; *total_before* is how many files HEAD has, where that is known.
        """
        unchanged = self.unchanged_files
        if total_before is not None:
            unchanged = total_before - self.modified - self.deleted
        return FileCounts(self.added, self.modified, self.deleted, max(unchanged, 0))


def _gone_name(document_map: DocumentMap, name: str, files: Files) -> str:
    if document_map.name_property or not files:
        return name
    folder, _, file = files[0][0].rpartition("/")
    return folder.rpartition("/")[2] if "{dir}" in document_map.file else file.removesuffix(".json")


def _documents_of(paths: dict[str, bytes]) -> list[str]:
    return [path for path in paths if path.endswith(".json") and "/" in path]


def _group(path: str) -> str:
    """
    Return what kind of file a path is, for counting: its first folder, below its space.
    """
    parts = path.split("/")
    if parts[0] == "Spaces" and len(parts) > 3:
        parts = parts[2:]
    file = parts[-1].removesuffix(".json")
    for ending in ("VariableSet", "DeploymentProcess", "RunbookProcess", "DeploymentSettings"):
        if file.endswith(f"-{ending}"):
            return ending
    return _TYPES.get(parts[0].lower(), parts[0]) if "-variables-" not in file else "TenantVariable"


_TYPES = {item.folder.lower(): item.table for item in REGISTRY.maps if "{" not in item.folder}
