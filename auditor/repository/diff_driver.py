"""
What makes plain git show a history well: names as they are, hunk headers that name the variable or the step.

It stands in a repository's own configuration, which no clone takes along; ``auditor git-config`` sets it there. Nothing
of it is in the tree. ``undo`` takes out what ``settle`` put in, and nothing else.
"""

from __future__ import annotations

from pathlib import Path

from migrator.errors import OperatorError
from migrator.tree.git import Git, GitError

SETTINGS = {
    # Names in Octopus are in any script, and git shows their bytes as octal numbers otherwise.
    "core.quotePath": "false",
    # The last line above a hunk that fits gives its header. An element's beginning and a list's end give an empty one:
    # the name that stands below in the hunk itself is right, the last element's would be wrong.
    "diff.octopus.xfuncname": "\n".join(
        (
            r"^ {4}[{]( *)$",
            r"^ {8}[{]( *)$",
            r"^ {2}\]( *)",
            r'^ {2}"Name": "(.*)",?$',
            r'^ {6}"Name": "(.*)",?$',
            r'^ {10}"Name": "(.*)",?$',
        )
    ),
}
_BEGIN, _END = "# auditor git-config: begin", "# auditor git-config: end"
_ATTRIBUTES = (_BEGIN, "*.json diff=octopus", "*.sh diff=bash", "*.py diff=python", "*.csx diff=csharp", _END)


def settle(git: Git) -> bool:
    """
    Set up a repository or a clone; return whether anything was not so yet.

    Raises:
        OperatorError: it cannot be written.
    """
    changed = False
    for key, value in SETTINGS.items():
        if _value(git, key) != value:
            git.run("config", "--local", key, value)
            changed = True
    return _write(git, list(_ATTRIBUTES)) or changed


def undo(git: Git) -> bool:
    """
    Take out again what ``settle`` put in; return whether there was anything.

    Raises:
        OperatorError: it cannot be written.
    """
    changed = False
    for key, value in SETTINGS.items():
        # What somebody set otherwise since is theirs.
        if _value(git, key) == value:
            git.run("config", "--local", "--unset-all", key)
            changed = True
    return _write(git, []) or changed


def _value(git: Git, key: str) -> str | None:
    try:
        return git.run("config", "--local", "--get", key)
    except GitError:
        return None


def _write(git: Git, own: list[str]) -> bool:
    """
    Put *own* lines in the place of those that this program wrote before; return whether anything differs now.
    """
    path = git.path / git.run("rev-parse", "--git-path", "info/attributes")
    try:
        before = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
        lines = before.splitlines()
        if _BEGIN in lines and _END in lines[lines.index(_BEGIN) :]:
            start = lines.index(_BEGIN)
            del lines[start : lines.index(_END, start) + 1]
        # First: of two lines that fit, git takes the last, so that a person's own count.
        after = "".join(f"{line}\n" for line in [*own, *lines])
        if after == before:
            return False
        if after:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, after)
        else:
            path.unlink()
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}") from None
    return True


def _replace(path: Path, text: str) -> None:
    # Whole or not at all: git reads it at any moment.
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8", errors="surrogateescape")
    new.replace(path)
