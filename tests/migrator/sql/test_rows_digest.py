"""
A digest of rows is moved by each edit of a document, and by nothing else.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.maps import REGISTRY
from migrator.sql.rows import Row, Table, digest

TABLE = Table("Subscription", ("Id", "Name", "IsDisabled", "JSON", "JSONBlob"), REGISTRY["Subscription"])
ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.none() | st.text(max_size=3), st.none() | st.integers(0, 2)),
    max_size=6,
)


def row(identity: str, name: Any = "n", disabled: Any = 0, blob: bool = False, **body: Any) -> Row:
    text = json.dumps(body)
    return identity, name, disabled, None if blob else text, gzip.compress(text.encode("utf-16-le")) if blob else None


def of(*rows: Row, table: Table = TABLE) -> str:
    return digest(table, [rows])


@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_equal_rows_and_only_they_have_equal_digests(one: list[Any], two: list[Any], rng: Any) -> None:
    """
    In whatever order and batches they come; nothing is not an empty text, and a row that is there twice counts twice.
    """
    rows = [row(*values) for values in one]
    mixed = rng.sample(rows, len(rows))
    cut = rng.randint(0, len(rows))
    assert of(*rows) == digest(TABLE, [mixed[:cut], mixed[cut:]])
    assert (of(*rows) == of(*[row(*values) for values in two])) is (sorted(one, key=repr) == sorted(two, key=repr))


@pytest.mark.parametrize("other", [row("s-2", "n"), row("s-1", "N"), row("s-1", None), row("s-1", Filter="x")])
def test_an_edit_moves_it(other: Row) -> None:
    """
    Whatever column it stands in.
    """
    assert of(row("s-1")) != of(other)


def test_an_exchange_of_values_moves_it() -> None:
    """
    Two rows that swap their values are two edits.
    """
    assert of(row("s-1", Order=1), row("s-2", Order=2)) != of(row("s-1", Order=2), row("s-2", Order=1))


def test_what_changes_by_itself_does_not_move_it() -> None:
    """
    A server that notes how far it has read its events changes no document; an edit beside that is still seen.
    """
    assert of(row("s-1", WebhookLastProcessed="a", Filter="x")) == of(row("s-1", WebhookLastProcessed="b", Filter="x"))
    assert of(row("s-1", WebhookLastProcessed="a", Filter="x")) != of(row("s-1", WebhookLastProcessed="b", Filter="y"))


def test_what_no_export_has_does_not_move_it() -> None:
    """
    Maintenance mode is a row that the window itself writes.
    """
    settings = Table("Configuration", TABLE.columns, REGISTRY["Configuration"])
    assert of(row("maintenance", IsInMaintenanceMode=True), table=settings) == of(table=settings)
    assert of(row("smtp"), table=settings) != of(table=settings)


def test_a_body_that_moves_to_the_compressed_column_is_the_same() -> None:
    """
    The server moves it by itself.
    """
    assert of(row("s-1", Filter="x")) == of(row("s-1", Filter="x", blob=True))


def test_an_unreadable_row_counts_as_it_is() -> None:
    """
    Damage does not stop the others, and its repair is an edit.
    """
    broken = ("s-1", "n", 0, None, b"\x1f\x8bno")
    assert of(broken) == of(broken)
    assert of(broken) != of(("s-1", "n", 0, None, b"\x1f\x8bNO"))
    assert of(("s-1", "n", 0, '{"WebhookLastProcessed": ', None)) != of(row("s-1"))
