"""
Pushing: only what the remote shows afterwards counts, and nothing of anybody else is ever forced away.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from auditor.audit import RunOptions
from auditor.cli.once import exit_code
from auditor.notify.message import message, states_of
from tests.support.audits import Audited, bare, foreign_commit, git, hook

FULL = RunOptions(full=True)


@pytest.fixture
def audited(small_audited: Audited) -> Audited:
    return small_audited


def tip(remote: Path) -> str:
    return git(remote, "rev-parse", "--verify", "--quiet", "main", check=False)


def test_the_push_is_proved(audited: Audited, remote: Path) -> None:
    """
    After a change the remote holds HEAD, and only then the result says so.
    """
    audited.edit("change a variable")

    result = audited.good()

    assert result.pushed is True
    assert tip(remote) == audited.head()
    assert result.commits_ahead == 0


def test_a_remote_that_refuses(audited: Audited, remote: Path) -> None:
    """
    A hook that refuses is an error with exit code 1; the commit is kept and pushed when the hook is gone.
    """
    refusing = hook(remote, "pre-receive", "printf 'not\\033[31m today\\n'; exit 1")
    audited.edit("change a variable")

    result = audited.run()

    assert (result.outcome, result.pushed, result.commits_ahead) == ("changed", False, 1)
    assert "the remote says: not [31m today" in (result.error or "")
    assert exit_code(result) == 1
    assert tip(remote) != audited.head()
    refusing.unlink()
    assert audited.good().pushed is True
    assert tip(remote) == audited.head()


def test_a_remote_that_lies(audited: Audited, remote: Path) -> None:
    """
    A remote that says yes and keeps the old commit is found out.
    """
    before = tip(remote)
    hook(remote, "post-receive", f"git update-ref refs/heads/main {before}")
    audited.edit("change a variable")

    result = audited.run()

    assert result.pushed is False
    assert before[:12] in (result.error or "")
    assert exit_code(result) == 1


def test_a_remote_that_is_down(audited: Audited, remote: Path) -> None:
    """
    Commits pile up while the remote is down, with the age of the oldest, and are pushed when it is back.
    """
    away = remote.rename(remote.with_name("away.git"))
    for number, edit in enumerate(("change a variable", "change a lifecycle"), 1):
        audited.edit(edit)
        result = audited.run()

        assert (result.pushed, result.commits_ahead) == (False, number)
        assert result.oldest_unpushed is not None

    away.rename(remote)
    result = audited.good()

    assert (result.outcome, result.pushed, result.commits_ahead) == ("unchanged", True, 0)
    assert tip(remote) == audited.head()
    assert audited.commits() == 3


@pytest.mark.parametrize("contained", [False, True], ids=["diverged", "on top of ours"])
def test_foreign_commits(audited: Audited, remote: Path, contained: bool) -> None:
    """
    Our tree goes on top of foreign commits, which stay in the history and are named in the log; nothing is forced.
    """
    if contained:
        audited.run()
    foreign = foreign_commit(remote)
    audited.edit("change a variable")

    result = audited.good()

    assert result.pushed is True
    assert tip(remote) == audited.head()
    assert foreign in audited.git("rev-list", "main").split()
    assert audited.exported_tree() == audited.tree()
    assert len(audited.git("log", "-1", "--format=%P", "main").split()) == 2
    assert "foreign-commits-superseded" in audited.said()
    assert any(foreign[:12] in sentence for sentence in result.tampered)
    assert f"Supersedes: {foreign}" in audited.git("log", "-1", "--format=%B", "main")
    assert audited.good().outcome == "unchanged"


def test_a_remote_made_anew(audited: Audited, remote: Path) -> None:
    """
    A remote that lost everything is filled again by the next full run, although nothing changed.
    """
    shutil.rmtree(remote)
    bare(remote)

    result = audited.good(FULL)

    assert (result.outcome, result.pushed) == ("unchanged", True)
    assert tip(remote) == audited.head()


@pytest.mark.parametrize("change", [True, False], ids=["with a change", "without"])
@pytest.mark.parametrize("way", ["gone", "moved back", "rewritten"])
def test_a_remote_that_was_tampered_with(audited: Audited, remote: Path, way: str, change: bool) -> None:
    """
    A branch of the remote that is gone, was moved back or rewritten is told by the very next run, whether or not it has
    something to push: in the result, its warnings and a notification; afterwards the remote has all again.
    """
    audited.edit("change a lifecycle")
    audited.good()
    before = tip(remote)
    if way == "gone":
        git(remote, "update-ref", "-d", "refs/heads/main")
    elif way == "moved back":
        git(remote, "update-ref", "refs/heads/main", "main~1")
    else:
        git(remote, "update-ref", "-d", "refs/heads/main")
        foreign_commit(remote)
    if change:
        audited.edit("change a variable")

    result = audited.good()

    assert result.pushed is True
    assert (before[:12] in result.tampered[0], "main" in result.tampered[0]) == (True, True)
    assert result.as_json()["warnings"][0]["message"] == result.tampered[0]
    assert "tampered" in states_of(result, "unchanged")
    assert before[:12] in message(result).text
    assert tip(remote) == audited.head()
    assert before in git(remote, "rev-list", "main").split()
    assert audited.good().tampered == ()


def test_a_remote_that_cannot_be_asked(audited: Audited, remote: Path) -> None:
    """
    A remote that is down while there is nothing to push is no failure, but nothing is said to be pushed.
    """
    remote.rename(remote.with_name("away.git"))

    result = audited.good()

    assert (result.outcome, result.pushed, result.commits_ahead) == ("unchanged", None, 0)
    assert [warning.path for warning in result.warnings] == ["repository.remote"]
    assert exit_code(result) == 0


def test_a_local_repository_that_is_gone(audited: Audited, remote: Path) -> None:
    """
    The history goes on from the remote's when the local repository was deleted.
    """
    before = tip(remote)
    shutil.rmtree(audited.repository)
    audited.edit("change a variable")

    result = audited.good()

    assert audited.git("rev-parse", "main~1") == before
    assert list(audited.changed().values()) == ["M"]
    assert result.pushed is True
    assert "history-taken-over" in audited.said()


def test_a_remote_with_a_beginning_of_its_own(fresh: Audited) -> None:
    """
    A remote that a hosting service began with a file of its own is no hindrance: our tree goes on top.
    """
    path = bare(fresh.root / "hosted.git")
    foreign = foreign_commit(path)
    fresh.change(repository={"path": str(fresh.repository), "remote": str(path)})

    result = fresh.good()

    assert result.pushed is True
    assert tip(path) == fresh.head()
    assert foreign in fresh.git("rev-list", "main").split()
    assert fresh.exported_tree() == fresh.tree()
    assert fresh.good().outcome == "unchanged"
