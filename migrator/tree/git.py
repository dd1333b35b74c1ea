"""
Calling git: the one place where GitPython is used and git processes start, for both programs.

Every call is given its environment; this process's own is never changed, since other threads start processes too. What
else git is given, and what is kept from it, says ``tree.gate``.
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

from migrator.errors import OperatorError
from migrator.tree.gate import LISTING, Configuration, UnsafeRepository, environment_to_list, taken_away

# git repeats an address in its errors.
_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]*@")
_OWNER = re.compile(r"detected dubious ownership in repository at '(.*)'")
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
    # Read before the first command that opens the repository.
    _read: list[Configuration] = field(default_factory=list, init=False, repr=False, compare=False)

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
            UnsafeRepository: as in ``start``.
        """
        process = self.start(*words, env=env, remote=remote)
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

    def start(self, *words: str, env: Mapping[str, str] | None = None, remote: bool = False) -> subprocess.Popen[bytes]:
        """
        Start a command that is fed, and read, by streams; the caller closes it with ``close`` or ``end``.

        Raises:
            GitMissing: git is not installed.
            GitError: the folder is not there.
            UnsafeRepository: the repository's own configuration would run a program, or it is another user's.
        """
        return self._start(words, self._configuration().environment({**self.environment, **(env or {})}, remote=remote))

    def _configuration(self) -> Configuration:
        if not self._read:
            process = self._start(LISTING, environment_to_list(self.environment))
            try:
                listing, said = self._communicate(process, LISTING, b"", remote=False)
            finally:
                end(process)
            if process.returncode:
                raise _failed(LISTING, process.returncode, said)
            self._read.append(Configuration.of(listing.split(b"\0"), self.path))
        return self._read[0]

    def _start(self, words: tuple[str, ...], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        git = library()
        if not (self.path.is_dir() and os.access(self.path, os.X_OK)):
            # GitPython would go on in this process's own folder.
            raise GitError(f"the folder {self.path} is not there or cannot be entered; check its rights")
        away = taken_away(os.environ, environment)
        # GitPython hands on all of this process's environment and can only add to it; env(1) takes away.
        prefix = ["env", *(word for name in away for word in ("-u", name))] if away else []
        try:
            # A session of its own: no terminal to ask on, and a group that can be ended with all its children.
            process = git.Git(str(self.path)).execute(
                [*prefix, "git", *words],
                istream=subprocess.PIPE,
                as_process=True,
                env=dict(environment),
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


def _verb(words: tuple[str, ...]) -> str:
    rest = list(words)
    while rest[0] == "-c":
        del rest[:2]
    return rest[0]


def _failed(words: tuple[str, ...], code: int, said: bytes) -> OperatorError:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    if code == _NOT_FOUND:
        return GitMissing()
    # Progress and advice stand before the line that tells what is wrong.
    telling = next((line for line in lines if line.startswith(("fatal:", "error:", "remote: error", "! "))), "")
    if owned := _OWNER.search(telling):
        return UnsafeRepository(
            f"the repository {owned[1]} belongs to another user than the one who runs this; run it as that user, or, "
            f"if you trust that one: git config --global --add safe.directory {owned[1]}"
        )
    reason = telling or (lines[0] if lines else f"exit code {code}")
    return GitError(f"git {_verb(words)} failed: " + _PASSWORD.sub(r"\1:***@", reason))
