"""
A tree read back: what an export wrote is what comes back, and every kind of damage is told, all at once.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.credentials import Secret
from migrator.documents.scripts import InlineScripts
from migrator.errors import OperatorError, SecretError
from migrator.export.render import RenderOptions
from migrator.exporter import export
from migrator.maps.document_map import Noise
from migrator.secrets.sealing import SecretsMode, SecretText, plaintexts
from migrator.tree.files import FolderFiles, RevisionFiles
from migrator.tree.reader import read_tree
from migrator.tree.values import Tree, TreeDocument
from tests.support.servers import PASSWORD, SampleServer, contents

SECRET = Secret(PASSWORD)


@pytest.fixture(scope="module", autouse=True)
def each_key_derived_once() -> Iterator[None]:
    """
    Remember derived keys: the real ones, but each of them only once, since deriving is slow by design.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hashlib.scrypt", lru_cache(hashlib.scrypt))
        yield


@pytest.fixture(scope="module")
def exported(filled: Path, filled_spaces: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """
    Export once in each way; tests copy what they change.
    """
    base = tmp_path_factory.mktemp("trees")
    ways = {
        "copy": (filled, {}),
        "extract": (filled, {"render": RenderOptions(Noise.RAW, InlineScripts.EXTRACT)}),
        "leave": (filled, {"render": RenderOptions(inline_scripts=InlineScripts.LEAVE)}),
        "spaces": (filled_spaces, {}),
        "omit": (filled, {"secrets": SecretsMode.OMIT}),
    }
    for name, (path, changes) in ways.items():
        export(f"sqlite:///{path}", base / name, SampleServer(path).options(**changes))
    return {name: base / name for name in ways}


@pytest.fixture
def tree(exported: dict[str, Path], tmp_path: Path) -> Path:
    """
    Return a copy of a part of an export: three projects and some of the small folders.
    """
    source, directory = exported["copy"], tmp_path / "tree"
    projects = sorted(path for path in (source / "Projects").iterdir() if any(path.glob("* - Script.*")))[:3]
    for path in (*projects, *(source / name for name in ("Environments", "Feeds", "Lifecycles", "Proxies"))):
        shutil.copytree(path, directory / path.relative_to(source))
    shutil.copy(source / "metadata.json", directory)
    return directory


def read(directory: Path) -> Tree:
    return read_tree(FolderFiles(directory), SECRET)


def by_id(tree: Tree) -> dict[tuple[str, str], TreeDocument]:
    return {(item.map.type, item.id): item for item in tree.documents}


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(file.read_text(encoding="utf-8"))
    edit(value)
    file.write_text(json.dumps(value, indent=2), encoding="utf-8")


@pytest.mark.parametrize("way", ["copy", "extract", "leave", "spaces"])
def test_every_document_comes_back_with_its_type(exported: dict[str, Path], way: str) -> None:
    """
    Each document file of an export is read as exactly one document, and nothing is wrong with it.
    """
    tree = read(exported[way])
    files = {path for path in contents(exported[way]) if path.endswith(".json") and path != "metadata.json"}
    assert {item.file for item in tree.documents} == files
    assert (tree.problems, tree.warnings, tree.format) == ((), (), "native")
    assert [version for _, version in tree.versions] == ["2018.8.12"]
    assert not any(item.edited_scripts for item in tree.documents)


def test_secrets_come_back_open(exported: dict[str, Path]) -> None:
    """
    No sealed value is left, and what was under the master key says so.
    """
    documents = read(exported["copy"]).documents
    assert not any("$secret" in repr(item.body) for item in documents)
    assert any(plaintexts(item.body) for item in documents)
    users = [item for item in documents if item.map.type == "User" and item.body.get("PasswordHashed")]
    assert users
    assert not any(item.body["PasswordHashed"].encrypted for item in users)


def test_the_ways_to_write_scripts_come_back_the_same(exported: dict[str, Path]) -> None:
    """
    A process is the same whether its scripts stood in it, beside it, or both.
    """
    trees = {way: by_id(read(exported[way])) for way in ("copy", "leave", "extract")}
    processes = [key for key in trees["copy"] if key[0] == "DeploymentProcess"]
    assert processes
    for key in processes:
        steps = {way: tree[key].body["Steps"] for way, tree in trees.items()}
        assert steps["copy"] == steps["leave"] == steps["extract"]


def test_a_commit_reads_as_its_folder_does(tree: Path) -> None:
    """
    A tree in a repository gives the same documents.
    """
    before = read(tree)
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "export"]):
        identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.invalid"]
        subprocess.run(["git", *identity, *arguments], cwd=tree, check=True)
    with RevisionFiles(tree, "HEAD") as files:
        assert read_tree(files, SECRET) == before


