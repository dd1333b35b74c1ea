"""
A database whose read never ends: the statement for one table's rows is made one that runs for ever, in the driver.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

FOR_EVER = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r WHERE n < 0"
"""A statement that never gives its first row."""
TABLE = 'FROM "Project"'


@contextmanager
def hanging_reads(*, breakable: bool = True) -> Iterator[threading.Event]:
    """
    Let every read of the projects in this process hang for the time of the block; set when the first one begins. One
    that is not *breakable* hears of no cancel, as a driver's call on a dead connection does.
    """
    begun = threading.Event()

    def swap(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> Any:
        if TABLE in statement and "JSON" in statement:
            begun.set()
            if not breakable:
                threading.Event().wait()
            return FOR_EVER, ()
        return statement, parameters

    event.listen(Engine, "before_cursor_execute", swap, retval=True)
    try:
        yield begun
    finally:
        event.remove(Engine, "before_cursor_execute", swap)
