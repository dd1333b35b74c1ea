"""
The document map against the schema of a real server: nothing is forgotten, nothing is invented.
"""

from __future__ import annotations

import re
from collections import Counter
from string import Formatter

import pytest

from auditor.demo.schema import table_definitions
from migrator.maps import CONFIGURATION, REGISTRY
from migrator.maps.document_map import (
    ACTION,
    ANY,
    LAST,
    TAG,
    TEMPLATE,
    Column,
    DocumentMap,
    Kind,
    Meaning,
    Role,
    default_map,
)
from migrator.maps.natural_keys import key_of, rank
from migrator.maps.parts import TAKEN_HISTORY, is_left_out
from migrator.maps.projects import VARIABLE_SCOPES

SCHEMA = table_definitions()
NEWER = table_definitions(spaces=True)
PATTERN = re.compile(r"[^/~]+(/[^/~]+)*(/~)?")


def maps() -> list[DocumentMap]:
    return [*REGISTRY.maps, default_map("Unheard")]


def columns_of(table: str) -> set[str] | None:
    found = SCHEMA.get(table) or NEWER.get(table)
    return {column["name"] for column in found["columns"]} if found else None


def patterns(item: DocumentMap) -> list[str]:
    places = [*item.references, *item.inner, *item.sensitive, *item.volatile, *item.snapshots]
    named = [*item.holds.values(), item.variables, item.parameters, *item.properties]
    rules = item.membership
    named += [*rules.connections, rules.lifecycle, *rules.phases, *rules.goes_to, *rules.roles, rules.version]
    named += [*item.confidential, *item.sets, *item.scripts, *item.embedded]
    return [*(place.path for place in places), *(pattern for pattern in named if pattern)]


