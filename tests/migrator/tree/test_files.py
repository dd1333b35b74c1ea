"""
Where a tree's files come from: folders and commits give the same, and neither leads anywhere else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from migrator.errors import OperatorError
from migrator.tree.files import FolderFiles, RevisionFiles

CONTENTS = {
    "metadata.json": b"{}",
    "Projects/A b/A b.json": b'{"Id": "Projects-1"}',
    "Projects/A b/ü.sh": b"\x00\xff\n",
}


def git(directory: Path, *arguments: str, when: str = "") -> None:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.invalid", "-c", "core.autocrlf=false"]
    dated = os.environ | {"GIT_COMMITTER_DATE": when} if when else None
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, env=dated)


def write(directory: Path, contents: dict[str, bytes]) -> Path:
    for path, content in contents.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(content)
    return directory


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    directory = write(tmp_path / "work", CONTENTS)
    git(directory, "init", "-q", "-b", "main")
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", "all")
    return directory


def test_a_folder_gives_its_files_and_never_those_of_git(tmp_path: Path) -> None:
    """
    Every file below the directory is there, with slashes; what git keeps there is not.
    """
    write(tmp_path, CONTENTS | {".git/config": b"x", "sub/.git/config": b"x"})
    files = FolderFiles(tmp_path)
    assert {path: files.read(path) for path in files.paths()} == CONTENTS
    assert files.warnings == []


def test_a_commit_gives_what_the_folder_gave(repository: Path, tmp_path: Path) -> None:
    """
    A commit's files are the folder's, byte for byte, from a bare repository too, whatever stands in the work tree now.
    """
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    (repository / "metadata.json").write_bytes(b"changed since")
    for place in (repository, tmp_path / "bare.git"):
        with RevisionFiles(place, "main") as files:
            assert {path: files.read(path) for path in files.paths()} == CONTENTS


def test_the_environment_cannot_lead_to_another_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A GIT_DIR that a hook has set does not change whose commit is read.
    """
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    with RevisionFiles(repository, "HEAD") as files:
        assert files.read("metadata.json") == b"{}"


def test_a_repository_is_closed_after_use(repository: Path) -> None:
    """
    No child process of git stays behind.
    """
    with RevisionFiles(repository, "HEAD") as files:
        files.read("metadata.json")
        process = files._reader
    assert process is not None
    assert process.poll() == 0


@pytest.mark.parametrize(
    "revision", ["", "-x", "--output=/tmp/x", "no-such-branch", "a\0b", "HEAD~9", "0" * 40, "^HEAD"]
)
def test_a_revision_that_is_none_is_refused(repository: Path, revision: str) -> None:
    """
    An unknown revision, or one that git would take for an option, is told in a sentence.
    """
    with pytest.raises(OperatorError, match="revision"), RevisionFiles(repository, revision):
        pass


@pytest.fixture
def dated(repository: Path, tmp_path: Path) -> Path:
    """
    A bare repository without a reflog, with a commit of each of three days at noon; the file tells which.
    """
    for day in (10, 11, 12):
        (repository / "day.txt").write_text(str(day), encoding="utf-8")
        date = f"2026-01-{day}T12:00:00+00:00"
        git(repository, "add", "-A")
        git(repository, "-c", "core.logAllRefUpdates=false", "commit", "-q", "-m", str(day), "--date", date, when=date)
    git(tmp_path, "clone", "-q", "--bare", str(repository), "dated.git")
    return tmp_path / "dated.git"


