"""
The figures for Prometheus, read back by its own parser.
"""

import math
from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from auditor.monitoring.metrics import Metrics
from auditor.result import AuditResult
from migrator.report import ReportedWarning

RESULT = AuditResult(
    run_id="r1",
    server="prod",
    started="2024-05-01T00:00:00Z",
    outcome="changed",
    seconds=12.5,
    window_seconds=1.5,
    phases={"read": 1.25, "commit": 3.0},
    documents=100,
    changes={"Project": {"added": 1, "changed": 2}, "Tenant": {"added": 3, "removed": 4}},
    commits_ahead=2,
    oldest_unpushed="1970-01-01T00:10:00+00:00",
    warnings=(ReportedWarning("projects-1", "", "odd"),),
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def figures(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_a_run_in_figures() -> None:
    """Each part of a run that an operator watches is a figure, labelled by server."""
    metrics = Metrics(Clock())
    metrics.record(RESULT)

    found = figures(metrics)

    assert found["auditor_last_success_timestamp_seconds", "prod"] == 1000
    assert found["auditor_last_run_timestamp_seconds", "prod"] == 1000
    assert found["auditor_run_seconds", "read", "prod"] == 1.25
    assert found["auditor_run_seconds", "total", "prod"] == 12.5
    assert found["auditor_window_seconds", "prod"] == 1.5
    assert found["auditor_window_stuck", "prod"] == 0
    assert found["auditor_documents", "prod"] == 100
    assert found["auditor_changes", "added", "prod"] == 4
    assert found["auditor_changes", "changed", "prod"] == 2
    assert found["auditor_changes", "removed", "prod"] == 4
    assert found["auditor_commits_ahead", "prod"] == 2
    assert found["auditor_oldest_unpushed_age_seconds", "prod"] == 400
    assert found["auditor_warnings", "prod"] == 1
    assert found["auditor_runs_total", "changed", "prod"] == 1
    assert found["auditor_runs_total", "failed", "prod"] == 0
    assert found["auditor_missed_total", "prod"] == 0


def test_age_grows_between_runs() -> None:
    """Age is counted when it is asked for, so that it grows although nothing runs any more."""
    clock = Clock()
    metrics = Metrics(clock)
    metrics.record(RESULT)
    clock.now = 4600.0

    assert figures(metrics)["auditor_age_seconds", "prod"] == 3600
    assert figures(metrics)["auditor_oldest_unpushed_age_seconds", "prod"] == 4000


def test_never_succeeded_is_infinitely_old() -> None:
    """A server that never succeeded fires each alert on age; what was known before a restart counts."""
    metrics = Metrics(Clock())
    metrics.expect("new")
    metrics.expect("old", last_success=400.0)
    metrics.record(replace(RESULT, server="broken", outcome="failed"))

    found = figures(metrics)

    assert math.isinf(found["auditor_age_seconds", "new"])
    assert math.isinf(found["auditor_age_seconds", "broken"])
    assert found["auditor_age_seconds", "old"] == 600


def test_failed_and_skipped_runs_do_not_look_like_success_or_deletion() -> None:
    """A failure moves neither the last success nor the number of documents; a skipped run leaves all but its count."""
    clock = Clock()
    metrics = Metrics(clock)
    metrics.record(RESULT)
    clock.now = 2000.0
    metrics.record(replace(RESULT, outcome="failed", documents=0, changes={}, window_stuck=True, warnings=()))
    clock.now = 3000.0
    metrics.record(AuditResult("r3", "prod", "", "skipped"))
    metrics.missed("prod")

    found = figures(metrics)

    assert found["auditor_last_success_timestamp_seconds", "prod"] == 1000
    assert found["auditor_last_run_timestamp_seconds", "prod"] == 3000
    assert found["auditor_documents", "prod"] == 100
    assert found["auditor_window_stuck", "prod"] == 1
    assert found["auditor_runs_total", "skipped", "prod"] == 1
    assert found["auditor_missed_total", "prod"] == 1


def test_staleness_is_by_server() -> None:
    """Readiness names the servers whose success is too old or missing, and only those."""
    clock = Clock()
    metrics = Metrics(clock)
    metrics.expect("prod", max_age=60)
    metrics.expect("never", max_age=60)
    metrics.expect("unlimited")
    metrics.record(RESULT)
    metrics.record(replace(RESULT, server="unlimited"))
    clock.now = 1061.0

    assert metrics.stale() == [
        "never: no success yet",
        "prod: the last success was 61 s ago, 60 s are allowed",
    ]
    metrics.forget("never")
    metrics.record(RESULT)
    assert metrics.stale() == []


def test_two_registries_do_not_meet() -> None:
    """Figures live in a registry of their own: a second daemon in one process, or a test, starts from nothing."""
    first, second = Metrics(Clock()), Metrics(Clock())
    first.record(RESULT)

    assert ("auditor_documents", "prod") not in figures(second)
