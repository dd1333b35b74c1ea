"""
A long history, and how fast questions to it are answered: the index made anew, then log, blame and find from it.

``python -m bench.histories`` (100,000 commits over 1,000 variable sets). The targets: an index of 1,000 commits a
second or better, each answer in 200 ms, memory below 200 MB.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auditor.history import documents, questions
from auditor.history.index import Index
from auditor.history.questions import Filter
from auditor.repository.repository import Repository, RepositoryOptions, configure, create
from migrator.documents.canonical_json import encode
from migrator.tree.git import Git

SETS = 1000
_VARIABLES = 20


def _body(number: int, values: list[int]) -> bytes:
    items = [
        {"Id": f"v-{number}-{index}", "Name": f"Setting.{index}", "Type": "String", "Value": f"value {number} {value}"}
        for index, value in enumerate(values)
    ]
    body = {"Id": f"variableset-Projects-{number}", "OwnerId": f"Projects-{number}", "Variables": items}
    return encode(body, ("Id", "Name"))


def _place(number: int) -> str:
    return f"Projects/Project {number}/Project {number}"


def _file(path: str, content: bytes) -> bytes:
    return b'M 100644 inline "%s"\ndata %d\n%s\n' % (path.encode(), len(content), content)


def _stream(commits: int, rng: random.Random) -> Iterator[bytes]:
    """
    Yield a history for `git fast-import`: everything, then one variable of one set a commit.
    """
    values = [[0] * _VARIABLES for _ in range(SETS)]
    for commit in range(commits):
        when = 1_500_000_000 + 300 * commit
        message = f"Commit {commit}\n\nServer: bench\n".encode()
        yield b"commit refs/heads/main\ncommitter Auditor <a@example.com> %d +0000\ndata %d\n%s" % (
            when,
            len(message),
            message,
        )
        if commit:
            number = rng.randrange(SETS)
            values[number][rng.randrange(_VARIABLES)] = commit
            yield _file(f"{_place(number)}-VariableSet.json", _body(number, values[number]))
            continue
        for number in range(SETS):
            project = {"Id": f"Projects-{number}", "Name": f"Project {number}"}
            yield _file(f"{_place(number)}.json", encode(project, ("Id", "Name")))
            yield _file(f"{_place(number)}-VariableSet.json", _body(number, values[number]))


def made(path: Path, commits: int) -> Git:
    """
    Return a repository with a history of so many commits.
    """
    options = RepositoryOptions(path)
    create(options)
    configure(Repository(options))
    process = subprocess.Popen(
        ["git", "--git-dir", str(path), "fast-import", "--quiet", "--depth=20"], stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.writelines(_stream(commits, random.Random(1)))
    if process.wait():
        raise SystemExit("git fast-import failed")
    return Git(path)


def measure(commits: int, folder: Path) -> dict[str, Any]:
    """
    Return seconds: of the index, and the worst of ten answers of each question.
    """
    git = made(folder / "history.git", commits)
    head = git.run("rev-parse", "main")
    begun = time.perf_counter()
    with Index(folder / "index.sqlite", git) as index:
        index.catch_up(head)
        found: dict[str, Any] = {"index, commits a second": round(commits / (time.perf_counter() - begun))}
        seq = commits
        asked = {
            "log, 50 newest": lambda n: list(questions.commits(index, Filter(), 50)),
            "log of a project": lambda n: list(questions.commits(index, Filter(project=f"project {n}"), 50)),
            "log by name": lambda n: list(questions.commits(index, Filter(name=f"project {n}*"), 50)),
            "log by person": lambda n: list(questions.commits(index, Filter(person="auditor"), 50)),
            "a document by its name": lambda n: documents.one_document(index, f"Project {n} variables", seq),
            "blame": lambda n: _blame(index, n, seq),
            "find": lambda n: questions.find(index, f"value {n} "),
            "find, two letters": lambda n: questions.find(index, f"{n % 90 + 10}"),
            "find --ever": lambda n: questions.find(index, f"value {n} ", ever=True),
            "a name nearly right": lambda n: _guess(index, n, seq),
        }
        for name, ask in asked.items():
            found[f"{name}, ms"] = round(1000 * max(_timed(ask, n) for n in range(10, 20)))
    # Linux tells it in kilobytes.
    found["memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found["index, MB"] = (folder / "index.sqlite").stat().st_size // 1_000_000
    return found


def _blame(index: Index, number: int, seq: int) -> Any:
    document = documents.one_document(index, f"variableset-Projects-{number}", seq)
    elements = {f"Variables/[v-{number}-{at}]": f"Setting.{at}" for at in range(_VARIABLES)}
    return questions.blame(index, document, elements, seq)


def _guess(index: Index, number: int, seq: int) -> None:
    try:
        documents.one_document(index, f"Projct {number}", seq)
    except Exception as error:
        assert "did you mean" in str(error)


def _timed(ask: Any, number: int) -> float:
    begun = time.perf_counter()
    ask(number)
    return time.perf_counter() - begun


def main() -> None:
    """
    Print the figures.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=100_000)
    with tempfile.TemporaryDirectory() as folder:
        for name, figure in measure(parser.parse_args().commits, Path(folder)).items():
            print(f"{name:32} {figure}")


if __name__ == "__main__":
    main()
