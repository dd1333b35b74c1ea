"""
One run of an audit: what is committed, and what it is called.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from auditor.audit import RunOptions
from auditor.cli.once import exit_code, summary
from auditor.demo.edits import EDITS
from auditor.demo.stub import RestStub
from migrator.export.spool import Spool
from migrator.exporter import export
from migrator.tree.metadata import Metadata
from tests.support.audits import RENDERED, Audited, folder_tree
from tests.support.servers import CIPHER, PASSWORD, contents

FULL = RunOptions(full=True)


class TestTheFirstRun:
    def test_the_tree_is_the_export(self, audited: Audited) -> None:
        """
        The first commit holds byte for byte what `migrator export --inline-scripts ExtractToFiles` writes.
        """
        folder = audited.root / "export"
        export(audited.database.address, folder, audited.database.options(render=RENDERED))

        assert contents(folder) == audited.files()
        assert folder_tree(folder) == audited.tree()

    def test_its_result_counts_what_was_committed(self, small_fresh: Audited) -> None:
        """
        A result tells by type what a commit brought, and nothing where there was nothing to commit.
        """
        assert small_fresh.run().changes["Project"]["added"] > 0
        assert small_fresh.run().changes == {}

    def test_its_commit(self, audited: Audited) -> None:
        """
        There is one commit, by the committer, that counts the documents.
        """
        assert audited.commits() == 1
        assert audited.subject().startswith("First export of ")
        assert audited.git("log", "-1", "--format=%an <%ae>", "main") == "Octopus Auditor <octopus-auditor@localhost>"

    def test_metadata(self, audited: Audited) -> None:
        """
        The root's metadata.json says how the tree was written, and the password opens it.
        """
        metadata = Metadata.from_bytes(audited.files()["metadata.json"])

        assert metadata.open_with(PASSWORD)
        assert "2018" in metadata.database_version

    def test_the_repository_is_whole(self, audited: Audited) -> None:
        """
        git finds nothing to complain about.
        """
        assert audited.git("fsck", "--full", "--strict", "--no-dangling", "--no-progress") == ""


class TestNothingChanged:
    @pytest.mark.parametrize("options", [RunOptions(), FULL], ids=["hashes", "full"])
    def test_no_commit_and_no_object(self, audited: Audited, options: RunOptions) -> None:
        """
        A run that finds nothing changed makes no commit and not one object.
        """
        before = audited.objects(), audited.head()

        result = audited.good(options)

        assert (result.outcome, result.commits) == ("unchanged", ())
        assert before == (audited.objects(), audited.head())
        assert len(audited.files()) == result.files.unchanged

    def test_no_row_is_looked_at(self, audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Tables that came as they were are known by one hash each: not one row is unpacked, and all are counted.
        """
        before = audited.good()

        def rows(spool: Spool, position: int) -> None:
            raise AssertionError(f"a row of {spool.tables[position].table.name} was looked at")

        monkeypatch.setattr(Spool, "rows", rows)
        after = audited.good()

        assert (after.outcome, after.documents, after.files) == ("unchanged", before.documents, before.files)

    @pytest.mark.parametrize("table", ["Project", "Machine", "Channel"])
    def test_rows_in_another_order(self, audited: Audited, table: str) -> None:
        """
        A server that returns the same rows in another order has not changed, and every document still counts.
        """
        before = audited.good()
        audited.database.run(f'UPDATE "{table}" SET rowid = -rowid')

        after = audited.good()

        assert (after.outcome, after.documents, after.files) == ("unchanged", before.documents, before.files)

    def test_a_secret_sealed_anew(self, audited: Audited) -> None:
        """
        A secret that the server sealed again under another IV is no change: no commit.
        """
        audited.edit("save a set without a change")
        audited.run()
        before = audited.head()
        audited.database.edit("VariableSet", "variableset-Projects-3", _reseal)

        assert audited.good().outcome == "unchanged"
        assert before == audited.head()


def _reseal(document: dict) -> None:
    for variable in document["Variables"]:
        if variable.get("Type") == "Sensitive" and variable.get("Value"):
            variable["Value"] = CIPHER.seal(CIPHER.open(variable["Value"]))


