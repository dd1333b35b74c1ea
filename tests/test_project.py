"""
The project as a whole: import contracts, pinned versions, examples. Not here: the pages (test_pages.py).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from migrator.settings import load

ROOT = Path(__file__).parent.parent


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_imports_run_downwards_and_each_library_has_one_home() -> None:
    """The import contracts of pyproject.toml hold."""
    program = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run(
        [str(program), "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_dependency_is_pinned() -> None:
    """constraints.txt has an exact version for every dependency and every tool of the project."""
    lines = [line for line in page("constraints.txt").splitlines() if line and not line.startswith("#")]
    pinned = {_plain(line.partition("==")[0]) for line in lines}
    wanted = project()["project"]["dependencies"] + list(chain(*project()["dependency-groups"].values()))

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._!+]+", line) for line in lines)
    assert {_plain(re.split(r"[<>=~!\[; ]", item)[0]) for item in wanted} - pinned == set()


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_classifiers_are_the_pythons_that_are_tested() -> None:
    """pyproject.toml names the least Python, which `make test` takes, and others only if .ci/pythons tests them."""
    found = re.findall(r"Python :: (3\.\d+)", "\n".join(project()["project"]["classifiers"]))
    tested = re.findall(r"3\.\d+", re.findall(r"^VERSIONS=\((.*)\)", page(".ci/pythons"), re.MULTILINE)[0])

    assert found[0] == project()["project"]["requires-python"].removeprefix(">=")
    assert set(found[1:]) <= set(tested)


def test_the_changelog_knows_this_version() -> None:
    """The newest heading of the changelog is the version in pyproject.toml, or work after it."""
    newest = re.findall(r"^## (\S+)", page("CHANGELOG.md"), re.MULTILINE)[0]

    assert newest in ("Unreleased", project()["project"]["version"])


def test_the_migrators_example_loads() -> None:
    """config/migrator.example.toml is a configuration as it stands."""
    assert load(ROOT / "config" / "migrator.example.toml").instances
