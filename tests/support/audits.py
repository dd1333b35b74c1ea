"""
Servers to audit: an embedded database, a REST stub, a bare repository and a state folder, and runs over them.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from structlog.testing import CapturingLogger

from auditor.audit import RunOptions, audit
from auditor.demo.edits import apply_edit, random_edit
from auditor.demo.stub import RestStub
from auditor.result import AuditResult
from auditor.settings import ServerSettings
from auditor.state_folder import StateFolder
from auditor.world import Tools
from migrator.documents.scripts import InlineScripts
from migrator.export.render import RenderOptions
from migrator.exporter import export
from tests.support.servers import KEY, KEY_TEXT, PASSWORD, SampleServer

API_KEY = "API-TESTS"
NAME = "prod"
RENDERED = RenderOptions(inline_scripts=InlineScripts.EXTRACT)
"""What an audit writes by default; `migrator export` copies scripts unless asked."""


@dataclass
class Audited:
    """
    One server with all that an audit of it needs, below one folder.
    """

    root: Path
    database: SampleServer
    stub: RestStub
    settings: ServerSettings
    log: CapturingLogger = field(default_factory=CapturingLogger)
    tools: Tools = field(default_factory=Tools)

    @property
    def folder(self) -> StateFolder:
        return StateFolder(self.root / "state")

    @property
    def repository(self) -> Path:
        return Path(self.settings.repository.path)

    def change(self, **tables: Any) -> None:
        """
        Change the settings: ``change(maintenance={"mode": "never"})``.
        """
        value = self.settings.model_dump(exclude_unset=True)
        for name, new in tables.items():
            value[name] = {**(value.get(name) or {}), **new} if isinstance(new, dict) else new
        self.settings = ServerSettings.model_validate(value)

    def run(self, options: RunOptions = RunOptions(), **tools: Any) -> AuditResult:  # noqa: B008
        return audit(NAME, self.settings, self.folder, replace(self.tools, log=self.log, **tools), options)

    def good(self, options: RunOptions = RunOptions(), **tools: Any) -> AuditResult:  # noqa: B008
        """
        Run and insist that all went well.
        """
        result = self.run(options, **tools)
        assert result.error is None, result.error
        return result

    def edit(self, name: str) -> None:
        apply_edit(self.database.path, KEY, name)

    def random_edit(self, rng: random.Random) -> str:
        return random_edit(self.database.path, KEY, rng)

    def git(self, *words: str) -> str:
        return git(self.repository, *words)

    def head(self) -> str:
        return self.git("rev-parse", "main")

    def tree(self) -> str:
        return self.git("rev-parse", "main^{tree}")

    def commits(self) -> int:
        return int(self.git("rev-list", "--count", "main"))

    def subject(self) -> str:
        return self.git("log", "-1", "--format=%s", "main")

    def objects(self) -> int:
        """
        Return how many objects the repository holds, reachable or not.
        """
        counted = dict(line.split(": ") for line in self.git("count-objects", "-v").splitlines())
        return int(counted["count"]) + int(counted["in-pack"])

    def files(self) -> dict[str, bytes]:
        """
        Return every file of HEAD by its path.
        """
        return tree_files(self.repository, "main")

    def changed(self) -> dict[str, str]:
        """
        Return what the newest commit did to which file: ``A``, ``M`` or ``D`` by path.
        """
        answer = self.git("diff-tree", "-r", "-z", "--no-commit-id", "--name-status", "--no-renames", "--root", "main")
        words = answer.split("\0")
        return dict(zip(words[1::2], words[0::2], strict=False))

    def exported_tree(self) -> str:
        """
        Return the id of the tree that a fresh `migrator export --inline-scripts ExtractToFiles` of the database gives.
        """
        return exported_tree(self.database, self.root)

    def said(self) -> list[str]:
        """
        Return the names of the logged events.
        """
        return [str(call.args[0]) for call in self.log.calls]

    def puts(self) -> list[str]:
        """
        Return the bodies of the PUT requests, in order.
        """
        return [request.body for request in self.stub.requests if request.method == "PUT"]


def settings_for(root: Path, database: Path, url: str | None, **tables: Any) -> ServerSettings:
    """
    Return the settings of a server whose secrets come from the environment that ``secrets_in_environment`` makes.
    """
    value: dict[str, Any] = {
        "database": f"sqlite:///{database}",
        "master_key": "env:AUDIT_TEST_KEY",
        "export": {"password": "env:AUDIT_TEST_PASSWORD"},
        "repository": {"path": str(root / "repository.git")},
        "maintenance": {"request_timeout": 2, "release_limit": 1},
    }
    if url is not None:
        value |= {"url": url, "api_key": "env:AUDIT_TEST_API_KEY"}
    for name, new in tables.items():
        value[name] = {**value.get(name, {}), **new} if isinstance(new, Mapping) else new
    return ServerSettings.model_validate(value)


def git(repository: Path, *words: str, check: bool = True, **more: Any) -> str:
    """
    Run git in a repository and return its output.
    """
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", *words], cwd=repository, capture_output=True, text=True, check=False, **more
    )
    if check and done.returncode:
        raise AssertionError(f"git {' '.join(words)}: {done.stderr}")
    return done.stdout.strip()


def tree_files(repository: Path, commit: str) -> dict[str, bytes]:
    """
    Return every file of a commit by its path.
    """
    listing = git(repository, "ls-tree", "-r", "-z", "--full-tree", commit).split("\0")
    entries = [line.partition("\t")[::2] for line in listing if line]
    asked = "".join(f"{meta.split()[2]}\n" for meta, _ in entries).encode()
    answer = subprocess.run(
        ["git", "cat-file", "--batch"], cwd=repository, input=asked, capture_output=True, check=True
    ).stdout
    found, at = {}, 0
    for _, path in entries:
        end = answer.index(b"\n", at)
        size = int(answer[at:end].split()[2])
        found[path] = answer[end + 1 : end + 1 + size]
        at = end + 2 + size
    return found


def exported_tree(database: SampleServer, scratch: Path) -> str:
    """
    Return the id of the tree of a fresh export, made by git's own index from the files on disk.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as temporary:
        folder = Path(temporary) / "tree"
        export(database.address, folder, database.options(render=RENDERED))
        return folder_tree(folder)


