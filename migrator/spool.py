"""
Rows as they came, in a private temporary file, so that the read transaction and the maintenance window are short.

Secrets in it are still under the server's master key. The file has no name from the start; it is gone when the
process is. Nothing here knows what a row means.
"""

from __future__ import annotations

import marshal
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

from migrator.sql.rows import SPACE_COLUMN, Row, Table

# Version 2 has no back references, so equal rows give equal bytes.
_MARSHAL = 2
_BUFFER = 1 << 20


class Head(NamedTuple):
    """
    What is needed of a row before its body is: its id, its owner's id, its space's id, its name.
    """

    id: str
    owner: str | None
    space: str | None
    name: str | None


@dataclass
class SpooledTable:
    """
    One table's rows in the spool; ``frames`` are places in the file.
    """

    table: Table
    count: int = 0
    frames: list[tuple[int, int, int]] = field(default_factory=list)


class Spool:
    """
    A temporary file of rows, written once and read in order; close it.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=directory, buffering=_BUFFER)  # noqa: SIM115
        self._end = 0
        self.tables: list[SpooledTable] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def begin(self, table: Table) -> SpooledTable:
        """
        Start a table; the rows added next belong to it.
        """
        self.tables.append(SpooledTable(table))
        return self.tables[-1]

    def add(self, rows: Sequence[Row]) -> None:
        """
        Append a batch of rows.

        Raises:
            OSError: the disk is full.
        """
        current = self.tables[-1]
        heads = marshal.dumps(list(map(_head_of(current.table), rows)), _MARSHAL)
        blobs = [marshal.dumps(row, _MARSHAL) for row in rows]
        sizes = array("I", map(len, blobs)).tobytes()
        body = b"".join((heads, sizes, *blobs))
        self._file.write(body)
        current.frames.append((len(heads), len(rows), len(body)))
        current.count += len(rows)

    def rows(self, position: int) -> Iterator[tuple[Head, memoryview]]:
        """
        Yield head and packed row of every row of the table at *position*, in the order they came.
        """
        self._file.seek(sum(frame[2] for item in self.tables[:position] for frame in item.frames))
        for head_size, count, size in list(self.tables[position].frames):
            frame = memoryview(self._file.read(size))
            heads = marshal.loads(frame[:head_size])  # noqa: S302 - written by this very process
            sizes = array("I", bytes(frame[head_size : head_size + 4 * count]))
            at = head_size + 4 * count
            for head, length in zip(heads, sizes, strict=True):
                yield Head(*head), frame[at : at + length]
                at += length

    @staticmethod
    def unpack(packed: memoryview) -> Row:
        """
        Return the row of a packed one.
        """
        row: Row = marshal.loads(packed)  # noqa: S302 - written by this very process
        return row


def _head_of(table: Table) -> Any:
    positions = [
        table.id_position,
        table.position(table.map.owner),
        table.position(SPACE_COLUMN),
        table.position(table.map.name_property),
    ]
    if all(position is not None for position in positions):
        return itemgetter(*positions)
    known = [(index, position) for index, position in enumerate(positions) if position is not None]

    def head(row: Row) -> tuple[Any, ...]:
        values: list[Any] = [None, None, None, None]
        for index, position in known:
            values[index] = row[position]
        return tuple(values)

    return head
