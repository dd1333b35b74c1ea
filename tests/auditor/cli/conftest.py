"""
A short history, and the program over it in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.cli.main import main
from tests.support.histories import History, project, secret, shop, variables

Run = Callable[..., tuple[int, str, str]]
SET = "Projects/Web Shop/Web Shop-VariableSet.json"


@pytest.fixture
def history(tmp_path: Path) -> History:
    """
    Three commits: all, a variable with a secret, another name of the project.
    """
    history = History(tmp_path / "history.git")
    tree = shop()
    history.commit(tree, "First\n\nServer: demo\n", when=1_790_000_000)
    tree[SET] = variables(1, {"Name": "Site.Url", "Value": "https://new"}, {"Name": "Password", "Value": secret("bb")})
    history.commit(tree, "Second | <b>", when=1_790_100_000, author="Petr Novak <petr@example.com>")
    history.commit({**tree, "Projects/Web Shop/Web Shop.json": project(1, "Store")}, "Third", when=1_790_200_000)
    return history


@pytest.fixture
def run(history: History, capsys: pytest.CaptureFixture[str]) -> Run:
    """
    Return what runs a command over the history and gives its exit code, its output and what it complained of.
    """

    def command(name: str, *words: str, repository: bool = True) -> tuple[int, str, str]:
        place = ["--repository", str(history.path)] if repository else []
        code = main([name, *place, *words])
        done = capsys.readouterr()
        return code, done.out, done.err

    return command
