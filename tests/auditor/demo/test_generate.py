"""
The generator of the benchmarks' databases.
"""

from __future__ import annotations

import sqlite3
import statistics
from pathlib import Path

from bench.generate import MASTER_KEY, change, generate
from migrator.secrets.ciphers import MasterKeyCipher, find_ciphertexts

TABLES = ("Project", "DeploymentProcess", "VariableSet", "Machine", "Tenant", "TenantVariable", "LibraryVariableSet")
TABLES += ("Account", "ActionTemplate", "Channel")


def bodies(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    found = {}
    for table in TABLES:
        found |= dict(connection.execute(f'SELECT Id, JSON FROM "{table}"').fetchall())
    connection.close()
    return found


def test_generated_database_has_the_promised_shape(tmp_path: Path) -> None:
    """
    So many documents, a median body near 2 KB, about one big one in a thousand, secrets in a tenth, all of which open.
    """
    generate(tmp_path / "a.db", 2000)
    texts = list(bodies(tmp_path / "a.db").values())
    assert len(texts) == 2000
    assert 1500 < statistics.median(map(len, texts)) < 2500
    assert 1 <= sum(len(text) > 90_000 for text in texts) <= 3
    sealed = {text[start:end] for text in texts for start, end in find_ciphertexts(text)}
    assert all(len(MasterKeyCipher(MASTER_KEY).open(secret)) >= 12 for secret in sealed)
    assert 150 < sum(1 for text in texts if find_ciphertexts(text)) < 300


def test_generation_is_the_same_every_time(tmp_path: Path) -> None:
    """
    The same seed gives the same bodies.
    """
    for name in ("a.db", "b.db"):
        generate(tmp_path / name, 300)
    assert bodies(tmp_path / "a.db") == bodies(tmp_path / "b.db")


def test_change_touches_the_fraction(tmp_path: Path) -> None:
    """
    A hundredth of the documents differ afterwards, and their rowversions are new.
    """
    path = tmp_path / "a.db"
    generate(path, 2000)
    connection = sqlite3.connect(path)
    before, stamp = bodies(path), connection.execute("SELECT max(DataVersion) FROM Machine").fetchone()
    assert change(path, 0.01) == 20
    after = bodies(path)
    assert sum(before[id_] != after[id_] for id_ in before) == 20
    assert connection.execute("SELECT max(DataVersion) FROM Machine").fetchone() > stamp
    connection.close()