@pytest.mark.parametrize(
    ("revision", "day"),
    [
        ("main@{2026-01-11 13:00 +0000}", b"11"),
        ("main@{2026-01-11 11:00 +0000}", b"10"),
        ("@{2026-01-12 12:00:00 +0000}", b"12"),
        ("main@{yesterday}", b"12"),
        ("main@{2 days ago}", b"12"),
    ],
)
def test_a_time_names_the_commit_of_then(
    dated: Path, revision: str, day: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where git has no reflog to ask, a time after a branch means its newest commit of that time or before.
    """
    monkeypatch.setenv("TZ", "UTC")
    with RevisionFiles(dated, revision) as files:
        assert files.read("day.txt") == day


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        ("main@{what ever}", "is not a time"),
        ("main@{2025-12-31 12:00}", "is as old as"),
        ("other@{yesterday}", "has no revision"),
        ("main@{7}", "has no revision"),
        ("main@{upstream}", "is not a time"),
    ],
)
def test_a_time_that_names_no_commit(dated: Path, revision: str, said: str) -> None:
    """
    Words that are no time, a time before the first commit, and a branch that is not there, are told.
    """
    with pytest.raises(OperatorError, match=said), RevisionFiles(dated, revision):
        pass


@pytest.mark.parametrize("name", ["missing", "work/Projects"])
def test_a_folder_that_is_no_repository_is_refused(repository: Path, tmp_path: Path, name: str) -> None:
    """
    Only the repository itself counts, not one further up.
    """
    with pytest.raises(OperatorError, match="is not a git repository"), RevisionFiles(tmp_path / name, "HEAD"):
        pass


def test_without_git_folders_still_work(repository: Path, tmp_path: Path) -> None:
    """
    A host without git reads folders, and is told what a commit needs.
    """
    program = (
        "import sys\nfrom pathlib import Path\nfrom migrator.errors import OperatorError\n"
        "from migrator.tree.files import FolderFiles, RevisionFiles\n"
        "print(len(list(FolderFiles(Path(sys.argv[1])).paths())))\n"
        "try:\n    RevisionFiles(Path(sys.argv[1]), 'HEAD').__enter__()\n"
        "except OperatorError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(repository)],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "3",
        "git is not installed, so no commit can be read; install it, or name a directory",
    ]


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    """
    A link to a file or a folder outside of the tree is refused by its name, from a folder and from a commit.
    """
    outside = write(tmp_path / "outside", {"secret": b"plain"})
    for name, target in (("file", outside / "secret"), ("folder", outside), ("gone", Path("../../nowhere"))):
        directory = write(tmp_path / name, CONTENTS)
        (directory / "Projects" / "link.json").symlink_to(target)
        with pytest.raises(OperatorError, match=r"Projects/link\.json is a link that leads out"):
            list(FolderFiles(directory).paths())
        git(directory, "init", "-q")
        git(directory, "add", "-A")
        git(directory, "commit", "-q", "-m", "all")
        with pytest.raises(OperatorError, match=r"link\.json is a link"), RevisionFiles(directory, "HEAD"):
            pass


def test_a_link_within_the_tree_is_ignored_with_a_warning(repository: Path) -> None:
    """
    A link is never followed: what it points to stands in the tree anyway.
    """
    (repository / "Projects" / "same.json").symlink_to("A b/A b.json")
    (repository / "again").symlink_to("Projects")
    (repository / "Projects" / "dots.json").symlink_to("../..notes")
    (repository / "..notes").symlink_to("Projects")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "links")
    folder = FolderFiles(repository)
    assert set(folder.paths()) == set(CONTENTS)
    with RevisionFiles(repository, "HEAD") as commit:
        assert set(commit.paths()) == set(CONTENTS)
        assert sorted(commit.warnings) == sorted(folder.warnings)
        assert len(commit.warnings) == 4


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """
    Something that is no plain file is refused at once.
    """
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(OperatorError, match=r"pipe\.json is not a plain file"):
        FolderFiles(tmp_path).read("pipe.json")


def test_an_enormous_file_is_refused_before_it_is_read(repository: Path) -> None:
    """
    A file above the limit is named, with both sizes.
    """
    with (repository / "huge.json").open("wb") as file:
        file.truncate(300 << 20)
    with pytest.raises(OperatorError, match=r"huge\.json has 300 MB, but files above 256 MB"):
        FolderFiles(repository).read("huge.json")
    with (
        RevisionFiles(repository, "HEAD", limit=1) as files,
        pytest.raises(OperatorError, match=r"metadata\.json has 0 MB, but"),
    ):
        files.read("metadata.json")


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    """
    A wrong path is told in a sentence.
    """
    with pytest.raises(OperatorError, match="is not a directory"):
        list(FolderFiles(tmp_path / "nothing").paths())
