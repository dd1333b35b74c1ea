"""
The command from outside: exit codes, one sentence for each failure, and nothing half-done.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from migrator.cli.main import main
from tests.support.servers import KEY_TEXT, PASSWORD, ROOT, SampleServer, contents
from tests.support.servers import migrator as run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCTOPUS_MASTER_KEY", KEY_TEXT)
    monkeypatch.setenv("MIGRATOR_PASSWORD", PASSWORD)


def one_sentence(text: str) -> str:
    (line,) = [line for line in text.splitlines() if not line.startswith("warning: ")]
    assert line.startswith("migrator: ")
    assert "Traceback" not in line
    return line


def test_export_tells_what_it_did(server: SampleServer, tmp_path: Path, capsys: Capture) -> None:
    """
    Success is 0, counts in plain words on stdout, and a report with the same counts.
    """
    report = tmp_path / "report.json"
    code = main(["Export", f"--DataBase={server.address}", "--directory", str(tmp_path / "out"), f"--report={report}"])
    shown = capsys.readouterr()
    assert code == 0
    assert "24 projects" in shown.out
    assert "2 proxies" in shown.out
    assert shown.err == ""
    value = json.loads(report.read_text())
    assert value["counts"]["Project"] == {"Exported": 24}
    assert set(value) == {"counts", "warnings", "ids", "seconds", "tables"}
    assert main(["export", f"--database={server.address}", f"--directory={tmp_path / 'out'}", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_configuration_file_names_the_server(
    server: SampleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """
    Address, master key and password come by reference from the instance's table.
    """
    for name in ("OCTOPUS_MASTER_KEY", "MIGRATOR_PASSWORD"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("ADDRESS", server.address)
    monkeypatch.setenv("KEY", KEY_TEXT)
    (tmp_path / "password").write_text(PASSWORD)
    config = tmp_path / "migrator.toml"
    config.write_text(
        f'[instances.prod]\ndatabase = "env:ADDRESS"\nmaster_key = "env:KEY"\npassword = "file:{tmp_path}/password"\n'
    )
    base = ["export", "--config", str(config), "--quiet"]
    assert main([*base, "--instance=prod", f"--directory={tmp_path / 'out'}"]) == 0
    assert main([*base, f"--directory={tmp_path / 'out2'}"]) == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "out2")
    assert main([*base, "--instance=dev", f"--directory={tmp_path / 'out'}"]) == 2
    assert "no [instances.dev]" in one_sentence(capsys.readouterr().err)


def test_passwords_on_the_command_line_are_warned_of(server: SampleServer, tmp_path: Path, capsys: Capture) -> None:
    """
    ``--password`` works, with a warning that does not repeat it.
    """
    arguments = ["export", f"--database={server.address}", f"--directory={tmp_path / 'out'}", "--password", "hunter2x"]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert "process list" in shown.err
    assert "hunter2x" not in shown.err + shown.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["exprt"], "did you mean export"),
        (["export", "--directory=x", "--pasword=hunter2"], "did you mean --password"),
        (["export", "--directory=x"], "no server was named"),
        (["export", "--directory=x", "--database=sqlite:///x", "--instance=y"], "leave --instance"),
        (["export", "--directory=x", "--database=postgresql://h/x"], "not supported"),
        (["export", "--directory=x", "--database=hunter2"], "neither a SQLAlchemy URL"),
        (["export", "--directory=x", "--database=sqlite:///x", "--include-tasklogs"], "needs --tasklogs-directory"),
        (["export", "--directory=x", "--database=sqlite:///x", "--tasklogs-directory=/tmp"], "only used with"),
        (["export", "--directory=x", "--database=sqlite:///x", "--password=a", "--password-file=b"], "not both"),
        (["export", "--directory=x", "--database=sqlite:///x", "--password-file=/nowhere"], "cannot be read"),
        (["export", "--directory=x", "--database=sqlite:///x", "--master-key-file=/nowhere"], "cannot be read"),
        (["export", "--directory=x", "--database=sqlite:///x", "--report=/nowhere/r.json"], "--report"),
        (["export", "--directory=x", "--config=/nowhere"], "cannot be read"),
        (
            ["import", "--directory=x", "--database=sqlite:///x", "--backup=y", "--dry-run"],
            "--backup and --undo come before",
        ),
        (["help", "exprt"], "did you mean export"),
    ],
)
def test_wrong_usage_is_2(
    arguments: list[str], says: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Wrong usage is told in one sentence before anything is done, and repeats no value that may be secret.
    """
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert says in one_sentence(capsys.readouterr().err)
    assert contents(tmp_path) == {}
    assert not (tmp_path / "x").exists()


def test_help_and_version(capsys: Capture) -> None:
    """
    Help names the original's options; version is text or JSON.
    """
    assert main(["help", "import"]) == 0
    assert "--ignore-version-check" in capsys.readouterr().out
    assert main(["version", "--format=JSON"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {"program", "version", "python", "format_version", "odbc_drivers", "odbc_driver"} == set(facts)
    assert main(["version"]) == 0
    assert facts["version"] in capsys.readouterr().out


def test_the_installed_command_is_this_one() -> None:
    """
    The package's script calls ``main``.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"]["migrator"] == f"{main.__module__}:{main.__name__}"


def test_a_termination_leaves_nothing_behind(server: SampleServer, tmp_path: Path) -> None:
    """
    A terminated export ends with 143, and its directory is as it was.
    """
    fifo = tmp_path / "password"
    os.mkfifo(fifo)
    command = [sys.executable, "-m", "migrator.cli.main", "export", f"--database={server.address}"]
    command += [f"--directory={tmp_path}/out", f"--password-file={fifo}"]
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    with fifo.open("w"):  # The child waits in the middle of its work for what is never written.
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=30)
    assert child.returncode == 143
    assert not (tmp_path / "out").exists()


def export_fails(server: SampleServer, directory: Path, capsys: Capture, *more: str) -> str:
    """
    Export, expect failure, and return the sentence; the directory is as it was.
    """
    before = contents(directory) if directory.is_dir() else None
    code = main(["export", f"--database={server.address}", f"--directory={directory}", *more])
    shown = capsys.readouterr()
    assert code == 1
    assert shown.out == ""
    assert (contents(directory) if directory.is_dir() else None) == before
    return one_sentence(shown.err)


def test_databases_that_are_none(tmp_path: Path, capsys: Capture) -> None:
    """
    A missing file, a file of something else, and a database of something else are three sentences.
    """
    (tmp_path / "text.db").write_text("hello " * 1000)
    other = SampleServer(tmp_path / "other.db")
    other.run("CREATE TABLE t (x)")
    told = [
        export_fails(SampleServer(path), tmp_path / "out", capsys)
        for path in (tmp_path / "missing.db", tmp_path / "text.db", other.path, tmp_path)
    ]
    for line, part in zip(
        told, ("does not exist", "not a SQLite database", "not an Octopus database", "not a file"), strict=True
    ):
        assert part in line
    assert not (tmp_path / "missing.db").exists()


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("not base64 at all", "not base64"),
        ("QUJD", "3 bytes"),
        ("AAAAAAAAAAAAAAAAAAAAAA==", "does not open this database"),
    ],
)
def test_wrong_master_keys(
    key: str, says: str, server: SampleServer, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A key that is no key, too short, or of another server is told as such and not repeated.
    """
    monkeypatch.setenv("OCTOPUS_MASTER_KEY", key)
    line = export_fails(server, tmp_path / "out", capsys)
    assert says in line
    assert key not in line


def test_a_wrong_key_shows_without_a_certificate_too(server: SampleServer, tmp_path: Path, capsys: Capture) -> None:
    """
    Where the server's own certificate is missing, a key that opens nothing at all is still recognised.
    """
    server.run("DELETE FROM Configuration WHERE Id = 'certificate-global'")
    key = tmp_path / "key"
    key.write_text("AAAAAAAAAAAAAAAAAAAAAA==")
    line = export_fails(server, tmp_path / "out", capsys, f"--master-key-file={key}")
    assert "does not open this database" in line


def test_older_servers(server: SampleServer, tmp_path: Path, capsys: Capture) -> None:
    """
    A missing table is a warning, a missing column is nothing at all; the rest is exported.
    """
    for statement in (
        "DROP TABLE UserRole",
        "DROP TABLE Proxy",
        "ALTER TABLE Machine DROP COLUMN TenantTags",
        "DROP TABLE OctopusServerInstallationHistory",
    ):
        server.run(statement)
    assert main(["export", f"--database={server.address}", f"--directory={tmp_path / 'out'}"]) == 0
    shown = capsys.readouterr()
    assert "table UserRole is missing" in shown.err
    assert "24 machines" in shown.out


@pytest.mark.parametrize("body", ["{ broken", "[1, 2]", '"text"', "null", "NaN"])
def test_one_unreadable_document(body: str, server: SampleServer, tmp_path: Path, capsys: Capture) -> None:
    """
    One broken row is named and keeps its previous file, all others are written, and the exit code is 1.
    """
    directory = tmp_path / "out"
    arguments = ["export", f"--database={server.address}", f"--directory={directory}", "--secrets=omit", "--clean"]
    assert main(arguments) == 0
    before = contents(directory)
    capsys.readouterr()
    server.run("UPDATE Project SET JSON = ? WHERE Id = 'Projects-1'", body)
    server.run("UPDATE Lifecycle SET Name = 'Renamed' WHERE Id = 'Lifecycles-21'")
    assert main([*arguments, f"--report={tmp_path / 'report.json'}"]) == 1
    shown = capsys.readouterr()
    assert "Projects-1 at JSON" in shown.err
    assert "1 document could not be read" in one_sentence(shown.err)
    assert body not in shown.err or body in ("null", "NaN")
    after = contents(directory)
    assert after["Projects/Web Shop/Web Shop.json"] == before["Projects/Web Shop/Web Shop.json"]
    assert "Lifecycles/Renamed.json" in after
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["counts"]["Project"] == {"Exported": 23, "Kept (unreadable)": 1}
    assert report["warnings"][0]["document"] == "Projects-1"


def test_one_secret_that_does_not_open(server: SampleServer, tmp_path: Path, capsys: Capture) -> None:
    """
    The document whose secret does not open is named with the place; others are written.
    """
    foreign = "rmnp0lvoK/M4fReq4OBtxbKxddmHomLTh5TWHgRf428=|oKGio6SlpqeoqaqrrK2urw=="
    server.edit("Proxy", "Proxies-1", lambda proxy: proxy.update(Password=foreign))
    assert main(["export", f"--database={server.address}", f"--directory={tmp_path / 'out'}"]) == 1
    shown = capsys.readouterr()
    assert "Proxies-1 at Password" in shown.err
    assert foreign not in shown.err + shown.out
    assert len(list((tmp_path / "out/Proxies").iterdir())) == 1


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere", "/dev/null/x"])
def test_places_that_cannot_be_written(place: str, server: SampleServer, tmp_path: Path, capsys: Capture) -> None:
    """
    A file in the place of the directory, or a file system that refuses, is told with its path.
    """
    (tmp_path / "file").write_text("mine")
    assert str(tmp_path / place).rpartition("/")[0] in export_fails(server, tmp_path / place, capsys)
    assert (tmp_path / "file").read_text() == "mine"


def test_clean_of_a_foreign_directory_is_2(server: SampleServer, tmp_path: Path, capsys: Capture) -> None:
    """
    ``--clean`` refuses a directory that is no export, and deletes nothing.
    """
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.doc").write_text("mine")
    code = main(["export", f"--database={server.address}", f"--directory={tmp_path / 'home'}", "--clean"])
    assert code == 2
    assert "--clean would delete" in one_sentence(capsys.readouterr().err)
    assert contents(tmp_path / "home") == {"thesis.doc": b"mine"}


def test_a_full_disk_leaves_the_directory_as_it_was(server: SampleServer, tmp_path: Path) -> None:
    """
    When files cannot grow any more in the middle of an export, it fails with one sentence and changes nothing.
    """

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    directory = tmp_path / "out"
    directory.mkdir()
    (directory / "mine.txt").write_text("x")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "migrator.cli.main",
            "export",
            f"--database={server.address}",
            f"--directory={directory}",
        ],
        cwd=ROOT,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    one_sentence(done.stderr)
    assert contents(directory) == {"mine.txt": b"x"}


def test_a_missing_driver_is_told(tmp_path: Path) -> None:
    """
    Without an ODBC driver, or without a server behind it, the sentence says what to install or to check, and holds
    neither the password nor a traceback.
    """
    done = run(
        "export",
        "--database=mssql+pyodbc://sa:hunter2@127.0.0.1:1/Octopus?driver=ODBC+Driver+18+for+SQL+Server",
        f"--directory={tmp_path}/out",
    )
    assert done.returncode == 1
    line = one_sentence(done.stderr)
    assert "msodbcsql18" in line or "cannot be reached" in line
    assert "hunter2" not in done.stderr + done.stdout


def test_a_report_that_cannot_be_written_is_told(server: SampleServer, tmp_path: Path, capsys: Capture) -> None:
    """
    A report's place that refuses is one sentence, with no temporary file left.
    """
    base = ["export", f"--database={server.address}", f"--directory={tmp_path / 'out'}", "--secrets=omit"]
    assert main([*base, "--report=/proc/report.json"]) == 1
    assert "/proc/report.json" in one_sentence(capsys.readouterr().err)


def test_a_closed_pipe_is_no_bug(server: SampleServer, tmp_path: Path) -> None:
    """
    Output into a program that has ended is no internal error.
    """
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "migrator.cli.main", "help", "export"], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert b"internal error" not in done.stderr
    assert b"Traceback" not in done.stderr
