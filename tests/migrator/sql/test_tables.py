"""
Which tables are read, and as what: by the catalogue alone.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import mssql

from migrator.documents.layout import Layout
from migrator.maps.system import CORE_TABLES
from migrator.sql.catalogue import Catalogue, Column, Relation, kind_of
from migrator.sql.reader import Reader
from migrator.sql.rows import Declared
from migrator.sql.tables import Schema, full_name, schema_of

ID = (Column("Id"), Column("Name"))
CORE = tuple(Relation(name, ID) for name in CORE_TABLES)


def schema(*relations: Relation) -> Schema:
    return schema_of(Catalogue((*CORE, *relations), True))


def folders(found: Schema) -> list[str]:
    return [Layout().path(item.map, "x", {}).rpartition("/")[0] for item in found.unmapped]


@given(st.lists(st.tuples(st.sampled_from(["", "a", "A", "a.b", "../x"]), st.text(max_size=100)), unique=True))
def test_every_table_has_a_folder_of_its_own(names: list[tuple[str, str]]) -> None:
    """
    Tables that differ in schema or in case only never share a folder, whatever they are called; none leads elsewhere.
    """
    relations = [Relation(name, ID, where) for where, name in names]
    found = schema(*relations)
    places = folders(found)
    assert len({place.casefold() for place in places}) == len(places)
    assert all(place.startswith("Tables/") and place.count("/") == 1 for place in places)
    # Those that a map has, or that are left out by name, are none of these; all others are.
    assert len(CORE) + len(relations) == len(found.tables) + len(found.excluded) + _history(found)


def _history(found: Schema) -> int:
    known = {id(item) for item in found.catalogue.relations} - {id(item) for item in CORE}
    read = {full_name(item) for item in found.tables} | set(found.excluded)
    return len([item for item in found.catalogue.relations if id(item) in known and full_name(item) not in read])


def test_a_plain_name_is_its_folder() -> None:
    """
    What can stand in a path stands there as it is, after its schema where that is another.
    """
    found = schema(Relation("Gadget", ID), Relation("Gadget", ID, "other"))
    assert folders(found) == ["Tables/Gadget", "Tables/other.Gadget"]


def test_a_schema_of_running_work_is_left_out_with_its_reason() -> None:
    """
    Whole schemas are bookkeeping; names that are so in the server's own schema say nothing in another.
    """
    found = schema(Relation("Thing", ID, "Executions"), Relation("Mutex", ID, "mine"), Relation("Mutex", ID))
    assert found.excluded == {"Executions.Thing": "running work", "Mutex": "locks of running nodes"}
    assert [full_name(item) for item in found.unmapped] == ["mine.Mutex"]


def test_a_known_name_elsewhere_or_in_other_letters_is_no_known_type() -> None:
    """
    One table is a type's; what only looks like it is exported as it is, and not as that type.
    """
    found = schema(Relation("project", ID), Relation("Project", ID, "archive"))
    assert sorted(full_name(item) for item in found.unmapped) == ["archive.Project", "project"]
    assert len([item for item in found.tables if item.map.table == "Project"]) == 1


def test_a_table_that_may_not_be_read_is_named() -> None:
    """
    What the login sees and may not select from is told, with what to do.
    """
    found = schema(Relation("Locked", ID, readable=False))
    assert found.unreadable.keys() == {"Locked"}
    assert "grant SELECT" in found.unreadable["Locked"]
    assert not found.unmapped


def test_a_rowversion_is_left_out_by_its_type() -> None:
    """
    A column that moves with every write is no content, whatever it is called.
    """
    stamp = Column("Stamp", Declared.ROWVERSION)
    (table,) = schema(Relation("Gadget", (*ID, stamp))).unmapped
    assert table.columns == ("Id", "Name")


def test_columns_of_kinds_that_no_driver_knows_are_asked_for_as_text_or_bytes() -> None:
    """
    XML and the like come as their text, what a library of the server gives a meaning to as bytes, a value of any kind
    with the name of its kind, a time of day with all its digits.
    """
    kinds = ("xml", "geography", "hierarchyid", "sql_variant", "time", "json", "timestamp", "nvarchar")
    columns = (Column("Id"), *(Column(name.title(), kind_of(name)) for name in kinds))
    (table,) = schema(Relation("Odd", columns, "it's")).unmapped
    assert table.columns == ("Id", *(name.title() for name in kinds if name not in ("timestamp", "json")), "Json")
    statement = Reader(None, schema()).statement(table)  # type: ignore[arg-type]
    text = " ".join(str(statement.compile(dialect=mssql.dialect())).split())
    assert text.endswith("FROM [it's].[Odd]")
    for part in (
        "CONVERT(nvarchar(max), [Xml]) AS [Xml]",
        "CONVERT(varbinary(max), [Geography]) AS [Geography]",
        "CONVERT(varbinary(max), [Hierarchyid]) AS [Hierarchyid]",
        "CONVERT(nvarchar(40), [Time], 121) AS [Time]",
        "sql_variant_property([Sql_Variant], 'BaseType')",
        "[Nvarchar]",
    ):
        assert part.lower() in text.lower(), (part, text)
    assert "Timestamp" not in text
