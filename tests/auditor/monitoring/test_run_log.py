"""
A run's one event.
"""

from dataclasses import replace

import pytest
import structlog

from auditor.monitoring.run_log import run_event
from auditor.result import AuditResult, FileCounts
from migrator.report import ReportedWarning

RESULT = AuditResult(
    run_id="r1",
    server="prod",
    started="2024-05-01T00:00:00Z",
    outcome="changed",
    seconds=1.23456,
    window_seconds=0.5,
    documents=10,
    files=FileCounts(added=1, modified=2, deleted=3, unchanged=4),
    commits=("a", "b"),
    pushed=True,
)


def test_one_event_with_all_that_matters() -> None:
    """One line answers what ran, where, what came of it, and how long the server was closed."""
    with structlog.testing.capture_logs() as lines:
        run_event(structlog.get_logger(), RESULT)

    (event,) = lines
    assert event["log_level"] == "info"
    assert (event["event"], event["run_id"], event["server"], event["outcome"]) == ("run", "r1", "prod", "changed")
    assert [event[f"files_{name}"] for name in ("added", "modified", "deleted", "unchanged")] == [1, 2, 3, 4]
    assert (event["commit"], event["seconds"], event["window_seconds"]) == ("b", 1.235, 0.5)
    assert event["documents"] == 10


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({}, "info"),
        ({"outcome": "skipped"}, "info"),
        ({"warnings": (ReportedWarning("a", "", "b"),)}, "warning"),
        ({"pushed": False}, "warning"),
        ({"outcome": "failed", "error": "no"}, "error"),
        ({"outcome": "unchanged", "window_stuck": True}, "critical"),
    ],
)
def test_level_follows_what_a_person_must_do(fields: dict[str, object], level: str) -> None:
    """A stuck window is the loudest event there is; warnings are heard, quiet runs are not."""
    with structlog.testing.capture_logs() as lines:
        run_event(structlog.get_logger(), replace(RESULT, **fields))  # type: ignore[arg-type]

    assert [line["log_level"] for line in lines] == [level]
