"""
A repository's objects, read by one helper of git's as long as it is needed; what will be asked for is read ahead.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType

from migrator.tree.git import Git, GitError

LARGEST_BLOB = 256 * 1024 * 1024
LARGEST_HELD = 1024 * 1024
MOST_HELD = 32 * 1024 * 1024
MOST_AHEAD = 500
"""So many ids fit into a pipe, so that neither side waits for the other."""


class Blobs:
    """
    A repository's objects, read through one ``git cat-file`` as long as the block.

    Raises (from ``read``):
        GitError: git ended before its time.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: subprocess.Popen[bytes] | None = None
        self._held: dict[str, bytes] = {}
        self._size = 0

    def __enter__(self) -> Blobs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()

    def read(self, name: str) -> bytes | None:
        """
        Return an object's content (``<id>`` or ``<tree>:<path>``), ``None`` if it is not there or over 256 MB.
        """
        # cat-file takes one name a line.
        if "\n" in name:
            return None
        if name in self._held:
            return self._held[name]
        (content,) = self._asked([name])
        self._hold(name, content)
        return content

    def fetch(self, ids: Iterable[str]) -> None:
        """
        Read objects that will be asked for, all in one exchange: waiting for each costs more than reading it.
        """
        wanted = [identity for identity in dict.fromkeys(ids) if identity not in self._held][:MOST_AHEAD]
        for identity, content in zip(wanted, self._asked(wanted), strict=True) if wanted else ():
            self._hold(identity, content)

    def _hold(self, name: str, content: bytes | None) -> None:
        # What stands at a path is another object in another tree, but an object's content never changes.
        if content is None or ":" in name or len(content) > LARGEST_HELD:
            return
        self._held[name] = content
        self._size += len(content)
        while self._size > MOST_HELD:
            oldest = next(iter(self._held))
            self._size -= len(self._held.pop(oldest))

    def _asked(self, names: Sequence[str]) -> Iterator[bytes | None]:
        if self._process is None:
            self._process = self._git.start("cat-file", "--batch")
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
            process.stdin.flush()
            for _ in names:
                yield _answer(process)
        except (OSError, ValueError) as error:
            raise GitError(f"git cat-file failed: {type(error).__name__}") from None


def _answer(process: subprocess.Popen[bytes]) -> bytes | None:
    assert process.stdout is not None
    head = process.stdout.readline()
    words = head.split()
    if not head:
        raise GitError("git cat-file ended before its time")
    if words[-1] in (b"missing", b"ambiguous") or len(words) < 3:
        return None
    size = int(words[-1])
    if size > LARGEST_BLOB:
        _skip(process, size + 1)
        return None
    content = process.stdout.read(size)
    process.stdout.read(1)
    return content


def _skip(process: subprocess.Popen[bytes], size: int) -> None:
    assert process.stdout is not None
    while size > 0:
        size -= len(process.stdout.read(min(size, 1 << 20)) or b"x" * size)
