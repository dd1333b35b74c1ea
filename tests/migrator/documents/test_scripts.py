"""
Script files: which properties are scripts, and that each has a file of its own.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents.layout import SEGMENT_CHARACTERS
from migrator.documents.scripts import BODY, CUSTOM, SYNTAX, InlineScripts, find_scripts
from migrator.maps import REGISTRY

PROCESS = REGISTRY["DeploymentProcess"]


def process(*steps: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"Steps": [{"Name": name, "Actions": [{"Name": name, "Properties": item}]} for name, item in steps]}


@pytest.mark.parametrize(
    ("syntax", "extension"),
    [("PowerShell", "ps1"), ("Bash", "sh"), ("Python", "py"), ("CSharp", "csx"), ("FSharp", "fsx"), ("Cobol", "txt")],
)
def test_extension_follows_the_syntax(syntax: str, extension: str) -> None:
    """
    A script's file has the extension of its language, blind to case; unknown ones are text.
    """
    for spelling in (syntax, syntax.upper()):
        (script,) = find_scripts(PROCESS, process(("Run", {BODY: "x", SYNTAX: spelling})), "Shop")
        assert script.file == f"Shop - Run - Run - Script.{extension}"


def test_custom_scripts_are_named_by_their_property() -> None:
    """
    A stage's script keeps the stage's name; an ending that is none, or that of documents, becomes text.
    """
    stages = {f"{CUSTOM}{name}": "x" for name in ("PreDeploy.ps1", "Deploy.json", "Odd." + "y" * 300, "Plain")}
    files = [script.file for script in find_scripts(PROCESS, process(("Run", stages)), "Shop")]
    assert "Shop - Run - Run - PreDeploy.ps1" in files
    assert sum(file.endswith(".txt") for file in files) == 3
    assert all(len(file) <= SEGMENT_CHARACTERS for file in files)


def test_only_texts_are_scripts() -> None:
    """
    Empty scripts, secrets, numbers and text that is not UTF-8 stay in the document alone.
    """
    for value in ("", None, 5, {"SensitiveValue": "x"}, "\ud800"):
        assert find_scripts(PROCESS, process(("Run", {BODY: value})), "Shop") == []


@given(st.lists(st.sampled_from(["Run", "run", "a:b", "", "x" * 200]), min_size=1, max_size=6))
def test_every_script_has_a_file_of_its_own(names: list[str]) -> None:
    """
    Steps of one name, also of none and without ids, never share a file.
    """
    body = process(*((name, {BODY: "x", f"{CUSTOM}PreDeploy.ps1": "y"}) for name in names))
    files = [script.file.casefold() for script in find_scripts(PROCESS, body, "Shop")]
    assert len(set(files)) == len(files) == 2 * len(names)


def test_modes_are_found_blind_to_case() -> None:
    """
    A mode's name may be written with other case and with hyphens.
    """
    assert InlineScripts.parse("copy-to-files") is InlineScripts.COPY
    with pytest.raises(ValueError, match="CopyToFiles"):
        InlineScripts.parse("elsewhere")
