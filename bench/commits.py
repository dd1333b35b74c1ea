"""
Many small commits, made as runs make them, and repacked as the daemon does: how large the repository becomes.

``python -m bench.commits`` (10,000 commits, a repack after every 288, a day of runs every five minutes). The floor is
the same history in one pack that git made from scratch.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from auditor.repository.fast_import import INCOMING, FastImport
from auditor.repository.repository import Repository, RepositoryOptions, configure, create
from auditor.upkeep.repack import repack
from migrator.documents.file import File

DOCUMENTS = 1000
_LINES = 60
_WORDS = ("shop", "deploy", "web", "api", "package", "version", "timeout", "retry", "north", "south", "blue", "green")


def make(path: Path) -> Repository:
    """
    Return a new repository, set up as the auditor does.
    """
    create(RepositoryOptions(path))
    repository = Repository(RepositoryOptions(path))
    configure(repository)
    return repository


def commit(repository: Repository, files: list[File], number: int) -> None:
    """
    Commit some files on top of HEAD.
    """
    head = repository.head()
    sink = FastImport(repository.git, head, lambda: None)
    for file in files:
        sink.write(file)
    tree = sink.finish()
    new = repository.commit(tree, [head] if head else [], f"Change {number}\n", 1_500_000_000 + 300 * number)
    repository.advance(new, head)
    repository.git.run("update-ref", "-d", INCOMING)


def document(rng: random.Random, index: int, lines: list[str]) -> File:
    """
    Return a document's file after one of its lines was changed (at first: all of them).
    """
    for at in [rng.randrange(_LINES)] if lines else range(_LINES):
        lines[at : at + 1] = [f'  "{rng.choice(_WORDS)}{at}": "{" ".join(rng.choices(_WORDS, k=4))} {rng.random()}"']
    return File(f"Projects/{index % 50}/{index}.json", ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def megabytes(path: Path) -> float:
    """
    Return the size of a repository's objects.
    """
    return sum(item.stat().st_size for item in (path / "objects").rglob("*") if item.is_file()) / 2**20


def floor(path: Path) -> float:
    """
    Return the size of the same history packed from scratch.
    """
    copy = path.with_name("floor.git")
    shutil.copytree(path, copy)
    subprocess.run(["git", "repack", "-adfq", "--threads=1"], cwd=copy, check=True, timeout=3600)
    subprocess.run(["git", "prune", "--expire=now"], cwd=copy, check=True, timeout=600)
    return megabytes(copy)


def main() -> None:
    """
    Make the commits and print what they took.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.commits", description=__doc__)
    parser.add_argument("--commits", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=288, help="commits between two repacks (default 288)")
    options = parser.parse_args()
    rng = random.Random(1)
    texts: list[list[str]] = [[] for _ in range(DOCUMENTS)]
    repacks: list[float] = []
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bench-") as root:
        repository = make(Path(root) / "r.git")
        commit(repository, [document(rng, index, texts[index]) for index in range(DOCUMENTS)], 0)
        print(f"first commit: {megabytes(repository.path):.1f} MB, {DOCUMENTS} documents", flush=True)
        for number in range(1, options.commits + 1):
            changed = rng.sample(range(DOCUMENTS), rng.randint(1, 3))
            commit(repository, [document(rng, index, texts[index]) for index in changed], number)
            if number % options.every == 0:
                start = time.perf_counter()
                repack(repository)
                repacks.append(time.perf_counter() - start)
            if number % 2000 == 0:
                seconds = time.perf_counter() - begun
                print(f"{number} commits: {megabytes(repository.path):.1f} MB, {seconds:.0f} s", flush=True)
        repack(repository)
        packs = len(list((repository.path / "objects/pack").glob("*.pack")))
        size, least = megabytes(repository.path), floor(repository.path)
        subprocess.run(
            ["git", "fsck", "--strict", "--no-dangling", "--no-progress"], cwd=repository.path, check=True, timeout=3600
        )
    print(f"{options.commits} commits: {size:.1f} MB in {packs} packs = {size / least:.2f} x floor {least:.1f} MB")
    if repacks:
        print(f"{len(repacks)} repacks, {sum(repacks) / len(repacks):.2f} s on average, {max(repacks):.2f} s at most")


if __name__ == "__main__":
    main()
