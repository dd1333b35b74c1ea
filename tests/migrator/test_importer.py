"""
An import as a whole: one transaction, counters, audit event, dry run, reads. Numbers are those of the regressions.
"""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from migrator.credentials import Secret
from migrator.errors import DatabaseError
from migrator.exporter import ExportOptions, export
from migrator.importer import ImportOptions, apply_import, import_tree, plan_import
from migrator.plan.values import Outcome, Plan
from migrator.sql.target import open_target
from migrator.tree.files import FolderFiles
from tests.support.imports import (
    CIPHER,
    SOURCE_KEY,
    TARGET,
    Server,
    action,
    doc,
    empty_server,
    environment,
    outcomes,
    process,
    project,
    secret,
    tree,
    variable,
    variables,
)
from tests.support.templates import sample


def digest(target: Server) -> str:
    """
    Return a digest of the database file.
    """
    return hashlib.sha256(target.path.read_bytes()).hexdigest()


def whole(source_key: bytes, folder: Path) -> tuple[Path, ExportOptions]:
    """
    Return the sample server and the options that export it.
    """
    path = sample(folder / "source.db", key=source_key)
    return path, ExportOptions(password=Secret("pw"), master_key=Secret(base64.b64encode(source_key).decode()))


def test_whole_sample_server_makes_the_round_trip(target: Server, tmp_path: Path) -> None:
    """
    An export imported into an empty server is all Created, then all Unchanged; exporting the target gives a tree
    that differs from the first server only in what the report announced. Secrets are compared as plaintext.
    """
    source, options = whole(SOURCE_KEY, tmp_path)
    export(f"sqlite:///{source}", tmp_path / "tree", options)
    wanted = ImportOptions(password=Secret("pw"), master_key=TARGET, overwrite=True)
    home = ImportOptions(password=Secret("pw"), master_key=options.master_key, overwrite=True)
    plans: list[Plan] = []

    first = import_tree(target.address, FolderFiles(tmp_path / "tree"), wanted)
    second = import_tree(target.address, FolderFiles(tmp_path / "tree"), wanted)
    export(target.address, tmp_path / "back", ExportOptions(password=Secret("pw"), master_key=TARGET))
    back = FolderFiles(tmp_path / "back")
    import_tree(f"sqlite:///{source}", back, home, gate=lambda plan, tree: plans.append(plan))

    words = [{word for kinds in report.counts.values() for word in kinds} for report in (first, second)]
    changed = {item.target_id for item in plans[0].decisions if item.outcome is not Outcome.UNCHANGED}
    assert words == [{"Created"}, {"Unchanged"}]
    assert changed == {item.document for item in first.warnings if item.path}


def test_3912_6688_5406_reads_follow_the_tree(target: Server) -> None:
    """
    Only documents that the tree matches are read: no frozen sets, no events, no other projects.
    """
    some = tree(*project(), variables("Projects-1", variable("A", "1")))
    target.take(some)
    for number in range(40):
        target.add(
            "VariableSet",
            f"variableset-Projects-1-s-{number}",
            OwnerId="Projects-1",
            Version=1,
            IsFrozen=True,
            Variables=[],
        )
    target.take(tree(*project("Projects-5", "Other")[2:], *project()[:2]))

    with open_target(target.address, CIPHER) as opened:
        plan = plan_import(some, opened, ImportOptions(master_key=TARGET))
        rows = opened.rows_read

    assert (outcomes(plan), rows) == ({"Unchanged": 4}, 4)


def test_1732_2281_2353_1855_import_again_repeats_nothing(target: Server) -> None:
    """
    Importing the same tree again writes nothing at all, not even an event.
    """
    some = tree(*project(), variables("Projects-1", variable("A", secret("a plain secret"), "Sensitive")))
    target.take(some)
    before = target.run("SELECT Id, JSON FROM VariableSet"), target.run("SELECT COUNT(*) FROM Event")

    target.take(some, overwrite=True)

    assert before == (target.run("SELECT Id, JSON FROM VariableSet"), target.run("SELECT COUNT(*) FROM Event"))


