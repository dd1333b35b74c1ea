"""
Calls of git: each has an environment of its own, input of any length, and an end with all that it started.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from migrator.credentials import check_reference
from migrator.tree.gate import taken_away
from migrator.tree.git import Git, GitError, close, end

ELSEWHERE = (
    *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS"),
    *("GIT_COMMITTER_DATE", "GIT_EXTERNAL_DIFF", "GIT_TRACE", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_EDITOR", "GIT_PAGER"),
)
"""Variables that lead git to another repository, configuration or program."""
HANG = ("-c", "alias.hang=!sleep 60 & echo $!; wait", "hang")
"""A command whose child outlives it, and which tells that child's pid."""


@pytest.fixture
def repository(tmp_path: Path) -> Git:
    return made(tmp_path / "r.git")


def made(path: Path) -> Git:
    path.mkdir()
    git = Git(path)
    git.run("init", "--bare", "--quiet", "--initial-branch=main", ".")
    return git


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def test_hostile_variables_lead_nobody_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Two threads that work in two repositories at once stay in theirs, whatever the environment points to, and the
    process's own environment is the same at every moment.
    """
    elsewhere = made(tmp_path / "elsewhere.git")
    for name in ELSEWHERE:
        monkeypatch.setenv(name, str(elsewhere.path))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.bare")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "false")
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    before = dict(os.environ)
    changed = 0
    finished = threading.Event()

    def watch() -> None:
        nonlocal changed
        while not finished.is_set():
            changed += dict(os.environ) != before

    def work(git: Git) -> None:
        git.path.mkdir()
        git.run("init", "--bare", "--quiet", "--initial-branch=main", ".")
        for number in range(10):
            content = f"{git.path.name} {number}".encode()
            assert git.run("hash-object", "-w", "--stdin", stdin=content) == blob(content)
            assert git.run("rev-parse", "--is-bare-repository", "--absolute-git-dir") == f"true\n{git.path}"
        git.run("update-ref", "refs/notes/one", git.run("hash-object", "-w", "--stdin"))

    gits = [Git(tmp_path / "one.git"), Git(tmp_path / "two.git")]
    threads = [threading.Thread(target=work, args=(git,)) for git in gits]
    watcher = threading.Thread(target=watch)
    for thread in (watcher, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    finished.set()
    watcher.join()

    assert changed == 0
    for git in gits:
        assert git.run("count-objects").startswith("11 objects")
        assert git.run("for-each-ref", "--format=%(refname)") == "refs/notes/one"
    assert elsewhere.run("count-objects").startswith("0 objects")


def test_every_variable_that_git_calls_a_repositorys_own_is_taken_away(repository: Git) -> None:
    """
    What the installed git lists as local to a repository is taken away, by a rule that a newer git's fall under too.
    """
    names = repository.run("rev-parse", "--local-env-vars").split()
    assert names
    expected = {*names, *ELSEWHERE, "GIT_OF_NEXT_YEAR"}
    assert set(taken_away([*expected, "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "HOME"], {})) == expected


def test_no_child_is_given_a_secret(repository: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A variable that a reference names, or that has always held a secret, is not in git's environment; others are.
    """
    check_reference("env:SECRET_OF_A_TEST")
    for name in ("SECRET_OF_A_TEST", "OCTOPUS_MASTER_KEY", "MIGRATOR_PASSWORD", "NO_SECRET"):
        monkeypatch.setenv(name, "value-of-it")

    given = repository.run("-c", "alias.given=!env", "given", env={"A_CALLS_OWN": "1"})

    names = {line.partition("=")[0] for line in given.splitlines()}
    assert {"NO_SECRET", "A_CALLS_OWN", "GIT_TERMINAL_PROMPT"} <= names
    assert not names & {"SECRET_OF_A_TEST", "OCTOPUS_MASTER_KEY", "MIGRATOR_PASSWORD"}


