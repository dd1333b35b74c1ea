"""
What one audit run did, as a value: the log, the state file, metrics and notifications all read this.

Holds names and counts only; a secret's value has no place in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from migrator.report import ReportedWarning, TablesRead


@dataclass(frozen=True)
class FileCounts:
    """
    Files of the tree by outcome.
    """

    added: int = 0
    modified: int = 0
    deleted: int = 0
    unchanged: int = 0

    @property
    def changed(self) -> int:
        """
        Return how many files differ from the commit before.
        """
        return self.added + self.modified + self.deleted


@dataclass(frozen=True)
class AuditResult:
    """
    One run of one server.

    ``outcome`` is ``changed``, ``unchanged``, ``failed`` or ``skipped``; ``seconds`` and ``phases``
    are seconds of wall time; ``window_seconds`` is ``None`` where no window was opened; ``pushed`` is
    ``None`` where no remote is set, or nothing was to be pushed and it could not be asked; ``changes``
    counts documents by type and outcome, as ``{"Project": {"added": 1, "changed": 2, "removed": 0}}``. ``subject`` and
    ``told`` (a line for each document) say what changed without a value; ``valued`` are the lines of the commit, with
    values that are not secret. ``left_out`` counts, by type, states that come and go by themselves; ``in_git`` says of
    documents that are new or changed which of their parts live in git, and where. ``tampered`` has a sentence for each
    thing that somebody else did to the branch, here or on the remote.
    """

    run_id: str
    server: str
    started: str
    outcome: str
    seconds: float = 0.0
    window_seconds: float | None = None
    window_stuck: bool = False
    phases: Mapping[str, float] = field(default_factory=dict)
    documents: int = 0
    files: FileCounts = field(default_factory=FileCounts)
    changes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    commits: tuple[str, ...] = ()
    subject: str = ""
    told: tuple[str, ...] = ()
    valued: tuple[str, ...] = ()
    pushed: bool | None = None
    commits_ahead: int = 0
    oldest_unpushed: str | None = None
    warnings: tuple[ReportedWarning, ...] = ()
    tables: TablesRead | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    in_git: Mapping[str, str] = field(default_factory=dict)
    tampered: tuple[str, ...] = ()
    findings: tuple[ReportedWarning, ...] = ()
    """Secrets that stand in clear in the database, told by every run; they make no run fail."""
    resolved: tuple[ReportedWarning, ...] = ()
    """Findings of the run before that are found no longer."""
    error: str | None = None

    @property
    def ok(self) -> bool:
        """
        Return whether the run did all that it should, without a document left behind.
        """
        good = self.outcome in ("changed", "unchanged", "skipped") and self.pushed is not False
        return good and not self.warnings

    def as_json(self) -> dict[str, Any]:
        """
        Return the object that ``auditor once --json`` prints and hooks receive.
        """
        value = asdict(self)
        value["commits"] = list(self.commits)
        value["told"] = list(self.told)
        # It goes to programs of others, and values only where somebody said that they may.
        del value["valued"]
        value["tampered"] = list(self.tampered)
        # Whoever reads the warnings alone learns of findings, too.
        value["warnings"] = [asdict(item) for item in (*self.warnings, *self.findings)]
        value["findings"] = [asdict(item) for item in self.findings]
        value["resolved"] = [asdict(item) for item in self.resolved]
        value["tables"] = None if self.tables is None else self.tables.as_json()
        return value
