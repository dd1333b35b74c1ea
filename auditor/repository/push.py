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
from migrator.wording import counted

_ATTEMPTS = 5
_FETCHED = "refs/auditor/fetched"


@dataclass(frozen=True)
class Published:
    """
    How a push ended. ``ahead`` commits are not known to be on the remote; ``oldest`` is the first one's time.

    ``pushed`` is ``None`` where nothing was to be pushed and the remote could not be asked; ``tampered`` has a sentence
    for each thing that somebody else did to its branch.
    """

    pushed: bool | None
    ahead: int = 0
    oldest: str | None = None
    superseded: tuple[str, ...] = ()
    error: str | None = None
    tampered: tuple[str, ...] = ()


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
    head, error = repository.head(), ""
    if head is None:
        return Published(True)
    try:
        # Looked at before anything is pushed, since a push would cover up what was done to it.
        tip = remote_tip(repository, remote)
    except GitError as refused:
        ahead, oldest = backlog(repository, remote)
        return Published(False if ahead else None, ahead, oldest, error=str(refused))
    tampered = _tampering(repository, remote, tip)
    if tip == head:
        _remember(repository, remote, head)
        return Published(True, tampered=tuple(tampered))
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
                return Published(True, superseded=tuple(superseded), tampered=tuple(tampered))
            # Also where we do not have that commit: git fails on it, and so it is no ancestor.
            if tip is not None and not _has(repository, tip, head):
                superseded += _put_on_top(repository, remote, head, log, tampered)
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
    return Published(
        False, ahead, oldest, tuple(superseded), error or "the remote did not take the commit", tuple(tampered)
    )


def _fetch(repository: Repository, remote: str) -> None:
    words = ("fetch", "--quiet", "--no-tags", "--", remote, f"+{repository.ref}:{_FETCHED}")
    repository.git.run(*words, remote=True)


def _has(repository: Repository, commit: str, head: str) -> bool:
    return repository.git.succeeds("merge-base", "--is-ancestor", commit, head)


def _tampering(repository: Repository, remote: str, tip: str | None) -> list[str]:
    known = _known(repository, remote)
    branch = repository.options.branch
    if known is None or tip == known:
        return []
    if tip is None:
        return [f"the branch {branch} is gone from the remote, which had {known[:12]}; it is pushed again"]
    if _has(repository, tip, known):
        return [f"the remote's branch {branch} was moved back from {known[:12]} to {tip[:12]}; it is pushed again"]
    return []


def _put_on_top(repository: Repository, remote: str, head: str, log: Any, tampered: list[str]) -> list[str]:
    _fetch(repository, remote)
    tip = repository.git.run("rev-parse", "--verify", _FETCHED)
    foreign = repository.git.run("rev-list", "--max-count=100", tip, f"^{head}").split()
    known, branch = _known(repository, remote), repository.options.branch
    if known is not None and not _has(repository, known, tip):
        tampered.append(f"the remote's branch {branch} was rewritten: {known[:12]} is in it no more")
    if foreign:
        shown = ", ".join(commit[:12] for commit in foreign[:3]) + (" ..." if len(foreign) > 3 else "")
        tampered.append(f"the remote's branch {branch} has {counted(len(foreign), 'commit')} that no run made: {shown}")
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


def _known(repository: Repository, remote: str) -> str | None:
    """
    Return the commit that the remote was last seen to have.
    """
    found = repository.git.run("for-each-ref", "--format=%(objectname)", _pushed_ref(remote))
    return found or None


def _remember(repository: Repository, remote: str, commit: str) -> None:
    repository.git.run("update-ref", _pushed_ref(remote), commit)


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
