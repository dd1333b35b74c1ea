"""
A file of a tree: a path and its bytes. Not here: where it is written.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from migrator.errors import OperatorError

# Control characters, half characters, what turns the direction of a text, and what Windows takes for more than a name.
_NEVER = re.compile(r"[\x00-\x1f\x7f-\x9f\\:\ud800-\udfff\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_SEGMENT_BYTES = 255


class File(NamedTuple):
    """
    One file of a tree.
    """

    path: str
    content: bytes


def check_path(path: str) -> None:
    """
    Refuse a path that does not stay within its tree; every sink asks this by itself, whoever made the path.

    Raises:
        OperatorError: it is absolute or empty, has ``..``, ``.`` or ``.git`` in it, or a character that no name of a
            file has.
    """
    segments = path.split("/")
    if _NEVER.search(path) is None and all(map(_is_name, segments)):
        return
    raise OperatorError(f"a file of the tree would be called {path!r}, which is no safe path; please report it")


def _is_name(segment: str) -> bool:
    # Windows drops dots and blanks at the end, and knows .git by a short name, too.
    plain = segment.rstrip(". ").lower()
    return bool(plain) and plain != ".git" and plain[:4] != "git~" and len(segment.encode()) <= _SEGMENT_BYTES
