"""
The folder sink: all or nothing, nothing of others' touched, links never followed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migrator.documents.file import File
from migrator.errors import OperatorError, UsageError
from migrator.secrets.sealing import SecretsMode
from migrator.tree.folder import FolderSink
from migrator.tree.metadata import Metadata
from tests.support.servers import contents

METADATA = File("metadata.json", Metadata("2018.8.0", "abc", SecretsMode.OMIT).to_bytes())


def put(directory: Path, *files: tuple[str, bytes], clean: bool = False, keep: str = "") -> int:
    with FolderSink(directory, clean=clean) as sink:
        for path, content in files:
            sink.add(File(path, content))
        return sink.finish(METADATA, lambda path: path == keep)


def test_files_arrive_with_their_head(tmp_path: Path) -> None:
    """
    Folders are made as needed, and nothing but the files and metadata.json is left.
    """
    put(tmp_path / "a/b", ("x/y.json", b"1"), ("z.json", b"2"))
    assert contents(tmp_path / "a/b") == {"x/y.json": b"1", "z.json": b"2", "metadata.json": METADATA.content}


def test_an_error_leaves_the_directory_as_it_was(tmp_path: Path) -> None:
    """
    What was staged is gone, what was there stays; a directory made for it goes too.
    """
    directory = tmp_path / "out"
    put(directory, ("x.json", b"old"))
    before = contents(directory)
    for place in (directory, tmp_path / "new"):
        with pytest.raises(RuntimeError), FolderSink(place, clean=place is directory) as sink:
            sink.add(File("x.json", b"new"))
            sink.add(File("y.json", b"new"))
            raise RuntimeError
    assert contents(directory) == before
    assert not (tmp_path / "new").exists()


def test_clean_removes_the_rest_but_git(tmp_path: Path) -> None:
    """
    A clean export is exactly the export; ``.git`` and its companions stay, and so does what is to be kept.
    """
    put(tmp_path, ("a/x.json", b"1"), ("b/y.json", b"2"), ("c/z.json", b"3"))
    for name in (".git/HEAD", ".gitignore", "notes.txt", "a/sub/deep.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    assert put(tmp_path, ("a/x.json", b"1"), clean=True, keep="c/z.json") == 0
    assert contents(tmp_path).keys() == {"a/x.json", "c/z.json", ".git/HEAD", ".gitignore", "metadata.json"}
    assert not (tmp_path / "b").exists()


def test_without_clean_strangers_are_counted(tmp_path: Path) -> None:
    """
    Files that are no part of the export stay and are told.
    """
    put(tmp_path, ("x.json", b"1"), ("y.json", b"2"))
    assert put(tmp_path, ("x.json", b"1")) == 1
    assert (tmp_path / "y.json").exists()


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("metadata", [None, b"{}", b"not JSON", b'{"Format": "other"}'])
def test_what_is_not_ours_is_refused(metadata: bytes | None, clean: bool, tmp_path: Path) -> None:
    """
    A directory with other things in it is neither emptied nor written into, also when it holds a metadata.json of
    something else.
    """
    (tmp_path / "thesis.doc").write_text("years of work")
    if metadata is not None:
        (tmp_path / "metadata.json").write_bytes(metadata)
    with pytest.raises(UsageError, match="not an export of this program"):
        put(tmp_path, ("x.json", b"1"), clean=clean)
    assert (tmp_path / "thesis.doc").exists()
    assert not (tmp_path / "x.json").exists()


def test_clean_takes_an_empty_directory_or_a_fresh_repository(tmp_path: Path) -> None:
    """
    There is nothing to lose in a directory that holds at most ``.git``.
    """
    (tmp_path / ".git").mkdir()
    assert put(tmp_path, ("x.json", b"1"), clean=True) == 0


def test_links_are_not_followed(tmp_path: Path) -> None:
    """
    A link in the place of a folder stops the export; a link in the place of a file is replaced; cleaning removes
    links and never what they lead to.
    """
    outside, directory = tmp_path / "outside", tmp_path / "out"
    put(outside, ("x.json", b"theirs"))
    put(directory, ("a.json", b"1"))
    (directory / "Projects").symlink_to(outside)
    with pytest.raises(OperatorError, match="is a link"):
        put(directory, ("Projects/x.json", b"ours"))
    (directory / "f.json").symlink_to(outside / "x.json")
    put(directory, ("f.json", b"ours"), clean=True)
    assert not (directory / "f.json").is_symlink()
    assert not (directory / "Projects").is_symlink()
    assert contents(outside)["x.json"] == b"theirs"
    (tmp_path / "linked").symlink_to(directory)
    with pytest.raises(UsageError):
        put(tmp_path / "linked", ("a.json", b"1"), clean=True)


def test_a_new_directory_is_its_owners_alone(tmp_path: Path) -> None:
    """
    Whatever the umask is, nobody else can enter what an export makes; a directory that was there keeps its mode.
    """
    before = os.umask(0)
    try:
        (tmp_path / "old").mkdir(mode=0o755)
        for name, mode in (("new", 0o700), ("old", 0o755)):
            with FolderSink(tmp_path / name) as sink:
                sink.add(File("a/b.json", b"{}"))
                sink.finish(METADATA, lambda path: False)
            assert (tmp_path / name).stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)


def test_one_file_for_two_documents_is_refused(tmp_path: Path) -> None:
    """
    Two documents that a case-blind file system would hold as one stop the export, the same one twice too.
    """
    for second in ("A/X.json", "a/x.json"):
        with pytest.raises(OperatorError, match="two documents"):
            put(tmp_path / "out", ("a/x.json", b"1"), (second, b"2"))
    assert not (tmp_path / "out").exists()


def test_unchanged_files_are_not_touched(tmp_path: Path) -> None:
    """
    A file whose content is the same keeps its time and its inode.
    """
    put(tmp_path, ("x.json", b"1"), ("y.json", b"1"))
    before = (tmp_path / "x.json").stat()
    put(tmp_path, ("x.json", b"1"), ("y.json", b"2"))
    after = (tmp_path / "x.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
