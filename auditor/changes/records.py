"""
Change records: what differs between two states of a document, each difference as a value with names people know.

The records are the product; commits, pages and JSON are renderings of them. ``apply`` is the proof that they hide
nothing: the records applied to the old document give the new one. Not here: how they are found (``differ``), or shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, NamedTuple

from migrator.documents.canonical_json import Number
from migrator.documents.document import Body

SCHEMA_VERSION = 1
SEALED = ("$secret", "$fingerprint", "$omitted")
MIXED = "$parts"
HIDDEN = "(secret)"


class Op(Enum):
    """
    What became of a place.
    """

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    RENAMED = "renamed"


class SecretChange(Enum):
    """
    What became of a secret; its value is never told.
    """

    SET = "set"
    CLEARED = "cleared"
    CHANGED = "changed"
    RETURNED = "returned"
    """It has a value again that it had before."""
    EXPOSED = "exposed"
    """It stands there in clear now."""


class Weight(IntEnum):
    """
    How much a reader wants to know it.
    """

    MINOR = 0
    """A new id, an order without meaning."""
    NORMAL = 1
    ALARM = 2


class Element(NamedTuple):
    """
    A step of a path into a list: the element's place in the old and in the new list, and what it is called.
    """

    old: int | None
    new: int | None
    name: str


Path = tuple[str | Element, ...]


@dataclass(frozen=True)
class Subject:
    """
    The document a record is about; ``name`` as of the newer side, ``owner`` the name of what it is a part of.
    """

    type: str
    id: str
    name: str = ""
    space: str | None = None
    owner: str | None = None


@dataclass(frozen=True)
class Identity:
    """
    Which element of a list it is: its name, a variable's scope, its position from 1.
    """

    name: str | None = None
    scope: Mapping[str, Any] | None = None
    position: int | None = None


@dataclass(frozen=True)
class Record:
    """
    One difference. ``path`` is empty where the whole document came or went.

    ``before`` and ``after`` are values as they stand in the tree, sealed secrets too; whoever shows them masks them
    with ``masked``. ``order`` is set where a list without a meaning in its order was put in another one: for each
    new place the old one of what stayed.
    """

    document: Subject
    path: Path
    op: Op
    before: Any = None
    after: Any = None
    identity: Identity | None = None
    secret: SecretChange | None = None
    coverage: str | None = None
    derived: tuple[str, ...] = ()
    weight: Weight = Weight.NORMAL
    kind: str = ""
    """What a text is: ``script``, ``json``, ``csv``, ``boolean``, or nothing special."""
    by_position: bool = False
    """The elements of the list have nothing that names them, and were paired by their order."""
    order: tuple[int, ...] = field(default=(), repr=False)

    def as_json(self) -> dict[str, Any]:
        """
        Return the record as version 1 of the schema has it: no secret, and no place of a list by number alone.
        """
        shows = self.secret is None and not self.order
        return {
            "document": {
                "type": self.document.type,
                "id": self.document.id,
                "name": self.document.name,
                "space": self.document.space,
                "owner": self.document.owner,
            },
            "path": spelled(self.path),
            "identity": _identity_json(self.identity),
            "op": self.op.value,
            "before": plain(masked(self.before)) if shows else None,
            "after": plain(masked(self.after)) if shows else None,
            "secret": self.secret.value if self.secret else None,
            "coverage": self.coverage,
            "derived": list(self.derived),
            "weight": int(self.weight),
        }


def _identity_json(identity: Identity | None) -> dict[str, Any] | None:
    if identity is None:
        return None
    scope = plain(masked(dict(identity.scope))) if identity.scope else None
    return {"name": identity.name, "scope": scope, "position": identity.position}


def spelled(path: Path) -> str:
    """
    Return a path as people read it: segments joined by ``/``, an element of a list by what it is called.
    """
    # As in a JSON pointer (RFC 6901), since a name may hold a slash.
    parts = (part.name if isinstance(part, Element) else part for part in path)
    return "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


def is_sealed(value: Any) -> bool:
    """
    Return whether a value stands for a secret.
    """
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in SEALED


def is_mixed(value: Any) -> bool:
    """
    Return whether a value is a text with secrets in it.
    """
    return isinstance(value, dict) and len(value) == 1 and MIXED in value


def masked(value: Any) -> Any:
    """
    Return a value with ``(secret)`` in the place of each secret in it.
    """
    if is_sealed(value):
        return HIDDEN
    if is_mixed(value):
        parts = value[MIXED] if isinstance(value[MIXED], list) else []
        return "".join(part if isinstance(part, str) else HIDDEN for part in parts)
    if isinstance(value, dict):
        return {name: masked(item) for name, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """
    Return a value that the standard JSON encoder takes: a number's own text where it has one.
    """
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def apply(records: Iterable[Record], old: Body | None) -> Body | None:
    """
    Return the document that *records* make of *old*; ``None`` stands for no document.

    Raises:
        ValueError: the records are not about this document.
    """
    result: Body | None = _built(old, [(record.path, record) for record in records])
    return result


_Todo = list[tuple[Path, Record]]


def _built(value: Any, todo: _Todo) -> Any:
    if not todo:
        return value
    whole = next((record for path, record in todo if not path and not record.order), None)
    if whole is not None:
        return None if whole.op is Op.REMOVED else whole.after
    if isinstance(value, dict):
        return _built_dict(value, todo)
    if isinstance(value, list):
        return _built_list(value, todo)
    raise ValueError(f"nothing stands at {spelled(todo[0][0])}")


def _grouped(todo: _Todo) -> dict[str | Element, _Todo]:
    groups: dict[str | Element, _Todo] = {}
    for path, record in todo:
        if path:
            groups.setdefault(path[0], []).append((path[1:], record))
    return groups


def _built_dict(value: Mapping[str, Any], todo: _Todo) -> dict[str, Any]:
    result = dict(value)
    for name, inner in _grouped(todo).items():
        if not isinstance(name, str):
            raise ValueError(f"{name.name} is an element, but no list stands there")
        rest, record = inner[0]
        if not rest and record.op is Op.REMOVED:
            del result[name]
        else:
            result[name] = _built(value.get(name), inner)
    return result


def _built_list(value: Sequence[Any], todo: _Todo) -> list[Any]:
    gone: set[int] = set()
    set_down: dict[int, Any] = {}
    changed: dict[int, Any] = {}
    for element, inner in _grouped(todo).items():
        if not isinstance(element, Element):
            raise ValueError(f"{element} is a property, but a list stands there")
        own = [record for rest, record in inner if not rest]
        deeper = [(rest, record) for rest, record in inner if rest or record.op is Op.CHANGED]
        if element.old is None:
            set_down[_index(element.new)] = own[0].after
            continue
        item = _built(value[element.old], deeper)
        if any(record.op is Op.REMOVED for record in own):
            gone.add(element.old)
        elif any(record.op is Op.MOVED for record in own):
            gone.add(element.old)
            set_down[_index(element.new)] = item
        else:
            changed[element.old] = item
    order = next((record.order for path, record in todo if not path and record.order), None)
    indices = order if order is not None else [index for index in range(len(value)) if index not in gone]
    result = [changed.get(index, value[index]) for index in indices]
    # From the front, so that each place is already that of the finished list.
    for place in sorted(set_down):
        result.insert(place, set_down[place])
    return result


def _index(place: int | None) -> int:
    if place is None:
        raise ValueError("an element that stays has no place in the new list")
    return place
