"""
One row that means harm: whatever it holds, every other document is committed, and the row is named.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from auditor.cli.once import exit_code
from tests.support.audits import Audited
from tests.support.servers import CIPHER

VICTIM, WITNESS = "Projects-3", "Projects-2"
DECOY = "A" * 22 + "==|" + "A" * 22 + "=="
MEGABYTES = {"largest_document": 2, "largest_unpacked": 2}


def nested(depth: int, inner: str = "1") -> str:
    return '{"Deep": ' + "[" * depth + inner + "]" * depth + "}"


def body(audited: Audited, **properties: Any) -> str:
    ((text,),) = audited.database.run("SELECT JSON FROM Project WHERE Id = ?", VICTIM)
    return json.dumps(json.loads(text) | properties)


NAMED = {
    "600 deep": ("JSON", nested(600), "levels deep"),
    "just too deep": ("JSON", nested(200), "levels deep"),
    "10,000 deep": ("JSON", nested(10_000), "levels deep"),
    "too large": ("JSON", json.dumps({"Description": "x" * (3 << 20)}), "limits.largest_document"),
    "very many values": ("JSON", '{"Many": [' + "1," * 500_000 + "1]}", "limits.largest_document"),
    "blanks before each line": ("JSON", nested(190, "[]," * 9000 + "[]"), "limits.largest_document"),
    "a list": ("JSON", "[1]", "an object was expected"),
    "bytes": ("JSON", b"\xff\xfe", "text was expected"),
}
COMMITTED = {
    "as deep as is read": ("Odd", json.loads(nested(197))),
    "a zero byte": ("Name", "a\0b"),
    "a command of git": ("Name", "x\nD metadata.json\ndone\n"),
    "a way out": ("Name", "../../../etc/cron.d/x"),
    "git's own": ("Name", ".git/hooks/post-update"),
    "a terminal's commands": ("Name", "\x1b]0;owned\x07\x1b[2J\u202etxt.exe\x9b31m"),
    "a line end of Unicode": ("Name", "a\u2028b\x85c"),
    "nothing": ("Name", ""),
    "a decoy as a name": ("Name", DECOY),
    "a secret as a name": ("Name", CIPHER.seal("a secret as a name")),
    "bytes as a name": ("Name", b"\xff\0"),
    "a number as a name": ("Name", 4711),
    "half a character": ("Description", "\ud800"),
    "20,000 decoys": ("Description", f"x {DECOY} y" * 20_000),
    "decoys in keys": ("Odd", {f"{DECOY}{n}": n for n in range(300)} | {CIPHER.seal("k"): 1}),
    "backslashes": ("Description", "\\" * 300_000),
    "bars": ("Description", "|" * 300_000 + "=="),
    "the beginnings of escapes": ("Description", "&#" * 100_000 + "%2" * 100_000 + "\\u00" * 100_000),
    "very large numbers": ("Odd", [10**4000, -0.0, 1e300]),
    "a reserved word": (
        "Odd",
        {"$secret": "x", "Inner": {"$secret": "AAAA"}, "$secret:x": 1, "Deep": {"$file": "../x"}},
    ),
    "an empty id": ("Id", ""),
}


@pytest.mark.parametrize("what", NAMED)
def test_a_row_that_cannot_be_read_is_named(audited: Audited, what: str) -> None:
    """
    It keeps its files and is named with the reason; the other document's change is committed, and the run ends with 1.
    """
    column, value, reason = NAMED[what]
    audited.change(limits=MEGABYTES)
    audited.database.run(f"UPDATE Project SET {column} = ? WHERE Id = ?", value, VICTIM)
    before = audited.files()
    described(audited)
    result = audited.run()
    assert (result.outcome, exit_code(result)) == ("changed", 1), result.error
    [warning] = [item for item in result.warnings if item.document]
    assert warning.document == f"Project {VICTIM}"
    assert reason in warning.message
    assert changed(audited, before) == [WITNESS]


@pytest.mark.parametrize("what", COMMITTED)
def test_a_row_that_means_harm_does_none(audited: Audited, what: str) -> None:
    """
    It is committed as all others are, below the tree, in a tree that git finds sound, with a message that shows nothing
    that a terminal obeys; the next run finds nothing changed.
    """
    place, value = COMMITTED[what]
    if place in ("Name", "Id"):
        audited.database.run(f"UPDATE Project SET {place} = ? WHERE Id = ?", value, VICTIM)
    else:
        audited.database.run("UPDATE Project SET JSON = ? WHERE Id = ?", body(audited, **{place: value}), VICTIM)
    before = audited.files()
    described(audited)
    result = audited.run()
    assert (result.outcome, result.error) == ("changed", None)
    assert WITNESS in changed(audited, before)
    assert "metadata.json" in audited.files()
    assert all(path.count("/") for path in audited.files() if path != "metadata.json")
    assert audited.git("log", "-1", "--format=%B", "main").replace("\n", "").isprintable()
    assert all(item.document.isprintable() and item.message.isprintable() for item in result.warnings)
    audited.git("fsck", "--strict")
    assert audited.run().outcome == "unchanged"


def test_half_a_character_in_the_database_itself(audited: Audited) -> None:
    """
    A text that the driver does not convert is read as it stands, by a second read; every other document is committed.
    """
    audited.database.run("UPDATE Project SET Name = CAST(x'61ff' AS TEXT) WHERE Id = ?", VICTIM)
    before = audited.files()
    described(audited)
    audited.good()
    assert set(changed(audited, before)) > {VICTIM, WITNESS}
    assert audited.git("log", "-1", "--format=%B", "main").replace("\n", "").isprintable()
    assert audited.good().outcome == "unchanged"


def test_a_compressed_bomb(audited: Audited) -> None:
    """
    A compressed body is unpacked to the limit and no further.
    """
    audited.database.run("ALTER TABLE Project ADD COLUMN JSONBlob BLOB")
    audited.good()
    bomb = gzip.compress(b" \0" * (64 << 20))
    assert len(bomb) < 1 << 20
    audited.database.run("UPDATE Project SET JSON = '', JSONBlob = ? WHERE Id = ?", bomb, VICTIM)
    audited.change(limits=MEGABYTES)
    before = audited.files()
    described(audited)
    result = audited.run()
    [warning] = [item for item in result.warnings if item.document]
    assert "unpacks to more than 2 MB" in warning.message
    assert (exit_code(result), changed(audited, before)) == (1, [WITNESS])


def test_two_names_that_a_file_system_takes_for_one(audited: Audited) -> None:
    """
    Names that differ for the database and not for a file system that folds case carry their ids, and stop nothing.
    """
    audited.database.run("UPDATE Project SET Name = 'Straße' WHERE Id = ?", VICTIM)
    audited.database.run("UPDATE Project SET Name = 'Strasse' WHERE Id = ?", WITNESS)
    audited.good()
    folders = {path.split("/")[-2] for path in audited.files() if path.startswith("Projects/Stra")}
    assert folders == {f"Straße [{VICTIM}]", f"Strasse [{WITNESS}]"}


def described(audited: Audited) -> None:
    audited.database.edit("Project", WITNESS, lambda project: project.update(Description="seen"))


def changed(audited: Audited, before: dict[str, bytes]) -> list[str]:
    """
    Return the ids of the documents whose files are not what they were.
    """
    files = audited.files()
    different = [content for path, content in files.items() if before.get(path) != content]
    return [json.loads(content)["Id"] for content in different if content.startswith(b'{\n  "Id"')]
