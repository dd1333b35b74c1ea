"""
The document map against the schema of a real server: nothing is forgotten, nothing is invented.
"""

from __future__ import annotations

import re
from collections import Counter
from string import Formatter

import pytest

from auditor.demo.schema import table_definitions
from migrator.maps import REGISTRY
from migrator.maps.document_map import Column, DocumentMap, default_map

SCHEMA = table_definitions()
NEWER = table_definitions(spaces=True)
PATTERN = re.compile(r"[^/~]+(/[^/~]+)*(/~)?")


def maps() -> list[DocumentMap]:
    return [*REGISTRY.maps, default_map("Unheard")]


def columns_of(table: str) -> set[str] | None:
    found = SCHEMA.get(table) or NEWER.get(table)
    return {column["name"] for column in found["columns"]} if found else None


def patterns(item: DocumentMap) -> list[str]:
    places = [*item.references, *item.sensitive, *item.volatile]
    return [*(place.path for place in places), *item.confidential, *item.sets, *item.scripts, *item.embedded]


@pytest.mark.parametrize("table", sorted(NEWER))
def test_every_table_is_accounted_for(table: str) -> None:
    """
    A table of a known server is mapped, or left out by name with a reason.
    """
    assert (REGISTRY.find(table) is not None) != REGISTRY.is_excluded(table)


def test_every_excluded_table_has_a_reason() -> None:
    """
    What is left out says why.
    """
    assert all(reason for reason in REGISTRY.excluded.values())
    assert all(rule.reason for item in maps() for rule in item.volatile)


@pytest.mark.parametrize("table", sorted(SCHEMA))
def test_columns_have_their_form(table: str) -> None:
    """
    Every bit column is a flag, every column of several ids is a list, and no column is named that does not exist.
    """
    item = REGISTRY.find(table)
    if item is None:
        assert REGISTRY.is_excluded(table)
        return
    names = columns_of(table) or set()
    assert set(item.columns) <= names
    assert item.owner is None or item.owner in names
    for column in SCHEMA[table]["columns"]:
        if column["type"] == "bit":
            assert item.columns.get(column["name"]) is Column.FLAG, column["name"]
        elif column["name"].endswith("Ids"):
            assert item.columns.get(column["name"]) is Column.IDS, column["name"]


def test_owners_are_columns_on_newer_servers_too() -> None:
    """
    The column that names a document's owner exists, so that its folder is known from the row's head alone.
    """
    for item in REGISTRY.maps:
        names = columns_of(item.table)
        assert item.owner is None or names is None or item.owner in names, item.table


def test_no_two_types_share_a_file_pattern() -> None:
    """
    Two types never write to the same places.
    """
    assert max(Counter(item.file.lower() for item in REGISTRY.maps).values()) == 1


def test_file_patterns_are_well_formed() -> None:
    """
    A file's pattern is relative, uses only known fields, and those of an owner only where there is one.
    """
    for item in maps():
        fields = {name for _, name, _, _ in Formatter().parse(item.file) if name}
        assert fields <= {"name", "id", "version", "owner", "dir"}, item.table
        assert item.owner or not fields & {"owner", "dir"}, item.table
        assert item.file.startswith("{dir}/") or item.file[0].isalpha(), item.table
        assert all(part and part == part.strip(" .") for part in item.file.split("/")), item.table
        assert "name" not in fields or item.name_property, item.table


def test_path_patterns_are_well_formed() -> None:
    """
    Segments are never empty, and ``~`` is only ever the last one.
    """
    for item in maps():
        for pattern in patterns(item):
            assert PATTERN.fullmatch(pattern), (item.table, pattern)


def test_references_lead_to_known_types() -> None:
    """
    The target of a reference is a type of the registry, a tag, or anything.
    """
    for item in maps():
        for reference in item.references:
            for target in reference.targets:
                assert target in ("Tag", "*") or REGISTRY.find(target), (item.table, reference)


def test_tables_are_found_blind_to_case() -> None:
    """
    A table's name is compared as the database compares it; an unknown one passes through by the default map.
    """
    assert REGISTRY.find("PROJECT") is REGISTRY.find("Project")
    assert REGISTRY.is_excluded("MUTEX")
    assert REGISTRY["Project"].known
    assert not REGISTRY["Unheard"].known


def test_owners_come_before_what_they_own() -> None:
    """
    In the order of tables, a type that owns others precedes them.
    """
    ordered = sorted((item.table for item in REGISTRY.maps), key=REGISTRY.order)
    assert ordered.index("Space") < ordered.index("Project") < ordered.index("Runbook") < ordered.index("VariableSet")


def test_fixed_ids_and_exclusions_are_blind_to_case() -> None:
    """
    Ids that every server has are recognised in any case, whole or by their beginning.
    """
    feed, settings = REGISTRY["Feed"], REGISTRY["Configuration"]
    assert feed.is_fixed("Feeds-BuiltIn")
    assert not feed.is_fixed("Feeds-1")
    assert feed.is_fixed("feeds-builtin-spaces-2")
    assert settings.exclusion("Maintenance")
    assert settings.exclusion("smtp") is None
