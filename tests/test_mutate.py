"""
The changes of `make mutate`: what is changed, that each is one change, and that the judging is fair.
"""

from __future__ import annotations

import ast
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.audits import git
from tests.support.daemons import eventually
from torture.mutants import Mutant, mutants
from torture.mutate import MIRROR, PACKAGE, SURVIVED, TIME, Judge, Unfit, core, equivalents, is_equivalent, mirrors
from torture.mutate import ROOT as PROJECT

SOURCE = '''
"""A docstring is no code: 1 == 2."""
LIMIT = 5


def f(rows: dict[str, int], wanted="é") -> bool:
    if rows and not wanted:  # or never
        log.info("shown to people")
    return rows["Id"] != LIMIT if wanted in rows else f"{LIMIT == 5}"


def g(a):
    while a < 3:
        a = [x for x, _ in zip(a, a, strict=True) if x]
    return a
'''


def found(source: str) -> list[Mutant]:
    return mutants("migrator/sample.py", source.encode())


def test_what_is_changed() -> None:
    """
    Comparisons, conditions, boolean operators, returns, calls and constants that decide; neither words for people nor
    types nor docstrings.
    """
    assert [(mutant.kind, mutant.old, mutant.new) for mutant in found(SOURCE)] == [
        ("constant", "5", "6"),
        ("condition", "rows and not wanted", "not (rows and not wanted)"),
        ("boolean", "and", "or"),
        ("boolean", "not", ""),
        ("call", 'log.info("shown to people")', "pass"),
        (
            "return",
            'rows["Id"] != LIMIT if wanted in rows else f"{LIMIT == 5}"',
            'not (rows["Id"] != LIMIT if wanted in rows else f"{LIMIT == 5}")',
        ),
        ("constant", '"Id"', '"mutated"'),
        ("comparison", "!=", "=="),
        ("comparison", "in", "not in"),
        ("condition", "a < 3", "not (a < 3)"),
        ("comparison", "<", "<="),
        ("constant", "3", "4"),
        ("condition", "x", "not (x)"),
        ("return", "a", "None"),
    ]


def test_where_it_is() -> None:
    """
    A change knows its line, and touches nothing before and after its place, counted in bytes.
    """
    source = SOURCE.encode()
    change = next(mutant for mutant in found(SOURCE) if mutant.old == "!=")
    assert source.splitlines()[change.line - 1].decode().strip() == change.code
    assert change.applied(source) == source.replace(b"!=", b"==")


def test_each_change_of_the_core_is_one_valid_change() -> None:
    """
    Whatever place of the core is taken: the file still parses, means something else, and differs in one stretch only.
    """
    rng = random.Random(1)
    for path in rng.sample(core(PROJECT), 25):
        source = (PROJECT / path).read_bytes()
        before = ast.dump(ast.parse(source))
        some = mutants(path, source)
        for mutant in rng.sample(some, min(4, len(some))):
            after = mutant.applied(source)
            assert ast.dump(ast.parse(after)) != before, mutant
            assert source[mutant.start : mutant.end].decode() == mutant.old
            assert after[: mutant.start] + mutant.old.encode() + source[mutant.end :] == source


def test_the_core() -> None:
    """
    Both programs are changed, their command lines and the embedded server are not.
    """
    paths = core(PROJECT)
    assert {"migrator/plan/plan.py", "migrator/exporter.py", "auditor/window/window.py"} <= set(paths)
    assert not [path for path in paths if "/cli/" in path or "/demo/" in path]


def test_the_mirror_of_a_file() -> None:
    """
    A file is judged first by the tests of its name, else by those of its room; a package alone is no mirror.
    """
    assert mirrors(PROJECT, "migrator/plan/merge.py") == ["tests/migrator/plan/test_merge.py"]
    assert mirrors(PROJECT, "auditor/audit.py")[0] == "tests/auditor/test_audit.py"
    assert mirrors(PROJECT, "migrator/plan/values.py") == ["tests/migrator/plan"]
    assert mirrors(PROJECT, "auditor/world.py") == []


