"""
The folder sink: files are staged beside their place and moved there only when all are known to be good.

A file that is already as it should be is not touched. Links are never followed. ``.git`` is never touched.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from migrator.documents.file import File, check_path
from migrator.errors import OperatorError, UsageError, folder_errors
from migrator.octopus_format.form import is_octopus
from migrator.tree.metadata import NAME as METADATA
from migrator.tree.metadata import Metadata

KEPT = frozenset((".git", ".gitattributes", ".gitignore"))


class FolderSink:
    """
    Receives the files of one export; use it in a ``with`` block and call ``finish`` when all is well.

    Raises (at start):
        UsageError: a directory that is neither empty nor an export of ours.
        OperatorError: not a directory, or not writable.
    """

    def __init__(self, directory: Path, *, clean: bool = False) -> None:
        self.directory = directory
        self.clean = clean
        self._staging: Path | None = None
        self._made = False
        self._staged: list[str] = []
        self._seen: set[str] = set()
        self._checked: set[str] = set()
        self._folders: set[str] = set()

    def __enter__(self) -> FolderSink:
        with folder_errors(self.directory):
            if self.directory.exists() and not self.directory.is_dir():
                raise OperatorError(f"{self.directory} is not a directory; name another")
            check_own(self.directory, clean=self.clean)
            self._made = not self.directory.exists()
            self.directory.parent.mkdir(parents=True, exist_ok=True)
            # For its owner alone: the names of everything on the server stand there.
            self.directory.mkdir(mode=0o700, exist_ok=True)
            # Within the directory, since a file is moved as a whole only within one file system.
            self._staging = Path(tempfile.mkdtemp(prefix=".migrator-", dir=self.directory))
        return self

    def __exit__(self, *exc: object) -> None:
        if self._staging is not None:
            shutil.rmtree(self._staging, ignore_errors=True)
        if self._made and exc[0] is not None:
            # Only where it is empty: a folder that somebody put something into meanwhile stays.
            with suppress(OSError):
                self.directory.rmdir()

    def add(self, file: File) -> None:
        """
        Stage a file, unless it is already there with the same content.

        Raises:
            OperatorError: the disk is full or refuses; two files would be one on a case-blind file system; the path
                leads out of the directory.
        """
        check_path(file.path)
        # Windows and macOS would keep the second of them alone, and say nothing.
        if file.path.casefold() in self._seen:
            raise OperatorError(f"two documents would be the same file {file.path}; rename one of them on the server")
        self._seen.add(file.path.casefold())
        with folder_errors(self.directory):
            self._refuse_links(file.path)
            if _content(self.directory / file.path) != file.content:
                target = self._staged_path(file.path)
                self._make_folder_of(target)
                target.write_bytes(file.content)
                self._staged.append(file.path)

    def finish(self, metadata: File, keep: Callable[[str], bool]) -> int:
        """
        Move the staged files to their places, metadata.json last; with ``clean`` remove all others but those to *keep*.

        Returns how many files stand in the directory that are not part of this export.
        """
        with folder_errors(self.directory):
            strangers = self._strangers(keep)
            if self.clean:
                for path in strangers:
                    # First, since a file may stand where a folder is to be.
                    (self.directory / path).unlink()
            for path in self._staged:
                target = self.directory / path
                self._make_folder_of(target)
                self._staged_path(path).replace(target)
            if self.clean:
                _remove_empty(self.directory)
            self._replace(metadata)
        return 0 if self.clean else len(strangers)

    def _make_folder_of(self, target: Path) -> None:
        # Remembered, since a tree has very many files in few folders.
        folder = str(target).rpartition(os.sep)[0]
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)

    def previous(self, path: str) -> bytes | None:
        """
        Return what a file in the directory holds, ``None`` if it is no plain file.
        """
        return _content(self.directory / path)

    def changes(self, keep: Callable[[str], bool]) -> bool:
        """
        Return whether ``finish`` would change or remove any file besides metadata.json.
        """
        with folder_errors(self.directory):
            return bool(self._staged) or (self.clean and bool(self._strangers(keep)))

    def _strangers(self, keep: Callable[[str], bool]) -> list[str]:
        present = [path for path in self._present() if path.casefold() not in self._seen and path != METADATA]
        return [path for path in present if not keep(path)]

    def _replace(self, file: File) -> None:
        if _content(self.directory / file.path) != file.content:
            temporary = self._staged_path(file.path)
            temporary.write_bytes(file.content)
            temporary.replace(self.directory / file.path)

    def _staged_path(self, path: str) -> Path:
        assert self._staging is not None
        return self._staging / path

    def _refuse_links(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        while parent and parent not in self._checked:
            if (self.directory / parent).is_symlink():
                raise OperatorError(f"{self.directory / parent} is a link; an export does not write through links")
            self._checked.add(parent)
            parent = parent.rpartition("/")[0]

    def _present(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.directory):
            here = Path(folder)
            top = here == self.directory
            folders[:] = [f for f in folders if not (top and (f in KEPT or f.startswith(".migrator-")))]
            links = [f for f in folders if (here / f).is_symlink()]
            for name in (*files, *links):
                if not (top and name in KEPT):
                    yield (here / name).relative_to(self.directory).as_posix()


def check_own(directory: Path, *, clean: bool) -> None:
    """
    Refuse to write into what is not ours, and all the more to clean it.

    Raises:
        UsageError: the directory holds something, but no metadata.json that this program wrote.
    """
    # What a killed export has staged is no content.
    held = (path.name for path in directory.iterdir()) if directory.exists() else iter(())
    if not any(name not in KEPT and not name.startswith(".migrator-") for name in held):
        return
    metadata = directory / METADATA
    try:
        if metadata.is_symlink() or (clean and directory.is_symlink()):
            raise OperatorError("a link")
        content = metadata.read_bytes()
        # Either form is ours: both are what this program writes.
        if not is_octopus(content):
            Metadata.from_bytes(content)
    except (OSError, OperatorError):
        lead = "--clean would delete everything in" if clean else "other files stand in"
        raise UsageError(
            f"{lead} {directory}, which is not an export of this program "
            f"(no {METADATA} of it is there); empty the directory yourself or name another"
        ) from None


def check_same(directory: Path, metadata: Metadata) -> None:
    """
    Refuse to mix two exports in one directory.

    Raises:
        UsageError: it holds an export of another server or of another selection.
    """
    if not (directory / METADATA).exists():
        return
    try:
        before = Metadata.from_bytes((directory / METADATA).read_bytes())
    except (OSError, OperatorError):
        raise mixed(directory) from None
    if before.server != metadata.server or _asked(before) != _asked(metadata):
        raise mixed(directory)


def mixed(directory: Path) -> UsageError:
    """
    Return the error of an export into a directory that holds another one.
    """
    return UsageError(
        f"{directory} holds another export; whether two are to be mixed is yours to decide: name an empty directory, "
        "or give --clean to replace it"
    )


def _asked(metadata: Metadata) -> Any:
    facts = metadata.partial
    # What was left out follows from the server's state, which may have moved between two exports of the same projects.
    return None if facts is None else {name: value for name, value in facts.items() if name != "LeftOut"}


def _content(path: Path) -> bytes | None:
    try:
        return None if path.is_symlink() else path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


def _remove_empty(directory: Path) -> None:
    for folder, _, _ in os.walk(directory, topdown=False):
        path = Path(folder)
        is_ours = path == directory or path.name.startswith(".migrator-")
        if not is_ours and path.relative_to(directory).parts[0] not in KEPT:
            try:
                path.rmdir()
            except OSError as error:
                # POSIX leaves it to the system which of the two it says.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
