"""
What `auditor once` tells people.
"""

from __future__ import annotations

import pytest

from auditor.cli.once import foretold
from auditor.result import AuditResult


def result(outcome: str = "changed", **fields: object) -> AuditResult:
    return AuditResult("r", "prod", "2026-11-24T00:00:00Z", outcome, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        (
            result(subject="Shop: A changed", valued=("~ Project Shop / variables", "    ~ A  1 -> 2")),
            ["prod, would be committed: Shop: A changed", "", "~ Project Shop / variables", "    ~ A  1 -> 2"],
        ),
        (result(subject="Scripts moved", valued=("Scripts moved",)), ["prod, would be committed: Scripts moved"]),
        (result("unchanged"), ["prod: nothing changed (0 documents, no window, 0.0 s)"]),
        (result("failed"), ["prod: failed after 0.0 s"]),
    ],
)
def test_what_would_be_committed(given: AuditResult, lines: list[str]) -> None:
    """
    A dry run shows the commit's words; where there would be none it says what it is.
    """
    assert foretold(given).splitlines() == lines
