"""
The configuration file: one frozen value, or all that is wrong with it at once.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from migrator.errors import UsageError
from migrator.settings import Settings, find_file, load
from tests.support.servers import ROOT


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "migrator.toml"
    path.write_text(text)
    return path


def test_the_example_loads() -> None:
    """
    The commented example is a valid file, and its default instance is found without a name.
    """
    settings = load(ROOT / "config/migrator.example.toml")
    assert settings.instance(None) is settings.instances["default"]
    assert set(settings.instances) == {"default", "staging"}


def test_all_errors_at_once_with_their_places(tmp_path: Path) -> None:
    """
    Unknown keys name the nearest known one, missing ones and literal secrets are told, and no value is repeated.
    """
    path = written(
        tmp_path,
        """
        instance = 5
        [instances.prod]
        databse = "sqlite:///x"
        master_key = "hunter2"
        [instances.test]
        database = "sqlite:///x"
        password = 5
        """,
    )
    with pytest.raises(UsageError) as error:
        load(path)
    first, *lines = str(error.value).splitlines()
    assert first == f"the configuration file {path} has 5 errors:"
    assert [line.partition(" a secret is")[0].strip() for line in lines] == [
        "line 2, instance: unknown key; did you mean instances?",
        "line 3, instances.prod.database: is missing",
        "line 4, instances.prod.databse: unknown key; did you mean database?",
        "line 5, instances.prod.master_key:",
        "line 8, instances.test.password: must be a text in quotation marks",
    ]
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = ", "is not TOML"),
        ('a = "hunter2', "is not TOML"),
        ("", "instances: is missing"),
        ("[instances]", "instances: is empty"),
    ],
)
def test_broken_files_are_told(text: str, says: str, tmp_path: Path) -> None:
    """
    A file that is no TOML, or names no server, is one clear error that quotes none of it.
    """
    with pytest.raises(UsageError, match=says) as error:
        load(written(tmp_path, text))
    assert "hunter2" not in str(error.value)


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    """
    A missing file, a folder, and text that is not UTF-8 are told as such.
    """
    (tmp_path / "latin.toml").write_bytes(b"a = '\xe9'")
    for path in (tmp_path / "missing.toml", tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(UsageError, match="the configuration file"):
            load(path)


def test_instances_are_found_by_name(tmp_path: Path) -> None:
    """
    One server needs no name, several do unless one is the default, and an unknown name lists the known ones.
    """
    one = load(written(tmp_path, '[instances.a]\ndatabase = "sqlite:///x"'))
    assert one.instance(None) == one.instance("a")
    with pytest.raises(UsageError, match="it has a"):
        one.instance("b")
    with pytest.raises(UsageError, match=r"no \[instances\.prdo\]; did you mean prod\?"):
        load(written(tmp_path, '[instances.prod]\ndatabase = "sqlite:///x"')).instance("prdo")
    two = load(written(tmp_path, '[instances.a]\ndatabase = "x"\n[instances.b]\ndatabase = "y"'))
    with pytest.raises(UsageError, match="choose one with --instance"):
        two.instance(None)


def test_settings_are_frozen_and_discreet(tmp_path: Path) -> None:
    """
    Nothing can be changed after loading, and an address, which tells of the network, is not in the repr.
    """
    settings = load(written(tmp_path, '[instances.a]\ndatabase = "mssql+pyodbc://u@hunter2/d"'))
    with pytest.raises(ValidationError):
        settings.instances["a"].database = "y"  # type: ignore[misc]
    assert "hunter2" not in repr(settings)
    assert isinstance(settings, Settings)


def test_the_usual_places_are_searched_in_order(tmp_path: Path) -> None:
    """
    The first file that exists counts.
    """
    paths = (tmp_path / "a.toml", tmp_path / "b.toml")
    assert find_file(paths) is None
    paths[1].write_text("")
    assert find_file(paths) == paths[1]
    paths[0].write_text("")
    assert find_file(paths) == paths[0]
