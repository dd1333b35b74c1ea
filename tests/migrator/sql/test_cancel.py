"""
A statement that runs is broken off from another thread, and none begins after that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from sqlalchemy import Engine, event, text

from migrator.errors import DatabaseError
from migrator.sql.engine import Cancelled, Canceller, database_errors, open_engine, read_connection
from tests.support.hanging import FOR_EVER
from tests.support.servers import SampleServer

PATIENCE = 30.0


@pytest.fixture
def engine(server: SampleServer) -> Engine:
    return open_engine(server.address)


def started(work: Callable[[], object]) -> tuple[threading.Thread, Future[object]]:
    """
    Start *work* in a thread of its own.
    """
    done: Future[object] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, done


def read_for_ever(engine: Engine) -> None:
    with read_connection(engine) as connection, database_errors(engine):
        connection.execute(text(FOR_EVER)).fetchall()


def test_a_running_statement_is_broken_off(engine: Engine) -> None:
    """
    A read that would never end ends at once with an error of the database's, and its thread with it.
    """
    canceller, running = Canceller(), threading.Event()
    canceller.watch(engine)
    event.listen(engine, "before_cursor_execute", lambda *begun: running.set() if "RECURSIVE" in begun[2] else None)
    thread, done = started(lambda: read_for_ever(engine))
    assert running.wait(PATIENCE)

    while thread.is_alive():
        # As the driver is not in the statement yet when it is announced, once may be too early.
        canceller.cancel()
        thread.join(0.05)

    assert isinstance(done.exception(0), DatabaseError)


def test_nothing_begins_on_a_cancelled_engine(engine: Engine) -> None:
    """
    What comes after the cancel is refused before the database is asked, so that no later statement hangs instead.
    """
    canceller = Canceller()
    canceller.watch(engine)
    with read_connection(engine) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
        canceller.cancel()
        with pytest.raises(Cancelled):
            connection.execute(text("SELECT 1"))


def test_what_has_ended_is_let_alone(engine: Engine, server: SampleServer) -> None:
    """
    Neither a connection that was given back nor another engine's is touched; cancelling twice does no harm.
    """
    canceller = Canceller()
    canceller.watch(engine)
    with read_connection(engine) as connection:
        connection.execute(text("SELECT 1")).all()
    other = open_engine(server.address)

    canceller.cancel()
    canceller.cancel()

    assert canceller._newest == {}
    with read_connection(other) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