def test_each_equivalent_change_exists_and_has_a_reason() -> None:
    """
    The list of changes that no test can notice names only changes that could be made today, once, with a reason.
    """
    entries = equivalents()
    assert len({tuple(sorted(entry.items())) for entry in entries}) == len(entries)
    for entry in entries:
        assert entry["reason"].endswith("."), entry
        source = (PROJECT / entry["path"]).read_bytes()
        assert any(is_equivalent(mutant, [entry]) for mutant in mutants(entry["path"], source)), entry


FILES = {
    "migrator/__init__.py": "",
    "auditor/__init__.py": "",
    "migrator/numbers/__init__.py": "",
    "migrator/numbers/small.py": """
def f(a):
    left = [7, 8]
    while left:
        left.pop()
    return a < 10, a == 3, 5
""",
    "tests/migrator/numbers/test_small.py": """
from migrator.numbers.small import f

def test_mirror():
    assert f(10)[0] is False
    assert f(9)[1] is False
""",
    "tests/migrator/test_other.py": """
from migrator.numbers.small import f

def test_f():
    assert f(3)[1] is True
""",
    "tests/migrator/test_shaky.py": """
from pathlib import Path

def test_fails_the_second_time():
    with Path("count").open("a") as file:
        file.write("x")
    assert Path("count").read_text() != "xx"
""",
    "pyproject.toml": """
[tool.pytest.ini_options]
addopts = "--import-mode=importlib"
markers = ["slow: takes long"]
""",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """
    A small project with one function, its tests, a test elsewhere in its package, and one that fails by itself.
    """
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "-q")
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*.py")}


@pytest.mark.slow
def test_judging(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """
    A change is noticed by its mirror, by its package, by never ending, or not at all, though another test fails by
    itself; the project stays as it is.
    """
    before = contents(project)
    path = "migrator/numbers/small.py"
    some = {(mutant.old, mutant.new): mutant for mutant in mutants(path, (project / path).read_bytes())}
    judge = Judge(project)
    judge.prepare(tmp_path_factory.mktemp("copies"), 1)
    judge.look("migrator")
    judge.limits["migrator"] = 10

    assert judge.judge(some["5", "6"]) == SURVIVED
    assert judge.judge(some["<", "<="]) == MIRROR
    assert judge.judge(some["==", "!="]) == MIRROR
    assert judge.judge(some["3", "4"]) == PACKAGE
    assert judge.judge(some["left.pop()", "pass"]) == TIME
    assert judge.judge(some["5", "6"]) == SURVIVED
    assert contents(project) == before
    assert judge.processes == set()


@pytest.mark.slow
def test_tests_that_fail_anyway_judge_nothing(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """
    Where the tests fail without a change, every change would be noticed: that is told instead.
    """
    (project / "tests/migrator/test_other.py").write_text("def test_f():\n    assert False\n")
    judge = Judge(project)
    judge.prepare(tmp_path_factory.mktemp("copies"), 1)
    with pytest.raises(Unfit, match=r"test_other\.py::test_f"):
        judge.look("migrator")


@pytest.mark.slow
def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    """
    Terminated in the middle of its work, it ends its tests and takes its copies away; the sources are as they were.
    """
    before = contents(PROJECT / "migrator")
    with subprocess.Popen(
        [sys.executable, "-m", "torture.mutate", "--places", "3", "--jobs", "1"], cwd=PROJECT, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert b"changes" in child.stdout.readline()

        def own() -> list[Path]:
            return [path for place in (Path("/dev/shm"), Path("/tmp")) for path in place.glob(f"mutate-{child.pid}-*")]

        eventually(lambda: any((path / "0/project/tests/test_mutate.py").exists() for path in own()))
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 143
        assert own() == []
    assert contents(PROJECT / "migrator") == before
