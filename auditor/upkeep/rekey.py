"""
A new password for HEAD's tree: one commit in which every secret is sealed anew and nothing else differs.

Works on the tree in git alone: neither the server nor its master key is asked. Commits of before stay as they are, so
the old password still opens them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from auditor.repository.fast_import import INCOMING, FastImport
from auditor.repository.push import publish
from auditor.repository.repository import METADATA, Repository, check_is_ours, clear_stale, locked
from auditor.settings import ServerSettings
from auditor.state_folder import StateFolder
from auditor.status import read_status, write_status
from auditor.upkeep.resealing import resealed
from auditor.wiring import database_address, repository_options
from auditor.world import Tools
from migrator.credentials import Secret
from migrator.documents.file import File
from migrator.errors import OperatorError, SecretError
from migrator.secrets.ciphers import KeyDerivation, PasswordCipher
from migrator.secrets.sealing import SecretsMode
from migrator.sql.engine import open_engine
from migrator.sql.locks import application_lock
from migrator.tree.git import Git, GitError, close, end
from migrator.tree.metadata import Metadata
from migrator.tree.types import Types

SUBJECT = "Secrets sealed under a new password"
_WAIT = 60


@dataclass(frozen=True)
class Rekeyed:
    """
    What was done: the commit, how many files differ, and whether the remote has it (``None``: no remote).
    """

    commit: str
    files: int
    pushed: bool | None
    error: str | None = None


def rekey(
    server: str, settings: ServerSettings, folder: StateFolder, passwords: tuple[Secret, Secret], tools: Tools
) -> Rekeyed:
    """
    Seal HEAD's tree anew, from the old to the new one of *passwords*, in exactly one commit.

    Raises:
        SecretError: the old password does not open the tree, or the new one is the old; nothing was changed.
        Busy, AlreadyLocked: a run is at work.
        OperatorError: there is nothing that could be sealed anew.
    """
    options = repository_options(settings)
    with ExitStack() as stack:
        # In a run's own order, so that neither holds what the other waits for.
        stack.enter_context(locked(folder.lock, _WAIT, tools.sleep))
        repository = check_is_ours(options)
        # For its lock alone: a run on another machine must not commit meanwhile.
        engine = open_engine(database_address(settings), limits=settings.limits.limits)
        stack.callback(engine.dispose)
        stack.enter_context(locked(repository.lock, _WAIT, tools.sleep))
        lock = stack.enter_context(application_lock(engine, folder.path))
        clear_stale(repository.path)
        head = repository.head()
        if head is None:
            raise OperatorError(f"{repository.path} has no commit yet; set the new password in the configuration")
        metadata = Metadata.from_bytes(repository.read(METADATA, head) or b"")
        old, new = _ciphers(metadata, *passwords)
        metadata = replace(metadata, derivation=new.derivation, check=new.check)
        files, tree = _write(repository, head, metadata, (old, new))
        lock.check()
        commit = _commit(repository, head, tree, server, tools)
        status = replace(read_status(folder), last_commit=commit)
        write_status(folder, status)
        if settings.repository.remote is None:
            return Rekeyed(commit, files, None)
        published = publish(repository, settings.repository.remote, tools.log, tools.sleep)
        return Rekeyed(commit, files, published.pushed, published.error)


def _ciphers(metadata: Metadata, old: Secret, new: Secret) -> tuple[PasswordCipher, PasswordCipher]:
    if metadata.secrets is not SecretsMode.ENCRYPT or metadata.derivation is None:
        raise OperatorError(
            f"this repository keeps secrets as {metadata.secrets.value!r}, so nothing could be sealed anew; "
            "give its next state a branch of its own (repository.branch) and the new password"
        )
    try:
        before = metadata.open_with(old.reveal())
    except SecretError:
        raise SecretError("the old password does not open this repository's HEAD; nothing was changed") from None
    # The salt is the server's own; the cost is today's, as the next run will have it.
    after = PasswordCipher.from_password(new.reveal(), KeyDerivation(metadata.derivation.salt))
    if after.check == before.check and after.derivation == before.derivation:
        raise SecretError("the new password is the one that HEAD is sealed with already; nothing was changed")
    return before, after


def _write(
    repository: Repository, head: str, metadata: Metadata, ciphers: tuple[PasswordCipher, PasswordCipher]
) -> tuple[int, str]:
    types = Types()
    sink = FastImport(repository.git, head, lambda: None)
    count = 0
    try:
        for path, content in _documents(repository, head):
            other = resealed(types, path, content, *ciphers)
            if other != content:
                sink.write(File(path, other))
                count += 1
        sink.write(File(METADATA, metadata.to_bytes()))
        tree = sink.finish()
    except BaseException:
        sink.abandon()
        clear_stale(repository.path)
        raise
    # metadata.json always differs, since the check value is the password's.
    return count + 1, tree


def _documents(repository: Repository, head: str) -> Iterator[tuple[str, bytes]]:
    paths = {path: blob for path, blob in repository.listing(head).items() if path.endswith(".json") and "/" in path}
    yield from zip(paths, _blobs(repository.git, [blob.hex() for blob in paths.values()]), strict=True)


def _blobs(git: Git, ids: list[str]) -> Iterator[bytes]:
    process = git.start("cat-file", "--batch")
    stdin: Any = process.stdin
    stdout: Any = process.stdout
    try:
        for blob in ids:
            # One at a time, so that neither side ever waits for the other with a full pipe.
            stdin.write(f"{blob}\n".encode())
            stdin.flush()
            answer = stdout.readline().split()
            if len(answer) != 3 or answer[1] != b"blob":
                raise GitError(f"git cat-file did not give the file {blob}; check the repository with `git fsck`")
            # git ends each content with a line end of its own.
            yield stdout.read(int(answer[2]) + 1)[:-1]
    except BaseException:
        end(process)
        raise
    close(process, "cat-file")


def _commit(repository: Repository, head: str, tree: str, server: str, tools: Tools) -> str:
    text = (
        f"{SUBJECT}\n\nNo document changed. Commits up to {head[:12]} still open with the old password only.\n\n"
        f"Server: {server}\nRekeyed-From: {head}\n"
    )
    commit = repository.commit(tree, [head], text, int(tools.now().timestamp()))
    repository.advance(commit, head)
    repository.git.run("update-ref", "-d", INCOMING)
    return commit
