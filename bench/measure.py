"""
One measurement in a fresh process: the auditor's runs, the floors they are compared with, and peers.

Prints one JSON object: seconds (wall), cpu (own and children's), own and children's peak memory in MB.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from bench.generate import MASTER_KEY

Facts = dict[str, Any]
PASSWORD = "bench password"


def tables(database: sqlite3.Connection) -> list[tuple[str, str]]:
    """
    Return the tables that a run reads, each with its SELECT.
    """
    from migrator.export.read import look_at

    path = database.execute("PRAGMA database_list").fetchone()[2]
    schema = look_at(f"sqlite:///{path}").schema
    found = []
    for table in schema.tables:
        columns = ", ".join(f'"{name}"' for name in table.columns)
        frozen = ' WHERE "IsFrozen" = 0' if table.position("IsFrozen") is not None else ""
        found.append((table.name, f'SELECT {columns} FROM "{table.name}"{frozen}'))
    return found


def select(work: Path) -> Callable[[], Facts]:
    """
    The floor of the window: SELECT of the same rows and nothing else.
    """
    database = sqlite3.connect(f"file:{work / 'server.db'}?mode=ro", uri=True)
    statements = [statement for _, statement in tables(database)]

    def run() -> Facts:
        return {"rows": sum(1 for statement in statements for _ in database.execute(statement))}

    return run


def select_and_hash(work: Path) -> Callable[[], Facts]:
    """
    The floor of a run with nothing changed: SELECT and BLAKE2b of each row.
    """
    database = sqlite3.connect(f"file:{work / 'server.db'}?mode=ro", uri=True)
    statements = [statement for _, statement in tables(database)]

    def run() -> Facts:
        rows = 0
        for statement in statements:
            for row in database.execute(statement):
                digest = hashlib.blake2b(digest_size=16)
                for value in row:
                    digest.update(
                        value.encode()
                        if isinstance(value, str)
                        else value
                        if isinstance(value, bytes)
                        else b"%a" % value
                    )
                digest.digest()
                rows += 1
        return {"rows": rows}

    return run


def first_floor(work: Path) -> Callable[[], Facts]:
    """
    The floor of a first run: SELECT, an orjson round trip of each body, one `git fast-import` of the exported bytes.
    """
    import orjson

    database = sqlite3.connect(f"file:{work / 'server.db'}?mode=ro", uri=True)
    statements = [statement for name, statement in tables(database)]
    bodies = [statement.split('"JSON"')[0].count(",") for statement in statements]
    target = work / "floor.git"
    subprocess.run(["git", "init", "--bare", "-q", str(target)], check=True)
    subprocess.run(["git", "-C", str(target), "config", "pack.compression", "1"], check=True)

    def run() -> Facts:
        rows = 0
        for statement, at in zip(statements, bodies, strict=True):
            for row in database.execute(statement):
                orjson.dumps(orjson.loads(row[at]), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
                rows += 1
        with (work / "stream").open("rb") as stream:
            subprocess.run(
                ["git", "-C", str(target), "fast-import", "--quiet", "--done", "--depth=10"], stdin=stream, check=True
            )
        return {"rows": rows}

    return run


def audit(work: Path, *, full: bool = False, raw: bool = True) -> Callable[[], Facts]:
    """
    One run of the auditor on the embedded database, without REST (the window is the time of the read).
    """
    from auditor.audit import RunOptions
    from auditor.audit import audit as run_audit
    from auditor.settings import Settings
    from auditor.world import Tools

    (work / "key").write_text(base64.b64encode(MASTER_KEY).decode())
    (work / "password").write_text(PASSWORD)
    settings = Settings.model_validate(
        {
            "servers": {
                "bench": {
                    "database": f"sqlite:///{work / 'server.db'}",
                    "master_key": f"file:{work / 'key'}",
                    "export": {"password": f"file:{work / 'password'}"},
                    "repository": {"path": str(work / "audit.git")},
                }
            }
        }
    )

    def run() -> Facts:
        result = run_audit(
            "bench", settings.servers["bench"], settings.state_folder("bench"), Tools(), RunOptions(full=full)
        )
        if result.error:
            raise SystemExit(result.error)
        return {
            "documents": result.documents,
            "outcome": result.outcome,
            "window": result.phases.get("read"),
            "phases": dict(result.phases),
            "files": result.files.__dict__,
        }

    return run


def rewrite_everything(work: Path) -> Callable[[], Facts]:
    """
    A peer: export everything into an emptied work tree with `migrator export`'s own code, `git add -A`, commit.
    """
    from migrator import ExportOptions, export
    from migrator.credentials import Secret

    target = work / "rewrite"
    options = ExportOptions(Secret(PASSWORD), Secret(base64.b64encode(MASTER_KEY).decode()))

    def run() -> Facts:
        _empty(target)
        export(f"sqlite:///{work / 'server.db'}", target, options)
        _add_and_commit(target)
        return {}

    return run


def diffable(work: Path) -> Callable[[], Facts]:
    """
    A peer: `sqlite-diffable dump`, git add, commit.
    """
    target = work / "diffable"
    target.mkdir(exist_ok=True)
    program = Path(sys.executable).with_name("sqlite-diffable")

    def run() -> Facts:
        subprocess.run(
            [str(program), "dump", str(work / "server.db"), str(target), "--all"], check=True, capture_output=True
        )
        _add_and_commit(target)
        return {}

    return run


def _empty(target: Path) -> None:
    import shutil

    target.mkdir(exist_ok=True)
    for item in target.iterdir():
        if item.name != ".git":
            shutil.rmtree(item) if item.is_dir() else item.unlink()


def _add_and_commit(target: Path) -> None:
    git = ["git", "-C", str(target), "-c", "user.name=b", "-c", "user.email=b@b", "-c", "gc.auto=0"]
    if not (target / ".git").exists():
        subprocess.run(["git", "init", "-q", str(target)], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=False, capture_output=True)


def stream(work: Path) -> Iterator[bytes]:
    """
    Yield HEAD's files of the audit repository as a fast-import stream: the same bytes for the floor.
    """
    repository = str(work / "audit.git")
    yield b"commit refs/heads/main\ncommitter b <b@b> 0 +0000\ndata 1\nx\n"
    names = subprocess.run(
        ["git", "-C", repository, "ls-tree", "-r", "-z", "--full-tree", "HEAD"], check=True, capture_output=True
    ).stdout
    with subprocess.Popen(
        ["git", "-C", repository, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as objects:
        assert objects.stdin is not None and objects.stdout is not None
        for line in names.split(b"\0")[:-1]:
            meta, _, path = line.partition(b"\t")
            objects.stdin.write(meta.split()[2] + b"\n")
            objects.stdin.flush()
            size = int(objects.stdout.readline().split()[2])
            content = objects.stdout.read(size)
            objects.stdout.read(1)
            yield b"M 100644 inline %s\ndata %d\n%s\n" % (path, size, content)
        objects.stdin.close()
    yield b"done\n"


KINDS: dict[str, Callable[[Path], Callable[[], Facts]]] = {
    "select": select,
    "select+hash": select_and_hash,
    "first-floor": first_floor,
    "audit": audit,
    "audit-full": lambda work: audit(work, full=True),
    "rewrite": rewrite_everything,
    "diffable": diffable,
}


class GitMemory(threading.Thread):
    """
    Looks at the memory of git processes below this one, some fifty times a second.

    The kernel's own figure for children counts this process's memory at the fork, so it cannot be used.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """
        Look until told to stop.
        """
        here = psutil.Process()
        while not self._ended.wait(0.02):
            with contextlib.suppress(psutil.Error):
                git = [child for child in here.children(recursive=True) if child.name().startswith("git")]
                self.peak = max(self.peak, sum(child.memory_info().rss for child in git))

    def stop(self) -> None:
        """
        End looking.
        """
        self._ended.set()
        self.join()


def main() -> None:
    """
    Run one kind and print what it took.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    run = KINDS[arguments.kind](arguments.work)
    watch = GitMemory()
    watch.start()
    before = os.times()
    start = time.perf_counter()
    facts = run()
    seconds = time.perf_counter() - start
    watch.stop()
    after = os.times()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": after.user + after.system - before.user - before.system,
                "child_cpu": after.children_user
                + after.children_system
                - before.children_user
                - before.children_system,
                "own_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "child_mb": watch.peak / 1024 / 1024,
                **facts,
            }
        )
    )


if __name__ == "__main__":
    main()
