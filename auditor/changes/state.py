"""
The first level of change detection: what each row was when HEAD was made. The only user of sqlite3 here.

It counts only while its commit is HEAD and everything else that files depend on is the same. Losing it costs time,
never truth: below it are git's own blob ids.
"""

from __future__ import annotations

import marshal
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from migrator.documents.canonical_json import is_utf8
from migrator.documents.document import DocumentId
from migrator.errors import OperatorError
from migrator.secrets.exposed import Finding

Files = tuple[tuple[str, bytes], ...]
"""Paths and blob ids of one document's files."""


class StateRow(NamedTuple):
    """
    What is remembered of a row: its table and id, its hash, its document's name and files.
    """

    table: str
    id: str
    hash: bytes
    name: str
    files: Files


class Whole(NamedTuple):
    """
    A table as it was read: a hash of its rows in their order and of what else their files depend on; its documents.
    """

    table: str
    hash: bytes
    documents: int


_SCHEMA = """
DROP TABLE IF EXISTS head;
CREATE TABLE IF NOT EXISTS made (one INTEGER PRIMARY KEY CHECK (one = 1), made_on TEXT NOT NULL,
  files INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS row (
  tbl TEXT NOT NULL, id TEXT NOT NULL, hash BLOB NOT NULL, name TEXT NOT NULL, files BLOB NOT NULL,
  PRIMARY KEY (tbl, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS finding (
  tbl TEXT NOT NULL, id TEXT NOT NULL, broken INTEGER NOT NULL, places BLOB NOT NULL, PRIMARY KEY (tbl, id));
CREATE TABLE IF NOT EXISTS secrets (one INTEGER PRIMARY KEY CHECK (one = 1), digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS whole (tbl TEXT PRIMARY KEY, hash BLOB NOT NULL, documents INTEGER NOT NULL);
"""


class StateError(OperatorError):
    """
    The state file cannot be read or written. The next run makes it anew.
    """


