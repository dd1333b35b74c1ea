"""
Calling git: the one place where GitPython is used and git processes start, for both programs.

Every call is given its environment; this process's own is never changed, since other threads start processes too.
What would point git elsewhere does not reach it, nor does a variable that holds a secret. Nothing ever prompts.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrator.credentials import secret_variables
from migrator.errors import OperatorError

# git(1), "Environment Variables", and what `git rev-parse --local-env-vars` prints.
ELSEWHERE = frozenset(
    (
        # which repository, and what is in it
        *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE"),
        *("GIT_GRAFT_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_NAMESPACE", "GIT_ATTR_SOURCE"),
        *("GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_INTERNAL_SUPER_PREFIX"),
        # how it is set up
        *("GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_TEMPLATE_DIR", "GIT_DEFAULT_REF_FORMAT"),
        # what the words of a command mean
        *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"),
        # in whose name
        *("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE"),
        *("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE"),
        # what else is started
        *("GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_EDITOR", "GIT_PAGER", "GIT_ASKPASS", "SSH_ASKPASS"),
    )
)
"""Variables of the environment that lead git to another repository, configuration or meaning than the caller's."""
# Failures are told by git's own words, so these come in English; and who only looks takes no lock from who works.
_ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", "LANGUAGE": "C"}
# git repeats an address in its errors.
_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]*@")
# What env(1) ends with where it does not find the program.
_NOT_FOUND = 127
_LOOK_EVERY = 0.2


class GitError(OperatorError):
    """
    A git command failed.
    """


class GitMissing(GitError):
    """
    There is no git on this host.
    """

    def __init__(self) -> None:
        super().__init__("git is not installed; install the package git")


@dataclass(frozen=True)
class Git:
    """
    git in one folder. Commands are given as words and never through a shell.

    ``timeout`` is in seconds, for each command that is run to its end; ``environment`` is set for each; ``stopped``
    says whether a command that talks to a remote is to be broken off.
    """

    path: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 600
    stopped: Callable[[], bool] = field(default=lambda: False, repr=False)

    def run(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, remote: bool = False) -> str:
        """
        Run a command and return its output as text, without the last line end. As ``output`` otherwise.
        """
        output = self.output(*words, stdin=stdin, env=env, remote=remote)
        # A path in a commit may be in any encoding.
        return output.decode("utf-8", "surrogateescape").removesuffix("\n")

    def output(
        self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, remote: bool = False
    ) -> bytes:
        """
        Run a command and return its output. *stdin* may be of any length; *remote*: the command talks to another host.

        Raises:
            GitError: it failed, took too long or was broken off; the message holds git's own words, but no password.
        """
        process = self.start(*words, env=env)
        try:
            output, said = self._communicate(process, words, stdin, remote)
        finally:
            end(process)
        if process.returncode:
            raise _failed(words, process.returncode, said)
        return output

    def _communicate(
        self, process: subprocess.Popen[bytes], words: tuple[str, ...], stdin: bytes, remote: bool
    ) -> tuple[bytes, bytes]:
        deadline = time.monotonic() + self.timeout
        given: bytes | None = stdin
        while True:
            left = deadline - time.monotonic()
            try:
                return process.communicate(given, max(0.0, min(left, _LOOK_EVERY) if remote else left))
            except subprocess.TimeoutExpired:
                given = None  # It is remembered, and may be given once only.
                if remote and self.stopped():
                    raise GitError(f"git {_verb(words)} was broken off, since the run is to end") from None
                if time.monotonic() >= deadline:
                    raise GitError(
                        f"git {_verb(words)} took longer than {self.timeout:g} seconds and was ended; look at the "
                        "network and the disk"
                    ) from None

    def succeeds(self, *words: str) -> bool:
        """
        Return whether a command ends well.
        """
        try:
            self.run(*words)
        except GitError:
            return False
        return True

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """
        Start a command that is fed, and read, by streams; the caller closes it with ``close`` or ``end``.

        Raises:
            GitMissing: git is not installed.
            GitError: the folder is not there.
        """
        git = library()
        if not (self.path.is_dir() and os.access(self.path, os.X_OK)):
            # GitPython would go on in this process's own folder.
            raise GitError(f"the folder {self.path} is not there or cannot be entered; check its rights")
        try:
            # A session of its own: no terminal to ask on, and a group that can be ended with all its children.
            process = git.Git(str(self.path)).execute(
                [*_taking_away(os.environ), "git", *words],
                istream=subprocess.PIPE,
                as_process=True,
                env={**_ENVIRONMENT, **self.environment, **(env or {})},
                start_new_session=True,
            )
        except git.GitCommandNotFound:
            raise GitMissing from None
        popen: Any = process.proc
        # GitPython ends the process when its wrapper goes, so the wrapper lives as long as the process.
        popen.wrapper = process
        running: subprocess.Popen[bytes] = popen
        return running

    def lines(self, *words: str, end_of_line: bytes = b"\0") -> Iterator[bytes]:
        """
        Yield a command's output piece by piece without holding it.

        Raises:
            GitError: it failed.
        """
        process = self.start(*words)
        assert process.stdout is not None
        try:
            rest = b""
            while chunk := process.stdout.read(1 << 16):
                *pieces, rest = (rest + chunk).split(end_of_line)
                yield from pieces
        except BaseException:
            end(process)
            raise
        close(process, *words)


def close(process: subprocess.Popen[bytes], *words: str) -> None:
    """
    Let a started command end by itself, and look at how it ended. *words* are those of the command.

    Raises:
        GitError: it failed.
    """
    if process.stdin is not None:
        with suppress(OSError):  # It ended before it had read all; its exit code tells why.
            process.stdin.close()
    said = process.stderr.read() if process.stderr is not None else b""
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    if process.wait() != 0:
        raise _failed(words, process.returncode, said)


def end(process: subprocess.Popen[bytes]) -> None:
    """
    End a started command with all that it started, if it still runs, and close its streams.
    """
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            # What was not written yet is not wanted any more.
            with suppress(OSError):
                stream.close()
    process.wait()


def library() -> Any:
    """
    Return GitPython, which refuses to be imported where git is not installed.

    Raises:
        GitMissing: git is not installed.
    """
    try:
        import git
    except ImportError:
        raise GitMissing from None
    return git


def _taking_away(environ: Mapping[str, str]) -> list[str]:
    # GitPython hands on all of this process's environment and can only add to it; env(1) takes away.
    names = sorted(environ.keys() & (ELSEWHERE | secret_variables()))
    return ["env", *(word for name in names for word in ("-u", name))] if names else []


def _verb(words: tuple[str, ...]) -> str:
    rest = list(words)
    while rest[0].startswith("-"):  # -c or --git-dir, each with its value
        del rest[:2]
    return rest[0]


def _failed(words: tuple[str, ...], code: int, said: bytes) -> GitError:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    if code == _NOT_FOUND:
        return GitMissing()
    # Progress and advice stand before the line that tells what is wrong.
    telling = next((line for line in lines if line.startswith(("fatal:", "error:", "remote: error", "! "))), "")
    reason = telling or (lines[0] if lines else f"exit code {code}")
    return GitError(f"git {_verb(words)} failed: " + _PASSWORD.sub(r"\1:***@", reason))
