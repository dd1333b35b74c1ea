"""
What a plan is made of: decisions, changes, problems, options. Values only; how they come about is in ``plan``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from migrator.credentials import Secret
from migrator.tree.values import TreeDocument


class Outcome(Enum):
    """
    What becomes of a document; the words are the original tool's.
    """

    CREATE = "Created"
    OVERWRITE = "Updated"
    MERGE = "Merged"
    UNCHANGED = "Unchanged"
    SKIP = "Skipped (no overwrite)"
    INCOMPLETE = "Skipped (incomplete)"
    CONFLICT = "Skipped (key collision)"


WRITTEN = (Outcome.CREATE, Outcome.OVERWRITE, Outcome.MERGE)
MISSING = "Missing dependencies"
PROPERTY = "Property updated"


@dataclass(frozen=True)
class Change:
    """
    One field that would change, as people read it; secrets show only that they change.
    """

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Decision:
    """
    What becomes of one document of the tree. ``target_id`` is a mark where the document is new.
    """

    document: TreeDocument
    outcome: Outcome
    target_id: str
    space: str | None = None
    changes: tuple[Change, ...] = ()
    reason: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """
        Return type and name, as people call the document.
        """
        return (
            f"{self.document.map.words} {self.document.body.get(self.document.map.name_property) or self.document.id}"
        )


@dataclass(frozen=True)
class ImportOptions:
    """
    How a tree is imported. ``attempts`` is how often the unit is tried when the server prefers another transaction.

    ``projects`` restricts it to the projects of these names and what they need; none: the whole tree.
    """

    password: Secret | None = None
    master_key: Secret | None = None
    overwrite: bool = False
    force: bool = False
    ignore_version_check: bool = False
    dry_run: bool = False
    attempts: int = field(default=3)
    projects: tuple[str, ...] = ()
