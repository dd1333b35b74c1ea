"""
A repository opened for questions: found, checked, its index caught up; texts that mean a commit or a time.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from auditor.history import questions
from auditor.history.index import Index
from auditor.history.questions import CommitRow
from auditor.history.reader import open_reader
from auditor.state_folder import StateFolder
from migrator.errors import OperatorError, UsageError
from migrator.tree.git import Git, GitError
from migrator.wording import counted

_FIELDS = re.compile(r"(?i)\d{4}-\d\d|\b(ago|yesterday|today|noon|midnight|last|now)\b|^\d{10}$|\d+:\d\d")


@dataclass(frozen=True)
class Opened:
    """
    A repository with its index, caught up; ``head`` is the newest commit's row.
    """

    path: Path
    git: Git
    index: Index
    head: CommitRow

    def commit(self, text: str) -> CommitRow:
        """
        Return the commit that a text means: an id, a name git knows, a run, a time.

        Raises:
            UsageError: it means none on this branch.
        """
        # The newest of the branch asked for, which need not be the one that git calls HEAD.
        if text.upper() == "HEAD":
            return self.head
        run = questions.commits_of_run(self.index, text)
        if run:
            return run[-1]
        with open_reader(self.git) as reader:
            try:
                seq = self.index.seq(reader.resolve(text))
            except GitError:
                seq = None
        if seq is not None:
            return questions.commit_at(self.index, seq)
        moment = moment_of(text, self.git)
        if moment is None:
            raise UsageError(
                f"{text} is no commit of this history, no run and no time, as 2026-11-24 or 'last tuesday'"
            )
        found = questions.last_before(self.index, moment)
        if found is None:
            raise UsageError(f"the history begins after {text}")
        return found


def moment_of(text: str, git: Git) -> int | None:
    """
    Return the time that a text means in seconds since 1970, ``None`` if it does not look like one.
    """
    try:
        read = datetime.fromisoformat(text)
        # A day means its end: as of a day is after what happened on it.
        return int(read.timestamp()) if read.time() != datetime.min.time() or "T" in text else _end_of(read)
    except ValueError:
        pass
    if not _FIELDS.search(text):
        return None
    # Git's own reading of dates, which never fails; so only what looks like one gets there.
    return int(git.run("rev-parse", f"--since={text}").partition("=")[2] or 0) or None


def _end_of(day: datetime) -> int:
    return int(day.timestamp()) + 24 * 3600 - 1


def index_path(repository: Path) -> Path:
    """
    Return where the index of a repository is: beside it, inside a clone's .git, else in the user's cache.
    """
    beside = StateFolder.beside(repository).index
    if (repository / ".git").is_dir():
        beside = repository / ".git" / "octopus-auditor" / "index.sqlite"
    folder = next((item for item in (beside.parent, beside.parent.parent) if item.exists()), None)
    if folder is not None and os.access(folder, os.W_OK):
        return beside
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "octopus-auditor"
    return cache / f"{hashlib.sha256(str(repository.resolve()).encode()).hexdigest()[:24]}.sqlite"


@contextmanager
def opened(
    path: Path, branch: str = "HEAD", say: Callable[[str], None] = lambda text: None, progress: bool = False
) -> Iterator[Opened]:
    """
    Open a repository and catch its index up; *say* is told what a person should know.

    Raises:
        UsageError: the path is no repository.
        OperatorError: it has no commit yet, or its index cannot be written.
    """
    git = Git(path)
    if not git.succeeds("rev-parse", "--git-dir"):
        raise UsageError(f"{path} is not a git repository; name one by --repository")
    try:
        head = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{branch}^{{commit}}")
    except GitError:
        raise OperatorError(f"the repository {path} has no commit yet on {branch}") from None
    if git.run("rev-parse", "--is-shallow-repository") == "true":
        say(f"{path} is a shallow clone: its history begins where it was cut; `git fetch --unshallow` brings the rest")
    with Index(index_path(path), git, say) as index:
        index.catch_up(head, lambda count: say(f"{counted(count, 'commit')} indexed") if progress else None)
        seq = index.seq(head)
        assert seq is not None
        yield Opened(path, git, index, questions.commit_at(index, seq))
