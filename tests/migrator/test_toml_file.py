"""
The loader of both programs' configuration files: encodings, lines, places, and no secret in any message.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from migrator.errors import UsageError
from migrator.toml_file import Reference, Table, TomlFile


class Part(Table):
    """
    A table of the sample.
    """

    name: str = Field(min_length=1)
    count: int = Field(default=1, ge=1)
    secret: Reference | None = None


class Sample(Table):
    """
    A whole file.
    """

    parts: dict[str, Part] = {}
    rules: tuple[Part, ...] = ()
    one: Part | None = None


def saved(tmp_path: Path, content: str | bytes) -> TomlFile:
    path = tmp_path / "sample.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return TomlFile.read(path)


def refused(tmp_path: Path, content: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        saved(tmp_path, content).into(Sample)
    assert str(tmp_path / "sample.toml") in str(caught.value)
    return str(caught.value)


def test_a_mark_at_the_beginning_is_read(tmp_path: Path) -> None:
    """
    A file that a Windows editor saved as UTF-8, with its mark and its line ends, is an ordinary file.
    """
    text = '[one]\r\nname = "größer"\r\ncount = 2\r\n'
    for content in (text.encode(), codecs.BOM_UTF8 + text.encode()):
        file = saved(tmp_path, content)
        assert file.into(Sample).one == Part(name="größer", count=2)
        assert file.lines["one", "count"] == 3


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_named(encoding: str, tmp_path: Path) -> None:
    """
    What PowerShell writes by default is named with what to do about it, with and without its mark.
    """
    told = refused(tmp_path, '[one]\nname = "hunter2"\n'.encode(encoding))
    assert "is UTF-16, not UTF-8; save it again as UTF-8" in told


def test_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    """
    The first line that is not UTF-8 is named.
    """
    assert "is not UTF-8: look at line 2" in refused(tmp_path, b'[one]\nname = "gr\xf6\xdfer"\n')


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a = "hunter2', 1),
        ("\nsecret = hunter2", 2),
        ('[one]\nname = "x"\nname = "hunter2"\n', 3),
        ('hunter2 = 1\n"hunter2" = 2\n', 2),
        ("a = {hunter2 = 1, hunter2 = 2}\n", 1),
        ("[hunter2]\n[hunter2]\n", 2),
        ('a = """hunter2', 1),
        ("a = 'c:\\hunter2'\nb = \"c:\\hunter2\"\n", 2),
    ],
)
def test_what_is_not_toml_is_told_by_its_place_alone(text: str, line: int, tmp_path: Path) -> None:
    """
    Not a word of the file or of the parser, which quotes it, is in the message.
    """
    told = refused(tmp_path, text)
    assert re.search(rf"is not TOML: look at (line {line}, column \d+|end of document); texts stand in quot", told)
    assert "hunter2" not in told


EVERYTHING = '''\
# comment
[parts.a]  # of parts
name = "x"
secret = """
[one]
name = 5
hunter2"""

[parts."b c"]
count = [
    "hunter2",
]
"na\\u006de" = 1

[[rules]]
name = "first"
[[rules]]
name = "second"
conut = 2

[[rules]]
extra.deep = {hunter2 = 1}
one.two = 3

[ one ]
count = 0
name = ""
'''


def test_every_error_has_its_line(tmp_path: Path) -> None:
    """
    Texts of several lines, quoted and dotted keys, arrays of tables and inline tables: each error names its own line.
    """
    first, *lines = refused(tmp_path, EVERYTHING).splitlines()
    assert first.endswith("has 9 errors:")
    assert [re.split("; | by reference", line.strip())[0] for line in lines] == [
        "line 4, parts.a.secret: a secret is given",
        'line 10, parts."b c".count: must be a whole number',
        'line 13, parts."b c".name: must be a text in quotation marks',
        "line 19, rules.1.conut: unknown key",
        "line 21, rules.2.name: is missing",
        "line 22, rules.2.extra: unknown key",
        "line 23, rules.2.one: unknown key",
        "line 26, one.count: must be at least 1",
        "line 27, one.name: is empty or too short",
    ]
    assert "hunter2" not in "\n".join(lines)


def test_an_unknown_key_is_told_with_the_known_ones(tmp_path: Path) -> None:
    """
    The nearest known key is asked for; where none is near, all are named.
    """
    text = "[one]\nnmae = 1\n[parts.x]\nname = 'x'\nzzz = 1\n[[rules]]\nname = 'x'\nsecrets = 1\n"
    told = refused(tmp_path, text)
    assert "one.nmae: unknown key; did you mean name?" in told
    assert "parts.x.zzz: unknown key; known are name, count, secret" in told
    assert "rules.0.secrets: unknown key; did you mean secret?" in told


keys = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
values = st.recursive(
    st.integers() | st.booleans() | st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(sign):08X}" for sign in text) + '"'


def written(value: Any, break_: str) -> str:
    """
    Return a value as TOML; *break_* stands between the elements of a list.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{break_}{f',{break_}'.join(written(item, break_) for item in value)}{break_}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {written(item, '')}" for key, item in value.items()) + "}"
    return str(value)


@given(
    st.dictionaries(keys, st.dictionaries(keys, values, max_size=4), max_size=4), st.sampled_from(("", "\n", "\n# x\n"))
)
def test_every_key_is_found_where_it_was_written(tables: dict[str, dict[str, Any]], break_: str) -> None:
    """
    Whatever a file holds, the line of each of its tables and keys is the one where it begins.
    """
    lines: list[str] = []
    where: dict[tuple[str, ...], int] = {}
    for table, content in tables.items():
        lines += ["", f"[ {quoted(table)} ]"]
        where[table,] = len(lines)
        for key, value in content.items():
            where[table, key] = len(lines) + 1
            lines += f"{quoted(key)} = {written(value, break_)}".split("\n")
    text = "\n".join(lines)
    file = TomlFile(Path("x"), tomllib.loads(text), text)
    assert {place: line for place, line in file.lines.items() if place in where} == where
