"""
Whether a repository is still what runs made of it: damage stops a run, what others did to the branch is told.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest

from auditor.audit import RunOptions
from auditor.cli.once import exit_code
from auditor.repository.inspection import FULL_EVERY
from auditor.repository.repository import Repository, RepositoryOptions
from auditor.status import read_status, write_status
from migrator.tree.git import GitError
from tests.support.audits import Audited, bare, foreign_commit

FULL = RunOptions(full=True)


@pytest.fixture
def audited(small_audited: Audited) -> Audited:
    return small_audited


@pytest.fixture
def mirrored(audited: Audited) -> Audited:
    audited.change(repository={"remote": str(bare(audited.root / "remote.git"))})
    audited.edit("change a variable")
    audited.good()
    return audited


def spoil(audited: Audited) -> None:
    """
    Turn one bit in the middle of the repository's largest pack, as a dying disk does.
    """
    audited.git("repack", "-a", "-d", "-q")
    pack = max((audited.repository / "objects" / "pack").glob("*.pack"), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 0x10
    pack.chmod(0o600)
    pack.write_bytes(bytes(content))


@pytest.mark.parametrize("weekly", [True, False])
def test_a_damaged_repository_is_not_committed_to(mirrored: Audited, weekly: bool) -> None:
    """
    A full run looks at every object once a week and at what is new each time; one that is broken stops it before the
    window, and the command that it names brings the remote's history back, on which the next run goes on.
    """
    head = mirrored.head()
    if not weekly:
        now = mirrored.tools.now().isoformat(timespec="seconds")
        write_status(mirrored.folder, replace(read_status(mirrored.folder), last_fsck=now, verified=None))
    spoil(mirrored)
    mirrored.edit("change a lifecycle")
    puts = mirrored.puts()

    result = mirrored.run(FULL)

    assert result.outcome == "failed"
    assert exit_code(result) == 1
    assert "is damaged" in (result.error or "")
    assert mirrored.head() == head
    assert mirrored.puts() == puts
    command = str(result.error).split("`")[1]
    subprocess.run(shlex.split(command), check=True)
    again = mirrored.good(FULL)
    assert mirrored.git("rev-parse", "main~1") == head
    assert again.pushed is True
    assert mirrored.exported_tree() == mirrored.tree()


def test_what_was_looked_at_is_remembered(audited: Audited) -> None:
    """
    What a full run found whole is not read again by the next, until a week is over.
    """
    audited.good(FULL)
    first = read_status(audited.folder)
    later = audited.tools.now() + timedelta(days=1)
    audited.good(FULL, now=lambda: later)
    second = read_status(audited.folder)
    much_later = later + timedelta(seconds=FULL_EVERY)
    audited.good(FULL, now=lambda: much_later)

    assert first.verified == second.verified == audited.head()
    assert first.last_fsck == second.last_fsck
    assert read_status(audited.folder).last_fsck == much_later.isoformat(timespec="seconds")


def test_a_branch_that_leads_nowhere_is_no_empty_repository(audited: Audited) -> None:
    """
    A branch whose commit cannot be read is an error, never taken for a repository that has none yet.
    """
    head = audited.head()
    (audited.repository / "refs" / "heads" / "main").write_text("0" * 39 + "1\n")
    shutil.rmtree(audited.folder.path)

    with pytest.raises(GitError, match="is damaged"):
        Repository(RepositoryOptions(audited.repository)).head()
    result = audited.run()
    assert result.outcome == "failed"
    assert "damaged" in (result.error or "")
    assert audited.git("rev-parse", f"{head}^{{commit}}") == head


@pytest.mark.parametrize(
    ("way", "told"), [("moved back", "was moved from"), ("gone", "is gone"), ("foreign", "1 commit that no run made")]
)
def test_what_others_did_to_the_branch_is_told_once(audited: Audited, way: str, told: str) -> None:
    """
    A branch that was moved back or deleted, and commits that no run made, are told by the next run, be there anything
    to commit or not, and only by that.
    """
    audited.edit("change a variable")
    audited.good()
    if way == "moved back":
        audited.git("update-ref", "refs/heads/main", "main~1")
    elif way == "gone":
        audited.git("update-ref", "-d", "refs/heads/main")
    else:
        foreign_commit(audited.repository)

    result = audited.run()

    assert len(result.tampered) == 1
    assert told in result.tampered[0]
    assert result.warnings[0].message == result.tampered[0]
    assert audited.exported_tree() == audited.tree()
    assert audited.good().tampered == ()


def test_a_run_that_was_killed_at_its_end_is_no_tampering(audited: Audited) -> None:
    """
    A commit that a killed run made but did not remember is by the auditor's own name, and nothing to tell.
    """
    before = read_status(audited.folder)
    audited.edit("change a variable")
    audited.good()
    write_status(audited.folder, before)

    assert audited.good().tampered == ()