class State:
    """
    The state file of one repository; changes count only after ``finish``.

    A damaged file is thrown away, at the latest by the run after the one that met the damage.

    Raises (from every method):
        StateError: the disk is full, or the file was damaged meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._errors():
            self._db = _opened(path)

    def __enter__(self) -> State:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(sqlite3.Error):
            self._db.rollback()
        with suppress(sqlite3.Error):
            self._db.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError, EOFError) as error:
            # Unlinked, not closed: who has it open goes on with it, the next run begins anew.
            _remove(self._path)
            raise StateError(
                f"the state file {self._path} cannot be used ({error}); is the disk full or damaged? The next run "
                "makes it anew"
            ) from None

    def made_on(self) -> str:
        """
        Return what the state was made on (HEAD's tree and whatever else files depend on), ``""`` if it is new.
        """
        with self._errors():
            found = self._db.execute("SELECT made_on FROM made").fetchone()
        return str(found[0]) if found is not None else ""

    def clear(self) -> None:
        """
        Forget all rows.
        """
        with self._errors():
            self._db.execute("DELETE FROM row")
            self._db.execute("DELETE FROM whole")
            self._db.execute("DELETE FROM made")
            self._db.execute("DELETE FROM finding")
            self._db.execute("DELETE FROM secrets")

    def secrets(self) -> str:
        """
        Return the digest of the secrets that were known, ``""`` if none is.
        """
        with self._errors():
            found = self._db.execute("SELECT digest FROM secrets").fetchone()
        return str(found[0]) if found else ""

    def knows(self, digest: str) -> None:
        """
        Remember the digest of the secrets that are known.
        """
        with self._errors():
            self._db.execute("INSERT OR REPLACE INTO secrets VALUES (1, ?)", (digest,))

    def find(self, document: DocumentId, findings: tuple[Finding, ...], *, broken: bool = False) -> None:
        """
        Remember what a person should know of a document, in place of what was known.
        """
        with self._errors():
            if findings:
                places = marshal.dumps(tuple(tuple(item) for item in findings))
                self._db.execute(
                    "INSERT OR REPLACE INTO finding VALUES (?, ?, ?, ?)", (*_bound(document), broken, places)
                )
            else:
                self._db.execute("DELETE FROM finding WHERE tbl = ? AND id = ?", _bound(document))

    def findings(self) -> list[tuple[DocumentId, bool, tuple[Finding, ...]]]:
        """
        Return what a person should know of documents; the flag says that a secret of the document does not open.
        """
        asked = "SELECT tbl, id, broken, places FROM finding ORDER BY tbl, id"
        with self._errors():
            return [
                (DocumentId(table, _text(id_)), bool(broken), tuple(Finding(*item) for item in marshal.loads(places)))  # noqa: S302 - ours
                for table, id_, broken, places in self._db.execute(asked)
            ]

    def whole(self, table: str) -> Whole | None:
        """
        Return what a table was as a whole, ``None`` if it is not known.
        """
        with self._errors():
            found = self._db.execute("SELECT tbl, hash, documents FROM whole WHERE tbl = ?", (table,)).fetchone()
        return Whole(*found) if found else None

    def types(self) -> set[str]:
        """
        Return the tables that had rows.
        """
        found: set[str] = set()
        last = ("",)
        with self._errors():
            # From one to the next by the key: there are few tables and very many rows.
            while (last := self._db.execute("SELECT MIN(tbl) FROM row WHERE tbl > ?", last).fetchone()) != (None,):
                found.add(last[0])
        return found

    def hashes(self, table: str) -> dict[str, bytes]:
        """
        Return the hash of each row of a table.
        """
        with self._errors():
            rows = self._db.execute("SELECT id, hash FROM row WHERE tbl = ?", (table,))
            return {_text(identity): digest for identity, digest in rows}

    def counts(self) -> dict[str, int]:
        """
        Return how many rows each table had.
        """
        with self._errors():
            return dict(self._db.execute("SELECT tbl, COUNT(*) FROM row WHERE tbl <> '' GROUP BY tbl"))

    def files(self, table: str, identity: str) -> tuple[str, Files]:
        """
        Return a row's name and files (``("", ())`` if it is not known).
        """
        asked = "SELECT name, files FROM row WHERE tbl = ? AND id = ?"
        with self._errors():
            found = self._db.execute(asked, _bound((table, identity))).fetchone()
            return (_text(found[0]), marshal.loads(found[1])) if found else ("", ())  # noqa: S302 - our own file, mode 0600

    def name(self, identity: str) -> str | None:
        """
        Return the name of the document that has an id, ``None`` if there is none.

        Where several types share the id, as a user and the layout of the user's dashboard, it is the one with a name.
        """
        tables = sorted(self.types())
        asked = f"SELECT name FROM row WHERE tbl IN ({', '.join('?' * len(tables))}) AND id = ? "  # noqa: S608
        asked += "ORDER BY name = id LIMIT 1"
        with self._errors():
            found = self._db.execute(asked, (*tables, identity)).fetchone()
        return str(found[0]) if found else None

    def put(self, rows: Iterable[StateRow]) -> None:
        """
        Remember rows.
        """
        values = (
            (row.table, *_bound((row.id,)), row.hash, *_bound((row.name,)), marshal.dumps(row.files)) for row in rows
        )
        with self._errors():
            self._db.executemany("INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?)", values)

    def forget(self, rows: Iterable[tuple[str, str]]) -> None:
        """
        Forget rows: table, id.
        """
        both = [_bound(row) for row in rows]
        with self._errors():
            self._db.executemany("DELETE FROM row WHERE tbl = ? AND id = ?", both)
            self._db.executemany("DELETE FROM finding WHERE tbl = ? AND id = ?", both)

    def total_files(self) -> int:
        """
        Return how many files HEAD has.
        """
        with self._errors():
            found = self._db.execute("SELECT files FROM made").fetchone()
            return int(found[0]) if found else 0

    def finish(self, made_on: str, total_files: int, wholes: Iterable[Whole] = ()) -> None:
        """
        Make what was put and forgotten count for *made_on*, a tree of *total_files* files, and *wholes* alone as such.
        """
        with self._errors():
            self._db.execute("DELETE FROM whole")
            self._db.executemany("INSERT OR REPLACE INTO whole VALUES (?, ?, ?)", wholes)
            self._db.execute("INSERT OR REPLACE INTO made VALUES (1, ?, ?)", (made_on, total_files))
            self._db.commit()


def _bound(texts: Iterable[str]) -> tuple[str | bytes, ...]:
    # SQLite takes no half a character, but bytes it takes anywhere.
    return tuple(text if text.isascii() or is_utf8(text) else text.encode("utf-8", "surrogatepass") for text in texts)


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connected(path)
    except sqlite3.DatabaseError:
        _remove(path)
        return _connected(path)


def _remove(path: Path) -> None:
    # With its journals: left behind, they could be taken for those of the new file.
    for spare in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))):
        spare.unlink(missing_ok=True)


def _connected(path: Path) -> sqlite3.Connection:
    # SQLite itself would make a file that others may read, and names stand in it.
    path.touch(mode=0o600, exist_ok=True)
    db = sqlite3.connect(path)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # What a power cut may take is the last run's state, which costs the next one time.
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
        # SQLite notices damage only where it reads.
        with closing(db.execute("SELECT * FROM row LIMIT 1")) as cursor:
            cursor.fetchone()
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db
