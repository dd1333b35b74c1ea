"""
Audits of tables that nobody has facts about: by rows as any other, told once, never taken for gone.
"""

from __future__ import annotations

import random

import pytest

from auditor.audit import RunOptions
from auditor.cli.once import summary
from migrator.export import read
from migrator.exporter import export
from tests.support.audits import Audited
from tests.support.servers import contents

TABLES = (
    "CREATE TABLE ByNumber (Id INTEGER PRIMARY KEY, V TEXT)",
    "CREATE TABLE Joined (A TEXT, B TEXT, V TEXT, PRIMARY KEY (A, B))",
    "CREATE TABLE Bag (V TEXT)",
)


def make(audited: Audited) -> None:
    for statement in TABLES:
        audited.database.run(statement)
    audited.database.run("INSERT INTO ByNumber VALUES (1, 'a'), (2, 'b')")
    audited.database.run("INSERT INTO Joined VALUES ('a', 'b', 'x'), ('a', 'c', 'y')")
    audited.database.run("INSERT INTO Bag VALUES ('b'), ('a')")


def change(audited: Audited, rng: random.Random) -> None:
    number, word = rng.randint(1, 5), rng.choice("abc")
    statement, *values = rng.choice(
        [
            ("INSERT OR REPLACE INTO ByNumber VALUES (?, ?)", number, word),
            ("DELETE FROM ByNumber WHERE Id = ?", number),
            ("INSERT OR REPLACE INTO Joined VALUES (?, ?, ?)", word, rng.choice("abc"), str(number)),
            ("DELETE FROM Joined WHERE B = ?", word),
            ("INSERT INTO Bag VALUES (?)", word),
            ("DELETE FROM Bag WHERE V = ?", word),
        ]
    )
    audited.database.run(str(statement), *values)


def test_runs_by_rows_give_what_an_export_gives(audited: Audited) -> None:
    """
    Rows told by a number, by several columns or not at all come, change and go: each run's tree is a whole export's.
    """
    make(audited)
    rng = random.Random(7)
    for number in range(12):
        change(audited, rng)
        audited.good(RunOptions(accept_shrink=True))
        folder = audited.root / f"export-{number}"
        export(audited.database.address, folder, audited.database.options())
        assert contents(folder) == audited.files()


def test_a_run_without_a_change_says_and_writes_nothing(audited: Audited) -> None:
    """
    The tables are told of when they are new; after that they are as quiet as any other.
    """
    make(audited)
    first = audited.good()
    assert {word for item in first.warnings for word in ("Bag", "Joined") if word in item.message} == {"Bag", "Joined"}
    counted = summary(first)["tables"]
    assert (counted["unmapped"], counted["as_they_are"]) == (3, ["Bag", "ByNumber", "Joined"])
    head = audited.head()
    second = audited.good()
    assert (second.warnings, second.commits, audited.head()) == ((), (), head)


@pytest.mark.parametrize("options", [RunOptions(), RunOptions(full=True)], ids=["hashes", "full"])
def test_a_table_that_grew_too_large_keeps_its_files(
    audited: Audited, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What could not be read is not gone: its files stay, each run says why, and what else changed is committed.
    """
    make(audited)
    audited.good()
    before = audited.files()
    limit = read.ROW_LIMIT
    monkeypatch.setattr(read, "ROW_LIMIT", 2)
    audited.database.run("INSERT INTO ByNumber VALUES (3, 'c')")
    audited.database.run("UPDATE Joined SET V = 'z' WHERE B = 'c'")
    for _ in range(2):
        result = audited.good(options)
        assert any("ByNumber was not read" in item.message for item in result.warnings)
    after = audited.files()
    assert after.keys() == before.keys()
    assert [path for path in after if after[path] != before[path]] == ["Tables/Joined/a c.json"]
    monkeypatch.setattr(read, "ROW_LIMIT", limit)
    audited.good(options)
    assert "Tables/ByNumber/3.json" in audited.files()
