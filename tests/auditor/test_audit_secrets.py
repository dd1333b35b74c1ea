"""
Secrets that stand in clear in the database: an audit seals and tells them, whatever kind of run it is.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.audit import RunOptions
from auditor.cli.once import exit_code, summary
from tests.support.audits import Audited
from tests.support.servers import CIPHER

SECRETS = ["Tr0ub4dor&3 zebra", "correct-horse-9!", "changeit"]
DECOY = "A" * 22 + "==|" + "A" * 22 + "=="


def describe(audited: Audited, identity: str, text: str) -> None:
    audited.database.edit("Project", identity, lambda body: body.update(Description=text))


def hold(audited: Audited, plain: str) -> None:
    """
    Let an account hold a secret, encrypted as the server does.
    """
    ((account,),) = audited.database.run("SELECT Id FROM Account WHERE JSON LIKE '%Password%' ORDER BY Id LIMIT 1")
    audited.database.edit("Account", account, lambda body: body.update(Password=CIPHER.seal(plain)))


def test_a_secret_typed_in_clear_later_is_never_committed(audited: Audited) -> None:
    """
    A run that renders only what changed knows the secrets of what did not; what it found is told by every run, and once
    that it is there no longer.
    """
    hold(audited, SECRETS[0])
    audited.good()
    describe(audited, "Projects-2", f"use {SECRETS[0]} for now")

    for outcome in ("changed", "unchanged"):
        result = audited.good()
        assert result.outcome == outcome
        assert [(item.document, item.path) for item in result.findings] == [("Project Projects-2", "Description")]
        assert summary(result)["findings"] == [item for item in summary(result)["warnings"] if item["path"]]
        assert exit_code(result) == 0
    assert not any(SECRETS[0].encode() in content for content in audited.files().values())

    describe(audited, "Projects-2", "nothing to see")
    assert [item.path for item in audited.good().resolved] == ["Description"]
    assert audited.good().resolved == ()


def test_a_secret_that_stood_in_clear_before_it_was_one(audited: Audited) -> None:
    """
    A document that did not change is searched for new secrets, and shows its text again when the secret is another.
    """
    describe(audited, "Projects-2", f"use {SECRETS[1]} for now")
    audited.good()
    hold(audited, SECRETS[1])
    assert len(audited.good().findings) == 1
    assert not any(SECRETS[1].encode() in content for content in audited.files().values())
    hold(audited, "another, forgotten 1")
    assert audited.good().findings == ()
    assert any(SECRETS[1].encode() in content for content in audited.files().values())


def test_what_was_renamed_is_told_so_where_a_secret_moved_too(audited: Audited) -> None:
    """
    All rows are rendered then, and yet the run knows what each document was called before.
    """
    audited.good()
    hold(audited, SECRETS[0])
    audited.database.edit("Project", "Projects-2", lambda project: project.update(Name="Another Name"))
    assert audited.good().changes["Project"]["renamed"] == 1


def test_a_secret_that_only_a_files_form_seems_to_show(audited: Audited) -> None:
    """
    Nobody stops an audit by a secret that is spelled as two values stand beside each other in a file.
    """
    ((together,),) = audited.database.run("SELECT IncludedLibraryVariableSetIds FROM Project WHERE Id = 'Projects-1'")
    one, other = sorted(together.strip("|").split("|"))[:2]
    for spelled in (f'{one}","{other}', f'"{one}",\n    "{other}"', '"Id": "Projects-1",\n  "Name": '):
        hold(audited, spelled)
        result = audited.good()
        assert result.findings == ()


EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.just(""), st.sampled_from(SECRETS)),
        st.tuples(
            st.just("describe"),
            st.sampled_from(["Projects-1", "Projects-2", "Projects-3"]),
            st.sampled_from(
                ["plain", *SECRETS, f"x {SECRETS[0]} y {SECRETS[1]}", CIPHER.seal(SECRETS[1]), f"see {DECOY}"]
            ),
        ),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(EDITS, min_size=1, max_size=3))
def test_what_a_run_of_changes_gives_a_full_run_gives_too(audited: Audited, runs: list[Any]) -> None:
    """
    Tree and findings are those of a full run, with secrets moving into clear text and back.
    """
    for edits in runs:
        for kind, identity, text in edits:
            if kind == "hold":
                hold(audited, text)
            else:
                describe(audited, identity, text)
        quick = audited.good()
        tree = audited.tree()
        full = audited.good(RunOptions(full=True))
        assert audited.tree() == tree
        assert full.findings == quick.findings
        assert full.warnings == quick.warnings
