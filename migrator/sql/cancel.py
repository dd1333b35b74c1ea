"""
Breaking off statements from another thread, through the driver.

sqlite3's documentation gives ``Connection.interrupt`` for that, pyodbc's ``Cursor.cancel``, which is ODBC's SQLCancel.
Neither ends a connection attempt, nor SQLite's wait for another process's lock; both have limits of their own.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, event

from migrator.errors import DatabaseError


class Cancelled(DatabaseError):
    """
    A statement was not begun, since what it belongs to was broken off.
    """


class Canceller:
    """
    Breaks off what runs on the engines that it watches, from any thread, and lets nothing more begin on them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[int, Any] = {}
        self._cancelled = False

    def watch(self, engine: Engine) -> None:
        """
        Watch an engine before anything is asked of it.
        """
        event.listen(engine, "before_cursor_execute", self._begins)
        event.listen(engine, "checkin", self._ends)

    def cancel(self) -> None:
        """
        Break off what runs. A statement may begin in this very moment, so call it again until the read has ended.
        """
        with self._lock:
            self._cancelled = True
            cursors = list(self._newest.values())
        for cursor in cursors:
            # It may have ended, and been closed, in this very moment.
            with suppress(Exception):
                stop = getattr(cursor, "cancel", None) or cursor.connection.interrupt
                stop()

    def _begins(self, connection: Any, cursor: Any, *_: Any) -> None:
        with self._lock:
            if self._cancelled:
                raise Cancelled("the database was not asked any more, since the read was broken off")
            # A connection has one statement at a time: the next one begins when the one before is read to its end.
            self._newest[id(connection.connection.dbapi_connection)] = cursor

    def _ends(self, dbapi_connection: Any, _: Any) -> None:
        with self._lock:
            self._newest.pop(id(dbapi_connection), None)