def test_1858_missing_fields_of_old_documents_are_no_change(target: Server) -> None:
    """
    A file that leaves fields out that are empty on the target says the same; columns it does not name stay.
    """
    target.take(
        tree(doc("User", "Users-1", Username="ann", IsActive=True, IsService=False, EmailAddress="a@example.com"))
    )

    plan, _ = target.take(tree(doc("User", "Users-1", Username="Ann ", IsService=False, Extra=1)), overwrite=True)

    got = target.all("User")[0]
    assert outcomes(plan) == {"Updated": 1}
    assert (got["IsActive"], got["EmailAddress"]) == (True, "a@example.com")


def test_7365_the_import_leaves_its_own_audit_event(target: Server) -> None:
    """
    One event of category Imported, by the command line, with the counts as its details.
    """
    target.take(tree(environment()))

    ((id_, category, user, text),) = target.run("SELECT Id, Category, Username, JSON FROM Event")
    body = json.loads(text)
    assert (id_, category, user) == ("Events-1", "Imported", "system")
    assert (body["IdentityEstablishedWith"], body["Details"]) == (
        "Command-line or tools",
        "DeploymentEnvironment: Created 1",
    )


def test_8114_dry_run_does_everything_and_undoes_it(target: Server) -> None:
    """
    A dry run fails where the import would, and leaves the file as it was.
    """
    target.run("CREATE UNIQUE INDEX one ON DeploymentEnvironment (SortOrder)")
    before = digest(target)
    some = tree(environment(), environment("Environments-2", "Test"))

    with pytest.raises(DatabaseError, match="SortOrder"):
        target.take(some, dry_run=True)
    with open_target(target.address, CIPHER) as opened:
        options = ImportOptions(master_key=TARGET, dry_run=True)
        apply_import(plan_import(tree(environment()), opened, options), opened, options)

    assert digest(target) == before


def test_import_is_undone_by_a_kill_at_the_last_moment(target: Server, tmp_path: Path) -> None:
    """
    A process killed after the last row and before the commit leaves the target as it was.
    """
    text = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.support.imports import *\n"
        "from migrator.importer import Surroundings\n"
        "def stop(): os.kill(os.getpid(), signal.SIGKILL)\n"
        "options = ImportOptions(master_key=TARGET)\n"
        "with open_target(sys.argv[1], CIPHER) as target:\n"
        "    plan = plan_import(tree(*project(), environment()), target, options)\n"
        "    apply_import(plan, target, options, world=Surroundings(now=stop))\n"
    )

    ended = subprocess.run([sys.executable, "-c", text, target.address], cwd=Path(__file__).parents[2], check=False)

    assert ended.returncode == -signal.SIGKILL
    assert target.run("PRAGMA integrity_check") == [("ok",)]
    assert (target.all("Project"), target.all("DeploymentEnvironment"), target.run("SELECT * FROM KeyAllocation")) == (
        [],
        [],
        [],
    )


def test_counters_and_derived_columns_are_right_after_a_change(target: Server) -> None:
    """
    A changed set counts one save more, names what it refers to, and has a new rowversion; what did not change has not.
    """
    some = [*project(), environment()]
    target.take(tree(*some, variables("Projects-1", variable("A", "1"))))
    version, stamps = target.all("VariableSet")[0]["Version"], target.run("SELECT DataVersion FROM Project")

    target.take(
        tree(*some, variables("Projects-1", variable("A", "2", Environment=["Environments-1"], Role=["web"]))),
        overwrite=True,
    )

    got = target.all("VariableSet")[0]
    assert (version + 1, ["Environments-1", "web"]) == (got["Version"], got["RelatedDocumentIds"])
    assert target.run("SELECT RelatedDocumentId, RelatedDocumentTable FROM RelatedDocument") == [
        ("Environments-1", "DeploymentEnvironment")
    ]
    assert target.run("SELECT DataVersion FROM Project") == stamps


