"""
What the program knows about each type of document, as data.

Only the shape of that knowledge is here; the knowledge itself is in ``migrator/maps``. The vocabulary is
Nevermore's, the server's own object-relational mapper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from migrator.wording import plural


class Kind(Enum):
    """
    What a table's rows are: the user's settings, what happened, or the server's own bookkeeping.
    """

    CONFIGURATION = "configuration"
    HISTORY = "history"


class Column(Enum):
    """
    How a column's value stands in a document, where that is not simply its value.
    """

    IDS = "ids"
    """A reference collection ``|a|b|``, a list in the document."""
    FLAG = "flag"
    """A bit, a boolean in the document."""


class Noise(Enum):
    """
    How much of what changes by itself is left out.
    """

    STRICT = "strict"
    NORMAL = "normal"
    RAW = "raw"


class Meaning(Enum):
    """
    What it means for a document when the thing it refers to is missing.
    """

    REQUIRED = "required"
    """It cannot work without: a missing dependency."""
    RESTRICTION = "restriction"
    """It is limited to these; dropping the last one would mean "everywhere"."""
    SCOPE = "scope"
    """A variable applies only there; dropping the last one would make it apply everywhere."""
    LINK = "link"
    """A mere mention: dropped or cleared without harm."""
    OWNER = "owner"
    """It is a part of that document and goes where that goes."""


@dataclass(frozen=True)
class Reference:
    """
    A place that holds an id of another document.

    ``target`` is a type, several joined by ``|``, or ``Tag`` for the ids of tags.
    """

    path: str
    target: str
    meaning: Meaning = Meaning.REQUIRED
    form: str = "id"
    """
    ``id``; ``csv`` (ids joined by commas); ``json`` (``FeedId`` in a text of JSON); ``known`` (an id only where it is
    exactly one that is known).
    """

    @property
    def targets(self) -> tuple[str, ...]:
        """
        Return the types it may point to.
        """
        return tuple(self.target.split("|"))


@dataclass(frozen=True)
class Sensitive:
    """
    A place whose text the server stores encrypted under its master key.

    ``when`` gives values of sibling properties, any of which makes it so; empty: always.
    """

    path: str
    when: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Volatile:
    """
    A place that changes by itself; left out at ``level`` and at the stricter ones.
    """

    path: str
    reason: str
    level: Noise = Noise.NORMAL


@dataclass(frozen=True)
class ListRule:
    """
    How the elements of a list are told apart, and whether their order means something.

    ``keys`` are properties, the surest first; ``with_`` are those that tell apart elements of one name, as a
    variable's scope does where an import gave new ids. ``each`` is what people call one of them.
    """

    path: str
    keys: tuple[str, ...] = ("Id", "Name")
    ordered: bool = False
    with_: tuple[str, ...] = ()
    each: str = ""


@dataclass(frozen=True)
class TextRule:
    """
    What the texts at a place are: ``script``, ``json``, ``csv``, ``boolean``.
    """

    path: str
    kind: str


@dataclass(frozen=True)
class Reading:
    """
    How people speak of a type and of what is in it. Nothing is decided by these words.

    ``title`` is what they call one document; ``area`` what they call it as a part of its owner ("variables").
    ``labels`` are words for places (path patterns), in the singular; ``flags`` words for yes and no.
    """

    title: str = ""
    area: str = ""
    group: str = "other"
    lists: tuple[ListRule, ...] = ()
    texts: tuple[TextRule, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class DocumentMap:
    """
    One type of document.

    ``table`` is also the type's name. ``file`` is the path below the root (or the space's folder) without its
    extension, made of ``{name}``, ``{id}``, ``{version}``, ``{owner}`` (the owner's file name) and ``{dir}`` (the
    owner's folder). ``key`` are the properties by which people, and an import, tell documents of a type apart.
    """

    table: str
    file: str
    id_prefix: str
    key: tuple[str, ...] = ("Name",)
    kind: Kind = Kind.CONFIGURATION
    name_property: str = "Name"
    owner: str | None = None
    """The column that names the document it is a part of."""
    unique_name: bool = True
    """False: the file name carries the id, since names need not be unique."""
    reserved_endings: tuple[str, ...] = ()
    """Endings of names that would look like a neighbour's companion file."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    sensitive: tuple[Sensitive, ...] = ()
    confidential: tuple[str, ...] = ()
    """Places not encrypted in the database that must not be read in a tree: sealed as they stand."""
    sets: tuple[str, ...] = ()
    """Lists whose order has no meaning."""
    volatile: tuple[Volatile, ...] = ()
    scripts: tuple[str, ...] = ()
    """Dictionaries of properties (path patterns) that may hold inline scripts."""
    embedded: tuple[str, ...] = ()
    """Texts that hold JSON."""
    excluded_ids: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of ids (lower case) of rows that are never exported, each with the reason."""
    fixed_ids: tuple[str, ...] = ()
    """Ids of documents that every server has: matched by id, never created twice. ``*`` at the end: a beginning."""
    never_imported: Mapping[str, str] = field(default_factory=dict)
    """Ids of documents that belong to one server alone, each with the reason."""
    catalogue: str = ""
    """The reason why the whole type is left out at the strict level; empty: it is not."""
    plural: str = ""
    """What people call several of them, where that is not what English makes of ``words``."""
    known: bool = True
    """False for a table that this program has no facts about."""
    reading: Reading = field(default_factory=Reading)

    @property
    def type(self) -> str:
        """
        Return the type's name.
        """
        return self.table

    @property
    def folder(self) -> str:
        """
        Return the first folder of its files.
        """
        return self.file.partition("/")[0]

    @property
    def first(self) -> tuple[str, ...]:
        """
        Return the properties that lead a file.
        """
        return ("Id", *(part for part in self.key if part != "Id"))

    @property
    def words(self) -> str:
        """
        Return the type's name in plain words, as ``action template``.
        """
        return "".join(f" {c.lower()}" if c.isupper() else c for c in self.table).strip()

    def called(self, number: int) -> str:
        """
        Return what people call *number* of them, as ``step templates``.
        """
        return self.words if number == 1 else self.plural or plural(self.words)

    def is_fixed(self, document_id: str) -> bool:
        """
        Return whether the document exists by construction on every server.
        """
        low = document_id.lower()
        return any(
            low.startswith(fixed[:-1].lower()) if fixed.endswith("*") else low == fixed.lower()
            for fixed in self.fixed_ids
        )

    def exclusion(self, document_id: str) -> str | None:
        """
        Return why a row is never exported, or ``None``.
        """
        low = document_id.lower()
        return next((reason for start, reason in self.excluded_ids.items() if low.startswith(start)), None)


def default_map(table: str) -> DocumentMap:
    """
    Return the map for a table of a newer server: its fields pass through as they are.
    """
    return DocumentMap(
        table=table,
        file=f"{table}/{{name}}",
        id_prefix=f"{table}s-",
        key=("Id",),
        unique_name=False,
        scripts=("Steps/*/Actions/*/Properties", "Properties"),
        known=False,
    )
