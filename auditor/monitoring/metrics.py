"""
What Prometheus is told of each server: the last run in numbers, and counters since the start.

Names of servers, phases and outcomes only. Not here: how the numbers are served (status_server.py).
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from auditor.result import AuditResult

OUTCOMES = ("changed", "unchanged", "failed", "skipped")
SUCCESSES = ("changed", "unchanged")
_Sample = tuple[Sequence[str], float]


@dataclass
class _Server:
    max_age: float | None = None
    last_success: float | None = None
    last_run: float | None = None
    run: AuditResult | None = None
    """The last run that did something; a skipped one says nothing about documents or windows."""
    success: AuditResult | None = None


class Metrics(Collector):
    """
    The figures of all servers, in a registry of their own.

    *clock* gives seconds since the epoch. Safe to use from several threads. Only a changed or unchanged run is a
    success: a skipped run read nothing, so it does not make the history any younger.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._servers: dict[str, _Server] = {}
        self._runs: Counter[tuple[str, str]] = Counter()
        self._missed: Counter[str] = Counter()
        # The default one tells of this process and its Python as well.
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def expect(self, server: str, max_age: float | None = None, last_success: float | None = None) -> None:
        """
        Announce a server before its first run; *max_age* in seconds is when it stops being ready.

        *last_success* (seconds since the epoch) is what is known from before a restart.
        """
        with self._lock:
            state = self._servers.setdefault(server, _Server())
            state.max_age = max_age
            if last_success is not None:
                # A reload reads the status file again, which may say less than is known here.
                state.last_success = max(last_success, state.last_success or 0.0)

    def forget(self, server: str) -> None:
        """
        Drop a server that a reload took out of the configuration.
        """
        with self._lock:
            self._servers.pop(server, None)

    def record(self, result: AuditResult) -> None:
        """
        Take in a finished run.
        """
        now = self._clock()
        with self._lock:
            state = self._servers.setdefault(result.server, _Server())
            self._runs[result.server, result.outcome] += 1
            state.last_run = now
            if result.outcome != "skipped":
                state.run = result
            if result.outcome in SUCCESSES:
                state.last_success = now
                state.success = result

    def missed(self, server: str) -> None:
        """
        Count a run that should have started and did not.
        """
        with self._lock:
            self._servers.setdefault(server, _Server())
            self._missed[server] += 1

    def stale(self) -> list[str]:
        """
        Return one sentence for each server whose last success is too old, or that never had one.
        """
        now = self._clock()
        with self._lock:
            states = sorted(self._servers.items())
        return [sentence for name, state in states if (sentence := _staleness(name, state, now))]

    def text(self) -> bytes:
        """
        Return the figures in Prometheus's text format.
        """
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """
        Yield the figures as of now.
        """
        now = self._clock()
        with self._lock:
            servers = sorted(self._servers.items())
            runs = dict(self._runs)
            missed = dict(self._missed)
        for name, text, samples in _of_server(servers, now):
            yield _gauge(name, text, ("server",), samples)
        for name, text, label, samples in _of_run(servers):
            yield _gauge(name, text, ("server", *label), samples)
        totals = CounterMetricFamily("auditor_runs", "Runs since the start, by outcome.", labels=("server", "outcome"))
        misses = CounterMetricFamily("auditor_missed", "Runs that should have started and did not.", labels=("server",))
        for server, _ in servers:
            misses.add_metric((server,), missed.get(server, 0))
            for outcome in OUTCOMES:
                # Zeros too: a counter that appears with its first failure shows no increase.
                totals.add_metric((server, outcome), runs.get((server, outcome), 0))
        yield totals
        yield misses


def _of_server(servers: Sequence[tuple[str, _Server]], now: float) -> Iterable[tuple[str, str, list[_Sample]]]:
    yield (
        "auditor_last_success_timestamp_seconds",
        "When the last changed or unchanged run ended; 0 if never.",
        [((name,), state.last_success or 0.0) for name, state in servers],
    )
    yield (
        "auditor_last_run_timestamp_seconds",
        "When the last run of any outcome ended; 0 if never.",
        [((name,), state.last_run or 0.0) for name, state in servers],
    )
    yield (
        "auditor_age_seconds",
        "Seconds since the last success; +Inf if there was none, so that an alert on age fires.",
        [((name,), math.inf if state.last_success is None else now - state.last_success) for name, state in servers],
    )
    yield (
        "auditor_oldest_unpushed_age_seconds",
        "Age of the oldest commit that the remote does not have; 0 if it has all.",
        [((name,), _unpushed_age(state.run, now)) for name, state in servers if state.run],
    )


def _of_run(servers: Sequence[tuple[str, _Server]]) -> Iterable[tuple[str, str, tuple[str, ...], list[_Sample]]]:
    last = [(name, state.run) for name, state in servers if state.run]
    good = [(name, state.success) for name, state in servers if state.success]
    phases: list[_Sample] = [((name, phase), seconds) for name, run in last for phase, seconds in run.phases.items()]
    phases += [((name, "total"), run.seconds) for name, run in last]
    windows: list[_Sample] = [((name,), run.window_seconds) for name, run in last if run.window_seconds is not None]
    changes: list[_Sample] = [
        ((name, outcome), float(count)) for name, run in good for outcome, count in _changes(run).items()
    ]
    yield "auditor_run_seconds", "Seconds of the last run, by phase and in total.", ("phase",), phases
    yield "auditor_window_seconds", "Seconds the last maintenance window was open.", (), windows
    yield (
        "auditor_window_stuck",
        "1 if the server could not be taken out of maintenance mode.",
        (),
        [((name,), float(run.window_stuck)) for name, run in last],
    )
    yield "auditor_documents", "Documents in the last success.", (), [((n,), float(r.documents)) for n, r in good]
    yield "auditor_changes", "Documents changed by the last success, by outcome.", ("outcome",), changes
    yield (
        "auditor_commits_ahead",
        "Commits that the remote does not have.",
        (),
        [((name,), float(run.commits_ahead)) for name, run in last],
    )
    yield (
        "auditor_plaintext_findings",
        "Places of the last success where a secret stands in clear in the database.",
        (),
        [((name,), float(len(run.findings))) for name, run in good],
    )
    yield "auditor_warnings", "Warnings of the last run.", (), [((n,), float(len(r.warnings))) for n, r in last]


def _gauge(name: str, text: str, labels: Sequence[str], samples: Iterable[_Sample]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _changes(result: AuditResult) -> Counter[str]:
    total: Counter[str] = Counter({"added": 0, "changed": 0, "removed": 0})
    for counts in result.changes.values():
        total.update(counts)
    return total


def _unpushed_age(result: AuditResult | None, now: float) -> float:
    if result is None or not result.oldest_unpushed:
        return 0.0
    try:
        return max(0.0, now - datetime.fromisoformat(result.oldest_unpushed).timestamp())
    except ValueError:
        return math.nan


def _staleness(name: str, state: _Server, now: float) -> str:
    if state.last_success is None:
        return f"{name}: no success yet"
    age = now - state.last_success
    if state.max_age is None or age <= state.max_age:
        return ""
    return f"{name}: the last success was {age:.0f} s ago, {state.max_age:.0f} s are allowed"
