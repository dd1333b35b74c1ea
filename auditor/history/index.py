"""
The index over a repository's history: commits, documents, records, names over time, texts. SQLite, derived, disposable.

Filled when a commit is made, caught up when asked, made anew from git alone when it is of another version or damaged,
or the history was rewritten; so a question never walks the history. Secrets are not in it, not even sealed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from auditor.changes.records import Element, Record, spelled
from auditor.history.names import OldNames, names_in
from auditor.history.objects import MOST_AHEAD
from auditor.history.reader import Changed, Commit, Reader, Touched, open_reader
from auditor.history.telling import Told, tell
from auditor.history.words import Connection, fits, text_of
from migrator.errors import OperatorError
from migrator.tree.git import Git

VERSION = 2
BATCH = 2000
MOST_PUT_OFF = 8_000_000
"""How many characters of documents wait to be written."""
NO_RECORDS_OVER = 20_000
"""A commit of more documents, as the first one, is indexed without the words of each record."""

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commits (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tree TEXT NOT NULL, authored INTEGER NOT NULL,
  committed INTEGER NOT NULL, author TEXT NOT NULL, email TEXT NOT NULL, subject TEXT NOT NULL, run TEXT NOT NULL,
  server TEXT NOT NULL, complete INTEGER NOT NULL, documents INTEGER NOT NULL, trailers TEXT NOT NULL);
CREATE INDEX commits_time ON commits (committed);
CREATE TABLE documents (
  doc INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL,
  gone INTEGER NOT NULL, UNIQUE (type, id));
CREATE INDEX documents_id ON documents (id);
CREATE TABLE versions (
  doc INTEGER NOT NULL, seq INTEGER NOT NULL, path TEXT NOT NULL, blob TEXT NOT NULL, name TEXT NOT NULL,
  owner TEXT NOT NULL, space TEXT NOT NULL, PRIMARY KEY (doc, seq)) WITHOUT ROWID;
CREATE INDEX versions_seq ON versions (seq);
CREATE INDEX versions_name ON versions (name COLLATE NOCASE);
CREATE TABLE names (
  id TEXT NOT NULL COLLATE NOCASE, seq INTEGER NOT NULL, name TEXT, PRIMARY KEY (id, seq)) WITHOUT ROWID;
CREATE INDEX names_name ON names (name COLLATE NOCASE);
CREATE TABLE records (
  rec INTEGER PRIMARY KEY, seq INTEGER NOT NULL, doc INTEGER NOT NULL, element TEXT NOT NULL, path TEXT NOT NULL,
  op TEXT NOT NULL, name TEXT NOT NULL, secret TEXT NOT NULL, weight INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX records_doc ON records (doc, element, seq);
CREATE INDEX records_seq ON records (seq);
CREATE VIRTUAL TABLE now USING fts5 (text, tokenize = 'trigram');
CREATE VIRTUAL TABLE ever USING fts5 (text, tokenize = 'trigram');
"""


class Unindexed(OperatorError):
    """
    The index cannot be read or written, for a reason that making it anew does not mend.
    """


