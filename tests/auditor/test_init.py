"""
`auditor init`, asked over a real terminal and without one.
"""

from __future__ import annotations

import os
import pty
import select
import stat
import sys
import time
import tomllib
from pathlib import Path

from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from auditor.cli.program import PROGRAM
from auditor.init import Answers, configuration, drop_in
from auditor.settings import load
from tests.support.daemons import SECRETS, Site, site, small_database  # noqa: F401
from tests.support.servers import ROOT


def answer_over_a_terminal(answers: list[tuple[str, str]], words: list[str], folder: Path) -> tuple[int, str]:
    """
    Run `auditor init` on a pseudo-terminal and answer each question when its words come; return exit code and screen.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ.update(SECRETS, PYTHONPATH=str(ROOT), COLUMNS="200")
        os.execv(sys.executable, [sys.executable, "-m", "auditor.cli.main", "init", *words])
    screen, seen, deadline = "", 0, time.monotonic() + 40
    left = list(answers)
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            got = os.read(terminal, 4096)
        except OSError:
            break
        if not got:
            break
        screen += got.decode("utf-8", "replace")
        if left and left[0][0] in screen[seen:]:
            seen = len(screen)
            os.write(terminal, f"{left.pop(0)[1]}\n".encode())
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert not left, (left, screen)
    return os.waitstatus_to_exitcode(status), screen


def test_a_conversation_on_a_terminal(site: Site) -> None:  # noqa: F811
    """
    Questions are answered one by one, a wrong answer is asked again, and at the end there are a private configuration
    that loads, a drop-in with its credentials, and a check that passed.
    """
    database = site.root / "server.db"
    database.write_bytes(site.template.read_bytes())
    answers = [
        ("A short name", "prod one"),
        ("letters, digits", "prod"),
        ("Its database", "mssql+pyodbc://me:hunter2@sql/Octopus"),
        ("put the whole address where", f"sqlite:///{database}"),
        ("Where its master key is", "hunter2"),
        ("by reference", "env:T_KEY"),
        ("Where the password is", "env:T_PASSWORD"),
        ("Its web address", ""),
        ("The folder of the git repository", str(site.root / "prod.git")),
        ("The remote to push to", ""),
        ("Where an SSH key", "-"),
        ("When to run", "61 * * * *"),
        ("minute", "0 */2 * * *"),
        ("In which time zone", "Europe/Berlin"),
    ]
    code, screen = answer_over_a_terminal(answers, ["--output", "new/auditor.toml"], site.root)
    assert code == 0, screen
    assert "next: auditor once --config new/auditor.toml" in screen
    path = site.root / "new" / "auditor.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    settings = load(path)
    assert settings.servers["prod"].schedule.cron == "0 */2 * * *"
    assert settings.servers["prod"].maintenance.mode == "never"
    assert "hunter2" not in path.read_text()


NO_UNIT = ("--master-key", "env:T_KEY", "--password", "env:T_PASSWORD")


def init(*words: str) -> Result:
    return CliRunner().invoke(PROGRAM, ["init", *words], standalone_mode=False)


def test_without_questions(site: Site) -> None:  # noqa: F811
    """
    With --yes nothing is asked; what fails the check is told with exit code 1, and the files are there to be corrected.
    """
    output = site.root / "auditor.toml"
    done = init("--yes", "--output", str(output), "--database", "sqlite:////nowhere/none.db", *NO_UNIT)
    assert done.return_value == 1
    assert "does not exist" in done.output
    assert "systemd-run" not in done.output


def test_for_the_unit(site: Site) -> None:  # noqa: F811
    """
    What is for the unit can be read by its user, names a credential for each secret, and is checked inside the unit
    only, by a command that stands there; a second server gets credentials of its own, and the first stays as it is.
    """
    output = site.root / "auditor.toml"
    done = init("--yes", "--output", str(output), "--database", "sqlite:////nowhere/none.db")
    assert done.return_value == 0, done.output
    command = next(line for line in done.output.splitlines() if "systemd-run" in line)
    assert "--property=LoadCredential=master_key:/etc/credstore/octopus-auditor.master_key" in command
    assert command.endswith(f"/opt/octopus-auditor/bin/auditor check --config {output}")
    assert stat.S_IMODE(output.stat().st_mode) == 0o644
    assert load(output).servers["prod"].master_key == "systemd:master_key"
    before = output.read_text()

    second = init("--yes", "--output", str(output), "--server", "test", "--database", "sqlite:////nowhere/none.db")
    assert second.return_value == 0, second.output
    assert output.read_text().startswith(before)
    assert set(load(output).servers) == {"prod", "test"}
    assert load(output).servers["test"].master_key == "systemd:test_master_key"
    assert "already" in str(init("--yes", "--output", str(output), "--server", "test").exception)
    lines = (site.root / "octopus-auditor.credentials.conf").read_text().splitlines()
    assert "LoadCredential=test_master_key:/etc/credstore/octopus-auditor.test_master_key" in lines
    assert "LoadCredential=master_key:/etc/credstore/octopus-auditor.master_key" in lines
    assert "LoadCredential=export_password:/etc/credstore/octopus-auditor.export_password" in lines


def test_nothing_is_overwritten(site: Site) -> None:  # noqa: F811
    """
    A file that is there, be it a dangling link, is left alone, before anything is asked.
    """
    output = site.root / "auditor.toml"
    output.symlink_to(site.root / "nowhere")
    assert "is not overwritten" in str(init("--yes", "--output", str(output)).exception)
    assert not (site.root / "nowhere").exists()
    output.unlink()
    (site.root / "octopus-auditor.credentials.conf").write_text("mine")
    assert "is not overwritten" in str(init("--yes", "--output", str(output)).exception)
    assert not output.exists()


def test_a_literal_secret_is_refused(site: Site) -> None:  # noqa: F811
    """
    A secret written where a reference belongs is refused without being repeated.
    """
    words = ("--yes", "--output", str(site.root / "a.toml"), "--database", "sqlite:///x.db")
    error = str(init(*words, "--master-key", "hunter2").exception)
    assert "--master-key" in error
    assert "hunter2" not in error
    assert not (site.root / "a.toml").exists()


lines = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)


@given(database=lines, remote=lines, repository=lines)
def test_every_answer_comes_back_from_the_file(database: str, remote: str, repository: str) -> None:
    """
    Whatever was answered, the file is TOML that says just that.
    """
    answers = Answers("prod", database, "env:A", "env:B", repository, remote=remote, url="https://o.example.com")
    server = tomllib.loads(configuration(answers))["servers"]["prod"]
    assert server["database"] == database
    assert server["repository"] == {"path": repository, "remote": remote}
    assert server["maintenance"] == {"mode": "always"}


def test_the_drop_in_names_each_credential_once() -> None:
    """
    Only references to systemd's credentials become lines.
    """
    text = drop_in(Answers("prod", "systemd:db", "systemd:key", "file:/x", "/r", api_key="systemd:key"))
    assert text.count("LoadCredential=") == 2
    assert "LoadCredential=db:" in text
