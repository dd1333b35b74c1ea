"""
The bare repository: made whole or not at all, locked, and cleaned of what a killed run left.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.repository.fast_import import FastImport, blob_id
from auditor.repository.repository import (
    Busy,
    Repository,
    RepositoryOptions,
    check_is_ours,
    clear_stale,
    configure,
    create,
    locked,
)
from migrator.documents.file import File
from migrator.errors import OperatorError
from migrator.tree.folder import FolderSink
from migrator.tree.git import GitError
from tests.support.audits import git, tree_files


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    options = RepositoryOptions(tmp_path / "r.git")
    create(options)
    repository = check_is_ours(options)
    configure(repository)
    return repository


def commit(repository: Repository, *files: File, gone: tuple[str, ...] = ()) -> str:
    head = repository.head()
    sink = FastImport(repository.git, head, lambda: None)
    for file in files:
        sink.write(file)
    for path in gone:
        sink.delete(path)
    new = repository.commit(sink.finish(), [head] if head else [], "a commit\n", 1_700_000_000)
    repository.advance(new, head)
    return new


def test_files_go_in_and_out(repository: Repository) -> None:
    """
    Files with hard names and any bytes are in the commit as they were given, under the ids that were computed.
    """
    hard = ['sp ace/"quoted".json', '"a/é.json', "M 100644 inline x", "-n", "metadata.json"]
    files = [File(path, bytes([index, 0, 10, 255]) * index) for index, path in enumerate(hard)]

    first = commit(repository, *files)

    assert tree_files(repository.path, first) == {file.path: file.content for file in files}
    assert repository.listing(first) == {file.path: blob_id(file.content) for file in files}
    assert repository.read("-n", first) == files[3].content
    assert repository.read("none", first) is None
    assert set(tree_files(repository.path, commit(repository, gone=(hard[0], "-n")))) == {*hard} - {hard[0], "-n"}


def test_a_path_is_never_a_command(repository: Repository) -> None:
    """
    Files that somebody committed by hand, whatever they are called, are taken out as what they are; the others stay.
    """
    head = commit(repository, File("metadata.json", b"{}"), File("b", b"b"))
    foreign = ["x\nD metadata.json\ndone\n", 'q"\\', "tab\t", "b\x7f"]
    blob = git(repository.path, "rev-parse", f"{head}:b")
    lines = "".join(f"100644 blob {blob}\t{path}\0" for path in ["metadata.json", "b", *foreign])
    tree = repository.git.run("mktree", "-z", stdin=lines.encode())
    repository.advance(repository.commit(tree, [head], "by hand\n"), head)

    assert set(repository.listing(commit(repository, gone=tuple(foreign)))) == {"metadata.json", "b"}


@pytest.mark.parametrize(
    "path",
    [
        *("", "/etc/passwd", "../x", "a/../x", "a/./x", "a//x", "a/", ".git/hooks/x", "a/.GIT/x", ".git./x", "GIT~1/x"),
        *("x\nD metadata.json", "x\0y", "a\\..\\x", "C:x", "a\ud800", "a\u202ex", ".g\u200cit/x", "a" * 256),
    ],
)
def test_a_path_that_is_not_safe_is_refused(path: str, repository: Repository, tmp_path: Path) -> None:
    """
    Each sink refuses by itself what would leave the tree, whoever made the path; nothing is written.
    """
    sink = FastImport(repository.git, None, lambda: None)
    with pytest.raises(OperatorError, match="no safe path"):
        sink.write(File(path, b"x"))
    assert not sink.started
    with FolderSink(tmp_path / "out") as folder, pytest.raises(OperatorError, match="no safe path"):
        folder.add(File(path, b"x"))
    assert {item.name for item in tmp_path.iterdir()} <= {"out", "r.git"}


def test_a_tree_that_was_not_meant_goes_nowhere(repository: Repository) -> None:
    """
    Before anybody is given the new tree it is compared with what was written: a file too much, one too few, or a file
    where a folder was meant stops the run and is named.
    """
    head = commit(repository, File("metadata.json", b"{}"), File("a/b", b"b"), File("c", b"c"))
    for command, named in ((b"D metadata.json\n", "metadata.json"), (b"M 100644 inline c/d\ndata 1\nx\n", "c")):
        sink = FastImport(repository.git, head, lambda: None)
        sink.write(File("e", b"e"))
        sink._put(command)
        with pytest.raises(GitError, match=f"another tree than this run meant to write at '{named}"):
            sink.finish()
    sink = FastImport(repository.git, head, lambda: None)
    sink.write(File("a/x", b"x"))
    sink.delete("a")
    with pytest.raises(GitError, match="another tree"):
        sink.finish()
    assert repository.head() == head


def test_what_stood_there_already_is_no_difference(repository: Repository) -> None:
    """
    A file that is written as it was, as where two documents swapped their names, is what was meant.
    """
    head = commit(repository, File("a", b"same"), File("b", b"b"))
    new = commit(repository, File("a", b"same"), File("c", b"c"), gone=("b", "never was there"))
    assert set(repository.listing(new)) == {"a", "c"}
    assert new != head


def test_find_by_id(repository: Repository) -> None:
    """
    Documents are found by their own id, not by the ids of their parts.
    """
    head = commit(
        repository,
        File("a.json", b'{\n  "Id": "Things-1",\n  "Parts": [\n    {\n      "Id": "Things-2"\n    }\n  ]\n}\n'),
        File("b/c.json", b'{\n  "Id": "Things-2"\n}\n'),
    )

    assert repository.find(head, ["Things-1", "Things-2", "Things-3"]) == {
        "Things-1": ["a.json"],
        "Things-2": ["b/c.json"],
    }
    assert repository.find(head, ["Things-9"]) == {}


def test_the_branch_moves_only_from_where_it_was(repository: Repository) -> None:
    """
    A branch that somebody else moved is not overwritten.
    """
    first = commit(repository, File("a", b"1"))
    commit(repository, File("a", b"2"))

    with pytest.raises(GitError):
        repository.advance(first, first)


def test_a_clock_that_goes_back(repository: Repository) -> None:
    """
    No commit is older than its parent, by whatever clock it is made.
    """
    first = commit(repository, File("a", b"1"))
    late = repository.commit(repository.tree(first), [first], "late", 2_000_000_000)

    early = repository.commit(repository.tree(first), [first, late], "early", 1_000_000_000)

    assert git(repository.path, "log", "--no-walk", "--format=%at %ct", early) == "2000000000 2000000000"


def test_a_message_of_any_length(repository: Repository) -> None:
    """
    A commit says all that it was given to say, however long that is.
    """
    message = "One line\n\n" + "\n".join(f"  a document {number}" for number in range(100_000)) + "\n\nServer: prod\n"
    tree = repository.tree(commit(repository, File("a", b"1")))

    long = repository.commit(tree, [], message)

    assert len(message) > 1_000_000
    assert git(repository.path, "log", "-1", "--format=%B", long) == message.strip()


def test_a_repository_that_is_gone_is_not_looked_for_above(tmp_path: Path) -> None:
    """
    Where the repository is damaged, one in a folder above is never taken for it.
    """
    git(tmp_path, "init", "--quiet", "--bare", ".")
    options = RepositoryOptions(tmp_path / "r.git")
    create(options)
    (options.path / "HEAD").write_text("nonsense")

    with pytest.raises(OperatorError, match="not a repository that git can read"):
        check_is_ours(options)


def test_half_made_repositories_are_no_hindrance(tmp_path: Path) -> None:
    """
    What a kill left of making a repository stands beside its place and is thrown away.
    """
    options = RepositoryOptions(tmp_path / "r.git")
    (tmp_path / ".r.git.new" / "objects").mkdir(parents=True)
    options.path.mkdir()
    (options.path / "auditor.lock").touch()

    create(options)

    assert check_is_ours(options).head() is None
    assert [path.name for path in tmp_path.iterdir()] == ["r.git"]


def test_the_lock(repository: Repository) -> None:
    """
    Who comes second is told who is first; the lock is free again afterwards.
    """
    with (
        locked(repository.lock, 0),
        pytest.raises(Busy, match="pid"),
        locked(repository.lock, 0),
    ):
        pass
    with locked(repository.lock, 0):
        pass


def test_clear_stale(repository: Repository) -> None:
    """
    Only what a killed process leaves is removed: locks and half-written files, never the lock of this program.
    """
    commit(repository, File("a", b"1"))
    names = ["HEAD.lock", "refs/heads/main.lock", "objects/pack/tmp_pack_1", "objects/pack/.tmp-1-pack-2.pack"]
    for name in (*names, "auditor.lock"):
        (repository.path / name).touch()

    assert sorted(clear_stale(repository.path)) == sorted(Path(name).name for name in names)
    assert (repository.path / "auditor.lock").exists()
    assert git(repository.path, "fsck", "--full") == ""


def test_nothing_collects_garbage_on_its_own(repository: Repository) -> None:
    """
    git never starts housekeeping by itself, which would fight with the next run.
    """
    assert git(repository.path, "config", "gc.auto") == "0"
    assert git(repository.path, "config", "maintenance.auto") == "false"


def test_a_file_at_the_path(tmp_path: Path) -> None:
    """
    A file is not overwritten.
    """
    (tmp_path / "r.git").write_text("mine")

    with pytest.raises(OperatorError, match="not a repository"):
        create(RepositoryOptions(tmp_path / "r.git"))
