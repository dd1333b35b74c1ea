"""
What is no bug: a full disk behind the output, no memory, no files, another encoding, an impatient person.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import SECRETS, SampleServer

PROGRAM = f"{sys.executable} -m migrator.cli.main"


def shell(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line],
        env=os.environ | SECRETS | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def told(done: subprocess.CompletedProcess[str]) -> str:
    """
    Return what was said, after making sure that it is one sentence and no bug.
    """
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.stderr


def test_a_full_disk_behind_the_output() -> None:
    """
    What cannot be written is told, and nothing is tried again at the end of the process.
    """
    done = shell(f"exec {PROGRAM} version > /dev/full")
    assert done.returncode == 1
    assert "is a disk full" in told(done)


def test_no_output_at_all() -> None:
    """
    Who closes the output wants to see nothing; the work is done.
    """
    assert shell(f"exec {PROGRAM} version >&-").returncode == 0
    assert shell(f"exec {PROGRAM} no-such-command >&- 2>&-").returncode == 2


def test_an_output_of_another_encoding(server: SampleServer, tmp_path: Path) -> None:
    """
    Signs that the terminal has not are shown as escapes.
    """
    out = tmp_path / "\u2192"
    done = shell(f"exec {PROGRAM} export --database={server.address} --directory={out}", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert "\\u2192" in done.stdout
    told(done)


@pytest.mark.parametrize("limit", ["-n 5", "-n 9", "-v 62000", "-v 80000", "-v 120000"])
def test_a_limit_of_the_system(server: SampleServer, tmp_path: Path, limit: str) -> None:
    """
    Too few files, or too little memory, is told as what it is wherever it strikes, or does no harm.
    """
    done = shell(f"ulimit {limit}; exec {PROGRAM} export --database={server.address} --directory={tmp_path}/out")
    # At its very end the interpreter may say something of its own, which is none of ours.
    assert "bug" not in done.stderr
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("program", ["migrator", "auditor"])
@pytest.mark.parametrize("module", ["cli.options", "errors"])
def test_an_impatient_person(program: str, module: str) -> None:
    """
    Ctrl-C while modules are loaded is an interruption like any other.
    """
    name = f"{program}.{module}" if module == "cli.options" else "migrator.errors"
    code = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {name!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        f"from {program}.cli.main import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "version"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, told(done)) == (130, f"{program}: interrupted\n")
