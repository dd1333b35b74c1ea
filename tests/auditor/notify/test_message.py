"""
What a run is told as, in words and in states.
"""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from auditor.notify.message import MAX_TEXT, MAX_TITLE, link_of, message, states_of
from auditor.result import AuditResult
from migrator.report import ReportedWarning


def run(**fields: object) -> AuditResult:
    return AuditResult(
        **({"run_id": "r1", "server": "prod", "started": "2024-05-01T00:00:00Z", "outcome": "changed"} | fields)
    )  # type: ignore[arg-type]


def test_states() -> None:
    """A state says what a person would: changed, quiet, failed, well again, or stuck."""
    assert states_of(run(), "changed") == {"changed"}
    assert states_of(run(outcome="unchanged"), None) == {"unchanged"}
    assert states_of(run(outcome="failed"), "failed") == {"failed"}
    assert states_of(run(outcome="unchanged"), "failed") == {"unchanged", "recovered"}
    assert states_of(run(outcome="skipped"), "failed") == set()
    assert states_of(run(outcome="skipped", window_stuck=True), None) == {"window-stuck"}


def test_commits_that_did_not_arrive_are_a_failure() -> None:
    """A run that committed and could not push is told as failed, and not as a recovery."""
    lost = run(pushed=False, commits_ahead=2, commits=("a" * 40,))

    assert states_of(lost, "failed") == {"changed", "failed"}
    assert "remote lacks 2 commits" in message(lost).text
    assert "remote lacks 1 commit." in message(replace(lost, commits_ahead=1)).text


def test_message_groups_by_type_with_counts_and_a_link() -> None:
    """One message: a line a type, counts by outcome, the commit and where to read on."""
    result = run(
        changes={"VariableSet": {"added": 0, "changed": 2, "removed": 0}, "Project": {"added": 1, "removed": 3}},
        commits=("0123456789abcdef0123456789abcdef01234567",),
        subject="Change 2 variable sets",
    )
    link = link_of("https://git.example.com/ops/commit/{commit}", result)

    told = message(result, link, {"changed"})

    assert told.title == "prod: changed - 1 added, 2 changed, 3 removed"
    assert told.text.splitlines() == [
        told.title,
        "Project: 1 added, 3 removed",
        "VariableSet: 2 changed",
        "Subject: Change 2 variable sets",
        "Commits: 0123456789",
        "https://git.example.com/ops/commit/0123456789abcdef0123456789abcdef01234567",
    ]
    assert told.payload["changes"]["Project"] == {"added": 1, "removed": 3}
    assert told.payload["link"] == link


def test_link_without_commit_is_left_out() -> None:
    """A run without a commit has no page to point at."""
    assert link_of("https://git.example.com/{commit}", run(outcome="failed")) is None
    assert link_of("https://git.example.com/{server}", run(server="a/b")) == "https://git.example.com/a%2Fb"
    assert link_of(None, run()) is None


def test_values_never_leave() -> None:
    """Of a warning the place is named, its text stays here; an error's connection string loses its password."""
    result = run(
        outcome="failed",
        error="no connection to mssql+pyodbc://sa:hunter2@sql01/Octopus",
        warnings=(ReportedWarning("variableset-1", "/Variables/3/Value", "VALUETEXT does not fit"),),
    )

    told = message(result)
    everything = told.title + told.text + json.dumps(dict(told.payload))

    assert "variableset-1 at /Variables/3/Value" in told.text
    assert "VALUETEXT" not in everything
    assert "hunter2" not in everything


@given(
    names=st.lists(st.text(max_size=600), max_size=60, unique=True),
    error=st.none() | st.text(max_size=5000),
    warnings=st.lists(st.tuples(st.text(max_size=400), st.text(max_size=400)), max_size=30),
    count=st.integers(min_value=0, max_value=10**9),
)
def test_length_is_bounded_and_lines_cannot_be_forged(
    names: list[str], error: str | None, warnings: list[tuple[str, str]], count: int
) -> None:
    """Whatever the names are, the message stays short, the title is one line, and the link is whole at the end."""
    link = "https://git.example.com/commit/" + "a" * 40
    result = run(
        changes={name: {"added": count, "changed": 1} for name in names},
        error=error,
        subject=names[0] if names else "",
        commits=("c" * 40,) * (count % 50),
        warnings=tuple(ReportedWarning(document, path, "text") for document, path in warnings),
    )

    told = message(result, link, {"changed"})

    assert len(told.title) <= MAX_TITLE
    assert told.title.isprintable()
    assert len(told.text) <= MAX_TEXT
    assert told.text.endswith("\n" + link)
    assert len(json.dumps(dict(told.payload), ensure_ascii=False)) < 60_000
