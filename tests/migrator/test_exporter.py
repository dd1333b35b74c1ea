"""
An export's bytes: the same state gives the same, whatever else differs; and what changed shows.
"""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auditor.demo.edits import apply_edit
from auditor.demo.schema import insert
from migrator.documents.scripts import InlineScripts
from migrator.errors import PlaintextFound, SecretError, UsageError
from migrator.export.render import RenderOptions
from migrator.exporter import ExportOptions, export
from migrator.maps import REGISTRY
from migrator.maps.document_map import Noise
from migrator.report import Report
from migrator.secrets.sealing import SecretsMode
from migrator.tree.metadata import Metadata
from tests.support.servers import CIPHER, KEY, SampleServer, contents, document, migrator, migrator_process

BODY = "Octopus.Action.Script.ScriptBody"
OMIT = {"secrets": SecretsMode.OMIT, "password": None, "master_key": None}


def exported(server: SampleServer, directory: Path, **changes: Any) -> Report:
    return export(server.address, directory, server.options(**changes))


@pytest.fixture(scope="module")
def tree(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tree") / "out"
    exported(SampleServer(filled), directory)
    return directory


@pytest.fixture(scope="module")
def tree_with_spaces(filled_spaces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tree-spaces") / "out"
    exported(SampleServer(filled_spaces), directory)
    return directory


def shuffled(path: Path, target: Path) -> None:
    """
    Make a database with the rows of another in another order.
    """
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(target)) as new:
        names = []
        for name, sql in old.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall():
            if not name.startswith("sqlite_"):
                new.execute(sql)
                names.append(name)
        for name in names:
            rows = old.execute(f'SELECT * FROM "{name}"').fetchall()
            random.Random(7).shuffle(rows)
            for row in rows:
                new.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" for _ in row)})', row)
        new.commit()


def test_same_state_same_bytes(tree: Path, filled: Path, tmp_path: Path) -> None:
    """
    A second export, of the same rows in another order, into another folder, in a process with other hashes and
    another language, gives the same files; metadata.json included.
    """
    shuffled(filled, tmp_path / "shuffled.db")
    done = migrator_process(
        "export",
        f"--database=sqlite:///{tmp_path}/shuffled.db",
        f"--directory={tmp_path}/again",
        PYTHONHASHSEED="99",
        LC_ALL="tr_TR.UTF-8",
        TZ="Pacific/Chatham",
    )
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "again") == contents(tree)


def test_a_repeated_export_touches_nothing(tree: Path, filled: Path) -> None:
    """
    Exporting again into the same folder rewrites no file.
    """
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    exported(SampleServer(filled), tree)
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


def test_every_row_is_a_file(tree: Path, filled: Path) -> None:
    """
    Each row of a mapped table is a file whose Id is the row's, but for frozen, history and excluded rows.
    """
    with closing(sqlite3.connect(filled)) as connection:
        expected = set()
        for item in REGISTRY.maps:
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{item.table}")')]
            if columns and item.kind.value == "configuration":
                live = " WHERE IsFrozen = 0" if "IsFrozen" in columns else ""
                rows = connection.execute(f'SELECT Id FROM "{item.table}"{live}').fetchall()
                expected |= {(item.table, id_) for (id_,) in rows if item.exclusion(id_) is None}
    documents = [path for path in tree.rglob("*.json") if path.name != "metadata.json"]
    assert len(documents) == len(expected)
    assert {json.loads(path.read_bytes())["Id"] for path in documents} == {id_ for _, id_ in expected}


def test_files_are_canonical(tree: Path) -> None:
    """
    The Id and the natural key lead, other keys are sorted, lines end in LF, and the file ends in one.
    """
    content = (tree / "Projects/Web Shop/Web Shop.json").read_bytes()
    keys = list(json.loads(content))
    assert keys[:2] == ["Id", "Name"]
    assert keys[2:] == sorted(keys[2:])
    assert content.endswith(b"}\n")
    assert b"\r" not in content


def test_a_changed_secret_shows_and_a_resealed_one_does_not(tree: Path, server: SampleServer, tmp_path: Path) -> None:
    """
    Another plaintext changes its file alone; the same plaintext under a new IV changes nothing.
    """
    apply_edit(server.path, KEY, "save a set without a change")
    exported(server, tmp_path / "out")
    before = contents(tree)
    assert contents(tmp_path / "out") == before
    apply_edit(server.path, KEY, "change only a secret")
    exported(server, tmp_path / "out")
    after = contents(tmp_path / "out")
    changed = [path for path in after if after[path] != before.get(path)]
    assert [path.endswith("-VariableSet.json") for path in changed] == [True]


