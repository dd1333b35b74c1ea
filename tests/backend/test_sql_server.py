"""
Against a real SQL Server with an Octopus database, whose address is in MIGRATOR_TEST_DATABASE, where nothing
is written.
"""

from __future__ import annotations

import itertools
import os
import re
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event, make_url, text

from migrator.credentials import Secret
from migrator.errors import DatabaseError, OperatorError
from migrator.export.read import look_at, probe, read_rows
from migrator.export.spool import Spool
from migrator.exporter import ExportOptions, export
from migrator.importer import ImportOptions, Precautions, import_tree, undo_import
from migrator.maps.document_map import Kind
from migrator.maps.natural_keys import fold
from migrator.sql.address import parse_address
from migrator.sql.backup import last_backup, make_backup
from migrator.sql.drivers import choose, odbc_drivers
from migrator.sql.engine import Canceller, Limits, database_errors, open_engine, read_connection, transaction
from migrator.sql.locks import RESOURCE, AlreadyLocked, LockLost, application_lock
from migrator.sql.reader import Reader
from migrator.sql.rights import read_isolation
from migrator.sql.rows import Declared, to_body
from migrator.sql.tables import Schema, reflect
from migrator.sql.target import open_target
from migrator.tree.files import FolderFiles
from tests.support.servers import contents

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def address() -> str:
    return os.environ["MIGRATOR_TEST_DATABASE"]


@pytest.fixture(scope="module")
def schema(address: str) -> Schema:
    return reflect(open_engine(address), history=True)


def test_reading_sees_one_state(address: str) -> None:
    """
    Where the server allows it, the read runs under SNAPSHOT isolation; nothing else is asked of it.
    """
    engine = open_engine(address)
    allowed = reflect(engine).catalogue.one_state
    with read_connection(engine, one_state=allowed) as connection:
        level = connection.execute(
            text("SELECT transaction_isolation_level FROM sys.dm_exec_sessions WHERE session_id = @@SPID")
        ).scalar()
        assert level == (5 if allowed else 2)


def test_every_table_is_read_whole(address: str, schema: Schema) -> None:
    """
    Every row of every table comes once, as plain values.
    """
    with read_connection(open_engine(address)) as connection:
        reader = Reader(connection, schema)
        for source in schema.tables:
            count = 0
            for batch in reader.batches(source):
                count += len(batch)
                for row in batch:
                    assert all(isinstance(value, str | int | float | bytes | bool | None) for value in row)
            assert [count] == reader.counts([source])


def test_nothing_is_unknown(schema: Schema) -> None:
    """
    The server's tables are all accounted for, or told.
    """
    assert all(item.map.known or item.name in " ".join(schema.warnings) for item in schema.tables)


def test_a_statement_is_broken_off(address: str) -> None:
    """
    A statement that would take a minute ends at once when it is cancelled from another thread.
    """
    engine, canceller, ended = open_engine(address), Canceller(), threading.Event()
    canceller.watch(engine)

    def wait() -> None:
        with pytest.raises(DatabaseError), database_errors(engine), engine.connect() as connection:
            connection.execute(text("WAITFOR DELAY '00:01:00'"))
        ended.set()

    begun = time.monotonic()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    while not ended.wait(0.2) and thread.is_alive():
        canceller.cancel()

    assert ended.is_set()
    assert time.monotonic() - begun < 30


@pytest.fixture(scope="module")
def names(address: str, schema: Schema) -> dict[str, list[str]]:
    """
    The names of the server's documents, by table.
    """
    found: dict[str, list[str]] = {}
    with read_connection(open_engine(address)) as connection:
        reader = Reader(connection, schema)
        for source in schema.tables:
            at = source.position("Name")
            if at is not None and source.map.kind is Kind.CONFIGURATION:
                found[source.map.type] = [str(row[at]) for batch in reader.batches(source) for row in batch]
    return found


@pytest.mark.parametrize("spell", [str, str.upper, str.casefold, lambda name: f"{name} "])
def test_names_are_found_beside_an_ascii_one(
    address: str, names: dict[str, list[str]], spell: Callable[[str], str]
) -> None:
    """
    Every document is found by its name in a list that begins with an ASCII one, in any spelling that an import uses.
    """
    with open_target(address, None) as target:
        for type_, some in names.items():
            found = {str(item.key[0]) for item in target.find(type_, ("Name",), [("A",), *[(n,) for n in some]])}
            assert set(some) <= found
            spelled = {item.id for item in target.find(type_, ("Name",), [("A",), *[(spell(n),) for n in some]])}
            assert len(spelled) >= len({fold(name) for name in some if fold(spell(name)) == fold(name)})


