"""
The guided mode, driven through a pseudo-terminal.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

from tests.support.imports import Server
from tests.support.program import child
from tests.support.servers import KEY_TEXT, PASSWORD, ROOT, SampleServer, contents, migrator
from tests.support.templates import empty

SECONDS = 60


def guided(answers: list[tuple[str, str]], *words: str) -> tuple[int, str]:
    """
    Run the wizard on a terminal, give each answer when its question stands there; return exit code and screen.
    """
    parent, screen_end = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name not in ("OCTOPUS_MASTER_KEY", "MIGRATOR_PASSWORD")}
    env |= {"TERM": "dumb", "HOME": "/nonexistent"}
    command = child("migrator.cli.main", "wizard", *words)
    process = subprocess.Popen(command, stdin=screen_end, stdout=screen_end, stderr=screen_end, env=env, cwd=ROOT)
    os.close(screen_end)
    screen, seen, waiting = "", 0, list(answers)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if waiting and waiting[0][0] in screen[seen:]:
            seen = len(screen)
            os.write(parent, f"{waiting.pop(0)[1]}\n".encode())
        if select.select([parent], [], [], 0.2)[0]:
            try:
                piece = os.read(parent, 65536).decode(errors="replace")
            except OSError:
                break
            if not piece:
                break
            screen += piece
    os.close(parent)
    assert not waiting, screen
    return process.wait(SECONDS), screen


def test_export_of_a_project(server: SampleServer, tmp_path: Path) -> None:
    """
    The wizard asks for server, project and secrets, shows the command without them, and running that does the same.
    """
    folder = tmp_path / "guided"
    code, screen = guided(
        [
            ("What do you want to do", "export"),
            ("Database", server.address),
            ("Master key", KEY_TEXT),
            ("whole server", "n"),
            ("Project", "Ledger"),
            ("empty when done", ""),
            ("Directory", str(folder)),
            ("Releases", "n"),
            ("Password", PASSWORD),
            ("Repeat", PASSWORD),
            ("Run it", "y"),
        ]
    )
    assert code == 0, screen
    assert PASSWORD not in screen
    assert KEY_TEXT not in screen
    assert "migrator partial-export --project Ledger --directory" in screen.replace("\r\n", "")
    same = tmp_path / "same"
    options = ("--database", server.address, "--directory", str(same), "--project", "Ledger", "--ignore-history")
    assert migrator("partial-export", *options).returncode == 0
    assert contents(folder) == contents(same)


def test_import_with_a_preview(server: SampleServer, tmp_path: Path) -> None:
    """
    An import offers the preview first, which changes nothing; declining the rest does nothing at all.
    """
    folder, path = tmp_path / "tree", tmp_path / "target.db"
    options = ("--database", server.address, "--directory", str(folder), "--project", "CON", "--ignore-history")
    assert migrator("partial-export", *options).returncode == 0
    empty(path)
    (tmp_path / "c.toml").write_text(
        f'[instances.test]\ndatabase = "sqlite:///{path}"\nmaster_key = "file:{tmp_path}/k"\n'
    )
    (tmp_path / "k").write_text(KEY_TEXT)
    code, screen = guided(
        [
            ("What do you want to do", "import"),
            ("Which server", "test"),
            ("Directory", str(folder)),
            ("Password", PASSWORD),
            ("Replace", "n"),
            ("Preview first", "y"),
            ("Run it", "n"),
        ],
        "--config",
        str(tmp_path / "c.toml"),
    )
    assert code == 0, screen
    assert "Nothing was done" in screen
    assert "--instance test" in screen
    assert Server(path).all("Project") == []


def test_without_a_terminal_it_is_refused() -> None:
    """
    Nobody is asked where nobody can answer.
    """
    done = migrator("wizard")
    assert done.returncode == 2
    assert "terminal" in done.stderr
