"""
Reading a selection: the chosen projects and what they need, into a spool, in one read transaction.

The counterpart of ``export.read`` for a part of a server; the tables that are left out are not even looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from migrator.errors import ChangedMeanwhile
from migrator.export.read import Content, Progress, Server, look_at, probe, reader_of, reads_one_state
from migrator.export.spool import Spool
from migrator.maps.document_map import Noise
from migrator.maps.parts import is_left_out
from migrator.selection.check import check_closed
from migrator.selection.closure import Closure
from migrator.selection.explain import Selected
from migrator.selection.history import take_deployments, take_releases
from migrator.selection.members import Members
from migrator.selection.release_versions import check_versions
from migrator.selection.request import Named, Selection, chosen_projects, narrow, read_choices
from migrator.selection.row_store import RowStore
from migrator.selection.values import Key
from migrator.sql.engine import NO_LIMITS_GIVEN, Limits
from migrator.sql.reader import Reader
from migrator.sql.rows import SPACE_COLUMN, Table
from migrator.sql.server_facts import read_facts
from migrator.sql.tables import NO_RULES, Schema, TableRules


@dataclass(frozen=True)
class Chosen:
    """
    Chosen projects of a server, and what they need.
    """

    address: str
    selection: Selection
    limits: Limits = NO_LIMITS_GIVEN
    rules: TableRules = NO_RULES

    @property
    def history(self) -> bool:
        """
        Return whether their releases, deployments and the copies these froze come along.
        """
        return self.selection.history

    def check(self) -> None:
        """
        Raise ``UsageError`` if the selection is malformed.
        """
        self.selection.check()

    def look(self) -> Server:
        """
        Open the database and reflect its structure; raises as ``look_for``.
        """
        return look_for(self.address, self.selection, self.limits, self.rules)

    def read(self, server: Server, spool: Spool, noise: Noise, progress: Progress) -> Content:
        """
        Copy the rows that are needed to *spool*; raises as ``read_selected``.
        """
        selected = read_selected(server, spool, self.selection, noise=noise, progress=progress)
        return Content(
            selected.facts,
            selected.clashes,
            selected.head(self.selection),
            selected.tasks(),
            selected.warnings(),
            selected.chains(),
        )


def look_for(
    address: str, selection: Selection, limits: Limits = NO_LIMITS_GIVEN, rules: TableRules = NO_RULES
) -> Server:
    """
    Open a database and reflect its structure, without the tables that *selection* leaves out; reads no documents.

    Raises:
        DatabaseError: it cannot be reached or is not an Octopus database.
        UsageError: the address or the selection is malformed.
    """
    selection.check()
    check_versions(selection.versions)
    server = look_at(address, history=selection.history, limits=limits, rules=rules)
    return replace(server, schema=without(server.schema, selection))


def without(schema: Schema, selection: Selection) -> Schema:
    """
    Return a structure without the tables that are not to be read.
    """
    kept = tuple(t for t in schema.tables if not is_left_out(t.map, selection.ignored, history=selection.history))
    return replace(schema, tables=kept)


def read_selected(
    server: Server,
    spool: Spool,
    selection: Selection,
    *,
    noise: Noise = Noise.NORMAL,
    progress: Progress = lambda table, rows: None,
    watched: bool = False,
) -> Selected:
    """
    Copy the rows that *selection* needs to *spool*, in one read transaction, and check that nothing dangles.

    Where the database has no snapshots it must stand still meanwhile, unless it is *watched* by the caller.

    Raises:
        UsageError: a name that does not exist or is not unique.
        ChangedMeanwhile: rows vanished, or the database was changed during the read.
        DatabaseError: the connection was lost.
        OperatorError: a document mentions what is neither there nor left out on purpose.
    """
    still = watched or reads_one_state(server)
    # Rows that are read by key have no count to be checked by; the signs of their tables tell whether one moved.
    before = {} if still else probe(server, thorough=True)
    # The closure meets rows in no order of tables, and the spool takes one table after the other.
    with RowStore(spool.directory) as store:
        with reader_of(server) as reader:
            facts = read_facts(reader)
            roots = chosen_projects(read_choices(reader), selection)
            closure = close(reader, store, roots, selection, noise)
            clashes = _clashes(reader, closure)
        if not still and probe(server, thorough=True) != before:
            raise ChangedMeanwhile(
                "the database was changed during the read; try again, or allow snapshot isolation on the database"
            )
        for table in server.schema.tables:
            spool.begin(table)
            for chunk in store.chunks(table.map.type):
                spool.add(chunk)
            progress(table.name, store.count(table.map.type))
    dangling = check_closed(closure)
    return Selected(
        facts, roots, closure.taken, closure.left_out, tuple(closure.cut), dangling, tuple(closure.notes), clashes
    )


def close(reader: Reader, store: RowStore, roots: tuple[Named, ...], selection: Selection, noise: Noise) -> Closure:
    """
    Return the closure over everything that the *roots* need.

    Raises:
        UsageError: no such release.
        ChangedMeanwhile: a row vanished during the read.
    """
    by_id = {item.id.lower(): item for item in roots}
    closure = Closure(reader, store, by_id, selection.ignored, selection.history, noise)
    members = Members(closure, selection.all_environments)
    releases: set[Key] = set()
    members.connected()
    take_releases(closure, selection.versions)
    while closure.waiting:
        closure.run()
        members.add()
        take_deployments(closure, releases)
    # With all of them there is nothing that could be missing.
    if not selection.all_environments:
        closure.notes.extend(members.without_phases())
    return closure


def _clashes(reader: Reader, closure: Closure) -> frozenset[tuple[str, str]]:
    """
    Return the names of taken documents that others bear but for case, asked for by name where the database minds none.
    """
    names: dict[str, list[str]] = {}
    for item in closure.taken.values():
        names.setdefault(item.type, []).append(item.name)
    found: set[tuple[str, str]] = set()
    for type_, some in names.items():
        table = reader.schema.find(type_)
        if table is None or not table.map.unique_name or not table.map.known:
            continue
        if table.position(table.map.name_property) is not None and table.position("IsFrozen") is None:
            found.update((type_, name) for name in _clashing(reader, table, some))
    return frozenset(found)


def _clashing(reader: Reader, table: Table, names: list[str]) -> set[str]:
    document_map = table.map
    others = [part for part in document_map.key if part != document_map.name_property]
    narrowed = narrow(table, (document_map.name_property, document_map.owner or "", SPACE_COLUMN, *others))
    # Whether the collation minds case is found out by asking it for a name in the other case.
    sample = next((name for name in names if name.isascii() and name.swapcase() != name), None)
    blind = (
        sample is not None and next(reader.by_key(narrowed, narrowed.columns[0], [sample.swapcase()]), None) is not None
    )
    rows = (
        reader.by_key(narrowed, narrowed.columns[0], list(dict.fromkeys(names)))
        if blind
        else (row for batch in reader.batches(narrowed) for row in batch)
    )
    wanted = {name.lower() for name in names}
    counts: dict[tuple[Any, ...], int] = {}
    for row in rows:
        name = str(row[0] or "").lower()
        if name in wanted:
            counts[name, *row[1:]] = counts.get((name, *row[1:]), 0) + 1
    return {group[0] for group, count in counts.items() if count > 1}
