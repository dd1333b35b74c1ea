"""
What is known to be on a remote: remembered only when the remote was seen to have it, for each remote by itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from structlog.testing import CapturingLogger

from auditor.repository.fast_import import FastImport
from auditor.repository.push import adopt, backlog, publish
from auditor.repository.repository import METADATA, Repository, RepositoryOptions, check_is_ours, configure, create
from migrator.documents.file import File
from tests.support.audits import bare, git


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare(tmp_path / "remote.git")


def repository(path: Path) -> Repository:
    options = RepositoryOptions(path)
    create(options)
    made = check_is_ours(options)
    configure(made)
    return made


def commit(repository: Repository, text: str, when: int) -> str:
    head = repository.head()
    sink = FastImport(repository.git, head, lambda: None)
    sink.write(File(METADATA, text.encode()))
    new = repository.commit(sink.finish(), [head] if head else [], text, when)
    repository.advance(new, head)
    return new


def pushed(repository: Repository, remote: Path) -> bool:
    return publish(repository, str(remote), CapturingLogger(), lambda seconds: None).pushed


def is_published(repository: Repository, remote: str) -> bool:
    """
    Return whether HEAD is known to be on a remote, without asking it.
    """
    return backlog(repository, remote) == (0, None)


def test_what_the_remote_was_seen_to_have_is_remembered(tmp_path: Path, remote: Path) -> None:
    """
    After a push that was proved, it is known without asking the remote that HEAD is there; a commit more is not.
    """
    ours = repository(tmp_path / "r.git")
    commit(ours, "one", 1_700_000_000)
    assert not is_published(ours, str(remote))

    assert pushed(ours, remote)

    away = remote.rename(tmp_path / "away.git")
    assert is_published(ours, str(remote))
    assert backlog(ours, str(remote)) == (0, None)
    commit(ours, "two", 1_700_000_060)
    commit(ours, "three", 1_700_000_120)
    assert not is_published(ours, str(remote))
    assert backlog(ours, str(remote)) == (2, "2023-11-14T22:14:20+00:00")
    away.rename(remote)
    assert pushed(ours, remote)
    assert is_published(ours, str(remote))


def test_another_remote_is_another_memory(tmp_path: Path, remote: Path) -> None:
    """
    What one remote has says nothing about another, as after a change of the address.
    """
    ours = repository(tmp_path / "r.git")
    commit(ours, "one", 1_700_000_000)
    assert pushed(ours, remote)

    other = str(bare(tmp_path / "other.git"))

    assert not is_published(ours, other)
    assert backlog(ours, other) == (1, "2023-11-14T22:13:20+00:00")


def test_a_refused_push_is_not_remembered(tmp_path: Path, remote: Path) -> None:
    """
    A remote that did not take the commit is not remembered to have it.
    """
    ours = repository(tmp_path / "r.git")
    commit(ours, "one", 1_700_000_000)
    shutil.rmtree(remote)

    assert not pushed(ours, remote)

    assert not is_published(ours, str(remote))


def test_a_history_that_was_taken_over_is_known_to_be_there(tmp_path: Path, remote: Path) -> None:
    """
    What was fetched from the remote into an empty repository needs no push; nothing is known before.
    """
    first = repository(tmp_path / "first.git")
    head = commit(first, "one", 1_700_000_000)
    assert pushed(first, remote)
    second = repository(tmp_path / "second.git")

    assert adopt(second, str(remote))

    assert second.head() == head
    assert is_published(second, str(remote))
    assert git(second.path, "for-each-ref", "--format=%(objectname)", "refs/auditor/pushed-*") == head
