"""
Addresses and drivers' errors: nothing secret is shown, and each error says what to do.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import exc, make_url

from migrator.errors import DatabaseError, UsageError
from migrator.sql.engine import database_errors, open_engine, parse_address, shown


@pytest.mark.parametrize(
    "address",
    [
        "mssql+pyodbc://sa:hunter2@sql01/Octopus?driver=ODBC+Driver+18+for+SQL+Server",
        "Driver={ODBC Driver 18 for SQL Server};Server=sql01;Database=Octopus;UID=sa;PWD=hunter2",
        "mssql+pyodbc:///?odbc_connect=Server%3Dsql01%3BPassword%3Dhunter2",
    ],
)
def test_shown_addresses_hold_no_password(address: str) -> None:
    """
    What goes into errors names the server and never the password.
    """
    text = shown(parse_address(address))
    assert "sql01" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("address", ["", "hunter2", "postgresql://sa:hunter2@h/d", "mssql+pyodbc://h:hunter2/x"])
def test_malformed_addresses_are_not_repeated(address: str) -> None:
    """
    What cannot be understood may hold a password in any place.
    """
    with pytest.raises(UsageError) as error:
        parse_address(address)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("[01000] Can't open lib 'ODBC Driver 18 for SQL Server' : file not found", "msodbcsql18"),
        ("[28000] Login failed for user 'sa'. hunter2", "refuses the login"),
        ("[HYT00] Login timeout expired", "cannot be reached"),
        ("[42000] The SELECT permission was denied on the object 'Project'", "grant SELECT"),
        ("[40001] deadlock victim", "try again"),
        ("[XX000] something new hunter2", "SQLSTATE XX000"),
    ],
)
def test_drivers_errors_become_sentences(words: str, says: str) -> None:
    """
    A known error says what to do; an unknown one shows its state alone, since its text may repeat values.
    """
    remote = SimpleNamespace(url=parse_address("mssql+pyodbc://sa:hunter2@sql01/Octopus"))
    with pytest.raises(DatabaseError, match=says) as error, database_errors(remote):  # type: ignore[arg-type]
        raise exc.DBAPIError("SELECT hunter2", {"x": "hunter2"}, Exception(words[1:6], words))
    assert "hunter2" not in str(error.value)


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
