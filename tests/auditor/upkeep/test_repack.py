"""
Keeping a repository small, under the run's own locks.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor.repository.repository import Repository, RepositoryOptions, configure, create, locked
from auditor.status import read_status
from auditor.upkeep.repack import is_due, maintain_if_due, repack
from auditor.world import Tools
from tests.support.audits import git
from tests.support.daemons import Site, site, small_database  # noqa: F401

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def size(path: Path) -> int:
    return sum(item.stat().st_size for item in (path / "objects").rglob("*") if item.is_file())


def add_commits(repository: Repository, count: int, said: str) -> None:
    """
    Add commits of one small change each to a large file, as loose objects, which is how runs leave them.
    """
    stream = []
    for number in range(count):
        lines = [f"line {index} {index * 7919}" for index in range(1500)]
        lines[number % 1500] = f"{said} {number}"
        content = "\n".join(lines).encode()
        parent = b"from refs/heads/main^0\n" if number == 0 and repository.head() else b""
        stream.append(b"commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 1\nx\n%s" % (10**9 + number, parent))
        stream.append(b"M 100644 inline Projects/one.json\ndata %d\n%s\n" % (len(content), content))
    folder = repository.path / "objects/pack"
    before = set(folder.glob("*.pack"))
    words = ["git", "-c", "fastimport.unpackLimit=0", "fast-import", "--quiet"]
    subprocess.run(words, cwd=repository.path, input=b"".join(stream), check=True, timeout=60)
    (pack,) = set(folder.glob("*.pack")) - before
    content = pack.read_bytes()
    pack.unlink()
    pack.with_suffix(".idx").unlink()
    subprocess.run(["git", "unpack-objects", "-q"], cwd=repository.path, input=content, check=True, timeout=60)


def test_many_small_commits_stay_small(tmp_path: Path) -> None:
    """
    Hundreds of commits of one small change each to a large file cost a small part of what they cost before; nothing is
    lost, and the number of packs stays small.
    """
    create(RepositoryOptions(tmp_path / "r.git"))
    repository = Repository(RepositoryOptions(tmp_path / "r.git"))
    configure(repository)
    for said in ("first", "second", "third"):
        add_commits(repository, 100, said)
        before = size(repository.path)
        repack(repository)
        assert size(repository.path) < before / 3
    assert len(list((repository.path / "objects/pack").glob("*.pack"))) <= 3
    assert repository.git.run("count-objects").startswith("0 objects")
    assert git(repository.path, "rev-list", "--count", "main") == "300"
    git(repository.path, "fsck", "--strict")


def test_when_it_is_due() -> None:
    """
    At the first time, and then after each interval.
    """
    assert is_due(None, 60, NOW)
    assert not is_due(NOW.isoformat(), 60, NOW + timedelta(seconds=59))
    assert is_due(NOW.isoformat(), 60, NOW + timedelta(seconds=60))


def test_it_is_remembered_and_keeps_out_of_a_runs_way(site: Site) -> None:  # noqa: F811
    """
    It is done once an interval, not while a run holds a lock, and not where there is no repository.
    """
    site.add("prod")
    settings, folder = site.load().servers["prod"], site.state("prod")
    tools = Tools(now=lambda: NOW)
    assert not maintain_if_due("prod", settings, folder, tools)
    assert site.audit("prod").error is None
    with locked(folder.lock, 0):
        assert not maintain_if_due("prod", settings, folder, tools)
    assert maintain_if_due("prod", settings, folder, tools)
    assert not maintain_if_due("prod", settings, folder, tools)
    assert read_status(folder).last_repack == NOW.isoformat(timespec="seconds")
    assert site.audit("prod").outcome == "unchanged"
    assert read_status(folder).last_repack is not None
