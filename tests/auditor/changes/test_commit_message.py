"""
The words of a commit: its subject names what changed, in Octopus's words.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.changes.commit_message import (
    SUBJECT,
    Change,
    Outcome,
    body,
    counts,
    documents_of,
    group_of,
    message,
    subject,
)
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
            "Deployment process of Shop changed; 2 machines added; Machine old removed",
        ),
        ([Change("Machine", "a\nb", Outcome.ADDED)], "Machine a b added"),
    ],
)
def test_the_subject(given: list[Change], line: str) -> None:
    """
    One thing is named, several of a kind are counted.
    """
    assert subject(given) == line


def test_a_subject_names_as_much_as_it_has_room_for() -> None:
    """
    What no longer fits into 120 characters, with the count of it, is counted; what fits just so is named.
    """
    for length in range(65, 86):
        line = subject([Change("Machine", "x" * length, Outcome.ADDED), Change("Team", "A", Outcome.ADDED)])
        fits = len(f"Machine {'x' * length} added") + len("Team A added") + 20 <= SUBJECT
        assert line == f"Machine {'x' * length} added; {'Team A added' if fits else '1 more'}"
    some = [Change(kind, "n" * 30, Outcome.ADDED) for kind in ("Machine", "Team", "Feed", "Proxy")]
    assert subject(some) == f"Machine {'n' * 30} added; Feed {'n' * 30} added; 2 more"
    long = subject([Change("Machine", "x" * 500, Outcome.ADDED), Change("Team", "A", Outcome.ADDED)])
    assert long == f"Machine {'x' * 92}; 1 more"


def test_a_first_export_is_counted() -> None:
    """
    Of the first commit people hear how many documents there are, and two examples of what they are.
    """
    one = [Change("Machine", "web", Outcome.ADDED)]
    assert subject(one, first=True) == "First export of 1 document; Machine web added"
    kinds = ("Machine", "Team", "Feed", "Proxy")
    some = [Change(kind, name, Outcome.ADDED) for kind in kinds for name in "ab"]
    assert subject(some, first=True) == "First export of 8 documents; 2 machines added; 2 feeds added"
    assert message(one, [("Server", "prod")], first=True) == (
        "First export of 1 document; Machine web added\n\nMachine added: 1\n  web\n\nServer: prod\n"
    )
    assert message(one, []) == "Machine web added\n\nMachine added: 1\n  web\n"


def test_a_body_names_forty_of_a_kind() -> None:
    """
    Names are sorted and in one line each, one that is empty is said to be; after forty the rest is counted.
    """
    for number in (39, 40, 41):
        lines = body([Change("Team", f"t{n:02}", Outcome.ADDED) for n in range(number)], []).splitlines()
        assert lines[:2] == [f"Team added: {number}", "  t00"]
        assert lines[-1] == ("  and 1 more" if number == 41 else f"  t{number - 1}")
    some = [Change("Team", " ", Outcome.CHANGED), Change("Team", "b\nServer: x", Outcome.CHANGED)]
    assert body(some, [("Server", "prod")]) == "Team changed: 2\n  (no name)\n  b Server: x\n\nServer: prod"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("Projects/Shop/Shop.json", "Project"),
        ("Projects/Shop/Shop-VariableSet.json", "VariableSet"),
        ("Tenants/Acme/Acme-variables-TenantVariables-1.json", "TenantVariable"),
        ("Projects/Shop/Shop-variables.json", "Project"),
        ("PROJECTS/Shop/Shop.json", "Project"),
        ("Machines/web.json", "Machine"),
        ("Spaces/Default/Machines/web.json", "Machine"),
        ("Spaces/Default/Default.json", "Space"),
        ("Spaces/Default.json", "Space"),
        ("Nobody/x.json", "Nobody"),
    ],
)
def test_a_path_tells_the_kind(path: str, kind: str) -> None:
    """
    The folder says what is counted, in a space's folder as on a server without; parts of an owner stand with it.
    """
    assert group_of(path) == kind


def test_documents_are_the_files_of_json_in_folders() -> None:
    """
    Scripts and what stands at the root are no documents.
    """
    paths = ["Teams/a.json", "metadata.json", "Projects/a/a.steps.ps1", "README.md"]
    assert documents_of(paths) == ["Teams/a.json"]


@given(changes)
def test_the_subject_is_one_line(given: list[Change]) -> None:
    """
    Whatever the names are, the subject is one line of at most 120 characters.
    """
    line = subject(given)

    assert 0 < len(line) <= SUBJECT
    assert len(line.splitlines()) == 1


@given(changes)
def test_the_body_counts_every_document(given: list[Change]) -> None:
    """
    Every type and outcome is in the body with its number, and the facts come last as trailers.
    """
    text = body(given, [("Server", "prod")])

    for kind, outcomes in counts(given).items():
        for outcome, number in outcomes.items():
            assert f"{kind} {outcome}: {number}" in text
    assert text.endswith("Server: prod")


def test_a_very_long_message_keeps_its_trailers() -> None:
    """
    A message of ten thousand documents ends with the facts about the run, as a short one does.
    """
    many = [Change(kind.table, "x" * 4000 + str(n), Outcome.ADDED) for kind in REGISTRY.maps for n in range(100)]

    assert message(many, [("Server", "prod"), ("Octopus-Version", "2022.4")]).endswith(
        "\n\nServer: prod\nOctopus-Version: 2022.4\n"
    )
