"""
Servers of 2024 and later: what had been in a column or in the JSON of a row, and is now in tables and columns.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrator.credentials import Secret
from migrator.export.read import look_at, probe
from migrator.exporter import export, partial_export
from migrator.importer import ImportOptions, Precautions, import_tree, undo_import
from migrator.selection.request import Selection
from migrator.tree.files import FolderFiles
from tests.support.newer import join_sets, normalise
from tests.support.recording import ADDRESS, recorded
from tests.support.servers import CIPHER, KEY_TEXT, PASSWORD, SampleServer, contents
from tests.support.templates import sample

OPTIONS = ImportOptions(password=Secret(PASSWORD), master_key=Secret(KEY_TEXT), overwrite=True)


def taken(folder: Path, server: SampleServer) -> dict[str, dict[str, int]]:
    return import_tree(server.address, FolderFiles(folder), OPTIONS).counts


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def documents(folder: Path) -> dict[str, Any]:
    return {
        path: without_nulls(json.loads(content)) for path, content in contents(folder).items() if path.endswith(".json")
    }


def test_a_project_reads_as_before_its_sets_had_a_table(server: SampleServer, tmp_path: Path) -> None:
    """
    The tree, of the whole and of one project, is to the byte what it was; the table is no table of its own in it.
    """
    for name in ("before", "after"):
        report = export(server.address, tmp_path / name / "whole", server.options())
        partial_export(server.address, tmp_path / name / "part", Selection(("Web Shop",)), server.options())
        assert report.tables is not None
        assert not report.tables.unmapped
        if name == "before":
            join_sets(server)
    assert contents(tmp_path / "before") == contents(tmp_path / "after")


def test_an_import_writes_the_table_where_there_is_one(
    server: SampleServer, empty_server: SampleServer, tmp_path: Path
) -> None:
    """
    The sets of a project come to the target's own table in their order; what has not changed is not written again.
    """
    export(server.address, tmp_path / "tree", server.options())
    join_sets(empty_server)
    taken(tmp_path / "tree", empty_server)
    asked = (
        "SELECT p.Name, l.Name FROM ProjectLibraryVariableSet j JOIN Project p ON p.Id = j.ProjectId "
        "JOIN LibraryVariableSet l ON l.Id = j.LibraryVariableSetId ORDER BY p.Name, j.SortOrder"
    )
    join_sets(server)
    assert empty_server.run(asked) == server.run(asked) != []
    again = taken(tmp_path / "tree", empty_server)["Project"]
    assert set(again) == {"Unchanged"}
    empty_server.run("DELETE FROM ProjectLibraryVariableSet")
    changed = taken(tmp_path / "tree", empty_server)["Project"]
    assert "Updated" in changed
    assert empty_server.run(asked) == server.run(asked)


def test_a_set_that_takes_the_place_of_another_during_a_read_is_noticed(
    server: SampleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No rowversion of a project counts what happens in another table, and the number of rows stays the same.
    """
    join_sets(server)
    recorded(monkeypatch, server.path)
    with closing(look_at(ADDRESS)) as looked:
        before = probe(looked, thorough=True)
        server.run("UPDATE ProjectLibraryVariableSet SET LibraryVariableSetId = LibraryVariableSetId || '0'")
        after = probe(looked, thorough=True)
    assert [name for name in after if after[name] != before[name]] == ["Project"]


def test_an_old_column_left_beside_the_table_is_not_believed(
    server: SampleServer, empty_server: SampleServer, tmp_path: Path
) -> None:
    """
    The server goes by the table, so the tree does; an import writes both.
    """
    export(server.address, tmp_path / "before", server.options())
    for some in (server, empty_server):
        join_sets(some, keep=True)
    server.run("UPDATE Project SET IncludedLibraryVariableSetIds = ''")
    export(server.address, tmp_path / "after", server.options())
    assert contents(tmp_path / "before") == contents(tmp_path / "after")
    taken(tmp_path / "after", empty_server)
    asked = (
        "SELECT Id, IncludedLibraryVariableSetIds FROM Project WHERE IncludedLibraryVariableSetIds <> '' ORDER BY Id"
    )
    lists = dict(empty_server.run(asked))
    joined: dict[str, str] = {}
    for project, item in empty_server.run(
        "SELECT ProjectId, LibraryVariableSetId FROM ProjectLibraryVariableSet ORDER BY ProjectId, SortOrder"
    ):
        joined[project] = joined.get(project, "|") + f"{item}|"
    assert lists == joined != {}