def test_no_plaintext_and_no_ciphertext_in_a_tree(tree: Path, server: SampleServer) -> None:
    """
    Neither what the secrets are nor how the database held them stands in any file.
    """
    texts = b"\n".join(contents(tree).values()).decode("utf-8")
    rows = server.run("SELECT JSON FROM VariableSet WHERE IsFrozen = 0")
    variables = [item for (text,) in rows for item in json.loads(text)["Variables"]]
    sealed = [item["Value"] for item in variables if item.get("Type") == "Sensitive" or item.get("IsSensitive")]
    assert sealed
    for value in sealed:
        assert value not in texts
        assert CIPHER.open(value) not in texts
    for (hashed,) in server.run("SELECT ApiKeyHashed FROM ApiKey"):
        assert hashed not in texts


@pytest.mark.parametrize("mode", [SecretsMode.FINGERPRINT, SecretsMode.OMIT])
def test_modes_of_secrets(mode: SecretsMode, tree: Path, server: SampleServer, tmp_path: Path) -> None:
    """
    Fingerprints and omissions have the same files, differ in secrets only, and hold nothing that could be opened.
    """
    exported(server, tmp_path / "out", **({"secrets": mode} if mode is SecretsMode.FINGERPRINT else OMIT))
    found = contents(tmp_path / "out")
    assert found.keys() == contents(tree).keys()
    text = b"".join(found.values()).decode("utf-8")
    assert '"$secret"' not in text
    assert ('"$fingerprint"' in text) == (mode is SecretsMode.FINGERPRINT)
    assert ('"$omitted"' in text) == (mode is SecretsMode.OMIT)
    assert Metadata.from_bytes(found["metadata.json"]).secrets is mode


def test_metadata_says_how_and_never_when(tree: Path) -> None:
    """
    metadata.json opens with the password alone, and holds no time and no machine.
    """
    metadata = Metadata.from_bytes((tree / "metadata.json").read_bytes())
    assert metadata.to_bytes() == (tree / "metadata.json").read_bytes()
    metadata.open_with("correct horse battery")
    with pytest.raises(SecretError, match="does not fit"):
        metadata.open_with("another")
    assert set(json.loads(metadata.to_bytes())) == {
        "Format",
        "FormatVersion",
        "DatabaseVersion",
        "Server",
        "Noise",
        "InlineScripts",
        "Secrets",
    }


def test_a_guess_at_the_password_is_dear(server: SampleServer, tmp_path: Path, keys_cost_what_they_cost: None) -> None:
    """
    Keys of a real export are derived by scrypt at 32 MiB a guess; that tests make them cheaper changes nothing of it.
    """
    exported(server, tmp_path / "out")
    secrets = document(tmp_path / "out", "metadata.json")["Secrets"]
    assert (secrets["N"], secrets["R"], secrets["P"]) == (32768, 8, 3)


def test_spaces_have_folders(tree_with_spaces: Path, server_with_spaces: SampleServer) -> None:
    """
    What belongs to a space stands below its folder, what belongs to the server does not; bodies in blobs are read.
    """
    paths = contents(tree_with_spaces).keys()
    assert any(path.startswith("Spaces/Default/Projects/") for path in paths)
    assert any(path.startswith("Spaces/Second_ floor [Spaces-2]/") for path in paths)
    assert any(path.startswith("Users/") for path in paths)
    assert not any(path.startswith("Projects/") for path in paths)
    assert server_with_spaces.run("SELECT count(*) FROM VariableSet WHERE JSONBlob IS NOT NULL") != [(0,)]
    process = document(tree_with_spaces, "Spaces/Default/Projects/Web Shop/Web Shop-DeploymentProcess.json")
    assert process["Steps"]


def test_parts_stand_beside_their_owner(tree_with_spaces: Path) -> None:
    """
    A runbook's process stands in the runbook's folder, under its name.
    """
    processes = [path for path in contents(tree_with_spaces) if "RunbookProcess" in path]
    assert processes
    for path in processes:
        folder, _, file = path.rpartition("/")
        assert file == folder.rpartition("/")[2] + "-RunbookProcess.json"


