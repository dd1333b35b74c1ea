"""
Against a real SQL Server with an Octopus database, whose address is in MIGRATOR_TEST_DATABASE. Nothing is written.
"""

from __future__ import annotations

import os
import threading
import time

import pytest
from sqlalchemy import text

from migrator.errors import DatabaseError
from migrator.sql.cancel import Canceller
from migrator.sql.engine import database_errors, open_engine, read_connection, snapshot_allowed
from migrator.sql.reader import Reader, Schema, reflect

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def address() -> str:
    return os.environ["MIGRATOR_TEST_DATABASE"]


@pytest.fixture(scope="module")
def schema(address: str) -> Schema:
    return reflect(open_engine(address), history=True)


def test_reading_sees_one_state(address: str) -> None:
    """
    Where the server allows it, the read runs under SNAPSHOT isolation; nothing else is asked of it.
    """
    engine = open_engine(address)
    with engine.connect() as connection:
        allowed = snapshot_allowed(connection)
    with read_connection(engine) as connection:
        level = connection.execute(
            text("SELECT transaction_isolation_level FROM sys.dm_exec_sessions WHERE session_id = @@SPID")
        ).scalar()
        assert level == (5 if allowed else 2)


def test_every_table_is_read_whole(address: str, schema: Schema) -> None:
    """
    Every row of every table comes once, as plain values.
    """
    with read_connection(open_engine(address)) as connection:
        reader = Reader(connection, schema)
        for source in schema.tables:
            count = 0
            for batch in reader.batches(source):
                count += len(batch)
                for row in batch:
                    assert all(isinstance(value, str | int | float | bytes | bool | None) for value in row)
            assert count == reader.count(source)


def test_nothing_is_unknown(schema: Schema) -> None:
    """
    The server's tables are all accounted for, or told.
    """
    assert all(item.map.known or item.name in " ".join(schema.warnings) for item in schema.tables)


def test_a_statement_is_broken_off(address: str) -> None:
    """
    A statement that would take a minute ends at once when it is cancelled from another thread.
    """
    engine, canceller, ended = open_engine(address), Canceller(), threading.Event()
    canceller.watch(engine)

    def wait() -> None:
        with pytest.raises(DatabaseError), database_errors(engine), engine.connect() as connection:
            connection.execute(text("WAITFOR DELAY '00:01:00'"))
        ended.set()

    begun = time.monotonic()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    while not ended.wait(0.2) and thread.is_alive():
        canceller.cancel()

    assert ended.is_set()
    assert time.monotonic() - begun < 30
