"""
Keeping a repository small: a scheduled, time-limited, memory-bounded repack under the run's own locks.

The sizes of packs form a geometric row, so that the cost of a repack goes by what is new, not by what there is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from auditor.repository.git import GitOptions
from auditor.repository.repository import Busy, Repository, clear_stale, locked
from auditor.settings import ServerSettings
from auditor.state_folder import StateFolder
from auditor.status import read_status, write_status
from auditor.wiring import repository_options
from auditor.world import Tools
from migrator.errors import OperatorError

LIMIT = 600
"""Seconds for each of git's commands."""
_BOUNDS = ("-c", "pack.threads=1", "-c", "pack.windowMemory=64m", "-c", "core.packedGitLimit=256m")
# Not at once, as in git's own housekeeping: a git that a person runs takes no lock of ours.
_KEPT_UNREACHABLE = "2.days.ago"


def repack(repository: Repository) -> None:
    """
    Pack what is loose, join small packs, and drop what was unreachable for two days. Hold the lock.

    Raises:
        GitError: git could not do it, or took too long; the repository is as it was.
    """
    git = repository.git
    git.run(*_BOUNDS, "repack", "-d", "-q", "--geometric=2", "--write-midx")
    git.run("pack-refs", "--all")
    git.run(*_BOUNDS, "prune", f"--expire={_KEPT_UNREACHABLE}")


def is_due(last: str | None, every: float, now: datetime) -> bool:
    """
    Return whether *every* seconds went by since *last*.
    """
    return last is None or now - datetime.fromisoformat(last) >= timedelta(seconds=every)


def maintain_if_due(server: str, settings: ServerSettings, folder: StateFolder, tools: Tools) -> bool:
    """
    Repack a server's repository if it is time to; return whether it was done. A failure is logged, never raised.
    """
    now = tools.now()
    if not is_due(read_status(folder).last_repack, settings.repository.maintenance_every, now):
        return False
    start = tools.clock()
    options = repository_options(settings)
    if not (options.path / "HEAD").is_file():
        return False
    # The configured limit is one for pushing, which says nothing about a repack.
    repository = Repository(replace(options, git=GitOptions(LIMIT, options.git.ssh_key_file)))
    try:
        # A run goes first; housekeeping can wait until the next time.
        with locked(folder.lock, 0), locked(repository.lock, 0):
            try:
                repack(repository)
            except OperatorError:
                clear_stale(repository.path)
                raise
            finally:
                # Also after a failure: what fails once for want of time or disk would fail at every run.
                stamp = now.isoformat(timespec="seconds")
                write_status(folder, replace(read_status(folder), last_repack=stamp))
    except Busy:
        return False
    except (OperatorError, OSError) as error:
        reason = str(error) if isinstance(error, OperatorError) else error.strerror
        tools.log.error("repack-failed", server=server, reason=reason)
        return False
    tools.log.info("repacked", server=server, seconds=round(tools.clock() - start, 2))
    return True
