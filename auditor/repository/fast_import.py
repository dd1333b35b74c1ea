"""
Files straight into a pack: one `git fast-import` per run, fed as a stream.

What comes out is compared with what was meant before anybody is given it. What it makes hangs on a private ref until
the run is decided; a run that is abandoned leaves HEAD untouched and nothing that a repack does not sweep away.
"""

from __future__ import annotations

import hashlib
import queue
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from migrator.documents.file import File, check_path
from migrator.tree.git import Git, GitError, close, end

INCOMING = "refs/auditor/incoming"
# Of a commit that nobody keeps: it carries a tree, which the run's own commit takes over.
_WHO = b"Octopus Auditor <octopus-auditor@localhost> 0 +0000"
# Large pieces, since each is handed over to another thread.
_BUFFER = 1 << 19
_WAITING = 2
_SPECIAL = re.compile(rb'[\x00-\x1f"\\\x7f]')


def blob_id(content: bytes, algorithm: str = "sha1") -> bytes:
    """
    Return the id that git gives to a file's content.
    """
    # git's own object format, not a protection of anything.
    digest = hashlib.new(algorithm, b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.digest()


class FastImport:
    """
    A stream of changes on top of a commit; started at the first change, so that no change costs no process.
    """

    def __init__(self, git: Git, base: str | None, check: Callable[[], None]) -> None:
        self._git = git
        self._base = base
        self._check = check
        self._process: subprocess.Popen[bytes] | None = None
        self._feeder: _Feeder | None = None
        self._pending: list[bytes] = []
        self._size = 0
        # Hashes of paths with their blobs, since there may be hundreds of thousands.
        self._written: set[int] = set()
        self._deleted: set[bytes] = set()

    @property
    def started(self) -> bool:
        """
        Return whether anything was changed.
        """
        return self._process is not None

    def write(self, file: File, blob: bytes | None = None) -> None:
        """
        Put a file into the tree; *blob* is its id, where it is known already.

        Raises:
            OperatorError: the path is not safe.
        """
        check_path(file.path)
        path = file.path.encode()
        self._put(b"M 100644 inline %s\ndata %d\n" % (_quoted(path), len(file.content)), file.content, b"\n")
        self._written.add(hash((path, blob or blob_id(file.content, self._algorithm))))

    def delete(self, path: str) -> None:
        """
        Take a file out of the tree, whatever it is called.
        """
        raw = path.encode("utf-8", "surrogateescape")
        self._put(b"D %s\n" % _quoted(raw))
        self._deleted.add(raw)

    @cached_property
    def _algorithm(self) -> str:
        return self._git.run("rev-parse", "--show-object-format")

    def finish(self) -> str:
        """
        End the stream and return the id of the new tree.

        Raises:
            GitError: git could not keep it, as on a full disk, or made another tree than was meant.
        """
        # With --done git takes a stream without this word for one that broke off, and keeps nothing of it.
        self._put(b"done\n")
        self._flush()
        assert self._feeder is not None
        self._feeder.finish()
        if self._feeder.failed:
            self._broken()
        process, self._process = self._process, None
        assert process is not None
        close(process, "fast-import")
        tree = self._git.run("rev-parse", "--verify", "--quiet", f"{INCOMING}^{{tree}}")
        self._compare(tree)
        return tree

    def _compare(self, tree: str) -> None:
        """
        Raise ``GitError`` unless a tree differs from the base by exactly what was written and deleted.
        """
        written, deleted = set(self._written), set(self._deleted)
        for path, file in self._differences(tree):
            if file is None and path in deleted:
                deleted.remove(path)
            elif file is not None and (met := hash((path, file))) in written:
                written.remove(met)
            else:
                raise _other(path)
        if written or deleted:
            # What stood there already as it was to be, as where two documents swap their names, makes no difference.
            for path, file in self._files(tree):
                written.discard(hash((path, file)))
                if path in deleted:
                    raise _other(path)
            if written:
                raise _other(b"")

    def _differences(self, tree: str) -> Iterator[tuple[bytes, bytes | None]]:
        if self._base is None:
            yield from self._files(tree)
            return
        pieces = self._git.lines("diff-tree", "-r", "-z", "--raw", "--no-renames", self._base, tree)
        for about in pieces:
            if about:
                _, mode, _, blob, _ = about.split()
                file = None if mode == b"000000" else b"" if mode != b"100644" else bytes.fromhex(blob.decode())
                yield next(pieces), file

    def _files(self, tree: str) -> Iterator[tuple[bytes, bytes]]:
        for line in self._git.lines("ls-tree", "-r", "-z", "--full-tree", tree):
            if line:
                about, _, path = line.partition(b"\t")
                yield path, bytes.fromhex(about.split()[2].decode())

    def abandon(self) -> None:
        """
        End the stream without keeping anything.
        """
        if self._process is not None:
            # Killed first, so that the feeder does not wait for a git that is behind.
            self._process.kill()
            if self._feeder is not None:
                self._feeder.finish()
            end(self._process)
            self._process = None

    def _put(self, *pieces: bytes) -> None:
        if self._process is None:
            self._start()
        self._pending += pieces
        self._size += sum(map(len, pieces))
        if self._size >= _BUFFER:
            self._check()
            self._flush()

    def _start(self) -> None:
        # A killed run's: fast-import does not move a ref to a commit that lacks the old one.
        if self._git.succeeds("rev-parse", "--verify", "--quiet", INCOMING):
            self._git.run("update-ref", "-d", INCOMING)
        self._process = self._git.start("fast-import", "--quiet", "--done", "--date-format=raw", "--depth=10")
        self._feeder = _Feeder(self._process.stdin)
        self._feeder.start()
        head = b"commit %s\ncommitter %s\ndata 8\nincoming\n" % (INCOMING.encode(), _WHO)
        self._pending.append(head + (b"from %s\n" % self._base.encode() if self._base else b""))

    def _flush(self) -> None:
        assert self._feeder is not None
        self._feeder.put(b"".join(self._pending))
        self._pending, self._size = [], 0
        if self._feeder.failed:
            self._broken()

    def _broken(self) -> None:
        assert self._process is not None and self._feeder is not None
        process, self._process = self._process, None
        self._feeder.finish()
        close(process, "fast-import")
        # Mostly git said why, and that was raised; here it ended in silence.
        raise GitError("git fast-import ended before its time; is the disk full?")


class _Feeder(threading.Thread):
    """
    Writes to git while the next files are rendered; a few chunks wait at most.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(name="fast-import", daemon=True)
        self.failed = False
        self._stream = stream
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_WAITING)

    def put(self, chunk: bytes) -> None:
        """
        Hand over a chunk; waits while git is behind.
        """
        self._chunks.put(chunk)

    def finish(self) -> None:
        """
        Wait until everything is written, or could not be.
        """
        if self.is_alive():
            self._chunks.put(None)
            self.join()

    def run(self) -> None:
        """
        Write until the end; after an error only take what comes, so that nobody waits for ever.
        """
        while (chunk := self._chunks.get()) is not None:
            if not self.failed:
                try:
                    self._stream.write(chunk)
                    self._stream.flush()
                except (OSError, ValueError):
                    self.failed = True


def _quoted(path: bytes) -> bytes:
    # As git itself quotes: a line end in it would end the command, and what follows would be another one.
    return b'"%s"' % _SPECIAL.sub(lambda found: b"\\%03o" % found[0][0], path)


def _other(path: bytes) -> GitError:
    where = f" at {path.decode('utf-8', 'replace')!r}" if path else ""
    return GitError(
        f"git made another tree than this run meant to write{where}; nothing was committed. Run `auditor once --full`, "
        "and report it if that does not help"
    )
