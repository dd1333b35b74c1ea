"""
Facts about types of documents stand in the maps alone: no other module names a type or a table.

What a module may do is ask the map: for a role, a field, a reference's targets.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.maps import REGISTRY

ROOT = Path(__file__).parents[1]
DATA = ("migrator/maps/", "auditor/demo/", "migrator/octopus_format/classes.py")
"""Where names of types are data: the maps, the sample content, the original tool's own names."""
WORDS = {
    ("auditor/audit.py", "release"): "a phase of a run, in which a window is released",
    ("auditor/changes/records.py", "space"): "a key of a record: the space a document stands in",
    ("auditor/cli/check.py", "configuration"): "what a check looks at: the program's own configuration",
    ("auditor/cli/places.py", "blob"): "git's word for what a file holds",
    ("auditor/cli/history.py", "project"): "the option --project",
    ("auditor/cli/options.py", "project"): "the option --project",
    ("auditor/cli/options.py", "release"): "a command",
    ("auditor/cli/options.py", "space"): "the option --space",
    ("auditor/cli/history.py", "space"): "the option --space",
    ("auditor/notify/command.py", "USER"): "a variable of the environment",
    ("auditor/repository/repository.py", "blob"): "git's word for what a file holds",
    ("auditor/window/octopus_api.py", "/api/users/me"): "an address of the server's API",
    ("auditor/window/octopus_api.py", "/api/users/"): "an address of the server's API",
    ("migrator/cli/import_command.py", "project"): "the option --project",
    ("migrator/cli/options.py", "project"): "the option --project",
    ("migrator/cli/options.py", "projectGroup"): "the option --projectGroup",
    ("migrator/cli/options.py", "space"): "the option --space",
    ("migrator/cli/partial_export.py", "project"): "the option --project",
    ("migrator/cli/partial_export.py", "projectGroup"): "the option --projectGroup",
    ("migrator/cli/partial_export.py", "space"): "the option --space",
    ("migrator/cli/questions.py", "Project"): "a question",
    ("migrator/sql/catalogue.py", "blob"): "how a database declares a column of bytes",
    ("migrator/selection/explain.py", "Projects"): "a key of the tree's metadata.json",
    ("migrator/selection/explain.py", "ProjectGroups"): "a key of the tree's metadata.json",
}
"""Texts that happen to be the name of a type or of its folder and decide nothing about it, each with what it is."""

_TABLES = {name.lower() for name in (*(item.table for item in REGISTRY.maps), *REGISTRY.excluded)}
_FOLDERS = {item.folder.lower() for item in REGISTRY.maps if "{" not in item.folder}
NAMES = frozenset(_TABLES | _FOLDERS | {f"{name}s" for name in _TABLES})
_PREFIXES = tuple(item.id_prefix.lower() for item in REGISTRY.maps if item.id_prefix)


def sources() -> list[str]:
    files = (path for package in ("migrator", "auditor") for path in (ROOT / package).rglob("*.py"))
    names = sorted(path.relative_to(ROOT).as_posix() for path in files)
    return [name for name in names if not name.startswith(DATA)]


def named(source: str) -> Iterator[str]:
    """
    Yield the texts of a module's code that are names of types: whole, joined by ``|``, or as segments of a path.

    Docstrings and sentences do not count.
    """
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            parts = [] if " " in node.value else node.value.lower().replace("|", "/").split("/")
            if any(part in NAMES or part.startswith(_PREFIXES) for part in parts):
                yield node.value


@pytest.mark.parametrize("name", sources())
def test_no_module_beside_the_maps_names_a_type(name: str) -> None:
    """
    A module outside the maps and the sample content holds no name of a type, a table or a folder of documents.
    """
    found = sorted(set(named((ROOT / name).read_text(encoding="utf-8"))))
    assert [text for text in found if (name, text) not in WORDS] == []


def test_what_is_allowed_is_still_there() -> None:
    """
    Each exception is one that a module needs.
    """
    gone = [(file, text) for file, text in WORDS if text not in set(named((ROOT / file).read_text(encoding="utf-8")))]
    assert gone == []
    assert all((ROOT / name).exists() for name in DATA)


@pytest.mark.parametrize(
    "code",
    [
        'kind == "TagSet"',
        'name = "keyallocation"',
        'f"Spaces/{name}"',
        'TYPES = ("Account|Feed",)',
        'path.startswith("releases")',
        'identity.startswith("Environments-")',
        '{"ServerTask": 1}',
        'match kind:\n    case "Tenant":\n        pass',
    ],
)
def test_a_name_is_found_wherever_it_stands(code: str) -> None:
    """
    The search sees a name in a comparison, a call, a key, a pattern, in any case, alone or as a part of a path.
    """
    assert list(named(code))


@pytest.mark.parametrize("code", ['"""Tenant"""', 'x = "the Tenant was deleted"', "x = Tenant", 'x = "TenantTags"'])
def test_what_is_no_name_is_not_found(code: str) -> None:
    """
    A docstring, a sentence, a variable and the name of a property are none.
    """
    assert not list(named(code))