def test_instants_and_guids_have_one_form(address: str, schema: Schema) -> None:
    """
    Whatever driver is used and whatever precision a column has, an instant has its offset and three to seven digits.
    """
    form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}|\d{3,6}[1-9])([+-]\d\d:\d\d)?")
    with read_connection(open_engine(address)) as connection:
        reader = Reader(connection, schema)
        for source in schema.tables:
            times = [name for name in source.columns if source.kind(name) is Declared.INSTANT]
            guids = [name for name in source.columns if source.kind(name) is Declared.GUID]
            for row in itertools.chain.from_iterable(reader.batches(source) if times or guids else ()):
                body = to_body(source, row, "")
                assert all(body[name] is None or form.fullmatch(body[name]) for name in times)
                assert all(body[name] is None or body[name] == str(uuid.UUID(body[name])) for name in guids)


def test_a_tree_of_the_server_is_unchanged_on_it(address: str, tmp_path: Path) -> None:
    """
    What was exported is there: a dry run makes and updates nothing. Needs the master key in OCTOPUS_TEST_MASTER_KEY.
    """
    if "OCTOPUS_TEST_MASTER_KEY" not in os.environ:
        pytest.skip("the server's master key is not in OCTOPUS_TEST_MASTER_KEY")
    key, password = Secret(os.environ["OCTOPUS_TEST_MASTER_KEY"]), Secret("of this test")
    export(address, tmp_path / "tree", ExportOptions(password=password, master_key=key, history=True))
    options = ImportOptions(password=password, master_key=key, dry_run=True, overwrite=True, force=True)
    report = import_tree(address, FolderFiles(tmp_path / "tree"), options)
    assert {word for kinds in report.counts.values() for word in kinds} <= {"Unchanged"}


def test_limits_are_set(address: str) -> None:
    """
    A lock is waited for no longer than was said, and a statement does not run longer.
    """
    engine = open_engine(address, limits=Limits(lock=1.5, statement=2))
    with read_connection(engine) as connection:
        assert connection.execute(text("SELECT @@LOCK_TIMEOUT")).scalar() == 1500
    with pytest.raises(DatabaseError, match=r"limits\.statement"), read_connection(engine) as connection:
        connection.execute(text("WAITFOR DELAY '00:00:10'"))


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("SELECT Nope FROM NoSuchTable WHERE Name = :value", "NoSuchTable"),
        ("SELECT NoSuchColumn FROM Project WHERE Name = :value", "NoSuchColumn"),
        ("SELECT CAST(:value AS int)", "SQLSTATE"),
        ("INSERT INTO Project (Id) VALUES (:value)", "nothing was imported"),
    ],
)
def test_errors_have_numbers_and_no_values(address: str, statement: str, says: str) -> None:
    """
    The driver's own errors are understood by number, and what was sent is in nothing that an exception holds.
    """
    with (
        pytest.raises(DatabaseError, match=says) as error,
        transaction(open_engine(address), "READ COMMITTED", writing=True) as connection,
    ):
        connection.execute(text(statement), {"value": "hunter2-the-value"})
    assert "hunter2" not in "".join(traceback.format_exception(error.value)) + repr(error.value.__context__)


def test_a_database_that_is_not_there(address: str) -> None:
    """
    A wrong name of the database is told as that, and not as a failed login.
    """
    url = make_url(address).set(database="NoSuchDatabase4060").render_as_string(hide_password=False)
    with pytest.raises(DatabaseError, match="no database of this name"):
        reflect(open_engine(url))


