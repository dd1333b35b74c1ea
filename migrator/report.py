"""
What an export or an import did, as a value: what ``--report`` writes, a summary counts and a caller looks at.

Not here: how it is shown, which is the command line's.
"""

from __future__ import annotations

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
class Report:
    """
    What an export or an import did; ``counts`` by type and outcome, ``ids`` by type from source to target.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    warnings: tuple[ReportedWarning, ...] = ()
    ids: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    incomplete: bool = False

    def as_json(self) -> dict[str, Any]:
        """
        Return the object that ``--report`` writes.
        """
        return {
            "counts": self.counts,
            "warnings": [
                {"document": item.document, "path": item.path, "message": item.message} for item in self.warnings
            ],
            "ids": self.ids,
            "seconds": round(self.seconds, 3),
        }
