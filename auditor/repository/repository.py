"""
The bare repository: its previous state is HEAD's tree; a new one is a commit on top. Not here: how git is called.

All writing happens under one lock that the kernel releases when the process dies, so that any lock file found while
holding it is stale by definition.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from auditor.repository import diff_driver
from auditor.repository.git import GitOptions, git_in
from auditor.state_folder import LOCK
from migrator.errors import OperatorError
from migrator.file_lock import Taken, hold
from migrator.tree.git import GitError
from migrator.wording import escaped_lines

_SETTINGS = {
    # git must not begin housekeeping by itself: it goes on in the background, and meets the next run.
    "gc.auto": "0",
    "maintenance.auto": "false",
    "receive.autogc": "false",
    # A commit that was told of is there after a power cut.
    "core.fsync": "committed,reference",
    "core.logAllRefUpdates": "false",
    "pack.compression": "1",
    # Runs with a few changes leave a few objects, not a pack each.
    "fastimport.unpackLimit": "20",
    # What is larger goes out in chunks, which some servers and proxies refuse.
    "http.postBuffer": "104857600",
    "user.useConfigOnly": "false",
}
METADATA = "metadata.json"
SIGNING_ENVIRONMENT = {"SSH_AUTH_SOCK": "", "SSH_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never", "DISPLAY": ""}
"""What keeps ssh-keygen from an agent and from asking."""


@dataclass(frozen=True)
class Identity:
    """
    Who a commit is by.
    """

    name: str
    email: str

    @classmethod
    def parse(cls, text: str) -> Identity:
        """
        Read ``Name <mail>``.
        """
        name, _, rest = text.partition(" <")
        return cls(name.strip(), rest.rstrip("> "))


@dataclass(frozen=True)
class RepositoryOptions:
    """
    Where and how a repository is kept.
    """

    path: Path
    branch: str = "main"
    committer: Identity = Identity("Octopus Auditor", "octopus-auditor@localhost")
    git: GitOptions = field(default_factory=GitOptions)
    signing_key_file: Path | None = None


class Busy(OperatorError):
    """
    Another process is at work on the same repository.
    """


class Repository:
    """
    One bare repository, opened for one run.
    """

    def __init__(self, options: RepositoryOptions) -> None:
        self.options = options
        self.path = options.path
        self.git = git_in(options.path, options.git)
        self._listing_algorithm: str | None = None

    @property
    def lock(self) -> Path:
        """
        Return what is held while the repository is written.
        """
        return self.path / LOCK

    @property
    def ref(self) -> str:
        """
        Return the branch's full name.
        """
        return f"refs/heads/{self.options.branch}"

    def head(self) -> str | None:
        """
        Return the branch's commit, ``None`` if there is none yet.

        Raises:
            GitError: there is one, but it cannot be read.
        """
        try:
            return self.git.run("rev-parse", "--verify", "--quiet", f"{self.ref}^{{commit}}") or None
        except GitError:
            # That quiet answer is the same for no branch and for one that leads nowhere, on which no first export may
            # be put.
            if (self.path / self.ref).is_file() or self.git.run("for-each-ref", "--format=%(objectname)", self.ref):
                raise GitError(
                    f"the branch {self.options.branch} of {self.path} is damaged: its commit cannot be read; "
                    f"`mv {self.path} {self.path}.damaged`, and the next run goes on with the remote's "
                    "history"
                ) from None
            return None

    def tree(self, commit: str) -> str:
        """
        Return the id of a commit's tree.
        """
        return self.git.run("rev-parse", "--verify", f"{commit}^{{tree}}")

    @property
    def algorithm(self) -> str:
        """
        Return the repository's hash, ``sha1`` or ``sha256``.
        """
        if self._listing_algorithm is None:
            self._listing_algorithm = self.git.run("rev-parse", "--show-object-format")
        return self._listing_algorithm

    def read(self, path: str, commit: str) -> bytes | None:
        """
        Return a file of a commit, ``None`` if it is not there.
        """
        process = self.git.start("cat-file", "blob", f"{commit}:{path}")
        content, _ = process.communicate()
        return content if process.returncode == 0 else None

    def listing(self, commit: str) -> dict[str, bytes]:
        """
        Return the blob id of every file of a commit.
        """
        found: dict[str, bytes] = {}
        for line in self.git.lines("ls-tree", "-r", "-z", "--full-tree", commit):
            if line:
                meta, _, path = line.partition(b"\t")
                found[path.decode("utf-8", "surrogateescape")] = bytes.fromhex(meta.split()[2].decode())
        return found

    def find(self, commit: str, ids: Iterable[str]) -> dict[str, list[str]]:
        """
        Return the paths of a commit's documents that have these ids; reads every document, so for exceptions only.

        Raises:
            GitError: the commit cannot be read.
        """
        lines = {f'  "Id": {json.dumps(identity, ensure_ascii=False)}': identity for identity in ids}
        # The ids go in by standard input, since a line of words has its limit.
        process = self.git.start("grep", "-z", "-I", "--fixed-strings", "-f", "-", commit, "--", "*.json")
        output, _ = process.communicate("\n".join(lines).encode("utf-8", "replace"))
        # 1 is git grep's word for: nothing found.
        if process.returncode not in (0, 1):
            raise GitError(f"git grep failed with exit code {process.returncode}")
        found: dict[str, list[str]] = {}
        for hit in output.decode("utf-8", "surrogateescape").splitlines():
            path, _, line = hit.partition("\0")
            # A document's own id stands at the first level; deeper ones are those of its parts.
            if identity := lines.get(line.rstrip(",")):
                found.setdefault(identity, []).append(path.removeprefix(f"{commit}:"))
        return found

    def commit(self, tree: str, parents: list[str], message: str, when: int | None = None) -> str:
        """
        Make a commit object and return its id; no ref moves. *when* is in seconds since the epoch; never older than a
        parent.
        """
        who = self.options.committer
        # A clock that was set back must not make a commit older than its parent, by which git cuts its walks short.
        before = self.git.run("log", "--no-walk", "--format=%ct", *parents).split() if parents else []
        when = max(int(time.time()) if when is None else when, *map(int, before), 0)
        # Without the @ git takes a small number for a date of another form.
        date = f"@{when} +0000"
        env = {
            "GIT_AUTHOR_NAME": who.name,
            "GIT_AUTHOR_EMAIL": who.email,
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": who.name,
            "GIT_COMMITTER_EMAIL": who.email,
            "GIT_COMMITTER_DATE": date,
        }
        words = ["commit-tree", tree, *(word for parent in parents for word in ("-p", parent)), "-F", "-"]
        if self.options.signing_key_file is not None:
            signing = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={self.options.signing_key_file}")
            words = [*signing, *words, "-S"]
            env |= SIGNING_ENVIRONMENT
        # A name from the database may hold what git refuses (a zero byte), UTF-8 has not, or a terminal obeys.
        return self.git.run(*words, stdin=escaped_lines(message).encode(), env=env)

    def advance(self, new: str, old: str | None) -> None:
        """
        Move the branch from *old* to *new*, only if it still is at *old*.
        """
        # Nothing but zeros means: there must be no such ref yet.
        self.git.run("update-ref", "--no-deref", self.ref, new, old or "0" * len(new))

    def fsck(self) -> None:
        """
        Raise ``GitError`` unless HEAD's commit and its whole tree can be read.
        """
        head = self.head()
        if head is not None:
            for _ in self.git.lines("rev-list", "--objects", "--max-count=1", head, end_of_line=b"\n"):
                pass


def create(options: RepositoryOptions) -> None:
    """
    Make an empty bare repository, unless there is one.

    Raises:
        OperatorError: the path holds something else.
    """
    path = options.path
    try:
        if path.exists() and not path.is_dir():
            raise OperatorError(f"{path} is a file, not a repository; name another path")
        # Whoever locked it first made the folder for it; nothing else is in it then.
        if not path.exists() or all(item.name == LOCK for item in path.iterdir()):
            _initialize(options)
    except OSError as error:
        raise OperatorError(f"the repository {path} cannot be made: {error.strerror}") from None


def _initialize(options: RepositoryOptions) -> None:
    # Made beside its place and moved there whole: a kill in between must not leave half a repository behind.
    path = options.path
    new = path.with_name(f".{path.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.parent.mkdir(parents=True, exist_ok=True)
    new.mkdir(mode=0o700)
    # The mode is kept in the repository, so that whatever writes to it later makes nothing that others can read.
    git_in(new, options.git).run(
        "init", "--bare", "--quiet", "--shared=0600", f"--initial-branch={options.branch}", "."
    )
    if (path / LOCK).exists():
        # The very same file, so that whoever holds it goes on holding it.
        (path / LOCK).rename(new / LOCK)
    new.replace(path)


def check_is_ours(options: RepositoryOptions) -> Repository:
    """
    Return the repository after making sure that it is one of this program's.

    Raises:
        OperatorError: not a repository, not bare, or HEAD holds something else.
    """
    path = options.path
    if not (path / "HEAD").is_file() or not (path / "objects").is_dir():
        raise OperatorError(f"{path} holds something else than a bare git repository; name another path or empty it")
    repository = Repository(options)
    try:
        bare = repository.git.run("rev-parse", "--is-bare-repository") == "true"
    except GitError as error:
        raise OperatorError(f"{path} is not a repository that git can read: {error}") from None
    if not bare:
        raise OperatorError(f"{path} is a repository with a work tree; the auditor needs a bare one")
    head = repository.head()
    if head is not None and repository.read(METADATA, head) is None:
        raise OperatorError(
            f"{path} holds something else: its branch {options.branch} has no {METADATA} of this program; "
            "name another path or branch"
        )
    return repository


@contextmanager
def locked(lock: Path, wait: float, sleep: Callable[[float], object] = time.sleep) -> Iterator[None]:
    """
    Hold an exclusive lock on a file, released by the kernel when the process ends. *wait* is in seconds.

    Raises:
        Busy: another process holds it.
    """
    folder = lock.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with hold(lock, wait, sleep):
            yield
    except Taken as taken:
        raise Busy(f"another process (pid {taken.holder}) is at work on {folder}; this run was left out") from None


def clear_stale(path: Path) -> list[str]:
    """
    Remove what a killed run left: lock files, half-written packs and objects, crash reports. Hold the lock.

    Returns the names of what was removed.
    """
    patterns = (
        "*.lock",
        "refs/**/*.lock",
        "objects/pack/tmp_*",
        "objects/pack/.tmp-*",
        "objects/pack/*.lock",
        "objects/??/tmp_obj_*",
        "fast_import_crash_*",
    )
    # The first pattern fits this program's own lock, which others may be waiting for.
    stale = [file for pattern in patterns for file in path.glob(pattern) if file.is_file() and file.name != LOCK]
    for file in stale:
        file.unlink(missing_ok=True)
    return [file.name for file in stale]


def configure(repository: Repository, settings: Mapping[str, str] | None = None) -> None:
    """
    Set what the repository needs, touching its configuration only where it differs.
    """
    wanted = _SETTINGS if settings is None else settings
    present = dict(
        line.decode("utf-8", "replace").partition("\n")[::2]
        for line in repository.git.lines("config", "--local", "--list", "-z")
        if line
    )
    for key, value in wanted.items():
        # git lists keys in small letters, however they were written.
        if present.get(key.lower()) != value:
            repository.git.run("config", "--local", key, value)
    diff_driver.settle(repository.git)
    # A clone checks out what HEAD names, and people look there first.
    head = f"refs/heads/{repository.options.branch}"
    if (repository.path / "HEAD").read_text().strip() != f"ref: {head}":
        repository.git.run("symbolic-ref", "HEAD", head)
