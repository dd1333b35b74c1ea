"""
The demonstration: the whole main job on the embedded server, three runs with edits between, and where to look then.

Wires the parts together and tells what happens. Not here: the sample content, the edits, the stub, and the run itself.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from auditor.audit import audit
from auditor.changes.blocks import blocks
from auditor.changes.render import as_text
from auditor.demo.content.server import fill
from auditor.demo.edits import apply_edits
from auditor.demo.stub import RestStub
from auditor.history.opened import opened
from auditor.history.questions import commit_at
from auditor.result import AuditResult
from auditor.settings import Settings, load
from auditor.world import Tools
from migrator.errors import OperatorError, UsageError
from migrator.tree.git import Git
from migrator.wording import counted

SERVER = "demo"
NEWEST = "2026.1"
"""The version with spaces, lists in tables of their own, and tables without JSON."""
MARKER = ".octopus-auditor-demo"
DATABASE, CONFIG, REPOSITORY = "octopus.sqlite", "auditor.toml", "history.git"
MASTER_KEY, PASSWORD, API_KEY = "master-key", "export-password", "api-key"
_OURS = (DATABASE, CONFIG, REPOSITORY, f"{REPOSITORY}.state", MASTER_KEY, PASSWORD, API_KEY, "export")


@dataclass(frozen=True)
class Talk:
    """
    How the demonstration speaks: ``say`` a line, ``show`` a diff, ``step`` what it is at while nothing is said.
    """

    say: Callable[[str], None]
    show: Callable[[str], None]
    step: Callable[[str], None] = lambda text: None
    clock: Callable[[], float] = time.monotonic


@dataclass
class _Demo:
    directory: Path
    talk: Talk
    stub: RestStub
    master_key: bytes
    settings: Settings
    results: list[AuditResult] = field(default_factory=list)

    @property
    def git(self) -> Git:
        return Git(self.directory / REPOSITORY)


def demonstrate(directory: Path, talk: Talk, server_version: str = "2018.8") -> None:
    """
    Make the embedded server in *directory* and audit it three times, with edits between the first two runs.

    *server_version* is that of the server: 2018.8 or ``NEWEST``.

    What an earlier demonstration left in the directory is made anew.

    Raises:
        UsageError: the directory holds something else.
        OperatorError: a run failed, or the directory cannot be written.
    """
    begun = talk.clock()
    try:
        demo = _prepared(directory.absolute(), talk, server_version)
    except OSError as error:
        raise OperatorError(f"the directory {directory} cannot be written: {error.strerror}") from None
    try:
        _runs(demo)
    finally:
        demo.stub.stop()
    # The stub is gone now, and the configuration shall go on working.
    (demo.directory / CONFIG).write_text(configuration(demo.directory, demo.stub.url, "never"), encoding="utf-8")
    _tell(demo, talk.clock() - begun, directory)


def _prepared(directory: Path, talk: Talk, server_version: str) -> _Demo:
    talk.step("making the embedded server")
    _clear(directory)
    key = secrets.token_bytes(16)
    api_key = "API-" + secrets.token_hex(13).upper()
    _write_secret(directory / MASTER_KEY, base64.b64encode(key).decode())
    _write_secret(directory / PASSWORD, secrets.token_urlsafe(18))
    _write_secret(directory / API_KEY, api_key)
    fill(directory / DATABASE, key, newest=server_version == NEWEST)
    stub = RestStub(api_key).start()
    config = directory / CONFIG
    config.write_text(configuration(directory, stub.url, "always"), encoding="utf-8")
    talk.say(f"An embedded server with sample content, its REST stub at {stub.url}, and a configuration: {directory}")
    return _Demo(directory, talk, stub, key, load(config))


def _clear(directory: Path) -> None:
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise UsageError(f"{directory} is not a directory; choose another with --directory")
    directory.mkdir(parents=True, exist_ok=True)
    found = {item.name for item in directory.iterdir()}
    if found and MARKER not in found:
        raise UsageError(f"{directory} holds something that is not a demonstration; choose another with --directory")
    (directory / MARKER).write_text("Made by `auditor demo`, which replaces what it finds here.\n", encoding="utf-8")
    for name in _OURS:
        path = directory / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _write_secret(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def configuration(directory: Path, url: str, mode: str) -> str:
    """
    Return the configuration of the demonstration in *directory*, which is absolute.
    """

    def text(value: str | Path) -> str:
        # A basic string of TOML has JSON's escapes.
        return json.dumps(str(value), ensure_ascii=False)

    gone = (
        "# The stub of the demonstration has ended, so no run switches maintenance mode.\n" if mode == "never" else ""
    )
    return f"""\
