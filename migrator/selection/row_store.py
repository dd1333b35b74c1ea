"""
The rows of a selection, in a private temporary file until the last one is known.

Like the spool, the file has no name and holds secrets only under the server's master key.
"""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from migrator.sql.rows import Row

_CHUNK = 200


class RowStore:
    """
    Keeps rows by type and id; close it.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115
        self._places: dict[str, dict[str, tuple[int, int]]] = {}
        self._end = 0

    def __enter__(self) -> RowStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def put(self, type_: str, identity: str, row: Row) -> None:
        """
        Keep a row; one that is already there is replaced.
        """
        packed = marshal.dumps(row, 2)
        self._file.seek(self._end)
        self._file.write(packed)
        self._places.setdefault(type_, {})[identity.lower()] = (self._end, len(packed))
        self._end += len(packed)

    def count(self, type_: str) -> int:
        """
        Return how many rows of a type there are.
        """
        return len(self._places.get(type_, ()))

    def chunks(self, type_: str) -> Iterator[list[Row]]:
        """
        Yield the rows of a type in lists, in the order they were put.
        """
        chunk: list[Row] = []
        for start, size in self._places.get(type_, {}).values():
            self._file.seek(start)
            row: Any = marshal.loads(self._file.read(size))  # noqa: S302 - written by this very process
            chunk.append(row)
            if len(chunk) == _CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk
