"""
Bad input and bad luck: each gives a clear error, and nothing is lost. Numbers are those of the regression table.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import exc

from migrator.cli.main import main
from migrator.credentials import Secret
from migrator.errors import DatabaseError, SecretError
from migrator.exporter import ExportOptions, export
from migrator.importer import ImportOptions, ImportRefused, Surroundings, import_tree
from migrator.maps.document_map import default_map
from migrator.plan.values import Plan
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.sql.engine import Limits, open_engine
from migrator.sql.errors import TryAgain, write_errors
from migrator.tree.files import FolderFiles
from migrator.tree.values import Tree, TreeDocument
from tests.support.imports import (
    SOURCE_KEY,
    TARGET,
    Server,
    doc,
    empty_server,
    environment,
    outcomes,
    project,
    tree,
)


def keys(folder: Path) -> list[str]:
    """
    Return the options that give password and master key.
    """
    (folder / "pw").write_text("pw", encoding="utf-8")
    (folder / "key").write_text(TARGET.reveal(), encoding="utf-8")
    return ["--password-file", str(folder / "pw"), "--master-key-file", str(folder / "key")]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """
    The tree of a small server with two secrets.
    """
    source = empty_server(tmp_path, "source")
    cipher = MasterKeyCipher(SOURCE_KEY)
    for number in (1, 2):
        source.add("Proxy", f"Proxies-{number}", Name=f"P{number}", Password=cipher.seal(f"password {number}"))
    source.add("DeploymentEnvironment", "Environments-1", Name="Dev", SortOrder=1)
    master = Secret(base64.b64encode(SOURCE_KEY).decode())
    export(source.address, tmp_path / "tree", ExportOptions(password=Secret("pw"), master_key=master))
    return tmp_path / "tree"


def options(**more: Any) -> ImportOptions:
    """
    Return the options of an import.
    """
    return ImportOptions(**({"password": Secret("pw"), "master_key": TARGET} | more))


def untouched(target: Server) -> bool:
    """
    Return whether nothing was imported.
    """
    return not any(target.all(table) for table in ("Proxy", "DeploymentEnvironment", "Event"))


def test_wrong_password_fails_before_the_target_is_opened(target: Server, exported: Path) -> None:
    """
    A wrong password is one sentence, and the target is not even looked at.
    """
    with pytest.raises(SecretError, match="password"):
        import_tree("sqlite:////nowhere/at/all.db", FolderFiles(exported), options(password=Secret("other")))


def test_wrong_master_key_is_told_before_the_first_write(target: Server, exported: Path) -> None:
    """
    A master key that does not open the target is told apart from a wrong password.
    """
    target.add("Configuration", "certificate-global", CertificateData=MasterKeyCipher(SOURCE_KEY).seal("MII"))

    with pytest.raises(SecretError, match="master key"):
        import_tree(target.address, FolderFiles(exported), options())
    assert untouched(target)


def test_all_problems_are_told_at_once_each_with_its_file(target: Server, exported: Path) -> None:
    """
    A moved secret, a broken file and a missing name are reported together; nothing is imported.
    """
    first = json.loads((exported / "Proxies/P1.json").read_text(encoding="utf-8"))
    second = json.loads((exported / "Proxies/P2.json").read_text(encoding="utf-8"))
    (exported / "Proxies/P1.json").write_text(json.dumps(first | {"Password": second["Password"]}), encoding="utf-8")
    (exported / "Proxies/P2.json").write_text("{broken", encoding="utf-8")
    (exported / "Environments/Dev.json").write_text('{"Id": "Environments-1"}', encoding="utf-8")

    with pytest.raises(ImportRefused) as caught:
        import_tree(target.address, FolderFiles(exported), options())

    assert {problem.file for problem in caught.value.problems} == {
        "Proxies/P1.json",
        "Proxies/P2.json",
        "Environments/Dev.json",
    }
    assert untouched(target)


def test_force_goes_on_and_says_what_it_ignored(target: Server, exported: Path) -> None:
    """
    With force the sound documents are imported, and the report names the others.
    """
    (exported / "Proxies/P2.json").write_text("{broken", encoding="utf-8")

    report = import_tree(target.address, FolderFiles(exported), options(force=True))

    assert [item["Name"] for item in target.all("Proxy")] == ["P1"]
    assert any("ignored" in item.message and "P2.json" in item.message for item in report.warnings)


def test_two_documents_with_one_id_are_a_problem(target: Server) -> None:
    """
    A double id names both files.
    """
    some = tree(environment("Environments-1", "A"), environment("Environments-1", "B"))

    (problem,) = target.preview(some).problems

    assert "Environments-1" in problem.message and "A Environments-1.json" in problem.message


def test_unknown_type_is_left_out_and_told(target: Server) -> None:
    """
    What the program knows nothing about is not written blindly, and does not stop the rest unless that is asked for.
    """
    stranger = TreeDocument(default_map("Mystery"), "Mysterys-1", {"Id": "Mysterys-1"}, "Mystery/x.json")

    plan = target.preview(tree(stranger, environment()))

    assert [(told.document, "Mystery" in told.message) for told in plan.warnings] == [("Mysterys-1", True)]
    assert outcomes(plan) == {"Created": 1} and not plan.problems
    with pytest.raises(ImportRefused, match="Mystery"):
        target.take(tree(stranger, environment()), strict=True)


def test_older_schema_is_refused_naming_the_column(target: Server) -> None:
    """
    A column the target lacks is refused by name, unless there is nothing to put into it; force does not help.
    """
    target.run("ALTER TABLE Project DROP COLUMN DiscreteChannelRelease")

    (refusal,) = target.preview(tree(*project(DiscreteChannelRelease=True))).refusals
    with pytest.raises(ImportRefused, match=r"Project\.DiscreteChannelRelease"):
        target.take(tree(*project(DiscreteChannelRelease=True)), force=True)
    target.take(tree(*project(DiscreteChannelRelease=False)))

    assert refusal.place == "DiscreteChannelRelease"


def test_read_only_file_is_told_and_nothing_is_lost(target: Server) -> None:
    """
    A file that cannot be written gives one sentence that says what to do.
    """
    with target.path.open("r+b") as file:
        file.seek(18)
        file.write(b"\x03")  # SQLite: a write format above 2 makes a file read-only.

    with pytest.raises(DatabaseError, match="cannot be written"):
        target.take(tree(environment()))


def test_locked_file_is_told(target: Server, exported: Path) -> None:
    """
    A target that somebody else holds for longer than the limit is told as such.
    """
    with closing(sqlite3.connect(target.path)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(DatabaseError, match="locked"):
            import_tree(target.address, FolderFiles(exported), options(), limits=Limits(lock=0.05))

    assert untouched(target)


def test_unique_violation_undoes_everything(target: Server) -> None:
    """
    A row that a faster writer already has is named by its column; no other row stays.
    """
    target.run("CREATE UNIQUE INDEX one ON DeploymentEnvironment (SortOrder)")

    with pytest.raises(DatabaseError, match=r"DeploymentEnvironment\.SortOrder"):
        target.take(tree(doc("Proxy", "Proxies-1", Name="a"), environment(), environment("Environments-2", "Test")))

    assert untouched(target)
    assert target.run("SELECT * FROM KeyAllocation") == []


def test_deadlock_runs_the_whole_unit_again(target: Server, exported: Path) -> None:
    """
    A deadlock's victim is run again from the start, a limited number of times, never half of it.
    """
    waits: list[float] = []
    fails = [TryAgain("deadlock"), TryAgain("deadlock")]

    def gate(plan: Plan, some: Tree) -> None:
        if fails:
            raise fails.pop()

    import_tree(target.address, FolderFiles(exported), options(), gate=gate, world=Surroundings(sleep=waits.append))

    assert (len(waits), len(target.all("Proxy"))) == (2, 2)
    fails.extend(TryAgain("deadlock") for _ in range(3))
    with pytest.raises(TryAgain):
        import_tree(target.address, FolderFiles(exported), options(), gate=gate, world=Surroundings(sleep=waits.append))


@pytest.mark.parametrize(
    "words",
    [
        "('40001', '[40001] Transaction was deadlocked')",
        "Error (1205)",
        "snapshot isolation transaction aborted (3960)",
    ],
)
def test_deadlocks_are_known_by_state_and_number(target: Server, words: str) -> None:
    """
    The server's words for "run it again" are understood, whichever driver says them.
    """
    engine = open_engine(target.address)

    with pytest.raises(TryAgain), write_errors(engine):
        raise exc.DBAPIError("SELECT", {}, Exception(words))


def test_2280_5802_3553_failed_import_has_an_exit_code_and_one_message(
    target: Server, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Another version is refused before any write: exit code 1, both versions on stderr.
    """
    target.add("OctopusServerInstallationHistory", "I-1", Node="n", Version="2019.1.0", Installed="2019-01-01")
    metadata = json.loads((exported / "metadata.json").read_text(encoding="utf-8"))
    (exported / "metadata.json").write_text(json.dumps(metadata | {"DatabaseVersion": "2018.8.0"}), encoding="utf-8")
    words = ["import", "--database", target.address, "--directory", str(exported), *keys(tmp_path)]

    assert main(words) == 1

    shown = capsys.readouterr().err
    assert "2018.8.0" in shown and "2019.1.0" in shown
    assert untouched(target)
    assert main([*words, "--ignoreVersionCheck"]) == 0


def test_1969_7877_the_command_starts_and_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """
    The program starts on any platform, without a server, and names the verb's options.
    """
    assert main(["help", "import"]) == 0

    assert "--overwrite" in capsys.readouterr().out


def test_7898_missing_directory_is_one_sentence(
    target: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A directory that does not exist, or holds no export, is told before the target is opened.
    """
    words = ["import", "--database", target.address, "--directory", str(tmp_path / "none"), *keys(tmp_path)]

    assert main(words) in (1, 2)
    assert "none" in capsys.readouterr().err


def test_4601_an_import_leaves_no_file_behind(
    target: Server, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Secrets are never written to temporary files, and no file is left behind.
    """
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    before = sorted(path.name for path in exported.rglob("*"))

    import_tree(target.address, FolderFiles(exported), options())

    assert (list(place.iterdir()), sorted(path.name for path in exported.rglob("*"))) == ([], before)
    assert b"password 1" not in target.path.read_bytes()
