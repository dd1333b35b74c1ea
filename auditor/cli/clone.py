"""
The commands about a repository or a clone of it: index, git-config. Neither touches a commit.
"""

from __future__ import annotations

from pathlib import Path

import click

from auditor.cli.showing import opened, place_of
from auditor.history.index import check, remove
from auditor.history.opened import index_path
from auditor.repository import diff_driver
from migrator.errors import OperatorError, UsageError
from migrator.tree.git import Git
from migrator.wording import counted


def make_index(repository: Path | None, config: Path | None, server: str | None, compare: bool) -> None:
    """Make the index over the history anew, from git alone."""
    path, _ = place_of(repository, config, server)
    if not compare:
        remove(index_path(path))
    with opened(repository, config, server) as source:
        if compare:
            found = check(index_path(source.path), source.git, source.head.id)
            if found:
                raise OperatorError(
                    "the index differs from git: " + "; ".join(found) + "; `auditor index` makes it anew"
                )
        click.echo(f"{counted(source.head.seq, 'commit')}, {index_path(source.path)}")


def git_config(repository: Path | None, config: Path | None, server: str | None, undo: bool) -> None:
    """Make plain git show a clone well, or as it did before."""
    path, _ = place_of(repository, config, server)
    git = Git(path)
    if not git.succeeds("rev-parse", "--git-dir"):
        raise UsageError(f"{path} is not a git repository; name one by --repository")
    if undo:
        click.echo("taken out" if diff_driver.undo(git) else "it was not set; nothing was changed")
    else:
        click.echo("set; try `git log -p`" if diff_driver.settle(git) else "it was set already; nothing was changed")
