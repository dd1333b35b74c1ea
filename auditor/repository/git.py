"""
Calling git: the one place where GitPython is used and git processes start.

The environment is scrubbed of whatever would point git elsewhere; nothing ever prompts; only https, ssh and file are
spoken. Opened and closed per run, since GitPython's helpers outlive their use otherwise.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import git

from migrator.errors import OperatorError

_SCRUBBED = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_EXTERNAL_DIFF",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "GIT_PREFIX",
)
_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"


class GitError(OperatorError):
    """
    A git command failed.
    """


@dataclass(frozen=True)
class GitOptions:
    """
    ``timeout`` in seconds for every command; ``ssh_key_file`` is used for remotes.
    """

    timeout: float = 600
    ssh_key_file: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)


class Git:
    """
    git in one repository. Commands are given as words and never through a shell.
    """

    def __init__(self, path: Path, options: GitOptions | None = None) -> None:
        self.path = path
        self._options = options or GitOptions()
        self._git = git.Git(str(path))
        self._git.update_environment(**self.environment())

    def environment(self) -> dict[str, str]:
        """
        Return what git's environment has beside the process's own; empty values take something away.
        """
        ssh = _SSH
        if self._options.ssh_key_file:
            ssh += f" -o IdentitiesOnly=yes -i {shlex.quote(self._options.ssh_key_file)}"
        given = os.environ.get("GIT_SSH_COMMAND")
        return {**_ENVIRONMENT, "GIT_SSH_COMMAND": given or ssh, **self._options.extra}

    def run(self, *words: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None, **more: Any) -> str:
        """
        Run a command and return its output without the last line end.

        Raises:
            GitError: it failed or took too long; the message holds git's own words, but no address with a password.
        """
        try:
            with _input(stdin) as handle, _scrubbed():
                result = self._git.execute(
                    ["git", *words],
                    istream=handle,
                    env=dict(env or {}),
                    kill_after_timeout=None if os.name == "nt" else self._options.timeout,
                    **more,
                )
        except git.GitCommandNotFound:
            raise GitError("git is not installed; install the package git") from None
        except git.GitCommandError as error:
            raise GitError(f"git {words[0]} failed: {_told(error)}") from None
        return str(result)

    def succeeds(self, *words: str) -> bool:
        """
        Return whether a command ends well.
        """
        try:
            self.run(*words)
        except GitError:
            return False
        return True

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """
        Start a command that is fed by a stream; the caller closes it.
        """
        with _scrubbed():
            process = self._git.execute(["git", *words], istream=subprocess.PIPE, as_process=True)
        popen: Any = process.proc
        # GitPython ends the process when its wrapper goes, so the wrapper lives as long as the process.
        popen.wrapper = process
        running: subprocess.Popen[bytes] = popen
        return running

    def lines(self, *words: str, end: bytes = b"\0") -> Iterator[bytes]:
        """
        Yield a command's output piece by piece without holding it.

        Raises:
            GitError: it failed.
        """
        process = self.start(*words)
        assert process.stdout is not None
        rest = b""
        while chunk := process.stdout.read(1 << 16):
            *pieces, rest = (rest + chunk).split(end)
            yield from pieces
        close(process, words[0])


def close(process: subprocess.Popen[bytes], name: str) -> None:
    """
    End a started command and look at how it ended.

    Raises:
        GitError: it failed.
    """
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    words = process.stderr.read() if process.stderr is not None else b""
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    if process.wait() != 0:
        last = words.decode("utf-8", "replace").strip().splitlines()
        raise GitError(f"git {name} failed: {last[0] if last else f'exit code {process.returncode}'}")


@contextmanager
def _input(content: bytes | None) -> Iterator[Any]:
    if content is None:
        yield None
        return
    reading, writing = os.pipe()
    # Small inputs only (messages, refs): they fit into a pipe's buffer.
    assert len(content) < 60_000
    with os.fdopen(reading, "rb") as handle:
        with os.fdopen(writing, "wb") as sink:
            sink.write(content)
        yield handle


@contextmanager
def _scrubbed() -> Iterator[None]:
    taken = {name: os.environ.pop(name) for name in _SCRUBBED if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(taken)


def _told(error: git.GitCommandError) -> str:
    words = error.stderr if isinstance(error.stderr, str) else str(error.stderr)
    words = words.replace("stderr:", "").strip().strip("'\"")
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    telling = next((line for line in lines if line.startswith(("fatal:", "error:", "remote: error", "! "))), "")
    return telling or (lines[0] if lines else f"exit code {error.status}")
