"""
Addresses of databases: what reaches the driver, and that nothing secret is shown.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc

from migrator.errors import UsageError
from migrator.sql.address import parse_address, shown, with_driver
from migrator.sql.drivers import choose
from tests.support.recording import recorded

DRIVER = "ODBC Driver 18 for SQL Server"
QUOTED = "driver=ODBC+Driver+18+for+SQL+Server"


def string(address: str, driver: str = DRIVER) -> list[str]:
    """
    Return the parts of the connection string that the driver gets, sorted.
    """
    url = with_driver(parse_address(address), driver)
    arguments: Any = MSDialect_pyodbc().create_connect_args(url)
    return sorted(arguments[0][0].split(";"))


@pytest.mark.parametrize(
    ("address", "driver", "parts"),
    [
        (
            "mssql+pyodbc://me:pw@sql01:1433/Octopus?driver=FreeTDS",
            "FreeTDS",
            ["DRIVER={FreeTDS}", "Database=Octopus", "PWD=pw", "Server=sql01", "UID=me", "port=1433"],
        ),
        (
            "mssql+pyodbc://me:pw@sql01:1433/Octopus?driver=FreeTDS",
            "/usr/lib/odbc/libtdsodbc.so",
            [
                "DRIVER={/usr/lib/odbc/libtdsodbc.so}",
                "Database=Octopus",
                "PWD=pw",
                "Server=sql01",
                "UID=me",
                "port=1433",
            ],
        ),
        (
            f"mssql+pyodbc://me:pw@sql01:1433/Octopus?{QUOTED}",
            DRIVER,
            [f"DRIVER={{{DRIVER}}}", "Database=Octopus", "PWD=pw", "Server=sql01,1433", "UID=me"],
        ),
        (
            "mssql+pyodbc://me:pw@sql01/Octopus?port=1433",
            DRIVER,
            [f"DRIVER={{{DRIVER}}}", "Database=Octopus", "PWD=pw", "Server=sql01,1433", "UID=me"],
        ),
        (
            "mssql+pyodbc://me:p%3Bw@sql01/Octopus?ApplicationIntent=ReadOnly&MultiSubnetFailover=Yes",
            DRIVER,
            [
                "ApplicationIntent=ReadOnly",
                f"DRIVER={{{DRIVER}}}",
                "Database=Octopus",
                "MultiSubnetFailover=Yes",
                "PWD={p",
                "Server=sql01",
                "UID=me",
                "w}",
            ],
        ),
        (
            "mssql+pyodbc://@octopus.database.windows.net/Octopus?Authentication=ActiveDirectoryMsi&Encrypt=yes",
            DRIVER,
            [
                "Authentication=ActiveDirectoryMsi",
                f"DRIVER={{{DRIVER}}}",
                "Database=Octopus",
                "Encrypt=yes",
                "Server=octopus.database.windows.net",
            ],
        ),
        ("Server=sql01;UID=me;PWD=pw", DRIVER, [f"DRIVER={{{DRIVER}}}", "PWD=pw", "Server=sql01", "UID=me"]),
        ("Driver={Old};Server=sql01;PWD={a;b}", DRIVER, [f"DRIVER={{{DRIVER}}}", "PWD={a", "Server=sql01", "b}"]),
        ("DSN=octopus;UID=me", DRIVER, ["DSN=octopus", "UID=me"]),
        ("mssql+pyodbc://me:pw@octopus", DRIVER, ["PWD=pw", "UID=me", "dsn=octopus"]),
    ],
)
def test_what_the_driver_gets(address: str, driver: str, parts: list[str]) -> None:
    """
    Each driver gets a port in its own form, keywords in any case, and a driver where the address names none.
    """
    assert string(address, driver) == parts


def test_a_port_is_a_number() -> None:
    """
    What cannot be a port is a mistake of who wrote it.
    """
    with pytest.raises(UsageError, match="port"):
        string("mssql+pyodbc://me:pw@sql01/Octopus?port=http")


def test_a_library_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """
    Errors name server and database; the path of a driver's library says nothing to their reader.
    """
    for address in ("mssql+pyodbc://me:hunter2@sql01/Octopus", "Server=sql01;Database=Octopus;PWD=hunter2"):
        text = shown(with_driver(parse_address(address), "/opt/a/libmsodbcsql-18.so"))
        assert "libmsodbcsql" not in text
        assert "sql01" in text and "hunter2" not in text


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


def test_the_driver_of_an_address_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """
    A named driver is taken, a newer before an older one, Microsoft's before FreeTDS; a data source knows its own.
    """
    recording = recorded(monkeypatch, tmp_path, drivers=["FreeTDS", "ODBC Driver 17 for SQL Server", DRIVER, "SQLite3"])
    monkeypatch.setattr("migrator.sql.drivers.PACKAGE", "no_such_package")

    def chosen(address: str) -> str | None:
        driver = choose(parse_address(address))
        return str(driver) if driver else None

    assert chosen("mssql+pyodbc://h/d") == DRIVER
    assert chosen("mssql+pyodbc://h/d?driver=FreeTDS") == "FreeTDS"
    assert chosen("Driver={FreeTDS};Server=h") == "FreeTDS"
    assert chosen("DSN=octopus") == chosen("mssql+pyodbc://octopus") == "as the data source says"
    recording.installed = ["FreeTDS"]
    assert chosen("mssql+pyodbc://h/d") == "FreeTDS"
    recording.installed = []
    assert chosen("mssql+pyodbc://h/d") is None
    assert chosen("mssql+pyodbc://h/d?driver=Nope") == "Nope"
