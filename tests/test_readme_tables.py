"""
The tables of the README: every test that they name exists.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROWS = re.findall(r"^\| (\d+) \| .* \| `([^`]+)` \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("number", "test"), ROWS)
def test_a_named_test_exists(number: str, test: str) -> None:
    """
    A row of the README names a test that is there.
    """
    file, *names = test.split("::")
    found = list((ROOT / "tests").glob(f"**/{file}"))

    assert found, f"{number}: no file {file}"
    assert all(f"def {name.partition('[')[0]}(" in found[0].read_text(encoding="utf-8") for name in names[-1:])


def test_the_tables_are_there() -> None:
    """
    The README has its tables, so that the test above proves something.
    """
    assert len(ROWS) > 100
