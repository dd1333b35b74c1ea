"""
The embedded database: its tables, its sample content, the edits, and the rules that all of them keep.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.demo.content.server import fill
from auditor.demo.edits import EDITS, apply_edits, random_edit
from auditor.demo.rows import table_of
from auditor.demo.schema import create_database, delete, insert, read, table_definitions, update
from migrator.secrets.ciphers import MasterKeyCipher, is_ciphertext

KEY = bytes(range(16))
CIPHERTEXT = re.compile(r"[A-Za-z0-9+/]+=*\|[A-Za-z0-9+/]{22}==")


@pytest.fixture(scope="module", params=["2018.8", "spaces", "2026.1"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("demo") / "server.db"
    fill(path, KEY, request.param == "spaces", newest=request.param == "2026.1")
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


def tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return [row[0] for row in rows]


def rows(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')]


def body(row: dict[str, Any]) -> str:
    if row.get("JSONBlob") is not None:
        return gzip.decompress(row["JSONBlob"]).decode("utf-16-le")
    return row.get("JSON") or ""


def all_texts(connection: sqlite3.Connection) -> Iterator[str]:
    for table in tables(connection):
        for row in rows(connection, table):
            yield body(row)
            yield from (value for value in row.values() if isinstance(value, str))


def test_every_table_of_the_schema_is_there_and_filled(filled: sqlite3.Connection) -> None:
    """
    All 49 tables exist with the schema's columns in order, and each holds something.
    """
    found = set(tables(filled))
    expected = table_definitions("Space" in found, newest="ProjectLibraryVariableSet" in found)
    assert len(table_definitions()) == 49
    assert found == set(expected)
    for table, definition in expected.items():
        names = [row[1] for row in filled.execute(f'PRAGMA table_info("{table}")')]
        assert names == [column["name"] for column in definition["columns"]], table
        assert rows(filled, table), f"{table} is empty"


def test_json_repeats_no_column(filled: sqlite3.Connection) -> None:
    """
    A property that has a column does not stand in the body as well.
    """
    for table in tables(filled):
        for row in rows(filled, table):
            if body(row):
                assert not json.loads(body(row)).keys() & row.keys(), (table, row["Id"])


def test_exactly_one_body(filled: sqlite3.Connection) -> None:
    """
    Where a table has both body columns, exactly one is filled; both kinds occur.
    """
    if "Space" not in tables(filled):
        return
    kinds = {(row["JSON"] is None, row["JSONBlob"] is None) for row in rows(filled, "VariableSet")}
    assert kinds == {(True, False), (False, True)}


def test_rowversions_are_eight_bytes_and_distinct(filled: sqlite3.Connection) -> None:
    """
    Each rowversion is eight bytes and occurs once in the whole database.
    """
    stamps = [row["DataVersion"] for table in tables(filled) for row in rows(filled, table) if "DataVersion" in row]
    assert {len(stamp) for stamp in stamps} == {8}
    assert len(set(stamps)) == len(stamps)


def test_every_secret_opens_and_stands_nowhere_in_clear(filled: sqlite3.Connection) -> None:
    """
    Whatever has the shape of a stored secret opens under the key, and its plaintext occurs nowhere else.
    """
    cipher = MasterKeyCipher(KEY)
    text = "\n".join(all_texts(filled))
    sealed = {found for found in CIPHERTEXT.findall(text) if is_ciphertext(found)}
    assert len(sealed) > 100
    for plain in {cipher.open(found) for found in sealed}:
        assert len(plain) >= 12
        assert plain not in text


def test_every_sensitive_place_holds_ciphertext(filled: sqlite3.Connection) -> None:
    """
    No sensitive variable and no SensitiveValue holds anything but ciphertext.
    """
    for table in tables(filled):
        for row in rows(filled, table):
            for found in re.findall(r'"SensitiveValue":"([^"]*)"', body(row)):
                assert is_ciphertext(found), (table, row["Id"])
    for row in rows(filled, "VariableSet"):
        for variable in json.loads(body(row))["Variables"]:
            secret = variable.get("Type") == "Sensitive" or variable.get("IsSensitive", False)
            assert is_ciphertext(variable["Value"]) == secret, variable["Name"]


def test_server_certificate_is_the_key_test(filled: sqlite3.Connection) -> None:
    """
    The server's own certificate opens to the base64 text of a PFX file.
    """
    document = read(filled, "Configuration", "certificate-global")
    assert MasterKeyCipher(KEY).open(document["CertificateData"]).startswith("MII")


def test_references_in_columns_lead_somewhere(filled: sqlite3.Connection) -> None:
    """
    An id in a column names a document that exists.
    """
    known: set[str] = set()
    for table in tables(filled):
        known |= {str(row["Id"]).casefold() for row in rows(filled, table) if "Id" in row}
    for table in tables(filled):
        for row in rows(filled, table):
            for name, value in row.items():
                if name in ("Id", "JSON", "OwnerId") or not isinstance(value, str) or not name.endswith(("Id", "Ids")):
                    continue
                for id_ in filter(str.strip, value.split("|")):
                    assert table_of(id_) is None or id_.casefold() in known, (table, row, id_)


def test_two_fills_are_equal(tmp_path: Path) -> None:
    """
    The same key gives the same rows, ciphertext and rowversions included.
    """
    dumps = []
    for name in ("a.db", "b.db"):
        fill(tmp_path / name, KEY)
        apply_edits(tmp_path / name, KEY)
        random_edit(tmp_path / name, KEY, random.Random(5))
        connection = sqlite3.connect(tmp_path / name)
        dumps.append(list(connection.iterdump()))
        connection.close()
    assert dumps[0] == dumps[1]


def test_each_edit_writes_events_by_its_author(tmp_path: Path) -> None:
    """
    Edits add events, each found again by the id of its document, later than all before, by several people.
    """
    path = tmp_path / "server.db"
    fill(path, KEY)
    connection = sqlite3.connect(path)
    (last,) = connection.execute("SELECT max(AutoId) FROM Event").fetchone()
    assert len(apply_edits(path, KEY)) == len(EDITS)
    columns = "Id, RelatedDocumentIds, Username, Occurred"
    new = connection.execute(f"SELECT {columns} FROM Event WHERE AutoId > ? ORDER BY AutoId", [last])
    events = new.fetchall()
    assert len(events) == len(EDITS) + 2
    assert len({event[2] for event in events}) >= 4
    assert [event[3] for event in events] == sorted(event[3] for event in events)
    for id_, related, _, _ in events:
        index = connection.execute("SELECT RelatedDocumentId FROM EventRelatedDocument WHERE EventId = ?", [id_])
        assert [row[0] for row in index] == [part for part in related.split("|") if part.strip()]
    connection.close()


def test_random_edits_never_fail(tmp_path: Path) -> None:
    """
    A hundred random edits in a row all find something to change.
    """
    path = tmp_path / "server.db"
    fill(path, KEY)
    rng = random.Random(3)
    assert all(random_edit(path, KEY, rng) for _ in range(100))


def test_document_survives_the_row(tmp_path: Path) -> None:
    """
    What is inserted is what is read; an update bumps the rowversion, a delete takes the edges along.
    """
    path = tmp_path / "server.db"
    create_database(path, spaces=True)
    connection = sqlite3.connect(path)
    document = {
        "Id": "variableset-Projects-1",
        "OwnerId": "Projects-1",
        "Version": 1,
        "IsFrozen": False,
        "RelatedDocumentIds": ["Environments-1", "web"],
        "SpaceId": "Spaces-2",
        "Variables": [{"Name": "größer", "Value": None}],
    }
    for blob in (True, False):
        insert(connection, "VariableSet", document, blob=blob)
        assert read(connection, "VariableSet", document["Id"]) == document
        assert connection.execute("SELECT RelatedDocumentTable FROM RelatedDocument").fetchall() == [
            ("DeploymentEnvironment",)
        ]
        delete(connection, "VariableSet", document["Id"])
        assert connection.execute("SELECT * FROM RelatedDocument").fetchall() == []
    group = {"Id": "ProjectGroups-21", "Name": "g"}
    insert(connection, "ProjectGroup", group)
    stamps = []
    for name in ("h", "h"):
        update(connection, "ProjectGroup", group | {"Name": name})
        stamps += connection.execute("SELECT DataVersion FROM ProjectGroup").fetchone()
    assert stamps[0] < stamps[1]
    assert connection.execute("SELECT * FROM KeyAllocation").fetchall() == [("ProjectGroup", 40)]
    connection.close()


def test_names_match_without_case_and_missing_rows_are_told(tmp_path: Path) -> None:
    """
    Text columns compare without case, so a name that differs in case only is taken; absent rows raise KeyError.
    """
    create_database(tmp_path / "server.db")
    connection = sqlite3.connect(tmp_path / "server.db")
    insert(connection, "ProjectGroup", {"Id": "ProjectGroups-1", "Name": "Shop"})
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "ProjectGroup", {"Id": "ProjectGroups-2", "Name": "SHOP"})
    for missing in (
        lambda: read(connection, "ProjectGroup", "ProjectGroups-9"),
        lambda: delete(connection, "ProjectGroup", "ProjectGroups-9"),
        lambda: update(connection, "ProjectGroup", {"Id": "ProjectGroups-9", "Name": "x"}),
    ):
        with pytest.raises(KeyError):
            missing()
    connection.close()


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    """
    Filling never touches a file that is there.
    """
    (tmp_path / "server.db").write_text("mine")
    with pytest.raises(FileExistsError):
        fill(tmp_path / "server.db", KEY)
    assert (tmp_path / "server.db").read_text() == "mine"
