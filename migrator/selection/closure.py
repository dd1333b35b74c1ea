"""
What the chosen projects need: every document they refer to, outwards, wave by wave, read by key and in batches.

References are followed wherever the document map names them; parts come with what they are part of. It does not go
sideways: another project is never taken along, only named. Which projects are chosen is in ``selection``, what belongs
to what in the maps, which machines, tenants and releases in ``selection.members`` and ``history``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrator.documents.document import Body, places, spelled
from migrator.documents.references import Controls, Slot, is_impossible, slots
from migrator.errors import ChangedMeanwhile, UnreadableDocument
from migrator.maps import REGISTRY
from migrator.maps.document_map import ACTION, ANY, TAG, TEMPLATE, DocumentMap, Meaning, Noise, Role
from migrator.maps.membership import Part
from migrator.maps.parts import is_left_out, prefix_fits
from migrator.maps.shared import TEMPLATE_PROPERTY
from migrator.selection.known_ids import KnownIds
from migrator.selection.request import PROJECT, Named, narrow
from migrator.selection.row_store import RowStore
from migrator.selection.values import Key, LeftOut, Loaded, Mentioned, Taken, Via, Wanted
from migrator.sql.reader import FROZEN, Reader
from migrator.sql.rows import SPACE_COLUMN, Row, Table, body_text, from_body, to_body

CHUNK = 200
_SPACE = REGISTRY.of(Role.SPACE).type
_STEP_TEMPLATE = REGISTRY.of(Role.STEP_TEMPLATE).type
_TAG_SET = REGISTRY.holders(TAG)[0].type


@dataclass
class Closure:
    """
    The growing selection. ``ignored`` types are not read; ``listeners`` see each document that is taken.
    """

    reader: Reader
    store: RowStore
    roots: Mapping[str, Named]
    """The chosen projects by lower-case id."""
    ignored: frozenset[str] = frozenset()
    history: bool = False
    noise: Noise = Noise.NORMAL
    listeners: list[Callable[[Loaded], None]] = field(default_factory=list)
    taken: dict[Key, Taken] = field(default_factory=dict)
    left_out: dict[Key, LeftOut] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    """Lower-case ids that are mentioned and exist nowhere on the server."""
    cut: list[tuple[Key, str, tuple[str, ...]]] = field(default_factory=list)
    """Connections of tenants that were cut: the tenant, the place, the projects."""
    notes: list[Key] = field(default_factory=list)
    """Lifecycles without phases, whose environments were not all taken."""
    mentions: list[Mentioned] = field(default_factory=list)
    controls: Controls = field(default_factory=Controls)
    _queue: dict[str, dict[str, Wanted]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known = KnownIds(self.reader)
        self.controls.known = self.known
        for identity, item in self.roots.items():
            self._want(Wanted(item.id, Via(None, "asked for"), (PROJECT,), certain=True))
            self.known[identity] = PROJECT

    def is_ignored(self, type_: str) -> bool:
        """
        Return whether documents of a type are not read.
        """
        found = REGISTRY.find(type_)
        return found is None or is_left_out(found, self.ignored, history=self.history)

    def want(self, type_: str, ids: Iterable[str], via: Via) -> None:
        """
        Take documents whose ids were read in rows.
        """
        for identity in ids:
            self._want(Wanted(identity, via, (type_,), certain=True))

    def has(self, type_: str, identity: str | None) -> bool:
        """
        Return whether a document is taken.
        """
        return (type_, (identity or "").lower()) in self.taken

    @property
    def waiting(self) -> bool:
        """
        Return whether anything is wanted that was not read yet.
        """
        return bool(self._queue)

    def run(self) -> None:
        """
        Follow everything that is wanted until nothing new comes.

        Raises:
            ChangedMeanwhile: a row vanished during the read.
        """
        while self._queue:
            wave, self._queue = self._queue, {}
            for type_ in sorted(wave, key=REGISTRY.order):
                some = list(wave[type_].values())
                for start in range(0, len(some), CHUNK):
                    self._take(type_, some[start : start + CHUNK])

    def _want(self, wanted: Wanted) -> None:
        type_, key = wanted.types[0], wanted.id.lower()
        if (type_, key) not in self.taken and key not in self.missing:
            self._queue.setdefault(type_, {}).setdefault(key, wanted)

    def _take(self, type_: str, wanted: Sequence[Wanted]) -> None:
        # Step templates are taken out of their turn, so that one may be there already.
        fresh = [w for w in wanted if (type_, w.id.lower()) not in self.taken]
        table = self.reader.schema.find(type_)
        found: dict[str, Row] = {}
        if table is not None and not self.is_ignored(type_):
            column = table.columns[table.id_position]
            # Releases name frozen copies by their ids.
            for row in self.reader.by_key(table, column, [w.id for w in fresh], live_only=not self.history):
                found.setdefault(str(row[table.id_position]).lower(), row)
        loaded: list[Loaded] = []
        for item in fresh:
            row_or_none = found.get(item.id.lower())
            if table is None or row_or_none is None:
                self._absent(type_, item)
            else:
                loaded.extend(self._accept(table, row_or_none, item.via))
        self._follow(loaded)

    def _absent(self, type_: str, item: Wanted) -> None:
        if item.certain:
            raise ChangedMeanwhile(
                f"the {REGISTRY[type_].words} {item.id} vanished during the read; try again, or allow snapshot "
                "isolation on the database"
            )
        if item.types[1:]:
            self._want(Wanted(item.id, item.via, item.types[1:]))
        elif self.is_ignored(type_):
            self.leave(type_, item.id, None, f"{REGISTRY[type_].called(2)} were left out")
        else:
            self.missing.add(item.id.lower())

    def leave(self, type_: str, identity: str, key: Mapping[str, Any] | None, reason: str) -> None:
        """
        Note a document that is mentioned and left out on purpose.
        """
        self.left_out.setdefault((type_, identity.lower()), LeftOut(type_, identity, key, reason))

    def _accept(self, table: Table, row: Row, via: Via) -> Iterator[Loaded]:
        identity = str(row[table.id_position])
        kind = table.map.type
        key = (kind, identity.lower())
        try:
            body = to_body(table, row, body_text(table, row))
        except UnreadableDocument:
            body = {}  # It is taken as it is; the rendering names it.
        # A part of another project would bring all of that along.
        stranger = self._owner_elsewhere(table.map, body)
        if stranger:
            natural = {name: body.get(name) for name in table.map.key}
            self.leave(kind, identity, natural, "it belongs to a project that was not chosen")
            self._name(PROJECT, [stranger])
            return
        if table.map.membership.connections and self._cut_connections(table.map, key, body):
            # The one case in which a part's document is not that of a whole export.
            row = _row_of(table, row, body)
        name = body.get(table.map.name_property)
        self.taken[key] = Taken(kind, identity, name if isinstance(name, str) and name else identity, via)
        self.store.put(kind, identity, row)
        self.controls.add(table.map, identity, body)
        if table.map.owner is None:
            self.known.setdefault(key[1], kind)
        yield Loaded(table, identity, body, key)

    def _owner_elsewhere(self, document_map: DocumentMap, body: Body) -> str | None:
        """
        Return the id of the project a document is part of, if that was not chosen.
        """
        for reference in document_map.references:
            owner = body.get(reference.path)
            is_owner = reference.meaning is Meaning.OWNER and PROJECT in reference.targets
            if not is_owner or not isinstance(owner, str) or not owner or owner.lower() in self.roots:
                continue
            if reference.targets == (PROJECT,) or prefix_fits(PROJECT, owner):
                return owner
        return None

    def _cut_connections(self, document_map: DocumentMap, key: Key, body: Body) -> bool:
        lost: list[str] = []
        for name in document_map.membership.connections:
            projects = body.get(name)
            if isinstance(projects, list):
                body[name] = [item for item in projects if str(item).lower() in self.roots]
            elif isinstance(projects, dict):
                body[name] = {item: value for item, value in projects.items() if item.lower() in self.roots}
            else:
                continue
            lost += [str(item) for item in projects if str(item).lower() not in self.roots]
        if lost:
            self.cut.append((key, document_map.membership.connections[-1], tuple(dict.fromkeys(lost))))
        return bool(lost)

    def _follow(self, loaded: Sequence[Loaded]) -> None:
        if not loaded:
            return
        self._load_templates(loaded)
        # For all of them at once: one question for each type, and not for each document.
        self.known.look_up(item.body for item in loaded)
        for item in loaded:
            for listener in self.listeners:
                listener(item)
            for slot in self.slots_of(item.table.map, item.body):
                self.mentions.append(Mentioned(item.key, spelled(slot.path), slot.reference.targets, slot.ids))
                self._follow_slot(item, slot)
            space = item.body.get(SPACE_COLUMN)
            # Not by a reference in the map, since whatever belongs to a space names it.
            if isinstance(space, str) and space and self.reader.schema.find(_SPACE) is not None:
                self._want(Wanted(space, Via(item.key, SPACE_COLUMN), (_SPACE,)))
        self._take_parts(loaded)

    def slots_of(self, document_map: DocumentMap, body: Body) -> list[Slot]:
        """
        Return the places of a document that hold ids of other documents, without what an export leaves out as noise.
        """
        if self.noise is not Noise.RAW:
            for rule in document_map.volatile:
                if rule.level is Noise.NORMAL or self.noise is Noise.STRICT:
                    for place in places(body, rule.path):
                        if isinstance(place.container, dict):
                            place.container.pop(place.key, None)
        return [
            slot
            for slot in slots(document_map, body, self.controls)
            if slot.reference.targets not in ((ACTION,), (TEMPLATE,), (_SPACE,))
        ]

    def _load_templates(self, loaded: Sequence[Loaded]) -> None:
        # A step's typed values are only known once its template's parameters are.
        ids: dict[str, Wanted] = {}
        for item in loaded:
            for text in _template_ids(item.body):
                if (_STEP_TEMPLATE, text.lower()) not in self.taken and text.lower() not in self.missing:
                    place = f"Steps ({TEMPLATE_PROPERTY})"
                    ids.setdefault(text.lower(), Wanted(text, Via(item.key, place), (_STEP_TEMPLATE,)))
        if ids:
            self._take(_STEP_TEMPLATE, list(ids.values()))

    def _follow_slot(self, item: Loaded, slot: Slot) -> None:
        reason = slot.reference.named
        targets = slot.reference.targets
        place = spelled(slot.path)
        via = Via(item.key, place)
        for text in slot.ids:
            if is_impossible(text):
                continue
            if targets == (TAG,):
                self._want_tag(text, via)
                continue
            ordered = tuple(sorted(_candidates(targets), key=lambda type_: not prefix_fits(type_, text)))
            named = bool(ordered) and bool(REGISTRY[ordered[0]].membership.named)
            if named and text.lower() in self.roots:
                continue
            if named or reason:
                self._name(ordered[0], [text], reason)
            elif ordered:
                self._want(Wanted(text, via, ordered))

    def _want_tag(self, text: str, via: Via) -> None:
        head = text.rpartition("/")[0]
        table = self.reader.schema.find(_TAG_SET)
        # By id on older servers; newer ones name a tag by its set's name and its own.
        if prefix_fits(_TAG_SET, head) or table is None:
            self._want(Wanted(head or text, via, (_TAG_SET,)))
            return
        narrowed = narrow(table, ("Id", "Name"))
        found = [str(row[0]) for row in self.reader.by_key(narrowed, narrowed.columns[1], [head])]
        if found:
            self.want(_TAG_SET, found, via)
        else:
            self.missing.add(text.lower())

    def _name(self, type_: str, ids: Sequence[str], reason: str = "") -> None:
        """
        Note documents that are mentioned and not taken along, with what a server finds them by.
        """
        fresh = [
            text for text in ids if (type_, text.lower()) not in self.left_out and text.lower() not in self.missing
        ]
        table = self.reader.schema.find(type_)
        found: dict[str, Row] = {}
        document_map = REGISTRY[type_]
        narrowed = (
            narrow(table, ("Id", *document_map.key)) if table is not None and not self.is_ignored(type_) else None
        )
        if narrowed is not None and fresh:
            found = {str(row[0]).lower(): row for row in self.reader.by_key(narrowed, narrowed.columns[0], fresh)}
        for text in fresh:
            row = found.get(text.lower())
            if row is not None and narrowed is not None:
                key = {
                    name: row[narrowed.position(name) or 0]
                    for name in document_map.key
                    if narrowed.position(name) is not None
                }
                why = reason or document_map.membership.named or "it is not part of a project"
                self.leave(type_, str(row[0]), key, why)
            elif narrowed is not None:
                self.missing.add(text.lower())
            else:
                self.leave(type_, text, None, reason or "it was left out")

    def _take_parts(self, loaded: Sequence[Loaded]) -> None:
        for part, owners in _parts_of(loaded):
            table = self.reader.schema.find(part.type)
            column = table.columns[at] if table and (at := table.position(part.column)) is not None else None
            if table is None or column is None or self.is_ignored(part.type):
                continue
            by_owner = {item.id.lower(): item for item in owners}
            left = list(owners)
            # With the flag, by which frozen copies are left out.
            narrowed = narrow(table, (table.columns[table.id_position], column, FROZEN))
            # By the id that a part usually has, which is the primary key; by its owner only where it has another one.
            if table.map.derived_from:
                ids = [f"{table.map.id_prefix}{item.id}" for item in owners]
                for row in self.reader.by_key(narrowed, narrowed.columns[0], ids):
                    left = [item for item in left if item.id.lower() != self._take_part(part, narrowed, row, by_owner)]
            for row in self.reader.by_key(narrowed, column, [item.id for item in left]) if left else ():
                self._take_part(part, narrowed, row, by_owner)

    def _take_part(self, part: Part, narrowed: Table, row: Row, by_owner: Mapping[str, Loaded]) -> str:
        owner = str(row[narrowed.position(part.column) or 0]).lower()
        before = by_owner.get(owner)
        if before is not None:
            identity = str(row[narrowed.id_position])
            self._want(Wanted(identity, Via(before.key, f"its {REGISTRY[part.type].words}"), (part.type,), True))
        return owner


def _parts_of(loaded: Sequence[Loaded]) -> Iterator[tuple[Part, list[Loaded]]]:
    by_type: dict[str, list[Loaded]] = {}
    for item in loaded:
        by_type.setdefault(item.table.map.type, []).append(item)
    for type_, some in by_type.items():
        for part in REGISTRY[type_].parts:
            yield part, some


def _candidates(targets: Sequence[str]) -> tuple[str, ...]:
    return tuple(type_ for type_ in targets if type_ != ANY and REGISTRY.find(type_) is not None)


def _template_ids(body: Body) -> Iterator[str]:
    for pattern in ("Steps/*/Actions/*/Properties", "Properties"):
        for place in places(body, f"{pattern}/{TEMPLATE_PROPERTY}"):
            if isinstance(place.value, str) and place.value and "#{" not in place.value:
                yield place.value


def _row_of(table: Table, row: Row, body: Body) -> Row:
    """
    Return *row* with the changed *body*, in the columns and the form it had.
    """
    blob_at = table.position("JSONBlob")
    columns = from_body(table, body, blob=blob_at is not None and bool(row[blob_at]))
    return tuple(columns.get(name) for name in table.columns)
