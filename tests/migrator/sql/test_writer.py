"""
Rows that an import writes, in a real file: ids, what a table demands, and who counts rowversions.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.sql.target import Target, open_target
from migrator.sql.writer import ROWS, Writer, Written
from tests.support.imports import Server, empty_server

NOW = datetime.datetime(2026, 5, 13, 12, tzinfo=datetime.UTC)
GUID = uuid.UUID(int=7)


def without_triggers(server: Server) -> Server:
    """
    Make a file in which nobody counts, as one that was copied table by table.
    """
    for (name,) in server.run("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        server.run(f'DROP TRIGGER "{name}"')
    return server


@pytest.fixture
def plain(target: Server) -> Iterator[Target]:
    with open_target(without_triggers(target).address, None) as opened:
        yield opened


def writer(target: Target) -> Writer:
    return Writer(target, lambda: NOW, lambda: GUID)


def lifecycle(number: int) -> Written:
    return Written(f"Lifecycles-{number}", {"Id": f"Lifecycles-{number}", "Name": f"L{number}", "Phases": []})


def stamps(target: Target, table: str) -> list[bytes]:
    rows = target.connection.exec_driver_sql(f'SELECT DataVersion FROM "{table}" ORDER BY length(Id), Id')
    return [row[0] for row in rows]


def test_rowversions_are_counted_on_where_nobody_counts(plain: Target) -> None:
    """
    Without triggers each written row gets the next rowversion of the whole file: eight bytes, big end first, as the
    server's own, so that they sort by age; an update gets a new one.
    """
    plain.connection.exec_driver_sql(
        "INSERT INTO Machine SELECT 'Machines-1', 'M', 0, '', '', '{}', NULL, NULL, NULL, NULL, NULL, '', "
        "x'00000000000000FE'"
    )
    out = writer(plain)

    out.insert("Lifecycle", [lifecycle(1), lifecycle(2)])
    assert stamps(plain, "Lifecycle") == [bytes.fromhex("00000000000000ff"), bytes.fromhex("0000000000000100")]
    out.update("Lifecycle", lifecycle(1))
    assert stamps(plain, "Lifecycle") == [bytes.fromhex("0000000000000101"), bytes.fromhex("0000000000000100")]
    assert stamps(plain, "Machine") == [bytes.fromhex("00000000000000fe")]


def test_the_first_rowversion_of_an_empty_file(plain: Target) -> None:
    """
    Where no row has a rowversion yet, counting begins with one.
    """
    writer(plain).insert("Lifecycle", [lifecycle(1)])
    assert stamps(plain, "Lifecycle") == [(1).to_bytes(8, "big")]


def test_rowversions_are_left_to_who_counts_them(target: Server) -> None:
    """
    Where triggers count, nothing is written into the column, in an insert or an update.
    """
    with open_target(target.address, None) as opened:
        out = writer(opened)
        out.insert("Lifecycle", [lifecycle(1)])
        (first,) = stamps(opened, "Lifecycle")
        out.update("Lifecycle", lifecycle(1))
        (second,) = stamps(opened, "Lifecycle")
    assert (2001).to_bytes(8, "big") == first
    assert second == (2002).to_bytes(8, "big")


def test_what_a_table_demands_is_given(target: Server) -> None:
    """
    A column that must have a value and that no document names gets an empty one of its kind; one that may be empty,
    or has a default, is left to the database.
    """
    target.run("DROP TABLE User")
    target.run(
        """CREATE TABLE "User" ("Id" TEXT NOT NULL PRIMARY KEY, "Username" TEXT NOT NULL, "IsActive" INTEGER NOT NULL,
        "IdentificationToken" TEXT NOT NULL, "JSON" TEXT NOT NULL, "Created" TEXT NOT NULL,
        "Rights" NUMERIC NOT NULL, "Picture" BLOB NOT NULL, "Note" TEXT NOT NULL, "Free" TEXT,
        "Kind" TEXT NOT NULL DEFAULT 'person')"""
    )
    with open_target(target.address, None) as opened:
        writer(opened).insert("User", [Written("Users-1", {"Id": "Users-1", "Username": "ann", "Free": None})])
        (row,) = opened.connection.exec_driver_sql('SELECT * FROM "User"').mappings()
    then = "2026-05-13T12:00:00.000+00:00"
    assert dict(row) == {
        "Id": "Users-1",
        "Username": "ann",
        "JSON": "{}",
        "Free": None,
        "Kind": "person",
        "IsActive": 0,
        "IdentificationToken": str(GUID),
        "Created": then,
        "Rights": 0,
        "Picture": b"",
        "Note": "",
    }


def test_an_update_empties_what_the_document_empties(plain: Target) -> None:
    """
    A property that is null becomes NULL; a column that the document does not name stays as it is.
    """
    out = writer(plain)
    machine = {"Id": "Machines-1", "Name": "web", "Thumbprint": "AB", "Fingerprint": "CD", "Roles": [], "TenantIds": []}
    out.insert("Machine", [Written("Machines-1", machine | {"IsDisabled": False, "EnvironmentIds": []})])
    out.update("Machine", Written("Machines-1", {"Id": "Machines-1", "Name": "web", "Thumbprint": None}))
    (row,) = plain.connection.exec_driver_sql("SELECT Thumbprint, Fingerprint FROM Machine").all()
    assert tuple(row) == (None, "CD")


@pytest.mark.parametrize(("blob", "kept"), [(None, "JSON"), (False, "JSON"), (True, "JSONBlob")])
def test_a_body_goes_where_it_is_told(tmp_path: Path, blob: bool | None, kept: str) -> None:
    """
    In a table with both kinds of body a new document's is text, unless the row that it replaces was compressed.
    """
    server = empty_server(tmp_path, spaces=True)
    body = {"Id": "variableset-Projects-1", "OwnerId": "Projects-1", "Version": 0, "IsFrozen": False, "Variables": []}
    with open_target(server.address, None) as opened:
        item = Written(body["Id"], body) if blob is None else Written(body["Id"], body, blob)
        writer(opened).insert("VariableSet", [item])
        (row,) = opened.connection.exec_driver_sql("SELECT JSON, JSONBlob FROM VariableSet").mappings()
    assert {name for name, value in row.items() if value is not None} == {kept}


def test_more_rows_than_fit_into_one_statement(plain: Target) -> None:
    """
    Rows go in batches, and every one of them arrives once.
    """
    writer(plain).insert("Lifecycle", [lifecycle(number) for number in range(2 * ROWS + 1)])
    count = plain.connection.exec_driver_sql("SELECT count(*), count(DISTINCT DataVersion) FROM Lifecycle").one()
    assert tuple(count) == (2 * ROWS + 1, 2 * ROWS + 1)


def test_new_ids_are_reserved_as_the_server_does(plain: Target) -> None:
    """
    A block of the table's counter is taken, a counter that lags behind rows is gone past, and none is given twice.
    """
    out = writer(plain)
    out.insert("Lifecycle", [lifecycle(2), lifecycle(3)])
    assert out.reserve("Lifecycle", "Lifecycles-", 3) == ["Lifecycles-1", "Lifecycles-4", "Lifecycles-5"]
    assert out.reserve("Lifecycle", "Lifecycles-", 1) == ["Lifecycles-6"]
    assert out.reserve("Lifecycle", "Lifecycles-", 0) == []
    counter = plain.connection.exec_driver_sql("SELECT Allocated FROM KeyAllocation WHERE CollectionName = 'Lifecycle'")
    assert counter.scalar() == 6


def test_edges_are_those_of_the_document(plain: Target) -> None:
    """
    A document's edges replace those it had; another document's stay.
    """
    out = writer(plain)
    out.insert("Lifecycle", [lifecycle(1), lifecycle(2)])
    out.relate("Lifecycle", {"Lifecycles-1": [("Environments-1", "DeploymentEnvironment")]}, [])
    out.relate("Lifecycle", {"Lifecycles-2": [("Environments-1", "DeploymentEnvironment")]}, [])
    out.relate("Lifecycle", {"Lifecycles-1": [("Environments-2", "DeploymentEnvironment")]}, ["Lifecycles-1"])
    rows = plain.connection.exec_driver_sql('SELECT Id, "Table", RelatedDocumentId FROM RelatedDocument ORDER BY 1')
    assert [tuple(row) for row in rows] == [
        ("Lifecycles-1", "Lifecycle", "Environments-2"),
        ("Lifecycles-2", "Lifecycle", "Environments-1"),
    ]


def test_the_audit_event_gets_an_id_of_its_own(plain: Target) -> None:
    """
    An event is written with the columns that the table has, under an id that no event has yet.
    """
    out = writer(plain)
    for _ in range(2):
        out.record({"Category": "Modified", "Message": "imported", "Unheard": "of", "userid": "users-system"})
    rows = plain.connection.exec_driver_sql("SELECT Id, Category, UserId, Occurred FROM Event ORDER BY Id").all()
    assert [tuple(row) for row in rows] == [
        (f"Events-{number}", "Modified", "users-system", "2026-05-13T12:00:00.000+00:00") for number in (1, 2)
    ]


def test_a_file_without_events_records_none(tmp_path: Path) -> None:
    """
    An older server without the table is written to all the same.
    """
    server = without_triggers(empty_server(tmp_path))
    server.run("DROP TABLE Event")
    with open_target(server.address, None) as opened:
        writer(opened).record({"Category": "Modified"})