def test_what_belongs_to_a_space_says_so(exported: dict[str, Path]) -> None:
    """
    Documents below Spaces/<space> carry that folder's name; spaces themselves and system documents none.
    """
    tree = read(exported["spaces"])
    for item in tree.documents:
        parts = item.file.split("/")
        assert item.space == (parts[1] if parts[0] == "Spaces" and len(parts) > 3 else None)
    assert {item.map.type for item in tree.documents if item.file.startswith("Spaces/") and item.space is None} == {
        "Space"
    }


@pytest.mark.parametrize("password", [Secret("another one"), Secret(""), None])
def test_a_wrong_password_stops_before_anything_else(tree: Path, password: Secret | None) -> None:
    """
    The password is checked first: damaged files are not even looked at.
    """
    for file in (tree / "Environments").iterdir():
        file.write_text("{")
    with pytest.raises(SecretError, match="password"):
        read_tree(FolderFiles(tree), password)


def test_a_tree_without_secrets_needs_no_password(exported: dict[str, Path]) -> None:
    """
    An export that left the secrets out is read; each document that lacks one is a problem that says so.
    """
    tree = read_tree(FolderFiles(exported["omit"]), None)
    assert tree.documents
    assert {problem.message for problem in tree.problems} == {"this export does not hold the secret itself"}


