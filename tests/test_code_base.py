"""
Rules that the sources themselves keep.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import click
import pytest

from auditor.cli.program import PROGRAM as AUDITOR
from migrator.cli.program import PROGRAM as MIGRATOR
from migrator.command_line.command import Command
from tests.support.sources import syntax

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for package in ("migrator", "auditor") for path in (ROOT / package).rglob("*.py"))
LONGEST_FILE = 500
"""A guide: what is longer is looked at again, not cut in two for it."""
LONGEST_FUNCTION = 60


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def our_modules() -> frozenset[str]:
    return frozenset(module_name(item) for item in SOURCES)


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = syntax(path)
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def imported(path: Path) -> set[str]:
    """
    Return the modules of ours that a module imports when it is imported itself.
    """
    ours = our_modules()
    found = set()
    for node in syntax(path).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    # A package is not what `from package import module` waits for, only that module is.
    found -= {name for name in found if any(other.startswith(f"{name}.") and other in ours for other in found)}
    return found & ours


def test_imports_have_no_cycles() -> None:
    """
    What a module imports never imports it again, so that each can be imported alone and first.
    """
    graph = {module_name(path): imported(path) for path in SOURCES}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(SOURCES)


def test_everything_imports_without_a_warning() -> None:
    """
    No module warns, prints or fails when it is imported.
    """
    names = [module_name(path) for path in SOURCES]
    script = f"import importlib\nfor name in {names}: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_house_numbers(path: Path) -> None:
    """
    A file stays below 500 lines, and a function's body below 60.
    """
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    for function in functions(path):
        body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
        length = (function.end_lineno or 0) - body[0].lineno + 1
        assert length <= LONGEST_FUNCTION, f"{function.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_public_functions_say_what_they_are_for(path: Path) -> None:
    """
    Every module, and every public function and class at its top, has a docstring.
    """
    tree = syntax(path)
    assert not tree.body or ast.get_docstring(tree), "the module has no docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_tests_state_their_rule() -> None:
    """
    Every test's docstring says what it proves.
    """
    for path in (ROOT / "tests").rglob("test_*.py"):
        for function in functions(path):
            if function.name.startswith("test_"):
                assert ast.get_docstring(function), f"{path.name}: {function.name}"


@pytest.mark.parametrize(
    "command", [*MIGRATOR.commands.values(), *AUDITOR.commands.values()], ids=lambda item: item.name
)
def test_every_command_has_its_work(command: Command) -> None:
    """
    Where a command's work stands is a function that takes just what the command line gives.
    """
    module, _, name = command.work.partition(":")
    work = inspect.signature(getattr(importlib.import_module(module), name))
    context = click.Context(command)
    context.params = {str(option.name): None for option in command.params if option.expose_value}
    work.bind(**command.arguments(context))
    needed = [name for name, item in work.parameters.items() if item.kind is not inspect.Parameter.VAR_KEYWORD]
    assert set(needed) <= set(command.arguments(context))


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("migrator", ["help", "import"]),
        ("auditor", ["help"]),
        ("migrator", ["export", "--directry=x"]),
        ("auditor", ["once", "-h"]),
        ("migrator", []),
    ],
)
def test_what_only_needs_names_loads_nothing_else(program: str, words: list[str]) -> None:
    """
    Help, mistakes and completion answer at once: no library but click is loaded for them, and none of the work.
    """
    script = (
        "import sys; from importlib import import_module; "
        f"main = import_module('{program}.cli.main').main; main({words}); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {"click", program} <= loaded
    assert (
        loaded & {"sqlalchemy", "pydantic", "rich", "structlog", "cryptography", "git", "httpx", "apscheduler"} == set()
    )
