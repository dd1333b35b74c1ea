"""
The measures of the code base: ``python -m bench.house [FOLDER ...]``, by default both programs; a table in Markdown.

The demonstration's content is left out. Complexity is McCabe's: one and one more for each branch.
"""

from __future__ import annotations

import ast
import io
import statistics
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

NO_REASON = ("# noqa", "# type:", "#!")
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def measures(folder: Path) -> dict[str, str]:
    """
    Return what is measured of the Python files below *folder*, by its name.
    """
    files = sorted(path for path in folder.rglob("*.py") if "content" not in path.parts)
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    functions = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, Function)]
    sizes = [text.count("\n") for text in texts.values()]
    complexity = [complexity_of(function) for function in functions]
    fullest, count = Counter(path.parent for path in files).most_common(1)[0]
    comments = sum(comment_lines(text) for text in texts.values())
    private = sum(len(list(private_imports(tree))) for tree in trees.values())
    return {
        "files / lines": f"{len(files)} / {sum(sizes):,}",
        "fullest folder (files)": f"{count} ({fullest.relative_to(folder.parent)})",
        "file lines median/p90/max": spread(sizes),
        "function lines median/p90/max": spread([body_lines(function) for function in functions]),
        "complexity mean/p90, over 10": f"{statistics.fmean(complexity):.1f}/{percentile(complexity, 90)}, "
        f"{sum(value > 10 for value in complexity)}",
        "comment lines per 100": f"{100 * comments / sum(sizes):.1f}",
        "private imports": str(private),
    }


def body_lines(function: Function) -> int:
    """
    Return the lines of a function without its decorators and docstring.
    """
    first = function.body[0]
    doc = ast.get_docstring(function, clean=False) is not None
    taken = (first.end_lineno or 0) - first.lineno + 1 if doc else 0
    return (function.end_lineno or 0) - function.lineno + 1 - taken


def complexity_of(function: Function) -> int:
    """
    Return one and the number of branches in a function, with those of functions in it.
    """
    boolean = sum(len(node.values) - 1 for node in ast.walk(function) if isinstance(node, ast.BoolOp))
    return 1 + boolean + sum(isinstance(node, BRANCHES) for node in ast.walk(function))


def comment_lines(text: str) -> int:
    """
    Return the number of comments that speak to a reader, not to a tool.
    """
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT and not token.string.startswith(NO_REASON) for token in tokens)


def private_imports(tree: ast.Module) -> Iterator[str]:
    """
    Yield names with an underscore that a file imports from another.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (item.name for item in node.names if item.name.startswith("_"))


def percentile(values: Sequence[int], share: int) -> int:
    """
    Return the value that *share* per cent of all do not exceed.
    """
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]


def spread(values: Sequence[int]) -> str:
    """
    Return median, 90th percentile and the greatest of some values.
    """
    return f"{percentile(values, 50)}/{percentile(values, 90)}/{max(values)}"


def main(folders: Sequence[str]) -> None:
    """
    Print the table, a column for each folder.
    """
    columns = [(Path(name).name, measures(Path(name))) for name in folders or ("migrator", "auditor")]
    print("| |", *(f" {name} |" for name, _ in columns), sep="")
    print("|---|", *("---|" for _ in columns), sep="")
    for row in columns[0][1]:
        print(f"| {row} |", *(f" {found[row]} |" for _, found in columns), sep="")


if __name__ == "__main__":
    main(sys.argv[1:])
