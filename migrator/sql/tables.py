"""
Which tables of a database are read, and as what: known ones, ones that nobody has facts about, and those left out.

Every table that the login sees is one of the three, so that nothing is lost in silence. Not here: reading their rows.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Engine

from migrator.documents.layout import safe_name
from migrator.errors import DatabaseError, UsageError
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, Kind, Volatile
from migrator.maps.membership import Joined
from migrator.maps.system import CORE_TABLES, EXPECTED_TABLES
from migrator.sql.catalogue import Catalogue, Relation, read_catalogue
from migrator.sql.engine import read_connection
from migrator.sql.rows import BLOB_COLUMN, JSON_COLUMN, Table

ROW_LIMIT = 100_000
"""Rows that a table may have about which nothing is known; more are measured values or a log, no settings."""
_BRACES = re.compile("[{}]")
BY_RULE = "left out by the setting volatile"
BY_NAME = "left out by the setting exclude_tables"
NO_RIGHT = "the login may not read it; let a database owner grant SELECT on its schema"


@dataclass(frozen=True)
class TableRules:
    """
    What people say of tables beside the maps: which are left out, which places (type, path pattern) change by
    themselves, and how many rows one may have about which nothing is known.
    """

    exclude: tuple[str, ...] = ()
    volatile: tuple[tuple[str, str], ...] = ()
    row_limit: int = ROW_LIMIT

    def check(self) -> None:
        """
        Say what no rule may do.

        Raises:
            UsageError: a server cannot be told, or a document not be found, without what is to be left out.
        """
        needed = {name.lower() for name in CORE_TABLES}
        for name in self.exclude:
            if not name.strip() or self._bare(name) in needed:
                raise UsageError(f"the table {name or repr(name)} cannot be left out: every server is known by it")
        for type_, path in self.volatile:
            if not type_ or not path or path.partition("/")[0].lower() == "id":
                raise UsageError(f"{type_} at {path or repr(path)} cannot be left out: a document is found by it")

    @staticmethod
    def _bare(name: str) -> str:
        return name.lower().removeprefix("dbo.")

    def leaves_out(self, item: Relation) -> bool:
        """
        Return whether a table is left out by name, blind to case.
        """
        return full_name(item).lower() in {self._bare(name) for name in self.exclude}

    def applied(self, table: Table) -> Table:
        """
        Return a table with the places that its rules call volatile.
        """
        names = {table.map.type.lower(), full_name(table).lower()}
        own = tuple(Volatile(path, BY_RULE) for type_, path in self.volatile if type_.lower() in names)
        return replace(table, map=replace(table.map, volatile=(*table.map.volatile, *own))) if own else table

    def strangers(self, relations: Iterable[Relation]) -> Iterator[str]:
        """
        Yield what the rules name and the database has not.
        """
        there = {full_name(item).lower() for item in relations}
        known = {item.type.lower() for item in REGISTRY.maps}
        yield from (f"exclude_tables names {name}" for name in self.exclude if self._bare(name) not in there)
        yield from (f"volatile names {t}" for t, _ in self.volatile if t.lower() not in there | known)


NO_RULES = TableRules()


@dataclass(frozen=True)
class Schema:
    """
    The tables of one server that are read, what was noticed about them, and what is left out, by name with the reason.
    """

    tables: tuple[Table, ...]
    warnings: tuple[str, ...]
    catalogue: Catalogue
    excluded: Mapping[str, str] = field(default_factory=dict)
    forbidden: tuple[Table, ...] = ()
    """Tables without facts that the login may not read."""
    rules: TableRules = NO_RULES

    def find(self, name: str) -> Table | None:
        """
        Return the table of a known type by its name, blind to case.
        """
        return next((item for item in self.tables if not item.schema and item.name.lower() == name.lower()), None)

    def rowversion(self, table: Table) -> str | None:
        """
        Return which column of a table the server bumps at each change, if there is one.
        """
        if table.schema:
            return None
        return next((item.name for item in self.catalogue.columns(table.name).values() if item.is_rowversion), None)

    @property
    def unreadable(self) -> dict[str, str]:
        """
        Return the tables that the login may not read, by name with the reason.
        """
        return {full_name(item): NO_RIGHT for item in self.forbidden}

    @property
    def unmapped(self) -> tuple[Table, ...]:
        """
        Return the tables whose rows are exported as they are.
        """
        return tuple(item for item in self.tables if not item.map.known)


def full_name(item: Relation | Table) -> str:
    """
    Return what people call a table: its name, after its schema where it needs one.
    """
    return f"{item.schema}.{item.name}" if item.schema else item.name


def reflect(engine: Engine, *, history: bool = False, rules: TableRules = NO_RULES) -> Schema:
    """
    Return what tables a database has, in a transaction of its own: under a snapshot a change of structure is an error.

    Raises:
        DatabaseError: unreachable, or not an Octopus database.
    """
    with read_connection(engine) as connection:
        catalogue = read_catalogue(connection)
    return schema_of(catalogue, history=history, rules=rules)


def schema_of(catalogue: Catalogue, *, history: bool = False, rules: TableRules = NO_RULES) -> Schema:
    """
    Return the tables of a database in the order they are read.

    Raises:
        DatabaseError: it is not an Octopus database.
    """
    present = [name for name in CORE_TABLES if name.lower() in catalogue.spelled]
    # Some of them and not all: an older or a newer server may lack one.
    if len(present) < 3:
        missing = ", ".join(name for name in CORE_TABLES if name not in present)
        raise DatabaseError(f"this is not an Octopus database: it has no table {missing}; check the address")
    known = {
        id(found): item
        for item in REGISTRY.maps
        if (found := catalogue.find(item.table)) is not None and not rules.leaves_out(found)
    }
    joins = {id(catalogue.find(join.table)) for item in known.values() for join in item.joined}
    others = [item for item in catalogue.relations if id(item) not in {*known, *joins} and not item.view]
    excluded = {full_name(item): reason for item in others if (reason := _reason(item, rules)) is not None}
    strangers = [item for item in others if full_name(item) not in excluded]
    mapped = [_known(item, known[id(item)], catalogue, history) for item in catalogue.relations if id(item) in known]
    tables = [item for item in mapped if item is not None]
    strange = list(zip(strangers, _strange(strangers), strict=True))
    tables += [table for item, table in strange if item.readable]
    forbidden = tuple(table for item, table in strange if not item.readable)
    warnings = [
        f"table {name} is missing, as on an older server; nothing of this type is exported"
        for name in EXPECTED_TABLES
        if name.lower() not in catalogue.spelled
    ]
    warnings += [f"{named}, which this database has not" for named in rules.strangers(catalogue.relations)]
    tables = [rules.applied(item) for item in tables]
    ordered = sorted(tables, key=lambda item: (not item.map.known, REGISTRY.order(item.map.table), item.name))
    return Schema(tuple(ordered), tuple(sorted(warnings)), catalogue, excluded, forbidden, rules)


def _reason(item: Relation, rules: TableRules) -> str | None:
    if rules.leaves_out(item):
        return BY_NAME
    return REGISTRY.exclusion_of_schema(item.schema) if item.schema else REGISTRY.exclusion(item.name)


def _known(item: Relation, document_map: DocumentMap, catalogue: Catalogue, history: bool) -> Table | None:
    # Left out here, so that millions of rows are not asked for.
    if document_map.kind is Kind.HISTORY and not history:
        return None
    if document_map.kind is Kind.CONFIGURATION and not any(column.name.lower() == "id" for column in item.columns):
        raise DatabaseError(f"the table {item.name} has no column Id; this is not a schema that can be read")
    table = _table(item, document_map)
    joined = tuple(_joined(document_map, catalogue))
    elsewhere = [join.property for join in joined]
    # Where an old column is left beside the newer table, the server goes by the table.
    kept = [name for name in table.columns if name.lower() not in {item.lower() for item in elsewhere}]
    return replace(table, columns=(*elsewhere, *kept), joined=joined)


def _joined(document_map: DocumentMap, catalogue: Catalogue) -> Iterator[Joined]:
    """
    Yield the lists of a type that have a table of their own on this server, with its names as they are spelled.
    """
    for join in document_map.joined:
        found, columns = catalogue.find(join.table), catalogue.columns(join.table)
        owner, value = columns.get(join.owner.lower()), columns.get(join.value.lower())
        if found and owner and value:
            order = columns.get(join.order.lower())
            yield Joined(join.property, found.name, owner.name, value.name, order.name if order else "")


def _strange(items: list[Relation]) -> Iterator[Table]:
    """
    Yield tables that nobody has facts about, each under a name that no other has on any file system.
    """
    names = {id(item): _safe(item) for item in items}
    taken = Counter(map(_folded, names.values()))
    for item in items:
        name = names[id(item)]
        if taken[_folded(name)] > 1 or REGISTRY.find(name) is not None:
            name = _safe(item, unique=False)
        yield _table(item, REGISTRY[name])


def _safe(item: Relation, *, unique: bool = True) -> str:
    name = full_name(item)
    digest = hashlib.blake2b(repr((item.schema, item.name)).encode("utf-8", "surrogatepass"), digest_size=4)
    # Braces are the places to fill in where the maps say how a file is called.
    plain = _BRACES.sub("_", name)
    return safe_name(plain, digest.hexdigest(), unique=unique and plain == name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _table(item: Relation, document_map: DocumentMap) -> Table:
    # A rowversion moves with every write to its row, whatever was written, and belongs to one database.
    kept = sorted((column.name for column in item.columns if not column.is_rowversion), key=_body_last)
    declared = {column.name.lower(): column.kind for column in item.columns}
    return Table(item.name, tuple(kept), document_map, declared, item.schema, item.key)


def _body_last(name: str) -> int:
    # The spool packs the last column by itself, since a body is by far the largest.
    return (JSON_COLUMN, BLOB_COLUMN).index(name.lower()) + 1 if name.lower() in (JSON_COLUMN, BLOB_COLUMN) else 0


def with_key(table: Table, names: tuple[str, ...]) -> Table:
    """
    Return a table whose rows have an Id made of the columns *names*.
    """
    return replace(table, columns=("Id", *table.columns), made_of=names)
