"""
Reading a whole server: look at its structure, then copy its rows into a spool in one read transaction.

The second half is what a maintenance window covers, so it does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from migrator.errors import DatabaseError
from migrator.export.spool import Spool
from migrator.maps.document_map import Noise
from migrator.report import ReportedWarning
from migrator.sql.engine import database_errors, open_engine, read_connection, snapshot_allowed
from migrator.sql.reader import Reader, Schema, clashing_names, reflect
from migrator.sql.rows import Row, Table
from migrator.sql.server_facts import ServerFacts, read_facts

Progress = Callable[[str, int], None]
"""Called after each batch of rows with the table's name and their number."""


@dataclass(frozen=True)
class Server:
    """
    A database that was looked at: its structure, and names that differ only in case.
    """

    engine: Engine
    schema: Schema
    clashes: frozenset[tuple[str, str]]


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


@dataclass(frozen=True)
class Whole:
    """
    A whole server, with or without what happened on it.
    """

    address: str
    history: bool = False

    def check(self) -> None:
        """
        Do nothing: there is nothing to choose.
        """

    def look(self) -> Server:
        """
        Open the database and reflect its structure; raises as ``look_at``.
        """
        return look_at(self.address, history=self.history)

    def read(self, server: Server, spool: Spool, noise: Noise, progress: Progress) -> Content:
        """
        Copy every row to *spool*; raises as ``read_rows``.
        """
        return Content(read_rows(server, spool, progress, frozen=self.history), server.clashes)


def look_at(address: str, *, history: bool = False, opened: Callable[[Engine], None] = lambda engine: None) -> Server:
    """
    Open a database and reflect its structure; reads no documents. *opened* gets the engine before anything is asked.

    Raises:
        DatabaseError: it cannot be reached or is not an Octopus database.
        UsageError: the address is malformed.
    """
    engine = open_engine(address)
    opened(engine)
    schema = reflect(engine, history=history)
    return Server(engine, schema, clashing_names(engine, schema))


def read_rows(
    server: Server,
    spool: Spool,
    progress: Progress = lambda table, rows: None,
    *,
    frozen: bool = False,
    keep: Callable[[Table], Callable[[Row], bool] | None] = lambda table: None,
) -> ServerFacts:
    """
    Copy every row to *spool* in one read transaction, check the counts in it, and return the server's facts.

    With *frozen* also the copies of processes and variables that releases keep. *keep* gives, for a table, which of its
    rows are kept (``None``: all).

    Raises:
        DatabaseError: the connection was lost, or rows came or went during the read.
        OSError: the spool's disk is full.
    """
    with reader_of(server) as reader:
        facts = read_facts(reader)
        for table in server.schema.tables:
            spool.begin(table)
            wanted, came = keep(table), 0
            for batch in reader.batches(table, live_only=not frozen):
                came += len(batch)
                spool.add(batch if wanted is None else [row for row in batch if wanted(row)])
                progress(table.name, len(batch))
            expected = reader.count(table, live_only=not frozen)
            if came != expected:
                raise DatabaseError(
                    f"the table {table.name} was changed during the read ({came} rows came of {expected})"
                    "; try again, or allow snapshot isolation on the database"
                )
    return facts


def probe(server: Server) -> dict[str, str]:
    """
    Return a cheap sign of each table's state, to see whether anything moved since.

    Raises:
        DatabaseError: the database cannot be reached.
    """
    with reader_of(server) as reader:
        return reader.probe()


def reads_one_state(server: Server) -> bool:
    """
    Return whether a read transaction sees one frozen state of the database.

    Raises:
        DatabaseError: the database cannot be reached.
    """
    with database_errors(server.engine), server.engine.connect() as connection:
        return snapshot_allowed(connection)


@contextmanager
def reader_of(server: Server) -> Iterator[Reader]:
    """
    Yield a reader within one read transaction.
    """
    with read_connection(server.engine) as connection, database_errors(server.engine):
        yield Reader(connection, server.schema)
