"""
The journal of the window: what it says has reached the disk before anything is switched.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from auditor.window.journal import Entry, Journal

ENTRY = Entry("prod", "https://octopus.example.com", "2026-05-13T12:00:00+00:00", 42)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """
    What was on disk at each sync: a file's content, or a folder's names.
    """
    seen: list[tuple[str, ...]] = []
    sync = os.fsync

    def watched(handle: int) -> None:
        place = Path(f"/proc/self/fd/{handle}").resolve()
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            seen.append(("folder", *sorted(item.name for item in place.iterdir())))
        else:
            seen.append(("file", place.read_text(encoding="utf-8")))
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    return seen


def test_an_entry_is_on_disk_before_its_name_is(synced: list[tuple[str, ...]], tmp_path: Path) -> None:
    """
    The whole entry is synced before it gets its name, then the folder; and the folder again when it is removed, so that
    a power cut finds either the journal of an open window or none.
    """
    journal = Journal(tmp_path / "journal.json")

    journal.write(ENTRY)

    assert [kind for kind, *_ in synced] == ["file", "folder"]
    assert json.loads(synced[0][1]) == {
        "server": "prod",
        "url": "https://octopus.example.com",
        "opened": "2026-05-13T12:00:00+00:00",
        "pid": 42,
    }
    assert synced[1] == ("folder", "journal.json")
    assert journal.read() == ENTRY

    journal.clear()

    assert synced[2:] == [("folder",)]
    assert journal.read() is None


def test_an_entry_that_cannot_be_synced_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the disk refuses, the error comes before there is a journal, so that nothing is switched on its word.
    """

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    journal = Journal(tmp_path / "journal.json")

    with pytest.raises(OSError, match="No space"):
        journal.write(ENTRY)
    assert journal.read() is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"server": "prod"}', b"\xff", b'{"pid": "x"}'])
def test_a_damaged_journal_counts_as_an_open_window(tmp_path: Path, content: bytes) -> None:
    """
    A file that cannot be understood is no proof that the window was closed.
    """
    (tmp_path / "journal.json").write_bytes(content)

    assert Journal(tmp_path / "journal.json").read() == Entry("", "", "", 0)
