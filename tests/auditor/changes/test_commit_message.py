"""
The words of a commit: a subject that names what changed, a body that tells it, trailers whatever there is.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.changes.blocks import Block
from auditor.changes.commit_message import (
    LINES,
    LONGEST_LINE,
    LONGEST_SUBJECT,
    SUBJECT,
    Said,
    body_of_counts,
    counted_only,
    message,
    said,
    subject,
    subject_of_counts,
)
from auditor.changes.lines import Line
from auditor.changes.outcomes import Change, Outcome, counts
from migrator.maps import REGISTRY

changes = st.lists(
    st.builds(
        Change, st.sampled_from([item.table for item in REGISTRY.maps]), st.text(max_size=200), st.sampled_from(Outcome)
    ),
    min_size=1,
    max_size=60,
)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ([Change("VariableSet", "Acme.Web", Outcome.CHANGED)], "Variables of Acme.Web changed"),
        ([Change("Machine", f"m{n}", Outcome.ADDED) for n in range(3)], "3 machines added"),
        ([Change("Project", "Acme.Web", Outcome.REMOVED)], "Project Acme.Web removed"),
        ([Change("DeploymentProcess", "Acme.Web", Outcome.CHANGED)], "Deployment process of Acme.Web changed"),
        (
            [Change("Release", "1.0", Outcome.ADDED), Change("Release", "1.1", Outcome.ADDED)],
            "2 releases added",
        ),
        ([], "Files changed, no document did"),
        ([Change("VariableSet", name, Outcome.CHANGED) for name in "ba"], "Variables of a, b changed"),
        (
            [Change("VariableSet", name, Outcome.CHANGED) for name in "cba"],
            "Variables of 3 projects or sets changed",
        ),
        (
            [
                Change("Machine", "web", Outcome.ADDED),
                Change("DeploymentProcess", "Shop", Outcome.CHANGED),
                Change("Machine", "db", Outcome.ADDED),
                Change("Machine", "old", Outcome.REMOVED),
            ],
            "Deployment process of Shop changed; 2 machines added; 1 more",
        ),
        ([Change("Machine", "a\nb", Outcome.ADDED)], "Machine a b added"),
    ],
)
def test_documents_are_named_or_counted(given: list[Change], line: str) -> None:
    """
    One thing is named, several of a kind are counted.
    """
    assert subject_of_counts(given) == line


texts = st.text(max_size=150).map(lambda text: f"a{text}")
told = st.lists(
    st.builds(
        Block,
        st.sampled_from("+-~"),
        texts,
        texts,
        lines=st.lists(st.builds(Line, st.sampled_from("+-~"), texts, texts), max_size=4).map(tuple),
        summary=texts,
        bare=texts,
        several=st.sampled_from(("", "targets added")),
    ),
    max_size=40,
)


@given(told, changes, st.sampled_from(("", "Octopus upgraded from 1 to 2")))
def test_a_subject_is_one_line_and_trailers_are_last(blocks: list[Block], given: list[Change], event: str) -> None:
    """
    Whatever names and values are, the subject is one line of at most 120 characters, and git finds the trailers.
    """
    words = said(blocks, given).after(event) if event else said(blocks, given)
    text = message(words, [("Server", "prod"), ("Octopus-Version", "2022.4")])

    assert 0 < len(words.subject) <= LONGEST_SUBJECT
    assert text.split("\n")[0] == words.subject
    assert text.split("\n")[1] == ""
    assert text.endswith("\n\nServer: prod\nOctopus-Version: 2022.4\n")


@given(st.lists(st.text(alphabet="ab ", min_size=1, max_size=50), min_size=1, max_size=30))
def test_a_subject_counts_what_it_leaves_out(phrases: list[str]) -> None:
    """
    A subject keeps to 72 characters where its first phrase leaves room, and what it does not name it counts.
    """
    phrases = [f"x{phrase.strip()}" for phrase in phrases]
    line = subject(phrases)
    shown, _, more = line.rpartition("; ") if line.endswith(" more") else (line, "", "0 more")

    assert len(line) <= SUBJECT
    assert len(shown.split("; ")) + int(more.split()[0]) == len(phrases)


def test_what_came_alike_takes_the_room_of_one() -> None:
    """
    Three new targets are counted in the subject, while each has its line in the body.
    """
    three = [Block("+", f"Target {n}", summary=f"{n} added", several="targets added") for n in "abc"]
    one = Block("-", "Tenant T", summary="Tenant T removed", several="tenants removed")

    words = said([*three, one], [])

    assert words.subject == "3 targets added; Tenant T removed"
    assert words.body == "+ Target a\n+ Target b\n+ Target c\n- Tenant T"


def test_names_alone_where_values_may_not_go() -> None:
    """
    What is said bare has no value in it; the body and what is said with values have.
    """
    block = Block(
        "~",
        "Project Shop / variables",
        lines=(Line("~", "Replicas", "3 -> 12"),),
        summary="Shop: Replicas 3 -> 12",
        bare="Shop: Replicas changed",
    )

    words = said([block], [])

    assert (words.subject, words.bare_subject) == ("Shop: Replicas 3 -> 12", "Shop: Replicas changed")
    assert words.bare == ("Shop: Replicas changed",)
    assert "12" in "".join(words.valued) and "12" in words.body


def test_a_body_has_an_end() -> None:
    """
    A commit of very many changes says how many it does not tell, and cuts a line that nobody reads to its end.
    """
    lines = tuple(Line("~", f"variable {n}", "x" * 5000) for n in range(20))

    body = said([Block("~", f"Project {n}", lines=lines, summary=f"{n}") for n in range(100)], []).body.splitlines()

    assert len(body) <= LINES + 1
    assert max(map(len, body)) == LONGEST_LINE
    assert body[-1].endswith("more documents changed)")


def test_a_commit_of_no_document_says_what_it_did() -> None:
    """
    Where files changed and no document did, the subject says why, or that it is so.
    """
    assert said([], [], "Scripts moved").subject == "Scripts moved"
    assert said([], []).subject == "Files changed, no document did"
    assert message(said([], []), [("Server", "a")]).count("\n\n") == 1


def test_a_subject_names_as_much_as_it_has_room_for() -> None:
    """
    What no longer fits into 72 characters is counted; what fits just so is named; what is alone is cut at 120.
    """
    for length in range(35, 60):
        first = f"Machine {'x' * length} added"
        line = subject_of_counts([Change("Machine", "x" * length, Outcome.ADDED), Change("Team", "A", Outcome.ADDED)])
        both = f"{first}; Team A added"
        assert line == (both if len(both) <= SUBJECT else f"{first}; 1 more")
    long = subject_of_counts([Change("Machine", "x" * 500, Outcome.ADDED), Change("Team", "A", Outcome.ADDED)])
    assert len(long) == LONGEST_SUBJECT
    assert long.endswith("x...; 1 more")


def test_a_first_export_is_counted() -> None:
    """
    Of the first commit people hear how many documents there are, and two examples of what they are.
    """
    one = [Change("Machine", "web", Outcome.ADDED)]
    assert subject_of_counts(one, first=True) == "First export of 1 document; Machine web added"
    kinds = ("Machine", "Team", "Feed", "Proxy")
    some = [Change(kind, name, Outcome.ADDED) for kind in kinds for name in "ab"]
    assert subject_of_counts(some, first=True) == "First export of 8 documents; 2 machines added; 2 feeds added"
    assert message(counted_only(one, first=True), [("Server", "prod")]) == (
        "First export of 1 document; Machine web added\n\nMachine added: 1\n  web\n\nServer: prod\n"
    )
    assert message(counted_only(one), []) == "Machine web added\n\nMachine added: 1\n  web\n"


def test_a_body_names_forty_of_a_kind() -> None:
    """
    Names are sorted and in one line each, one that is empty is said to be; after forty the rest is counted.
    """
    for number in (39, 40, 41):
        lines = body_of_counts([Change("Team", f"t{n:02}", Outcome.ADDED) for n in range(number)]).splitlines()
        assert lines[:2] == [f"Team added: {number}", "  t00"]
        assert lines[-1] == ("  and 1 more" if number == 41 else f"  t{number - 1}")
    some = [Change("Team", " ", Outcome.CHANGED), Change("Team", "b\nServer: x", Outcome.CHANGED)]
    assert body_of_counts(some) == "Team changed: 2\n  (no name)\n  b Server: x"


@given(changes)
def test_a_first_export_counts_every_document(given: list[Change]) -> None:
    """
    Every type and outcome is in the body with its number, and no name makes a line of its own.
    """
    text = body_of_counts(given)

    for kind, outcomes in counts(given).items():
        for outcome, number in outcomes.items():
            assert f"{kind} {outcome}: {number}" in text
    assert counted_only(given, first=True).subject.startswith(f"First export of {len(given)} document")


def test_a_very_long_message_keeps_its_trailers() -> None:
    """
    A message of ten thousand documents ends with the facts about the run, as a short one does.
    """
    many = [Change(kind.table, "x" * 4000 + str(n), Outcome.ADDED) for kind in REGISTRY.maps for n in range(100)]

    assert message(counted_only(many), [("Server", "prod"), ("Octopus-Version", "2022.4")]).endswith(
        "\n\nServer: prod\nOctopus-Version: 2022.4\n"
    )


def test_an_upgrade_stands_before_all() -> None:
    """
    What explains why so much differs is the first thing in both subjects.
    """
    words = Said("Shop changed", "", "Shop changed").after("Octopus upgraded from 1 to 2")

    assert words.subject == words.bare_subject == "Octopus upgraded from 1 to 2; Shop changed"
