"""
Whether a repository is still what runs made of it: its objects whole, its branch where the last run left it.

Not here: what the remote has (push.py), and what is done about it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from auditor.repository.git import GitOptions
from auditor.repository.repository import Repository
from migrator.errors import OperatorError
from migrator.tree.git import GitError, close, end
from migrator.wording import counted

FULL_EVERY = 7 * 86400.0
"""Seconds after which every object is looked at again, not only what is new."""
_LIMIT = 1800
_SHOWN = 3


class Damaged(OperatorError):
    """
    Objects of the repository cannot be read; nothing may be put on top of them.
    """

    def __init__(self, path: Path, remote: str | None, reason: str) -> None:
        place = f"{path} {path}.damaged"
        remedy = (
            f"the remote has the history: `mv {place}`, and the next run goes on with that"
            if remote
            else f"put a backup of it in its place, or begin a new history: `mv {place}`"
        )
        super().__init__(f"the repository {path} is damaged ({reason}), so nothing was committed; {remedy}")


def verify(repository: Repository, remote: str | None, since: str | None, *, everything: bool) -> None:
    """
    Read every object that HEAD has and *since* has not; with *everything* all there are, and their ids.

    Raises:
        Damaged: one cannot be read, or is not what its id says.
    """
    # The configured limit is one for pushing, which says nothing about reading.
    options = repository.options
    git = Repository(replace(options, git=GitOptions(_LIMIT, options.git.ssh_key_file))).git
    try:
        head = repository.head()
        if everything:
            git.run("fsck", "--full", "--no-dangling", "--no-progress")
        elif head is not None:
            known = since if since and git.succeeds("cat-file", "-e", f"{since}^{{commit}}") else None
            # Nothing is taken over as it stands in a pack, so everything is unpacked.
            words = (
                "pack-objects",
                "--revs",
                "--stdout",
                "-q",
                "--window=0",
                "--no-reuse-object",
                "--no-use-bitmap-index",
            )
            process = git.start("-c", "pack.compression=0", "-c", "pack.threads=1", *words)
            try:
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write(f"{head}\n{f'^{known}' if known else ''}\n".encode())
                process.stdin.close()
                while process.stdout.read(1 << 20):
                    pass
            except BaseException:
                end(process)
                raise
            close(process, "pack-objects")
    except GitError as error:
        raise Damaged(repository.path, remote, str(error)) from None


def tampering(repository: Repository, last: str | None) -> list[str]:
    """
    Return a sentence for each thing that was done to the branch since a run left it at the commit *last*.
    """
    head, branch = repository.head(), repository.options.branch
    if last is None or head == last:
        return []
    if head is None:
        return [f"the branch {branch} is gone, which the last run left at {last[:12]}"]
    # Also where there is no such commit any more: git fails on it.
    if not repository.git.succeeds("merge-base", "--is-ancestor", last, head):
        return [f"the branch {branch} was moved from {last[:12]} to {head[:12]} by somebody else than a run"]
    who = repository.options.committer
    lines = repository.git.run("log", "--format=%H %cn <%ce>", head, f"^{last}").splitlines()
    # A run that was killed at its very end has committed without remembering it.
    foreign = [line.partition(" ")[0] for line in lines if line.partition(" ")[2] != f"{who.name} <{who.email}>"]
    if not foreign:
        return []
    shown = ", ".join(commit[:12] for commit in foreign[:_SHOWN]) + (" ..." if len(foreign) > _SHOWN else "")
    return [f"the branch {branch} has {counted(len(foreign), 'commit')} that no run made: {shown}"]
