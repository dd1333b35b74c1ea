"""
Tables that nobody has facts about: none is lost in silence, whatever it is called and whatever is in it.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrator.export.read import look_at, probe
from migrator.exporter import Octopus, export, partial_export
from migrator.report import Report
from migrator.secrets.sealing import SecretsMode
from migrator.selection.request import Selection
from migrator.sql.tables import TableRules
from tests.support.servers import CIPHER, PASSWORD, SampleServer, contents, document, migrator

OMIT: dict[str, Any] = {"secrets": SecretsMode.OMIT, "password": None, "master_key": None}
NAMES = (
    "../../../x",
    "/etc/passwd",
    "..",
    "a.b",
    'q"uote',
    "it's",
    "line\nbreak",
    "{dir}",
    "a/b",
    "CON",
    " ",
    "ß",
    "%s",
)


def make(server: SampleServer, *statements: str) -> None:
    with server.connection() as connection:
        for statement in statements:
            connection.execute(statement)


def exported(server: SampleServer, folder: Path, **changes: Any) -> Report:
    return export(server.address, folder, server.options(**(OMIT | changes)))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_a_row_is_told_by_its_id_its_key_or_not_at_all(empty_server: SampleServer, tmp_path: Path) -> None:
    """
    An Id comes first, then the primary key of any number of columns; rows without either are one file, in an order of
    their own.
    """
    make(
        empty_server,
        "CREATE TABLE ByNumber (Id INTEGER PRIMARY KEY, V TEXT)",
        "INSERT INTO ByNumber VALUES (17, 'a'), (0, 'b')",
        "CREATE TABLE Joined (ProjectId TEXT, SetId TEXT, PRIMARY KEY (SetId, ProjectId)) WITHOUT ROWID",
        "INSERT INTO Joined VALUES ('Projects-1', 'Sets 1'), ('Projects-1', 'Sets-2')",
        "CREATE TABLE Five (A, B, C, D, E, V, PRIMARY KEY (A, B, C, D, E))",
        "INSERT INTO Five VALUES (1, 'x', 2.5, x'00ff', '', 'five')",
        "CREATE TABLE Bag (V TEXT, N REAL)",
        "INSERT INTO Bag VALUES ('b', 1.5), ('a', 9e999), ('b', 1.5), (NULL, NULL)",
    )
    exported(empty_server, tmp_path / "out")
    tree = {path: json.loads(content) for path, content in contents(tmp_path / "out/Tables").items()}
    assert tree["ByNumber/17.json"] == {"Id": 17, "V": "a"}
    assert tree["ByNumber/0.json"] == {"Id": 0, "V": "b"}
    joined = [body for path, body in tree.items() if path.startswith("Joined/")]
    assert sorted(body["SetId"] for body in joined) == ["Sets 1", "Sets-2"]
    assert tree["Joined/Sets-2 Projects-1.json"]["Id"] == "Sets-2 Projects-1"
    (five,) = [body for path, body in tree.items() if path.startswith("Five/")]
    assert (five["A"], five["D"], five["V"]) == (1, "00ff", "five")
    assert tree["Bag/Bag.json"] == {
        "Id": "Bag",
        "Rows": [{"V": "a", "N": "inf"}, {"V": "b", "N": 1.5}, {"V": "b", "N": 1.5}, {"V": None, "N": None}],
    }


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("Id TEXT, V TEXT", "('a', '1'), ('a', '2')"),
        ("Id TEXT, V TEXT", "('a', '1'), ('A', '2')"),
        ("Id TEXT, V TEXT", "(NULL, '1'), ('a', '2')"),
        ("K TEXT PRIMARY KEY, V TEXT", "('a', '1'), ('A', '2')"),
        ("K TEXT PRIMARY KEY, V TEXT", "(NULL, '1'), (NULL, '2')"),
    ],
)
def test_what_does_not_tell_rows_apart_is_not_gone_by(
    empty_server: SampleServer, tmp_path: Path, columns: str, rows: str
) -> None:
    """
    Values that are missing, or the same on some file system, would lose a row: the table is one file then.
    """
    make(empty_server, f"CREATE TABLE Twice ({columns})", f"INSERT INTO Twice VALUES {rows}")
    exported(empty_server, tmp_path / "out")
    assert sorted(item["V"] for item in document(tmp_path / "out", "Tables/Twice/Twice.json")["Rows"]) == ["1", "2"]


def test_no_name_of_a_table_leads_out_of_its_folder(empty_server: SampleServer, tmp_path: Path) -> None:
    """
    Whatever a table is called, its rows stand in a folder of its own below Tables, and nothing is written elsewhere.
    """
    for number, name in enumerate(NAMES):
        make(empty_server, f"CREATE TABLE {quoted(name)} (Id TEXT, V INTEGER)")
        make(empty_server, f"INSERT INTO {quoted(name)} VALUES ('../r', {number})")
    exported(empty_server, tmp_path / "deep/out")
    found = [path for path, content in contents(tmp_path).items() if b'"V"' in content and path.endswith(".json")]
    assert all(path.startswith("deep/out/Tables/") and path.count("/") == 4 for path in found)
    assert sorted(document(tmp_path, path)["V"] for path in found) == list(range(len(NAMES)))


def test_bookkeeping_is_left_out_and_counted(empty_server: SampleServer, tmp_path: Path) -> None:
    """
    Tables that the server rewrites by itself are left out by name, each with the reason, in the report.
    """
    make(
        empty_server,
        "CREATE TABLE WorkerLease (Id TEXT, JSON TEXT)",
        "CREATE TABLE ProjectReadModel (Id TEXT)",
        "CREATE TABLE ProvisionDynamicEnvironmentForProjectTask (Id TEXT)",
        *(f"INSERT INTO {name} (Id) VALUES ('x')" for name in ("WorkerLease", "ProjectReadModel")),
    )
    report = exported(empty_server, tmp_path / "out").as_json()["tables"]
    left = report["left_out"]
    assert {"WorkerLease", "ProjectReadModel", "ProvisionDynamicEnvironmentForProjectTask", "Mutex"} <= left.keys()
    assert all(left.values())
    assert (report["excluded"], report["unmapped"], report["unreadable"]) == (len(left), 0, 0)
    with empty_server.connection() as connection:
        tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        (total,) = connection.execute(tables).fetchone()
    assert report["mapped"] + report["excluded"] == total
    assert not (tmp_path / "out/Tables").exists()


def test_too_many_rows_are_a_limit_that_is_told(empty_server: SampleServer, tmp_path: Path) -> None:
    """
    A table without facts that is as large as a log is not read; the report says so, and what stood there stays.
    """
    limit = {"rules": TableRules(row_limit=3)}
    make(empty_server, "CREATE TABLE Log (Id INTEGER PRIMARY KEY)", "INSERT INTO Log VALUES (1), (2), (3)")
    exported(empty_server, tmp_path / "out", **limit)
    make(empty_server, "INSERT INTO Log VALUES (4)")
    report = exported(empty_server, tmp_path / "out", **limit)
    assert report.tables is not None
    assert "4 rows" in report.tables.unreadable["Log"]
    assert any("Log was not read" in item.message for item in report.warnings)
    assert len(contents(tmp_path / "out/Tables/Log")) == 3


def test_a_table_that_gives_an_error_does_not_stop_the_others(empty_server: SampleServer, tmp_path: Path) -> None:
    """
    A view of a table that is gone is left out; all else is exported, computed columns and bytes that are no text too.
    """
    make(
        empty_server,
        "CREATE TABLE Ghost (Id TEXT)",
        "CREATE VIEW Broken AS SELECT Id FROM Ghost",
        "DROP TABLE Ghost",
        "CREATE TABLE Sum (Id TEXT, A INTEGER, B AS (A + 1))",
        "INSERT INTO Sum (Id, A) VALUES ('one', 1)",
        "CREATE TABLE Wrong (Id TEXT)",
        "INSERT INTO Wrong VALUES (CAST(x'ff' AS TEXT))",
    )
    report = exported(empty_server, tmp_path / "out")
    assert document(tmp_path / "out", "Tables/Sum/one.json") == {"Id": "one", "A": 1, "B": 2}
    assert report.tables is not None
    assert report.tables.unreadable == {}
    assert list(contents(tmp_path / "out/Tables/Wrong").values()) == [b'{\n  "Id": "\\udcff"\n}\n']


@pytest.mark.parametrize("text", ["[1, 2]", "no json", "5", '"x"', "{"])
def test_a_column_called_json_may_hold_anything(empty_server: SampleServer, tmp_path: Path, text: str) -> None:
    """
    In a table without facts a text that is no object is only a text; an object is merged as in any document.
    """
    make(empty_server, "CREATE TABLE Notes (Id TEXT, JSON TEXT)")
    empty_server.run("INSERT INTO Notes VALUES ('a', ?), ('b', '{\"X\": 1}')", text)
    assert not exported(empty_server, tmp_path / "out").incomplete
    assert document(tmp_path / "out", "Tables/Notes/a.json") == {"Id": "a", "JSON": text}
    assert document(tmp_path / "out", "Tables/Notes/b.json") == {"Id": "b", "X": 1}


def test_secrets_are_sealed_wherever_they_stand(empty_server: SampleServer, tmp_path: Path) -> None:
    """
    What opens under the master key is sealed in a row of its own and in one of many, in a column and in JSON.
    """
    make(
        empty_server, "CREATE TABLE Keyed (A TEXT, B TEXT, S TEXT, PRIMARY KEY (A, B))", "CREATE TABLE Bag (JSON TEXT)"
    )
    empty_server.run("INSERT INTO Keyed VALUES ('a', 'b', ?)", CIPHER.seal("first plain secret"))
    empty_server.run("INSERT INTO Bag VALUES (?)", json.dumps({"S": CIPHER.seal("second plain secret")}))
    export(empty_server.address, tmp_path / "out", empty_server.options())
    assert list(document(tmp_path / "out", "Tables/Keyed/a b.json")["S"]) == ["$secret"]
    assert list(document(tmp_path / "out", "Tables/Bag/Bag.json")["Rows"][0]["S"]) == ["$secret"]


def test_an_import_tells_of_them_and_goes_on(empty_server: SampleServer, tmp_path: Path) -> None:
    """
    Rows of such tables are not written to another server, and nothing else is refused because of them.
    """
    make(empty_server, "CREATE TABLE Gadget (Id TEXT, V TEXT)", "INSERT INTO Gadget VALUES ('Gadgets-1', 'x')")
    export(empty_server.address, tmp_path / "out", empty_server.options())
    told = migrator("import", "--directory", str(tmp_path / "out"), "--database", empty_server.address, "--dry-run")
    assert told.returncode == 0, told.stderr
    assert "Tables/Gadget: 1 file of a table that this program has no facts about" in told.stderr
    assert PASSWORD not in told.stderr


def test_the_original_form_and_a_part_take_them_in_their_stride(server: SampleServer, tmp_path: Path) -> None:
    """
    The original tool's form has them too; chosen projects need none of them, and nothing is said.
    """
    make(server, "CREATE TABLE Keyed (A TEXT PRIMARY KEY, S TEXT)", "INSERT INTO Keyed VALUES ('a', 's')")
    export(server.address, tmp_path / "octopus", server.options(), form=Octopus)
    assert document(tmp_path / "octopus", "Tables/Keyed/a.json")["S"] == "s"
    report = partial_export(server.address, tmp_path / "part", Selection(("Web Shop",)), server.options())
    assert not (tmp_path / "part/Tables").exists()
    assert not any("Keyed" in item.message for item in report.warnings)


def test_a_view_stands_for_the_table_of_its_name(server: SampleServer, tmp_path: Path) -> None:
    """
    Where a known type's name is a view, it is read as its table was; other views are not.
    """
    exported(server, tmp_path / "before")
    make(
        server,
        "ALTER TABLE Lifecycle RENAME TO Mutex2ReadModel",
        "CREATE VIEW Lifecycle AS SELECT * FROM Mutex2ReadModel",
        "CREATE VIEW Overview AS SELECT * FROM Project",
    )
    report = exported(server, tmp_path / "after")
    assert contents(tmp_path / "before") == contents(tmp_path / "after")
    assert report.tables is not None
    assert "Overview" not in {*report.tables.unmapped, *report.tables.excluded}


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("Id TEXT, V TEXT", "'a', 'one'"),
        ("A TEXT, B INTEGER, V TEXT, PRIMARY KEY (A, B)", "'a', 1, 'one'"),
        ("V TEXT", "'one'"),
        ("V TEXT, JSON BLOB", "'one', x'ff'"),
    ],
)
def test_a_change_during_a_read_is_noticed_in_them_too(empty_server: SampleServer, table: str, row: str) -> None:
    """
    The sign that proves a read to be one state covers tables of any shape, and is the same where nothing moved.
    """
    make(empty_server, f"CREATE TABLE Some ({table})", f"INSERT INTO Some VALUES ({row})")
    with closing(look_at(empty_server.address)) as server:
        before = probe(server, thorough=True)
        assert probe(server, thorough=True) == before
        empty_server.run("UPDATE Some SET V = 'two'")
        after = probe(server, thorough=True)
    assert {name for name in after if after[name] != before[name]} == {"Some"}


def test_what_is_too_large_to_export_is_not_read_for_a_sign(empty_server: SampleServer) -> None:
    """
    Of a table above the limit only the rows are counted.
    """
    make(empty_server, "CREATE TABLE Log (V TEXT)", "INSERT INTO Log VALUES ('a'), ('b')")
    with closing(look_at(empty_server.address, rules=TableRules(row_limit=1))) as server:
        before = probe(server, thorough=True)["Log"]
        empty_server.run("UPDATE Log SET V = 'c'")
        assert probe(server, thorough=True)["Log"] == before == "2"
        empty_server.run("INSERT INTO Log VALUES ('d')")
        assert probe(server, thorough=True)["Log"] == "3"
