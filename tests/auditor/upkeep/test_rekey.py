"""
A new password for a repository, and a new master key for a server.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from auditor.repository.repository import Busy, locked
from auditor.state_folder import LOCK
from migrator.secrets.ciphers import MasterKeyCipher, find_ciphertexts, is_ciphertext
from tests.support.audits import bare, git, tree_files
from tests.support.daemons import SECRETS, Site, site, small_database  # noqa: F401
from tests.support.servers import CIPHER

OLD, NEW = "env:T_PASSWORD", "env:T_OTHER"


@pytest.fixture
def audited(site: Site) -> Site:  # noqa: F811
    site.add("prod", repository={"remote": str(bare(site.root / "remote"))})
    assert site.audit("prod").error is None
    return site


def repository(site: Site) -> Path:  # noqa: F811
    return site.root / "prod.git"


def rekey(site: Site, old: str = OLD) -> str:  # noqa: F811
    done = site.command("rekey", "--server", "prod", "--old-password", old)
    return str(done.exception) if done.exception else done.output


def test_one_commit_that_says_so(audited: Site) -> None:
    """
    Every secret is sealed anew in exactly one commit, pushed, that names what it is; no other byte differs, and the
    next run, full or not, neither fails nor commits.
    """
    before = tree_files(repository(audited), "main")
    audited.change("prod", export={"password": NEW})
    assert "files sealed anew" in rekey(audited)

    assert git(repository(audited), "rev-list", "--count", "main") == "2"
    assert git(repository(audited), "log", "-1", "--format=%s", "main") == "Secrets sealed under a new password"
    assert "still open with the old password only" in git(repository(audited), "log", "-1", "--format=%b", "main")
    assert git(audited.root / "remote", "rev-parse", "main") == git(repository(audited), "rev-parse", "main")
    after = tree_files(repository(audited), "main")
    assert after.keys() == before.keys()
    changed = [path for path in after if after[path] != before[path]]
    assert changed
    for path in set(changed) - {"metadata.json"}:
        pairs = zip(before[path].splitlines(), after[path].splitlines(), strict=True)
        assert all(b'"$secret": ' in old for old, new in pairs if old != new)
    for _ in range(2):
        result = audited.audit("prod")
        assert (result.outcome, result.error) == ("unchanged", None)
    git(repository(audited), "fsck", "--strict")


def test_what_is_sealed_anew_is_what_a_fresh_export_has(audited: Site) -> None:
    """
    The tree is the one that a run under the new password alone would have made; keys that were sealed, too.
    """
    key = CIPHER.seal("as a key")
    with closing(sqlite3.connect(audited.root / "prod.db")) as db, db:
        ((identity, text),) = db.execute("SELECT Id, JSON FROM Project LIMIT 1").fetchall()
        body = json.loads(text) | {"Odd": {key: {"Inner": CIPHER.seal("below a key")}, "$secret:x": 1}}
        db.execute("UPDATE Project SET JSON = ? WHERE Id = ?", (json.dumps(body), identity))
    assert audited.audit("prod").outcome == "changed"
    audited.change("prod", export={"password": NEW})
    rekey(audited)
    tree = git(repository(audited), "rev-parse", "main^{tree}")
    audited.change("prod", repository={"path": str(audited.root / "fresh.git")})
    settings = audited.load().servers["prod"]
    del audited.servers["prod"]["repository"]["remote"]
    audited.write()
    assert settings.repository.path.endswith("fresh.git")
    assert audited.audit("prod").error is None
    assert git(audited.root / "fresh.git", "rev-parse", "main^{tree}") == tree


def test_refusals_change_nothing(audited: Site) -> None:
    """
    A wrong old password, the same new one, a run at work: each is a sentence, and HEAD stays.
    """
    head = git(repository(audited), "rev-parse", "main")
    assert "the new password is the one" in rekey(audited)
    audited.change("prod", export={"password": NEW})
    assert "the old password does not open" in rekey(audited, NEW)
    with locked(repository(audited) / LOCK, 0), pytest.MonkeyPatch.context() as patch:
        patch.setattr("auditor.upkeep.rekey._WAIT", 0)
        assert isinstance(audited.command("rekey", "--server", "prod", "--old-password", OLD).exception, Busy)
    assert git(repository(audited), "rev-parse", "main") == head
    assert "auditor rekey" in str(audited.audit("prod").error)


def test_digests_cannot_be_made_anew(site: Site) -> None:  # noqa: F811
    """
    Where the repository holds no secrets, only digests, rekey says what to do instead.
    """
    site.add("prod", export={"secrets": "fingerprint"})
    assert site.audit("prod").error is None
    site.change("prod", export={"password": NEW})
    assert "repository.branch" in rekey(site)


def test_a_new_master_key_changes_nothing_in_the_tree(audited: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    After a rotation on the server, with every secret stored under another key, the tree is the same to the byte.
    """
    other = MasterKeyCipher(bytes(range(100, 132)))
    count = reencrypt(audited.root / "prod.db", other)
    assert count > 10
    assert "master key does not open" in str(audited.audit("prod").error)
    import base64

    monkeypatch.setenv("T_KEY", base64.b64encode(other.key).decode())
    result = audited.audit("prod")
    assert (result.outcome, result.error, result.commits) == ("unchanged", None, ())


def reencrypt(path: Path, other: MasterKeyCipher) -> int:
    """
    Store every secret of a database under another key; return how many there were.
    """
    count = 0

    def again(text: str) -> str:
        nonlocal count
        for start, end in reversed(find_ciphertexts(text)):
            if is_ciphertext(text[start:end]):
                count += 1
                text = text[:start] + other.seal(CIPHER.open(text[start:end])) + text[end:]
        return text

    with closing(sqlite3.connect(path)) as db, db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for rowid, *values in db.execute(f'SELECT rowid, * FROM "{table}"').fetchall():
                names = [item[1] for item in db.execute(f'PRAGMA table_info("{table}")')]
                for name, value in zip(names, values, strict=True):
                    if isinstance(value, str) and "|" in value and (new := again(value)) != value:
                        db.execute(f'UPDATE "{table}" SET "{name}" = ? WHERE rowid = ?', (new, rowid))
    return count


def test_the_metadata_tells_no_password(audited: Site) -> None:
    """
    Neither password stands anywhere in the tree or the commit.
    """
    audited.change("prod", export={"password": NEW})
    rekey(audited)
    everything = b"".join(tree_files(repository(audited), "main").values())
    everything += git(repository(audited), "log", "--format=%B").encode()
    assert SECRETS["T_OTHER"].encode() not in everything
    assert json.loads(tree_files(repository(audited), "main")["metadata.json"])["Secrets"]["Mode"] == "encrypt"
