"""
Reading a whole server: look at its structure, then copy its rows into a spool in one read transaction.

The second half is what a maintenance window covers, so it does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Engine

from migrator.errors import ChangedMeanwhile, UnreadableDocument
from migrator.export.spool import Spool
from migrator.maps.document_map import UNMAPPED, Kind, Noise
from migrator.report import ReportedWarning, TablesRead
from migrator.sql.engine import NO_LIMITS_GIVEN, Limits, open_engine, read_connection
from migrator.sql.reader import Names, Reader, Unread
from migrator.sql.reader import Whole as WholeTable
from migrator.sql.rows import Row, Table, body_text, compact, from_column, to_body
from migrator.sql.server_facts import ServerFacts, read_installation
from migrator.sql.tables import NO_RULES, Schema, TableRules, full_name, reflect

Progress = Callable[[str, int], None]
"""Called after each batch of rows with the table's name and their number."""


@dataclass(frozen=True)
class Server:
    """
    A database that was looked at: its structure. Its connection is kept until ``close``.
    """

    engine: Engine
    schema: Schema

    def close(self) -> None:
        """
        Close the connection.
        """
        self.engine.dispose()


@dataclass(frozen=True)
class Content:
    """
    What was read: the server's facts, and names that several documents bear but for case.

    Of a part of a server also what the head of its tree says of it, the tasks (lower-case ids) that it has, what a
    person should know of it, and for each document what brought it in.
    """

    facts: ServerFacts
    clashes: frozenset[tuple[str, str]] = frozenset()
    partial: Mapping[str, Any] | None = None
    tasks: frozenset[str] | None = None
    warnings: tuple[ReportedWarning, ...] = ()
    chains: tuple[str, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)
    """Tables without facts that could not be read or are too large, by name with the reason."""


@dataclass(frozen=True)
class Whole:
    """
    A whole server, with or without what happened on it.
    """

    address: str
    history: bool = False
    limits: Limits = NO_LIMITS_GIVEN
    rules: TableRules = NO_RULES

    def check(self) -> None:
        """
        Raise ``UsageError`` if a rule leaves out what cannot be.
        """
        self.rules.check()

    def look(self) -> Server:
        """
        Open the database and learn its structure; raises as ``look_at``.
        """
        return look_at(self.address, history=self.history, limits=self.limits, rules=self.rules)

    def read(self, server: Server, spool: Spool, noise: Noise, progress: Progress) -> Content:
        """
        Copy every row to *spool*; raises as ``read_rows``.
        """
        return read_rows(server, spool, progress, frozen=self.history)


def look_at(
    address: str,
    *,
    history: bool = False,
    limits: Limits = NO_LIMITS_GIVEN,
    opened: Callable[[Engine], None] = lambda engine: None,
    rules: TableRules = NO_RULES,
) -> Server:
    """
    Open a database and learn its structure; reads no documents. *opened* gets the engine before anything is asked.

    Raises:
        DatabaseError: it cannot be reached or is not an Octopus database.
        UsageError: the address is malformed.
    """
    engine = open_engine(address, limits=limits)
    try:
        # So that even the first question can be broken off.
        opened(engine)
        return Server(engine, reflect(engine, history=history, rules=rules))
    except BaseException:
        engine.dispose()
        raise


def read_rows(
    server: Server,
    spool: Spool,
    progress: Progress = lambda table, rows: None,
    *,
    frozen: bool = False,
    keep: Callable[[Table], Callable[[Row], bool] | None] = lambda table: None,
) -> Content:
    """
    Copy every row to *spool* in one read transaction, check the counts in it, and return what was learned.

    With *frozen* also the copies of processes and variables that releases keep. *keep* gives, for a table, which of its
    rows are kept (``None``: all).

    Raises:
        ChangedMeanwhile: rows came or went during the read.
        DatabaseError: the connection was lost.
        OSError: the spool's disk is full.
    """
    clashes: set[tuple[str, str]] = set()
    came: list[tuple[Table, int]] = []
    unread: dict[str, str] = {}
    with reader_of(server) as reader:
        facts = read_installation(reader)
        for source in server.schema.tables:
            found = source if source.map.known else reader.told_apart(source, server.schema.rules.row_limit)
            if isinstance(found, Unread):
                unread[full_name(source)] = found.reason
                continue
            if isinstance(found, WholeTable):
                came.append((source, _add_whole(reader, source, spool, keep(source), progress)))
                continue
            table = found
            spool.begin(table)
            wanted, names, rows = keep(table), Names(table), 0
            for batch in reader.batches(table, live_only=not frozen):
                rows += len(batch)
                # All rows, also those that are not kept: a document's path must be the one it has in a whole export.
                names.add(batch)
                facts = facts.seen(table, batch)
                spool.add(batch if wanted is None else [row for row in batch if wanted(row)])
                progress(table.name, len(batch))
            clashes.update((table.map.table, name) for name in names.clashing)
            came.append((table, rows))
            if table.map.kind is Kind.HISTORY and not reads_one_state(server):
                # What happens moves all the time: it is counted at once, and the rest together at the end.
                _check(reader, [came.pop()], frozen)
        _check(reader, came, frozen)
    return Content(facts, frozenset(clashes), unread=unread)


