"""
The plan as people and programs see it: preview, report, saved plans, missing dependencies.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents.canonical_json import Number
from migrator.documents.stored import Stored
from migrator.errors import OperatorError
from migrator.importer import ImportOptions, ImportRefused, apply_import, plan_import
from migrator.maps import REGISTRY
from migrator.maps.natural_keys import fold
from migrator.plan.describe import describe
from migrator.plan.merge import combined, incoming
from migrator.plan.rewrite import Rewritten
from migrator.plan.saved import check_saved, saved
from migrator.sql.target import open_target
from tests.support.imports import (
    CIPHER,
    TARGET,
    Server,
    doc,
    environment,
    outcomes,
    project,
    secret,
    tree,
    variable,
    variables,
)


def test_preview_speaks_in_names_and_says_of_secrets_only_that_they_change(target: Server) -> None:
    """
    Changes are shown field by field, with names in place of ids, and no secret in any form.
    """
    feed = {"Name": "F", "FeedUri": "u", "FeedType": "x"}
    some = [*project(), environment()]
    target.take(
        tree(
            *some,
            doc("Feed", "feeds-1", **feed, Password=secret("old plain text")),
            variables("Projects-1", variable("A", "1")),
        )
    )
    changed = variables("Projects-1", variable("A", "2", Environment=["Environments-1"]) | {"Id": "x"})

    text = describe(
        target.preview(
            tree(*some, doc("Feed", "feeds-1", **feed, Password=secret("new plain text")), changed), overwrite=True
        )
    )

    assert "Updated: 1" in text and "Merged: 1" in text and "Unchanged: 4" in text
    assert "Password: changed" in text and "plain text" not in text
    assert "Environment: Dev" in text and "Environments-1" not in text


def test_preview_shows_a_number_as_it_is_written(target: Server) -> None:
    """
    Numbers stand in a preview with the digits they have in the file.
    """
    target.take(tree(doc("Feed", "feeds-1", Name="F", FeedUri="u", FeedType="x", Wait=Number("1.0"))))
    changed = tree(doc("Feed", "feeds-1", Name="F", FeedUri="u", FeedType="x", Wait=Number("1.50")))

    assert "Wait: 1.0 -> 1.50" in describe(target.preview(changed, overwrite=True))


def test_preview_is_the_plan_that_is_applied(target: Server) -> None:
    """
    What a preview counts is what an import does.
    """
    some = tree(*project(), environment(), variables("Projects-1", variable("A", "1")))

    preview = target.preview(some)
    _, report = target.take(some)

    assert preview.counts() == report.counts


def test_report_holds_counts_and_ids(target: Server) -> None:
    """
    The report says what each source's id is on the target.
    """
    target.run("INSERT INTO KeyAllocation VALUES ('Project', 20)")

    _, report = target.take(tree(*project()))

    shown = report.as_json()
    assert shown["ids"]["Project"] == {"Projects-1": "Projects-21"}
    assert shown["counts"]["Project"] == {"Created": 1}


def test_skip_is_the_default_and_unchanged_is_told_apart(target: Server) -> None:
    """
    Without overwrite a document that differs is skipped, with what would have changed; one that does not is Unchanged.
    """
    target.take(tree(environment(), environment("Environments-2", "Test")))

    plan, _ = target.take(tree(environment(), doc("DeploymentEnvironment", "Environments-2", Name="Test", SortOrder=5)))

    assert outcomes(plan) == {"Unchanged": 1, "Skipped (no overwrite)": 1}
    assert [(c.path, c.before, c.after) for d in plan.decisions for c in d.changes] == [("SortOrder", "1", "5")]


def test_missing_dependency_leaves_its_document_out(target: Server) -> None:
    """
    A required reference whose file is not in the tree keeps its own document out, and what needs that in turn; the
    rest comes in. Strict refuses the tree, force writes it; ids of the source are never taken for the target's.
    """
    target.add("Lifecycle", "Lifecycles-1", Name="Another", Phases=[])
    target.add("ProjectGroup", "ProjectGroups-1", Name="Another")
    alone = tree(project()[-1])

    _, told = target.take(tree(project()[-1], variables("Projects-1", variable("A", "1")), environment()))
    assert {(item.document, item.path) for item in told.warnings} == {
        ("Projects-1", "ProjectGroupId"),
        ("Projects-1", "LifecycleId"),
        ("variableset-Projects-1", "OwnerId"),
        ("deploymentprocess-Projects-1", "OwnerId"),
    }
    assert told.counts["Project"] == {"Skipped (incomplete)": 1, "Missing dependencies": 1}
    assert [item["Name"] for item in target.all("DeploymentEnvironment")] == ["Dev"]
    assert target.all("Project") == target.all("VariableSet") == []

    with pytest.raises(ImportRefused, match="Lifecycles-1"):
        target.take(alone, strict=True)
    _, report = target.take(alone, force=True)

    assert target.named("Project", "Shop")["LifecycleId"] == "Lifecycles-0"
    assert any("Lifecycles-1" in item.message for item in report.warnings)


def test_part_without_its_owner_is_incomplete(target: Server) -> None:
    """
    A variable set whose project is not in the tree has nowhere to go.
    """
    plan = target.preview(tree(variables("Projects-1", variable("A", "1"))))

    assert outcomes(plan) == {"Skipped (incomplete)": 1}
    assert [item.document for item in plan.warnings] == ["variableset-Projects-1"]
    assert not plan.problems


def test_one_file_alone_is_a_tree(target: Server) -> None:
    """
    Whatever files a user left in the directory are imported by themselves.
    """
    _, report = target.take(tree(environment()))

    assert report.counts == {"DeploymentEnvironment": {"Created": 1}}


def test_new_project_whose_parts_were_left_out_gets_empty_ones(target: Server) -> None:
    """
    A project without its variables or its process would break the server: both are made, empty, and announced.
    """
    _, report = target.take(tree(*project()))

    assert [item["Variables"] for item in target.all("VariableSet")] == [[]]
    assert [item["Steps"] for item in target.all("DeploymentProcess")] == [[]]
    assert len([item for item in report.warnings if "empty one" in item.message]) == 2
    assert outcomes(target.preview(tree(*project()), overwrite=True)) == {"Unchanged": 3}


def test_saved_plan_holds_no_secret_and_is_refused_when_a_side_has_moved(target: Server) -> None:
    """
    A plan on disk fits one tree and one state of the target; either moving makes it void.
    """
    some = tree(doc("Proxy", "Proxies-1", Name="out", Password=secret("old plain text")), environment())
    target.take(some)
    wanted = tree(doc("Proxy", "Proxies-1", Name="out", Password=secret("new plain text")), environment())
    other = tree(doc("Proxy", "Proxies-1", Name="out", Password=secret("sly plain text")), environment())
    plan = target.preview(wanted, overwrite=True)
    content = saved(plan, wanted, CIPHER)

    check_saved(content, target.preview(wanted, overwrite=True), wanted, CIPHER)
    with pytest.raises(OperatorError, match="tree has changed"):
        check_saved(content, target.preview(other, overwrite=True), other, CIPHER)
    with pytest.raises(OperatorError, match="overwrite"):
        check_saved(content, target.preview(wanted), wanted, CIPHER)
    target.run("UPDATE DeploymentEnvironment SET SortOrder = 9")
    with pytest.raises(OperatorError, match="target has changed"):
        check_saved(content, target.preview(wanted, overwrite=True), wanted, CIPHER)
    with pytest.raises(OperatorError, match="not written by this program"):
        check_saved(b"[]", plan, wanted, CIPHER)

    assert b"plain text" not in content


def test_saved_plan_is_refused_when_a_row_would_be_written_otherwise(target: Server) -> None:
    """
    Where no document that the plan names has moved, but an address of it is another's by now, the row is another too.
    """
    target.take(tree(*project()[:2]))
    wanted = tree(*project("Projects-1", "Shop", Slug="shop"))
    content = saved(target.preview(wanted), wanted, CIPHER)
    target.take(tree(*project("Projects-1", "Another", Slug="shop")))

    with pytest.raises(OperatorError, match="target has changed"):
        check_saved(content, target.preview(wanted), wanted, CIPHER)


def test_applying_asks_the_target_for_no_document(target: Server) -> None:
    """
    What was decided is all there: applying reads no row of the target again, and tree and target may be gone from it.
    """
    some = [*project(), environment()]
    target.take(tree(*some, variables("Projects-1", variable("A", secret("old plain text"), "Sensitive"))))
    scoped = variable("B", secret("new plain text"), "Sensitive", Environment=["Environments-1"])

    with open_target(target.address, CIPHER) as opened:
        options = ImportOptions(master_key=TARGET, overwrite=True)
        plan = plan_import(tree(*some, variables("Projects-1", scoped)), opened, options)
        before = opened.rows_read
        apply_import(plan, opened, options)
        read = opened.rows_read - before
        opened.commit()

    stored = target.all("VariableSet")[0]
    assert read == 0
    assert (stored["Version"], stored["RelatedDocumentIds"]) == (2, ["Environments-1"])
    assert [CIPHER.open(item["Value"]) for item in stored["Variables"]] == ["new plain text", "old plain text"]


def test_what_json_hardly_holds_is_kept_aside_with_its_edges(target: Server) -> None:
    """
    A number of more than 64 bits, which the fast encoder refuses, comes through a plan like any other.
    """
    large = variable("A", 2**70, Environment=["Environments-1"])

    target.take(tree(*project(), environment(), variables("Projects-1", large)))

    assert target.all("VariableSet")[0]["Variables"][0]["Value"] == 2**70
    assert target.run("SELECT RelatedDocumentId FROM RelatedDocument") == [("Environments-1",)]


def test_texts_that_look_like_a_mark_are_texts(target: Server) -> None:
    """
    Whatever a document is called or says, an import takes none of it for the id of a new document.
    """
    name = "<new 0>"
    some = tree(
        environment("Environments-1", name), *project(), variables("Projects-1", variable(name, f"{name} <new 1>"))
    )

    target.take(some)
    plan, _ = target.take(some, overwrite=True)

    assert outcomes(plan) == {"Unchanged": 5}
    assert [item["Name"] for item in target.all("DeploymentEnvironment")] == [name]
    assert [(item["Name"], item["Value"]) for item in target.all("VariableSet")[0]["Variables"]] == [
        (name, "<new 0> <new 1>")
    ]


def test_3521_shared_names_of_library_sets_are_one_key(target: Server) -> None:
    """
    Variable sets and script modules share their names: matched by name, with what changes told.
    """
    body = {"VariableSetId": "variableset-LibraryVariableSets-1", "Templates": []}
    target.take(
        tree(doc("LibraryVariableSet", "LibraryVariableSets-1", Name="Shared", ContentType="Variables", **body))
    )

    plan = target.preview(
        tree(doc("LibraryVariableSet", "LibraryVariableSets-1", Name="shared", ContentType="ScriptModule", **body))
    )

    (decision,) = plan.decisions
    assert [change.path for change in decision.changes] == ["Name", "ContentType"]


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=6)


@given(first=st.lists(names, max_size=4), second=st.lists(names, max_size=4))
def test_merging_variables_is_idempotent_and_loses_nothing(first: list[str], second: list[str]) -> None:
    """
    Merging twice is merging once, and each name of either side is there.
    """
    document_map = REGISTRY["VariableSet"]
    there = {"Id": "v", "Variables": [{"Name": name, "Value": "1"} for name in first]}
    mine = incoming(document_map, {"Id": "v", "Variables": [{"Name": name, "Value": "2"} for name in second]})

    once = combined(document_map, Rewritten({}), mine, Stored("v", there, ""), lambda kind, id_: False)
    twice = combined(document_map, Rewritten({}), mine, Stored("v", once, ""), lambda kind, id_: False)

    assert once == twice
    assert {fold(v["Name"]) for v in once["Variables"]} == {fold(name) for name in (*first, *second)}
