"""
The code base as a whole: import contracts, docstrings, sizes, pinned versions, examples, and pages that name what is.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import auditor
from migrator.cli import VERBS
from migrator.settings import load

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for package in ("migrator", "auditor") for path in (ROOT / package).rglob("*.py"))
LARGEST_FILE, LONGEST_FUNCTION, PARAMETERS = 400, 60, 5
OUTGROWN = {
    "auditor.audit",
    "auditor.audit._committed",
    "auditor.demo.content_sets._step_templates",
    "migrator.plan._final",
    "migrator.tree_reader._Reading._add",
}
"""To be split; this list only gets shorter."""


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """
    Yield the functions of a module and the methods of its classes, not those inside of functions.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{inside}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{inside}{node.name}.")


def parsed() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCES:
        yield name_of(path), ast.parse(path.read_bytes())


def test_imports_run_downwards_and_each_library_has_one_home() -> None:
    """The import contracts of pyproject.toml hold."""
    program = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run(
        [str(program), "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_module_imports_without_a_warning() -> None:
    """Importing warns of nothing and prints nothing."""
    names = [name_of(path) for path in SOURCES]
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and done.stdout == ""


def test_everything_public_says_what_it_promises() -> None:
    """Every module has a docstring, and so has every public function, method and class."""
    silent = []
    for module, tree in parsed():
        if ast.get_docstring(tree) is None:
            silent.append(module)
        public = [(name, node) for name, node in functions(tree) if not any(p.startswith("_") for p in name.split("."))]
        silent += [
            f"{module}.{name}"
            for name, node in public
            if ast.get_docstring(node) is None
            and not any(_says_nothing_new(item) for item in node.decorator_list)
            # The four that http.server calls by name.
            and not name.rpartition(".")[2].startswith("do_")
        ]

    assert silent == []


def _says_nothing_new(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).rpartition(".")[2] in ("overload", "setter")


def test_files_and_functions_stay_readable() -> None:
    """No file, no function and no list of parameters outgrows the house numbers."""
    large = {name_of(path) for path in SOURCES if len(path.read_bytes().splitlines()) > LARGEST_FILE}
    for module, tree in parsed():
        for name, node in functions(tree):
            body = (node.end_lineno or 0) - node.lineno + 1
            taken = [item.arg for item in (*node.args.posonlyargs, *node.args.args) if item.arg not in ("self", "cls")]
            if body > LONGEST_FUNCTION or (len(taken) > PARAMETERS and not _is_command(node)):
                large.add(f"{module}.{name}")

    assert large - OUTGROWN == set()


def _is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    # What click calls has a parameter for each option.
    return any("command" in ast.unparse(decorator) for decorator in node.decorator_list)


def test_each_dependency_is_pinned() -> None:
    """constraints.txt has an exact version for every dependency and every tool of the project."""
    lines = [line for line in page("constraints.txt").splitlines() if line and not line.startswith("#")]
    pinned = {_plain(line.partition("==")[0]) for line in lines}
    wanted = project()["project"]["dependencies"] + list(chain(*project()["dependency-groups"].values()))

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._!+]+", line) for line in lines)
    assert {_plain(re.split(r"[<>=~!\[; ]", item)[0]) for item in wanted} - pinned == set()


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("program", ["migrator", "auditor"])
def test_the_readme_names_each_command(program: str) -> None:
    """Every command of both programs is in the README's list, and the list has none that does not exist."""
    known = {verb.name for verb in VERBS} if program == "migrator" else set(auditor.commands)
    listed = set(re.findall(rf"^\| `{program} ([a-z-]+)", page("README.md"), re.MULTILINE))

    assert listed == known


def test_the_makefile_has_each_target_that_the_readme_names() -> None:
    """A `make` command in the README is a target of the Makefile."""
    named = set(re.findall(r"(?:`|^ {4})make ([a-z]+)\b", page("README.md"), re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE))

    assert {"demo", "test"} <= named
    assert named <= targets


def test_the_readmes_links_lead_somewhere() -> None:
    """Every file that the README links to is in the project."""
    links = re.findall(r"\]\(([^)#:]+)\)", page("README.md"))

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_changelog_knows_this_version() -> None:
    """The newest heading of the changelog is the version in pyproject.toml, or work after it."""
    newest = re.findall(r"^## (\S+)", page("CHANGELOG.md"), re.MULTILINE)[0]

    assert newest in ("Unreleased", project()["project"]["version"])


def test_the_migrators_example_loads() -> None:
    """config/migrator.example.toml is a configuration as it stands."""
    assert load(ROOT / "config" / "migrator.example.toml").instances