def test_unknown_columns_and_tables_pass_through(empty_server: SampleServer, tmp_path: Path) -> None:
    """
    A newer server's column is exported; its unknown tables too, with a warning each, whether they have JSON or not.
    """
    with empty_server.connection() as connection:
        connection.execute('ALTER TABLE "Lifecycle" ADD COLUMN "Slug" TEXT')
        connection.execute('CREATE TABLE "Gadget" (Id TEXT, Name TEXT, Size INTEGER, JSON TEXT)')
        connection.execute('CREATE TABLE "Counter" (Id TEXT, Value INTEGER)')
        insert(connection, "Lifecycle", {"Id": "Lifecycles-1", "Name": "Default", "Slug": "default", "Phases": []})
        connection.execute("""INSERT INTO "Gadget" VALUES ('Gadgets-1', 'One', 5, '{"Kind":"new","Rate":1.50}')""")
        connection.execute("INSERT INTO \"Counter\" VALUES ('x', 1)")
    report = exported(empty_server, tmp_path / "out", **OMIT)
    assert document(tmp_path / "out", "Lifecycles/Default.json")["Slug"] == "default"
    gadget = (tmp_path / "out/Tables/Gadget/Gadgets-1.json").read_text()
    assert json.loads(gadget) == {"Id": "Gadgets-1", "Kind": "new", "Name": "One", "Rate": 1.5, "Size": 5}
    assert '"Rate": 1.50' in gadget
    assert document(tmp_path / "out", "Tables/Counter/x.json") == {"Id": "x", "Value": 1}
    warned = [item.message for item in report.warnings]
    assert all(any(name in message for message in warned) for name in ("Gadget", "Counter"))
    assert report.tables is not None
    assert report.as_json()["tables"]["as_they_are"] == ["Counter", "Gadget"]


def test_null_empty_and_missing_are_three_things(empty_server: SampleServer, tmp_path: Path) -> None:
    """
    A null stays null, an empty text stays empty, what is absent stays absent; for secrets too.
    """
    bodies = {"Null": {"Password": None}, "Empty": {"Password": ""}, "Missing": {}, "Sealed": {}}
    bodies["Sealed"] = {"Password": CIPHER.seal("")}
    with empty_server.connection() as connection:
        for name, body in bodies.items():
            insert(connection, "Proxy", {"Id": f"Proxies-{name}", "Name": name, **body})
    exported(empty_server, tmp_path / "out")
    found = {name: document(tmp_path / "out", f"Proxies/{name}.json") for name in bodies}
    assert found["Null"]["Password"] is None
    assert found["Empty"]["Password"] == ""
    assert "Password" not in found["Missing"]
    assert list(found["Sealed"]["Password"]) == ["$secret"]


@pytest.mark.parametrize("mode", InlineScripts)
def test_inline_scripts(mode: InlineScripts, tree: Path, server: SampleServer, tmp_path: Path) -> None:
    """
    Copied scripts stand in both places, extracted ones in their file with a link, left ones in the document alone.
    """
    directory = tmp_path / "out"
    exported(server, directory, **OMIT, render=RenderOptions(inline_scripts=mode))
    scripts = {path: text for path, text in contents(directory).items() if not path.endswith(".json")}
    if mode is not InlineScripts.LEAVE:
        assert {path.rpartition(".")[2] for path in scripts} >= {"ps1", "sh", "py", "csx", "fsx"}
        assert scripts.keys() == {path for path in contents(tree) if not path.endswith(".json")}
    folder = "Projects/Web Shop"
    process = document(directory, f"{folder}/Web Shop-DeploymentProcess.json")
    values = [
        action["Properties"][BODY]
        for step in process["Steps"]
        for action in step["Actions"]
        if BODY in action["Properties"]
    ]
    assert values
    for value in values:
        if mode is InlineScripts.EXTRACT:
            assert scripts[f"{folder}/{value['$file']}"]
        elif mode is InlineScripts.COPY:
            assert value.encode() in [text for path, text in scripts.items() if path.startswith(folder)]
        else:
            assert isinstance(value, str)
            assert not scripts


def test_noise_has_three_levels(server: SampleServer, tmp_path: Path) -> None:
    """
    Each stricter level shows a part of what the looser one shows.
    """
    sizes = []
    for noise in (Noise.STRICT, Noise.NORMAL, Noise.RAW):
        exported(server, tmp_path / noise.value, **OMIT, render=RenderOptions(noise))
        sizes.append(sum(map(len, contents(tmp_path / noise.value).values())))
    assert sizes == sorted(set(sizes))
    raw, normal = (
        document(tmp_path / level, "Projects/Web Shop/Web Shop-VariableSet.json") for level in ("raw", "normal")
    )
    assert "Version" in raw
    assert "Version" not in normal
    assert not (tmp_path / "strict/CommunityActionTemplates").exists()
    assert (tmp_path / "normal/CommunityActionTemplates").exists()


