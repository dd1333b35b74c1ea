"""
Every file that is kept of a server beside its repository, by name. Paths only: who writes a file says what is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOCK = "auditor.lock"
"""The lock's file, in a state folder as in a repository; it stays, since another process may wait for it."""


@dataclass(frozen=True)
class StateFolder:
    """
    The folder of one server's state. Rows are spooled in it too, into a file without a name.
    """

    path: Path

    @classmethod
    def beside(cls, repository: Path) -> StateFolder:
        """
        Return the state folder of a repository, unless the configuration names another.
        """
        return cls(Path(f"{repository}.state"))

    def make(self) -> None:
        """
        Make the folder where it is missing, for its owner only.

        Raises:
            OSError: it cannot be made.
        """
        # The names of all documents stand in the files that go there.
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def lock(self) -> Path:
        """
        Return what a run holds, so that there is one at a time.
        """
        return self.path / LOCK

    @property
    def journal(self) -> Path:
        """
        Return what says that a window is, or may be, open (``window.journal``).
        """
        return self.path / "journal.json"

    @property
    def status(self) -> Path:
        """
        Return what is remembered between runs (``status``).
        """
        return self.path / "status.json"

    @property
    def rows(self) -> Path:
        """
        Return what each row was when HEAD was made (``changes.state``).
        """
        return self.path / "rows.sqlite"

    @property
    def index(self) -> Path:
        """
        Return what is known of each commit, for questions about the history (``history.index``).
        """
        return self.path / "index.sqlite"

    @property
    def trigger(self) -> Path:
        """
        Return the FIFO by which a running daemon is asked for a run (``daemon.trigger``).
        """
        return self.path / "trigger"
