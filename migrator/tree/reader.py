"""
A tree back to documents: the form is recognised, the password checked, secrets opened, scripts put back.

What is wrong with single files is collected, all at once; nothing is repaired and nothing is written. What the
documents mean to another server is the plan's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from migrator.credentials import Secret
from migrator.documents.canonical_json import decode, is_utf8
from migrator.documents.document import Body
from migrator.errors import OperatorError
from migrator.maps import REGISTRY
from migrator.maps.document_map import UNMAPPED, DocumentMap, Kind, Role
from migrator.tree.files import Noticing
from migrator.tree.heads import MIXED, OCTOPUS, Head, read_heads
from migrator.tree.metadata import NAME
from migrator.tree.scripts import ScriptFiles
from migrator.tree.types import Types, place_of
from migrator.tree.values import Problem, Tree, TreeDocument, TreeFiles
from migrator.wording import counted

NEIGHBOURS = frozenset((".gitattributes", ".gitignore", "readme.md"))
"""Files that belong to a repository and not to the export in it (lower case)."""

SHOWN = 20
"""Stray files that are named one by one."""


def read_tree(files: TreeFiles, password: Secret | None) -> Tree:
    """
    Return the documents of a tree, whatever form it has, and what is wrong with it.

    Raises:
        SecretError: the password is missing or does not fit; nothing else was read.
        OperatorError: there is no export, or a link leads out of it.
    """
    found = list(files.paths())
    # No document has such a name, and no message could show it.
    paths = [path for path in found if is_utf8(path)]
    types = Types()
    heads = read_heads(files, paths, password, types.folders)
    reading = _Reading(files, types, frozenset(paths))
    left = [path for path in paths if path.rpartition("/")[2].lower() not in NEIGHBOURS]
    # The deepest first, and the one at the root for the rest.
    for head in sorted(heads, key=lambda item: -len(item.root)):
        mine = [path for path in left if path.startswith(head.root)]
        left = [path for path in left if not path.startswith(head.root)]
        reading.read_export(head, mine)
    reading.strays.update(left)
    warnings = [*(files.warnings if isinstance(files, Noticing) else ()), *reading.all_warnings()]
    warnings += [f"{path!a} is a name that is not UTF-8, ignored" for path in found if not is_utf8(path)]
    forms = {head.form for head in heads}
    return Tree(
        tuple(sorted(reading.documents, key=lambda item: (item.origin, item.file))),
        tuple(sorted(reading.problems, key=lambda item: (item.file, item.place))),
        tuple(warnings),
        tuple((head.origin, head.version) for head in heads),
        forms.pop() if len(forms) == 1 else MIXED,
        tuple((head.origin, head.left_out) for head in heads if head.left_out),
        tuple((head.origin, head.server) for head in heads if head.whole),
        tuple((head.origin, head.server) for head in heads if head.server),
        nowhere=frozenset((head.origin, identity) for head in heads for identity in head.nowhere),
        gone_spaces=frozenset(_gone_spaces(reading.documents, {head.origin for head in heads if head.whole})),
    )


def _gone_spaces(documents: Iterable[TreeDocument], whole: Container[str]) -> Iterator[tuple[str, str]]:
    """
    Yield origin and folder of each space that has documents but is none: its folder is called by its id.
    """
    spaces = [item for item in documents if item.map.role is Role.SPACE]
    known = {(item.origin, item.file.rpartition("/")[0].rpartition("/")[2]) for item in spaces}
    prefix = REGISTRY.of(Role.SPACE).id_prefix.lower()
    for origin, folder in {(item.origin, item.space) for item in documents if item.origin in whole and item.space}:
        if folder and folder.lower().startswith(prefix) and (origin, folder) not in known:
            yield origin, folder


@dataclass
class _Reading:
    """
    What one reading has found so far.
    """

    files: TreeFiles
    types: Types
    paths: frozenset[str]
    documents: list[TreeDocument] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    strays: set[str] = field(default_factory=set)
    unknown: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    frozen: int = 0
    _known: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def read_export(self, head: Head, paths: list[str]) -> None:
        scripts = ScriptFiles(self.paths, self.files.read, self.problems)
        others: list[str] = []
        for path in paths:
            if path == head.root + NAME:
                continue
            # Hidden ones are the file system's, as the ._ files of macOS.
            if path.lower().endswith(".json") and not path.rpartition("/")[2].startswith("."):
                self._read_file(head, path, scripts)
            else:
                others.append(path)
        # After the documents, which say which of these are their scripts.
        for path in others:
            if path not in scripts.used:
                self._set_aside(head, path)

    def _set_aside(self, head: Head, path: str) -> None:
        folder = place_of(path.removeprefix(head.root)).folder
        if not folder or self.types.knows(folder):
            self.strays.add(path)
        else:
            self.unknown[head.root + folder] += 1

    def _read_file(self, head: Head, path: str, scripts: ScriptFiles) -> None:
        place = place_of(path.removeprefix(head.root))
        if not place.folder:
            self.strays.add(path)
            return
        if place.folder.startswith(f"{UNMAPPED}/"):
            self.unmapped[head.root + place.folder] += 1
            return
        body = self._parse(path, place.folder)
        if body is None:
            return
        identity = _identity(body, self.types, place.folder)
        document_map = self.types.find(place.folder, body, identity)
        if document_map is None:
            self.unknown[head.root + place.folder] += 1
        elif not identity:
            self._wrong(path, "Id", "the document has no Id; take the file from the export again")
        elif head.form == OCTOPUS and body.get("IsFrozen") is True:
            self.frozen += 1
        elif self._is_new(head, document_map, identity, path):
            try:
                self._add(head, document_map, identity, body, path, scripts)
            except RecursionError:
                self._wrong(path, "", "the file is nested too deep to be a document")

    def _parse(self, path: str, folder: str) -> Body | None:
        """
        Return a file's object; in a folder of an unknown type a file that holds none is no problem, but a stray.
        """
        try:
            value = decode(self.files.read(path).decode("utf-8-sig"))
        except OperatorError as error:
            message = str(error)
        except UnicodeDecodeError:
            message = "the file is not UTF-8; save it as UTF-8"
        except ValueError as error:
            message = f"the file is not JSON or was cut short ({error})"
        else:
            if isinstance(value, dict):
                return value
            message = "the file does not hold a JSON object"
        if self.types.knows(folder):
            self._wrong(path, "", message)
        else:
            self.strays.add(path)
        return None

    def _is_new(self, head: Head, document_map: DocumentMap, identity: str, path: str) -> bool:
        other = self._known.setdefault((head.origin, document_map.type, identity.lower()), path)
        if other != path:
            self._wrong(path, "Id", f"{identity} is also the Id of {other}; remove one of the two files")
        return other == path

    def _add(
        self, head: Head, document_map: DocumentMap, identity: str, body: Body, path: str, scripts: ScriptFiles
    ) -> None:
        before = len(self.problems)
        self._check_key(document_map, body, path)
        scripts.follow_links(document_map, body, path)
        opened, wrong = head.open(document_map, identity, body)
        for at, message in wrong:
            self._wrong(path, at, message)
        edited = scripts.take_edited(document_map, opened, path)
        if len(self.problems) == before:
            space = place_of(path.removeprefix(head.root)).space
            self.documents.append(TreeDocument(document_map, identity, opened, path, head.origin, space, edited))

    def _check_key(self, document_map: DocumentMap, body: Body, path: str) -> None:
        # Old history may lack what newer servers write, and is told apart otherwise.
        if document_map.kind is Kind.HISTORY:
            return
        for name in (document_map.name_property, document_map.owner):
            if name in document_map.key and not body.get(name):
                self._wrong(path, name, f"the document has no {name}; take the file from the export again")

    def _wrong(self, path: str, at: str, message: str) -> None:
        self.problems.append(Problem(path, at, message))

    def all_warnings(self) -> list[str]:
        found = [
            f"{folder}: {counted(count, 'file')} of no known type, ignored"
            for folder, count in sorted(self.unknown.items())
        ]
        found += [
            f"{folder}: {counted(count, 'file')} of a table that this program has no facts about, not imported"
            for folder, count in sorted(self.unmapped.items())
        ]
        strays = sorted(self.strays)
        found += [f"{path} is not part of an export, ignored" for path in strays[:SHOWN]]
        if len(strays) > SHOWN:
            found.append(f"{counted(len(strays) - SHOWN, 'file')} more that are not part of an export, ignored")
        if self.frozen:
            found.append(f"{counted(self.frozen, 'file')} with snapshots of releases, ignored: they are history")
        return found


def _identity(body: Body, types: Types, folder: str) -> str:
    """
    Return a document's id; rows of history without one have their key's first property instead.
    """
    value = body.get("Id")
    if value is None and (found := types.find(folder, body, "")) is not None and found.kind is Kind.HISTORY:
        value = body.get(found.key[0])
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)
