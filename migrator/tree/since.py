"""
Which documents of a commit are as they were in an earlier one, and the file that remembers which one that is.

For a flow in one direction: each import plans only what changed since the last. Not here: what an import decides.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from migrator.errors import OperatorError
from migrator.tree.values import Tree

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def settled(tree: Tree, changed: Iterable[str]) -> Tree:
    """
    Return the tree with the files of documents that have not changed; *changed* are the paths that have.

    A script's file belongs to a document beside it: any of its folder may have changed with it.
    """
    files, folders = set(), set()
    for path in changed:
        files.add(path)
        if not path.lower().endswith(".json"):
            folders.add(path.rpartition("/")[0])
    same = (
        item.file for item in tree.documents if item.file not in files and item.file.rpartition("/")[0] not in folders
    )
    return replace(tree, settled=frozenset(same))


def remembered(path: Path) -> str | None:
    """
    Return the commit that was imported last, ``None`` where none was.

    Raises:
        OperatorError: the file cannot be read, or holds something else.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise OperatorError(f"{path} cannot be read; it should hold the commit that was imported last") from None
    if not _COMMIT.fullmatch(text):
        raise OperatorError(f"{path} does not hold a commit; remove it, and the next import looks at everything")
    return text


def remember(path: Path, commit: str) -> None:
    """
    Keep the commit that was imported last: the old one or the new one, whatever happens meanwhile.

    Raises:
        OperatorError: it cannot be written; the import itself stands.
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("w", encoding="ascii") as file:
            file.write(f"{commit}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise OperatorError(
            f"the import was made, but {path} cannot be written ({error.strerror}); the next one plans it again"
        ) from None
