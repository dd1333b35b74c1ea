"""
The original tool's form, on a small tree of that shape: what is read is what stood there, and writes as it stood.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.credentials import Secret
from migrator.errors import OperatorError, SecretError, UnreadableDocument
from migrator.maps import REGISTRY
from migrator.octopus_format.form import OctopusMetadata, is_octopus, octopus_metadata, open_document, write_document
from migrator.secrets.ciphers import InterchangeCipher
from migrator.secrets.sealing import MixedText, SecretText
from migrator.tree.files import FolderFiles
from migrator.tree.reader import read_tree
from migrator.tree.values import Tree, TreeDocument

FIXTURE = Path(__file__).parents[2] / "data" / "octopus-3.8"
PASSWORD = "mind the gap 9"
CIPHER = InterchangeCipher.from_password(PASSWORD)
TOKEN = re.compile(r"@\{([^}]*)\}")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """
    Return the fixture with its tokens sealed under the test's password.
    """
    directory = Path(shutil.copytree(FIXTURE, tmp_path / "tree"))
    for file in directory.rglob("*.json"):
        file.write_bytes(TOKEN.sub(lambda match: CIPHER.seal(match[1]), file.read_text("utf-8")).encode())
    return directory


def read(directory: Path) -> Tree:
    return read_tree(FolderFiles(directory), Secret(PASSWORD))


def by_id(tree: Tree) -> dict[str, TreeDocument]:
    return {item.id: item for item in tree.documents}


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(file.read_text("utf-8"))
    edit(value)
    file.write_text(json.dumps(value, indent=2), "utf-8")


def test_every_file_is_a_document_of_its_type(tree: Path) -> None:
    """
    Folder, id and $type give each file its type, companions too.
    """
    result = read(tree)
    assert (result.problems, result.warnings, result.format) == ((), (), "octopus")
    assert result.versions == (("", "3.8.4"),)
    assert {item.id: item.map.type for item in result.documents} == {
        "Environments-3": "DeploymentEnvironment",
        "usernamepassword-dock-crew": "Account",
        "feeds-crane-parts": "Feed",
        "feeds-images": "Feed",
        "serverconfig": "Configuration",
        "smtp": "Configuration",
        "Users-5": "User",
        "Machines-4": "Machine",
        "LibraryVariableSets-6": "LibraryVariableSet",
        "variableset-LibraryVariableSets-6": "VariableSet",
        "Projects-8": "Project",
        "variableset-Projects-8": "VariableSet",
        "deploymentprocess-Projects-8": "DeploymentProcess",
        "Channels-8": "Channel",
        "ProjectTriggers-3": "ProjectTrigger",
        "Tenants-2": "Tenant",
        "TenantVariables-11": "TenantVariable",
    }


def test_what_is_read_writes_as_it_stood(tree: Path) -> None:
    """
    Each document written again gives its file's bytes: order of properties, nulls, lists, secrets, no line end.
    """
    for item in read(tree).documents:
        assert write_document(item.map, item.body, CIPHER) == (tree / item.file).read_bytes(), item.file


def test_secrets_open_wherever_they_stand(tree: Path) -> None:
    """
    Plain fields, variables of both shapes, and SensitiveValue objects; hashes stay as they stand.
    """
    documents = by_id(read(tree))
    assert documents["usernamepassword-dock-crew"].body["Password"] == SecretText("moor the boats")
    assert documents["smtp"].body["SmtpPassword"] == SecretText("bottle post")
    values = [item["Value"] for item in documents["variableset-LibraryVariableSets-6"].body["Variables"]]
    assert values == ["06:12", SecretText("lock 4711 gate"), SecretText("channel sixteen")]
    assert documents["TenantVariables-11"].body["Value"] == {"SensitiveValue": SecretText("knots at night")}
    assert documents["Users-5"].body["PasswordHashed"].encrypted is False


def test_only_the_outermost_type_name_goes(tree: Path) -> None:
    """
    The $type of endpoints, filters and actions is part of the document.
    """
    documents = by_id(read(tree))
    assert not any("$type" in item.body for item in documents.values())
    assert documents["Machines-4"].body["Endpoint"]["$type"].endswith("CloudRegionEndpoint, Octopus.Core")
    assert documents["ProjectTriggers-3"].body["Filter"]["$type"].endswith("MachineFilter, Octopus.Core")


def test_any_initialisation_vector_is_accepted(tree: Path) -> None:
    """
    A third party's tree seals with random vectors; it reads the same.
    """
    # AES-CBC: the first block's plaintext under another vector is the old one xor both vectors.
    sealed = CIPHER.seal("moor the boats")
    body, iv = sealed.split("|")
    assert iv == "AAAAAAAAAAAAAAAAAAAAAA=="
    other = "AQAAAAAAAAAAAAAAAAAAAA=="
    change(tree / "Accounts" / "Dock crew.json", lambda value: value.update(Password=f"{body}|{other}"))
    assert by_id(read(tree))["usernamepassword-dock-crew"].body["Password"] == SecretText("loor the boats")


@pytest.mark.parametrize("value", ["#{Encoding[Seal].Password}", "moor the boats", CIPHER.seal("x")[:-1]])
def test_a_secret_that_is_not_sealed_is_a_problem(tree: Path, value: str) -> None:
    """
    A template's token, or a plain text, in a secret's place is told with file and place, without the text.
    """
    change(tree / "Accounts" / "Dock crew.json", lambda body: body.update(Password=value))
    change(
        tree / "LibraryVariableSets" / "Tides-VariableSet.json", lambda body: body["Variables"][1].update(Value=value)
    )
    problems = read(tree).problems
    assert [(p.file, p.place) for p in problems] == [
        ("Accounts/Dock crew.json", "Password"),
        ("LibraryVariableSets/Tides-VariableSet.json", "Variables/[a1e0f0b2-0a57-4b38-8f1d-0d5f4b7c2a02]/Value"),
    ]
    assert not any(value in p.message for p in problems)


def test_a_secret_under_another_password_is_a_problem(tree: Path) -> None:
    """
    A value that does not open is told, each one, and never taken as text.
    """
    foreign = InterchangeCipher.from_password("something else").seal("a text of some length, over two blocks")
    change(tree / "Accounts" / "Dock crew.json", lambda body: body.update(Password=foreign, Username=foreign))
    problems = read(tree).problems
    assert [(p.file, p.place) for p in problems] == [
        ("Accounts/Dock crew.json", "Password"),
        ("Accounts/Dock crew.json", "Username"),
    ]


def test_a_secret_of_the_native_format_is_a_problem(tree: Path) -> None:
    """
    A file of a native export that was left in the directory is not taken for one of this format.
    """
    change(tree / "Accounts" / "Dock crew.json", lambda body: body.update(Password={"$secret": "AAAA"}))
    (problem,) = read(tree).problems
    assert problem.place == "Password"


@pytest.mark.parametrize("password", [Secret("mind the gap"), Secret(""), None])
def test_a_wrong_password_stops_before_anything_else(tree: Path, password: Secret | None) -> None:
    """
    Hello opens first, or nothing is read.
    """
    (tree / "Environments" / "Lagoon.json").write_text("{")
    with pytest.raises(SecretError, match="password"):
        read_tree(FolderFiles(tree), password)


def test_a_script_beside_its_process_wins_when_it_differs(tree: Path) -> None:
    """
    As in the native format.
    """
    script = tree / "Projects" / "Ferry" / "Ferry - Cast off - Cast off - Script.ps1"
    script.write_text("Write-Host 'full steam'")
    item = by_id(read(tree))["deploymentprocess-Projects-8"]
    assert item.edited_scripts == (script.relative_to(tree).as_posix(),)
    properties = item.body["Steps"][0]["Actions"][0]["Properties"]
    assert properties["Octopus.Action.Script.ScriptBody"] == "Write-Host 'full steam'"


def test_files_of_windows_editors_are_read(tree: Path) -> None:
    """
    A byte order mark and CRLF line ends mean nothing in JSON.
    """
    before = read(tree)
    for file in tree.rglob("*.json"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert read(tree) == before


def test_snapshots_and_logos_are_told_and_left_out(tree: Path) -> None:
    """
    A release's frozen process is no process of the project; logos are no documents.
    """
    folder = tree / "Releases" / "Ferry" / "Default" / "0.0.1"
    folder.mkdir(parents=True)
    shutil.copy(tree / "Projects" / "Ferry" / "Ferry-DeploymentProcess.json", folder / "snapshot.json")
    change(
        folder / "snapshot.json", lambda body: body.update(Id="deploymentprocess-Projects-8-s-1-ABCDE", IsFrozen=True)
    )
    (tree / "Attachments").mkdir()
    (tree / "Attachments" / "Projects-8").write_bytes(b"GIF89a")
    result = read(tree)
    assert not result.problems
    assert len(result.documents) == 17
    assert result.warnings == (
        "Attachments: 1 file of no known type, ignored",
        "1 file with snapshots of releases, ignored: they are history",
    )


def test_the_servers_own_certificate_is_known_in_its_old_place(tree: Path) -> None:
    """
    Up to 3.8 it stood among the users' certificates.
    """
    (tree / "Certificates").mkdir()
    value = {"$type": "Octopus.Core.Model.Certificates.Certificate, Octopus.Core", "Id": "certificate-global"}
    (tree / "Certificates" / "CN=Octopus Portal.json").write_text(json.dumps(value | {"CertificateData": None}))
    assert by_id(read(tree))["certificate-global"].map.type == "Configuration"


def test_metadata_has_the_originals_shape() -> None:
    """
    Hello is the word under the password (a published vector), Created carries seven digits and the offset.
    """
    cipher = InterchangeCipher.from_password("correct horse")
    moment = datetime(2018, 3, 4, 5, 6, 7, 89, timezone(timedelta(hours=-3, minutes=-30)))
    head = octopus_metadata("quay", "2018.8.12", cipher, moment)
    assert json.loads(head.to_bytes()) == {
        "$type": "Octopus.Migrator.ExportProcess.ServerMetadata, Octopus.Migrator",
        "Id": "quay",
        "Name": "quay",
        "Created": "2018-03-04T05:06:07.0000890-03:30",
        "DatabaseVersion": "2018.8.12",
        "Hello": "J5H0495vTvj5kZdf37hVEw==|AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert OctopusMetadata.from_bytes(head.to_bytes()) == head
    assert octopus_metadata("q", "1", cipher, datetime(2018, 1, 1, tzinfo=UTC)).created.endswith("+00:00")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"Hello": "x"}', b'{"$type": 1, "Hello": "x"}', b"\xff"])
def test_metadata_of_others_is_refused(content: bytes) -> None:
    """
    Only a head of the original's form is taken for one, so that --clean deletes nobody else's files.
    """
    assert not is_octopus(content)
    with pytest.raises(OperatorError):
        OctopusMetadata.from_bytes(content)


def test_newer_editions_metadata_is_known() -> None:
    """
    Since 2020 the namespace is another.
    """
    name = "Octopus.Migrator.Core.ExportProcess.ServerMetadata, Octopus.Migrator.Core"
    assert is_octopus(json.dumps({"$type": name, "Hello": "x", "Id": "m"}).encode())


def test_defaults_that_the_server_omits_are_omitted() -> None:
    """
    A variable set's Version 0, IsFrozen false and empty scopes go; NULL lists of ids are written as empty.
    """
    variables = [{"Id": "v", "Name": "n", "Value": None, "Scope": {}}]
    body = {
        "Variables": variables,
        "OwnerId": "Projects-1",
        "IsFrozen": False,
        "Version": 0,
        "RelatedDocumentIds": None,
    }
    written = write_document(REGISTRY["VariableSet"], body | {"Id": "variableset-Projects-1"}, CIPHER)
    assert list(json.loads(written).items())[1:] == [
        ("Id", "variableset-Projects-1"),
        ("OwnerId", "Projects-1"),
        ("Variables", [{"Id": "v", "Name": "n", "Value": None}]),
        ("RelatedDocumentIds", []),
    ]


def test_a_type_name_that_is_stored_wins() -> None:
    """
    What the server's own JSON says is written, not what would be by analogy.
    """
    body = {"Id": "feeds-x", "Name": "x", "FeedType": "NuGet", "$type": "Octopus.Core.Other.Feed, Octopus.Core"}
    written = json.loads(write_document(REGISTRY["Feed"], body, CIPHER))
    assert next(iter(written.items())) == ("$type", "Octopus.Core.Other.Feed, Octopus.Core")


def test_secrets_within_texts_are_sealed_and_opened_in_place() -> None:
    """
    JSON in a text keeps its words, and only the secret in it changes hands.
    """
    body = {"Id": "ext", "Name": "x", "Json": MixedText(('{"Secret": "', SecretText("swordfish"), '"}'))}
    written = write_document(REGISTRY["ExtensionConfiguration"], body, CIPHER)
    assert b"swordfish" not in written
    assert json.loads(json.loads(written)["Json"])["Secret"] == CIPHER.seal("swordfish")
    opened, wrong = open_document(REGISTRY["ExtensionConfiguration"], json.loads(written), CIPHER)
    assert (opened, wrong) == (body, [])


def test_a_secret_without_utf8_is_told_by_its_place() -> None:
    """
    Half of a surrogate pair has no place in that tool's envelope; the document is named, not the value.
    """
    body = {"Id": "Proxies-1", "Name": "p", "Password": SecretText("\ud800", encrypted=False)}
    with pytest.raises(UnreadableDocument, match="Proxies-1 at Password"):
        write_document(REGISTRY["Proxy"], body, CIPHER)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["Name", "Zeta", "Alpha", "Slug", "Templates", "X"]), JSON), st.text())
def test_what_is_written_reads_back_and_writes_the_same(body: dict[str, Any], secret: str) -> None:
    """
    For any document: writing, reading and writing again is writing once; the order of unknown properties stays.
    """
    project = REGISTRY["Project"]
    body |= {"Id": "Projects-1", "Extra": {"SensitiveValue": SecretText(secret)}}
    written = write_document(project, body, CIPHER)
    opened, wrong = open_document(project, json.loads(written), CIPHER)
    assert not wrong
    assert {key: value for key, value in opened.items() if key != "IncludedLibraryVariableSetIds"} == body
    assert write_document(project, opened, CIPHER) == written
    assert not written.endswith(b"\n")
