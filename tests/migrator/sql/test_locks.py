"""
One process at a time on a server: audits and imports keep each other out, and say who is there.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migrator.errors import OperatorError
from migrator.sql.engine import open_engine
from migrator.sql.locks import AlreadyLocked, LockLost, application_lock
from migrator.sql.tables import reflect
from migrator.sql.target import open_target
from tests.support.imports import CIPHER, Server, doc, tree
from tests.support.recording import ADDRESS, OperationalError, Recording, microsoft, recorded

WANTED = tree(doc("Lifecycle", "Lifecycles-1", Name="wanted"))


@pytest.fixture
def remote(target: Server, monkeypatch: pytest.MonkeyPatch) -> Recording:
    recording = recorded(monkeypatch, target.path)
    monkeypatch.setattr(Server, "address", ADDRESS)
    return recording


def refused(target: Server) -> str:
    """
    Return what an import says while somebody else holds the lock; it leaves no trace.
    """
    with application_lock(open_engine(target.address)), pytest.raises(AlreadyLocked) as error:
        target.take(WANTED)
    assert target.all("Lifecycle") == []
    return str(error.value)


def test_an_import_waits_for_nobody_on_a_file(target: Server) -> None:
    """
    Beside an audit or another import, an import is refused in one sentence with the other's process.
    """
    assert f"process {os.getpid()} on this machine" in refused(target)
    target.take(WANTED)
    assert [item["Name"] for item in target.all("Lifecycle")] == ["wanted"]


def test_an_import_waits_for_nobody_on_a_server(target: Server, remote: Recording) -> None:
    """
    The other one is named by machine, process and login where the login may see that; nothing is read before.
    """
    assert "process 4711 on build7, login DOMAIN\\importer" in refused(target)
    assert remote.texts("sys.tables") == []
    assert remote.open == set()


def test_who_it_is_takes_a_right(target: Server, remote: Recording) -> None:
    """
    A login that may not see other sessions still is told that somebody is there, and who could say more.
    """
    remote.fail("dm_tran_locks", *microsoft("42000", 300, "VIEW SERVER STATE permission was denied"))
    assert "(sys.dm_tran_locks tells an administrator which)" in refused(target)


def test_an_import_keeps_an_audit_out(target: Server) -> None:
    """
    While an import is at work, its lock is held: from before its transaction until after it.
    """
    with open_target(target.address, CIPHER), pytest.raises(AlreadyLocked, match="left out"):
        target.take(WANTED)
    with application_lock(open_engine(target.address)):
        pass


@pytest.mark.parametrize("gone", ["session", "lock"])
def test_an_import_that_lost_its_lock_is_undone(target: Server, remote: Recording, gone: str) -> None:
    """
    Right before the commit the lock is asked for: without it nothing is imported, and that is one sentence.
    """
    if gone == "session":
        remote.fail("APPLOCK_MODE", *microsoft("08S01", 0, "Communication link failure"), kind=OperationalError)
    else:
        remote.answer("APPLOCK_MODE", lambda sent: [("NoLock",)])
    with pytest.raises(LockLost, match="nothing was committed") as error:
        target.take(WANTED)
    assert isinstance(error.value, OperatorError)
    assert target.all("Lifecycle") == []
    assert remote.open == set()


def test_the_lock_file_stands_beside_the_database(target: Server, tmp_path: Path) -> None:
    """
    Database and lock are found whatever characters the path has.
    """
    folder = tmp_path / "a b%20c#d?e"
    folder.mkdir()
    moved = Server(target.path.rename(folder / "octopus 100%.db"))
    address = moved.address.replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    with application_lock(open_engine(address)):
        assert (folder / ".octopus 100%.db.octopus-auditor.lock").is_file()
    assert reflect(open_engine(address)).find("Project")
