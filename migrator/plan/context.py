"""
What is known while a plan is made: the ids, the typed values, spaces, and which processes are kept.

Resolving one id is here; what a missing one means for a document is in ``plan.rewrite``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from migrator.documents.references import Controls, is_tag_id
from migrator.maps import REGISTRY
from migrator.maps.document_map import ANY, TAG, TEMPLATE, DocumentMap, Kind
from migrator.maps.natural_keys import fold, key_of
from migrator.plan.ids import IdMap, Marks, impossible
from migrator.plan.target_view import TargetView
from migrator.tree.values import Tree, TreeDocument

_TYPES = tuple(item.type for item in REGISTRY.maps if item.kind is Kind.CONFIGURATION)


@dataclass
class Context:
    """
    One plan's knowledge of tree and target; ``marks`` stand for ids that are yet to be reserved.
    """

    target: TargetView
    ids: IdMap = field(default_factory=IdMap)
    marks: Marks = field(default_factory=Marks)
    controls: dict[str, Controls] = field(default_factory=dict)
    spaces: dict[tuple[str, str], str] = field(default_factory=dict)
    default_space: str | None = None
    with_spaces: bool = False
    actions: dict[tuple[str, str], dict[str, str | None]] = field(default_factory=dict)
    """By origin and project: the target's id of each action, ``None`` where the target's process has none like it."""
    owners: dict[tuple[str, str], str] = field(default_factory=dict)
    """By origin and lower-case id: the owner of a document that owns others in turn, as a runbook's project."""
    names: dict[str, str] = field(default_factory=dict)
    left_out: dict[tuple[str, str, str], Mapping[str, object] | None] = field(default_factory=dict)
    """By origin, type and lower-case id: what partial exports left out, with the properties it is found by."""
    held: set[tuple[str, str]] = field(default_factory=set)
    """Origin and lower-case id of whatever is in the tree."""
    whole: Mapping[str, str] = field(default_factory=dict)
    """By origin: the name of the server that it is a whole export of."""
    nowhere: frozenset[tuple[str, str]] = frozenset()
    """Origin and lower-case id of what a partial export says that its server did not have."""
    servers: Mapping[str, str] = field(default_factory=dict)
    """By origin: the name of the server that it is an export of."""
    lost: set[int] = field(default_factory=set)
    """The numbers of new documents that are not going to be, since they lack something."""
    _named: set[tuple[str, str, str]] = field(default_factory=set)
    _by_key: dict[tuple[str, str, str], str | None] = field(default_factory=dict)
    _fixed: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def resolve(self, origin: str, types: Sequence[str], source: str) -> str | None:
        """
        Return what a document's id is on the target, ``None`` where neither tree nor construction says.
        """
        if types == (ANY,):
            types = _TYPES
        if types == (TAG,):
            return self.tag(origin, source)
        found = self.ids.find(origin, types, source)
        target = found[1] if found else self._derived(origin, types, source) or self._built_in(types, source)
        if target and self.is_lost(target):
            return None
        return target or self._found_by_key(origin, types, source)

    def tag(self, origin: str, source: str) -> str | None:
        """
        Return a tag's id on the target; a canonical name is the same on every server.
        """
        # A name is taken as it is: newer servers store it, and it says the same everywhere.
        if not is_tag_id(source):
            return source
        return self.ids.get(origin, TAG, source)

    def template(self, origin: str, owner: str, source: str) -> str:
        """
        Return a variable template's id inside its owner on the target.
        """
        return self.ids.get(origin, TEMPLATE, f"{owner}/{source}") or source

    def action(self, origin: str, project: str, source: str) -> str | None:
        """
        Return an action's id on the target: its own, unless the target's process is kept.
        """
        return self.actions.get((origin, project.lower()), {}).get(source.lower(), source)

    def _derived(self, origin: str, types: Sequence[str], source: str) -> str | None:
        for document_map in (REGISTRY[type_] for type_ in types):
            prefix = document_map.id_prefix
            if document_map.derived_from and source.lower().startswith(prefix.lower()):
                owners = document_map.targets_at(document_map.derived_from)
                owner = self.ids.find(origin, owners, source[len(prefix) :])
                if owner:
                    return source[: len(prefix)] + owner[1]
        return None

    def is_left_out(self, origin: str, types: Sequence[str], source: str) -> bool:
        """
        Return whether a partial export left a document out on purpose, so that a target without it is no surprise.
        """
        return any((origin, type_, source.lower()) in self.left_out for type_ in types)

    def is_lost(self, target: str) -> bool:
        """
        Return whether an id is, or is made of, that of a new document that is not going to be.
        """
        return bool(self.lost) and bool(self.marks.numbers(target) & self.lost)

    def dangles(self, origin: str, source: str) -> bool:
        """
        Return whether an id led nowhere on its own server already: a whole export has no document of it, a partial one
        says so.
        """
        place = (origin, source.lower())
        return (origin in self.whole or place in self.nowhere) and place not in self.held

    def standing(self, origin: str, types: Sequence[str], source: str) -> str:
        """
        Return what is to stand on the target where an id leads nowhere: the same id, unless it is another's there.
        """
        known = [type_ for type_ in types if REGISTRY.find(type_)]
        if self.servers.get(origin, self.whole.get(origin)) == self.target.server:
            return source
        if any(source.lower() in self.target.existing(type_, [source]) for type_ in known):
            return impossible(types[0])
        return source

    def is_name(self, origin: str, types: Sequence[str], text: str) -> bool:
        """
        Return whether a text that is no id is the name of a document, of the tree or of the target.
        """
        for document_map in (item for type_ in types if (item := REGISTRY.find(type_))):
            name = document_map.name_property
            if (origin, document_map.type, fold(text)) in self._named:
                return True
            if name and self.target.has_column(document_map.type, name):
                found = self.target.find(document_map.type, (name,), [(text,)])
                if any(fold(item.key[0]) == fold(text) for item in found):
                    return True
        return False

    def _found_by_key(self, origin: str, types: Sequence[str], source: str) -> str | None:
        """
        Return the only document of the target that has the key of one that a partial export left out.
        """
        for type_ in types:
            place = (origin, type_, source.lower())
            if place not in self.left_out:
                continue
            if place not in self._by_key:
                self._by_key[place] = self._look_for(origin, type_, self.left_out[place])
            if self._by_key[place]:
                return self._by_key[place]
        return None

    def _look_for(self, origin: str, type_: str, key: Mapping[str, object] | None) -> str | None:
        names = key_of(REGISTRY[type_])
        if not key or not self.target.has(type_) or not all(self.target.has_column(type_, name) for name in names):
            return None
        values: list[object] = []
        for name in names:
            types = REGISTRY[type_].targets_at(name)
            value = key.get(name)
            values.append(self.resolve(origin, types, value) if types and isinstance(value, str) else value)
        if None in values:
            return None
        # What the target returns may be more than what was asked for, by its own collation.
        found = [item.id for item in self.target.find(type_, names, [tuple(values)]) if _same(item.key, values)]
        # Of two with one key nobody can say which was meant.
        return found[0] if len(found) == 1 else None

    def _built_in(self, types: Sequence[str], source: str) -> str | None:
        for type_ in types:
            document_map = REGISTRY.find(type_)
            if document_map is None or not document_map.is_fixed(source):
                continue
            if (type_, source.lower()) not in self._fixed:
                self._fixed[type_, source.lower()] = self.target.existing(type_, [source]).get(source.lower())
            if self._fixed[type_, source.lower()]:
                return self._fixed[type_, source.lower()]
        return None

    def space_of(self, document: TreeDocument) -> str | None:
        """
        Return the id of the target's space a document goes to, ``None`` where it belongs to the whole server.
        """
        if not self.target.has_column(document.map.type, "SpaceId"):
            return None
        # Of a tree without spaces everything goes to the target's default one; beside spaces it is the whole server's.
        if document.space is None:
            return None if self.with_spaces else self.default_space
        return self.spaces.get((document.origin, fold(document.space)))

    def add_name(self, document: TreeDocument, name: str) -> None:
        """
        Say what a document of the tree is called.
        """
        self._named.add((document.origin, document.map.type, fold(name)))

    def of(self, origin: str) -> Controls:
        """
        Return what typed values of one source mean.
        """
        return self.controls.setdefault(origin, Controls())