SUBJECTS = {
    "change a variable": ("Web Shop: Replicas 3 -> 12", 1),
    "change only a secret": ("Search & Index: Database.Password changed", 1),
    "add three machines": ("3 machines added", 3),
    "rename a project": ("Project Basket: Service renamed to Basket & Checkout", None),
    "delete a tenant": ("Tenant Windmill Stores removed", None),
    "edit a script": ("Mobile/Backend: step Check with PowerShell changed", None),
    "add a team member": ("Payments: on call: member added", 1),
    "change a lifecycle": ("Hotfix: phase Second look added", 1),
}
"""Each edit's subject, and in how many files it is."""


class TestAnEdit:
    @pytest.mark.parametrize("name", [name for name in EDITS if name in SUBJECTS])
    def test_the_right_files(self, audited: Audited, name: str) -> None:
        """
        Each edit gives one commit that names it, changes its files alone, and leaves the tree of a fresh export.
        """
        audited.edit(name)

        result = audited.good()

        said, files = SUBJECTS[name]
        assert said == audited.subject()
        assert result.commits == (audited.head(),)
        assert files is None or files == len(audited.changed())
        assert result.files.changed == len(audited.changed())
        assert audited.exported_tree() == audited.tree()
        assert audited.commits() == 2

    def test_several_edits_in_one_subject(self, audited: Audited) -> None:
        """
        The subject names what changed, the projects first; what is told elsewhere has no value in it.
        """
        audited.edit("change a variable")
        audited.edit("add three machines")

        result = audited.good()

        assert audited.subject() == "Web Shop: Replicas 3 -> 12; 3 machines added"
        assert result.subject == "Web Shop: Replicas changed; 3 machines added"
        assert result.told[0] == "Web Shop: Replicas changed"
        assert "3 -> 12" in "\n".join(result.valued)

    def test_a_renamed_owner_takes_its_files_along(self, audited: Audited) -> None:
        """
        A renamed project moves its process, variables and channels with it, and only the project is told of.
        """
        audited.edit("rename a project")

        audited.good()

        changed = audited.changed()
        assert {"A", "D"} == set(changed.values())
        assert {path for path in changed if "Basket & Checkout" in path} == {p for p, o in changed.items() if o == "A"}
        assert not [path for path in audited.files() if path in changed and changed[path] == "D"]
        assert audited.subject() == "Project Basket: Service renamed to Basket & Checkout"

    def test_a_dry_run_tells_and_keeps_nothing(self, audited: Audited) -> None:
        """
        What would be committed is told; maintenance mode, branch, state and status stay, and the next run commits it.
        """
        before = audited.head(), audited.folder.status.read_bytes(), audited.git("for-each-ref")
        puts = audited.puts()
        audited.edit("change a variable")
        audited.edit("rename a project")

        foretold = audited.good(RunOptions(dry_run=True))

        assert before == (audited.head(), audited.folder.status.read_bytes(), audited.git("for-each-ref"))
        assert puts == audited.puts()
        assert (foretold.outcome, foretold.commits, foretold.pushed) == ("changed", (), None)
        done = audited.good()
        assert (done.subject, done.told, done.valued) == (foretold.subject, foretold.told, foretold.valued)
        assert "\n".join(done.valued) in audited.git("log", "-1", "--format=%b", "main")
        assert audited.good(RunOptions(dry_run=True)).outcome == "unchanged"

    def test_scripts_that_stand_elsewhere_now(self, fresh: Audited) -> None:
        """
        A history with its scripts in the documents too goes over to files in one commit that says so, and tells as
        changed only what people changed.
        """
        fresh.change(export={"inline_scripts": "CopyToFiles"})
        fresh.good()
        fresh.change(export={"inline_scripts": "ExtractToFiles"})

        fresh.good()

        note = "Scripts stand in files of their own now (inline_scripts = ExtractToFiles)"
        assert fresh.git("log", "-1", "--format=%s%n%b", "main").splitlines()[:3] == [
            note,
            "Server: prod",
            "Octopus-Version: 2018.8.12",
        ]
        assert fresh.tree() == fresh.exported_tree()
        fresh.change(export={"inline_scripts": "CopyToFiles"})
        fresh.edit("edit a script")
        fresh.good()
        assert fresh.subject().startswith("Scripts stand in their documents and in files now")
        body = fresh.git("log", "-1", "--format=%b", "main")
        assert [line for line in body.splitlines() if line.startswith("~")] == [
            "~ Project Mobile/Backend / deployment process  (1 of 4 changed)"
        ]

    def test_the_same_tree_with_and_without_the_state(self, audited: Audited) -> None:
        """
        After random edits the tree is the same whether the hashes of the rows are believed, ignored, lost or damaged.
        """
        rng = random.Random(5)
        for number in range(4):
            audited.random_edit(rng)
            if number == 3:
                audited.edit("rename a project")
            audited.good()
            quick = audited.tree()
            audited.good([RunOptions(), FULL][number % 2])
            _damage(audited.folder.rows, number)

            assert audited.good(FULL).outcome == "unchanged"
            assert quick == audited.tree() == audited.exported_tree()


