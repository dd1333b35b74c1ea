"""
The demonstration, as a child process.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.demo.show import Talk, demonstrate, program
from migrator.errors import UsageError
from tests.support.program import child

ROOT = Path(__file__).parents[3]


def auditor(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run("auditor.cli.main", *arguments)


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        child(module, *arguments),
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "60"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """
    A demonstration in a directory that holds a half-made earlier one, and something beside it.
    """
    place = tmp_path_factory.mktemp("demonstration")
    directory, other = place / "with a blank, ü", place / "other"
    directory.mkdir()
    (directory / ".octopus-auditor-demo").touch()
    (directory / "octopus.sqlite").write_text("half", encoding="utf-8")
    (directory / "notes.txt").write_text("mine", encoding="utf-8")
    other.mkdir()
    (other / "kept").touch()
    (directory / "history.git").symlink_to(other)
    return directory, auditor("demo", "--directory", str(directory))


def git(directory: Path, *words: str) -> str:
    return subprocess.run(
        ["git", f"--git-dir={directory / 'history.git'}", *words], capture_output=True, text=True, check=True
    ).stdout


def test_it_tells_the_whole_story(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Log, one diff, the window and what to do next are all printed, as plain text where there is no terminal."""
    directory, done = shown

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert all(line in done.stdout for line in git(directory, "log", "--format=%h").split())
    assert done.stdout.count("s in maintenance mode") == 3
    assert "\n~ Project Web Shop / variables" in done.stdout
    assert "Replicas  [no scope]                  3 -> 12\n" in done.stdout


def test_edits_make_commits_and_a_run_without_edits_makes_none(
    shown: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """The first two runs commit; the third finds nothing changed and leaves HEAD alone."""
    directory, done = shown

    first, second, third = done.stdout.split(" run: ")[1:]
    assert "commit: First export" in first
    assert " 0 unchanged" not in second and " commit" in second
    assert "0 files added, 0 modified, 0 deleted" in third and "no commit" in third
    assert [part.count("unchanged") for part in (first, second, third)] == [1, 1, 1]
    assert int(git(directory, "rev-list", "--count", "HEAD")) >= 2


def test_secrets_are_in_files_of_their_own(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Key, password and API key are readable by their owner only; configuration and output hold references at most."""
    directory, done = shown

    for name in ("master-key", "export-password", "api-key"):
        path = directory / name
        secret = path.read_text(encoding="utf-8").strip()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert secret not in (directory / "auditor.toml").read_text(encoding="utf-8")
        assert secret not in done.stdout


def test_the_commands_it_names_work(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Each of the three commands at the end works as it is printed, in a shell, and the export is the server's tree."""
    directory, done = shown

    for line in done.stdout.splitlines()[-3:]:
        typed = subprocess.run(line, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
        assert typed.returncode == 0, typed.stderr
    assert (directory / "export" / "metadata.json").is_file()


def test_a_program_is_named_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name alone only where PATH leads to this installation's program; else the path, as this one's was typed."""
    for name in ("ours", "other"):
        (tmp_path / name).mkdir()
        for each in ("auditor", "migrator"):
            (tmp_path / name / each).touch(0o755)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "migrator").symlink_to(tmp_path / "ours" / "migrator")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ours/auditor", "demo"])

    def named(path: str) -> str:
        monkeypatch.setenv("PATH", path)
        return program("migrator")

    assert named(str(tmp_path / "linked")) == "migrator"
    assert named(str(tmp_path / "other")) == named("/nowhere") == "ours/migrator"
    monkeypatch.chdir(tmp_path / "ours")
    monkeypatch.setattr(sys, "argv", ["./auditor", "demo"])
    assert named("/nowhere") == "./migrator"
    (tmp_path / "ours" / "migrator").unlink()
    assert named("/nowhere") == f"{sys.executable} -m migrator.cli.main"


def test_the_readme_shows_what_is_really_printed(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The history and the changes in the README are a demonstration's, in their order, but for the ids of commits."""
    directory, done = shown
    blocks = re.findall(r"```(?:text|diff)\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    history, change = (block.splitlines() for block in blocks)

    printed = git(directory, "log", "--format=%s").splitlines()
    assert [line.split(None, 1)[1] for line in history if not line.startswith("$")] == printed
    lines = done.stdout.splitlines()
    places = [lines.index(line) for line in change if line]
    assert places == sorted(places)


def test_the_page_on_reading_shows_what_is_committed(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Each change that the page shows as told now is in the demonstration's commit, to the letter."""
    directory, _ = shown
    page = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    now = [line[2:] for line in page.splitlines() if line.startswith("+ ")]

    message = git(directory, "log", "-1", "--format=%B")
    assert len(now) > 10
    assert [line for line in now if line.strip() not in message] == []


def test_the_configuration_goes_on_working(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """After the stub has ended, a run with the written configuration still succeeds and finds nothing changed."""
    directory, _ = shown
    before = git(directory, "rev-parse", "HEAD")

    done = auditor("once", "--config", str(directory / "auditor.toml"))

    assert done.returncode == 0, done.stderr
    assert git(directory, "rev-parse", "HEAD") == before


def test_it_replaces_an_earlier_one(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """What an earlier demonstration left is made anew, no link is followed out of it, and what lies beside it stays."""
    directory, _ = shown

    assert (directory / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert (directory.parent / "other" / "kept").is_file()
    assert not (directory / "history.git").is_symlink()


@pytest.mark.parametrize("kind", ["something else", "a file", "a link"])
def test_it_refuses_what_is_not_its_own(kind: str, tmp_path: Path) -> None:
    """A directory with other content, a file or a link is a wrong usage that says what to do; nothing is touched."""
    target = tmp_path / "target"
    kept = target
    if kind == "something else":
        target.mkdir()
        kept = target / "octopus.sqlite"
    if kind == "a link":
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    else:
        kept.write_text("mine", encoding="utf-8")
    said: list[str] = []

    with pytest.raises(UsageError, match="--directory"):
        demonstrate(target, Talk(said.append, said.append))

    assert said == []
    assert kind == "a link" or kept.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "elsewhere").exists() or not list((tmp_path / "elsewhere").iterdir())


def test_the_newest_version_has_the_same_story(tmp_path: Path) -> None:
    """With a database of 2026.1 the same edits make the same kind of commits, and a run without edits makes none."""
    done = auditor("demo", "--directory", str(tmp_path / "demo"), "--server-version", "2026.1")

    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.split(" run: ")[1:]
    assert "commit: First export" in first
    assert "table DeploymentTargetTag is not known" in first and "DeploymentTargetTag" not in second
    assert "+ petr.novak" in third
    assert "0 files added, 0 modified, 0 deleted" in third and "no commit" in third