def make_context(tree: Tree, target: TargetView, *, strict: bool = False) -> Context:
    """
    Return the knowledge that the tree alone gives, and the target's spaces; *strict*: no id may lead nowhere.
    """
    context = Context(target, whole={} if strict else dict(tree.whole), servers=dict(tree.servers))
    context.nowhere = frozenset() if strict else tree.nowhere
    for document in tree.documents:
        if document.map.known and (document.map.stays_behind(document.id) or document.map.passing(document.body)):
            # What no import takes is what the target has of that name, if it has any.
            found_by = {name: document.body.get(name) for name in key_of(document.map)}
            context.left_out[document.origin, document.map.type, document.id.lower()] = found_by
        context.held.add((document.origin, document.id.lower()))
        if isinstance(name := document.body.get(document.map.name_property), str):
            context.add_name(document, name)
        context.of(document.origin).add(document.map, document.id, document.body)
        if document.map.owner and document.map.owner_rank is not None:
            context.owners[document.origin, document.id.lower()] = str(document.body.get(document.map.owner) or "")
    for origin, types in tree.left_out:
        for type_, ids in types.items():
            for identity, key in ids.items():
                context.left_out[origin, type_, identity.lower()] = key
                # So that a text that is exactly such an id is seen as a reference, as on the source.
                context.of(origin).known.setdefault(identity.lower(), type_)
    context.with_spaces = any(document.space is not None for document in tree.documents)
    spaces = target.spaces()
    context.default_space = next((identity for identity, (_, default) in spaces.items() if default), None)
    return context


def _same(key: Sequence[object], values: Sequence[object]) -> bool:
    return [fold(part) for part in key] == [fold(value) for value in values]


def is_history(document_map: DocumentMap, body: Mapping[str, object]) -> bool:
    """
    Return whether a document is a thing of the past: a type of history, or a frozen copy.
    """
    return document_map.kind is Kind.HISTORY or body.get("IsFrozen") is True