def _damage(path: Path, kind: int) -> None:
    if kind % 3 == 0:
        path.unlink()
    elif kind % 3 == 1:
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        path.write_bytes(b"no database at all" * 300)


class TestWhatIsTold:
    def test_the_json_object(self, audited: Audited) -> None:
        """
        `once --json` gives one object with the contract's names and shapes.
        """
        audited.edit("change a variable")

        value = json.loads(json.dumps(summary(audited.good())))

        assert [
            *("run_id", "server", "started", "seconds", "window_seconds"),
            *("documents", "files", "commits", "pushed", "warnings"),
        ] == list(value)[:10]
        assert {k: v for k, v in value["files"].items() if k != "unchanged"} == {
            "added": 0,
            "modified": 1,
            "deleted": 0,
        }
        assert [audited.head()] == value["commits"]
        assert value["warnings"] == []
        assert value["pushed"] is None

    def test_the_window_is_measured(self, audited: Audited, stub: RestStub) -> None:
        """
        window_seconds is how long the server really was in maintenance mode.
        """
        result = audited.good()

        window = stub.windows[-1]
        assert window.end is not None
        assert result.window_seconds == pytest.approx(window.end - window.start, abs=0.1)
        assert result.window_seconds <= result.seconds

    def test_no_secret_anywhere(self, audited: Audited) -> None:
        """
        No plaintext stands in the log, the result, the state folder or any object of the repository.
        """
        plain = "a brand-new secret, said by nobody"

        def change(document: dict) -> None:
            next(v for v in document["Variables"] if v.get("Type") == "Sensitive")["Value"] = CIPHER.seal(plain)

        audited.database.edit("VariableSet", "variableset-Projects-3", change)

        result = audited.good()

        assert result.outcome == "changed"
        told = repr(result) + repr(audited.log.calls)
        stored = b"".join(file.read_bytes() for file in audited.folder.path.rglob("*") if file.is_file())
        objects = b"".join(audited.files().values())
        for secret in (plain, PASSWORD):
            assert secret not in told
            assert secret.encode() not in stored + objects

    def test_a_plaintext_in_clear(self, audited: Audited) -> None:
        """
        With ``plaintext = "stop"`` a secret in clear stops the run; nothing is committed, the value is not told.
        """
        plain = "the plaintext of a secret in the clear"

        def change(document: dict) -> None:
            next(v for v in document["Variables"] if v.get("Type") == "Sensitive")["Value"] = CIPHER.seal(plain)

        audited.database.edit("VariableSet", "variableset-Projects-3", change)
        audited.database.edit("Project", "Projects-2", lambda document: document.update(Description=f"see {plain}"))
        before = audited.head()
        audited.change(export={"plaintext": "stop"})

        result = audited.run()

        assert result.outcome == "failed"
        assert result.error is not None
        assert "Projects-2" in result.error
        assert plain not in repr(result)
        assert before == audited.head()
        assert not audited.stub.in_maintenance
        assert exit_code(result) == 1
