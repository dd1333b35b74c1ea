"""
Where the files of a tree come from: a folder, or a commit of a repository.

Links are never followed. Nothing here knows what a file means.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import time as clock
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from migrator.errors import OperatorError
from migrator.tree.git import Git, GitError, GitMissing, close, end, library

LARGEST = 256 << 20
"""Bytes of the largest file that is read; the server's largest documents are far below it."""
_LINK, _SUBMODULE = "120000", "160000"
_DATED = re.compile(r"(?P<branch>[^@{}]*)@\{(?P<date>[^{}]*[^-\d{}][^{}]*|\d[-\d]+-\d+)\}")
_MOMENT = 5


@runtime_checkable
class Noticing(Protocol):
    """
    A source of files that noticed something on its way.
    """

    warnings: list[str]


@dataclass
class FolderFiles:
    """
    The files below a directory, ``.git`` left out. ``limit`` is the size in bytes above which a file is refused.
    """

    directory: Path
    limit: int = LARGEST
    warnings: list[str] = field(default_factory=list)

    def paths(self) -> Iterator[str]:
        """
        Yield every file's path, sorted; links and devices are left out with a warning.

        Raises:
            OperatorError: no such directory, it cannot be read, or a link in it leads out of it.
        """
        self.warnings.clear()
        if not self.directory.is_dir():
            raise OperatorError(f"{self.directory} is not a directory; name the directory of an export")
        # The directory itself may be a link: it is the operator's own word.
        root = Path(os.path.realpath(self.directory))
        for folder, folders, files in os.walk(root, onerror=_refuse):
            here = Path(folder)
            folders[:] = sorted(name for name in folders if name != ".git" and not self._is_link(root, here / name))
            for name in sorted(files):
                if name != ".git" and not self._is_link(root, here / name):
                    yield (here / name).relative_to(root).as_posix()

    def _is_link(self, root: Path, path: Path) -> bool:
        if not path.is_symlink():
            return False
        shown = path.relative_to(root).as_posix()
        if not Path(os.path.realpath(path)).is_relative_to(root):
            raise OperatorError(_leads_out(shown))
        self.warnings.append(_ignored(shown))
        return True

    def read(self, path: str) -> bytes:
        """
        Return a file's content.

        Raises:
            OperatorError: it is too large, no plain file, or cannot be read.
        """
        try:
            # Neither a link nor a pipe put there meanwhile is followed or waited for.
            handle = os.open(self.directory / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                about = os.fstat(handle)
                if not stat.S_ISREG(about.st_mode):
                    raise OperatorError(f"{path} is not a plain file; remove it")
                _check_size(path, about.st_size, self.limit)
                return file.read()
        except OSError as error:
            raise OperatorError(f"{path} cannot be read: {error.strerror}; check its rights") from None


class RevisionFiles:
    """
    The files of one commit of a repository, bare or not; use it in a ``with`` block.

    Raises (at the start of the block):
        OperatorError: no such repository or revision.
    """

    def __init__(self, repository: Path, revision: str, limit: int = LARGEST) -> None:
        self._place = repository
        self._revision = revision
        self._limit = limit
        self.warnings: list[str] = []
        self.commit = ""
        """The commit's id, within the block; ``""`` where the revision names a tree."""
        self._blobs: dict[str, tuple[str, int]] = {}
        self._git = Git(repository)
        self._reader: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RevisionFiles:
        # Some of git's commands would take it for an option.
        if not self._revision or self._revision.startswith("-") or "\0" in self._revision:
            raise OperatorError(f"{self._revision!r} is not a revision; give a commit, a tag or a branch")
        self._git = Git(self._directory())
        try:
            tree = self._resolved(f"{self._revision}^{{tree}}")
            named = self._revision
        except GitError:
            named = self._dated()
            tree = self._resolved(f"{named}^{{tree}}")
        with suppress(GitError):
            self.commit = self._resolved(f"{named}^{{commit}}")
        # Names ended by a zero byte, since a name may hold anything else; with sizes, so that nothing large is read.
        self._list(self._run("ls-tree", "-r", "-z", "--long", "--full-tree", tree))
        return self

    def _directory(self) -> Path:
        try:
            git = library()
        except GitMissing:
            # A host without git can still export and import folders.
            raise OperatorError(
                "git is not installed, so no commit can be read; install it, or name a directory"
            ) from None
        try:
            # A folder may have a dollar sign in its name.
            with git.Repo(self._place, expand_vars=False) as repository:
                return Path(repository.git_dir)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError):
            raise OperatorError(f"{self._place} is not a git repository; check the path") from None

    def _resolved(self, name: str) -> str:
        return self._run("rev-parse", "--verify", "--quiet", "--end-of-options", name)

    def _dated(self) -> str:
        """
        Return the newest commit of a branch up to a time, ``main@{last tuesday}``.

        git asks its reflog for that; a bare repository has none, so the commits' own dates are asked.
        """
        unknown = OperatorError(f"{self._place} has no revision {self._revision}; check its name, or fetch it")
        found = _DATED.fullmatch(self._revision)
        if not found:
            raise unknown
        try:
            time = self._run("rev-parse", f"--since={found['date']}").removeprefix("--max-age=")
            branch = self._resolved(found["branch"] or "HEAD")
            # The branch's own line: what was merged into it later was not its state at the time.
            commit = self._run("rev-list", "-1", "--first-parent", f"--min-age={time}", branch)
        except GitError:
            raise unknown from None
        # git takes what it does not understand for the present moment.
        if abs(int(time) - clock.time()) < _MOMENT and found["date"].lower() not in ("now", "today"):
            raise OperatorError(f"{found['date']!r} is not a time; write one as 'last tuesday' or '2026-11-17 14:00'")
        if not commit:
            raise OperatorError(f"no revision of {self._place} is as old as {found['date']}; see `git log`")
        return commit

    def changed_since(self, commit: str) -> frozenset[str] | None:
        """
        Return the paths that differ between an earlier commit and this one, ``None`` where the repository lacks it.
        """
        try:
            self._resolved(f"{commit}^{{commit}}")
        except GitError:
            return None
        listing = self._run("diff-tree", "-r", "-z", "--name-only", "--no-renames", commit, self.commit)
        return frozenset(filter(None, listing.split("\0")))

    def __exit__(self, *exc: object) -> None:
        if self._reader is not None:
            # Whether git ended well matters only where everything was read.
            if exc[0] is None:
                close(self._reader, "cat-file")
            end(self._reader)
            self._reader = None

    def _run(self, *words: str) -> str:
        return self._git.run(*words)

    def _list(self, listing: str) -> None:
        for line in filter(None, listing.split("\0")):
            about, _, path = line.partition("\t")
            mode, _, blob, size = about.split()
            if mode == _SUBMODULE:
                self.warnings.append(f"{path} is a submodule and was ignored")
            elif mode == _LINK:
                self._meet_link(path, blob)
            else:
                self._blobs[path] = (blob, int(size))

    def _meet_link(self, path: str, blob: str) -> None:
        target = os.fsdecode(self._content(blob))
        # By words alone: in a commit there is no file system that could be asked.
        place = os.path.normpath(os.path.join(os.path.dirname(path), target))  # noqa: PTH118, PTH120
        if place.startswith(("/", "..")):
            raise OperatorError(_leads_out(path))
        self.warnings.append(_ignored(path))

    def paths(self) -> Iterator[str]:
        """
        Yield every file's path, sorted; links and submodules are left out with a warning.
        """
        yield from sorted(self._blobs)

    def read(self, path: str) -> bytes:
        """
        Return a file's content.

        Raises:
            OperatorError: it is too large.
        """
        blob, size = self._blobs[path]
        _check_size(path, size, self._limit)
        return self._content(blob)

    def _content(self, blob: str) -> bytes:
        if self._reader is None:
            self._reader = self._git.start("cat-file", "--batch")
        asked, answer = self._reader.stdin, self._reader.stdout
        assert asked is not None and answer is not None
        asked.write(blob.encode() + b"\n")
        asked.flush()
        header = answer.readline().split()
        # Of an object that is not there it says two words.
        if len(header) != 3:
            raise OperatorError(f"the repository {self._place} is damaged: {blob} is missing; run `git fsck` there")
        content = answer.read(int(header[2]))
        # git ends each content with a line end that is no part of it.
        answer.read(1)
        return content


def _refuse(error: OSError) -> None:
    raise OperatorError(f"{error.filename} cannot be read: {error.strerror}; check its rights") from None


def _check_size(path: str, size: int, limit: int) -> None:
    if size > limit:
        raise OperatorError(
            f"{path} has {size >> 20} MB, but files above {limit >> 20} MB are not read; no document is that large"
        )


def _leads_out(path: str) -> str:
    return f"{path} is a link that leads out of the tree; put the file itself there, or remove the link"


def _ignored(path: str) -> str:
    return f"{path} is a link and was ignored"
