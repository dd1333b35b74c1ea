"""
What the program knows about each type of document, as data.

Only the shape of that knowledge is here; the knowledge itself is in ``migrator/maps``. The vocabulary is
Nevermore's, the server's own object-relational mapper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from migrator.maps.in_git import InGit
from migrator.maps.membership import Joined, Membership, Part, Snapshot, TypedBy
from migrator.wording import plural

ACTION = "Action"
"""A step's action, by its id inside its process."""
TEMPLATE = "VariableTemplate"
"""A variable template, by its id inside its owner."""
TAG = "Tag"
"""A tag, by its id or its canonical name ``Set/Tag``."""
ANY = "*"
"""A document of any type."""


class Kind(Enum):
    """
    What a table's rows are: the user's settings, what happened, or the server's own bookkeeping.
    """

    CONFIGURATION = "configuration"
    HISTORY = "history"


class Role(Enum):
    """
    What the flow of the program itself rests on: each of these is one type.
    """

    SPACE = "space"
    """It is a folder of its own and holds whatever names it in ``SpaceId``."""
    PROJECT = "project"
    """What people choose for a partial export, and for an import of a part of a tree."""
    PROJECT_GROUP = "project group"
    """By which they choose several at once."""
    STEP_TEMPLATE = "step template"
    """It says what the values in steps that are made from it mean."""


