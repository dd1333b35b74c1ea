"""
Some projects of a tree and what they need: the part of a whole export that an import is restricted to. Pure.

Outwards over every reference, never sideways: other projects and people are named, not taken, and a target has to find
them for itself. The rules are those of a partial export, as the maps have them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from migrator.documents.references import Controls, mentions
from migrator.errors import UsageError
from migrator.maps import REGISTRY
from migrator.maps.document_map import ANY, TAG, Kind, Role
from migrator.maps.natural_keys import fold, key_of
from migrator.tree.values import LeftOut, Tree, TreeDocument
from migrator.wording import did_you_mean

_Place = tuple[str, str]
"""An origin and an id in lower case: ids of several servers are kept apart."""


def restrict(tree: Tree, projects: Sequence[str]) -> Tree:
    """
    Return the projects of these names, in all origins, with what they need; names are compared as the database does.

    History is left behind. Problems of the tree are kept: they may hide what is needed.

    Raises:
        UsageError: a name that no project of the tree has.
    """
    # Blind to case and trailing blanks, as the server's collation is.
    wanted = {fold(name): name for name in projects}
    projects_of = [d for d in tree.documents if d.map.role is Role.PROJECT]
    roots = [document for document in projects_of if fold(document.body.get("Name")) in wanted]
    unknown = sorted(wanted.keys() - {fold(document.body.get("Name")) for document in roots})
    if unknown:
        names = [str(document.body.get("Name")) for document in projects_of]
        hint = did_you_mean(wanted[unknown[0]], names, limit=3)
        raise UsageError(f"the tree has no project {wanted[unknown[0]]}{hint}")
    closure = _Closure(tree)
    closure.take(roots)
    taken = tuple(document for document in tree.documents if id(document) in closure.taken)
    left: tuple[tuple[str, LeftOut], ...] = tuple((origin, types) for origin, types in closure.left_out.items())
    return replace(tree, documents=taken, left_out=(*tree.left_out, *left))


@dataclass
class _Closure:
    tree: Tree
    # By Python's own id: a document has no hash, and one of another origin may equal it.
    taken: set[int] = field(default_factory=set)
    left_out: dict[str, dict[str, dict[str, dict[str, Any]]]] = field(default_factory=dict)
    _by_id: dict[_Place, list[TreeDocument]] = field(default_factory=lambda: defaultdict(list))
    _tag_sets: dict[_Place, TreeDocument] = field(default_factory=dict)
    _parts: dict[tuple[str, str, str, str], list[TreeDocument]] = field(default_factory=lambda: defaultdict(list))
    _controls: dict[str, Controls] = field(default_factory=lambda: defaultdict(Controls))

    def __post_init__(self) -> None:
        columns = {(part.type, part.column) for item in REGISTRY.maps for part in item.parts}
        for document in self.tree.documents:
            if document.map.kind is Kind.HISTORY:
                continue
            self._controls[document.origin].add(document.map, document.id, document.body)
            self._by_id[document.origin, document.id.lower()].append(document)
            if TAG in document.map.holds:
                self._tag_sets[document.origin, fold(document.body.get("Name"))] = document
            for type_, column in columns:
                owner = document.body.get(column)
                if document.map.type == type_ and isinstance(owner, str):
                    self._parts[document.origin, type_, column, owner.lower()].append(document)

    def take(self, roots: Iterable[TreeDocument]) -> None:
        """
        Take these documents, their parts and whatever they mention; then what is connected to them.
        """
        queue = deque(roots)
        projects = {(document.origin, document.id.lower()) for document in queue}
        queue.extend(self._connected(projects))
        while queue:
            self._take_all(queue)
            queue.extend(self._with_both())

    def _take_all(self, queue: deque[TreeDocument]) -> None:
        while queue:
            document = queue.popleft()
            if id(document) not in self.taken:
                self.taken.add(id(document))
                queue.extend(self._parts_of(document))
                queue.extend(self._mentioned(document))

    def _connected(self, projects: set[_Place]) -> Iterator[TreeDocument]:
        for document in self.tree.documents:
            connections = document.map.membership.connections
            connected = document.body.get(connections[0]) if connections else None
            if isinstance(connected, list):
                own = {(document.origin, str(identity).lower()) for identity in connected}
                if own & projects:
                    yield document

    def _with_both(self) -> list[TreeDocument]:
        """
        Return the documents, not taken yet, that come when two others are taken: a tenant's values for its projects.
        """
        # Asked again after each wave, since either of the two may come late.
        held = {(d.origin, d.id.lower()) for d in self.tree.documents if id(d) in self.taken}
        return [
            document
            for document in self.tree.documents
            if (both := document.map.membership.with_both)
            and id(document) not in self.taken
            and all((document.origin, str(document.body.get(column)).lower()) in held for column in both)
        ]

    def _parts_of(self, document: TreeDocument) -> Iterator[TreeDocument]:
        for part in document.map.parts:
            yield from self._parts[document.origin, part.type, part.column, document.id.lower()]

    def _mentioned(self, document: TreeDocument) -> Iterator[TreeDocument]:
        for mention in mentions(document.map, document.body, self._controls[document.origin]):
            for found in self._find(document.origin, mention.targets, mention.id):
                if found.map.membership.named or mention.named:
                    self._leave_out(found)
                else:
                    yield found

    def _find(self, origin: str, targets: tuple[str, ...], identity: str) -> list[TreeDocument]:
        if TAG in targets:
            head = identity.partition("/")[0]
            named = self._tag_sets.get((origin, fold(head)))
            return [named] if named is not None else self._by_id.get((origin, head.lower()), [])
        found = self._by_id.get((origin, identity.lower()), [])
        return [document for document in found if ANY in targets or document.map.type in targets]

    def _leave_out(self, document: TreeDocument) -> None:
        if id(document) not in self.taken:
            key = {name: document.body.get(name) for name in key_of(document.map)}
            types = self.left_out.setdefault(document.origin, {})
            types.setdefault(document.map.type, {})[document.id] = key
