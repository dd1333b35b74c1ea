"""
The one family of errors a person can mend, with their exit codes.

Anything that is not an ``OperatorError`` and reaches a program's top is a bug and is shown as one.
What does not belong here: how an error is printed (the command lines do that).
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from migrator.wording import escaped_lines


class OperatorError(Exception):
    """
    The run cannot go on and somebody can do something about it.

    The message is one sentence that names the document and the place and says what to do. It never
    holds a secret's value, nor a character that a terminal obeys.
    """

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return escaped_lines(super().__str__())


class UsageError(OperatorError):
    """
    The command line or the configuration is wrong.
    """

    exit_code: ClassVar[int] = 2


class DatabaseError(OperatorError):
    """
    The database cannot be reached, read or written, or is not an Octopus database.
    """


class ChangedMeanwhile(DatabaseError):
    """
    Rows came, went or moved during a read; another one may succeed.
    """


class SecretError(OperatorError):
    """
    A key or a password does not fit, or a secret does not open.
    """


class UnreadableDocument(OperatorError):
    """
    One document cannot be understood; the others can.

    ``document`` is its id, ``path`` the place in it (may be empty).
    """

    def __init__(self, document: str, path: str, message: str) -> None:
        super().__init__(f"{document}{f' at {path}' if path else ''}: {message}")
        self.document = document
        self.path = path
        self.message = message


class PlaintextFound(OperatorError):
    """
    What was about to be written holds a secret's plaintext; nothing was written.
    """


def bug(error: BaseException) -> str:
    """
    Return what kind of error came from where in this program; its own text may hold a document's content.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if {"migrator", "auditor"} & set(Path(frame.filename).parts)]
    place = next((f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(ours or frames)), "nowhere")
    return f"{type(error).__name__} at {place}"


@contextmanager
def folder_errors(directory: Path) -> Iterator[None]:
    """
    Turn a file system's errors into one sentence each.
    """
    try:
        yield
    except OSError as error:
        # To who has to mend it, a used-up quota is a full disk.
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OperatorError(f"the disk of {directory} is full; the directory was left as it was") from None
        place = error.filename or directory
        raise OperatorError(f"{place} cannot be written or read: {error.strerror}; check path and rights") from None