# Written by `auditor demo`. All options: config/auditor.example.toml.

[servers.{SERVER}]
database = {text(f"sqlite:///{directory / DATABASE}")}
master_key = {text(f"file:{directory / MASTER_KEY}")}
url = {text(url)}
api_key = {text(f"file:{directory / API_KEY}")}

[servers.{SERVER}.export]
password = {text(f"file:{directory / PASSWORD}")}

{gone}[servers.{SERVER}.maintenance]
mode = "{mode}"

[servers.{SERVER}.repository]
path = {text(directory / REPOSITORY)}
"""


def _runs(demo: _Demo) -> None:
    demo.talk.say("\nFirst run: everything is new.")
    _run(demo)
    demo.talk.say("\nPeople edit:")
    for line in apply_edits(demo.directory / DATABASE, demo.master_key):
        demo.talk.say(f"  {line}")
    demo.talk.say("\nSecond run: what they changed, and nothing else. A set that was only saved again is not in it.")
    _run(demo)
    demo.talk.say("\nThird run: nothing was changed since.")
    _run(demo)


def _run(demo: _Demo) -> None:
    tools = Tools(step=demo.talk.step, progress=lambda table, rows: demo.talk.step(f"read {table}: {rows}"))
    result = audit(SERVER, demo.settings.servers[SERVER], demo.settings.state_folder(SERVER), tools)
    if result.outcome not in ("changed", "unchanged"):
        raise OperatorError(f"the run failed: {result.error}")
    demo.results.append(result)
    files = result.files
    counts = f"{counted(files.added, 'file')} added, {files.modified} modified, {files.deleted} deleted"
    commit = f"{counted(len(result.commits), 'commit')}: {result.subject}" if result.commits else "no commit"
    documents = counted(result.documents, "document")
    demo.talk.say(f"  {documents} in {result.seconds:.2f} s; {counts}, {files.unchanged} unchanged")
    demo.talk.say(f"  {commit}")
    for warning in result.warnings:
        demo.talk.say(f"  warning: {warning.document} {warning.message}")


def _tell(demo: _Demo, seconds: float, typed: Path) -> None:
    say, git = demo.talk.say, demo.git
    say("\nThe history:")
    for line in git.run("log", "--format=%h  %<(16,trunc)%an  %s").splitlines():
        say(f"  {line}")
    say("\nWhat the second run's commit changed, as `auditor show` tells it:")
    demo.talk.show(_told(demo))
    say("\nThe window, from what the stub was asked (and as the run measured it):")
    for number, (window, result) in enumerate(zip(demo.stub.windows, demo.results, strict=True), 1):
        assert window.end is not None and result.window_seconds is not None
        share = f"run {number}: {window.end - window.start:.3f} s ({result.window_seconds:.3f} s)"
        say(f"  {share} of {result.seconds:.3f} s in maintenance mode")
    say(f"\nDone in {seconds:.1f} s. Look further with:")
    for command in commands(typed, program("migrator")):
        say(f"  {command}")


def _told(demo: _Demo) -> str:
    """
    Return what the newest commit changed, in Octopus's own words.
    """
    with opened(Path(demo.settings.servers[SERVER].repository.path)) as history:
        before = commit_at(history.index, history.head.seq - 1)
        told = history.index.told(before.tree, history.head.tree, before.seq)
        return as_text(blocks(told.changes, told.sides))


def commands(directory: Path, migrator: str) -> tuple[str, str, str]:
    """
    Return the three commands with which to look further at the demonstration in *directory*.

    *migrator* is how that program is started. They are to be typed where *directory* was, if it is a relative path.
    """

    def word(name: str) -> str:
        return shlex.quote(str(directory / name))

    git = f"git --git-dir={word(REPOSITORY)}"
    database = shlex.quote(f"sqlite:///{directory / DATABASE}")
    export = f"{migrator} export --database {database} --master-key-file {word(MASTER_KEY)}"
    return (
        f"{git} log",
        f"{git} show",
        f"{export} --password-file {word(PASSWORD)} --directory {word('export')}",
    )


def program(name: str) -> str:
    """
    Return the words that start *name*, a program of this very installation, from where this process was started.

    Its name alone where PATH leads to it; else its path, as this process's own was typed: ``.venv/bin/migrator``.
    """
    typed = Path(sys.argv[0])
    folder = typed.parent if typed.name == "auditor" else Path(sysconfig.get_path("scripts"))
    own = folder / name
    if not own.is_file():
        return f"{shlex.quote(sys.executable)} -m {name}.cli.main"
    found = shutil.which(name)
    if found is not None and own.samefile(found):
        return name
    return shlex.quote(str(own) if len(own.parts) > 1 else f"./{own}")
