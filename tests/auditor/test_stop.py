"""
Being told to stop: what a block hangs on is broken off from another thread, and its failure is told as what it is.
"""

from __future__ import annotations

import threading

import pytest

from auditor.stop import Stop, Stopped, TooLong
from auditor.window.window import WindowStuck
from migrator.errors import DatabaseError, OperatorError

PATIENCE = 30.0


def watchers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "stop"}


def test_a_block_is_broken_off_until_it_has_ended() -> None:
    """
    After a request the cancel is called again and again, even if it fails, and no more once the block has ended.
    """
    stop, calls, thrice = Stop(), [], threading.Event()

    def cancel() -> None:
        calls.append(threading.current_thread())
        if len(calls) == 3:
            thrice.set()
        raise ValueError("it had ended in that moment")

    before = watchers()
    with stop.breaking_off(cancel):
        (watcher,) = watchers() - before
        assert calls == []
        stop.request()
        assert thrice.wait(PATIENCE)
    watcher.join(PATIENCE)

    assert not watcher.is_alive()
    assert threading.current_thread() not in calls


def test_a_block_that_ends_by_itself_is_let_alone() -> None:
    """
    Without a request nothing is cancelled, and the watching thread ends with the block.
    """
    stop, calls, before = Stop(), [], watchers()
    with stop.breaking_off(lambda: calls.append(1)):
        (watcher,) = watchers() - before
    watcher.join(PATIENCE)
    stop.request()

    assert not watcher.is_alive()
    assert calls == []


@pytest.mark.parametrize(
    ("asked", "limit", "error", "told"),
    [
        (True, None, DatabaseError("interrupted"), Stopped),
        (True, "the run took too long", DatabaseError("interrupted"), TooLong),
        (False, None, DatabaseError("interrupted"), DatabaseError),
        (True, None, WindowStuck("it is still on"), WindowStuck),
        (True, None, OperatorError("the disk is full"), OperatorError),
        (True, None, ZeroDivisionError(), ZeroDivisionError),
    ],
)
def test_what_a_broken_off_block_failed_by(
    asked: bool, limit: str | None, error: Exception, told: type[Exception]
) -> None:
    """
    A database's error after a request is the request's doing; nothing else is hidden by it, and nothing before it.
    """
    stop = Stop()

    with pytest.raises(Exception) as raised, stop.breaking_off(lambda: None):
        if asked:
            stop.request(limit)
        raise error

    assert type(raised.value) is told
    assert told is not TooLong or str(raised.value) == limit
