"""
Strategies for hypothesis: values as they stand in documents, and texts that are hard.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from migrator.documents.canonical_json import Number
from migrator.secrets.sealing import RESERVED
from tests.support.servers import CIPHER

any_text = st.text(st.characters(exclude_categories=()), max_size=20)
utf8_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
numbers = st.sampled_from(["1.10", "1.0", "-0.5e10", "1E+2", "0.0", "123456789.123456789123456789", "-0"]).map(Number)
integers = st.one_of(st.integers(), st.integers(min_value=2**60, max_value=2**200))
scalars = st.one_of(st.none(), st.booleans(), integers, numbers, any_text)


def json_values(leaves: st.SearchStrategy[Any] = scalars, keys: st.SearchStrategy[str] = any_text) -> Any:
    """
    Return JSON values with these leaves.
    """
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
        max_leaves=15,
    )


sealed_texts = utf8_text.map(CIPHER.seal)
mixed_texts = st.lists(
    st.one_of(sealed_texts, st.sampled_from([' "x": ', "|", "==", "", "; ", "é\n"])), max_size=4
).map("".join)
stored_keys = st.one_of(st.sampled_from(["Id", "Name", "Value", "SensitiveValue", *sorted(RESERVED)]), any_text)
stored_values = json_values(st.one_of(scalars, sealed_texts, mixed_texts), stored_keys)
"""What a database may hold: secrets as whole texts and among other words, and keys that a tree gives a meaning."""
