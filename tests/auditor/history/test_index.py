"""
The index: the same whether it grew with the history or was made anew, and never a place where a secret stands.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.history import documents, questions
from auditor.history.index import VERSION, Index, check
from auditor.history.questions import Filter
from migrator.documents.canonical_json import encode
from migrator.errors import UsageError
from migrator.tree.git import Git
from tests.support.histories import History, project, secret, shop, variables

URL = "https://shop.example.com"


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.git")


def opened(history: History, said: list[str] | None = None) -> Index:
    index = Index(history.path.parent / "index.sqlite", Git(history.path), (said if said is not None else []).append)
    index.catch_up(history.git("rev-parse", "main"))
    return index


def three_states(history: History) -> list[str]:
    tree = shop()
    commits = [history.commit(tree, "One", when=100)]
    tree["Projects/Web Shop/Web Shop-VariableSet.json"] = variables(
        1, {"Name": "Site.Url", "Value": "https://new.example.com"}, {"Name": "Password", "Value": secret("bbbb")}
    )
    commits.append(history.commit(tree, "Two", when=200, author="Petr Novak <petr@example.com>"))
    tree = {**tree, "Projects/Web Shop/Web Shop.json": project(1, "Store")}
    commits.append(history.commit(tree, "Three", when=300))
    return commits


CHOICES = st.lists(
    st.tuples(st.sampled_from(("Value", "Name", "gone", "back", "file")), st.sampled_from("abc")),
    min_size=1,
    max_size=6,
)


@settings(max_examples=8)
@given(edits=CHOICES)
def test_grown_and_made_anew_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, str]]
) -> None:
    """
    An index that took in one commit after the other says what one made from the whole history says.
    """
    folder = tmp_path_factory.mktemp("grown")
    history = History(folder / "history.git")
    tree = shop()
    place = "Projects/Web Shop/Web Shop-VariableSet.json"
    with Index(folder / "grown.sqlite", Git(history.path)) as grown:
        for number, (what, text) in enumerate(edits):
            if what == "gone":
                tree.pop(place, None)
            elif what == "file":
                tree[f"Environments/{text}.json"] = {"Id": f"Environments-{text}", "Name": text}
            else:
                tree[place] = variables(1, {"Name": "A", "Value": "x"} | ({} if what == "back" else {what: text}))
            grown.catch_up(history.commit(tree, f"{number}", when=number))
        with Index(folder / "whole.sqlite", Git(history.path)) as whole:
            whole.catch_up(history.git("rev-parse", "main"))
            for table in ("commits", "versions", "names", "records"):
                rows = [list(index.db.execute(f"SELECT * FROM {table}")) for index in (grown, whole)]
                assert rows[0] == rows[1], table
            words = [list(index.db.execute("SELECT text FROM now ORDER BY text")) for index in (grown, whole)]
            assert words[0] == words[1]


def test_no_secret_is_in_it(history: History) -> None:
    """
    Neither the sealed form of a secret nor a value that was one is in the index's file.
    """
    three_states(history)
    with opened(history) as index:
        index.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = (history.path.parent / "index.sqlite").read_bytes()

    assert b"aaaa" not in content
    assert b"bbbb" not in content
    assert b"new.example.com" in content


@pytest.mark.parametrize("damage", ["garbage", "version", "empty", "cut"])
def test_what_cannot_be_used_is_made_anew_and_told(history: History, damage: str) -> None:
    """
    A damaged index, or one of another version, costs time only, and is told once.
    """
    three_states(history)
    opened(history).__exit__(None, None, None)
    path = history.path.parent / "index.sqlite"
    if damage == "garbage":
        path.write_bytes(b"not a database at all" * 100)
    elif damage == "version":
        with sqlite3.connect(path) as db:
            db.execute("UPDATE meta SET value = ?", (str(VERSION + 1),))
        db.close()
    else:
        path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:3000])

    said: list[str] = []
    with opened(history, said) as index:
        assert index.db.execute("SELECT COUNT(*) FROM commits").fetchone() == (3,)
    assert len(said) == (0 if damage == "empty" else 1)


def test_a_rewritten_history_is_indexed_anew(history: History) -> None:
    """
    When the branch no longer holds what was indexed, the index is made from what it holds, and that is said.
    """
    commits = three_states(history)
    opened(history).__exit__(None, None, None)
    history.git("update-ref", "refs/heads/main", commits[0])
    history.commit(shop(**{"Environments/Test.json": {"Id": "Environments-2", "Name": "Test"}}), "Other", when=400)

    said: list[str] = []
    with opened(history, said) as index:
        assert [row.subject for row in questions.commits(index, Filter())] == ["Other", "One"]
    assert "rewritten" in said[0]


def test_messages_and_values_of_any_signs(history: History) -> None:
    """
    Whatever signs somebody's message has, and with half a character in a name or a value: every commit is read.
    """
    tree = shop()
    odd = "Odd\x01\x02\x1e\x7f one"
    commits = [history.commit(tree, odd, when=100)]
    path = "Projects/Web Shop/Web Shop.json"
    tree = {**tree, path: encode(project(1, "Sh\ud800p", Description="\udc00"))}
    commits.append(history.commit(tree, "Two", when=200))
    with opened(history) as index:
        found = index.db.execute("SELECT id, subject FROM commits ORDER BY seq").fetchall()
        assert [item[0] for item in found] == commits
        assert found[0][1] == odd
        (name,) = index.db.execute("SELECT name FROM documents WHERE type = 'Project'").fetchone()
    assert name == "Sh?p"


def test_it_is_checked_against_git(history: History) -> None:
    """
    A row that git does not know is found.
    """
    three_states(history)
    path, head = history.path.parent / "index.sqlite", history.git("rev-parse", "main")
    with opened(history) as index:
        index.db.execute("UPDATE documents SET name = 'Wrong' WHERE id = 'Projects-1'")
        index.db.commit()

    assert any("Wrong" in line for line in check(path, Git(history.path), head))


def test_names_are_those_of_their_time(history: History) -> None:
    """
    An id is told by what it was called at that commit.
    """
    three_states(history)
    with opened(history) as index:
        assert [index.names(seq).name("projects-1") for seq in (1, 2, 3)] == ["Web Shop", "Web Shop", "Store"]


def test_since_when_a_variable_is_so(history: History) -> None:
    """
    Each variable is blamed on the commit that changed it last, an untouched one on the first.
    """
    three_states(history)
    with opened(history) as index:
        document = documents.one_document(index, "Store variables", 3)
        since = questions.blame(index, document, {"Variables/[v-1-0]": "Site.Url", "Variables/[x]": "other"}, 3)

    assert [(item.name, item.commit.subject) for item in since] == [
        ("Store / variables", "Two"),
        ("Site.Url", "Two"),
        ("other", "One"),
    ]


def test_what_stands_and_what_once_stood(history: History) -> None:
    """
    A word is found where it stands now; what is gone only when the past is asked, with the commit that took it away.
    """
    three_states(history)
    with opened(history) as index:
        assert questions.find(index, URL) == []
        (hit,) = questions.find(index, URL, ever=True)
        assert (questions.commit_at(index, hit.seq or 0).subject, hit.line) == ("Two", URL)
        assert len(questions.find(index, "NEW.example")) == 1
        assert questions.find(index, "St"), "short words are found too"
        assert questions.find(index, 'a"b*') == []


@pytest.mark.parametrize(
    ("wanted", "subjects"),
    [
        (Filter(), ["Three", "Two", "One"]),
        (Filter(person="petr"), ["Two"]),
        (Filter(since=150), ["Three", "Two"]),
        (Filter(until=150), ["One"]),
        (Filter(type="variables"), ["Two", "One"]),
        (Filter(project="store"), ["Three", "Two", "One"]),
        (Filter(name="Prod*"), ["One"]),
        (Filter(name="prod*"), ["One"]),
        (Filter(name="STORE"), ["Three", "Two", "One"]),
        (Filter(name="web [rst]hop"), ["One"]),
        (Filter(secret_only=True), ["Two"]),
        (Filter(space="Nowhere"), []),
    ],
)
def test_commits_are_filtered(history: History, wanted: Filter, subjects: list[str]) -> None:
    """
    Each filter leaves the commits it means.
    """
    three_states(history)
    with opened(history) as index:
        assert [row.subject for row in questions.commits(index, wanted)] == subjects


def test_any_text_is_taken(history: History) -> None:
    """
    Half a surrogate in a name or a value, a path that is no UTF-8 and a message of control characters are indexed and
    asked for like others.
    """
    tree = shop(**{"Environments/Odd.json": '{"Id": "Environments-9", "Name": "a\\ud800b", "Sort": ["\\udc00", "x"]}'})
    history.commit(tree, "\x01One\x02 \x01\n\n\x01\n", when=100)
    history.commit({**tree, "Environments/\udce4.json": {"Id": "Environments-8", "Name": "Latin"}}, "Two", when=200)

    with opened(history) as index:
        assert [row.subject for row in questions.commits(index, Filter())] == ["Two", "\x01One\x02 \x01"]
        assert questions.find(index, "a\ud800b") != []
        assert documents.one_document(index, "Latin", 2).id == "Environments-8"
        assert list(questions.commits(index, Filter(person="\udcff"))) == []


@pytest.mark.parametrize(
    "words",
    [
        "variableset-projects-1",
        "Store variables",
        "store / variables",
        "Project Store variables",
        "Projects/Web Shop/Web Shop-VariableSet.json",
    ],
)
def test_a_document_is_found_as_people_name_it(history: History, words: str) -> None:
    """
    An id, a path, or words with and without the owner's title lead to the same document.
    """
    three_states(history)
    with opened(history) as index:
        assert documents.one_document(index, words, 3).id == "variableset-Projects-1"


def test_a_project_may_be_called_project(history: History) -> None:
    """
    A title that is a part of the name is not taken off it.
    """
    tree = {
        "Projects/Project X/Project X.json": project(1, "Project X"),
        "Projects/Project X/Project X-VariableSet.json": variables(1),
    }
    history.commit(tree)
    with opened(history) as index:
        found = [
            documents.one_document(index, f"{words} variables", 1).id for words in ("Project X", "project project x")
        ]

    assert found == ["variableset-Projects-1"] * 2


def test_a_name_nearly_right_is_guessed(history: History) -> None:
    """
    A document that is not there is answered with the nearest name.
    """
    three_states(history)
    with opened(history) as index, pytest.raises(UsageError, match="did you mean Store"):
        documents.one_document(index, "Stor", 3)


def test_its_folder_is_made_for_its_owner_alone(history: History) -> None:
    """
    The first index of a server makes its folders; nobody else may read what it holds.
    """
    three_states(history)
    path = history.path.parent / "state" / "prod" / "index.sqlite"
    with Index(path, Git(history.path), lambda text: None) as index:
        index.catch_up(history.git("rev-parse", "main"))
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