def test_an_export_takes_one_connection_and_few_statements(address: str, tmp_path: Path) -> None:
    """
    What the recording DBAPI proves holds with a real driver too.
    """
    opened: list[object] = []
    asked: list[str] = []
    looked = look_at(address)
    event.listen(looked.engine, "connect", lambda connection, record: opened.append(connection))
    event.listen(looked.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    with closing(looked), Spool(tmp_path) as spool:
        read_rows(looked, spool)
    assert opened == []
    assert len(asked) <= len(looked.schema.tables) + 4


def test_a_lock_is_gone_with_its_connection(address: str) -> None:
    """
    The application's lock refuses a second holder and is free again at once.
    """
    one, two = open_engine(address), open_engine(address)
    with application_lock(one), pytest.raises(AlreadyLocked), application_lock(two):
        pass
    with application_lock(two):
        pass


def test_an_import_takes_the_lock(address: str) -> None:
    """
    While an audit or another import has the lock, an import is refused in one sentence, before its transaction begins.
    """
    with (
        application_lock(open_engine(address)),
        pytest.raises(AlreadyLocked, match="right now \\("),
        open_target(address, None),
    ):
        pass
    with open_target(address, None), pytest.raises(AlreadyLocked), application_lock(open_engine(address)):
        pass


@pytest.mark.parametrize("broken", [False, True])
def test_a_lock_that_went_is_noticed(address: str, broken: bool) -> None:
    """
    The lock's own session proves that it is held; a session that ended, or has it no more, is one sentence, and leaving
    raises nothing on top.
    """
    with application_lock(open_engine(address)) as lock:
        lock.check()
        assert lock.connection is not None
        if broken:
            lock.connection.connection.dbapi_connection.close()  # type: ignore[union-attr]
        else:
            release = text("EXEC sp_releaseapplock @Resource = :resource, @LockOwner = 'Session'")
            lock.connection.execute(release, {"resource": RESOURCE})
        with pytest.raises(LockLost):
            lock.check()


def test_signs_of_a_server_that_stands_still(address: str) -> None:
    """
    Two looks at tables in which nothing moves are alike, the thorough ones too; no sum of rowversions is too large.
    """
    server = look_at(address)
    with closing(server):
        one, two = probe(server, thorough=True), probe(server, thorough=True)
    kept = [item.name for item in server.schema.tables]
    assert {name: one[name] for name in kept} == {name: two[name] for name in kept}
    assert all(len(one[name].split()) >= 2 for name in kept if int(one[name].split()[0]))


def test_the_settings_of_the_database_are_read(address: str) -> None:
    """
    What `check` says of snapshot isolation is what a run goes by.
    """
    engine = open_engine(address)
    assert (read_isolation(engine).snapshot is True) is reflect(engine).catalogue.one_state


def test_the_last_backup_is_told(address: str) -> None:
    """
    With its time, or that it is unknown or that there is none: a sentence in any case.
    """
    assert re.search("last backed up|no backup of the target|is unknown", last_backup(open_engine(address)))


def test_a_backup_is_made_and_verified(address: str) -> None:
    """
    Needs a folder of the server's machine in OCTOPUS_TEST_BACKUPS. A second one is never added to the first.
    """
    if "OCTOPUS_TEST_BACKUPS" not in os.environ:
        pytest.skip("no folder of the server's machine is named in OCTOPUS_TEST_BACKUPS")
    folder = os.environ["OCTOPUS_TEST_BACKUPS"]
    path = f"{folder}{chr(92) if chr(92) in folder else '/'}{uuid.uuid4()}.bak"
    make_backup(open_engine(address), path)
    assert "0 hours ago" in last_backup(open_engine(address)) or "unknown" in last_backup(open_engine(address))
    with pytest.raises(OperatorError, match="holds a backup already"):
        make_backup(open_engine(address), path)


def test_a_backup_that_cannot_be_made(address: str) -> None:
    """
    A path that the server cannot write to is one sentence with what to do.
    """
    with pytest.raises(OperatorError, match="nothing was imported"):
        make_backup(open_engine(address), "/no/such/folder/octopus.bak")


def test_an_import_is_taken_back(address: str, tmp_path: Path) -> None:
    """
    The only test that writes: into a database of its own, named in OCTOPUS_TEST_SCRATCH, whose master key is in
    OCTOPUS_TEST_MASTER_KEY. A tree of it is edited, imported and taken back, and its export is that of before.
    """
    if not {"OCTOPUS_TEST_SCRATCH", "OCTOPUS_TEST_MASTER_KEY"} <= set(os.environ):
        pytest.skip("OCTOPUS_TEST_SCRATCH names no database that may be written, or its master key is not there")
    scratch, key = os.environ["OCTOPUS_TEST_SCRATCH"], Secret(os.environ["OCTOPUS_TEST_MASTER_KEY"])
    password, undo = Secret("of this test"), tmp_path / "undo.json"
    for name in ("before", "edited"):
        export(scratch, tmp_path / name, ExportOptions(password=password, master_key=key))
    edited = 0
    for path in (tmp_path / "edited" / "Lifecycles").rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub('"Description": (null|".*?")', '"Description": "edited"', text), encoding="utf-8")
        edited += path.read_text(encoding="utf-8") != text
    assert edited
    options = ImportOptions(password=password, master_key=key, overwrite=True, force=True)
    import_tree(scratch, FolderFiles(tmp_path / "edited"), options, precautions=Precautions(undo=undo))
    undo_import(scratch, undo.read_bytes(), options)
    export(scratch, tmp_path / "after", ExportOptions(password=password, master_key=key))
    assert contents(tmp_path / "before") == contents(tmp_path / "after")


def test_the_driver_is_named(address: str) -> None:
    """
    The driver of the address is one that the machine has, or the package's.
    """
    driver = choose(parse_address(address))
    assert driver is not None
    assert not driver.is_missing(odbc_drivers() or [])
