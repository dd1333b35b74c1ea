"""
Rows as they came, in a private temporary file, so that the read transaction and the maintenance window are short.

Secrets in it are still under the server's master key. The file has no name from the start; it is gone when the
process is. Nothing here knows what a row means.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import tempfile
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

from migrator.sql.rows import SPACE_COLUMN, Row, Table

# Version 2 has no back references, so equal rows give equal bytes.
_MARSHAL = 2
_IN_MEMORY = 16 << 20
# Handed to the writing thread at once: each hand-over makes both threads wait for the interpreter.
_CHUNK = 4 << 20
_PIECES = 512
"""Linux refuses more than 1024 pieces in one call; a batch adds four at most."""
_WHOLE, _TEXT, _BYTES, _OTHER = 0, 1, 2, 3
_KINDS: dict[type, int] = {type(None): _WHOLE, str: _TEXT, bytes: _BYTES}
_DIGEST = 16

RawHead = tuple[Any, Any, Any, Any]


class Packed(NamedTuple):
    """
    A row in the spool: its columns but for the body, the body's bytes, and what these are.
    """

    columns: Row
    body: memoryview
    kind: int

    def whole(self, context: bytes = b"") -> bytes:
        """
        Return the row and *context* as bytes; only what is equal gives equal bytes.
        """
        return b"".join((marshal.dumps((self.kind, self.columns, context), _MARSHAL), self.body))

    def holds(self, *marks: bytes) -> bool:
        """
        Return whether any of *marks* may stand in the row; a body that is not text always may hold them.
        """
        if self.kind not in (_WHOLE, _TEXT):
            return True
        content = self.whole()
        return any(mark in content for mark in marks)


class Head(NamedTuple):
    """
    What is needed of a row before its body is: its id, its owner's id, its space's id, its name.
    """

    id: str
    owner: str | None
    space: str | None
    name: str | None


class _Frame(NamedTuple):
    """
    A batch of rows in the file: how many, and the sizes of its parts.
    """

    rows: int
    columns: int
    size: int


@dataclass
class SpooledTable:
    """
    One table's rows in the spool; ``hash`` grows as they are written.
    """

    table: Table
    count: int = 0
    frames: list[_Frame] = field(default_factory=list)
    hash: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=_DIGEST), repr=False)


class Spool:
    """
    A temporary file of rows, written once and read in order; close it.

    A batch is packed when it is handed over, since that is quick; a thread writes and hashes it, which needs no
    interpreter, so the read, which a maintenance window covers, does not wait for the disk. At most about 20 MB of rows
    wait in memory.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory
        # Without Python's buffer: pieces are large already, and another copy of them would be all that it adds.
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115
        self.tables: list[SpooledTable] = []
        self._pieces: list[bytes] = []
        self._pending = 0
        self._waiting: deque[tuple[SpooledTable, list[bytes], int] | None] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self._writer: threading.Thread | None = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._changed:
            self._waiting.clear()
        self._stop_writer()
        self._file.close()

    def clear(self) -> None:
        """
        Forget everything, for a read that begins anew.
        """
        self.finish()
        self.tables.clear()
        self._file.seek(0)
        self._file.truncate()

    def begin(self, table: Table) -> SpooledTable:
        """
        Start a table; the rows added next belong to it.
        """
        self._hand_over()
        self.tables.append(SpooledTable(table))
        return self.tables[-1]

    def add(self, rows: Sequence[Row]) -> None:
        """
        Hand over a batch of rows; waits while too much is on its way to the disk.

        Raises:
            OSError: the disk is full.
            ValueError: a value is of a kind that no driver gives.
        """
        if not rows:
            return
        current = self.tables[-1]
        pieces = _packed(current.table, rows)
        size = sum(map(len, pieces))
        current.count += len(rows)
        current.frames.append(_Frame(len(rows), len(pieces[0]), size))
        self._pieces += pieces
        self._pending += size
        if self._pending >= _CHUNK or len(self._pieces) >= _PIECES:
            self._hand_over()

    def _hand_over(self) -> None:
        if not self._pieces:
            return
        if self._writer is None:
            writer = threading.Thread(target=self._write_waiting, name="spool", daemon=True)
            writer.start()
            # Only then: a thread that the system does not allow is not waited for.
            self._writer = writer
        with self._changed:
            while self._size > _IN_MEMORY and self._error is None:
                self._changed.wait()
            if self._error is not None:
                raise self._error
            self._waiting.append((self.tables[-1], self._pieces, self._pending))
            self._size += self._pending
            self._changed.notify_all()
        self._pieces, self._pending = [], 0

    def finish(self) -> None:
        """
        Wait until every row is in the file; call it before the rows are read.

        Raises:
            OSError: the disk is full.
        """
        if self._error is None:
            self._hand_over()
        self._stop_writer()
        if self._error is not None:
            raise self._error

    def _stop_writer(self) -> None:
        if self._writer is not None:
            with self._changed:
                self._waiting.append(None)
                self._changed.notify_all()
            self._writer.join()
            self._writer = None

    def _write_waiting(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                item = self._waiting.popleft()
            if item is None:
                return
            table, pieces, size = item
            try:
                # It goes on taking what comes after a failure, else the reading thread would wait for room for ever.
                if self._error is None:
                    _write_all(self._file.fileno(), pieces)
                    for piece in pieces:
                        table.hash.update(piece)
            except Exception as error:
                # Whatever it is, the reading thread waits for this one and must learn of it.
                self._error = error
            # Let go before room is announced, or twice as much would be in memory.
            del item, pieces
            with self._changed:
                self._size -= size
                self._changed.notify_all()

    def digest(self, position: int) -> bytes:
        """
        Return a hash of a table's columns and of its rows in the order they came.
        """
        self.finish()
        item = self.tables[position]
        done = item.hash.copy()
        # The columns' names too: equal values under other names are another table.
        done.update(repr((item.table.name, item.table.columns, item.count)).encode("utf-8", "surrogatepass"))
        found: bytes = done.digest()
        return found

    def rows(self, position: int, wanted: bytearray | None = None) -> Iterator[tuple[int, RawHead, Packed]]:
        """
        Yield a table's rows in the order they came: position, head (in the order of ``Head``'s fields), packed row.

        With *wanted*, a flag for each row, only those whose flag is set; the others cost next to nothing.
        """
        self.finish()
        begin = sum(frame.size for item in self.tables[:position] for frame in item.frames)
        head_of, first = _head_of(self.tables[position].table), 0
        for frame in list(self.tables[position].frames):
            flags = None if wanted is None else wanted[first : first + frame.rows]
            if flags is None or 1 in flags:
                content = memoryview(_exactly(self._file.fileno(), frame.size, begin))
                columns = marshal.loads(content[: frame.columns])  # noqa: S302 - written by this very process
                at = frame.columns + frame.rows
                kinds = bytes(content[frame.columns : at])
                # Four bytes hold any size: the server's longest values have 2 GB.
                sizes = array("I", bytes(content[at : at + 4 * frame.rows]))
                at += 4 * frame.rows
                for index, (row, kind, size) in enumerate(zip(columns, kinds, sizes, strict=True)):
                    if flags is None or flags[index]:
                        yield first + index, head_of(row), Packed(row, content[at : at + size], kind)
                    at += size
            begin += frame.size
            first += frame.rows

    @staticmethod
    def unpack(packed: Packed) -> Row:
        """
        Return the row of a packed one.
        """
        if packed.kind == _WHOLE:
            return packed.columns
        content = bytes(packed.body)
        if packed.kind == _TEXT:
            return (*packed.columns, content.decode("utf-8", "surrogatepass"))
        return (*packed.columns, content if packed.kind == _BYTES else marshal.loads(content))  # noqa: S302 - our own


def _packed(table: Table, rows: Sequence[Row]) -> list[bytes]:
    """
    Return a batch's columns, what its bodies are, their sizes, and the bodies one after the other.

    The last column is the body where there is one; it is by far the largest, so it is not packed like the others.
    """
    if not table.has_body:
        return [marshal.dumps(list(rows), _MARSHAL), bytes(5 * len(rows))]
    bodies = [row[-1] for row in rows]
    if set(map(type, bodies)) == {str}:
        columns = marshal.dumps([row[:-1] for row in rows], _MARSHAL)
        kinds = bytes([_TEXT]) * len(rows)
        joined = "".join(bodies)
        if joined.isascii():
            # Of ASCII the characters are the bytes: one text to encode in place of a hundred.
            return [columns, kinds, array("I", map(len, bodies)).tobytes(), joined.encode()]
        encoded = [body.encode("utf-8", "surrogatepass") for body in bodies]
    else:
        found = [_KINDS.get(type(body), _OTHER) for body in bodies]
        # A row without a body is packed whole: a NULL and an empty text are not the same.
        plain = [row if kind == _WHOLE else row[:-1] for row, kind in zip(rows, found, strict=True)]
        columns, kinds = marshal.dumps(plain, _MARSHAL), bytes(found)
        encoded = [_encoded(body, kind) for body, kind in zip(bodies, found, strict=True)]
    return [columns, kinds, array("I", map(len, encoded)).tobytes(), b"".join(encoded)]


def _encoded(body: Any, kind: int) -> bytes:
    if kind == _WHOLE:
        return b""
    if kind == _BYTES:
        return bytes(body)
    return body.encode("utf-8", "surrogatepass") if kind == _TEXT else marshal.dumps(body, _MARSHAL)


def _write_all(handle: int, pieces: list[bytes]) -> None:
    # One call may write less than all, as on a disk that is nearly full.
    written = os.writev(handle, pieces)
    if written < sum(map(len, pieces)):
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(handle, rest) :]


def _exactly(handle: int, size: int, begin: int) -> bytes:
    content = os.pread(handle, size, begin)
    while len(content) < size:
        more = os.pread(handle, size - len(content), begin + len(content))
        if not more:
            raise OSError("the spool ended before its time")
        content += more
    return content


def _head_of(table: Table) -> Callable[[Row], RawHead]:
    positions = [
        table.id_position,
        table.position(table.map.owner),
        table.position(SPACE_COLUMN),
        table.position(table.map.name_property),
    ]
    head: Callable[[Row], RawHead] = itemgetter(*[-1 if position is None else position for position in positions])
    return (lambda row: head((*row, None))) if None in positions else head