class Index:
    """
    The index of one repository, open for one command or run.

    Raises (from every method that reads git): GitError.
    """

    def __init__(self, path: Path, git: Git, say: Callable[[str], None] = lambda text: None) -> None:
        self._path, self._git, self._say = path, git, say
        self._db = self._opened()
        self._words: dict[int, str | None] = {}
        self._size = 0

    def __enter__(self) -> Index:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(sqlite3.Error):
            self._db.rollback()
        with suppress(sqlite3.Error):
            self._db.close()

    @property
    def db(self) -> sqlite3.Connection:
        """
        Return the open database, for questions.
        """
        return self._db

    def _opened(self) -> sqlite3.Connection:
        if not self._path.exists():
            return self._made()
        try:
            db = _connected(self._path)
            found = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
            if found is not None and found[0] == str(VERSION):
                return db
            db.close()
            self._say("the index is of another version of this program and is made anew")
        except sqlite3.OperationalError as error:
            # A file that was just made has none, and is worth no word.
            if "no such table" not in str(error):
                self._say(f"the index cannot be read ({error}) and is made anew")
        except sqlite3.DatabaseError as error:
            self._say(f"the index is damaged ({error}) and is made anew")
        return self._made()

    def _made(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            remove(self._path)
            db = _connected(self._path)
            self._path.chmod(0o600)
            db.executescript(_SCHEMA)
            db.execute("INSERT INTO meta VALUES ('version', ?)", (str(VERSION),))
            db.commit()
        except (OSError, sqlite3.Error) as error:
            raise Unindexed(f"the index {self._path} cannot be written ({error}); is the disk full?") from None
        return db

    def head(self) -> str | None:
        """
        Return the newest commit it knows.
        """
        found = self._db.execute("SELECT id FROM commits ORDER BY seq DESC LIMIT 1").fetchone()
        return found[0] if found else None

    def seq(self, commit: str) -> int | None:
        """
        Return a commit's number in the order of history, ``None`` where it is not on the branch.
        """
        found = self._db.execute("SELECT seq FROM commits WHERE id = ?", (commit,)).fetchone()
        return found[0] if found else None

    def names(self, seq: int) -> OldNames:
        """
        Return what ids were called after the commit of that number.
        """
        return OldNames(self._db, seq)

    def catch_up(self, head: str, progress: Callable[[int], None] = lambda count: None) -> int:
        """
        Take in every commit up to *head* that is not in it yet, and return how many those were.
        """
        known = self.head()
        if known == head:
            return 0
        if known is not None and not self._git.succeeds("merge-base", "--is-ancestor", known, head):
            self._say("the history was rewritten since the index was made; it is made anew")
            self._db.close()
            self._db, known = self._made(), None
        count = 0
        with open_reader(self._git) as reader:
            last = self._last_tree() or reader.empty_tree()
            for commit, touched in _ahead(reader, reader.commits(*([f"{known}..{head}"] if known else [head]))):
                small = len(touched) <= NO_RECORDS_OVER and last != reader.empty_tree()
                self._take(commit, reader.documents(touched, last, commit.tree), small)
                last = commit.tree
                count += 1
                # So that a long way is not gone again from its beginning when it is cut short.
                if count % BATCH == 0:
                    self._settle()
                    progress(count)
        self._settle()
        return count

    def _settle(self) -> None:
        self._put_words()
        self._db.commit()

    def _put_words(self) -> None:
        """
        Write what stands in documents now; put off till here, since the next commit may change the same one again.
        """
        self._db.executemany("DELETE FROM now WHERE rowid = ?", [(doc,) for doc in self._words])
        self._db.executemany(
            "INSERT INTO now (rowid, text) VALUES (?, ?)", [item for item in self._words.items() if item[1] is not None]
        )
        self._words, self._size = {}, 0

    def _last_tree(self) -> str | None:
        found = self._db.execute("SELECT tree FROM commits ORDER BY seq DESC LIMIT 1").fetchone()
        return found[0] if found else None

    def keep_up(self, head: str, told: Told) -> None:
        """
        Take in the newest commit, of which *told* is what changed; the index must stand at its parent.
        """
        with open_reader(self._git) as reader:
            for commit, _ in reader.commits(f"{self.head()}..{head}"):
                self._take(commit, told.found, True)
        self._settle()

    def _take(self, commit: Commit, found: Iterable[Changed], small: bool) -> None:
        seq = (self._db.execute("SELECT MAX(seq) FROM commits").fetchone()[0] or 0) + 1
        count = 0
        for changed in found:
            count += 1
            self._keep(seq, changed, small)
        run, server = commit.trailer("Run") or "", commit.trailer("Server") or ""
        self._db.execute(
            "INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                seq,
                commit.id,
                commit.tree,
                commit.authored,
                commit.committed,
                commit.author,
                commit.author_email,
                commit.subject,
                run,
                server,
                _is_complete(run),
                count,
                json.dumps(commit.trailers),
            ),
        )

    def _keep(self, seq: int, changed: Changed, records: bool) -> None:
        change, db = changed.change, self._db
        subject = change.subject
        doc = self._document(subject.type, subject.id, subject.name, changed.new is None)
        side = changed.new
        db.execute(
            "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                doc,
                seq,
                # A file that somebody committed by hand may be called anything.
                side.path.encode("utf-8", "replace").decode() if side else "",
                side.blob if side else "",
                subject.name,
                subject.owner or "",
                subject.space or "",
            ),
        )
        db.executemany(
            "INSERT OR REPLACE INTO names VALUES (?, ?, ?)",
            [(identity, seq, name) for identity, name in names_in(changed)],
        )
        text = text_of(side.body) if side is not None else None
        self._words[doc] = text
        self._size += len(text or "")
        if self._size > MOST_PUT_OFF:
            self._put_words()
        if records:
            for record in change.records:
                self._keep_record(seq, doc, record)

    def _keep_record(self, seq: int, doc: int, record: Record) -> None:
        steps = record.path
        end = next((index + 1 for index, step in enumerate(steps) if isinstance(step, Element)), 0)
        name = record.identity.name if record.identity and record.identity.name else ""
        # In ASCII, since a value may hold half a surrogate, which SQLite does not take.
        body = json.dumps(record.as_json(), ensure_ascii=True)
        cursor = self._db.execute(
            "INSERT INTO records (seq, doc, element, path, op, name, secret, weight, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                seq,
                doc,
                spelled(steps[:end]),
                spelled(steps),
                record.op.value,
                name,
                record.secret.value if record.secret else "",
                int(record.weight),
                body,
            ),
        )
        # What it is now stands in the other table; here is what it was.
        text = text_of(record.before) if record.secret is None and not record.order else ""
        if text:
            self._db.execute("INSERT INTO ever (rowid, text) VALUES (?, ?)", (cursor.lastrowid, text))

    def _document(self, type_: str, identity: str, name: str, gone: bool) -> int:
        found = self._db.execute(
            "INSERT INTO documents (type, id, name, gone) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (type, id) DO UPDATE SET name = excluded.name, gone = excluded.gone RETURNING doc",
            (type_, identity, name, gone),
        ).fetchone()
        return int(found[0])

    def told(self, old_tree: str | None, new_tree: str, seq: int) -> Told:
        """
        Return what differs between two trees; *seq* is the number of the older one's commit, 0 where there is none.
        """
        found = tell(self._git, old_tree, new_tree, self.names(seq))
        assert found is not None  # Without a limit it always is.
        return found


