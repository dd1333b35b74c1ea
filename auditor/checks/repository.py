"""
Checks of the repository, its remote, and signing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from auditor.checks.check import Finding, Subject, failed, passed, to_own, warned, writable
from auditor.export_key import metadata_in
from auditor.repository.git import GitOptions
from auditor.repository.push import backlog, remote_tip
from auditor.repository.repository import Repository, RepositoryOptions, check_is_ours, create
from auditor.state_folder import LOCK
from auditor.upkeep.signing import check_signing
from auditor.wiring import repository_options
from migrator.credentials import resolve
from migrator.errors import OperatorError, SecretError
from migrator.tree.git import GitError
from migrator.tree.metadata import Metadata
from migrator.wording import counted

# A person waits for the answer.
_LIMIT = 60


def repository(subject: Subject) -> Iterator[Finding]:
    """
    Is the repository ours and readable, or can it be made?
    """
    path = Path(subject.settings.repository.path)
    if not path.exists() or not any(item.name != LOCK for item in path.iterdir()):
        if writable(path):
            yield passed("repository", f"{path} will be made at the first run")
        else:
            yield failed("repository", f"{path} cannot be made", to_own(path))
        return
    found = check_is_ours(_options(subject))
    head = found.head()
    found.fsck()
    objects = dict(line.split(": ", 1) for line in found.git.run("count-objects", "-v").splitlines())
    size = (int(objects.get("size", 0)) + int(objects.get("size-pack", 0))) / 1024
    commits = int(found.git.run("rev-list", "--count", head)) if head else 0
    yield passed("repository", f"{path}: {counted(commits, 'commit')}, {size:.1f} MiB, HEAD can be read")
    if not writable(path):
        yield failed("repository", f"{path} cannot be written", to_own(path))
    yield from _of_head(subject, metadata_in(found, head))


def _of_head(subject: Subject, before: Metadata | None) -> Iterator[Finding]:
    if before is None:
        return
    identity = subject.shared.get("identity", before.server)
    if identity != before.server:
        yield failed(
            "repository",
            f"it holds the history of another server ({before.server}; the database is of {identity})",
            f"auditor adopt --config {subject.config} --server {subject.server}",
        )
    password = subject.settings.export.password
    if before.check is None or password is None:
        return
    try:
        before.open_with(resolve(password, key="export.password").reveal())
    except SecretError:
        yield failed(
            "password",
            "the export password is not the one that this repository was written with",
            f"auditor rekey --config {subject.config} --server {subject.server} --old-password file:PATH",
        )
        return
    yield passed("password", "it opens what HEAD has sealed")


def remote(subject: Subject) -> Iterator[Finding]:
    """
    Can the remote be reached, and would it take a push?
    """
    address = subject.settings.repository.remote
    if address is None:
        yield passed("remote", "none is set; commits stay in the repository")
        return
    with _some_repository(subject) as (found, own):
        try:
            tip = remote_tip(found, address)
        except GitError as error:
            yield failed(
                "remote",
                f"it cannot be reached: {error}",
                "check repository.remote, the network, known_hosts and the key",
            )
            return
        yield from _push(found, address, tip, own)


def _push(found: Repository, address: str, tip: str | None, own: bool) -> Iterator[Finding]:
    head = found.head()
    if own and head is not None:
        ahead, _ = backlog(found, address)
        known = tip is None or found.git.succeeds("merge-base", "--is-ancestor", tip, head)
        if not known:
            yield warned(
                "remote",
                "the remote holds commits that this repository does not have",
                "the next run puts the server's state on top of them; see that nobody else pushes there",
            )
            return
        behind = f"{counted(ahead, 'commit')} ahead" if ahead else "all commits are there"
    elif tip is not None:
        yield passed("remote", "it holds a history, which the first run takes over")
        return
    else:
        behind = "it is empty"
    try:
        # Where there is nothing to push yet, a commit of an empty tree asks for the right to.
        commit = head or found.commit(found.git.run("mktree"), [], "A dry run\n")
        # The remote runs no hooks for it, so one that would refuse is met by the first run only.
        words = ("push", "--dry-run", "--quiet", "--no-verify", "--", address, f"{commit}:{found.ref}")
        found.git.run(*words, remote=True)
    except GitError as error:
        yield failed("remote", f"it would refuse a push: {error}", "give the key the right to push to this branch")
        return
    yield passed("remote", f"a push would be taken; {behind}")


@contextmanager
def _some_repository(subject: Subject) -> Iterator[tuple[Repository, bool]]:
    options = _options(subject)
    own = _own(options)
    if own is not None:
        yield own, True
        return
    # git needs some repository to ask from; this one is gone afterwards, and signs nothing.
    with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
        spare = replace(options, path=Path(folder) / "spare.git", signing_key_file=None)
        create(spare)
        yield Repository(spare), False


def _own(options: RepositoryOptions) -> Repository | None:
    try:
        return check_is_ours(options)
    except OperatorError:
        return None


def _options(subject: Subject) -> RepositoryOptions:
    options = repository_options(subject.settings)
    return replace(options, git=GitOptions(_LIMIT, options.git.ssh_key_file))


def signing(subject: Subject) -> Iterator[Finding]:
    """
    Does the signing key sign without a prompt?
    """
    if check_signing(subject.settings):
        yield passed("signing", "a dummy was signed and verified")
