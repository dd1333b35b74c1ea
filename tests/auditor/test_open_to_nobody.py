"""
A whole run as a process: no child learns a secret, and nothing that is made is open to others.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemons import SECRETS, Site, site, small_database  # noqa: F401

pytestmark = pytest.mark.usefixtures("open_umask")


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_no_child_learns_a_secret(site: Site) -> None:  # noqa: F811
    """
    Neither git, nor a hook of notifications, nor the command of a reference has the password, the master key or the API
    key in its environment.
    """
    told = site.root / "environments"
    told.mkdir()
    dump = f'cat /proc/$$/environ > "$(mktemp {told}/XXXXXX)"'
    folder = site.root / "bin"
    folder.mkdir()
    for name in ("git", "env"):
        wrapper = folder / name
        wrapper.write_text(f'#!/bin/sh\n{dump}\nexec {shutil.which(name)} "$@"\n')
        wrapper.chmod(0o755)
    hook = site.root / "hook"
    hook.write_text(f"#!/bin/sh\n{dump}\n")
    hook.chmod(0o755)
    site.add(
        "prod",
        export={"password": f"command:{dump}; echo a password of its own"},
        notify={"command": {"argv": [str(hook)]}},
    )
    more = {"OCTOPUS_MASTER_KEY": "x", "MIGRATOR_PASSWORD": "y"}
    done = site.auditor("once", "--server", "prod", PATH=f"{folder}:{os.environ['PATH']}", **more)
    assert done.returncode == 0, done.stderr
    environments = [path.read_bytes() for path in told.iterdir()]
    assert len(environments) > 5
    for value in (SECRETS["T_KEY"], "T_KEY=", "OCTOPUS_MASTER_KEY", "MIGRATOR_PASSWORD"):
        assert not any(value.encode() in item for item in environments), value


def test_nothing_is_open_to_others(site: Site) -> None:  # noqa: F811
    """
    Repository, state and export are their owner's alone, whatever the umask; so is what a later run adds.
    """
    server = site.add("prod")
    assert site.auditor("once", "--server", "prod").returncode == 0
    server.edit("Project", "Projects-1", lambda project: project.update(Description="another"))
    assert site.auditor("once", "--server", "prod").returncode == 0
    for folder in (site.root / "prod.git", site.state("prod").path):
        assert open_to_others(folder) == []


def open_to_others(folder: Path) -> list[str]:
    return [str(path) for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & 0o077]
