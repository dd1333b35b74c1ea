"""
Task logs: text files beside the database, copied into an export as they are, only those that are new or changed.

They are no documents; nothing in them is read.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from migrator.errors import OperatorError, UsageError, folder_errors

FOLDER = "TaskLogs"


def is_task_log(path: str) -> bool:
    """
    Return whether a path below the root of a tree is that of a task log.
    """
    folder, _, name = path.partition("/")
    return folder == FOLDER and name.endswith(".txt") and "/" not in name


def check_source(source: Path, directory: Path) -> None:
    """
    Say early that task logs cannot be copied.

    Raises:
        UsageError: the source is no folder, or is the place they would go to.
    """
    if not source.is_dir():
        raise UsageError(f"--tasklogs-directory {source} is not a folder; give the server's folder of task logs")
    # With --clean it would remove the server's own logs.
    if source.resolve() == (directory / FOLDER).resolve():
        raise UsageError(
            "--tasklogs-directory is the folder in which this export would keep its copies; give the server's"
        )


def copy_task_logs(source: Path, directory: Path, *, clean: bool = False, tasks: frozenset[str] | None = None) -> int:
    """
    Copy the ``*.txt`` files of *source* into *directory*'s TaskLogs; return how many were new or changed.

    With *tasks* (lower-case ids) only their logs, whose names are ``<id>_<token>.txt`` or ``<id>.txt``.

    A copy keeps its file's time, and counts as unchanged while size and time are the same. With *clean*, copies
    whose file is gone are removed. Links are not followed.

    Raises:
        OperatorError: the disk is full or refuses.
    """
    target = directory / FOLDER
    copied = 0
    with folder_errors(directory):
        if target.is_symlink():
            raise OperatorError(f"{target} is a link; an export does not write through links")
        target.mkdir(exist_ok=True)
        names = {
            path.name for path in source.iterdir() if path.suffix == ".txt" and path.is_file() and not path.is_symlink()
        }
        if tasks is not None:
            names = {name for name in names if name.lower().removesuffix(".txt").partition("_")[0] in tasks}
        for name in sorted(names):
            if not _is_same(source / name, target / name):
                _copy(source / name, target / name)
                copied += 1
        for path in target.iterdir() if clean else ():
            if is_task_log(f"{FOLDER}/{path.name}") and path.name not in names:
                path.unlink()
    return copied


def _is_same(source: Path, target: Path) -> bool:
    if target.is_symlink() or not target.is_file():
        return False
    ours, theirs = target.stat(), source.stat()
    return (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(source, temporary, follow_symlinks=False)
        # The time before the name: half a copy must never count as unchanged the next time.
        shutil.copystat(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