def columns_named(item: DocumentMap) -> set[str]:
    """
    Return the columns that a map relies on beside those whose form it gives.
    """
    rules = item.membership
    pairs = (*(rules.with_both or ()), *(rules.by_role or ()), *rules.connections[:1])
    return {name for name in (item.derived_from, rules.works_in, rules.follows, *pairs) if name}


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
    Every bit column is a flag, every column of several ids is a list, and no column is named that does not exist,
    unless its type lost its JSON on newer servers.
    """
    item = REGISTRY.find(table)
    if item is None:
        assert REGISTRY.is_excluded(table)
        return
    names = columns_of(table) or set()
    newer = set(item.columns) if Column.JSON in item.columns.values() else set()
    assert set(item.columns) <= names | newer
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
                assert target in (TAG, ANY) or REGISTRY.find(target), (item.table, reference)


def test_inner_references_lead_to_what_documents_hold() -> None:
    """
    What a place inside a document names, some type holds; tags too.
    """
    targets = {target for item in maps() for reference in item.inner for target in reference.targets}
    assert {ACTION, TEMPLATE} == targets
    assert all(REGISTRY.holders(part) for part in (*targets, TAG))


def test_each_role_has_its_type() -> None:
    """
    What the program itself rests on is one type each.
    """
    assert Counter(item.role for item in maps() if item.role) == dict.fromkeys(Role, 1)


@pytest.mark.parametrize("item", REGISTRY.maps, ids=lambda item: item.table)
def test_what_a_map_relies_on_exists(item: DocumentMap) -> None:
    """
    Columns by which documents belong together exist, and lead to known types; parts name their owner's type.
    """
    names = columns_of(item.table)
    assert names is None or columns_named(item) <= names
    for part in item.parts:
        other = columns_of(part.type)
        assert other is None or part.column in other
        assert item.table in REGISTRY[part.type].targets_at(part.column)
        assert REGISTRY[part.type].derived_from in ("", part.column)
    rules = item.membership
    places = (*(rules.with_both or ()), rules.follows, *rules.phases, rules.works_in and f"{rules.works_in}/*")
    assert all(item.targets_at(place) for place in places if place)
    assert all(REGISTRY[snapshot.type].snapshot_file for snapshot in item.snapshots)


def test_an_import_takes_owners_and_keys_first() -> None:
    """
    Each type has a turn of its own, after those that its documents are parts of and those its key names.
    """
    turns = [item.import_order for item in REGISTRY.maps if item.import_order != LAST]
    assert len(turns) == len(set(turns))
    for item in REGISTRY.maps:
        owners = [reference.path for reference in item.references if reference.meaning is Meaning.OWNER]
        for name in {*key_of(item), *owners} if item.import_order != LAST else ():
            for target in item.targets_at(name):
                assert rank(target) < rank(item.table) or not REGISTRY.find(target), (item.table, name, target)


def test_history_that_is_taken_is_taken_by_both() -> None:
    """
    What a partial export takes of history, and the frozen copies with it, an import takes; events stay behind.
    """
    frozen = {"VariableSet", "DeploymentProcess", "RunbookProcess"}
    happened = {"Release", "Deployment", "ServerTask", "DeploymentHistory", "DeploymentRelatedMachine"}
    assert frozen | happened == TAKEN_HISTORY
    assert all(not is_left_out(REGISTRY[type_], frozenset(), history=True) for type_ in TAKEN_HISTORY)
    assert is_left_out(REGISTRY["Release"], frozenset(), history=False)
    assert is_left_out(REGISTRY["Event"], frozenset(), history=True)


def test_a_scope_of_a_variable_means_one_thing() -> None:
    """
    Each scope whose values are ids stands once, and variables refer to what it says.
    """
    variables = REGISTRY["VariableSet"]
    assert len(dict(VARIABLE_SCOPES)) == len(VARIABLE_SCOPES)
    for scope, target in VARIABLE_SCOPES:
        assert variables.targets_at(f"Variables/*/Scope/{scope}/*") == tuple(target.split("|"))


def test_tables_are_found_blind_to_case() -> None:
    """
    A table's name is compared as the database compares it; an unknown one passes through by the default map.
    """
    assert REGISTRY.find("PROJECT") is REGISTRY.find("Project")
    assert REGISTRY.is_excluded("MUTEX")
    assert REGISTRY["Project"].known
    assert not REGISTRY["Unheard"].known


def test_configuration_is_what_did_not_happen() -> None:
    """
    What is exported without being asked for is configuration; releases, tasks and events are history.
    """
    types = {item.type for item in CONFIGURATION}
    assert {"Project", "VariableSet", "User", "Configuration"} <= types
    assert not types & {"Release", "Deployment", "ServerTask", "Event"}
    assert types | {item.type for item in REGISTRY.maps if item.kind is Kind.HISTORY} == {m.type for m in REGISTRY.maps}


def test_types_are_called_as_people_call_them() -> None:
    """
    A type's name is said in plain words, several of them in English's plural or the map's own.
    """
    step = REGISTRY["ActionTemplate"]
    assert (step.called(1), step.called(2), step.called(0)) == ("action template", step.plural, step.plural)
    assert (REGISTRY["Unheard"].words, REGISTRY["SomeThing"].called(2)) == ("unheard", "some things")


def test_what_leads_a_file() -> None:
    """
    The id comes first and once, then what people know the document by.
    """
    assert REGISTRY["Lifecycle"].first == ("Id", "Name")
    assert REGISTRY["Channel"].first == ("Id", *REGISTRY["Channel"].key)
    assert REGISTRY["Configuration"].first == REGISTRY["Unheard"].first == ("Id",)


def test_a_fixed_id_is_the_whole_id_or_its_beginning() -> None:
    """
    Only an id that ends in an asterisk stands for all that begin so.
    """
    item = DocumentMap("X", "X/{id}", "Xs-", fixed_ids=("one", "two-*"))
    assert [item.is_fixed(text) for text in ("ONE", "one-1", "two-", "Two-5", "two", "x")] == [
        *(True, False, True, True, False, False)
    ]


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
