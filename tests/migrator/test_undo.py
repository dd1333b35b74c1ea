"""
An import is taken back: what it made is gone, what it replaced is as it was, and nothing else is touched.
"""

from __future__ import annotations

import dataclasses
import json
import stat
from pathlib import Path

import pytest

from migrator.cli.main import main
from migrator.credentials import Secret
from migrator.errors import OperatorError, SecretError, UsageError
from migrator.exporter import export
from migrator.importer import ImportOptions, Precautions, import_tree, undo_import
from migrator.tree.files import FolderFiles
from migrator.undo import is_undo
from tests.support.imports import Server
from tests.support.recording import ADDRESS, recorded
from tests.support.servers import KEY_TEXT, PASSWORD, SampleServer, contents

SCOPED = "variableset-Projects-1"
OPTIONS = ImportOptions(password=Secret(PASSWORD), master_key=Secret(KEY_TEXT), overwrite=True)


@dataclasses.dataclass
class Imported:
    """
    A server that an edited tree of its own was imported into: documents replaced, documents made.
    """

    server: SampleServer
    tree: Path
    undo: Path
    rows: list[str]

    @property
    def address(self) -> str:
        return self.server.address

    def take(self, address: str = "") -> None:
        import_tree(address or self.address, FolderFiles(self.tree), OPTIONS, precautions=Precautions(undo=self.undo))

    def take_back(self, address: str = "", **changes: object) -> dict[str, dict[str, int]]:
        options = dataclasses.replace(OPTIONS, **changes)  # type: ignore[arg-type]
        return undo_import(address or self.address, self.undo.read_bytes(), options).counts

    def now(self) -> list[str]:
        return rows_of(self.server)


