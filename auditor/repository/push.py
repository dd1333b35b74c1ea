"""
Pushing, and proving it: after each push the remote's ref is read back, and only equality counts.

The exported tree is the truth, so nothing is merged: where the remote has other commits, our tree goes on top of
them as a new commit. Never force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from auditor.repository.repository import METADATA, Repository
from migrator.tree.git import GitError

_ATTEMPTS = 5
_FETCHED = "refs/auditor/fetched"


@dataclass(frozen=True)
class Published:
    """
    How a push ended. ``ahead`` commits are not known to be on the remote; ``oldest`` is the first one's time.
    """

    pushed: bool
    ahead: int = 0
    oldest: str | None = None
    superseded: tuple[str, ...] = ()
    error: str | None = None


def adopt(repository: Repository, remote: str) -> bool:
    """
    Take over the remote's history into an empty repository, so that it goes on; return whether there was any of ours.

    Raises:
        GitError: the remote cannot be reached.
    """
    if remote_tip(repository, remote) is None:
        return False
    _fetch(repository, remote)
    tip = repository.git.run("rev-parse", "--verify", _FETCHED)
    if repository.read(METADATA, tip) is None:
        return False  # A foreign beginning, as a hosting service makes it; our tree is put on top when it is pushed.
    repository.advance(tip, None)
    _remember(repository, remote, tip)
    return True


def publish(repository: Repository, remote: str, log: Any, sleep: Callable[[float], Any]) -> Published:
    """
    Push the branch until the remote shows our commit, with a limit; nothing is raised for a remote that is down.
    """
    superseded: list[str] = []
    error = ""
    for attempt in range(_ATTEMPTS):
        head = repository.head()
        if head is None:
            return Published(True)
        try:
            # The commit by its id, so that the very one is pushed that the remote is asked for afterwards.
            words = ("push", "--quiet", "--porcelain", "--no-verify", "--", remote, f"{head}:{repository.ref}")
            repository.git.run(*words, remote=True)
        except GitError as refused:
            # Not the end of it: the push may have arrived without its answer, or others may have been there first.
            error = str(refused)
        try:
            tip = remote_tip(repository, remote)
            if tip == head:
                _remember(repository, remote, head)
                return Published(True, superseded=tuple(superseded))
            # Also where we do not have that commit: git fails on it, and so it is no ancestor.
            if tip is not None and not _has(repository, tip, head):
                superseded += _put_on_top(repository, remote, head, log)
            elif tip is not None and tip != head and not error:
                error = f"the remote says that {repository.ref} is {tip[:12]} after {head[:12]} was pushed"
        except GitError as refused:
            error = str(refused)
            break
        # One more try is enough for a fault that passes; the others are for a remote that somebody else pushes to as
        # well.
        if not superseded and attempt:
            break
        sleep(0.2 * attempt)
    ahead, oldest = backlog(repository, remote)
    return Published(False, ahead, oldest, tuple(superseded), error or "the remote did not take the commit")


def _fetch(repository: Repository, remote: str) -> None:
    words = ("fetch", "--quiet", "--no-tags", "--", remote, f"+{repository.ref}:{_FETCHED}")
    repository.git.run(*words, remote=True)


def _has(repository: Repository, commit: str, head: str) -> bool:
    return repository.git.succeeds("merge-base", "--is-ancestor", commit, head)


def _put_on_top(repository: Repository, remote: str, head: str, log: Any) -> list[str]:
    _fetch(repository, remote)
    tip = repository.git.run("rev-parse", "--verify", _FETCHED)
    foreign = repository.git.run("rev-list", "--max-count=100", tip, f"^{head}").split()
    contained = _has(repository, head, tip)
    message = "\n".join(
        [
            f"Server's state on top of {len(foreign)} foreign commits",
            "",
            *(f"Supersedes: {commit}" for commit in foreign),
        ]
    )
    # Both stay in the history, so that no push is a forced one.
    parents = [tip] if contained else [head, tip]
    commit = repository.commit(repository.tree(head), parents, message + "\n")
    repository.advance(commit, head)
    log.warning("foreign-commits-superseded", commits=foreign, remote_tip=tip)
    return foreign


def remote_tip(repository: Repository, remote: str) -> str | None:
    """
    Return the commit that the remote's branch is at, ``None`` if it has no such branch.

    Raises:
        GitError: the remote cannot be reached.
    """
    answer = repository.git.run("ls-remote", "--quiet", "--", remote, repository.ref, remote=True)
    return answer.split()[0] if answer else None


def _pushed_ref(remote: str) -> str:
    # One for each remote: what one has says nothing of another. By a hash, since an address is no name of a ref.
    return f"refs/auditor/pushed-{hashlib.blake2b(remote.encode(), digest_size=6).hexdigest()}"


def _remember(repository: Repository, remote: str, commit: str) -> None:
    repository.git.run("update-ref", _pushed_ref(remote), commit)


def is_published(repository: Repository, remote: str) -> bool:
    """
    Return whether HEAD was proved to be on the remote before.
    """
    head = repository.head()
    return head is None or repository.git.succeeds("merge-base", "--is-ancestor", head, _pushed_ref(remote))


def backlog(repository: Repository, remote: str) -> tuple[int, str | None]:
    """
    Return how many commits are not known to be on the remote, and when the oldest of them was made (ISO 8601).
    """
    head = repository.head()
    if head is None:
        return 0, None
    known = _pushed_ref(remote)
    words = [head, f"^{known}"] if repository.git.succeeds("rev-parse", "--verify", "--quiet", known) else [head]
    times = repository.git.run("log", "--format=%ct", *words).split()
    if not times:
        return 0, None
    return len(times), datetime.fromtimestamp(int(times[-1]), UTC).isoformat()
