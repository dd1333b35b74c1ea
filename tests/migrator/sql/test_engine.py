"""
Opening files: never made by mistake, whatever their path looks like.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from migrator.errors import DatabaseError
from migrator.sql.engine import open_engine


def test_a_sqlite_file_is_never_made(tmp_path: Path) -> None:
    """
    A wrong path is an error and not a new empty database.
    """
    with pytest.raises(DatabaseError, match="does not exist"):
        open_engine(f"sqlite:///{tmp_path}/typo.db")
    assert list(tmp_path.iterdir()) == []


def test_odd_paths_are_opened(tmp_path: Path) -> None:
    """
    Blanks, question marks, percent and hash signs in a path are a part of it.
    """
    path = tmp_path / "a b#c%20?d.db"
    path.write_bytes(b"")
    url = make_url("sqlite://").set(database=str(path))
    with open_engine(url.render_as_string()).connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
