"""
What of git's environment and configuration counts: nothing by which a repository that somebody made runs a program.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.repository.git import GitOptions, git_in
from migrator.tree.files import RevisionFiles
from migrator.tree.gate import Configuration, UnsafeRepository
from migrator.tree.git import Git, GitError
from tests.support.audits import bare, git

ANOTHER_USER = 54321


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """
    A program that leaves a mark beside itself when it is run.
    """
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    program.chmod(0o755)
    return program


def sprung(trap: Path) -> bool:
    return trap.with_name("sprung").exists()


def committed(path: Path) -> str:
    """
    Put a commit with one file into a repository; return the file's id.
    """
    blob = git(path, "hash-object", "-w", "--stdin", input="{}")
    tree = git(path, "mktree", input=f"100644 blob {blob}\tmetadata.json\n")
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    git(path, "update-ref", "refs/heads/main", git(path, *who, "commit-tree", tree, "-m", "one"))
    return blob


def read(repository: Path) -> bytes:
    with RevisionFiles(repository, "main") as files:
        return files.read("metadata.json")


@pytest.mark.parametrize("promisor", [True, False])
def test_a_partial_clone_fetches_nothing(tmp_path: Path, trap: Path, promisor: bool) -> None:
    """
    A repository that lacks an object, and says by which program it is to be had, is refused before anything is run.
    """
    repository = bare(tmp_path / "r.git")
    blob = committed(repository)
    (repository / "objects" / blob[:2] / blob[2:]).unlink()
    git(repository, "config", "core.repositoryFormatVersion", "1")
    if promisor:
        git(repository, "config", "remote.origin.promisor", "true")
    else:
        git(repository, "config", "extensions.partialClone", "origin")
    git(repository, "config", "remote.origin.url", str(repository))
    git(repository, "config", "remote.origin.uploadpack", str(trap))

    with pytest.raises(UnsafeRepository, match="make a full clone"):
        read(repository)
    assert not sprung(trap)


@pytest.mark.parametrize(
    "key",
    ["remote.any.promisor", "remote.https://host/r.git.vcs", "remote.a\x1bb.receivepack", "extensions.partialclone"],
)
def test_settings_that_are_refused(key: str) -> None:
    """
    Each setting by which git would fetch or run by itself is refused in a repository's own configuration, in one
    printable sentence, and does not count in the operator's.
    """
    with pytest.raises(UnsafeRepository) as refused:
        Configuration.of([b"local", f"{key}\nx".encode()], "r.git")
    assert str(refused.value).isprintable()
    assert Configuration.of([b"global", f"{key}\nx".encode()], "r.git") == Configuration()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("core.hooksPath", "{folder}", ("update-ref", "refs/heads/other", "main")),
        ("core.fsmonitor", "{trap}", ("ls-tree", "main")),
        ("credential.helper", "!{trap}", ("credential", "fill")),
        ("credential.https://example.com.helper", "!{trap}", ("credential", "fill")),
        ("core.askPass", "{trap}", ("credential", "fill")),
        ("core.sshCommand", "{trap}", ("ls-remote", "--", "ssh://127.0.0.1:1/r.git")),
        ("core.gitProxy", "{trap}", ("ls-remote", "--", "git://127.0.0.1:1/r.git")),
        ("url.ext::{trap}.insteadOf", "https://example.com/", ("ls-remote", "--", "https://example.com/")),
        ("gpg.ssh.program", "{trap}", ("-c", "gpg.format=ssh", "commit-tree", "-Snone", "-m", "x", "main^{{tree}}")),
        ("log.showSignature", "true", ("-c", "gpg.program={trap}", "log", "-1", "main")),
    ],
)
def test_a_repositorys_settings_run_nothing(
    tmp_path: Path, trap: Path, key: str, value: str, words: tuple[str, ...]
) -> None:
    """
    Whatever program a repository names in its configuration, no command of either program runs it.
    """
    repository = bare(tmp_path / "r.git")
    committed(repository)
    trap.with_name("reference-transaction").symlink_to(trap)
    named = {"trap": trap, "folder": tmp_path}
    git(repository, "config", key.format_map(named), value.format_map(named))

    for opened in (Git(repository), git_in(repository, GitOptions(timeout=20))):
        try:
            opened.run(
                *(word.format_map(named) for word in words), stdin=b"protocol=https\nhost=example.com\n\n", remote=True
            )
        except GitError as error:
            assert "longer" not in str(error)
    assert not sprung(trap)


def test_a_repositorys_hooks_run_nothing(tmp_path: Path, trap: Path) -> None:
    """
    Hooks in a repository are not run, by a command as by a push to another.
    """
    repository, remote = bare(tmp_path / "r.git"), bare(tmp_path / "remote.git")
    committed(repository)
    for name in ("reference-transaction", "pre-push", "post-update"):
        (repository / "hooks").mkdir(exist_ok=True)
        (repository / "hooks" / name).unlink(missing_ok=True)
        (repository / "hooks" / name).symlink_to(trap)
    opened = Git(repository)

    opened.run("update-ref", "refs/heads/other", "main")
    opened.run("push", "--quiet", "--", str(remote), "main:refs/heads/main", remote=True)

    assert not sprung(trap)


def test_without_a_remote_no_protocol_is_spoken(tmp_path: Path) -> None:
    """
    Only a command that is to talk to a remote can.
    """
    repository, remote = bare(tmp_path / "r.git"), bare(tmp_path / "remote.git")

    with pytest.raises(GitError, match="transport 'file' not allowed"):
        Git(repository).run("ls-remote", "--", str(remote))
    assert Git(repository).run("ls-remote", "--", str(remote), remote=True) == ""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_another_users_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A repository of another user is refused in a sentence, by both programs, unless git's list of exceptions has it.
    """
    repository = bare(tmp_path / "r.git")
    committed(repository)
    for path in (repository, *repository.rglob("*")):
        os.chown(path, ANOTHER_USER, -1)

    with pytest.raises(UnsafeRepository, match="belongs to another user") as refused:
        read(repository)
    with pytest.raises(UnsafeRepository, match="belongs to another user"):
        git_in(repository, GitOptions()).run("rev-parse", "main")

    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    command = str(refused.value).rpartition(": ")[2]
    git(tmp_path, *command.split()[1:])
    assert read(repository) == b"{}"


