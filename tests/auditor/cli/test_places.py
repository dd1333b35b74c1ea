"""
The commands about documents, as they are typed.
"""

from __future__ import annotations

import json

import pytest

from tests.auditor.cli.conftest import Run
from tests.support.histories import History, shop


def test_since_when_each_variable_is_so(run: Run) -> None:
    """
    Each element stands with the commit that changed it last and with what tells twins apart.
    """
    _, out, _ = run("blame", "Store variables")

    assert [line.split("  ", 3)[-1].strip() for line in out.splitlines()] == [
        "Store / variables",
        "Site.Url  [no scope]",
        "Password  [no scope]",
    ]
    assert "Petr Novak" in out.splitlines()[1]


def test_one_element_is_named_by_its_name_or_its_beginning(run: Run) -> None:
    """
    A whole name counts before a beginning; one nearly right is asked about.
    """
    assert run("blame", "Store variables#site.url")[1].endswith("Site.Url  [no scope]\n")
    assert run("blame", "Store variables#pass")[1].endswith("Password  [no scope]\n")
    code, _, err = run("blame", "Store variables#Pasword")
    assert (code, "did you mean Password" in err) == (2, True)


def test_the_configuration_of_a_moment(run: Run) -> None:
    """
    A document stands as it stood, by the name it had then.
    """
    assert "https://shop.example.com" in run("at", "HEAD~2", "Web Shop variables")[1]
    assert "Project Web Shop" in run("at", "HEAD~2")[1]
    assert "Project Store" in run("at", "HEAD")[1]


def test_scripts_stand_in_their_places(run: Run, history: History) -> None:
    """
    A script that stands in a file beside its document is shown within it.
    """
    place = "Projects/Web Shop/Web Shop"
    action = {
        "Id": "a",
        "Name": "Go",
        "Properties": {"Octopus.Action.Script.ScriptBody": {"$file": "Web Shop - Go.sh"}},
    }
    body = {
        "Id": "deploymentprocess-Projects-1",
        "OwnerId": "Projects-1",
        "Steps": [{"Id": "s", "Name": "Go", "Actions": [action]}],
    }
    history.commit(
        shop(**{f"{place}-DeploymentProcess.json": body, f"{place} - Go.sh": "echo 1\n"}), when=1_790_300_000
    )

    assert '"Octopus.Action.Script.ScriptBody": "echo 1\\n"' in run("at", "HEAD", "Web Shop deployment process")[1]


def test_a_word_is_found_where_it_stands_and_stood(run: Run) -> None:
    """
    What stands there now; with --ever also what stood there, and until when.
    """
    assert "https://new" in run("find", "https://new")[1]
    code, out, err = run("find", "shop.example")
    assert (code, out) == (1, "") and "--ever looks at the past too" in err
    assert "(until " in run("find", "shop.example", "--ever")[1]


def test_a_secret_is_found_by_nobody(run: Run) -> None:
    """
    Its sealed form is no word that anything could be found by.
    """
    assert run("find", "bb", "--ever")[0] == 1


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
@pytest.mark.parametrize(
    "words", [("blame", "Store variables"), ("at", "HEAD"), ("at", "HEAD", "Store variables"), ("find", "Site")]
)
def test_every_form(run: Run, form: str, words: tuple[str, ...]) -> None:
    """
    Each command speaks each form.
    """
    code, out, err = run(*words, "--format", form)

    assert (code, err) == (0, "")
    assert "Site" in out or words == ("at", "HEAD")
    if form == "json":
        assert json.loads(out)
    elif form == "html":
        assert out.startswith("<!doctype html>")
