"""
A plan as people read it: grouped counts, then per document what would change. Pure; shows no secret.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrator.maps import REGISTRY
from migrator.plan.values import MISSING, PROPERTY, Change, Decision, Outcome, Plan
from migrator.tree.values import Problem
from migrator.wording import escaped

GROUPS = (
    # What stays as it is comes last, since there is nothing to look at.
    *(item.value for item in Outcome if item is not Outcome.UNCHANGED),
    PROPERTY,
    MISSING,
    Outcome.UNCHANGED.value,
)


def describe(plan: Plan) -> str:
    """
    Return what an import would do: counts by outcome and type, then documents and fields, then what is wrong.
    """
    return "\n".join(map(escaped, [*_counts(plan), *_documents(plan), *_problems(plan)])) + "\n"


def _counts(plan: Plan) -> Iterator[str]:
    counts = plan.counts()
    for word in GROUPS:
        some = [(type_, kinds[word]) for type_, kinds in sorted(counts.items()) if kinds.get(word)]
        if some:
            total = sum(count for _, count in some)
            yield f"{word}: {total}"
            yield from (f"  {count:>6} {REGISTRY[type_].called(count)}" for type_, count in some)
    if not counts:
        yield "Nothing to import"


def _documents(plan: Plan) -> Iterator[str]:
    for decision in plan.decisions:
        # Counted above; a line for each would bury what changes.
        if decision.outcome is Outcome.UNCHANGED:
            continue
        yield ""
        yield _headline(decision)
        yield from (f"    {_shown(change)}" for change in decision.changes)


def _headline(decision: Decision) -> str:
    reason = f": {decision.reason}" if decision.reason else ""
    return f"{decision.outcome.value}: {decision.name} ({decision.document.file}){reason}"


def _shown(change: Change) -> str:
    if change.before == change.after:
        # Two secrets look the same; that there is a change at all is what may be said.
        return f"{change.path}: changed"
    if change.before is None:
        return f"{change.path}: added {change.after}"
    if change.after is None:
        return f"{change.path}: removed (was {change.before})"
    return f"{change.path}: {change.before} -> {change.after}"


def _problems(plan: Plan) -> Iterator[str]:
    found = [*plan.refusals, *plan.problems]
    if found:
        yield ""
        yield f"Problems: {len(found)}"
        yield from (f"    {_line(problem)}" for problem in found)


def _line(problem: Problem) -> str:
    return ": ".join(part for part in (problem.file, problem.place, problem.message) if part)