def _is_complete(run: str) -> bool:
    """
    Return whether a commit's tree is a state that the server really had: the last of its run's.
    """
    _, _, part = run.partition(" ")
    number, _, count = part.partition("/")
    return not count or number == count


def _ahead(reader: Reader, commits: Iterable[tuple[Commit, list[Touched]]]) -> Iterator[tuple[Commit, list[Touched]]]:
    """
    Yield the commits, with what a handful of them hold read at once.
    """
    some: list[tuple[Commit, list[Touched]]] = []
    waiting = 0
    for item in commits:
        some.append(item)
        waiting += len(item[1])
        # Each has two sides.
        if waiting >= MOST_AHEAD // 2:
            reader.fetch(touched for _, each in some for touched in each)
            yield from some
            some, waiting = [], 0
    reader.fetch(touched for _, each in some for touched in each)
    yield from some


def _connected(path: Path) -> sqlite3.Connection:
    # Another command may be catching up on it.
    db = sqlite3.connect(path, timeout=30, factory=Connection)
    # SQLite's own comparison is blind to case in ASCII alone, and names are in any script.
    db.create_function("fits", 2, fits, deterministic=True)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def remove(path: Path) -> None:
    """
    Remove an index with what SQLite keeps beside it, if it is there.

    Raises:
        OSError: it cannot be removed.
    """
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def check(path: Path, git: Git, head: str) -> list[str]:
    """
    Compare an index with one made anew from git, and return what differs, at most ten lines.
    """
    fresh = path.with_name(f"{path.name}.check")
    with Index(path, git) as mine, Index(fresh, git) as other:
        mine.catch_up(head)
        other.catch_up(head)
        found = []
        for table, columns in (("commits", "id, documents"), ("documents", "type, id, name, gone")):
            a, b = (
                set(index.db.execute(f"SELECT {columns} FROM {table}"))  # noqa: S608 - names from this file
                for index in (mine, other)
            )
            found += [f"{table}: {row} is in one only" for row in sorted(a ^ b)[:10]]
    with suppress(OSError):
        remove(fresh)
    return found[:10]
