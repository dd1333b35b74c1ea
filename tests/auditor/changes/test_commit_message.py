"""
The words of a commit: its subject names what changed, in Octopus's words.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.changes.commit_message import SUBJECT, Change, Outcome, body, counts, message, subject
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
    ],
)
def test_the_subject(given: list[Change], line: str) -> None:
    """
    One thing is named, several of a kind are counted.
    """
    assert subject(given) == line


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