@pytest.mark.parametrize("size", [0, 65_536, 65_537, 5_000_000])
def test_input_of_any_length(repository: Git, size: int) -> None:
    """
    What is handed to a command may be longer than a pipe holds, and arrives as it is.
    """
    content = b"\0x" * (size // 2) + b"y" * (size % 2)

    assert repository.run("hash-object", "--stdin", stdin=content) == blob(content)


def test_a_command_that_does_not_read_its_input(repository: Git) -> None:
    """
    A command that ends before it has read everything is told by its own words, not by a broken pipe.
    """
    assert repository.run("rev-parse", "--is-bare-repository", stdin=b"x" * 1_000_000) == "true"
    with pytest.raises(GitError, match="git cat-file failed: fatal: Not a valid object name"):
        repository.run("cat-file", "blob", "none", stdin=b"x" * 1_000_000)


def test_a_command_that_hangs_is_ended_with_all_that_it_started(repository: Git) -> None:
    """
    After its time a command and its children are gone, and the error says which one and how long.
    """
    process = repository.start(*HANG)
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    end(process)
    with suppress(psutil.TimeoutExpired):
        child.wait(5)
    assert not child.is_running() or child.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)

    begun = time.monotonic()
    with pytest.raises(GitError, match=r"git hang took longer than 0\.1 seconds"):
        Git(repository.path, timeout=0.1).run(*HANG)
    assert time.monotonic() - begun < 30


def test_a_stop_breaks_off_what_talks_to_a_remote(repository: Git) -> None:
    """
    A command that waits for another host ends when the run is to end; others are let alone.
    """
    stopped = threading.Event()
    git = Git(repository.path, stopped=stopped.is_set)
    threading.Timer(0.1, stopped.set).start()

    with pytest.raises(GitError, match="git hang was broken off"):
        git.run(*HANG, remote=True)
    assert git.run("rev-parse", "--is-bare-repository") == "true"


def test_an_error_shows_no_password(repository: Git) -> None:
    """
    A password in an address is not in the error, even where git repeats the address.
    """
    words = "https://deploy:hunter2@git.example.invalid/r.git is down"

    with pytest.raises(GitError) as error:
        repository.run("-c", f"alias.fail=!echo 'fatal: {words}' >&2; exit 1; :", "fail")

    assert "hunter2" not in str(error.value)
    assert "https://deploy:***@git.example.invalid/r.git is down" in str(error.value)


@pytest.mark.parametrize("hostile", [False, True])
def test_without_git(repository: Git, hostile: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where git is not installed, the error says so, with and without something to take away.
    """
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "env").symlink_to("/usr/bin/env")
    for name in ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    if hostile:
        monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    with pytest.raises(GitError, match="git is not installed"):
        repository.run("version")


def test_without_git_from_the_start(tmp_path: Path) -> None:
    """
    A program that starts where git is not installed says so in a sentence when it is needed, and not before.
    """
    script = "\n".join(
        [
            "import auditor.audit, migrator.tree.git, pathlib",
            "try: migrator.tree.git.Git(pathlib.Path('/')).run('version')",
            "except migrator.tree.git.GitError as error: print(error)",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("git is not installed; install the package git\n", "")


def test_a_folder_that_is_gone(repository: Git, tmp_path: Path) -> None:
    """
    A command never runs in another folder than its own, such as the one that the program was started in.
    """
    with pytest.raises(GitError, match=r"the folder .*gone is not there"):
        Git(tmp_path / "gone").run("rev-parse", "--git-dir")


def test_lines_of_a_command_that_fails(repository: Git) -> None:
    """
    A command that is read as a stream tells its failure at the end; one that is not read to its end leaves no process.
    """
    with pytest.raises(GitError, match="git ls-tree failed: fatal: Not a valid object name"):
        list(repository.lines("ls-tree", "-z", "none"))
    process = repository.start("cat-file", "--batch")
    close(process, "cat-file", "--batch")
    assert process.returncode == 0