class Column(Enum):
    """
    How a column's value stands in a document, where that is not simply its value.
    """

    IDS = "ids"
    """A reference collection ``|a|b|``, a list in the document."""
    FLAG = "flag"
    """A bit, a boolean in the document."""
    INSTANT = "instant"
    """A datetimeoffset: a text that is compared as the instant it means."""
    GUID = "guid"
    """A uniqueidentifier, a text in lower case."""
    JSON = "json"
    """A text of JSON, as newer servers keep what had been in the body; in the document it is what it means."""


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

    ``target`` is a type, several joined by ``|``, ``*`` for any, or what a document ``holds``, as ``Tag``.
    """

    path: str
    target: str
    meaning: Meaning = Meaning.REQUIRED
    form: str = "id"
    """
    ``id``; ``csv`` (ids joined by commas); ``json`` (``FeedId`` in a text of JSON); ``known`` (an id only where it is
    exactly one that is known).
    """
    named: str = ""
    """Why a mention here does not bring the document along in a partial export; empty: it does."""
    quiet: bool = False
    """Nobody needs to hear of it where it is dropped: the server puts it there by itself."""

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
class Merge:
    """
    What an import that overwrites leaves of the target's document; without it the tree's takes its place.

    ``united`` are lists that become those of both sides. ``unseen`` are places of references (path patterns): the ids
    of documents that the tree does not hold stay, in a list's elements with the whole element. ``fixed_only``: only
    where every server has the document.
    """

    united: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    fixed_only: bool = False


UNMAPPED = "Tables"
"""The folder of tables that nobody has facts about, each a folder in it."""
LAST = 1000
"""The turn of types that an import takes in no particular order."""


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
    joined: tuple[Joined, ...] = ()
    """Lists that have a table of their own where they have no column."""
    references: tuple[Reference, ...] = ()
    sensitive: tuple[Sensitive, ...] = ()
    state_of: tuple[tuple[str, str, str], ...] = ()
    """What makes a document a state, not configuration: property, value, reason. Left out unless asked for."""
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
    """Ids of documents that belong to one server alone, each with the reason; ``*``: all of the type."""
    catalogue: str = ""
    """The reason why the whole type is left out at the strict level; empty: it is not."""
    plural: str = ""
    """What people call several of them, where that is not what English makes of ``words``."""
    known: bool = True
    """False for a table that this program has no facts about."""
    reading: Reading = field(default_factory=Reading)

    role: Role | None = None
    """What the program itself must know the type as; hardly any has one."""
    owner_rank: int | None = None
    """A number where documents of the type own others or hold them: they are read in this order, before the rest."""
    parts: tuple[Part, ...] = ()
    """What a document is not whole without, though it does not name it."""
    membership: Membership = field(default_factory=Membership)
    """How it gets into a partial export."""
    inner: tuple[Reference, ...] = ()
    """Places that hold ids of what other documents ``hold``: GUIDs inside those."""
    holds: Mapping[str, str] = field(default_factory=dict)
    """What it holds that others name by id: how references call it, and its place (a path pattern)."""
    variables: str = ""
    """The place of its variables, whose types say what their values mean."""
    parameters: str = ""
    """The place of the parameters that a step template declares."""
    properties: tuple[str, ...] = ()
    """Dictionaries of action properties (path patterns): a value that is an id, declared or known, is a reference."""
    typed_by: TypedBy | None = None
    """Where the meaning of its value is declared."""
    derived_from: str = ""
    """The column that names its owner, of whose id its own is made: ``id_prefix`` and the owner's id."""
    match_key: tuple[str, ...] = ()
    """By what an import finds it, where that is not ``key``."""
    repeats: bool = False
    """Several documents of one server may have the same key."""
    import_order: int = LAST
    """Its turn in an import: after those its key depends on, and mostly after those it refers to."""
    slugged: bool = False
    """Ids may be made of names, on servers that began before 2019."""
    ids_anywhere: tuple[str, ...] = ()
    """Ids (lower case) that are of this type in whatever folder of a tree their file stands."""
    taken: bool = False
    """Of what happened: a partial export and an import take it, where they take history at all."""
    snapshot_file: str = ""
    """What the file of a frozen copy is called; such a copy is history, and taken with it."""
    snapshots: tuple[Snapshot, ...] = ()
    """The frozen copies that it brings along."""
    settled: str = ""
    """Where its file stands once all channels are known (``{channel}``), if that is not ``file``."""
    task_logs: bool = False
    """The server keeps a log of it as a file, named by its id."""
    of_owner: str = ""
    """How people call it by its owner, as ``Variables of {}``."""
    prominence: int = 0
    """What is told of first where there is room for little: the higher number."""

    merge: Merge | None = None
    """How it merges, beside its ``variables``, which do so by name and scope."""
    own: tuple[str, ...] = ()
    """Properties that belong to one installation; an import neither brings nor changes them."""
    kept_where_empty: tuple[str, ...] = ()
    """Properties that stay the target's where the tree has no value for them."""
    kept_with: Mapping[str, str] = field(default_factory=dict)
    """References: where the target's leads to a document that every server has, its row stays; each with the reason."""
    fresh: Mapping[str, object] = field(default_factory=dict)
    """What a new row starts with, whatever its source says."""
    empty: Mapping[str, object] = field(default_factory=dict)
    """What is made where its owner's file comes without it, since no server has the one without the other."""
    counter: str = ""
    """The property that counts saves."""
    version_of: str = ""
    """A reference to the document that this is an earlier state of, and so of no higher ``Version``."""
    bears_id_of: str = ""
    """The type whose id it has for its own."""
    told_apart_by: tuple[str, ...] = ()
    """What tells documents of one key apart, where several may have it."""
    always_apart: bool = False
    """What tells them apart is a part of the key: one that differs in it is another one, also where it is alone."""
    server_made: tuple[str, tuple[object, ...]] | None = None
    """
    A property, and its values in documents that a server makes by itself, one of each in each space: an import finds
    them by it, whatever they are called. No values: all of the type are.
    """
    inferred: tuple[str, ...] = ()
    """
    What of all this is a guess from the server's interface, to be looked up in a real database: ``table``, ``prefix``,
    ``key``, ``columns`` (how lists stand in them), or places.
    """
    owner_type: tuple[str, str] | None = None
    """The reference to whose it is, and the column in which newer servers say of what type that is."""
    unique_on_server: tuple[str, ...] = ()
    """Places of GUIDs that no two documents of a server may share: a copy on its own server gets another one."""
    not_created: tuple[str, tuple[object, ...], str] | None = None
    """A property, its values in what each server makes by itself, the reason: an import changes, but never makes it."""
    told: tuple[str, object, str] | None = None
    """A property, and a value of it that a person should hear of, in these words, where an import makes such one."""
    in_git: InGit | None = None
    """What of a document may live in a git repository."""
    edged: bool = False
    """The server keeps in its table of edges what its documents refer to, though their rows do not list it."""
    slug_within: str = ""
    """The column within whose document slugs are unique; empty: within the space."""
    server_wide: bool = False
    """It may belong to the whole server although it names a space."""

    @property
    def type(self) -> str:
        """
        Return the type's name.
        """
        return self.table

    @property
    def in_git_settings(self) -> str:
        """
        Return the property that says what of a document lives in git, ``""`` where its type has none.
        """
        return self.in_git.settings if self.in_git is not None else ""

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

    def targets_at(self, path: str) -> tuple[str, ...]:
        """
        Return the types that the reference at a place (a path pattern) may point to, none if there is no reference.
        """
        return next((item.targets for item in self.references if item.path == path), ())

    def is_fixed(self, document_id: str) -> bool:
        """
        Return whether the document exists by construction on every server.
        """
        lowered = document_id.lower()
        return any(
            lowered.startswith(fixed[:-1].lower()) if fixed.endswith("*") else lowered == fixed.lower()
            for fixed in self.fixed_ids
        )

    def stays_behind(self, document_id: str) -> str:
        """
        Return why an import never takes a document, ``""`` if it may.
        """
        own = self.never_imported
        return own.get(document_id.lower()) or own.get("*") or self.exclusion(document_id) or ""

    def is_server_made(self, body: Mapping[str, object]) -> bool:
        """
        Return whether a document is one that each server makes by itself.
        """
        if self.server_made is None:
            return False
        name, values = self.server_made
        return body.get(name) in values if values else name in body

    def made_elsewhere(self, body: Mapping[str, object]) -> str:
        """
        Return why an import may change a document but never makes it, ``""`` if it may.
        """
        if self.not_created is None or body.get(self.not_created[0]) not in self.not_created[1]:
            return ""
        return self.not_created[2]

    def word(self, body: Mapping[str, object]) -> str:
        """
        Return what a person should hear where an import makes such a document, mostly ``""``.
        """
        return self.told[2] if self.told is not None and body.get(self.told[0]) == self.told[1] else ""

    def passing(self, body: Mapping[str, object]) -> str:
        """
        Return why a document is a state that comes and goes by itself, ``""`` if it is not.
        """
        return next((reason for name, value, reason in self.state_of if body.get(name) == value), "")

    def exclusion(self, document_id: str) -> str | None:
        """
        Return why a row is never exported, or ``None``.
        """
        lowered = document_id.lower()
        return next((reason for start, reason in self.excluded_ids.items() if lowered.startswith(start)), None)


def default_map(table: str) -> DocumentMap:
    """
    Return the map for a table that nobody has facts about, by a name that may stand in a path: it passes as it is.
    """
    return DocumentMap(
        table=table,
        file=f"{UNMAPPED}/{table}/{{id}}",
        id_prefix=f"{table}s-",
        key=("Id",),
        # Whether its names are unique is not known.
        unique_name=False,
        scripts=("Steps/*/Actions/*/Properties", "Properties"),
        known=False,
    )