def test_lists_come_back_when_an_import_is_taken_back(server: SampleServer, tmp_path: Path) -> None:
    """
    Rows that an import wrote to a table of its own are gone again, and those it replaced are back.
    """
    join_sets(server)
    export(server.address, tmp_path / "tree", server.options())
    asked = "SELECT * FROM ProjectLibraryVariableSet ORDER BY ProjectId, SortOrder"
    server.run("DELETE FROM Project WHERE Name = 'Web Shop'")
    server.run("DELETE FROM ProjectLibraryVariableSet WHERE ProjectId NOT IN (SELECT Id FROM Project)")
    (some,) = server.run("SELECT ProjectId FROM ProjectLibraryVariableSet LIMIT 1")[0]
    server.run("DELETE FROM ProjectLibraryVariableSet WHERE ProjectId = ?", some)
    server.run("INSERT INTO ProjectLibraryVariableSet SELECT ?, Id, 7 FROM LibraryVariableSet LIMIT 1", some)
    before, undo = server.run(asked), tmp_path / "undo.json"
    import_tree(server.address, FolderFiles(tmp_path / "tree"), OPTIONS, precautions=Precautions(undo=undo))
    assert len({row[0] for row in server.run(asked)}) == len({row[0] for row in before}) + 1
    undo_import(server.address, undo.read_bytes(), OPTIONS)
    # Which number orders an element is nobody's concern but the database's.
    assert [row[:2] for row in server.run(asked)] == [row[:2] for row in before]


def test_a_scope_in_a_table_of_its_own_is_a_part_of_the_value(
    server: SampleServer, empty_server: SampleServer, tmp_path: Path
) -> None:
    """
    The environments of a tenant's value read as they do in its body, come to a target's own table, and go again.
    """
    for some in (server, empty_server):
        some.run("CREATE TABLE TenantVariableScope (TenantVariableId TEXT, EnvironmentId TEXT)")
    path, identity = "Tenants/Nordlys Handel/Nordlys Handel-variables-TenantVariables-1.json", "TenantVariables-1"
    export(server.address, tmp_path / "plain", server.options())
    server.edit("TenantVariable", identity, lambda body: body.update(Scope={"EnvironmentIds": ["Environments-2"]}))
    server.run(
        "INSERT INTO TenantVariableScope VALUES (?, 'Environments-3'), (?, 'Environments-2')", identity, identity
    )
    report = export(server.address, tmp_path / "scoped", server.options())
    assert report.tables is not None
    assert report.tables.unmapped == ()
    before, after = documents(tmp_path / "plain"), documents(tmp_path / "scoped")
    assert after[path] == before[path] | {"Scope": {"EnvironmentIds": ["Environments-2", "Environments-3"]}}
    assert {name for name in after if after[name] != before[name]} == {path}
    undo = tmp_path / "undo.json"
    import_tree(empty_server.address, FolderFiles(tmp_path / "scoped"), OPTIONS, precautions=Precautions(undo=undo))
    asked = (
        "SELECT e.Name FROM TenantVariableScope s JOIN DeploymentEnvironment e ON e.Id = s.EnvironmentId "
        "JOIN TenantVariable v ON v.Id = s.TenantVariableId ORDER BY e.Name"
    )
    assert empty_server.run(asked) == [("Staging",), ("Test",)]
    assert set(taken(tmp_path / "scoped", empty_server)["TenantVariable"]) == {"Unchanged"}
    undo_import(empty_server.address, undo.read_bytes(), OPTIONS)
    assert empty_server.run("SELECT * FROM TenantVariableScope") == []


def test_a_table_that_lost_its_json_reads_as_with_it(server: SampleServer, tmp_path: Path) -> None:
    """
    Documents have the same names and shapes as before, so that an upgrade makes no needless difference.
    """
    export(server.address, tmp_path / "before", server.options())
    normalise(server)
    export(server.address, tmp_path / "after", server.options())
    before, after = documents(tmp_path / "before"), documents(tmp_path / "after")
    assert before.keys() == after.keys()
    assert {path: body for path, body in after.items() if body != before[path]} == {}


def test_what_moves_into_a_column_keeps_its_shape(server: SampleServer, tmp_path: Path) -> None:
    """
    A list of ids between bars, a list as JSON, and a dictionary as JSON read as they did in the body, wherever the map
    knows places below them; secrets in them are sealed.
    """
    export(server.address, tmp_path / "before", server.options())
    with server.connection() as connection:
        for column, form in (("EnvironmentTags", "|A/b|C/d|"), ("ExtensionSettings", '[{"ExtensionId": "x"}]')):
            connection.execute(f"ALTER TABLE DeploymentEnvironment ADD COLUMN {column} TEXT")
            connection.execute(f"UPDATE DeploymentEnvironment SET {column} = ?", (form,))
        connection.execute("ALTER TABLE Project ADD COLUMN PersistenceSettings TEXT")
        settings = {"Type": "Database", "Credentials": {"Password": CIPHER.seal("told to nobody")}}
        connection.execute("UPDATE Project SET PersistenceSettings = ?", (json.dumps(settings),))
    export(server.address, tmp_path / "after", server.options())
    tree = documents(tmp_path / "after")
    assert tree["Environments/Test.json"]["EnvironmentTags"] == ["A/b", "C/d"]
    assert tree["Environments/Test.json"]["ExtensionSettings"] == [{"ExtensionId": "x"}]
    found = tree["Projects/Web Shop/Web Shop.json"]["PersistenceSettings"]
    assert list(found["Credentials"]["Password"]) == ["$secret"]


def test_a_value_that_looks_like_json_stays_a_text(server: SampleServer, tmp_path: Path) -> None:
    """
    What may be a secret in one row is a plain text in another, and means what it says there.
    """
    with server.connection() as connection:
        connection.execute("ALTER TABLE TenantVariable ADD COLUMN Value TEXT")
        connection.execute("UPDATE TenantVariable SET Value = '{\"a\": [1]}'")
    export(server.address, tmp_path / "out", server.options())
    values = {str(body["Value"]) for path, body in documents(tmp_path / "out").items() if "-variables-" in path}
    assert values == {'{"a": [1]}'}


@pytest.mark.parametrize("type_", ["DeploymentProcess", "ActionTemplate"])
def test_headers_of_further_servers_are_sealed(type_: str, tmp_path: Path) -> None:
    """
    A property that may hold tokens in clear is never readable in a tree, in a process and in a step template.
    """
    found = SampleServer(sample(tmp_path / "newest.db", newest=True))
    words = '{"headers": {"Authorization": "open sesame"}}'

    def add(body: dict[str, Any]) -> None:
        holder = body["Steps"][0]["Actions"][0] if type_ == "DeploymentProcess" else body
        holder["Properties"]["Octopus.Action.Claude.McpServers"] = words

    identity = {"DeploymentProcess": "deploymentprocess-Projects-1", "ActionTemplate": "ActionTemplates-1"}[type_]
    found.edit(type_, identity, add)
    export(found.address, tmp_path / "out", found.options())
    text = b"".join(contents(tmp_path / "out").values())
    assert b"open sesame" not in text
    assert b"Octopus.Action.Claude.McpServers" in text


@pytest.mark.parametrize(
    ("there", "made"), [('["Some/Tag"]', '["A/b","C/d"]'), ("|Some/Tag|", "|A/b|C/d|"), ("", "|A/b|C/d|")]
)
def test_a_list_is_written_as_the_rows_that_are_there_hold_theirs(
    there: str, made: str, server: SampleServer, empty_server: SampleServer, tmp_path: Path
) -> None:
    """
    How a list stands in a column that newer servers made is not published, so it is looked up on the target.
    """
    for identity in ("Environments-1", "Environments-2"):
        server.edit("DeploymentEnvironment", identity, lambda body: body.update(EnvironmentTags=["C/d", "A/b"]))
    export(server.address, tmp_path / "tree", server.options())
    with empty_server.connection() as connection:
        connection.execute("ALTER TABLE DeploymentEnvironment ADD COLUMN EnvironmentTags TEXT NOT NULL DEFAULT ''")
        connection.execute(
            "INSERT INTO DeploymentEnvironment (Id, Name, SortOrder, JSON, EnvironmentTags) "
            "VALUES ('Environments-99', 'There already', 0, '{}', ?)",
            (there,),
        )
    taken(tmp_path / "tree", empty_server)
    found = empty_server.run("SELECT EnvironmentTags FROM DeploymentEnvironment WHERE Name = 'Test'")
    assert found == [(made,)]
    assert set(taken(tmp_path / "tree", empty_server)["DeploymentEnvironment"]) == {"Unchanged"}
