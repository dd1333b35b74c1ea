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


def test_what_changed_is_told_in_the_words_of_the_commit() -> None:
    """A line for each document, by names; with their values only where that is allowed, and then with their indent."""
    result = run(
        changes={"VariableSet": {"changed": 1}},
        commits=("c" * 40,),
        subject="Web Shop: Replicas changed",
        told=("Web Shop: Replicas changed",),
        valued=("~ Project Web Shop / variables", "    ~ Replicas  [no scope]      3 -> 12"),
    )

    bare, valued = message(result), message(result, values=True)

    assert bare.text.splitlines()[1:] == ["Web Shop: Replicas changed", f"Commits: {'c' * 10}"]
    assert valued.text.splitlines()[1:3] == ["~ Project Web Shop / variables", "    ~ Replicas [no scope] 3 -> 12"]
    assert "12" not in json.dumps(dict(bare.payload))
    assert bare.payload["told"] == ["Web Shop: Replicas changed"]


def test_very_much_is_counted() -> None:
    """Of very many documents that changed the first are told, the rest counted."""
    text = message(run(told=tuple(f"T{n}: a" for n in range(100)))).text

    assert text.endswith("\nand 60 more lines")


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
        told=tuple(names),
        valued=tuple(f"    {name}" for name in names),
        commits=("c" * 40,) * (count % 50),
        warnings=tuple(ReportedWarning(document, path, "text") for document, path in warnings),
    )

    told = message(result, link, {"changed"}, values=count % 2 == 0)

    assert len(told.title) <= MAX_TITLE
    assert told.title.isprintable()
    assert len(told.text) <= MAX_TEXT
    assert told.text.endswith("\n" + link)
    assert len(json.dumps(dict(told.payload), ensure_ascii=False)) < 60_000