def _add_whole(
    reader: Reader, source: Table, spool: Spool, wanted: Callable[[Row], bool] | None, progress: Progress
) -> int:
    """
    Copy a table whose rows nothing tells apart as one document with its rows in an order of their own; return their
    number.
    """
    texts: list[str] = []
    came = 0
    for batch in reader.batches(source, live_only=False):
        came += len(batch)
        kept = batch if wanted is None else [row for row in batch if wanted(row)]
        texts += [_row_text(source, row) for row in kept]
        progress(source.name, len(batch))
    spool.begin(replace(source, columns=("Id", "JSON"), declared={}, primary=()))
    spool.add([(source.map.type, f'{{"Rows":[{",".join(sorted(texts))}]}}')])
    return came


def _row_text(source: Table, row: Row) -> str:
    try:
        return compact(to_body(source, row, body_text(source, row)))
    except UnreadableDocument:
        # One row of many: what cannot be unpacked stands there packed.
        bodies = {source.columns[at]: row[at] for at in source.body_positions if at is not None}
        return compact(to_body(source, row, "") | {name: from_column(value, None) for name, value in bodies.items()})


def _check(reader: Reader, came: list[tuple[Table, int]], frozen: bool) -> None:
    # Without a snapshot a scan may miss a row that moves, or meet it twice; the numbers tell.
    counts = reader.counts([table for table, _ in came], live_only=not frozen)
    for (table, rows), expected in zip(came, counts, strict=True):
        if rows != expected:
            raise ChangedMeanwhile(
                f"the table {table.name} was changed during the read ({rows} rows came of {expected})"
                "; try again, or allow snapshot isolation on the database"
            )


def tables_read(server: Server, content: Content) -> TablesRead:
    """
    Return what became of each table of a database.
    """
    schema = server.schema
    left = {*schema.excluded, *schema.unreadable}
    unmapped = sorted(name for item in schema.unmapped if (name := full_name(item)) not in content.unread)
    tables = [item for item in schema.catalogue.relations if not item.view]
    known = len(tables) - len(left) - len(unmapped) - len(content.unread)
    unread, rules = {**schema.unreadable, **content.unread}, schema.rules
    return TablesRead(known, tuple(unmapped), schema.excluded, unread, rules.exclude, rules.volatile, rules.row_limit)


def kept_tables(server: Server, content: Content) -> frozenset[str]:
    """
    Return the types of tables that could not be read this time: what stands in a tree of them says nothing new.
    """
    unread = {item.map.type for item in server.schema.unmapped if full_name(item) in content.unread}
    return frozenset(unread.union(item.map.type for item in server.schema.forbidden))


def table_warnings(server: Server, content: Content, told: Container[str] = ()) -> list[ReportedWarning]:
    """
    Return what a person should know of the tables: those without facts but for the ones *told* of, and those unread.
    """
    found = [
        f"table {name} is not known to this version; its rows are exported as they are, below "
        f"{UNMAPPED}/{item.map.type}, and never imported"
        for item in server.schema.unmapped
        if (name := full_name(item)) not in content.unread and item.map.type not in told
    ]
    unread = {**server.schema.unreadable, **content.unread}
    found += [
        f"table {name} was not read, and its previous files were kept: {reason}"
        for name, reason in sorted(unread.items())
    ]
    return [ReportedWarning("", "", text) for text in found]


def probe(server: Server, *, thorough: bool = False) -> dict[str, str]:
    """
    Return a sign of each table's state, to see whether anything moved since; cheap ones unless *thorough*.

    Raises:
        DatabaseError: the database cannot be reached.
    """
    with reader_of(server) as reader:
        return reader.probe(thorough=thorough)


def reads_one_state(server: Server) -> bool:
    """
    Return whether a read transaction sees one frozen state of the database, as it was declared when it was looked at.
    """
    return server.schema.catalogue.one_state


@contextmanager
def reader_of(server: Server) -> Iterator[Reader]:
    """
    Yield a reader within one read transaction.
    """
    with read_connection(server.engine, one_state=reads_one_state(server)) as connection:
        yield Reader(connection, server.schema)