def test_history_only_on_request(tree: Path, server: SampleServer, tmp_path: Path) -> None:
    """
    Releases, deployments, tasks and events are exported when asked for, frozen snapshots with them.
    """
    folders = {"Releases", "Deployments", "ServerTasks", "Events"}
    assert not folders & {path.partition("/")[0] for path in contents(tree)}
    exported(server, tmp_path / "out", **OMIT, history=True)
    assert folders <= {path.partition("/")[0] for path in contents(tmp_path / "out")}
    snapshots = [path for path in contents(tmp_path / "out") if "-snapshot" in path]
    assert snapshots
    assert all(path.startswith("Releases/") for path in snapshots)


def test_a_plaintext_is_never_written(server: SampleServer, tmp_path: Path) -> None:
    """
    Where a secret's plaintext stands in a description, the export stops, names the document, and writes nothing.
    """
    exported(server, tmp_path / "out")
    before = contents(tmp_path / "out")
    (row,) = server.run("SELECT JSON FROM VariableSet WHERE Id = 'variableset-Projects-1'")
    variables = json.loads(row[0])["Variables"]
    secret = CIPHER.open(next(item["Value"] for item in variables if item.get("Type") == "Sensitive"))
    server.edit("Project", "Projects-2", lambda project: project.update(Description=f"the password is {secret}!"))
    server.edit("Project", "Projects-3", lambda project: project.update(Description="another change"))
    with pytest.raises(PlaintextFound, match="Project Projects-2") as error:
        exported(server, tmp_path / "out")
    assert secret not in str(error.value)
    assert secret not in repr(error.value)
    assert contents(tmp_path / "out") == before
    done = migrator("export", f"--database={server.address}", f"--directory={tmp_path}/new", f"--report={tmp_path}/r")
    assert done.returncode == 1
    assert "Projects-2" in done.stderr
    assert secret not in done.stderr + done.stdout
    assert not (tmp_path / "r").exists()
    assert not (tmp_path / "new").exists()


def test_what_is_missing_is_told_before_anything_is_read(tmp_path: Path) -> None:
    """
    Without password or master key there is no export with secrets, and no directory is made.
    """
    server = SampleServer(tmp_path / "does-not-exist.db")
    for changes in ({"password": None}, {"master_key": None}):
        with pytest.raises(UsageError):
            exported(server, tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_options_do_not_show_secrets(server: SampleServer) -> None:
    """
    The options' repr, as a traceback with locals or a log would show it, holds neither password nor key.
    """
    shown = repr(server.options())
    assert "correct horse" not in shown
    assert "AAECAw" not in shown
    assert isinstance(server.options(), ExportOptions)


def test_a_state_that_comes_and_goes_is_left_out_and_told(filled_spaces: Path, tmp_path: Path) -> None:
    """
    Environments that releases make and remove are no configuration: the report counts them, and raw takes them.
    """
    path = tmp_path / "copy.db"
    path.write_bytes(filled_spaces.read_bytes())
    with closing(sqlite3.connect(path)) as connection, connection:
        body = {"Name": "pr-17", "SortOrder": 9, "Type": "Ephemeral", "SpaceId": "Spaces-1"}
        insert(connection, "DeploymentEnvironment", {"Id": "Environments-917"} | body)
    server = SampleServer(path)

    report = exported(server, tmp_path / "normal")
    exported(server, tmp_path / "raw", render=RenderOptions(noise=Noise.RAW))

    assert not list((tmp_path / "normal").rglob("pr-17.json"))
    assert [w.message for w in report.warnings if "left out" in w.message] == [
        "1 deployment environment left out: made and removed by releases and runbooks; --noise raw takes them"
    ]
    assert len(list((tmp_path / "raw").rglob("pr-17.json"))) == 1


def test_what_lives_in_git_is_told(filled: Path, tmp_path: Path) -> None:
    """
    Of a project under version control the report says what is not in the export, and where it is instead.
    """
    path = tmp_path / "copy.db"
    path.write_bytes(filled.read_bytes())
    settings = {"Type": "VersionControlled", "Url": "https://x:pw@git.example.com/s", "BasePath": "o"}
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE Project SET JSON = json_set(JSON, '$.PersistenceSettings', json(?)) WHERE Id = 'Projects-1'",
            [json.dumps(settings)],
        )

    report = exported(SampleServer(path), tmp_path / "out")

    (told,) = [item for item in report.warnings if item.path == "PersistenceSettings"]
    assert told.document == "Projects-1" and "not what runs" in told.message
    assert "https://git.example.com/s, branch unknown, folder o" in told.message