def test_all_damage_is_told_at_once(tree: Path) -> None:
    """
    Each damaged file is a problem with its place; the other documents are read all the same.
    """
    files = sorted((tree / "Environments").iterdir())
    whole = files[0].read_bytes()
    files[0].write_bytes(whole[: len(whole) // 2])
    files[1].write_bytes(b"\xff\xfe{\x00}\x00")
    (tree / "Environments" / "list.json").write_text("[]")
    (tree / "Environments" / "deep.json").write_text("[" * 100_000)
    (tree / "Environments" / "deeper.json").write_text(
        '{"Id": "E-1", "Name": "x", "a": ' + '{"a":' * 3000 + "1" + "}" * 3001
    )
    change(files[2], lambda body: body.pop("Id"))
    change(files[3], lambda body: body.update(Name=""))
    (tree / "Environments" / "conflict.json").write_text("<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> theirs\n")
    result = read(tree)
    assert {(problem.file, problem.place) for problem in result.problems} == {
        (f"Environments/{files[0].name}", ""),
        (f"Environments/{files[1].name}", ""),
        ("Environments/list.json", ""),
        ("Environments/deep.json", ""),
        ("Environments/deeper.json", ""),
        ("Environments/conflict.json", ""),
        (f"Environments/{files[2].name}", "Id"),
        (f"Environments/{files[3].name}", "Name"),
    }
    assert any(item.map.type == "Project" for item in result.documents)


def test_an_id_that_stands_twice_names_both_files(tree: Path) -> None:
    """
    Two files of one type with one id, blind to case, are a problem that names both.
    """
    first = sorted((tree / "Lifecycles").iterdir())[0]
    shutil.copy(first, tree / "Lifecycles" / "zz copy.json")
    change(tree / "Lifecycles" / "zz copy.json", lambda body: body.update(Id=body["Id"].upper()))
    (problem,) = read(tree).problems
    assert problem.file == "Lifecycles/zz copy.json"
    assert f"Lifecycles/{first.name}" in problem.message


def test_a_secret_that_was_moved_does_not_open(tree: Path) -> None:
    """
    A sealed value taken to another document is a problem at its new place, and is not opened there.
    """
    feeds = [json.loads(file.read_text()) for file in (tree / "Feeds").iterdir()]
    sealed = next(feed["Password"] for feed in feeds if isinstance(feed.get("Password"), dict))
    other = sorted((tree / "Proxies").iterdir())[0]
    change(other, lambda body: body.update(Password=sealed))
    change(other, lambda body: body.update(Notes=sealed))
    problems = read(tree).problems
    assert [(p.file, p.place) for p in problems] == [(f"Proxies/{other.name}", at) for at in ("Notes", "Password")]
    assert all("moved here" in p.message for p in problems)


def test_unknown_folders_and_strays_are_ignored_with_a_warning(tree: Path) -> None:
    """
    What is not part of an export is named and left alone; what belongs to a repository is not even named.
    """
    before = read(tree).documents
    for path in ("docs/a.json", "docs/b.md", "Projects/notes.txt", "loose.json", ".editorconfig", "Feeds/.x.json.swp"):
        (tree / path).parent.mkdir(exist_ok=True)
        (tree / path).write_text('{"Id": "docs-1"}')
    for path in (".gitattributes", "README.md", ".git"):
        (tree / path).write_text("ours")
    result = read(tree)
    assert result.documents == before
    assert not result.problems
    assert sorted(result.warnings) == [
        ".editorconfig is not part of an export, ignored",
        "Feeds/.x.json.swp is not part of an export, ignored",
        "Projects/notes.txt is not part of an export, ignored",
        "docs: 2 files of no known type, ignored",
        "loose.json is not part of an export, ignored",
    ]


def test_a_name_that_is_not_utf8_is_ignored(tree: Path) -> None:
    """
    A file whose name no other system could hold is named in a form that can be shown anywhere.
    """
    (Path(str(tree)) / "Feeds" / "caf\udce9.json").write_text("{}")
    (warning,) = read(tree).warnings
    assert warning.encode("utf-8").startswith(b"'Feeds/caf")


def test_names_of_files_say_nothing(tree: Path) -> None:
    """
    A renamed file is the same document: ids, owners and types come from the content and the folder.
    """
    before = by_id(read(tree))
    for index, file in enumerate(sorted((tree / "Projects").rglob("*-VariableSet.json"))):
        file.rename(file.with_name(f"{index} renamed.json"))
    after = by_id(read(tree))
    assert {key: item.body for key, item in after.items()} == {key: item.body for key, item in before.items()}


def test_a_project_named_like_a_companion_is_a_project(tree: Path) -> None:
    """
    A project whose name ends in -VariableSet, or is metadata, is still a project.
    """
    body = json.loads(next((tree / "Projects").rglob("*-DeploymentProcess.json")).read_text())
    for number, name in enumerate(("X-VariableSet", "metadata")):
        (tree / "Projects" / name).mkdir()
        (tree / "Projects" / name / f"{name}.json").write_text(json.dumps({"Id": f"Projects-90{number}", "Name": name}))
    result = by_id(read(tree))
    assert result["Project", "Projects-900"].body["Name"] == "X-VariableSet"
    assert result["Project", "Projects-901"].body["Name"] == "metadata"
    assert ("DeploymentProcess", body["Id"]) in result


def test_documents_of_a_table_unknown_so_far_are_read(tree: Path) -> None:
    """
    A newer server's table comes back by the map that its export used.
    """
    (tree / "Widget").mkdir()
    (tree / "Widget" / "Big [Widgets-3].json").write_text('{"Id": "Widgets-3", "Name": "Big"}')
    assert by_id(read(tree))["Widget", "Widgets-3"].body == {"Id": "Widgets-3", "Name": "Big"}


def test_a_script_that_was_edited_beside_its_process_wins(tree: Path) -> None:
    """
    The file's text goes into the document and the file is named; line ends alone are no edit.
    """
    scripts = sorted(path for path in (tree / "Projects").rglob("* - Script.*") if b"\n" in path.read_bytes())
    edited, converted = scripts[0], scripts[1]
    edited.write_text("echo edited by hand\n")
    converted.write_bytes(converted.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    result = read(tree)
    found = {path: item for item in result.documents for path in item.edited_scripts}
    assert set(found) == {edited.relative_to(tree).as_posix()}
    (item,) = found.values()
    assert "echo edited by hand\n" in json.dumps(item.body["Steps"], default=repr).encode().decode("unicode_escape")


def test_an_extracted_script_that_is_missing_or_leads_away_is_a_problem(
    exported: dict[str, Path], tmp_path: Path
) -> None:
    """
    A link to a script names a file of its own folder that is there and is UTF-8.
    """
    tree = Path(shutil.copytree(exported["extract"], tmp_path / "extract"))
    processes = [p for p in sorted((tree / "Projects").rglob("*-DeploymentProcess.json")) if '"$file"' in p.read_text()]
    (tmp_path / "outside.ps1").write_text("not yours")
    for process, link in zip(processes, ("../../../outside.ps1", "/etc/passwd", "gone.ps1", "latin.ps1"), strict=False):
        (process.parent / "latin.ps1").write_bytes(b"caf\xe9")
        text = process.read_text()
        start = text.index('"$file": "') + len('"$file": "')
        process.write_text(text[:start] + link + text[text.index('"', start) :])
    problems = read(tree).problems
    assert len([p for p in problems if "names a file of the same folder" in p.message]) == 2
    assert len([p for p in problems if "the script file gone.ps1 is missing" in p.message]) == 1
    assert [p.file.rpartition("/")[2] for p in problems if "not UTF-8" in p.message] == ["latin.ps1"]
    assert len(problems) == 4


def test_exports_put_together_are_told_apart(exported: dict[str, Path], tmp_path: Path) -> None:
    """
    Each sub-directory with a metadata.json is an export of its own: equal ids in two of them do not clash.
    """
    for name, way in (("east", "copy"), ("west", "extract")):
        shutil.copytree(exported[way], tmp_path / "both" / name)
    result = read(tmp_path / "both")
    assert not result.problems
    assert [origin for origin, _ in result.versions] == ["east", "west"]
    assert {item.origin for item in result.documents} == {"east", "west"}
    assert all(item.file.startswith(f"{item.origin}/") for item in result.documents)


def test_a_directory_that_is_no_export_is_refused(tmp_path: Path) -> None:
    """
    Without a metadata.json, or with one of somebody else, nothing is read.
    """
    with pytest.raises(OperatorError, match=r"there is no metadata\.json"):
        read(tmp_path)
    for content in ("{}", "[]", "nonsense", '{"Format": "octopus-migrator", "FormatVersion": 99}', '{"Hello": "x"}'):
        (tmp_path / "metadata.json").write_text(content)
        with pytest.raises(OperatorError, match=r"metadata\.json"):
            read(tmp_path)


def test_an_enormous_file_is_a_problem_of_that_file(tree: Path) -> None:
    """
    A file above the limit is named; the others are read.
    """
    with (tree / "Feeds" / "huge.json").open("wb") as file:
        file.truncate(300 << 20)
    result = read(tree)
    assert [problem.file for problem in result.problems] == ["Feeds/huge.json"]
    assert result.documents


@given(st.binary(max_size=200))
def test_no_content_of_a_file_stops_the_reading(content: bytes) -> None:
    """
    Whatever bytes stand in a file, the reading ends with documents and problems.
    """

    class Files:
        def paths(self) -> list[str]:
            return ["metadata.json", "Feeds/x.json"]

        def read(self, path: str) -> bytes:
            return METADATA if path == "metadata.json" else content

    tree = read_tree(Files(), None)
    assert len(tree.documents) + len(tree.problems) == 1


METADATA = json.dumps(
    {
        "Format": "octopus-migrator",
        "FormatVersion": 1,
        "DatabaseVersion": "1",
        "Server": "s",
        "Secrets": {"Mode": "omit"},
    }
).encode()


def test_secrets_do_not_show_in_what_is_read(exported: dict[str, Path]) -> None:
    """
    The repr of a tree, as a log would show it, holds no plaintext.
    """
    tree = read(exported["copy"])
    plain = {text for item in tree.documents for text in plaintexts(item.body) if len(text) > 12}
    shown = repr(tree)
    assert plain
    assert not any(text in shown for text in plain)
    assert repr(SecretText("x")) == "SecretText(...)"
