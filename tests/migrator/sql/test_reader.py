"""
Reading: the statements SQL Server gets, the structure that is found, and rows as plain values.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.dialects import mssql

from migrator.errors import DatabaseError
from migrator.export.read import look_at, read_rows
from migrator.export.spool import Spool
from migrator.maps import REGISTRY
from migrator.sql import reader as reading
from migrator.sql.catalogue import Catalogue, kind_of
from migrator.sql.engine import open_engine, read_connection
from migrator.sql.reader import Reader
from migrator.sql.rows import Declared, Table, to_body
from migrator.sql.server_facts import read_facts
from migrator.sql.tables import Schema, reflect
from tests.support.servers import SampleServer

GUID = "0d5c8a5e-2b8f-4d51-9c0e-7f6f1b1f0a77"


def compiled(table: Table, **options: Any) -> str:
    schema = Schema((table,), (), Catalogue((), True))
    statement = Reader(SimpleNamespace(), schema).statement(table, **options)  # type: ignore[arg-type]
    return " ".join(str(statement.compile(dialect=mssql.dialect())).split())


def table(name: str, *columns: str, **declared: Declared) -> Table:
    return Table(name, columns, REGISTRY[name], {column.lower(): kind for column, kind in declared.items()})


def test_names_are_quoted() -> None:
    """
    Every identifier stands in brackets, reserved words such as User included.
    """
    assert compiled(table("User", "Id", "Username", "JSON")) == "SELECT [Id], [Username], [JSON] FROM [User]"
    assert compiled(table("Odd]Name", "Id", "JSON")) == "SELECT [Id], [JSON] FROM [Odd]]Name]"


def test_frozen_rows_are_left_out_by_the_server() -> None:
    """
    Snapshots of releases are not even read, unless they are asked for; the value is a parameter.
    """
    sets = table("VariableSet", "Id", "IsFrozen", "JSON")
    text, _, condition = compiled(sets).partition(" WHERE ")
    assert text == "SELECT [Id], [IsFrozen], [JSON] FROM [VariableSet]"
    assert condition == "[IsFrozen] = :IsFrozen_1"
    assert "WHERE" not in compiled(sets, live_only=False)


def test_the_structure_takes_one_connection(server: SampleServer) -> None:
    """
    All tables are looked at over one connection: over a network each costs as much as many statements.
    """
    engine = open_engine(server.address)
    opened: list[object] = []
    event.listen(engine, "connect", lambda connection, record: opened.append(connection))
    assert len(reflect(engine).tables) > 20
    assert len(opened) == 1


def test_times_come_as_text() -> None:
    """
    A datetimeoffset is converted by the server, in the style that keeps all seven digits.
    """
    text = compiled(table("ApiKey", "Id", "Created", Created=Declared.INSTANT))
    assert text == "SELECT [Id], convert(nvarchar(40), [Created], 121) AS [Created] FROM [ApiKey]"


def test_values_are_never_part_of_a_statement() -> None:
    """
    Keys to look for travel as parameters.
    """
    project = table("Project", "Id", "Name")
    schema = Schema((project,), (), Catalogue((), True))
    seen: list[Any] = []

    def execute(statement: Any) -> list[Any]:
        seen.append(statement.compile(dialect=mssql.dialect()))
        return []

    connection = SimpleNamespace(execute=execute)
    ids = [f"Projects-{number}'; DROP TABLE x" for number in range(501)]
    assert list(Reader(connection, schema).by_key(project, "Id", ids)) == []  # type: ignore[arg-type]
    assert len(seen) == 2
    assert all("DROP" not in str(statement) for statement in seen)
    assert [len(next(iter(statement.params.values()))) for statement in seen] == [500, 1]


@pytest.mark.parametrize(
    ("kind", "value", "plain"),
    [
        (Declared.GUID, uuid.UUID(GUID), GUID),
        (Declared.GUID, uuid.UUID(GUID).bytes_le, GUID),
        (Declared.GUID, GUID.upper(), GUID),
        (Declared.DATE, datetime.date(2018, 8, 1), "2018-08-01"),
        (Declared.DATE, datetime.time(10, 0, 0, 500000), "10:00:00.500000"),
        (Declared.DECIMAL, decimal.Decimal("5"), 5),
        (Declared.DECIMAL, decimal.Decimal("5.50"), "5.50"),
    ],
)
def test_drivers_values_become_plain(kind: Declared, value: Any, plain: Any) -> None:
    """
    Whatever a driver returns, the same value gives the same text.
    """
    source = table("Sample", "Id", "Value", Value=kind)
    convert = reading._converter(source)
    assert convert is not None
    for given, wanted in ((value, plain), (None, None)):
        row = convert(("x", given))
        assert to_body(source, row, "") == {"Id": "x", "Value": wanted}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("datetimeoffset", Declared.INSTANT),
        ("datetime2", Declared.INSTANT),
        ("uniqueidentifier", Declared.GUID),
        ("date", Declared.DATE),
        ("DECIMAL(10, 2)", Declared.DECIMAL),
        ("nvarchar", Declared.TEXT),
        ("float", Declared.FLOAT),
        ("varbinary", Declared.BINARY),
        ("timestamp", Declared.ROWVERSION),
        ("bit", Declared.FLAG),
        ("bigint", Declared.INTEGER),
        ("hierarchyid", Declared.OBJECT),
        ("time", Declared.TIME),
        ("xml", Declared.MARKUP),
        ("sql_variant", Declared.VARIANT),
        ("sysname", Declared.TEXT),
    ],
)
def test_declared_types_have_a_kind(name: str, kind: Declared) -> None:
    """
    Each type that a column may be declared with is read, and bound, as one kind.
    """
    assert kind_of(name) is kind


@pytest.fixture
def engine(server: SampleServer) -> Engine:
    return open_engine(server.address)


def test_rowversions_and_excluded_tables_are_not_read(engine: Engine) -> None:
    """
    A rowversion changes with every import and is no content; bookkeeping tables are not looked at.
    """
    schema = reflect(engine)
    assert all("dataversion" not in {name.lower() for name in item.columns} for item in schema.tables)
    assert not any(REGISTRY.is_excluded(item.name) for item in schema.tables)
    assert schema.find("PROJECT") is schema.find("Project")
    assert schema.find("Event") is None
    assert reflect(engine, history=True).find("Event") is not None


def test_every_live_row_is_read_once(engine: Engine, server: SampleServer) -> None:
    """
    The rows in batches are exactly those that the database counts.
    """
    schema = reflect(engine)
    with read_connection(engine) as connection:
        reader = Reader(connection, schema)
        for source in schema.tables:
            rows = [row for batch in reader.batches(source) for row in batch]
            assert [len(rows)] == reader.counts([source]) == [len({row[source.id_position] for row in rows})]
        frozen = schema.find("VariableSet")
        assert frozen is not None
        assert reader.counts([frozen], live_only=False) > reader.counts([frozen])


def test_reading_never_writes(engine: Engine) -> None:
    """
    The embedded database is opened read-only: a write fails whatever the code tries.
    """
    with pytest.raises(DatabaseError), read_connection(engine) as connection:
        connection.exec_driver_sql("DELETE FROM Project")


def test_a_spool_gives_back_what_it_got(server: SampleServer, tmp_path: Path) -> None:
    """
    Every row comes back from the private file as it was read, with the head it belongs to.
    """
    looked = look_at(server.address)
    with Spool(tmp_path) as spool:
        read_rows(looked, spool)
        for position, item in enumerate(spool.tables):
            expected = server.run(
                f'SELECT {", ".join(item.table.columns)} FROM "{item.table.name}"'
                + (" WHERE IsFrozen = 0" if item.table.position("IsFrozen") is not None else "")
            )
            found = [(head[0], Spool.unpack(packed)) for _, head, packed in spool.rows(position)]
            assert [row for _, row in found] == expected
            assert [head for head, _ in found] == [row[item.table.id_position] for row in expected]
        assert list(tmp_path.iterdir()) == [server.path]


def test_a_row_that_cannot_be_spooled_is_no_silent_loss(tmp_path: Path) -> None:
    """
    A value of a kind that nobody foresaw stops the export instead of leaving its row out.
    """
    with Spool(tmp_path) as spool:
        spool.begin(table("Lifecycle", "Id", "Name", "JSON"))
        with pytest.raises(ValueError, match="unmarshallable"):
            spool.add([("Lifecycles-1", object(), "{}")])


@pytest.mark.parametrize("last", ["text", "lone \ud800", b"\x00\xff", None, 5, ""])
def test_rows_of_every_kind_survive_the_spool(last: Any, tmp_path: Path) -> None:
    """
    Text, also with lone surrogates, bytes, numbers and nothing at all come back as they were, in one batch.
    """
    rows = [("a", "n", last), ("b", None, "x"), ("c", 2**70, b"y")]
    with Spool(tmp_path) as spool:
        spool.begin(table("Lifecycle", "Id", "Name", "JSON"))
        spool.add(rows)
        assert [Spool.unpack(packed) for _, _, packed in spool.rows(0)] == rows


def test_only_wanted_rows_come(tmp_path: Path) -> None:
    """
    With a flag for each row those come that are wanted, at their positions, however they were handed over.
    """
    rows = [(str(number), None, f"body {number}") for number in range(20)]
    with Spool(tmp_path) as spool:
        spool.begin(table("Lifecycle", "Id", "Name", "JSON"))
        for start in range(0, 20, 4):
            spool.add(rows[start : start + 4])
        for wanted in ({3}, {0, 19}, {4, 5, 6, 7}, set(range(20)), set[int]()):
            flags = bytearray(number in wanted for number in range(20))
            found = {index: Spool.unpack(packed) for index, _, packed in spool.rows(0, flags)}
            assert found == {number: rows[number] for number in wanted}


def test_the_hash_of_a_table_tells_every_difference(tmp_path: Path) -> None:
    """
    Tables have one hash only if the same rows came in the same order, however they were handed over.
    """
    rows = [("a", "n", "text"), ("b", None, ""), ("c", "", None)]
    others: list[list[Any]] = [
        [],
        rows[:2],
        [*rows, rows[0]],
        list(reversed(rows)),
        [("a", "n", b"text"), *rows[1:]],
        [("a", "n", "tex"), ("b", None, "t"), rows[2]],
        [rows[0], ("b", "", ""), rows[2]],
        [*rows[:2], ("c", "", "")],
    ]

    def digest(batch: list[Any], *columns: str) -> bytes:
        with Spool(tmp_path) as spool:
            spool.begin(table("Lifecycle", *columns))
            spool.add(batch)
            spool.begin(table("Project", "Id"))
            return spool.digest(0)

    columns = ("Id", "Name", "JSON")
    digests = {digest(rows, *columns), digest(list(rows), *columns)}
    assert len(digests) == 1
    digests |= {digest(other, *columns) for other in others} | {digest(rows, "Id", "Title", "JSON")}
    assert len(digests) == len(others) + 2


def test_names_that_differ_in_case_are_noticed(server: SampleServer, tmp_path: Path) -> None:
    """
    A collation that tells case apart may hold two names that a file system would not; they are found in the rows.
    """

    def clashes() -> frozenset[tuple[str, str]]:
        with closing(look_at(server.address)) as looked, Spool(tmp_path) as spool:
            return read_rows(looked, spool).clashes

    assert clashes() == frozenset()
    server.run("CREATE TABLE Copy AS SELECT * FROM Lifecycle")
    server.run("DROP TABLE Lifecycle")
    server.run("ALTER TABLE Copy RENAME TO Lifecycle")
    server.run("UPDATE Lifecycle SET Name = CASE Id WHEN 'Lifecycles-21' THEN 'SLÖW' ELSE 'Slöw' || Id END")
    server.run("INSERT INTO Lifecycle (Id, Name, JSON) VALUES ('Lifecycles-99', 'slöw', '{}')")
    assert clashes() == {("Lifecycle", "slöw")}


def test_identity_is_stable(server: SampleServer, server_with_spaces: SampleServer) -> None:
    """
    The server's identity, from which the salt comes, survives an upgrade; another installation has another.
    """

    def facts(which: SampleServer) -> Any:
        engine = open_engine(which.address)
        with read_connection(engine) as connection:
            return read_facts(Reader(connection, reflect(engine)))

    before = facts(server)
    columns = [row[1] for row in server.run('PRAGMA table_info("OctopusServerInstallationHistory")')]
    (oldest,) = server.run('SELECT * FROM "OctopusServerInstallationHistory" ORDER BY Installed LIMIT 1')
    newer = dict(zip(columns, oldest, strict=True)) | {"Installed": "2030-01-01T00:00:00+00:00", "Version": "2030.1"}
    newer["Id"] = 999 if isinstance(newer["Id"], int) else "newer"
    server.run(
        f'INSERT INTO "OctopusServerInstallationHistory" ({", ".join(newer)}) VALUES ({", ".join("?" for _ in newer)})',
        *newer.values(),
    )
    after = facts(server)
    assert after.identity == before.identity
    assert after.version == "2030.1"
    assert "certificate" not in repr(before.name)
    server.run("UPDATE \"OctopusServerInstallationHistory\" SET Version = '1.0' WHERE Installed < '2029'")
    assert facts(server).identity != before.identity
