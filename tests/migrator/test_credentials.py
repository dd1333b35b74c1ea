"""
Secrets by reference, and addresses that hold one.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL

from migrator.credentials import Secret, check_address, holds_password, is_reference, resolve
from migrator.errors import UsageError

words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


def refused(reference: str, **environ: str) -> str:
    with pytest.raises(UsageError) as caught:
        resolve(reference, environ, "servers.prod.api_key")
    return str(caught.value)


def test_each_kind_gives_the_value_without_its_line_end(tmp_path: Path) -> None:
    """
    Variable, file, credential of systemd and command: one line end is dropped, everything else is the secret.
    """
    (tmp_path / "key").write_bytes(b" a b \r\n")
    environ = {"KEY": " a b ", "CREDENTIALS_DIRECTORY": str(tmp_path), "PATH": "/usr/bin:/bin"}
    for reference in ("env:KEY", f"file:{tmp_path}/key", "systemd:key", "command:echo ' a b '"):
        assert resolve(reference, environ) == Secret(" a b ")


def test_a_reference_that_leads_nowhere_names_its_key(tmp_path: Path) -> None:
    """
    What cannot be had is told with the key of the configuration that wants it, and with what is to be put right.
    """
    (tmp_path / "empty").touch()
    (tmp_path / "latin").write_bytes(b"\xe9")
    for reference, says in (
        ("env:NOTHING", "environment variable NOTHING is not set"),
        (f"file:{tmp_path}/none", "No such file"),
        (f"file:{tmp_path}/latin", "not UTF-8"),
        (f"file:{tmp_path}/empty", "is empty"),
        ("file:~nobody-of-that-name/x", "no such place"),
        ("systemd:key", "CREDENTIALS_DIRECTORY is not set"),
        ("command:true", "printed nothing"),
        (r"command:printf '\377'", "not UTF-8"),
        ("hunter2", "not as a literal"),
    ):
        told = refused(reference, PATH="/usr/bin:/bin")
        assert told.startswith("servers.prod.api_key: ")
        assert says in told
        assert "hunter2" not in told


def test_a_command_that_fails_is_told_in_its_own_words() -> None:
    """
    Exit code and stderr are shown, on one line and not too long; what it printed is not, even if stderr repeats it.
    """
    told = refused("command:echo hunter2; echo 'vault: permission\n denied' >&2; exit 3")
    assert told == "servers.prod.api_key: its command ended with exit code 3 and said: vault: permission denied"
    told = refused("command:set -x; echo hunter2; exit 1")
    assert "hunter2" not in told
    assert "***" in told
    assert refused("command:exit 4").endswith("exit code 4 and said nothing on stderr")
    assert len(refused("command:yes x 2>&1 | head -c 99999 >&2; exit 1")) < 400
    assert "cannot be started" in refused("command:a\0b")


@pytest.mark.parametrize(
    ("text", "result"),
    [("env:X", True), ("file:/x", True), ("sqlite:///x", False), ("Driver=x;Server=y", False), ("file:///x", False)],
)
def test_addresses_and_references_are_told_apart(text: str, result: bool) -> None:
    """
    An address may be given by reference, since it may hold a password.
    """
    assert is_reference(text) is result


@given(words, words)
def test_every_password_in_an_address_is_seen(user: str, password: str) -> None:
    """
    Whatever SQLAlchemy writes with a password in it is recognised, and never without one.
    """
    for secret in (password, None):
        url = URL.create("mssql+pyodbc", user, secret, "sql01", 1433, "Octopus", {"driver": "ODBC Driver 18"})
        assert holds_password(url.render_as_string(hide_password=False)) is (secret is not None)


@pytest.mark.parametrize(
    "address",
    [
        "mssql+pyodbc://sa:hunter2@sql01/Octopus",
        "mssql+pyodbc://:hunter2@sql01/Octopus",
        "mssql+pyodbc:///?odbc_connect=Server%3Dsql01%3BPassword%3Dhunter2",
        "mssql+pyodbc://sql01/Octopus?UID=sa&PWD=hunter2",
        "Driver={FreeTDS};Server=sql01;UID=sa;Pwd = hunter2",
        "PASSWORD={hunter2}",
    ],
)
def test_an_address_with_a_password_is_refused(address: str) -> None:
    """
    All ways to write a password into an address are told as a literal secret, with what to write, and not repeated.
    """
    with pytest.raises(ValueError, match="holds a password") as caught:
        check_address(address)
    assert "file:PATH" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "mssql+pyodbc://auditor@sql01/Octopus?driver=ODBC+Driver+18+for+SQL+Server",
        "mssql+pyodbc://@sql01:1433/Octopus?Trusted_Connection=yes&Authentication=ActiveDirectoryPassword",
        "sqlite:////srv/pwd/octopus.sqlite",
        "Driver={FreeTDS};Server=sql01;UID=sa;PWD=;Trusted_Connection=yes",
        "file:/etc/octopus/address",
        "hunter2",
    ],
)
def test_an_address_without_one_is_taken(address: str) -> None:
    """
    A user, a port, an empty password or the word in a path is no secret; what is no address is told elsewhere.
    """
    check_address(address)
