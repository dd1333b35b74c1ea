"""
The rooms of the house: what is where, what a room says of itself, and where each outside library lives.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.sources import syntax

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "source-code.md").read_text(encoding="utf-8")
ROOMS = sorted(
    path.parent
    for package in ("migrator", "auditor")
    for path in (ROOT / package).rglob("__init__.py")
    if path.parent.name != "__pycache__"
)
MOST_FILES = 16

HOMES = {
    "ahocorasick_rs": ("migrator/secrets/plaintext_search.py",),
    "apscheduler": ("auditor/daemon/schedule.py",),
    "click": ("migrator/command_line/", "migrator/cli/", "auditor/cli/"),
    "cryptography": ("migrator/secrets/ciphers.py",),
    "git": ("migrator/tree/git.py",),
    "httpx": ("auditor/window/octopus_api.py", "auditor/notify/", "auditor/checks/notifications.py"),
    "orjson": ("migrator/documents/canonical_json.py",),
    "prometheus_client": ("auditor/monitoring/",),
    "pyodbc": ("migrator/sql/",),
    "rich": ("migrator/cli/", "auditor/cli/"),
    "sqlalchemy": ("migrator/sql/", "migrator/export/read.py"),
    # The migrator returns values and does not log.
    "structlog": ("auditor/",),
    "tenacity": ("auditor/window/octopus_api.py", "auditor/notify/"),
}


@cache
def imports(path: Path) -> frozenset[str]:
    """
    Return the top-level names of what a file imports, wherever in it.
    """
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("library", sorted(HOMES))
def test_each_library_has_one_home(library: str) -> None:
    """
    An outside library is imported where the table says, and nowhere else.
    """
    users = {
        str(path.relative_to(ROOT))
        for package in ("migrator", "auditor")
        for path in (ROOT / package).rglob("*.py")
        if library in imports(path)
    }

    assert users, "nobody uses it"
    assert [user for user in sorted(users) if not user.startswith(HOMES[library])] == []


@pytest.mark.parametrize("package", ["migrator", "auditor"])
def test_nobody_reaches_into_what_others_keep_to_themselves(package: str) -> None:
    """
    A private name is used by its own module only, and a library's by none.
    """
    found = []
    for path in (ROOT / package).rglob("*.py"):
        nodes = [
            node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)
        ]
        private = [node for node in nodes if re.match(r"_[a-z]", node.attr)]
        # Named tuples document theirs.
        own = {node.attr for node in private if ast.unparse(node.value) in ("self", "cls")} | {"_replace", "_asdict"}
        found += [f"{path.relative_to(ROOT)}:{node.lineno}: {node.attr}" for node in private if node.attr not in own]

    assert found == []


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_says_what_belongs_in_it(room: Path) -> None:
    """
    A room's first sentence says what it is for, what does not belong there stands beside it, and it is not too full.
    """
    said = ast.get_docstring(syntax(room / "__init__.py")) or ""

    assert said.partition("\n")[0].count(".") >= 1, "no sentence"
    if room.parent != ROOT:
        assert "Not here: " in said
    assert len(list(room.glob("*.py"))) <= MOST_FILES


def test_the_page_names_every_room() -> None:
    """
    docs/source-code.md has a row for each room, and none for a room that is gone.
    """
    rows = set(re.findall(r"^\| `((?:migrator|auditor)/[\w/]*)` \|", PAGE, re.MULTILINE))

    assert rows == {f"{room.relative_to(ROOT)}/" for room in ROOMS}


def test_the_page_sends_nobody_to_a_place_that_is_not_there() -> None:
    """
    Every path that docs/source-code.md names exists.
    """
    paths = re.findall(r"`((?:migrator|auditor|tests|docs)/[\w/.-]*|pyproject\.toml)`", PAGE)

    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_tests_stand_in_the_rooms_of_what_they_test() -> None:
    """
    A folder of tests has the name of a room.
    """
    rooms = {str(room.relative_to(ROOT)) for room in ROOMS}
    folders = {
        str(path.parent.relative_to(ROOT / "tests"))
        for package in ("migrator", "auditor")
        for path in (ROOT / "tests" / package).rglob("test_*.py")
    }

    assert folders - rooms == set()
