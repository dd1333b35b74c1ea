"""
Audits of tables that nobody has facts about: by rows as any other, told once, never taken for gone.
"""

from __future__ import annotations

import random

import pytest

from auditor.audit import RunOptions
from auditor.cli.once import summary
from migrator.exporter import export
from tests.support.audits import RENDERED, Audited
from tests.support.newer import join_sets, normalise
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
        export(audited.database.address, folder, audited.database.options(render=RENDERED))
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
def test_a_table_that_grew_too_large_keeps_its_files(audited: Audited, options: RunOptions) -> None:
    """
    What could not be read is not gone: its files stay, each run says why, and what else changed is committed.
    """
    make(audited)
    audited.good()
    before = audited.files()
    audited.change(export={"table_rows": 2})
    audited.database.run("INSERT INTO ByNumber VALUES (3, 'c')")
    audited.database.run("UPDATE Joined SET V = 'z' WHERE B = 'c'")
    for _ in range(2):
        result = audited.good(options)
        assert any("ByNumber was not read" in item.message for item in result.warnings)
    after = audited.files()
    assert after.keys() == before.keys()
    assert [path for path in after if after[path] != before[path]] == ["Tables/Joined/a c.json"]
    audited.change(export={"table_rows": 3})
    audited.good(options)
    assert "Tables/ByNumber/3.json" in audited.files()


def test_rules_of_ones_own_are_followed_and_shown(audited: Audited) -> None:
    """
    A table is left out, a place of a type is silenced; both stand in the report, and the next runs are quiet.
    """
    make(audited)
    audited.good()
    rules = {"exclude_tables": ["dbo.BAG", "Nowhere"], "volatile": [{"type": "joined", "path": "V"}]}
    audited.change(export=rules)
    result = audited.good()
    tables = summary(result)["tables"]
    assert tables["left_out"]["Bag"] == "left out by the setting exclude_tables"
    assert tables["rules"]["exclude_tables"] == ["dbo.BAG", "Nowhere"]
    assert tables["rules"]["volatile"] == rules["volatile"]
    assert [item.message for item in result.warnings] == ["exclude_tables names Nowhere, which this database has not"]
    files = audited.files()
    assert "Tables/Bag/Bag.json" not in files
    assert b'"V"' not in files["Tables/Joined/a b.json"]
    head = audited.head()
    audited.database.run("UPDATE Joined SET V = 'moved'")
    audited.good()
    audited.good(RunOptions(full=True))
    assert audited.head() == head


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"exclude_tables": ["dbo.project"]}, "dbo.project cannot be left out"),
        ({"volatile": [{"type": "Machine", "path": "Id"}]}, "Machine at Id cannot be left out"),
        ({"volatile": [{"type": "Machine"}]}, "path"),
    ],
)
def test_a_rule_that_would_blind_an_audit_is_refused(audited: Audited, rules: dict[str, object], said: str) -> None:
    """
    What every server is known by, and what a document is found by, cannot be left out.
    """
    with pytest.raises(ValueError, match=said):
        audited.change(export=rules)


def test_a_list_in_a_table_of_its_own_changes_its_owner(audited: Audited) -> None:
    """
    A row that comes to such a table is a change of the project it is a part of, and of nothing else.
    """
    join_sets(audited.database)
    audited.good()
    before = audited.files()
    (project, name), *_ = audited.database.run("SELECT Id, Name FROM Project ORDER BY Id")
    audited.database.run("DELETE FROM ProjectLibraryVariableSet WHERE ProjectId = ?", project)
    (some, *_), *_ = audited.database.run("SELECT Id FROM LibraryVariableSet ORDER BY Id DESC")
    audited.database.run("INSERT INTO ProjectLibraryVariableSet VALUES (?, ?, 0)", project, some)
    audited.good()
    after = audited.files()
    (changed,) = [path for path in after if after[path] != before.get(path)]
    assert changed.startswith("Projects/")
    assert f'"{some}"'.encode() in after[changed]
    assert name.encode() in after[changed]


def test_a_column_that_appears_between_two_runs_is_one_commit(audited: Audited) -> None:
    """
    Of a known table and of unknown ones: the run after tells of the new field where it has a value, and then is quiet.
    """
    make(audited)
    audited.good()
    before = audited.files()
    for table in ("ByNumber", "Joined", "Bag", "Lifecycle"):
        audited.database.run(f"ALTER TABLE {table} ADD COLUMN Appeared TEXT DEFAULT 'new'")
    result = audited.good()
    after = audited.files()
    assert len(result.commits) == 1
    assert before.keys() == after.keys()
    changed = {path for path in after if after[path] != before[path]}
    assert {path.split("/")[0] for path in changed} == {"Tables", "Lifecycles"}
    assert all(b'"Appeared": "new"' in after[path] for path in changed)
    audited.database.run("ALTER TABLE Joined DROP COLUMN Appeared")
    audited.good()
    assert [path for path in audited.changed() if "Joined" not in path] == []
    head = audited.head()
    audited.good()
    audited.good(RunOptions(full=True))
    assert audited.head() == head


def test_an_upgrade_is_one_commit_that_says_so(audited: Audited) -> None:
    """
    Lists that got tables of their own, tables that lost their JSON, columns and tables that a newer server has: of all
    that nothing differs but what is new, and the commit names both versions.
    """
    audited.good()
    before = audited.files()
    join_sets(audited.database)
    normalise(audited.database)
    with audited.database.connection() as connection:
        for table in ("Project", "Team", "DeploymentEnvironment"):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN LastModified TEXT DEFAULT '0001-01-01T00:00:00+00:00'")
        connection.execute("CREATE TABLE UserSession (Id TEXT, LastUsed TEXT)")
        connection.execute("INSERT INTO UserSession VALUES ('UserSessions-1', 'now')")
        connection.execute("CREATE TABLE RolloutGroup (Id TEXT PRIMARY KEY, Name TEXT)")
        connection.execute("INSERT INTO RolloutGroup VALUES ('RolloutGroups-1', 'First')")
        connection.execute(
            "INSERT INTO OctopusServerInstallationHistory (Id, Node, Version, Installed, JSON) "
            "VALUES ('OctopusServerInstallationHistory-99', 'OCTO01', '2026.1.2307', '2026-02-01T00:00:00+00:00', '{}')"
        )
    result = audited.good()
    assert len(result.commits) == 1
    assert result.subject.startswith("Octopus upgraded from 2018.8.12 to 2026.1.2307; ")
    after = audited.files()
    changed = {path for path in after.keys() | before.keys() if after.get(path) != before.get(path)}
    assert changed == {"metadata.json", "Tables/RolloutGroup/RolloutGroups-1.json"}
    head = audited.head()
    audited.good()
    assert audited.head() == head
