"""
An export in the original tool's format: whole, the same on every run, safe, and read back as the native one is.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from migrator.credentials import Secret
from migrator.documents.document import places
from migrator.documents.scripts import InlineScripts
from migrator.errors import PlaintextFound, SecretError, UsageError
from migrator.export.render import RenderOptions
from migrator.exporter import Octopus, export
from migrator.maps.document_map import Column, Noise
from migrator.octopus_format.classes import OMITTED
from migrator.octopus_format.form import write_document
from migrator.secrets.ciphers import InterchangeCipher
from migrator.secrets.sealing import SecretsMode
from migrator.tree.files import FolderFiles
from migrator.tree.reader import read_tree
from migrator.tree.values import TreeDocument
from tests.support.servers import CIPHER, PASSWORD, SampleServer, contents, document, migrator

RAW = RenderOptions(Noise.RAW)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    directory = tmp_path / "target"
    directory.mkdir()
    return directory


def at(day: int) -> Any:
    return lambda: datetime(2026, 1, day, 12, tzinfo=UTC)


def export_to(
    server: SampleServer, directory: Path, day: int = 1, clean: bool = False, **changes: Any
) -> dict[str, bytes]:
    export(server.address, directory, server.options(**changes), clean=clean, form=partial(Octopus, clock=at(day)))
    return contents(directory)


def comparable(item: TreeDocument) -> dict[str, Any]:
    """
    Return a document without what one of the formats leaves out or sorts.
    """
    body = dict(item.body)
    for name, value in OMITTED.get(item.map.type, {}).items():
        if body.get(name, value) in (value, None):
            body.pop(name, None)
    for name, form in item.map.columns.items():
        if form is Column.IDS and body.get(name) is None:
            body[name] = []
    for pattern in item.map.sets:
        for place in places(body, pattern):
            place.container[place.key] = sorted(place.value or [])
    if item.map.type == "VariableSet":
        body["Variables"] = [{k: v for k, v in one.items() if k != "Scope" or v} for one in body["Variables"]]
    return body


@pytest.mark.parametrize("which", ["server", "server_with_spaces"])
def test_both_formats_read_back_to_the_same_documents(which: str, target: Path, request: pytest.FixtureRequest) -> None:
    """
    Every document of the native tree is in the other one, equal down to the plaintext of each secret.
    """
    server: SampleServer = request.getfixturevalue(which)
    report = export(server.address, target / "native", server.options(render=RAW))
    assert export(server.address, target / "octopus", server.options(), form=Octopus).counts == report.counts
    native = read_tree(FolderFiles(target / "native"), Secret(PASSWORD))
    octopus = read_tree(FolderFiles(target / "octopus"), Secret(PASSWORD))
    assert (octopus.problems, octopus.warnings, octopus.format) == ((), (), "octopus")
    assert octopus.versions == native.versions
    theirs = {(item.map.type, item.id): item for item in octopus.documents}
    assert set(theirs) == {(item.map.type, item.id) for item in native.documents}
    for item in native.documents:
        other = theirs[item.map.type, item.id]
        assert comparable(other) == comparable(item), item.file
        assert (other.space, other.edited_scripts) == (item.space, ())


def test_what_was_read_is_written_byte_for_byte(server_with_spaces: SampleServer, target: Path) -> None:
    """
    Reading and writing again changes no file.
    """
    files = export_to(server_with_spaces, target)
    cipher = InterchangeCipher.from_password(PASSWORD)
    for item in read_tree(FolderFiles(target), Secret(PASSWORD)).documents:
        assert write_document(item.map, item.body, cipher) == files[item.file], item.file


def test_the_files_have_the_originals_shape(server: SampleServer, target: Path) -> None:
    """
    $type first, two blanks, LF, no line end at the end, base-class properties last, the original's file names.
    """
    files = export_to(server, target)
    for path, content in files.items():
        if path.endswith(".json"):
            assert content.startswith((b'{\n  "$type": "', b'{\n  "Id": "')), path
            assert content.endswith(b"\n}"), path
            assert b"\r" not in content.replace(b"\\r", b""), path
    untyped = {
        path.partition("/")[0] for path in files if path.endswith(".json") and "$type" not in document(target, path)
    }
    assert untyped <= {"DashboardConfigurations", "Configuration"}
    accounts = [json.loads(content) for path, content in files.items() if path.startswith("Accounts/")]
    assert {tuple(account)[-7:] for account in accounts} == {
        ("Id", "AccountType", "Name", "Description", "EnvironmentIds", "TenantIds", "TenantTags")
    }
    assert {"Configuration/server.json", "Configuration/features.json", "Configuration/smtp.json"} <= set(files)


def test_no_noise_is_filtered_and_no_list_sorted(server: SampleServer, target: Path) -> None:
    """
    Counters, related ids and the order of lists are the database's.
    """
    files = export_to(server, target)
    paths = [path for path in files if path.endswith("-DeploymentProcess.json")]
    assert all({"Version", "RelatedDocumentIds"} <= set(document(target, path)) for path in paths)
    stored = {row[0]: row[1] for row in server.run("SELECT Name, Roles FROM Machine")}
    written = [document(target, path) for path in files if path.startswith("Machines/")]
    assert {item["Name"]: [*item["Roles"]] for item in written} == {
        name: [role for role in (roles or "").split("|") if role] for name, roles in stored.items()
    }


def test_an_unchanged_server_changes_no_byte(server: SampleServer, target: Path) -> None:
    """
    Created stays while nothing else changes, also with --clean; and is new when something did.
    """
    first = export_to(server, target, day=1)
    assert export_to(server, target, day=2) == first
    assert export_to(server, target, day=3, clean=True) == first
    server.edit("ProjectGroup", "ProjectGroups-1", lambda body: body.update(Description="another"))
    second = export_to(server, target, day=4)
    changed = {path for path in first if first[path] != second[path]}
    assert len(changed) == 2
    assert json.loads(second["metadata.json"])["Created"] == "2026-01-04T12:00:00.0000000+00:00"


def test_a_removed_document_counts_as_a_change(server: SampleServer, target: Path) -> None:
    """
    With --clean its file goes, and Created is new.
    """
    export_to(server, target, day=1)
    (target / "Environments" / "gone.json").write_text("{}")
    files = export_to(server, target, day=2, clean=True)
    assert "Environments/gone.json" not in files
    assert json.loads(files["metadata.json"])["Created"].startswith("2026-01-02")


def test_clean_spares_directories_of_others(server: SampleServer, target: Path) -> None:
    """
    --clean deletes only where an export stood before.
    """
    (target / "metadata.json").write_text('{"Hello": "world"}')
    with pytest.raises(UsageError, match="--clean would delete"):
        export_to(server, target, clean=True)


def test_a_plaintext_in_the_clear_stops_the_export(server: SampleServer, target: Path) -> None:
    """
    The leak guard looks at this format too, and nothing is written.
    """
    row = server.run("SELECT Id, JSON FROM Account WHERE JSON LIKE '%Password%'")[0]
    sealed = json.loads(row[1])["Password"]
    plain = CIPHER.open(sealed)
    server.edit("ProjectGroup", "ProjectGroups-1", lambda body: body.update(Description=f"psst: {plain}"))
    with pytest.raises(PlaintextFound) as caught:
        export_to(server, target)
    assert plain not in str(caught.value)
    assert contents(target) == {}


def test_a_secret_stored_in_the_clear_is_sealed(server: SampleServer, target: Path) -> None:
    """
    What stands in a secret's place without encryption leaves the server sealed all the same.
    """
    identity, name = server.run("SELECT Id, Name FROM Account WHERE JSON LIKE '%Password%'")[0]
    server.edit("Account", identity, lambda body: body.update(Password="never encrypted"))
    files = export_to(server, target)
    assert not any(b"never encrypted" in content for content in files.values())
    (account,) = [i for i in read_tree(FolderFiles(target), Secret(PASSWORD)).documents if i.id == identity]
    assert account.body["Name"] == name
    assert account.body["Password"].plain == "never encrypted"


@pytest.mark.parametrize(
    "changes",
    [
        {"secrets": SecretsMode.OMIT},
        {"secrets": SecretsMode.FINGERPRINT},
        {"render": RenderOptions(inline_scripts=InlineScripts.EXTRACT)},
        {"password": None},
    ],
)
def test_what_the_format_cannot_say_is_refused(server: SampleServer, target: Path, changes: dict[str, Any]) -> None:
    """
    Before anything is read, with a sentence that names the option.
    """
    with pytest.raises(UsageError, match="--"):
        export_to(server, target / "new", **changes)
    assert not (target / "new").exists()


def test_a_wrong_master_key_is_told(server: SampleServer, target: Path) -> None:
    """
    As in the native format.
    """
    with pytest.raises(SecretError, match="master key"):
        export_to(server, target, master_key=Secret("EBESExQVFhcYGRobHB0eHw=="))


def test_the_command_writes_the_format(server: SampleServer, target: Path) -> None:
    """
    --format octopus is the same export.
    """
    done = migrator(
        "export", "--directory", str(target / "tree"), "--database", server.address, "--format", "octopus", "--quiet"
    )
    assert (done.returncode, done.stderr) == (0, "")
    files = contents(target / "tree")
    again = export_to(server, target / "again")
    assert {path for path in files if files[path] != again[path]} == {"metadata.json"}
    assert set(files) == set(again)
