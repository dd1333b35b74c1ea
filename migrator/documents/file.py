"""
A file of a tree: a path and its bytes. Not here: where it is written.
"""

from __future__ import annotations

from typing import NamedTuple


class File(NamedTuple):
    """
    One file of a tree.
    """

    path: str
    content: bytes
