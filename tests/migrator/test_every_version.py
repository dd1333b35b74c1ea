"""
The whole way, on servers of the oldest and of the newest shape: export, import, a part, and secrets.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.demo import rows
from migrator.credentials import Secret
from migrator.exporter import export, partial_export
from migrator.importer import ImportOptions, import_tree
from migrator.report import Report
from migrator.secrets.ciphers import find_ciphertexts
from migrator.selection.request import Selection
from migrator.tree.files import FolderFiles
from tests.support.servers import CIPHER, KEY_TEXT, PASSWORD, SampleServer, contents
from tests.support.templates import empty, sample

OPTIONS = ImportOptions(password=Secret(PASSWORD), master_key=Secret(KEY_TEXT), overwrite=True)
NEWEST = "2026.1"
OWN: dict[str, dict[str, Any]] = {
    "Space": {"Id": "Spaces-1", "Name": "Default", "Slug": "space-1", "IsDefault": True},
    "RateLimitingPolicy": {"Id": "RateLimitingPolicies-7", "Name": "Unauthenticated", "IsBuiltIn": True},
    "TagSet": {"Id": "TagSets-7", "Name": "Target tags", "SortOrder": 0, "IsSystem": True, "Tags": []},
    "GitHubAppConnection": {"Id": "GitHubAppConnections-7", "AccountLogin": "example-retail"},
}
"""What each server of 2026.1 makes by itself, and a person at each of them."""


@pytest.fixture(params=["2018.8", NEWEST])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(version: str, tmp_path: Path) -> SampleServer:
    found = SampleServer(sample(tmp_path / "source.db", newest=version == NEWEST))
    # A mention of what no server has is dropped by an import, which is no part of these tests.
    found.edit("Project", "Projects-6", lambda body: body.update(ClonedFromProjectId=None))
    return found


@pytest.fixture
def other(version: str, tmp_path: Path) -> SampleServer:
    """
    A server that gives other ids than the source, with what each server makes by itself.
    """
    found = SampleServer(empty(tmp_path / "other.db", newest=version == NEWEST))
    with found.connection() as connection:
        for table in ("Project", "DeploymentEnvironment", "Tenant", "Machine", "Runbook", "TagSet", "Feed", "Account"):
            connection.execute("INSERT INTO KeyAllocation VALUES (?, 500)", (table,))
        for table, own in OWN.items() if version == NEWEST else ():
            rows.insert(connection, table, own)
    return found


def taken(folder: Path, server: SampleServer) -> Report:
    return import_tree(server.address, FolderFiles(folder), OPTIONS)


def outcomes(report: Report) -> dict[str, set[str]]:
    """
    Return the types of each outcome.
    """
    found: dict[str, set[str]] = {}
    for type_, counts in report.counts.items():
        for outcome in counts:
            found.setdefault(outcome, set()).add(type_)
    return found


def stored_secrets(server: SampleServer) -> Iterator[str]:
    """
    Yield the plaintext of everything that the database holds under its master key, but for the server's own.
    """
    for (table,) in server.run("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in server.run(f'SELECT * FROM "{table}"'):
            for value in row[1:]:
                text = gzip.decompress(value).decode("utf-16-le") if is_packed(value) else value
                if isinstance(text, str) and row[0] != "certificate-global":
                    yield from (CIPHER.open(text[start:end]) for start, end in find_ciphertexts(text))


def is_packed(value: object) -> bool:
    return isinstance(value, bytes) and value.startswith(b"\x1f\x8b")


def test_what_was_imported_is_what_was_exported(source: SampleServer, other: SampleServer, tmp_path: Path) -> None:
    """
    Everything arrives at a new server; the same tree once more changes nothing; and the new server's own tree changes
    nothing where the first one came from.
    """
    export(source.address, tmp_path / "first", source.options())
    first = outcomes(taken(tmp_path / "first", other))
    assert first.pop("Updated", set()) <= {"RateLimitingPolicy", "TagSet", "Space"}
    assert first.keys() - {"Unchanged"} == {"Created"}, first
    again = outcomes(taken(tmp_path / "first", other))
    assert again.keys() == {"Unchanged"}, again
    export(other.address, tmp_path / "second", other.options())
    back = outcomes(taken(tmp_path / "second", source))
    assert back.keys() == {"Unchanged"}, back


def test_no_secret_leaves_in_clear_and_each_one_arrives(
    source: SampleServer, other: SampleServer, tmp_path: Path
) -> None:
    """
    Neither a plaintext nor the server's own ciphertext stands in the tree; on the other server each secret opens.
    """
    secrets = set(stored_secrets(source))
    assert len(secrets) > 20
    export(source.address, tmp_path / "out", source.options())
    for path, content in contents(tmp_path / "out").items():
        text = content.decode()
        assert not find_ciphertexts(text), path
        assert not [secret for secret in secrets if secret and secret in text], path
    taken(tmp_path / "out", other)
    assert set(stored_secrets(other)) == secrets


def test_a_part_has_all_that_it_needs(source: SampleServer, other: SampleServer, tmp_path: Path) -> None:
    """
    One project and what it needs arrive at a server that has nothing; nothing is missing.
    """
    partial_export(source.address, tmp_path / "part", Selection(("Web Shop",)), source.options())
    report = taken(tmp_path / "part", other)
    found = outcomes(report)
    assert found.pop("Updated", set()) <= {"TagSet", "Space"}
    assert found.keys() <= {"Created", "Unchanged"}
    assert report.counts["Project"] == {"Created": 1}
    again = outcomes(taken(tmp_path / "part", other))
    assert again.keys() == {"Unchanged"}, again
