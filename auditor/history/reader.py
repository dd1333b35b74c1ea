"""
Two trees of a repository in, the documents that differ out: only what differs is read.

Works on any clone, also on commits of older versions of this program and of the original tool. A script in a
file of its own is a part of its document. Not here: names of ids and questions over many commits (``index``).
"""

from __future__ import annotations

import json
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from auditor.changes.differ import differences
from auditor.changes.records import Subject, masked
from auditor.changes.wording import DocumentChange
from auditor.history.objects import Blobs
from migrator.documents.canonical_json import decode
from migrator.documents.document import Body, display_name
from migrator.documents.scripts import LINK, script_owner
from migrator.maps.document_map import DocumentMap
from migrator.tree.git import Git, close, end
from migrator.tree.types import Types, place_of

DEEPEST = 60
"""So many levels are told one by one; Octopus's own documents have less than a third of it."""
_ZEROS = re.compile(rb"0+")
_FORMAT = "%H%x00%T%x00%P%x00%at%x00%an%x00%ae%x00%ct%x00%cn%x00%ce%x00%B"
_TRAILER = re.compile(r"^([A-Za-z][A-Za-z-]*): (.*)$")


@dataclass(frozen=True)
class Commit:
    """
    One commit; times in seconds since 1970. ``trailers`` in their order.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    author_email: str
    authored: int
    committer: str
    committed: int
    message: str

    @property
    def subject(self) -> str:
        """
        Return the message's first line.
        """
        return self.message.partition("\n")[0]

    @property
    def body(self) -> str:
        """
        Return the message without its first line and its trailers.
        """
        text = self.message.partition("\n")[2].strip("\n")
        head, _, last = text.rpartition("\n\n")
        ends = last if _ or text else ""
        return head if ends and all(_TRAILER.match(line) for line in ends.splitlines()) else text

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        """
        Return the lines ``Name: value`` of the message's last paragraph.
        """
        last = self.message.rstrip("\n").rpartition("\n\n")[2]
        found = [_TRAILER.match(line) for line in last.splitlines()]
        return tuple((item[1], item[2]) for item in found if item) if all(found) and found else ()

    def trailer(self, name: str) -> str | None:
        """
        Return the value of a trailer, ``None`` if there is none.
        """
        return next((value for key, value in self.trailers if key == name), None)


class Touched(NamedTuple):
    """
    A path that differs between two trees: its blob on both sides, ``None`` where it is not there.
    """

    path: str
    old: str | None
    new: str | None


class Side(NamedTuple):
    """
    One document on one side of a change.
    """

    path: str
    blob: str
    map: DocumentMap
    body: Body


@dataclass(frozen=True)
class Changed:
    """
    One document that differs, with its place on both sides.
    """

    change: DocumentChange
    old: Side | None
    new: Side | None


class Reader:
    """
    Commits and their documents, in one repository.
    """

    def __init__(self, git: Git, blobs: Blobs) -> None:
        self._git, self._blobs = git, blobs
        self._types = Types()
        # Known to nobody who wrote a message or named a file, so that neither can begin or end a commit.
        self._mark = secrets.token_hex(16)
        self._empty: str | None = None

    def empty_tree(self) -> str:
        """
        Return the id of the tree without files.
        """
        if self._empty is None:
            # Not a constant: it depends on the repository's hash.
            self._empty = self._git.run("hash-object", "-t", "tree", "--stdin", stdin=b"")
        return self._empty

    def resolve(self, name: str) -> str:
        """
        Return the commit that a name stands for: an id, a branch, ``main~3``.

        Raises:
            GitError: there is none.
        """
        return self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")

    def commits(self, *range_: str, first_parent: bool = True) -> Iterator[tuple[Commit, list[Touched]]]:
        """
        Yield commits from the oldest to the newest, each with what differs from its first parent.
        """
        # No renames, since documents are paired by their ids and not by likeness.
        words = ["log", "--reverse", "--topo-order", "--raw", "-z", "--no-renames", "--no-abbrev", "--root"]
        # A reader's own configuration (log.showSignature) must not put lines in between.
        words += ["--diff-merges=first-parent", "--no-show-signature", f"--format={self._mark}<{_FORMAT}{self._mark}>"]
        words += ["--first-parent"] if first_parent else []
        for piece in self._pieces(*words, "--end-of-options", *range_, "--"):
            head, _, raw = piece.partition(f"{self._mark}>".encode())
            yield _commit(head), _raw(raw)

    def _pieces(self, *words: str) -> Iterator[bytes]:
        """
        Yield what stands between the marks that begin each commit.
        """
        process = self._git.start(*words)
        assert process.stdout is not None
        rest, mark = b"", f"{self._mark}<".encode()
        try:
            while chunk := process.stdout.read(1 << 16):
                *pieces, rest = (rest + chunk).split(mark)
                yield from (piece for piece in pieces if piece.strip(b"\0\n"))
            if rest.strip(b"\0\n"):
                yield rest
        except BaseException:
            end(process)
            raise
        close(process, words[0])

    def touched(self, old_tree: str, new_tree: str) -> list[Touched]:
        """
        Return what differs between two trees.
        """
        words = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old_tree, new_tree)
        return _raw(b"\0".join(self._git.lines(*words)))

    def fetch(self, touched: Iterable[Touched]) -> None:
        """
        Read ahead what the documents among *touched* hold on both sides.
        """
        documents = (item for item in touched if item.path.endswith(".json"))
        self._blobs.fetch(blob for item in documents for blob in (item.old, item.new) if blob)

    def documents(self, touched: Iterable[Touched], old_tree: str, new_tree: str) -> Iterator[Changed]:
        """
        Yield the documents that differ, each with its records; moved ones are found by their ids.
        """
        paths = list(touched)
        sides: dict[tuple[str, str], list[Side | None]] = defaultdict(lambda: [None, None])
        files: dict[tuple[str, str], int] = defaultdict(int)
        seen = {item.path for item in paths}
        extra = self._owners_of_scripts(paths, seen, old_tree, new_tree)
        self.fetch(paths)
        for item in [*paths, *extra]:
            if not item.path.endswith(".json") or "/" not in item.path:
                continue
            for index, blob in enumerate((item.old, item.new)):
                side = self.load(item.path, blob, (old_tree, new_tree)[index]) if blob else None
                if side is not None:
                    key = side.map.type, str(side.body.get("Id") or side.path).lower()
                    sides[key][index] = side
                    files[key] += 1
        for key in sorted(sides):
            old, new = sides[key]
            change = document_change(old, new, files[key])
            if change is not None:
                yield Changed(change, old, new)

    def load(self, path: str, blob: str, tree: str) -> Side | None:
        """
        Return a document of a tree, its scripts in their places; ``None`` where the file is not one.
        """
        content = self._blobs.read(blob)
        if content is None:
            return None
        try:
            body = decode(content)
        except ValueError:
            return None
        if not isinstance(body, dict):
            return None
        if _may_be_deep(content):
            body = {name: _shallow(value, DEEPEST) for name, value in body.items()}
        identity = str(body.get("Id") or "")
        document_map = self._types.find(place_of(path).folder, body, identity)
        if document_map is None:
            return None
        if LINK.encode() in content:
            body = self._with_scripts(body, f"{tree}:{path.rpartition('/')[0]}/")
        return Side(path, blob, document_map, body)

    def _with_scripts(self, value: Any, folder: str) -> Any:
        if isinstance(value, dict):
            if len(value) == 1 and isinstance(name := value.get(LINK), str):
                # A link leads to a file beside its document and nowhere else.
                content = None if "/" in name else self._blobs.read(f"{folder}{name}")
                return value if content is None else content.decode("utf-8", "replace")
            return {key: self._with_scripts(item, folder) for key, item in value.items()}
        return [self._with_scripts(item, folder) for item in value] if isinstance(value, list) else value

    def _owners_of_scripts(
        self, paths: Iterable[Touched], seen: set[str], old_tree: str, new_tree: str
    ) -> list[Touched]:
        """
        Return the documents that did not change themselves, but one of whose script files did.
        """
        folders: dict[str, list[str]] = defaultdict(list)
        for item in paths:
            if not item.path.endswith(".json") and "/" in item.path:
                folder, _, file = item.path.rpartition("/")
                folders[folder].append(file)
        found = []
        for folder, names in folders.items():
            listing = {tree: self._listing(tree, folder) for tree in (old_tree, new_tree)}
            for file in sorted(set(listing[old_tree]) & set(listing[new_tree])):
                path = f"{folder}/{file}"
                start = f"{script_owner(file)} - "
                if file.endswith(".json") and path not in seen and any(name.startswith(start) for name in names):
                    found.append(Touched(path, listing[old_tree][file], listing[new_tree][file]))
        return found

    def _listing(self, tree: str, folder: str) -> Mapping[str, str]:
        content = self._blobs.read(f"{tree}:{folder}") or b""
        width = len(tree) // 2
        found, at = {}, 0
        while (end_of_name := content.find(b"\0", at)) > 0:
            name = content[at:end_of_name].partition(b" ")[2].decode("utf-8", "surrogateescape")
            at = end_of_name + 1 + width
            found[name] = content[end_of_name + 1 : at].hex()
        return found


def _may_be_deep(content: bytes) -> bool:
    # Two blanks a level as this program writes it, or fewer lines than what opens, as nobody writes it by hand.
    opened = content.count(b"{") + content.count(b"[")
    return opened > DEEPEST and (b" " * 2 * DEEPEST in content or 2 * content.count(b"\n") < opened)


def _shallow(value: Any, levels: int) -> Any:
    """
    Return a value whose deeper levels are text, since what is told of it goes down level by level.
    """
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        try:
            # Masked here, since in a text nobody would find the secrets again.
            return json.dumps(masked(value), sort_keys=True, default=str)
        except RecursionError:
            return "(nested too deep)"
    if isinstance(value, dict):
        return {name: _shallow(item, levels - 1) for name, item in value.items()}
    return [_shallow(item, levels - 1) for item in value]


@contextmanager
def open_reader(git: Git) -> Iterator[Reader]:
    """
    Yield a reader of a repository; its helper process ends with the block.
    """
    with Blobs(git) as blobs:
        yield Reader(git, blobs)


def document_change(old: Side | None, new: Side | None, files: int = 1) -> DocumentChange | None:
    """
    Return the records of one document, ``None`` where nothing in it differs.
    """
    side = new or old
    if side is None:
        return None
    identity = str(side.body.get("Id") or side.path)
    owner = side.body.get(side.map.owner) if side.map.owner else None
    subject = Subject(
        side.map.type,
        identity,
        display_name(side.map, side.body, identity),
        place_of(side.path).space,
        owner if isinstance(owner, str) else None,
    )
    records = differences(side.map, subject, old.body if old else None, new.body if new else None)
    if not records:
        return None
    return DocumentChange(subject, side.map, old.body if old else None, new.body if new else None, records, files)


def _commit(head: bytes) -> Commit:
    fields = head.decode("utf-8", "replace").split("\0", 9)
    id_, tree, parents, authored, author, mail, committed, committer, _, message = fields
    return Commit(
        id_, tree, tuple(parents.split()), author, mail, int(authored or 0), committer, int(committed or 0), message
    )


def _raw(text: bytes) -> list[Touched]:
    found = []
    pieces = iter(text.lstrip(b"\0\n").split(b"\0"))
    for piece in pieces:
        words = piece.lstrip(b"\n").lstrip(b":").split()
        if len(words) < 5:
            continue
        path = next(pieces, b"").decode("utf-8", "surrogateescape")
        old, new = (None if _ZEROS.fullmatch(word) else word.decode("ascii") for word in words[2:4])
        found.append(Touched(path, old, new))
    return found
