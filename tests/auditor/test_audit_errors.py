"""
Runs that cannot do all they should: nothing false is committed, the window is closed, and one sentence says why.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator

import pytest

from auditor.audit import RunOptions
from auditor.cli.once import exit_code
from auditor.demo.schema import delete
from auditor.demo.stub import RestStub
from auditor.stop import Stop
from auditor.window.journal import Entry, Journal
from tests.support.audits import Audited, bare, foreign_commit, git
from tests.support.hanging import hanging_reads
from tests.support.servers import ROOT

FULL = RunOptions(full=True)
PATIENCE = 30.0


@pytest.fixture
def audited(small_audited: Audited) -> Audited:
    return small_audited


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    with hanging_reads() as begun:
        yield begun


def all_end(threads: set[threading.Thread]) -> bool:
    """
    Wait for threads; return whether all of them ended.
    """
    for thread in threads:
        thread.join(PATIENCE)
    return not any(thread.is_alive() for thread in threads)


def fails(audited: Audited, *words: str, options: RunOptions = RunOptions()) -> str:  # noqa: B008
    """
    Run, insist that it fails with one sentence that holds *words*, that HEAD stays and that the window is closed.
    """
    before = audited.git("for-each-ref", "refs/heads") if (audited.repository / "HEAD").is_file() else None
    was_on = audited.stub.in_maintenance

    result = audited.run(options)

    assert result.outcome == "failed", result
    assert result.error is not None
    for word in words:
        assert word in result.error, result.error
    assert "\n" not in result.error
    assert exit_code(result) == 1
    if before is not None:
        assert before == audited.git("for-each-ref", "refs/heads")
    assert was_on == audited.stub.in_maintenance
    assert not audited.folder.journal.exists()
    return result.error


class TestTheShrinkGuard:
    @staticmethod
    def _drop_projects(audited: Audited) -> None:
        with audited.database.connection() as db:
            for (id_,) in db.execute("SELECT Id FROM Machine").fetchall():
                delete(db, "Machine", id_)

    @pytest.mark.parametrize("options", [RunOptions(), FULL], ids=["hashes", "full"])
    def test_a_whole_type(self, audited: Audited, options: RunOptions) -> None:
        """
        When all of a type with more than a handful is gone, nothing is committed, and the error says how to accept it.
        """
        self._drop_projects(audited)

        fails(audited, "Machine", "--accept-shrink", options=options)

        accepted = audited.good(RunOptions(accept_shrink=True))
        assert accepted.outcome == "changed"
        assert audited.exported_tree() == audited.tree()

    @pytest.mark.parametrize("options", [RunOptions(), FULL], ids=["hashes", "full"])
    def test_a_share(self, audited: Audited, options: RunOptions) -> None:
        """
        When more than the set share of all documents is gone, nothing is committed; below it the run goes on.
        """
        audited.change(export={"shrink_limit": 0.02})
        with audited.database.connection() as db:
            for (id_,) in db.execute("SELECT Id FROM Machine LIMIT 7").fetchall():
                delete(db, "Machine", id_)

        fails(audited, "of", "documents would be gone", options=options)

        audited.change(export={"shrink_limit": 0.5})
        assert audited.good(options).outcome == "changed"

    def test_a_missing_table(self, audited: Audited) -> None:
        """
        A table that is gone is a whole type that is gone.
        """
        audited.database.run("DROP TABLE Machine")

        fails(audited, "Machine", "--accept-shrink")


def _break_json(audited: Audited) -> None:
    audited.database.run("UPDATE Project SET JSON = '{\"broken' WHERE Id = 'Projects-3'")


def _break_list(audited: Audited) -> None:
    audited.database.run("UPDATE Project SET JSON = '[1, 2]' WHERE Id = 'Projects-3'")


def _break_secret(audited: Audited) -> None:
    def change(document: dict) -> None:
        secret = next(v for v in document["Variables"] if v.get("Type") == "Sensitive" and v.get("Value"))
        sealed = secret["Value"]
        secret["Value"] = ("A" if sealed[0] != "A" else "B") + sealed[1:5] + sealed[5:].swapcase()

    audited.database.edit("VariableSet", "variableset-Projects-3", change)


class TestAnUnreadableDocument:
    @pytest.mark.parametrize("options", [RunOptions(), FULL], ids=["hashes", "full"])
    @pytest.mark.parametrize("damage", [_break_json, _break_list])
    def test_keeps_its_files(self, audited: Audited, damage: Callable[[Audited], None], options: RunOptions) -> None:
        """
        It keeps its previous files and is named; the rest is committed; the exit code is 1, again at the next run.
        """
        before = audited.files()
        damage(audited)
        audited.edit("change a variable")

        result = audited.run(options)

        assert result.outcome == "changed"
        assert [warning.document for warning in result.warnings if warning.document] == ["Project Projects-3"]
        assert exit_code(result) == 1
        assert list(audited.changed().values()) == ["M"]
        assert before.keys() == audited.files().keys()
        assert len(before) == result.files.unchanged + 1
        again = audited.run(options)
        assert (again.outcome, exit_code(again)) == ("unchanged", 1)

    def test_mended_or_deleted_later(self, audited: Audited) -> None:
        """
        Whatever becomes of it, the tree is that of a fresh export again, however the runs before went.
        """
        healthy = shutil.copy(audited.database.path, audited.root / "healthy.db")
        for fate in ("mended", "renamed", "deleted"):
            shutil.copy(healthy, audited.database.path)
            audited.run(FULL)
            _break_json(audited)
            audited.run(FULL)
            shutil.copy(healthy, audited.database.path)
            if fate == "renamed":
                audited.database.edit("Project", "Projects-3", lambda body: body.update(Name="Another name"))
            elif fate == "deleted":
                with audited.database.connection() as db:
                    delete(db, "Project", "Projects-3")

            audited.good()

            assert audited.exported_tree() == audited.tree(), fate

    @pytest.mark.parametrize("options", [RunOptions(), FULL], ids=["hashes", "full"])
    def test_renamed_and_broken_at_once(self, audited: Audited, options: RunOptions) -> None:
        """
        It keeps its previous files even when its name in the table is another one.
        """
        before = audited.files()
        audited.database.run("UPDATE Machine SET Name = 'renamed', JSON = '{' WHERE Id = 'Machines-3'")

        result = audited.run(options)

        assert result.outcome == "unchanged", result.subject
        assert before == audited.files()

    def test_on_the_first_run(self, fresh: Audited) -> None:
        """
        What cannot be read on the first run is named; everything else is committed.
        """
        _break_json(fresh)

        result = fresh.run()

        assert result.outcome == "changed"
        assert exit_code(result) == 1
        assert len(fresh.files()) > 200

    def test_a_secret_that_does_not_open(self, audited: Audited) -> None:
        """
        The same holds for a document with one secret that does not open while the others do.
        """
        before = audited.files()
        _break_secret(audited)

        result = audited.run()

        assert [w.document for w in result.warnings if w.document] == ["VariableSet variableset-Projects-3"]
        assert exit_code(result) == 1
        assert before == audited.files()


class TestKeysAndPasswords:
    def test_another_password(self, audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A repository is not gone on with under another password.
        """
        monkeypatch.setenv("AUDIT_TEST_PASSWORD", "quite another one")

        fails(audited, "password", "rekey")

    def test_another_master_key(self, audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A wrong master key is one sentence.
        """
        monkeypatch.setenv("AUDIT_TEST_KEY", "AAAAAAAAAAAAAAAAAAAAAA==")

        fails(audited, "master key does not open this database")

    @pytest.mark.parametrize("key", ["not base64!", "AAAA"])
    def test_no_master_key_at_all(self, audited: Audited, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
        """
        A malformed key is told before the server is touched.
        """
        monkeypatch.setenv("AUDIT_TEST_KEY", key)

        assert key not in fails(audited, "master key")
        assert audited.puts() == []

    def test_a_missing_secret(self, audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A reference to nothing names itself.
        """
        monkeypatch.delenv("AUDIT_TEST_PASSWORD")

        fails(audited, "AUDIT_TEST_PASSWORD")


class TestTheDatabase:
    def test_not_there(self, audited: Audited) -> None:
        """
        A database that cannot be reached is one sentence, and no database is made in its place.
        """
        audited.database.path.unlink()

        fails(audited, "server.db")
        assert not audited.database.path.exists()

    def test_garbage(self, audited: Audited) -> None:
        """
        A file that is no database is one sentence.
        """
        audited.database.path.write_bytes(b"garbage" * 1000)

        fails(audited, "not a SQLite database")

    def test_not_of_octopus(self, audited: Audited) -> None:
        """
        Another program's database is told as such.
        """
        audited.database.path.unlink()
        audited.database.run("CREATE TABLE Things (Id TEXT)")

        fails(audited, "not an Octopus database")


REST = {
    "401": ("API key (401)",),
    "403": ("AdministerSystem",),
    "500": ("500",),
    "html": ("something else than JSON",),
    "drop": ("broke off",),
}


class TestTheServer:
    @pytest.mark.parametrize("fault", REST)
    def test_answers_wrongly(self, audited: Audited, stub: RestStub, fault: str) -> None:
        """
        Each wrong answer is one sentence; 5xx and broken connections are tried again, refusals never.
        """
        stub.fault = fault

        fails(audited, *REST[fault])

        assert (1 if fault in ("401", "403", "html") else 4) == len(stub.requests)

    def test_gives_no_answer(self, audited: Audited, stub: RestStub) -> None:
        """
        A server that hangs is given up after the timeout.
        """
        audited.change(maintenance={"request_timeout": 0.1})
        stub.fault = "hang"

        fails(audited, "no answer within 0.1 seconds")

    def test_is_busy_once(self, audited: Audited, stub: RestStub) -> None:
        """
        One 503 is got over.
        """
        stub.fault = "503-once"

        assert audited.good()

    def test_key_without_the_right(self, audited: Audited, stub: RestStub) -> None:
        """
        A key without AdministerSystem is asked for once, not again and again, and leaves no journal.
        """
        stub.options.permissions = ("ProjectView",)

        fails(audited, "AdministerSystem")

        assert len(audited.puts()) == 1

    def test_loses_the_answer_to_the_switch(self, audited: Audited, stub: RestStub) -> None:
        """
        When the switch takes effect but its answer is lost, the mode is restored.
        """
        stub.options.fault_method = "PUT"
        stub.fault = "after-drop"

        result = audited.run()

        assert result.outcome == "failed"
        assert not stub.in_maintenance

    def test_is_in_maintenance_already(self, audited: Audited, stub: RestStub) -> None:
        """
        Maintenance mode that an administrator switched on stays on, and is never touched.
        """
        stub.in_maintenance = True

        result = audited.good()

        assert stub.in_maintenance
        assert audited.puts() == []
        assert result.window_seconds is None

    def test_cannot_be_switched_back_for_a_while(self, audited: Audited, stub: RestStub) -> None:
        """
        Switching back is tried again until it works, with the loudest log line, and the run goes on.
        """
        tried: list[int] = []

        def step(name: str) -> None:
            if name == "window-open":
                stub.options.fault_method, stub.fault = "PUT", "500"

        class Mending(Stop):
            def sleep(self, seconds: float) -> bool:
                tried.append(1)
                if len(tried) > 6:
                    stub.fault = None
                return super().sleep(seconds / 100)

        result = audited.good(step=step, stop=Mending())

        assert not stub.in_maintenance
        assert not result.window_stuck
        assert "critical" in {call.method_name for call in audited.log.calls}

    def test_cannot_be_switched_back_at_all(self, audited: Audited, stub: RestStub) -> None:
        """
        A window that stays open is told, remembered, and closed by the next run.
        """

        def step(name: str) -> None:
            if name == "window-open":
                stub.options.fault_method, stub.fault = "PUT", "500"

        audited.change(maintenance={"release_limit": 0.2})
        result = audited.run(step=step)

        assert (result.outcome, result.window_stuck) == ("failed", True)
        assert result.error is not None
        assert "auditor release" in result.error
        assert audited.folder.journal.exists()
        stub.fault = None
        assert audited.good()
        assert not stub.in_maintenance

    def test_a_journal_left_by_a_killed_run(self, audited: Audited, stub: RestStub) -> None:
        """
        What a killed run left on is switched off at the next start.
        """
        stub.in_maintenance = True
        Journal(audited.folder.journal).write(Entry("prod", stub.url, "2026-01-01T00:00:00+00:00", 1))

        audited.good()

        assert not stub.in_maintenance
        assert not audited.folder.journal.exists()
        assert "window-left-open" in audited.said()

    def test_the_window_takes_too_long(self, audited: Audited, stub: RestStub) -> None:
        """
        A window over its limit is closed at once and the run abandoned, whatever the read is doing.
        """
        audited.change(maintenance={"limit": 0.3})
        seen = []

        def progress(table: str, rows: int) -> None:
            if not seen:
                import time

                time.sleep(1.0)
                seen.append(stub.in_maintenance)

        before = audited.head()
        result = audited.run(progress=progress)

        assert result.outcome == "failed"
        assert "limit" in (result.error or "")
        assert seen == [False]
        assert before == audited.head()

    @pytest.mark.parametrize("options", [RunOptions(), FULL], ids=["hashes", "full"])
    def test_a_read_that_hangs_in_the_driver(
        self, audited: Audited, stub: RestStub, hanging: threading.Event, options: RunOptions
    ) -> None:
        """
        A statement that never ends is broken off when the window's limit is reached: the window is closed, the run says
        why in its own words, and no thread is left.
        """
        before, threads = audited.head(), set(threading.enumerate())
        audited.change(maintenance={"limit": 0.3})

        result = audited.run(options)

        assert hanging.is_set()
        assert (result.outcome, audited.head()) == ("failed", before)
        assert "the window was open for 0.3 seconds, which is its limit" in (result.error or "")
        assert not stub.in_maintenance
        assert not audited.folder.journal.exists()
        assert all_end(set(threading.enumerate()) - threads)

    @pytest.mark.parametrize("mode", ["always", "never"])
    def test_a_stop_while_the_read_hangs_in_the_driver(
        self, audited: Audited, stub: RestStub, hanging: threading.Event, mode: str
    ) -> None:
        """
        Told to stop, a run breaks off a statement that never ends, with a window and without one.
        """
        before, threads = audited.head(), set(threading.enumerate())
        audited.change(maintenance={"mode": mode})
        stop = Stop()
        asking = threading.Thread(target=lambda: hanging.wait(PATIENCE) and stop.request(), daemon=True)
        asking.start()

        result = audited.run(stop=stop)

        assert hanging.is_set()
        assert (result.outcome, audited.head()) == ("failed", before)
        assert result.error == "the run was stopped before its end; nothing was committed"
        assert not stub.in_maintenance
        assert all_end(set(threading.enumerate()) - threads)

    @pytest.mark.parametrize("at", ["read", "window-open", "compare", "commit"])
    def test_a_request_to_stop(self, audited: Audited, stub: RestStub, at: str) -> None:
        """
        Told to stop, a run closes its window and commits nothing.
        """
        audited.edit("change a variable")
        before = audited.head()
        stop = Stop()

        result = audited.run(stop=stop, step=lambda name: stop.request() if name == at else None)

        assert not stub.in_maintenance
        assert at == "commit" or ("failed", before) == (result.outcome, audited.head())


class TestTheRepositoryPath:
    def test_a_file(self, fresh: Audited) -> None:
        """
        A file at the repository's path is told and left alone.
        """
        fresh.repository.parent.mkdir(exist_ok=True)
        fresh.repository.write_text("notes")

        assert "not a repository" in (fresh.run().error or "")
        assert fresh.repository.read_text() == "notes"

    def test_other_things(self, fresh: Audited) -> None:
        """
        A folder with other things in it is told and left alone.
        """
        fresh.repository.mkdir()
        (fresh.repository / "notes.txt").write_text("mine")

        fails(fresh, "something else")
        assert [path.name for path in fresh.repository.iterdir()] == ["notes.txt"]

    def test_not_bare(self, fresh: Audited) -> None:
        """
        A repository with a work tree is refused.
        """
        fresh.repository.mkdir()
        git(fresh.repository, "init", "--quiet", ".")

        fails(fresh, "bare")

    def test_of_somebody_else(self, fresh: Audited) -> None:
        """
        A bare repository with another history is refused.
        """
        bare(fresh.repository)
        foreign_commit(fresh.repository)

        fails(fresh, "something else")

    def test_stale_locks(self, audited: Audited) -> None:
        """
        Lock files that a killed run left are removed by the next run, which says so.
        """
        for name in ("HEAD.lock", "config.lock", "packed-refs.lock", "refs/heads/main.lock", "objects/pack/tmp_pack_x"):
            (audited.repository / name).touch()
        audited.edit("change a variable")

        assert audited.good().outcome == "changed"
        assert "stale-files-removed" in audited.said()

    def test_a_damaged_state_file(self, audited: Audited) -> None:
        """
        State files of rubbish cost time, not truth.
        """
        for file in (audited.folder.rows, audited.folder.status):
            file.write_bytes(b"rubbish" * 999)
        audited.edit("change a variable")

        audited.good()

        assert audited.exported_tree() == audited.tree()


HOLD = """
    import fcntl, sys, time
    handle = open(sys.argv[1], "a+")
    fcntl.flock(handle, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


class TestAnotherServersHistory:
    def test_it_is_refused(self, audited: Audited) -> None:
        """
        A repository that holds another server's configuration is not written to.
        """
        audited.database.run("UPDATE OctopusServerInstallationHistory SET Node = 'ANOTHER'")
        before = audited.head()

        error = fails(audited, "the history of another server", "auditor adopt --server prod")

        assert str(audited.repository) in error
        assert audited.head() == before

    def test_it_goes_on_when_that_is_said(self, audited: Audited) -> None:
        """
        A run that is to adopt the history goes on with it, although much is gone, and its commit says so; after it the
        repository is this server's.
        """
        before = audited.head()
        identity = json.loads(audited.files()["metadata.json"])["Server"]
        audited.database.run("UPDATE OctopusServerInstallationHistory SET Node = 'ANOTHER'")
        audited.database.run("DELETE FROM Machine")

        result = audited.good(RunOptions(adopt=True, accept_shrink=True))

        assert audited.git("rev-parse", "main~1") == before
        assert f"Adopted-From: {identity}" in audited.git("log", "-1", "--format=%B", "main").splitlines()
        assert result.commits == (audited.head(),)
        assert audited.good().outcome == "unchanged"
        assert audited.exported_tree() == audited.tree()


class TestTwoProcesses:
    @pytest.mark.parametrize(
        "lock", ["repository.git/auditor.lock", "state/auditor.lock", ".server.db.octopus-auditor.lock"]
    )
    def test_the_second_is_left_out(self, audited: Audited, lock: str) -> None:
        """
        While another process holds the repository, the state or the database, a run is left out and says so.
        """
        holder = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLD), str(audited.root / lock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdin is not None and holder.stdout is not None
        holder.stdout.readline()
        try:
            result = audited.run()
        finally:
            holder.communicate()

        assert result.outcome == "skipped"
        assert "left out" in (result.error or "")
        assert exit_code(result) == 1
        assert audited.puts() == []
        assert audited.good()


class TestTheDisk:
    @pytest.mark.parametrize("limit", [0, 200, 4096, 40_000])
    def test_takes_no_more(self, audited: Audited, limit: int) -> None:
        """
        A disk that takes no more fails the run in a sentence; HEAD is whole, and the next run succeeds.
        """
        audited.edit("change a variable")
        before = audited.tree()
        script = (
            "import resource, signal, sys; from auditor.cli.main import main; "
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); sys.exit(main(sys.argv[1:]))"
        )
        config = audited.root / "auditor.toml"
        config.write_text(_toml(audited))
        done = subprocess.run(
            [sys.executable, "-c", script, "once", "--config", str(config), "--json"],
            cwd=ROOT,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 1, done.stderr
        assert "bug" not in done.stderr
        assert "Traceback" not in done.stderr
        assert not audited.stub.in_maintenance
        assert before == audited.tree()
        assert audited.good().outcome == "changed"
        assert audited.git("fsck", "--full", "--strict", "--no-dangling", "--no-progress") == ""


def _toml(audited: Audited) -> str:
    return f"""
[daemon]
state_directory = "{audited.root / "states"}"
[servers.state]
database = "{audited.database.address}"
master_key = "env:AUDIT_TEST_KEY"
url = "{audited.stub.url}"
api_key = "env:AUDIT_TEST_API_KEY"
[servers.state.export]
password = "env:AUDIT_TEST_PASSWORD"
[servers.state.repository]
path = "{audited.repository}"
"""
