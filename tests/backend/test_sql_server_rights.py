"""
What a real SQL Server says of a login's rights and of its clock. Nothing is written.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from auditor.checks.database import NEEDED
from migrator.sql.engine import open_engine
from migrator.sql.rights import database_time, read_rights

pytestmark = pytest.mark.backend


@pytest.fixture
def address() -> str:
    return os.environ["MIGRATOR_TEST_DATABASE"]


def test_rights(address: str) -> None:
    """
    The login of the tests can read every table, and is told by name.
    """
    rights = read_rights(open_engine(address), NEEDED)
    assert rights.login
    assert rights.database
    assert rights.version[0].isdigit()
    assert rights.unreadable == ()
    assert not {"Project", "VariableSet"} & set(rights.invisible)
    assert "CONNECT" in rights.of_database


def test_clock(address: str) -> None:
    """
    The server's time has a zone and is about now.
    """
    theirs = database_time(open_engine(address))
    assert theirs is not None
    assert abs(theirs - datetime.now(UTC)) < timedelta(minutes=10)