def test_rowversions_move_in_a_file_without_triggers(target: Server) -> None:
    """
    Where nothing counts the rowversion by itself, the import does: what caches watch moves.
    """
    for (name,) in target.run("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        target.run(f'DROP TRIGGER "{name}"')
    target.take(tree(environment(), environment("Environments-2", "Test")))
    before = target.run("SELECT DataVersion FROM DeploymentEnvironment ORDER BY Name")

    target.take(tree(doc("DeploymentEnvironment", "Environments-1", Name="Dev", SortOrder=2)), overwrite=True)

    after = target.run("SELECT DataVersion FROM DeploymentEnvironment ORDER BY Name")
    assert len({*before}) == 2
    assert after[0] > max(before)
    assert after[1] == before[1]


def test_new_ids_are_reserved_and_never_exist(target: Server) -> None:
    """
    Ids come from KeyAllocation, in one block, and pass over ids that the counter does not know.
    """
    target.add("DeploymentEnvironment", "Environments-2", Name="By hand", SortOrder=1)
    target.run("DELETE FROM KeyAllocation")

    target.take(tree(environment("Environments-8", "A"), environment("Environments-9", "B")))

    assert {item["Id"] for item in target.all("DeploymentEnvironment")} == {
        "Environments-1",
        "Environments-2",
        "Environments-3",
    }
    assert target.run("SELECT Allocated FROM KeyAllocation WHERE CollectionName = 'DeploymentEnvironment'") == [(3,)]


def test_9057_9201_6680_6747_documents_are_not_completed_or_renumbered(target: Server) -> None:
    """
    Null stays null, an empty list an empty list, a missing field missing, and a version the number it had.
    """
    body = {"Name": "T", "Version": 7, "ActionType": "x", "Properties": {}, "A": None, "B": [], "C": ""}

    target.take(tree(doc("ActionTemplate", "ActionTemplates-1", **body)))

    assert target.named("ActionTemplate", "T") == body | {"Id": "ActionTemplates-1", "CommunityActionTemplateId": None}


def test_3412_2600_3651_6080_secrecy_goes_by_shape(target: Server) -> None:
    """
    A secret stays one wherever it stands, and a text stays a text.
    """
    step = action("a", "Go", {"P": {"SensitiveValue": secret("kept quiet")}, "Q": "plain"})

    target.take(tree(*project(), process("Projects-1", step)))

    got = target.all("DeploymentProcess")[0]["Steps"][0]["Actions"][0]["Properties"]
    assert (CIPHER.open(got["P"]["SensitiveValue"]), got["Q"]) == ("kept quiet", "plain")


def test_secrets_get_a_fresh_iv_each_time(target: Server) -> None:
    """
    Equal secrets do not look equal in the target.
    """
    target.take(
        tree(
            doc("Proxy", "Proxies-1", Name="a", Password=secret("same")),
            doc("Proxy", "Proxies-2", Name="b", Password=secret("same")),
        )
    )

    first, second = (item["Password"] for item in target.all("Proxy"))
    assert first != second
    assert CIPHER.open(first) == CIPHER.open(second)


def test_cyclic_references_are_no_obstacle(target: Server) -> None:
    """
    Two projects that deploy each other, an account of a tenant that uses it: ids are known before the first row.
    """
    step = [action(f"a{n}", "Go", {"Octopus.Action.DeployRelease.ProjectId": f"Projects-{3 - n}"}) for n in (1, 2)]
    account = doc("Account", "acc-1", Name="c", AccountType="Token", EnvironmentIds=[], TenantIds=["Tenants-1"])

    some = tree(
        *project(),
        project("Projects-2", "Other")[-1],
        process("Projects-1", step[0]),
        process("Projects-2", step[1]),
        account,
        doc("Tenant", "Tenants-1", Name="acme", ProjectIds=["Projects-1"]),
    )
    target.take(some)

    assert outcomes(target.preview(some, overwrite=True)) == {"Unchanged": 8}


def test_defaults_stay_the_targets_choice(target: Server) -> None:
    """
    There is one default policy before and after.
    """
    target.add("MachinePolicy", "MachinePolicies-9", Name="House rules", IsDefault=True)

    _, report = target.take(tree(doc("MachinePolicy", "MachinePolicies-1", Name="Default", IsDefault=True)))

    assert [item["Name"] for item in target.all("MachinePolicy") if item["IsDefault"]] == ["House rules"]
    assert any("default" in item.message for item in report.warnings)


def test_each_space_has_a_default_of_its_own(tmp_path: Path) -> None:
    """
    A default of the target is one of its space: a space that is imported keeps its own, and only one.
    """
    target = empty_server(tmp_path, "newer", spaces=True)
    target.add("Space", "Spaces-1", Name="Default", Slug="default", IsDefault=True)
    target.add("MachinePolicy", "MachinePolicies-9", Name="House rules", IsDefault=True, SpaceId="Spaces-1")
    names = {"Default": ["Mine"], "Ops": ["First", "Second"]}
    policies = [
        doc("MachinePolicy", f"MachinePolicies-{number}", space=space, Name=name, IsDefault=True)
        for number, (space, name) in enumerate((space, name) for space, some in names.items() for name in some)
    ]

    _, report = target.take(tree(doc("Space", "Spaces-7", Name="Ops", Slug="ops", IsDefault=True), *policies))

    assert {item["Name"] for item in target.all("MachinePolicy") if item["IsDefault"]} == {"House rules", "First"}
    assert [item["Name"] for item in target.all("Space") if item["IsDefault"]] == ["Default"]
    told = [item.message for item in report.warnings if item.path == "IsDefault"]
    assert told == [
        "the target's default (Spaces-1) stays the default",
        "the target's default (MachinePolicies-9) stays the default",
        "the target's default (First) stays the default",
    ]


def test_address_that_is_taken_gets_a_number(target: Server) -> None:
    """
    A project whose slug another one has is imported under another slug, and found Unchanged afterwards.
    """
    target.take(tree(*project("Projects-1", "Shop", Slug="shop")))
    other = tree(*project("Projects-1", "Shop!", Slug="shop"))

    target.take(other)

    assert target.named("Project", "Shop!")["Slug"] == "shop-2"
    assert outcomes(target.preview(other, overwrite=True)) == {"Unchanged": 3}


def test_the_servers_own_identity_is_never_imported(target: Server) -> None:
    """
    Certificate, license and the state of one installation stay out, and the installation's id is kept.
    """
    target.add("Configuration", "serverconfig", ServerUri="old", InstallationId="own")
    some = [doc("Configuration", id_, X=1) for id_ in ("certificate-global", "license", "maintenance", "schedules")]

    target.take(
        tree(*some, doc("Configuration", "serverconfig", ServerUri="new", InstallationId="foreign")), overwrite=True
    )

    (got,) = target.all("Configuration")
    assert (got["Id"], got["ServerUri"], got["InstallationId"]) == ("serverconfig", "new", "own")


def test_tree_without_spaces_goes_to_the_default_space(tmp_path: Path) -> None:
    """
    Without spaces in the tree, what belongs to a space goes to the default one; with them, to the one of that name.
    """
    target = empty_server(tmp_path, "newer", spaces=True)
    target.add("Space", "Spaces-1", Name="Default", Slug="d", IsDefault=True)
    target.add("Space", "Spaces-2", Name="Ops: two", Slug="o", IsDefault=False)

    target.take(tree(environment()))
    target.take(
        tree(doc("DeploymentEnvironment", "Environments-1", space="Ops_ two [Spaces-2]", Name="Dev", SortOrder=1))
    )

    assert target.run("SELECT SpaceId, Name FROM DeploymentEnvironment ORDER BY 1") == [
        ("Spaces-1", "Dev"),
        ("Spaces-2", "Dev"),
    ]
    (problem,) = target.preview(
        tree(doc("DeploymentEnvironment", "Environments-1", space="Nowhere", Name="x"))
    ).problems
    assert "Nowhere" in problem.message
