"""
A plan, and what it is made of: decisions, changes, problems, options. Values; how they come about is in ``plan``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from migrator.credentials import Secret
from migrator.documents.document import Body
from migrator.maps.document_map import DocumentMap
from migrator.plan.bodies import Bodies, Span
from migrator.plan.ids import IdMap, Marks
from migrator.report import ReportedWarning
from migrator.secrets.sealing import SecretText
from migrator.tree.values import Problem, TreeDocument


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

    ``final`` is where the plan has the row that is to be written, ``None`` where nothing is; ``blob`` says whether its
    body goes to the compressed column; ``digest`` is of the target's row that the decision was made from.
    """

    document: TreeDocument
    outcome: Outcome
    target_id: str
    space: str | None = None
    changes: tuple[Change, ...] = ()
    reason: str = ""
    digest: str = ""
    final: Span | None = None
    blob: bool = False

    @property
    def name(self) -> str:
        """
        Return type and name, as people call the document.
        """
        return (
            f"{self.document.map.words} {self.document.body.get(self.document.map.name_property) or self.document.id}"
        )


@dataclass(frozen=True)
class Final:
    """
    A row as it is to be written, and its edges: each related id with its table; ``None`` where its type has none.
    """

    body: Body
    edges: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True)
class Plan:
    """
    All decisions of one import, in the order they are applied in: whoever shows it and whoever applies it reads these.

    ``problems`` keep it from being applied; ``refusals`` also with ``--force``. ``missing`` are documents that lack
    something they need. ``ids`` are what the tree's ids are on the target, and ``new`` the types of the documents that
    are to get one, by the number in their mark.
    """

    overwrite: bool
    decisions: tuple[Decision, ...]
    problems: tuple[Problem, ...]
    refusals: tuple[Problem, ...]
    warnings: tuple[ReportedWarning, ...]
    missing: tuple[TreeDocument, ...]
    ids: IdMap
    new: Mapping[int, DocumentMap]
    bodies: Bodies = field(repr=False)

    @property
    def marks(self) -> Marks:
        """
        Return what stands for ids that are not reserved yet.
        """
        return self.bodies.marks

    def counts(self) -> dict[str, dict[str, int]]:
        """
        Return how many documents of each type have each outcome.
        """
        counts: dict[str, dict[str, int]] = {}
        for decision in self.decisions:
            kinds = counts.setdefault(decision.document.map.type, {})
            for word in _words(decision):
                kinds[word] = kinds.get(word, 0) + 1
        for document in self.missing:
            kinds = counts.setdefault(document.map.type, {})
            kinds[MISSING] = kinds.get(MISSING, 0) + 1
        return counts

    def final(self, decision: Decision, new: Callable[[int], str], seal: Callable[[SecretText], str]) -> Final:
        """
        Return the row that a decision writes; *new* gives the reserved ids, *seal* what a secret is in the database.
        """
        assert decision.final is not None
        body, edges = self.bodies.read(decision.final, new, seal)
        return Final(body, None if edges is None else tuple((identity, table) for identity, table in edges))


def _words(decision: Decision) -> Iterator[str]:
    yield decision.outcome.value
    if decision.document.edited_scripts and decision.outcome in WRITTEN:
        yield PROPERTY


@dataclass(frozen=True)
class ImportOptions:
    """
    How a tree is imported. ``attempts`` is how often the unit is tried when the server prefers another transaction.

    ``projects`` restricts it to the projects of these names and what they need; none: the whole tree. ``strict``:
    refuse the whole tree for what would otherwise be left out, or kept as it stands, and told.
    """

    password: Secret | None = None
    master_key: Secret | None = None
    overwrite: bool = False
    force: bool = False
    ignore_version_check: bool = False
    strict: bool = False
    dry_run: bool = False
    attempts: int = field(default=3)
    projects: tuple[str, ...] = ()
