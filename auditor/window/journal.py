"""
The journal of the maintenance window: written and synced before the switch, removed after the switch back.

What it says survives a kill, so that the next start (or ``auditor release``) restores what was there.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """
    A window that is, or may be, open: which server, since when (ISO 8601), by which process.
    """

    server: str
    url: str
    opened: str
    pid: int


class Journal:
    """
    One server's journal file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Entry | None:
        """
        Return what was left open, ``None`` if nothing; a damaged file counts as left open.
        """
        try:
            value = json.loads(self.path.read_text(encoding="utf-8"))
            return Entry(str(value["server"]), str(value["url"]), str(value["opened"]), int(value["pid"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return Entry("", "", "", 0)

    def write(self, entry: Entry) -> None:
        """
        Write and sync, file and folder.

        Raises:
            OSError: it cannot be kept, so nothing may be switched.
        """
        temporary = self.path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry)))
            file.flush()
            os.fsync(file.fileno())
        # In one step: a kill leaves the journal of before or a whole one, never half.
        temporary.replace(self.path)
        # The new name stands in the folder, which the sync of the file itself does not cover.
        _sync_folder(self.path.parent)

    def clear(self) -> None:
        """
        Remove the journal: the window is known to be closed.
        """
        self.path.unlink(missing_ok=True)
        # A journal that a power cut brought back would switch off what an administrator has switched on since.
        _sync_folder(self.path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
