"""
What the pages tell to type, typed: by a shell, in a folder of the test's in place of the machine's own.

Not here: making the virtual environment, which `make` and .ci/run do; and whether what is named exists (test_pages.py).
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.demo.content.server import fill
from auditor.demo.stub import RestStub

ROOT = Path(__file__).parents[1]
MASTER_KEY, API_KEY = os.urandom(16), "API-QUICKSTART"


def section(page: str, heading: str) -> str:
    """
    Return what stands below a heading of the second level.
    """
    return (ROOT / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def typed(text: str) -> list[str]:
    """
    Return the lines of the indented blocks.
    """
    return [line[4:] for line in text.splitlines() if re.match(r" {4}[a-z/]", line)]


def toml(text: str) -> str:
    """
    Return the first block of TOML.
    """
    return text.partition("```toml\n")[2].partition("```")[0]


def path_without_ours() -> str:
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / "auditor").exists())


def test_make_demo_ends_with_commands_that_work_as_printed(tmp_path: Path) -> None:
    """`make demo` on a machine without our programs on PATH prints commands that a shell takes where it was typed."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    assert "make demo" in typed(section("README.md", "Two commands"))
    # As a person's shell has it: a make that runs inside another one says which folder it enters and leaves.
    environ = {name: value for name, value in os.environ.items() if name not in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")}
    environ["PATH"] = path_without_ours()

    # The environment is there already, so it is not to be made.
    made = subprocess.run(
        ["make", "-o", ".venv/.installed", "demo"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode == 0, made.stderr
    lines = [line.strip() for line in made.stdout.splitlines()[-3:]]
    assert lines[0] == "git --git-dir=demo/history.git log"
    assert lines[2].startswith(".venv/bin/migrator export ")
    for line in lines:
        done = subprocess.run(line, shell=True, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stderr}"
    assert (tmp_path / "demo" / "export" / "metadata.json").is_file()


@dataclass(frozen=True)
class Machine:
    """
    A folder in place of a machine's root, with a server, a remote, and what the README takes for given.
    """

    root: Path
    stub: RestStub

    def here(self, text: str) -> str:
        """
        Return a text of the pages with the places of this machine.
        """
        for name in ("/opt/octopus-auditor", "/usr/local/bin", "/etc/", "/var/lib/octopus-auditor"):
            text = text.replace(name, f"{self.root}{name}")
        return text.replace("https://octopus.example.com", self.stub.url).replace(
            "git@git.example.com:ops/octopus-prod.git", str(self.root / "remote.git")
        )

    def type(self, lines: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        """
        Let a shell run the lines, each of which must succeed.
        """
        script = self.here("\n".join(lines))
        assert [path for path in re.findall(r"[ =:](/[^\s:]+)", script) if not path.startswith(str(self.root))] == []
        environ = os.environ | {"PATH": f"{self.root}/usr/local/bin:{path_without_ours()}"} | more
        return subprocess.run(
            ["sh", "-euxc", script],
            cwd=ROOT,
            env=environ,
            umask=0o077,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    root = tmp_path_factory.mktemp("machine")
    for name in ("etc/octopus-auditor", "etc/systemd/system", "opt", "usr/local/bin", "var/lib"):
        (root / name).mkdir(parents=True)
    # Where the README has the virtual environment made.
    (root / "opt" / "octopus-auditor").symlink_to(sys.prefix)
    subprocess.run(["git", "init", "--quiet", "--bare", str(root / "remote.git")], check=True)
    fill(root / "octopus.sqlite", MASTER_KEY)
    secrets = {
        "database": f"sqlite:///{root / 'octopus.sqlite'}",
        "master-key": base64.b64encode(MASTER_KEY).decode(),
        "export-password": "long enough to be a password",
        "api-key": API_KEY,
    }
    stub = RestStub(API_KEY).start()
    machine = Machine(root, stub)
    for name, secret in secrets.items():
        (root / "etc" / "octopus-auditor" / name).write_text(f"{secret}\n", encoding="utf-8")
        (root / "etc" / "octopus-auditor" / name).chmod(0o600)
    yield machine
    stub.stop()


@pytest.fixture(scope="module")
def started(machine: Machine) -> subprocess.CompletedProcess[str]:
    """
    The README's quick start, typed from a clone, but for the two lines that make and fill the virtual environment.
    """
    text = section("README.md", "Quick start with a real server")
    named = set(re.findall(r"`/etc/octopus-auditor/([a-z-]+)`", text))
    assert named == {path.name for path in (machine.root / "etc" / "octopus-auditor").iterdir()}
    config = machine.root / "etc" / "octopus-auditor" / "auditor.toml"
    config.write_text(machine.here(toml(text)), encoding="utf-8")
    lines = typed(text)
    assert lines[0] == "python3 -m venv /opt/octopus-auditor"
    assert lines[1] == "/opt/octopus-auditor/bin/pip install -c constraints.txt ."
    return machine.type(lines[2:])


def test_the_quick_start_ends_in_a_history(machine: Machine, started: subprocess.CompletedProcess[str]) -> None:
    """Each command of the quick start succeeds as typed; the last shows the first export, which the remote has too."""
    assert started.returncode == 0, started.stdout + started.stderr
    assert "ODBC drivers: " in started.stdout
    assert "    First export of " in started.stdout
    words = ["git", f"--git-dir={machine.root / 'remote.git'}", "log", "--format=%s", "main"]
    pushed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert pushed.startswith("First export of ")
    assert not machine.stub.in_maintenance


@pytest.mark.usefixtures("started")
def test_the_steps_to_systemd_hand_every_secret_to_the_unit(machine: Machine) -> None:
    """After docs/running.md's steps the unit's credentials are all there, and a check with them finds no fault."""
    text = section("docs/running.md", "systemd")
    unit = (ROOT / "systemd" / "octopus-auditor.service").read_text(encoding="utf-8")
    lines = [line for line in typed(text.partition("**Pushing over SSH.**")[0]) if not line.startswith("systemctl ")]
    config = machine.root / "etc" / "octopus-auditor" / "auditor.toml"
    config.write_text(machine.here(toml(text)), encoding="utf-8")

    moved = machine.type(lines)

    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert "prod" in moved.stdout  # auditor status
    assert [path.name for path in config.parent.iterdir()] == ["auditor.toml"]
    # A drop-in is copied only by who wants it.
    assert {path.name for path in (ROOT / "systemd").iterdir() if path.suffix != ".conf"} == {
        path.name for path in (machine.root / "etc" / "systemd" / "system").iterdir()
    }
    credentials = machine.root / "credentials"
    credentials.mkdir()
    for name, file in re.findall(r"^LoadCredential=(\w+):(\S+)$", unit, re.MULTILINE):
        if (source := machine.root / "etc" / "credstore" / file).exists():
            shutil.copy(source, credentials / name)
    command = next(line for line in typed(section("README.md", "Quick start with a real server")) if " check " in line)
    checked = machine.type([command], CREDENTIALS_DIRECTORY=str(credentials))
    assert checked.returncode == 0, checked.stdout
    assert "fail" not in checked.stdout
