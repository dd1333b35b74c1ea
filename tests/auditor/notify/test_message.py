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


def test_a_message_tells_all_that_a_person_must_know() -> None:
    """What is wrong stands first, then what changed, then where to read on; programs get the same as values."""
    result = run(
        outcome="failed",
        seconds=12.5,
        window_seconds=3.0,
        window_stuck=True,
        documents=40,
        changes={"Project": {"added": 2, "changed": 0}, "Team": {"changed": 0}, "Feed": {"renamed": 1}},
        commits=("a" * 40, "b" * 40),
        subject="Two projects",
        pushed=False,
        commits_ahead=3,
        oldest_unpushed="2024-04-30",
        warnings=(ReportedWarning("Feeds-1", "", "x"), ReportedWarning("Teams-1", "/Name", "x")),
        error="the database\ncannot be reached",
    )

    told = message(result, "https://example.com", {"failed", "window-stuck"})

    assert told.text.splitlines() == [
        "prod: window-stuck, failed - 2 added, 1 renamed",
        "The server could not be taken out of maintenance mode. Switch it off by hand, now.",
        "the database cannot be reached",
        "Not pushed: the remote lacks 3 commits, the oldest of 2024-04-30.",
        "Feed: 1 renamed",
        "Project: 2 added",
        "Subject: Two projects",
        "Commits: aaaaaaaaaa, bbbbbbbbbb",
        "Warnings: 2, see the log of run r1",
        "- Feeds-1",
        "- Teams-1 at /Name",
        "https://example.com",
    ]
    assert told.payload == {
        "version": 1,
        "tampered": [],
        "findings": 0,
        "resolved": 0,
        "states": ["failed", "window-stuck"],
        "run_id": "r1",
        "server": "prod",
        "started": "2024-05-01T00:00:00Z",
        "outcome": "failed",
        "seconds": 12.5,
        "window_seconds": 3.0,
        "window_stuck": True,
        "documents": 40,
        "files": {"added": 0, "modified": 0, "deleted": 0, "unchanged": result.files.unchanged},
        "subject": "Two projects",
        "told": [],
        "told_left_out": 0,
        "totals": {"added": 2, "changed": 0, "removed": 0, "renamed": 1},
        "changes": {"Feed": {"renamed": 1}, "Project": {"added": 2, "changed": 0}},
        "types_left_out": 0,
        "commits": ["a" * 40, "b" * 40],
        "commits_total": 2,
        "pushed": False,
        "commits_ahead": 3,
        "warnings": 2,
        "error": "the database cannot be reached",
        "link": "https://example.com",
        "title": told.title,
        "text": told.text,
    }


def test_a_quiet_run_is_one_line() -> None:
    """Of a run without changes, commits and warnings there is nothing but its headline."""
    told = message(run(outcome="unchanged", pushed=True), None, {"unchanged", "recovered"})

    assert (told.title, told.text) == ("prod: recovered, unchanged", "prod: recovered, unchanged")
    assert told.payload["error"] is None
    assert message(run(outcome="unchanged", pushed=False)).text == "prod: unchanged"
    assert states_of(run(outcome="unchanged", pushed=False), None) == {"unchanged"}
    assert states_of(run(outcome="unchanged", pushed=True, commits_ahead=1), None) == {"unchanged"}


def test_what_is_many_is_counted() -> None:
    """Twenty-five types, ten warnings and ten commits are named, the rest is counted."""
    for types, warnings, commits in ((25, 10, 10), (26, 11, 11), (27, 13, 12)):
        result = run(
            changes={f"T{number:02}": {"added": 2} for number in range(types)},
            warnings=tuple(ReportedWarning(f"w{number}", "", "x") for number in range(warnings)),
            commits=tuple(f"{number:02}" * 20 for number in range(commits)),
        )
        told = message(result)
        lines = told.text.splitlines()
        counted = {26: ["and 1 more type with 2 documents"], 27: ["and 2 more types with 4 documents"]}.get(types, [])
        assert [line for line in lines if line.startswith("and")] == counted
        assert sum(line.startswith("T") for line in lines) == len(told.payload["changes"]) == 25
        assert told.payload["types_left_out"] == types - 25
        assert [line for line in lines if "more" in line][len(counted) :] == (
            [f"- and {warnings - 10} more"] if warnings > 10 else []
        )
        assert sum(line.startswith("- w") for line in lines) == 10
        shown = ", ".join(item[:10] for item in result.commits[-10:])
        before = f" and {commits - 10} before" if commits > 10 else ""
        assert f"Commits: {shown}{before}" in lines
        assert told.payload["commits"] == list(result.commits[-10:])
        assert told.payload["commits_total"] == commits


def test_a_long_line_ends_where_it_is_said_to() -> None:
    """A title has 150 characters and a line 300; one more ends in an ellipsis."""
    for server, length in (("s" * 141, 150), ("s" * 142, 150)):
        title = message(run(server=server)).title
        assert len(title) == length
        assert title.endswith("changed" if len(server) == 141 else "chang…")
    for size in (300, 301):
        told = message(run(outcome="failed", error="e" * size))
        line = "e" * 300 if size == 300 else f"{'e' * 299}…"
        assert (told.text.splitlines()[1], told.payload["error"]) == (line, line)


def test_a_text_has_room_for_all_or_counts_the_rest() -> None:
    """A text of 3000 characters with its link is filled up to the line that counts what was left out."""
    for length in range(240, 300):
        result = run(
            server="s", outcome="changed", error="e" * length, changes={"T" * length: {"added": 1}}, warnings=()
        )
        many = replace(result, changes={f"{number:02}{'x' * length}": {"added": 1} for number in range(20)})
        told = message(many, "https://example.com").text.splitlines()
        fitting = MAX_TEXT - 40 - len("https://example.com") - 1
        kept = told[:-2]
        assert sum(len(line) + 1 for line in kept) <= fitting < sum(len(line) + 1 for line in [*kept, told[2]])
        assert told[-2] == f"… and {22 - len(kept)} more lines"


def test_a_link_may_name_the_run() -> None:
    """Each field of a template stands for its own, the commit being the last one."""
    result = run(commits=("a", "b"))
    assert link_of("x/{server}/{run_id}/{commit}", result) == "x/prod/r1/b"
    assert link_of("x/{run_id}", run(outcome="failed")) == "x/r1"
