"""
Questions over an index: each answer to the letter, at its edges.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from auditor.history import questions
from auditor.history.documents import all_documents, document_of, documents, one_document
from auditor.history.index import Index
from auditor.history.questions import Filter
from auditor.history.reader import Commit
from migrator.errors import UsageError
from migrator.tree.git import Git
from tests.support.histories import History, project, secret, shop, variables

RUN = "Server: prod\nRun: {}\nOctopus-Coverage: {}"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """
    Three commits: of run r_1 in two, of run r1 in one; the first is of a whole server, the second of a part of it.
    """
    folder = tmp_path_factory.mktemp("questions")
    history = History(folder / "history.git")
    tree = shop(**{"Spaces/Office/Teams/Ops.json": {"Id": "Teams-1", "Name": "Ops_1", "Description": "100% sure"}})
    history.commit(tree, f"First\n\nA body.\n\n{RUN.format('r_1 1/2', 'exact 1')}", when=100)
    tree["Projects/Web Shop/Web Shop-VariableSet.json"] = variables(
        1, {"Name": "Site.Url", "Value": "https://new"}, {"Name": "Password", "Value": secret("bbbb")}
    )
    history.commit(tree, f"Second\n\n{RUN.format('r_1 2/2', 'window 2')}", when=200, author="A_B <ab@example.com>")
    del tree["Environments/Production.json"]
    tree["Projects/Other/Other.json"] = project(2, "Other")
    history.commit(tree, f"Third\n\n{RUN.format('r1', 'exact 3')}", when=300, author="AxB <axb@example.com>")
    with Index(folder / "index.sqlite", Git(history.path), lambda text: None) as found:
        found.catch_up(history.git("rev-parse", "main"))
        yield found


def subjects(index: Index, wanted: Filter, most: int | None = None, before: int | None = None) -> list[str]:
    return [row.subject for row in questions.commits(index, wanted, most, before)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(since=200), ["Third", "Second"]),
        (Filter(since=201), ["Third"]),
        (Filter(until=200), ["Second", "First"]),
        (Filter(until=199), ["First"]),
        (Filter(since=200, until=200), ["Second"]),
        (Filter(since=0, until=0), []),
        (Filter(person="a_b"), ["Second"]),
        (Filter(person="axb@EXAMPLE"), ["Third"]),
        (Filter(person="%"), []),
        (Filter(coverage="exact"), ["Third", "First"]),
        (Filter(coverage="window"), ["Second"]),
        (Filter(coverage="exac_"), []),
        (Filter(type="environment"), ["Third", "First"]),
        (Filter(space="OFFICE"), ["First"]),
        (Filter(name="ops_1"), ["First"]),
        (Filter(name="ops*"), ["First"]),
        (Filter(name="OP?_[0-9]"), ["First"]),
        (Filter(name="ops"), []),
        (Filter(project="other"), ["Third"]),
        (Filter(project="WEB SHOP"), ["Second", "First"]),
        (Filter(project="Production"), []),
        (Filter(secret_only=True), ["Second"]),
        (Filter(secret_only=True, until=100), []),
        (Filter(type="project", person="mei"), ["First"]),
    ],
)
def test_a_filter_means_what_it_says(index: Index, wanted: Filter, found: list[str]) -> None:
    """
    Times are taken in, names and people blind to case, patterns only where a pattern is meant; all must fit together.
    """
    assert subjects(index, wanted) == found


def test_a_page_of_commits(index: Index) -> None:
    """
    The newest come first, as many as are asked for, below a given one.
    """
    assert subjects(index, Filter()) == ["Third", "Second", "First"]
    assert subjects(index, Filter(), 2) == ["Third", "Second"]
    assert subjects(index, Filter(), 1, 3) == ["Second"]
    assert subjects(index, Filter(), None, 1) == []
    assert subjects(index, Filter(), 0) == []


def test_a_commit_has_all_its_facts(index: Index) -> None:
    """
    What a commit's message and its trailers say stands in the index as it was.
    """
    row = questions.commit_at(index, 2)
    assert (row.seq, row.subject, row.author, row.email) == (2, "Second", "A_B", "ab@example.com")
    assert (row.authored, row.committed, row.run, row.server) == (200, 200, "r_1 2/2", "prod")
    assert row.trailers == (("Server", "prod"), ("Run", "r_1 2/2"), ("Octopus-Coverage", "window 2"))
    assert isinstance(row.complete, bool)
    assert row.documents == 1
    assert len(row.id) == len(row.tree) == 40 and row.id != row.tree


def test_a_run_has_its_commits(index: Index) -> None:
    """
    The commits of a run are those of its very id, in order; no letter of an id stands for another.
    """
    assert [row.subject for row in questions.commits_of_run(index, "r_1")] == ["First", "Second"]
    assert [row.subject for row in questions.commits_of_run(index, "r1")] == ["Third"]
    assert questions.commits_of_run(index, "r") == []


def test_the_state_at_a_moment(index: Index) -> None:
    """
    The last complete state at or before a moment is asked for; before history there is none.
    """
    complete = {row.committed for row in questions.commits(index, Filter()) if row.complete}
    for moment in (99, 100, 150, 250, 300, 400):
        found = questions.last_before(index, moment)
        assert (found.committed if found else None) == max((at for at in complete if at <= moment), default=None)


def test_documents_are_named(index: Index) -> None:
    """
    A document is found by id, path or words at its time; what several are called is asked back.
    """
    assert [item.id for item in all_documents(index, 3, "Project")] == ["Projects-2", "Projects-1"]
    labels = [item.label for item in all_documents(index, 3)]
    assert labels == sorted(labels, key=str.casefold) and "Project Other" in labels
    assert "Environment Production" not in labels
    assert "Environment Production" in [item.label for item in all_documents(index, 2)]
    for text in ("projects-1", "Projects/Web Shop/Web Shop", "Projects/Web Shop/Web Shop.json", "web shop"):
        assert one_document(index, text, 3).id == "Projects-1"
    assert one_document(index, "Project  Web Shop", 3).id == "Projects-1"
    assert [item.id for item in documents(index, "Web Shop variables", 3)] == ["variableset-Projects-1"]
    assert one_document(index, "Team Ops_1", 1).space == "Office"
    found = one_document(index, "Projects-2", 3)
    assert document_of(index, found.doc, 3) == found
    assert document_of(index, found.doc, 2) is None
    for text, moment in (("Production", 3), ("Other", 1), ("nothing", 3)):
        with pytest.raises(UsageError, match=f"there is no document {text} at that time"):
            documents(index, text, moment)


def test_words_are_found(index: Index) -> None:
    """
    A text is found blind to case, also a short one and one with the signs of a pattern; at most as many as are asked.
    """
    assert [hit.line for hit in questions.find(index, "100%")] == ["100% sure"]
    assert questions.find(index, "0%0") == []
    assert [hit.line for hit in questions.find(index, "0%")] == ["100% sure"]
    assert questions.find(index, "p_") == [] and questions.find(index, "s_")
    assert questions.find(index, "shop.example.com") == []
    (hit,) = questions.find(index, "SHOP.example.com", ever=True)
    assert (hit.seq, hit.line) == (2, "https://shop.example.com")
    many = questions.find(index, "ro")
    assert len(many) > 1
    assert questions.find(index, "ro", most=1) == many[:1]
    assert questions.find(index, "ro", ever=True, most=len(many)) == many


@pytest.mark.parametrize(
    ("message", "body", "trailers"),
    [
        ("S", "", ()),
        ("S\n", "", ()),
        ("S\n\nBody.\n", "Body.", ()),
        ("S\n\nA: b\n", "", (("A", "b"),)),
        ("S\n\nBody.\n\nA: b\nC-d: e: f\n", "Body.", (("A", "b"), ("C-d", "e: f"))),
        ("S\n\nBody.\n\nA: b\nno trailer\n", "Body.\n\nA: b\nno trailer", ()),
        ("S\n\nOne.\n\nTwo.\n\nA: b", "One.\n\nTwo.", (("A", "b"),)),
    ],
)
def test_a_message_has_a_body_and_trailers(message: str, body: str, trailers: tuple[tuple[str, str], ...]) -> None:
    """
    Trailers are the last paragraph where each of its lines is one; the body is what stands before them.
    """
    commit = Commit("c", "t", (), "a", "e", 1, "c", 2, message)
    assert (commit.subject, commit.body, commit.trailers) == ("S", body, trailers)
    assert commit.trailer("A") == (dict(trailers).get("A"))