def folder_tree(folder: Path) -> str:
    """
    Return the id of a folder's tree.
    """
    bare = folder.parent / f"{folder.name}.index.git"
    git(folder, "init", "--quiet", "--bare", str(bare))
    words = ("--git-dir", str(bare), "--work-tree", str(folder), "-c", "core.autocrlf=false")
    git(folder, *words, "add", "--all", "--force", ".")
    tree = git(folder, *words, "write-tree")
    shutil.rmtree(bare)
    return tree


def bare(path: Path) -> Path:
    """
    Make an empty bare repository, as a remote.
    """
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    return path


def hook(repository: Path, name: str, script: str) -> Path:
    """
    Put a hook into a repository.
    """
    path = repository / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


FOREIGN = "Somebody"
"""Who committed by hand."""


def foreign_commit(remote: Path, text: str = "by hand") -> str:
    """
    Put a commit of somebody else on top of a remote's branch; return its id.
    """
    who = ("-c", f"user.name={FOREIGN}", "-c", "user.email=somebody@example.com")
    blob = git(remote, "hash-object", "-w", "--stdin", input=text)
    parent = git(remote, "rev-parse", "--verify", "--quiet", "main", check=False)
    listing = git(remote, "ls-tree", "main") if parent else ""
    tree = git(remote, "mktree", input=f"{listing}\n100644 blob {blob}\tby-hand.txt\n".lstrip())
    parents = ("-p", parent) if parent else ()
    commit = git(remote, *who, "commit-tree", tree, *parents, "-m", text)
    git(remote, "update-ref", "refs/heads/main", commit)
    return commit


ENVIRONMENT = {"AUDIT_TEST_KEY": KEY_TEXT, "AUDIT_TEST_PASSWORD": PASSWORD, "AUDIT_TEST_API_KEY": API_KEY}
