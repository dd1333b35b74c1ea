"""
A short `make fuzz`: one row holds whatever a row can hold, and what it once found.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.support.templates import sample
from torture.fuzz import SECRET, Place, Server, fuzz, survive


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return Server(sample(tmp_path_factory.mktemp("fuzz") / "server.db"))


def test_no_row_does_harm(rows: Server) -> None:
    """
    Every other document is what it was, paths are safe, and no secret stands in clear; other rows at each run.
    """
    fuzz(rows, 25, random.SystemRandom().randrange(1 << 32))


@pytest.mark.parametrize(
    ("type_", "column", "value"),
    [
        ("Project", "IsDisabled", b""),
        ("Project", "Name", float("inf")),
        ("Project", "Name", SECRET),
        ("Project", "JSON", '{"Id": {"$secret": "x"}, "Name": ["a"]}'),
    ],
)
def test_what_was_found_once(rows: Server, type_: str, column: str, value: Any) -> None:
    """
    Each was a fault, or could have been one.
    """
    at = next(n for n, (table, _) in enumerate(rows.tables) if table.map.type == type_)
    table, some = rows.tables[at]
    row = list(some[0])
    position = table.position(column)
    assert position is not None
    row[position] = value
    survive(rows, Place(at, 0), tuple(row))


def test_the_fuzzer_notices(rows: Server) -> None:
    """
    A secret that is shown, and a document that is gone, would be found.
    """
    rendered, _ = rows.render(None, ())
    lost = Server.__new__(Server)
    lost.tables, lost.places = rows.tables, rows.places
    lost.__dict__["usual"] = rows.usual | {rendered[0].identity._replace(id="Projects-none"): rendered[0].files}
    with pytest.raises(AssertionError, match="is not there any more"):
        survive(lost, Place(0, 0), rows.tables[0][1][0])
