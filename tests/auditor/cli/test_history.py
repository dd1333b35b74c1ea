"""
The commands about commits, as they are typed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.auditor.cli.conftest import Run
from tests.support.histories import History, project, variables


def test_a_log_has_a_line_for_each_commit(run: Run, history: History) -> None:
    """
    The newest is first, each with its id, its time, its person and its subject.
    """
    code, out, _ = run("log")

    lines = out.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines] == [item[:8] for item in history.git("rev-list", "main").split()]
    assert "Petr Novak" in lines[1] and lines[1].endswith("Second | <b>")


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
@pytest.mark.parametrize("words", [("log",), ("show", "HEAD~1"), ("diff", "HEAD~2", "HEAD")])
def test_every_form_is_safe(run: Run, form: str, words: tuple[str, ...]) -> None:
    """
    Each command speaks each form; a name is markup in none, and a secret is in none.
    """
    code, out, _ = run(*words, "--format", form)

    assert code == 0
    assert "bb" not in out
    if form == "html":
        assert "<b>" not in out and out.startswith("<!doctype html>")
    if form == "markdown":
        assert "<b>" not in out.replace("\\<b\\>", "")
    if form == "json":
        assert json.loads(out)


@pytest.mark.parametrize(
    ("words", "subjects"),
    [
        (("--name", "STORE"), ["Third", "Second | <b>", "First"]),
        (("--person", "novak"), ["Second | <b>"]),
        (("--secret-only",), ["Second | <b>"]),
        (("--type", "environments"), ["First"]),
        (("--since", "2026-09-23"), ["Third"]),
        (("-n", "1"), ["Third"]),
        (("--name", "nothing"), []),
    ],
)
def test_a_log_is_filtered(run: Run, words: tuple[str, ...], subjects: list[str]) -> None:
    """
    Each filter leaves the commits it means; of none nothing is printed.
    """
    code, out, _ = run("log", *words, "--json")
    assert (code, [row["subject"] for row in json.loads(out)]) == (0, subjects)

    assert len(run("log", *words)[1].splitlines()) == len(subjects)


def test_show_tells_a_commit_in_octopus_words(run: Run) -> None:
    """
    What changed stands there with names, a secret only as changed.
    """
    _, out, _ = run("show", "HEAD~1")

    assert "~ Project Web Shop / variables              (2 of 2 changed)" in out
    assert "https://shop.example.com -> https://new" in out
    assert "Password  [no scope]                  secret changed" in out


def test_show_gives_records_to_programs(run: Run, history: History) -> None:
    """
    The JSON of a commit is that of the schema: commit, run, person, time, changes.
    """
    _, out, _ = run("show", "HEAD~1", "--json")

    told = json.loads(out)
    assert [*told] == ["commit", "run", "person", "time", "changes"]
    assert [(item["path"], item["secret"]) for item in told["changes"]] == [
        ("Variables/[v-1-0]/Value", None),
        ("Variables/[v-1-1]/Value", "changed"),
    ]


def test_a_difference_has_an_exit_code_if_asked(run: Run) -> None:
    """
    As git's: 1 where something differs, 0 where nothing does or nobody asked.
    """
    assert run("diff", "HEAD~1")[0] == 0
    assert run("diff", "HEAD~1", "--exit-code")[0] == 1
    assert run("diff", "HEAD", "--exit-code")[0] == 0


def test_two_servers_are_compared_by_name(run: Run, history: History, tmp_path: Path) -> None:
    """
    Two repositories are paired by names, whatever the ids are; what differs is told as between two commits.
    """
    other = History(tmp_path / "other.git")
    tree = {
        "Projects/Store/Store.json": project(7, "Store"),
        "Projects/Store/Store-VariableSet.json": variables(7, {"Name": "Site.Url", "Value": "https://other"}),
        "Environments/Production.json": {"Id": "Environments-9", "Name": "Production"},
    }
    other.commit(tree)

    code, out, _ = run("diff", str(other.path), str(history.path), "--exit-code", repository=False)

    assert code == 1
    assert "https://other -> https://new" in out
    assert "+ Password" in out
    assert "Environment Production" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nowhere"), "is no commit of this history, no run and no time"),
        (("log", "--since", "sometimes"), "is no time"),
        (("log", "--type", "projct"), "did you mean project"),
        (("diff", "1999-01-01"), "the history begins after"),
    ],
)
def test_a_mistake_is_one_sentence(run: Run, words: tuple[str, ...], said: str) -> None:
    """
    What cannot be meant is wrong usage, told with what was probably meant.
    """
    code, out, err = run(*words)

    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_shallow_clone_is_told(
    run: Run, history: History, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Where the history was cut off, the answer says that it begins there.
    """
    clone = tmp_path / "clone"
    history.git("clone", "-q", "--depth", "1", f"file://{history.path}", str(clone))

    code, out, err = run("log", "--repository", str(clone), repository=False)

    assert (code, len(out.splitlines())) == (0, 1)
    assert "shallow clone" in err
