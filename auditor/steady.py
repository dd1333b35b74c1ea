"""
Reading a database that nothing keeps still: again and again, until what it holds did not move during the read.

Not here: what is read, and what a sign of movement is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from migrator.errors import DatabaseError

ATTEMPTS = 5
_PAUSE = 2.0
Read = TypeVar("Read")


def read_steady(
    read: Callable[[], Read], probe: Callable[[], Mapping[str, str]], sleep: Callable[[float], Any]
) -> Read:
    """
    Return what *read* returns for the first time that *probe* says the same before and after it.

    Raises:
        DatabaseError: it moved during each of five reads.
    """
    before = probe()
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(_PAUSE * attempt)
            before = probe()
        try:
            result = read()
        except DatabaseError:
            # Rows that came or went are told by the read itself; anything else fails again and is told then.
            if attempt == ATTEMPTS - 1:
                raise
            continue
        if probe() == before:
            return result
    raise DatabaseError(
        f"the database was changed during each of {ATTEMPTS} reads; allow snapshot isolation on it "
        "(ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON), or let a maintenance window keep it still"
    )
