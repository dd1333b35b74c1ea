"""
The project's own sources as syntax trees, for tests of what they keep.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


@cache
def syntax(path: Path) -> ast.Module:
    """
    Return a file's tree; nobody may change it, since each file is read once in a process.
    """
    return ast.parse(path.read_text(encoding="utf-8"))