def test_of_the_operators_configuration_only_the_way_to_a_remote_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Of the operator's own configuration count credentials and transport, for commands that talk to a remote; a helper
    that the repository names does not come before the operator's.
    """
    operator = tmp_path / "gitconfig"
    operator.write_text(
        "[core]\n\thooksPath = /somewhere\n\tquotePath = false\n[alias]\n\tx = !true\n"
        '[http "https://example.com"]\n\textraHeader = a: b\n'
        '[credential]\n\thelper = "!echo username=u; echo password=p #"\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(operator))
    repository = bare(tmp_path / "r.git")
    git(repository, "config", "credential.helper", "!echo username=wrong; echo password=wrong #")
    opened = Git(repository)

    def settings(*, remote: bool) -> dict[str, str]:
        lines = opened.run("config", "--list", remote=remote).splitlines()
        return dict(line.partition("=")[::2] for line in lines)

    assert settings(remote=True)["http.https://example.com.extraheader"] == "a: b"
    assert settings(remote=True)["core.hookspath"] == "/dev/null"
    assert not settings(remote=True).keys() & {"alias.x", "core.quotepath", "user.name"}
    assert "http.https://example.com.extraheader" not in settings(remote=False)
    answer = opened.run("credential", "fill", stdin=b"protocol=https\nhost=example.com\n\n", remote=True)
    assert "username=u" in answer.splitlines()
    assert "password=p" in answer.splitlines()


def test_a_configuration_that_git_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A configuration that cannot be read is an error in git's own words, and never taken for an empty one.
    """
    repository, operator = bare(tmp_path / "r.git"), tmp_path / "gitconfig"
    operator.write_text("[nonsense\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(operator))

    with pytest.raises(GitError, match="bad config line 1"):
        Git(repository).run("rev-parse", "--git-dir")
