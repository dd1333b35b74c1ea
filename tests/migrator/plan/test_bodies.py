"""
The rows of a plan, kept aside: they come back as they were, and no secret lies on the disk.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.errors import OperatorError
from migrator.plan import bodies as module
from migrator.plan.bodies import Bodies
from migrator.plan.ids import Marks
from migrator.secrets.sealing import MixedText, SecretText
from tests.support.values import any_text, json_values, scalars, utf8_text

MARKS = Marks("0123456789abcdef")
secrets = st.builds(SecretText, utf8_text, st.booleans())
leaves = st.one_of(
    scalars,
    secrets,
    st.lists(st.one_of(utf8_text, secrets), min_size=1, max_size=4).map(tuple).map(MixedText),
    st.tuples(any_text, st.integers(0, 9)).map(lambda pair: pair[0] + MARKS.new(pair[1])),
)


def identity(number: int) -> str:
    return f'Projects-{number}"\\'


def sealed(secret: SecretText) -> str:
    return f"sealed {secret.plain}" if secret.encrypted else secret.plain


def written(value: Any) -> Any:
    """
    Return what a value is once ids and secrets stand in it.
    """
    if isinstance(value, SecretText):
        return sealed(value)
    if isinstance(value, MixedText):
        return "".join(part if isinstance(part, str) else sealed(part) for part in value.parts)
    if isinstance(value, str):
        return MARKS.settle(value, identity)
    if isinstance(value, dict):
        return {written(key): written(item) for key, item in value.items()}
    return [written(item) for item in value] if isinstance(value, list) else value


@given(st.lists(json_values(leaves), max_size=5), st.integers(0, 2**32))
def test_what_was_added_is_read_in_any_order(values: list[Any], seed: int) -> None:
    """
    Every value comes back whole, keys in their order, with ids and sealed secrets where marks stood.
    """
    with Bodies(MARKS) as some:
        spans = [some.add(value) for value in values]
        for number in sorted(range(len(values)), key=lambda item: hash((seed, item))):
            read = some.read(spans[number], identity, sealed)
            assert read == written(values[number])
            assert repr(read) == repr(written(values[number]))


@given(any_text, any_text, st.integers(0, 10**6))
def test_a_mark_is_found_in_every_text(before: str, after: str, number: int) -> None:
    """
    A mark is settled wherever it stands, texts without one stay as they are, and only a mark alone has a number.
    """
    text = before + MARKS.new(number) + after

    assert MARKS.settle(text, str) == before + str(number) + after
    assert MARKS.shown(text) == f"{before}<new {number}>{after}"
    assert MARKS.number(text) == (number if text == MARKS.new(number) else None)
    assert MARKS.settle(before + after, str) == before + after
    assert not MARKS.is_in(before + after)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """
    The folder of temporary files, for this test alone.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path


def unnamed_files(folder: Path) -> list[bytes]:
    """
    Return what this process has written into files of a folder that have no name.
    """
    found = []
    for link in Path("/proc/self/fd").iterdir():
        if link.is_symlink() and str(link.readlink()).startswith(str(folder)):
            handle = int(link.name)
            found.append(os.pread(handle, os.fstat(handle).st_size, 0))
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into /proc, which only Linux has")
def test_no_secret_lies_on_the_disk(folder: Path) -> None:
    """
    A plan that is too large for memory goes to a file without a name, in which no secret is, in no form.
    """
    large = {"Script": "x" * 1000, "Password": SecretText("plain text"), "Text": MixedText(("a", SecretText("plain")))}
    with Bodies(MARKS) as some:
        spans = [some.add(large) for _ in range(module._IN_MEMORY // 1000 + 1)]
        read = some.read(spans[-1], identity, sealed)
        (content,) = unnamed_files(folder)

        assert list(folder.iterdir()) == []
        assert content.count(b"Script") == len(spans)
        assert b"plain" not in content
        assert read["Password"] == "sealed plain text"
    assert unnamed_files(folder) == []


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A plan that cannot be kept aside ends the import with a sentence that names the folder.
    """
    with Bodies(MARKS) as some:
        refuse(monkeypatch, some)
        with pytest.raises(OperatorError, match=r"temporary file .*No space left.* TMPDIR"):
            some.add({"A": "x"})


def refuse(monkeypatch: pytest.MonkeyPatch, some: Bodies) -> None:
    """
    Put a device in the file's place on which every write fails.
    """
    monkeypatch.setattr(some, "_file", Path("/dev/full").open("r+b", buffering=0))  # noqa: SIM115
