"""
The backup before an import: what is known of the last one, making one, and that nothing is imported without it.
"""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from migrator.credentials import Secret
from migrator.errors import OperatorError
from migrator.exporter import export
from migrator.importer import ImportOptions, Precautions, import_tree
from migrator.sql.backup import last_backup, make_backup
from migrator.sql.engine import open_engine
from migrator.tree.files import FolderFiles
from tests.support.imports import Server
from tests.support.recording import ADDRESS, OperationalError, Recording, freetds, microsoft, recorded
from tests.support.servers import KEY_TEXT, PASSWORD, SampleServer

PATH = "D:\\Backups\\it's.bak"


@pytest.fixture
def remote(target: Server, monkeypatch: pytest.MonkeyPatch) -> Recording:
    recording = recorded(monkeypatch, target.path)
    recording.fail("RESTORE LABELONLY", *microsoft("42000", 3201, f"Cannot open backup device '{PATH}'."))
    return recording


def test_the_last_backup_is_told(remote: Recording) -> None:
    """
    With its age, by the database's own clock; that there is none, or that it is unknown, is told too.
    """
    engine = open_engine(ADDRESS)
    assert "last backed up 2026-01-03 22:00 by its own clock, 14 hours ago" in last_backup(engine)
    remote.answer("backupset", lambda sent: [(None, None)])
    assert "no backup of the target is known" in last_backup(engine)
    remote.fail("backupset", *microsoft("42000", 229, "The SELECT permission was denied on the object 'backupset'."))
    assert "unknown (the login may not read msdb.dbo.backupset" in last_backup(engine)


def test_a_file_knows_of_no_backup(target: Server) -> None:
    """
    That is unknown, and said.
    """
    assert "unknown (a SQLite file keeps no history of that)" in last_backup(open_engine(target.address))


def test_a_server_makes_its_backup_outside_any_transaction(remote: Recording) -> None:
    """
    Copy-only, with checksums, verified, on a connection of its own that commits by itself with no limit of time. Each
    statement is waited for to its end, and the path is a value, whatever it holds.
    """
    make_backup(open_engine(ADDRESS), PATH)
    sent = [item for item in remote.sent if "@path" in item.text]
    assert [item.text.partition("DB_NAME(); ")[2] for item in sent] == [
        "RESTORE LABELONLY FROM DISK = @path",
        "BACKUP DATABASE @name TO DISK = @path WITH COPY_ONLY, CHECKSUM",
        "RESTORE VERIFYONLY FROM DISK = @path WITH CHECKSUM",
    ]
    assert {item.values for item in sent} == {(PATH,)}
    (number,) = {item.connection for item in sent}
    assert remote.timeouts[number] == 0
    said = [what for of, what in remote.events if of == number]
    begun = said.index(sent[1].text)
    assert said[begun + 1 : begun + 4] == ["nextset", sent[2].text, "nextset"]
    assert remote.open == set()


def test_a_url_is_one(remote: Recording) -> None:
    """
    A managed instance writes to storage by its address.
    """
    make_backup(open_engine(ADDRESS), "https://storage.example.com/backups/octopus.bak")
    assert remote.texts("BACKUP DATABASE @name TO URL = @path")


@pytest.mark.parametrize("form", [microsoft, freetds])
@pytest.mark.parametrize(
    ("where", "number", "says"),
    [
        ("BACKUP DATABASE", 3201, "server's own account"),
        ("BACKUP DATABASE", 262, "db_backupoperator"),
        ("VERIFYONLY", 3241, "no backup"),
        ("nextset", 3202, "could not write"),
        ("connect", 0, ""),
    ],
)
def test_without_a_backup_nothing_is_imported(
    remote: Recording, form: object, where: str, number: int, says: str
) -> None:
    """
    Whatever of it fails, one sentence tells, and not a row is asked for.
    """
    remote.fail(where, *form("42000", number, f"Cannot use '{PATH}'."), kind=OperationalError)  # type: ignore[operator]
    with pytest.raises(OperatorError, match="nothing was imported") as error:
        make_backup(open_engine(ADDRESS), PATH)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert "Cannot use" not in str(error.value)
    assert remote.open == set()


def test_a_backup_is_never_added_to_another(remote: Recording) -> None:
    """
    Where one is already, that one would be verified in its place.
    """
    remote.faults.clear()
    remote.answer("LABELONLY", lambda sent: [("Octopus",)])
    with pytest.raises(OperatorError, match="holds a backup already"):
        make_backup(open_engine(ADDRESS), PATH)
    assert remote.texts("BACKUP DATABASE") == []


def test_a_file_is_copied_whole(target: Server, tmp_path: Path) -> None:
    """
    For the owner alone, and what is there already is left as it is.
    """
    target.add("Lifecycle", "Lifecycles-7", Name="there")
    copy = tmp_path / "copy.db"
    make_backup(open_engine(target.address), str(copy))
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as opened, closing(sqlite3.connect(target.path)) as original:
        assert list(opened.iterdump()) == list(original.iterdump())
    for path in (copy, tmp_path / "nowhere" / "copy.db"):
        content = copy.read_bytes()
        with pytest.raises(OperatorError, match="nothing was imported"):
            make_backup(open_engine(target.address), str(path))
        assert copy.read_bytes() == content


def test_an_import_makes_its_backup_first(server: SampleServer, target: Server, tmp_path: Path) -> None:
    """
    The backup holds the state before the import; where it fails, the import is not even begun.
    """
    export(server.address, tmp_path / "tree", server.options())
    options = ImportOptions(password=Secret(PASSWORD), master_key=Secret(KEY_TEXT))
    files, copy, told = FolderFiles(tmp_path / "tree"), tmp_path / "copy.db", list[str]()
    before = target.run("SELECT count(*) FROM Project")

    with pytest.raises(OperatorError, match="nothing was imported"):
        import_tree(target.address, files, options, precautions=Precautions(backup=str(tmp_path / "no" / "copy.db")))
    assert target.run("SELECT count(*) FROM Project") == before

    import_tree(target.address, files, options, precautions=Precautions(told.append, str(copy)))
    assert target.run("SELECT count(*) FROM Project") != before
    assert Server(copy).run("SELECT count(*) FROM Project") == before
    assert len(told) == 1
