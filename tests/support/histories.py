"""
Histories made by hand: a bare repository to which states of a tree are committed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WHO = {"GIT_COMMITTER_NAME": "Auditor", "GIT_COMMITTER_EMAIL": "auditor@example.com"}


class History:
    """
    A bare repository; ``commit`` puts a whole tree on top of its branch.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)

    def git(self, *words: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            ["git", "--git-dir", str(self.path), *words],
            input=stdin,
            stdout=subprocess.PIPE,
            check=True,
            env={**os.environ, **(env or {})},
        )
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(
        self,
        tree: Mapping[str, Any],
        message: str = "Something changed",
        *,
        author: str = "Mei Tanaka <mei@example.com>",
        when: int = 1_790_000_000,
        parents: tuple[str, ...] | None = None,
    ) -> str:
        """
        Commit *tree* (path -> body, text or bytes) and return the commit's id.
        """
        branch = "refs/heads/main"
        before = self.git("for-each-ref", "--format=%(objectname)", branch)
        parents = parents if parents is not None else (before,) if before else ()
        lines = [f"commit {branch}", f"author {author} {when} +0000", f"committer Auditor <a@example.com> {when} +0000"]
        lines += [f"data {len(message.encode())}", message]
        lines += [f"{'from' if index == 0 else 'merge'} {parent}" for index, parent in enumerate(parents)]
        text = "\n".join([*lines, "deleteall", ""]).encode()
        for path, body in tree.items():
            content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else _json(body)
            text += (
                f"M 100644 inline {json.dumps(path, ensure_ascii=False)}\n".encode("utf-8", "surrogateescape")
                + f"data {len(content)}\n".encode()
                + content
                + b"\n"
            )
        self.git("fast-import", "--quiet", "--force", stdin=text)
        return self.git("rev-parse", branch)


def _json(body: Any) -> bytes:
    return json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n"


def project(number: int, name: str, **more: Any) -> dict[str, Any]:
    """
    Return a project's body.
    """
    return {"Id": f"Projects-{number}", "Name": name, "LifecycleId": "Lifecycles-1", "IsDisabled": False} | more


def variables(number: int, *some: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a project's variable set; each variable needs a name and a value.
    """
    own = [{"Id": f"v-{number}-{index}", "Type": "String", **item} for index, item in enumerate(some)]
    return {"Id": f"variableset-Projects-{number}", "OwnerId": f"Projects-{number}", "Variables": own}


def secret(text: str) -> dict[str, str]:
    """
    Return what stands in a tree for a secret.
    """
    return {"$secret": text}


def shop(**more: Any) -> dict[str, Any]:
    """
    Return a small tree: a project with variables and a process, a lifecycle, an environment; *more* by path.
    """
    tree: dict[str, Any] = {
        "Projects/Web Shop/Web Shop.json": project(1, "Web Shop"),
        "Projects/Web Shop/Web Shop-VariableSet.json": variables(
            1, {"Name": "Site.Url", "Value": "https://shop.example.com"}, {"Name": "Password", "Value": secret("aaaa")}
        ),
        "Lifecycles/Default.json": {"Id": "Lifecycles-1", "Name": "Default", "Phases": []},
        "Environments/Production.json": {"Id": "Environments-1", "Name": "Production"},
        "metadata.json": {"Format": "octopus-migrator"},
    }
    return tree | more
