"""
Objects read through one helper: the same one by one and ahead, and never more held than is allowed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.history import objects
from auditor.history.objects import Blobs
from migrator.tree.git import Git
from tests.support.histories import History


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.git")


def test_ahead_and_one_by_one_are_the_same(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What was read ahead, what was let go of again and what is not there are answered as a single question would be.
    """
    files = {f"a/{n}.json": bytes([n]) * (n * 100) for n in range(40)}
    history.commit(files)
    ids = history.git("ls-tree", "-r", "--format=%(objectname)", "main", "a").split()
    missing = "0" * 40
    with Blobs(Git(history.path)) as single:
        expected = [single.read(identity) for identity in [*ids, missing]]
    monkeypatch.setattr(objects, "MOST_HELD", 20_000)
    monkeypatch.setattr(objects, "LARGEST_HELD", 3_000)

    with Blobs(Git(history.path)) as blobs:
        blobs.fetch([*ids, missing, *ids])
        assert [blobs.read(identity) for identity in [*ids, missing]] == expected
        assert sum(map(len, blobs._held.values())) <= 20_000
        assert blobs.read(f"{history.git('rev-parse', 'main^{tree}')}:a/7.json") == bytes([7]) * 700


def test_a_path_is_asked_for_in_each_tree(history: History) -> None:
    """
    The same path in another tree is another object.
    """
    trees = []
    for text in ("one", "two"):
        history.commit({"a.txt": text})
        trees.append(history.git("rev-parse", "main^{tree}"))

    with Blobs(Git(history.path)) as blobs:
        assert [blobs.read(f"{tree}:a.txt") for tree in trees] == [b"one", b"two"]
        assert blobs.read("a\nb") is None
