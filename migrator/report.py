"""
What an export or an import did, as a value: what ``--report`` writes, a summary counts and a caller looks at.

Not here: how it is shown, which is the command line's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ReportedWarning:
    """
    Something a person should look at, though the work went on: the document, the place in it, what happened.

    ``document`` and ``path`` are ``""`` where it is about no document in particular.
    """

    document: str
    path: str
    message: str


@dataclass(frozen=True)
class TablesRead:
    """
    What became of each table of a database: how many are read by what the maps say, which are exported as they are,
    and which are left out or cannot be read, by name with the reason.
    """

    mapped: int = 0
    unmapped: tuple[str, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    exclude_tables: tuple[str, ...] = ()
    volatile: tuple[tuple[str, str], ...] = ()
    """Types and places of the user's own."""
    row_limit: int = 0

    def as_json(self) -> dict[str, Any]:
        """
        Return the numbers, and the names of all that are not mapped.
        """
        return {
            "mapped": self.mapped,
            "unmapped": len(self.unmapped),
            "excluded": len(self.excluded),
            "unreadable": len(self.unreadable),
            "as_they_are": list(self.unmapped),
            "left_out": dict(sorted({**self.excluded, **self.unreadable}.items())),
            "rules": {
                "exclude_tables": list(self.exclude_tables),
                "volatile": [{"type": type_, "path": path} for type_, path in self.volatile],
                "table_rows": self.row_limit,
            },
        }


@dataclass(frozen=True)
class Report:
    """
    What an export or an import did; ``counts`` by type and outcome, ``ids`` by type from source to target.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    warnings: tuple[ReportedWarning, ...] = ()
    ids: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    incomplete: bool = False
    tables: TablesRead | None = None
    """Of an export."""

    def as_json(self) -> dict[str, Any]:
        """
        Return the object that ``--report`` writes.
        """
        tables = {} if self.tables is None else {"tables": self.tables.as_json()}
        return {
            "counts": self.counts,
            "warnings": [
                {"document": item.document, "path": item.path, "message": item.message} for item in self.warnings
            ],
            "ids": self.ids,
            "seconds": round(self.seconds, 3),
            **tables,
        }
