"""
The second level of change detection: rendered files against HEAD by git's blob ids, which are the truth.

What HEAD holds is told by the state where that belongs to HEAD, by HEAD's tree otherwise. Only rows that differ are
rendered, and only files that differ are written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from auditor.changes.outcomes import Change, Outcome, documents_of, group_of
from auditor.changes.state import Files, State, StateRow
from auditor.repository.fast_import import FastImport, blob_id
from auditor.result import FileCounts
from migrator.documents.document import DocumentId
from migrator.documents.file import File
from migrator.errors import OperatorError
from migrator.export.render import Rendered
from migrator.export.stream import Unreadable
from migrator.maps import REGISTRY
from migrator.maps.document_map import UNMAPPED, DocumentMap
from migrator.sql.rows import Table

_PUT_EVERY = 1000
_HANDFUL = 5


class Shrunk(OperatorError):
    """
    So much is gone that it looks like a failed read; nothing was committed.
    """


class Before(Protocol):
    """
    The files of HEAD, as those that were not met yet.
    """

    def files(self) -> int:
        """
        Return how many files there were; ask it first.
        """
        ...

    def counts(self) -> Mapping[str, int]:
        """
        Return how many documents of each type there were; ask it first.
        """
        ...

    def take(self, document: DocumentId, paths: Iterable[str]) -> dict[str, bytes]:
        """
        Return the files that a document had, by path; *paths* are those that it has now.
        """
        ...

    def keep_tables(self, types: Iterable[str]) -> None:
        """
        Leave the files of whole tables that could not be read, by type, as they are.
        """
        ...

    def keep(self, unreadable: Sequence[Unreadable]) -> list[StateRow]:
        """
        Leave the files of documents that cannot be read as they are; return what the state must learn of them.
        """
        ...

    def take_gone(self) -> list[tuple[str, str]]:
        """
        Return type and name of each document that is gone, once all others were met.
        """
        ...

    def obsolete(self) -> Iterable[str]:
        """
        Return the paths of files that are part of the tree no more.
        """
        ...


@dataclass
class StateBefore:
    """
    HEAD as the state knows it, document by document.
    """

    state: State
    rows: Sequence[tuple[Table, str]]
    """The rows that are gone."""
    _left: set[str] = field(default_factory=set)
    _met: set[int] = field(default_factory=set)
    """Hashes of the paths that documents have now."""

    def files(self) -> int:
        """
        Return how many files there were.
        """
        return self.state.total_files()

    def counts(self) -> Mapping[str, int]:
        """
        Return how many documents of each type there were.
        """
        return self.state.counts()

    def take(self, document: DocumentId, paths: Iterable[str]) -> dict[str, bytes]:
        """
        Return the files that a document had, by path.
        """
        had = dict(self.state.files(*document)[1])
        now = set(paths)
        # Hashes in place of paths, since there may be hundreds of thousands at once.
        self._met.update(map(hash, now))
        self._left.update(had.keys() - now)
        return had

    def keep_tables(self, types: Iterable[str]) -> None:
        """
        Do nothing: rows that are not said to be gone stay.
        """

    def keep(self, unreadable: Sequence[Unreadable]) -> list[StateRow]:
        """
        Return nothing: their rows stand in the state, and nothing was changed in it.
        """
        return []

    def take_gone(self) -> list[tuple[str, str]]:
        """
        Return type and name of each document whose row is gone, and forget it.
        """
        found = []
        for table, identity in self.rows:
            name, files = self.state.files(table.map.type, identity)
            self._left.update(path for path, _ in files)
            found.append((table.map.type, _gone_name(table.map, name, files)))
        self.state.forget((table.map.type, identity) for table, identity in self.rows)
        return found

    def obsolete(self) -> Iterable[str]:
        """
        Return what documents had and none has now.
        """
        # What one document left may be another's now, as where two swapped their names.
        return [path for path in self._left if hash(path) not in self._met]


@dataclass
class TreeBefore:
    """
    HEAD as its tree shows it: ``listing`` holds paths and blob ids, and loses those that are met.
    """

    listing: dict[str, bytes]
    find: Callable[[list[str]], Mapping[str, list[str]]]
    """Tells the files of documents in HEAD by their ids; slow."""

    def files(self) -> int:
        """
        Return how many files were not met yet.
        """
        return len(self.listing)

    def counts(self) -> Mapping[str, int]:
        """
        Return how many documents of each type there seem to be.
        """
        return Counter(map(group_of, documents_of(self.listing)))

    def take(self, document: DocumentId, paths: Iterable[str]) -> dict[str, bytes]:
        """
        Return the files that stand where a document has its own, by path.
        """
        return {path: self.listing.pop(path) for path in paths if path in self.listing}

    def keep_tables(self, types: Iterable[str]) -> None:
        """
        Take the files of whole tables out of the listing.
        """
        folders = tuple(f"{UNMAPPED}/{name}/" for name in types)
        for path in [path for path in self.listing if path.startswith(folders)] if folders else ():
            del self.listing[path]

    def keep(self, unreadable: Sequence[Unreadable]) -> list[StateRow]:
        """
        Take the files of documents that cannot be read out of the listing.
        """
        lost = [item for item in unreadable if item.files not in self.listing]
        # Renamed and broken at once: its files have another name, and only its id tells which they are.
        found = self.find([item.identity.id for item in lost]) if lost and self.listing else {}
        rows = []
        for item in unreadable:
            mains = [item.files] if item.files in self.listing else found.get(item.identity.id, [])
            # A document's scripts stand beside it, under its name and what they are.
            starts = tuple(main.removesuffix(".json") + " - " for main in mains)
            kept = [path for path in self.listing if path in mains or (starts and path.startswith(starts))]
            files = tuple((path, self.listing.pop(path)) for path in kept)
            if files:
                # Under a hash that no row has, so that the next run tries again and knows what belongs to it.
                rows.append(StateRow(*item.identity, b"", _file_name(files[0][0]), files))
        return rows

    def take_gone(self) -> list[tuple[str, str]]:
        """
        Return type and name of each document of which nothing was met.
        """
        return [(group_of(path), _file_name(path)) for path in documents_of(self.listing)]

    def obsolete(self) -> Iterable[str]:
        """
        Return what was not met.
        """
        return self.listing


@dataclass
class FileChanges:
    """
    One run's files against those of HEAD: what differs goes into the sink, what a document is now into the state.
    """

    before: Before
    state: State
    algorithm: str
    changes: list[Change] = field(default_factory=list)
    added: int = 0
    modified: int = 0
    deleted: int = 0
    _rows: list[StateRow] = field(default_factory=list)

    def add(self, document: Rendered, sink: FastImport) -> None:
        """
        Write what differs in a document.
        """
        had = self.before.take(document.identity, [file.path for file in document.files])
        # Asked first: writing takes out of it what the document still has.
        existed = bool(had)
        files = tuple((file.path, blob_id(file.content, self.algorithm)) for file in document.files)
        outcomes = {self._write(file, blob, had, sink) for file, (_, blob) in zip(document.files, files, strict=True)}
        if had or outcomes != {None}:
            self._tell(document, had, existed=existed, files=files)
        self._remember(StateRow(*document.identity, document.row_hash, document.name, files))

    def add_metadata(self, file: File, sink: FastImport) -> None:
        """
        Write the head of the tree if it differs.
        """
        had = self.before.take(DocumentId("", file.path), [file.path])
        blob = blob_id(file.content, self.algorithm)
        if self._write(file, blob, had, sink) is Outcome.CHANGED:
            self.changes.append(Change("Metadata", "the export's own metadata", Outcome.CHANGED))
        # Under no type, so that it is not counted as a document.
        self._remember(StateRow("", file.path, b"", "", ((file.path, blob),)))

    def finish(self, unreadable: Sequence[Unreadable], sink: FastImport, limit: Shrinking | None) -> None:
        """
        Take out what is gone, once all documents were added. ``None``: any shrinking is accepted.

        Raises:
            Shrunk: more than *limit* allows is gone.
        """
        # First, or what cannot be read would count as gone.
        for row in self.before.keep(unreadable):
            self._remember(row)
        gone = self.before.take_gone()
        if limit is not None:
            limit.check(Counter(kind for kind, _ in gone))
        self.changes += [Change(kind, name, Outcome.REMOVED) for kind, name in gone]
        for path in sorted(self.before.obsolete()):
            sink.delete(path)
            self.deleted += 1
        self._flush()

    def counts(self, total_before: int) -> FileCounts:
        """
        Return the files by outcome; *total_before* is how many files HEAD has.
        """
        unchanged = total_before - self.modified - self.deleted
        return FileCounts(self.added, self.modified, self.deleted, max(unchanged, 0))

    def _write(self, file: File, blob: bytes, had: dict[str, bytes], sink: FastImport) -> Outcome | None:
        known = had.pop(file.path, None)
        if known == blob:
            return None
        sink.write(file, blob)
        if known is None:
            self.added += 1
            return Outcome.ADDED
        self.modified += 1
        return Outcome.CHANGED

    def _tell(self, document: Rendered, left: dict[str, bytes], *, existed: bool, files: Files) -> None:
        moved = any(path.endswith(".json") for path in left)
        if moved and document.owner is not None and sorted(left.values()) == sorted(blob for _, blob in files):
            return  # Only its owner's name changed, and that is told of the owner.
        # What moved with an owner may have moved by the owner's new name.
        renamed = moved and document.owner is None
        outcome = Outcome.ADDED if not existed else Outcome.RENAMED if renamed else Outcome.CHANGED
        self.changes.append(Change(document.identity.type, _called(document), outcome))

    def _remember(self, row: StateRow) -> None:
        self._rows.append(row)
        if len(self._rows) >= _PUT_EVERY:
            self._flush()

    def _flush(self) -> None:
        self.state.put(self._rows)
        self._rows = []


@dataclass(frozen=True)
class Shrinking:
    """
    How much may be gone: at most ``limit`` of all documents, and no whole type that had more than a handful.
    """

    limit: float
    before: Mapping[str, int]

    def check(self, gone: Mapping[str, int]) -> None:
        """
        Raise ``Shrunk`` if more than that is gone; both sides are documents by type.
        """
        total, lost = sum(self.before.values()), sum(gone.values())
        whole = [name for name, count in self.before.items() if count > _HANDFUL and gone.get(name, 0) >= count]
        # On a server that is just being set up, one document is a large share of all.
        if whole or (total > _HANDFUL and lost > self.limit * total):
            what = f"all {self.before[whole[0]]} documents of {whole[0]}" if whole else f"{lost} of {total} documents"
            raise Shrunk(
                f"{what} would be gone, which looks like a failed read; nothing was committed. If it is right, run "
                "`auditor once --accept-shrink`"
            )


def _called(document: Rendered) -> str:
    if document.owner_name is None:
        return document.name
    named = REGISTRY[document.identity.type].name_property
    return f"{document.name} of {document.owner_name}" if named else document.owner_name


def _gone_name(document_map: DocumentMap, name: str, files: Files) -> str:
    if document_map.name_property or not files:
        return name
    folder, _, file = files[0][0].rpartition("/")
    return folder.rpartition("/")[2] if "{dir}" in document_map.file else file.removesuffix(".json")


def _file_name(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".json")
