"""
The repository that a run is to commit to: opened and locked, and whether it may be gone on with.

Not here: how git finds it out (``repository.inspection``), and what is committed.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

from auditor.repository.inspection import FULL_EVERY, tampering, verify
from auditor.repository.push import adopt
from auditor.repository.repository import Repository, check_is_ours, clear_stale, configure, create, locked
from auditor.run import Run
from auditor.wiring import repository_options
from migrator.errors import OperatorError
from migrator.tree.git import GitError
from migrator.tree.metadata import Metadata


def open_repository(run: Run, stack: ExitStack) -> Repository:
    """
    Return the server's repository, locked as long as *stack*, made or taken over from the remote if there is none yet.
    """
    options, remote = repository_options(run.settings, run.tools.stop), run.settings.repository.remote
    # Before it is locked, since the lock's file stands in it.
    create(options)
    repository = check_is_ours(options)
    stack.enter_context(locked(repository.lock, run.options.wait, run.tools.sleep))
    # First of all, since a lock that a killed run left would stop everything else.
    if stale := clear_stale(repository.path):
        run.tools.log.warning("stale-files-removed", repository=str(repository.path), files=stale)
    # At every run, so that a repository of an older version, or one changed by hand, is set up as it must be.
    configure(repository)
    if repository.head() is None and remote is not None:
        try:
            if adopt(repository, remote):
                run.tools.log.warning("history-taken-over", remote=remote, head=repository.head())
        except GitError as error:
            # No reason to audit nothing: what the remote has is met when the first commit is pushed.
            run.tools.log.warning("remote-not-reached", reason=str(error))
    # Another branch of the configuration is another history.
    if run.status.branch in (None, options.branch):
        run.tampered = tuple(tampering(repository, run.status.last_commit))
    # Once told, it is what the next run begins with.
    run.status = replace(run.status, last_commit=repository.head(), branch=options.branch)
    return repository


def check_whose(run: Run, repository: Repository, before: Metadata | None, name: str) -> None:
    """
    Raise ``OperatorError`` where the history is another server's, unless this run is to adopt it.
    """
    if before is None or before.server == name:
        return
    if not run.options.adopt:
        raise OperatorError(
            f"{repository.path} holds the history of another server ({before.server}; the database is of {name}), so "
            "nothing was committed. Check database and repository.path; if that history is to go on with this server: "
            f"auditor adopt --server {run.server}"
        )
    run.adopted_from = before.server
    run.tools.log.warning("history-adopted", server=run.server, history_of=before.server, database_of=name)


def verify_repository(run: Run, repository: Repository) -> None:
    """
    Raise ``OperatorError`` if a full run finds the repository damaged, before its window opens.
    """
    head = repository.head()
    if not run.full or head is None:
        return
    last = run.status.last_fsck
    everything = last is None or run.started - datetime.fromisoformat(last) >= timedelta(seconds=FULL_EVERY)
    with run.phase("verify"):
        verify(repository, run.settings.repository.remote, run.status.verified, everything=everything)
    stamp = run.started.isoformat(timespec="seconds") if everything else last
    run.status = replace(run.status, verified=head, last_fsck=stamp)
