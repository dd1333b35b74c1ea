"""
A tree that anybody may have written: whatever its documents hold, there is a plan, or a sentence about what is wrong.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.errors import OperatorError
from migrator.importer import ImportOptions, apply_import, plan_import
from migrator.maps import REGISTRY
from migrator.plan.describe import describe
from migrator.secrets.sealing import MixedText, SecretText
from migrator.sql.target import open_target
from migrator.tree.values import Tree, TreeDocument
from tests.support.imports import CIPHER, TARGET, empty_server, project
from tests.support.values import json_values, scalars, utf8_text

leaves = st.one_of(
    scalars,
    st.sampled_from(["Projects-1", "Environments-1", "TagSets-1/Tags-1", "variableset-Projects-1", "A", ""]),
    st.builds(SecretText, utf8_text),
    st.builds(lambda plain: MixedText(("a", SecretText(plain))), utf8_text),
)


anything = json_values(leaves)


@cache
def shaped(path: str) -> st.SearchStrategy[Any]:
    """
    Return values in which there is a place of that path pattern, with anything in it.
    """
    segment, _, rest = path.partition("/")
    inner = shaped(rest) if rest else anything
    if not segment:
        return anything
    if segment == "*":
        return st.lists(inner, max_size=2)
    if segment == "~":
        return st.dictionaries(st.sampled_from(["Projects-1", "Projects-9"]), inner, max_size=2)
    return st.dictionaries(st.sampled_from([segment, segment, "Id", "Name"]), inner, min_size=1, max_size=3)


@cache
def bodies(type_: str) -> st.SearchStrategy[dict[str, Any]]:
    """
    Return bodies of a type: any of the places that the program looks into, with anything or what belongs there.
    """
    document_map = REGISTRY[type_]
    places = [*(item.path for item in (*document_map.references, *document_map.inner)), *document_map.holds.values()]
    places += [document_map.variables, document_map.parameters, *document_map.properties, *document_map.told_apart_by]
    places += [*document_map.key, *document_map.match_key, *document_map.sets, *document_map.columns]
    places += [*(item.path for item in document_map.volatile), *document_map.empty]
    places += ["Name", "Version", "IsFrozen", "IsDefault", "Slug", "Value", "Variables/*/Scope/Environment/*"]
    pairs = [st.tuples(st.just(path), shaped(path.partition("/")[2])) for path in dict.fromkeys(filter(None, places))]
    some = st.lists(st.one_of(pairs), max_size=6)
    return some.map(lambda items: {path.partition("/")[0]: value for path, value in items})


@st.composite
def documents(draw: st.DrawFn, types: list[str]) -> TreeDocument:
    document_map = REGISTRY[draw(st.sampled_from(types))]
    number, origin = draw(st.sampled_from(["1", "2", "3", chr(0xD800)])), draw(st.sampled_from(["", "a/"]))
    identity = f"{document_map.id_prefix or 'x'}{number}"
    body = {"Id": identity} | draw(bodies(document_map.type))
    return TreeDocument(document_map, identity, body, f"{document_map.type}/{number!a}.json", origin)


@pytest.mark.parametrize("spaces", [False, True], ids=["2018", "newer"])
def test_every_tree_is_imported_or_refused_in_words(spaces: bool, tmp_path: Path) -> None:
    """
    No document ends an import but by a sentence: what is wrong is a problem of the plan, and with --force the rest is
    written, or the database says why not.
    """
    target = empty_server(tmp_path, spaces=spaces)
    target.take(Tree(tuple(project())))
    tables = {name for (name,) in target.run("SELECT name FROM sqlite_master WHERE type = 'table'")}
    types = sorted(item.type for item in REGISTRY.maps if item.type in tables)

    @given(st.lists(documents(types), max_size=4), st.booleans())
    def run(some: list[TreeDocument], overwrite: bool) -> None:
        options = ImportOptions(master_key=TARGET, overwrite=overwrite, force=True)
        with suppress(OperatorError), open_target(target.address, CIPHER) as opened:
            plan = plan_import(Tree((*project(), *some)), opened, options)
            with plan.bodies:
                assert describe(plan)
                apply_import(plan, opened, options)

    run()