def rows_of(server: SampleServer) -> list[str]:
    """
    Return every row but for those that only grow: audit events, counters of ids, stamps of rows.
    """
    found = []
    for (table,) in server.run("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
        if table not in ("Event", "EventRelatedDocument", "KeyAllocation") and not table.startswith("sqlite"):
            columns = [row[1] for row in server.run(f'PRAGMA table_info("{table}")') if row[1] != "DataVersion"]
            names = ", ".join(f'"{name}"' for name in columns)
            found += [f"{table} {row!r}" for row in server.run(f'SELECT {names} FROM "{table}"')]
    return sorted(found)


@pytest.fixture
def edited(server: SampleServer, tmp_path: Path) -> Imported:
    export(server.address, tmp_path / "tree", server.options())
    before = rows_of(server)
    for number, path in enumerate(sorted((tmp_path / "tree").rglob("*.json"))):
        text = path.read_text(encoding="utf-8")
        if path.name != "metadata.json" and '"Description": "' in text and number % 2:
            path.write_text(text.replace('"Description": "', '"Description": "edited, ', 1), encoding="utf-8")
    return Imported(server, tmp_path / "tree", tmp_path / "undo.json", before)


@pytest.fixture
def imported(edited: Imported) -> Imported:
    """
    Beside the edits, what is gone from the target comes back as new documents, and edges differ.
    """
    edited.server.edit("VariableSet", SCOPED, lambda body: [item.pop("Scope", None) for item in body["Variables"]])
    edited.server.run("DELETE FROM RelatedDocument WHERE Id = ?", SCOPED)
    for table in ("Subscription", "Proxy", "TagSet", "MachinePolicy"):
        edited.server.run(f"DELETE FROM {table} WHERE Id = (SELECT max(Id) FROM {table})")
    edited.rows = edited.now()
    edited.take()
    assert edited.now() != edited.rows
    assert edited.server.run("SELECT 1 FROM RelatedDocument WHERE Id = ?", SCOPED)
    return edited


def test_an_import_is_taken_back_to_the_byte(imported: Imported, tmp_path: Path) -> None:
    """
    The database's export is what it was before the import, and so are all rows, also those that no export has.
    """
    counts = imported.take_back()
    words = {word for kinds in counts.values() for word in kinds}
    assert words == {"Deleted", "Restored"}
    assert imported.now() == imported.rows
    (message,) = imported.server.run("SELECT Message FROM Event ORDER BY AutoId DESC LIMIT 1")
    assert "taken back" in message[0]


def test_the_export_is_that_of_before(server: SampleServer, empty_server: SampleServer, tmp_path: Path) -> None:
    """
    Everything into an empty server, and back: the export has the same bytes.
    """
    options = empty_server.options()
    export(server.address, tmp_path / "tree", server.options())
    export(empty_server.address, tmp_path / "before", options)
    undo, rows = tmp_path / "undo.json", rows_of(empty_server)
    import_tree(empty_server.address, FolderFiles(tmp_path / "tree"), OPTIONS, precautions=Precautions(undo=undo))
    export(empty_server.address, tmp_path / "between", options)
    undo_import(empty_server.address, undo.read_bytes(), OPTIONS)
    export(empty_server.address, tmp_path / "after", options)
    assert rows_of(empty_server) == rows
    assert contents(tmp_path / "before") == contents(tmp_path / "after") != contents(tmp_path / "between")


def test_a_server_is_taken_back_too(edited: Imported, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The same through the dialect of SQL Server, with its own forms of times, in one transaction, under the lock.
    """
    recording = recorded(monkeypatch, edited.server.path)
    edited.take(ADDRESS)
    assert edited.now() != edited.rows
    recording.clear()
    edited.take_back(ADDRESS)
    assert edited.now() == edited.rows
    assert [what for _, what in recording.events].count("commit") == 1
    assert recording.texts("sp_getapplock")
    assert [sent for sent in recording.sent if sent.varchars] == []


def test_the_file_holds_no_row_in_clear(imported: Imported) -> None:
    """
    It is its owner's alone, and sealed; only another password's holder is told so.
    """
    content = imported.undo.read_bytes()
    assert stat.S_IMODE(imported.undo.stat().st_mode) == 0o600
    assert is_undo(content)
    assert set(json.loads(content)) == {"Format", "FormatVersion", "Head", "Documents", "Content"}
    assert b"edited" not in content
    assert b"Web Shop" not in content
    for password, kind in ((Secret("another"), SecretError), (None, UsageError)):
        with pytest.raises(kind):
            imported.take_back(password=password)


@pytest.mark.parametrize("edit", ["Content", "Head", "FormatVersion"])
def test_a_file_that_was_changed_is_refused(imported: Imported, edit: str) -> None:
    """
    Whatever of it.
    """
    value = json.loads(imported.undo.read_bytes())
    value[edit] = {"Content": "AAAA" + value["Content"][4:], "Head": {}, "FormatVersion": 2}[edit]
    imported.undo.write_text(json.dumps(value))
    before = imported.now()
    with pytest.raises(OperatorError):
        imported.take_back()
    assert imported.now() == before


def test_what_was_changed_since_is_not_lost(imported: Imported) -> None:
    """
    It is named, and nothing is taken back, unless that is forced; then the rest of the server still stays.
    """
    touched = imported.server.run("SELECT Id FROM Proxy ORDER BY Id DESC LIMIT 1")[0][0]
    imported.server.run("UPDATE Proxy SET Name = 'since' WHERE Id = ?", touched)
    before = imported.now()
    with pytest.raises(OperatorError, match=f"Proxy {touched} changed since the import.*--force"):
        imported.take_back()
    assert imported.now() == before
    imported.take_back(force=True)
    assert imported.now() == imported.rows


def test_what_is_used_by_others_now_stays(imported: Imported) -> None:
    """
    Who refers to what the import made is named.
    """
    made = imported.server.run("SELECT Id FROM TagSet ORDER BY Id DESC LIMIT 1")[0][0]
    imported.server.run("INSERT INTO RelatedDocument VALUES ('Tenants-77', 'Tenant', ?, 'TagSet')", made)
    with pytest.raises(OperatorError, match="Tenants-77 came to use what the import made"):
        imported.take_back()


def test_an_import_is_taken_back_once(imported: Imported) -> None:
    """
    The second time there is nothing that came of the import.
    """
    imported.take_back()
    with pytest.raises(OperatorError, match="or the import never was"):
        imported.take_back()
    assert imported.now() == imported.rows


def test_another_server_is_refused(imported: Imported, target: Server) -> None:
    """
    An undo file knows its server.
    """
    with pytest.raises(OperatorError, match="of another server"):
        imported.take_back(target.address)


def test_without_its_undo_no_import(edited: Imported) -> None:
    """
    A file that is there is not written over, and where the file cannot be written nothing is imported.
    """
    edited.undo.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        edited.take()
    assert edited.undo.read_text() == "mine"
    edited.undo = edited.undo.with_name("x" * 255)
    with pytest.raises(OperatorError, match="nothing was imported"):
        edited.take()
    assert edited.now() == edited.rows


def test_on_the_command_line(
    edited: Imported, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    `--undo` keeps, `--apply` takes back by the file alone, `--dry-run` shows what that would do.
    """
    monkeypatch.setenv("OCTOPUS_MASTER_KEY", KEY_TEXT)
    monkeypatch.setenv("MIGRATOR_PASSWORD", PASSWORD)
    server = f"--database={edited.address}"
    assert main(["import", server, f"--directory={edited.tree}", "--overwrite", f"--undo={edited.undo}"]) == 0
    between = edited.now()
    capsys.readouterr()
    assert main(["import", server, f"--apply={edited.undo}", "--dry-run"]) == 0
    assert edited.now() == between
    assert "Would be taken back:" in capsys.readouterr().out
    assert main(["import", server, f"--apply={edited.undo}", f"--directory={edited.tree}"]) == 2
    assert "leave out --directory" in capsys.readouterr().err
    assert main(["import", server, f"--apply={edited.undo}"]) == 0
    assert "Restored" in capsys.readouterr().out
    assert edited.now() == edited.rows
