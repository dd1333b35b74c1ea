"""
Rows as they came, in a private temporary file, so that the read transaction and the maintenance window are short.

Secrets in it are still under the server's master key. The file has no name from the start; it is gone when the
process is. Nothing here knows what a row means.
"""

from __future__ import annotations

import marshal
import os
import tempfile
import threading
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

from migrator.sql.rows import SPACE_COLUMN, Row, Table

# Version 2 has no back references, so equal rows give equal bytes.
_MARSHAL = 2
_IN_MEMORY = 32 << 20
_ENOUGH = 24 << 20
_VECTOR = 1000
_WHOLE, _TEXT, _BYTES = 0, 1, 2
_KINDS: dict[type, int] = {str: _TEXT, bytes: _BYTES}

Packed = tuple[memoryview, memoryview, int]
"""A row in the spool: its columns without the last, the last column's bytes, and how they go together."""

RawHead = tuple[Any, Any, Any, Any]


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

    Rows are packed and written by a thread of its own, so that the read, which a maintenance window covers, does not
    wait for the disk; at most about 32 MB of rows wait in memory.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115
        self.tables: list[SpooledTable] = []
        self._waiting: deque[tuple[SpooledTable, Sequence[Row], int]] = deque()
        self._size = 0
        self._ending = False
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self._writer: threading.Thread | None = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()
        self._stop_writer()
        self._file.close()

    def begin(self, table: Table) -> SpooledTable:
        """
        Start a table; the rows added next belong to it.
        """
        self.tables.append(SpooledTable(table))
        return self.tables[-1]

    def add(self, rows: Sequence[Row]) -> None:
        """
        Hand over a batch of rows; waits while too much is on its way to the disk.

        Raises:
            OSError: the disk is full.
        """
        current = self.tables[-1]
        current.count += len(rows)
        size = _weight(current.table, rows)
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_waiting, name="spool", daemon=True)
            self._writer.start()
        with self._changed:
            while self._size > _IN_MEMORY and self._error is None:
                self._changed.wait()
            if self._error is not None:
                raise self._error
            self._waiting.append((current, rows, size))
            self._size += size
            self._changed.notify_all()

    def finish(self) -> None:
        """
        Wait until every row is in the file; call it before the rows are read.

        Raises:
            OSError: the disk is full.
        """
        self._stop_writer()
        if self._error is not None:
            raise self._error

    def _stop_writer(self) -> None:
        if self._writer is not None:
            with self._changed:
                self._ending = True
                self._waiting.append(_END)
                self._changed.notify_all()
            self._writer.join()
            self._ending = False
            self._writer = None

    def _write_waiting(self) -> None:
        while True:
            with self._changed:
                # While the read goes on, this thread only takes what memory cannot hold: both want the interpreter.
                while not self._waiting or (self._size < _ENOUGH and not self._ending):
                    self._changed.wait()
                item = self._waiting.popleft()
            if item is _END:
                return
            table, rows, size = item
            try:
                self._write(table, rows)
            except Exception as error:
                # Whatever it is, the reading thread waits for this one and must learn of it.
                self._error = error
            del item, rows
            with self._changed:
                self._size -= size
                self._changed.notify_all()

    def _write(self, current: SpooledTable, rows: Sequence[Row]) -> None:
        if self._error is not None:
            return
        heads = marshal.dumps(list(map(_head_of(current.table), rows)), _MARSHAL)
        rest, bodies, kinds = _split(rows)
        sizes = array("I", [*map(len, rest), *map(len, bodies)]).tobytes()
        pieces = [heads, kinds, sizes, *rest, *(body for body in bodies if body)]
        current.frames.append((len(heads), len(rows), sum(map(len, pieces))))
        for start in range(0, len(pieces), _VECTOR):
            _write_all(self._file.fileno(), pieces[start : start + _VECTOR])

    def rows(self, position: int) -> Iterator[tuple[RawHead, Packed]]:
        """
        Yield head (in the order of ``Head``'s fields) and packed row of every row of a table, in the order they came.
        """
        self.finish()
        self._file.seek(sum(frame[2] for item in self.tables[:position] for frame in item.frames))
        for head_size, count, size in list(self.tables[position].frames):
            frame = memoryview(_exactly(self._file, size))
            heads = marshal.loads(frame[:head_size])  # noqa: S302 - written by this very process
            kinds = bytes(frame[head_size : head_size + count])
            at = head_size + 9 * count
            sizes = array("I", bytes(frame[head_size + count : at]))
            body_at = at + sum(sizes[:count])
            for index in range(count):
                end, body_end = at + sizes[index], body_at + sizes[count + index]
                yield heads[index], (frame[at:end], frame[body_at:body_end], kinds[index])
                at, body_at = end, body_end

    @staticmethod
    def unpack(packed: Packed) -> Row:
        """
        Return the row of a packed one.
        """
        rest: Row = marshal.loads(packed[0])  # noqa: S302 - written by this very process
        if packed[2] == _WHOLE:
            return rest
        body = bytes(packed[1])
        return (*rest, body if packed[2] == _BYTES else body.decode("utf-8", "surrogatepass"))


def _split(rows: Sequence[Row]) -> tuple[list[bytes], list[bytes], bytes]:
    """
    Return each row without its last column, that column's bytes, and how it is to be put together again.

    The last column is the body where there is one; it is by far the largest, so it is not packed twice.
    """
    last = [row[-1] for row in rows]
    kinds = bytes([_KINDS.get(type(body), _WHOLE) for body in last])
    if kinds.count(_TEXT) == len(kinds):
        return [marshal.dumps(row[:-1], _MARSHAL) for row in rows], _encoded(last), kinds
    rest = [marshal.dumps(row if kind == _WHOLE else row[:-1], _MARSHAL) for row, kind in zip(rows, kinds, strict=True)]
    bodies = [
        b"" if kind == _WHOLE else body if kind == _BYTES else _encoded([body])[0]
        for body, kind in zip(last, kinds, strict=True)
    ]
    return rest, bodies, kinds


def _encoded(texts: list[str]) -> list[bytes]:
    try:
        return [text.encode() for text in texts]
    except UnicodeEncodeError:
        return [text.encode("utf-8", "surrogatepass") for text in texts]


def _write_all(handle: int, pieces: list[bytes]) -> None:
    total = sum(map(len, pieces))
    written = os.writev(handle, pieces)
    if written < total:
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(handle, rest) :]


def _exactly(file: IO[bytes], size: int) -> bytes:
    content: bytes = file.read(size)
    while len(content) < size:
        more = file.read(size - len(content))
        if not more:
            raise OSError("the spool ended before its time")
        content += more
    return content


_END: Any = (None, (), 0)


def _weight(table: Table, rows: Sequence[Row]) -> int:
    """
    Return about how many bytes rows take in memory.
    """
    try:
        bodies = sum(map(len, filter(None, map(itemgetter(-1), rows)))) if table.has_body else 0
    except TypeError:
        bodies = 0  # A body that is neither text nor bytes: small, and its document will be told as unreadable.
    return 600 * len(rows) + bodies


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
