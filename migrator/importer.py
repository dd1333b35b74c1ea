"""
The story of an import: read the tree, hold the target, decide, show or apply, all in one transaction.

Preview and import make the same plan. What is decided is in ``plan``, how rows are written in ``sql.writer``.
"""

from __future__ import annotations

import datetime
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from migrator.apply import reserve_ids, write
from migrator.errors import OperatorError, UsageError
from migrator.maps.system import SYSTEM_USER
from migrator.plan.describe import describe
from migrator.plan.plan import plan_import
from migrator.plan.values import ImportOptions, Plan
from migrator.report import Report, ReportedWarning
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.sql.backup import last_backup, make_backup
from migrator.sql.engine import NO_LIMITS_GIVEN, Limits
from migrator.sql.errors import TryAgain, write_errors
from migrator.sql.target import Held, Target, begin_import, hold_target
from migrator.sql.writer import Writer
from migrator.tree.reader import read_tree
from migrator.tree.restrict import restrict
from migrator.tree.values import Problem, Tree, TreeFiles
from migrator.wording import counted

__all__ = [
    "Gate",
    "ImportOptions",
    "ImportRefused",
    "Precautions",
    "Surroundings",
    "apply_import",
    "describe",
    "import_tree",
    "master_cipher",
    "plan_import",
]
_SHOWN = 200


class ImportRefused(OperatorError):
    """
    The tree cannot be imported as it is; nothing was written. ``problems`` says what is wrong, and in which file.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        lines = [_line(problem) for problem in problems[:_SHOWN]]
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        count = counted(len(problems), "problem")
        super().__init__("\n  ".join([f"nothing was imported, the tree has {count}:", *lines, *more]))
        self.problems = problems


def _line(problem: Problem) -> str:
    return ": ".join(part for part in (problem.file, problem.place, problem.message) if part)


@dataclass(frozen=True)
class Surroundings:
    """
    What an import takes from the world: the time, GUIDs, a way to wait (seconds).
    """

    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)
    new_guid: Callable[[], uuid.UUID] = uuid.uuid4
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic


Gate = Callable[[Plan, Tree], None]
"""Looks at a plan before it is applied, and raises to refuse it."""


@dataclass(frozen=True)
class Precautions:
    """
    What is done before an import, so that it can be taken back: *tell* gets a sentence about the target's last backup,
    ``backup`` is where to make one.
    """

    tell: Callable[[str], None] = lambda sentence: None
    backup: str | None = None


def import_tree(
    address: str,
    files: TreeFiles,
    options: ImportOptions,
    *,
    gate: Gate = lambda plan, tree: None,
    world: Surroundings | None = None,
    limits: Limits = NO_LIMITS_GIVEN,
    precautions: Precautions = Precautions(),
) -> Report:
    """
    Import the tree of *files* into the database at *address*: all of it, or nothing.

    With ``dry_run`` everything is done and undone. *gate* sees the plan before anything is written.

    Raises:
        AlreadyLocked: another import or an audit is at work on the database.
        ImportRefused: what is wrong with the tree, all at once.
        OperatorError: what went wrong and what to do.
    """
    master = master_cipher(options)
    # Outside the attempts: only what the database says can differ the next time.
    tree = read_tree(files, options.password)
    if options.projects:
        tree = restrict(tree, options.projects)
    with hold_target(address, limits) as held:
        precautions.tell(last_backup(held.engine))
        if precautions.backup is not None:
            # Under the lock, so that no other import comes between; outside the transaction, where none can be made.
            make_backup(held.engine, precautions.backup)
        for attempt in range(1, options.attempts + 1):
            try:
                return _once(held, tree, options, master, (gate, world or Surroundings()))
            except TryAgain:
                if attempt == options.attempts:
                    raise
                # A little longer each time: whoever was preferred may not be done yet.
                (world or Surroundings()).sleep(0.2 * attempt)
    raise AssertionError("at least one attempt is made")


def _once(
    held: Held,
    tree: Tree,
    options: ImportOptions,
    master: MasterKeyCipher,
    given: tuple[Gate, Surroundings],
) -> Report:
    gate, world = given
    started = world.monotonic()
    with begin_import(held, master) as target:
        # A wrong key would seal each secret so that the server could never open it.
        target.facts.check_master_key(master)
        plan = plan_import(tree, target, options)
        with plan.bodies:
            gate(plan, tree)
            report = apply_import(plan, target, options, world=world, seconds=lambda: world.monotonic() - started)
        # What is not committed is rolled back when the target is closed, so a preview writes and undoes like an import.
        if not options.dry_run:
            target.commit()
    return report


def master_cipher(options: ImportOptions) -> MasterKeyCipher:
    """
    Return the cipher of the target's database.

    Raises:
        UsageError: no master key was given.
        SecretError: it is malformed.
    """
    if options.master_key is None:
        raise UsageError("the target's master key is needed: give --master-key-file or OCTOPUS_MASTER_KEY")
    return MasterKeyCipher.from_base64(options.master_key.reveal())


def check(plan: Plan, options: ImportOptions) -> None:
    """
    Refuse a plan that has problems, unless they are to be ignored.

    Raises:
        ImportRefused: all of them.
    """
    # A refusal is what no force makes right.
    problems = (*plan.refusals, *(() if options.force else plan.problems))
    if problems:
        raise ImportRefused((*plan.refusals, *plan.problems))


def apply_import(
    plan: Plan,
    target: Target,
    options: ImportOptions,
    *,
    world: Surroundings | None = None,
    seconds: Callable[[], float] = lambda: 0.0,
) -> Report:
    """
    Write what *plan* decided, in the target's open transaction, and return the report; committing is the caller's.

    Raises:
        ImportRefused: the plan has problems and ``force`` was not given.
        DatabaseError: the database refused; roll back.
    """
    check(plan, options)
    world = world or Surroundings()
    master = master_cipher(options)
    with write_errors(target.connection.engine):
        writer = Writer(target, world.now, world.new_guid)
        reserved = reserve_ids(plan, writer)
        # Without a row no event: importing the same tree again leaves the database as it was.
        if write(plan, reserved, writer, master):
            writer.record(_event(plan, world))
    return report_of(plan, reserved, options, seconds())


def _event(plan: Plan, world: Surroundings) -> dict[str, object]:
    # The original tool's category and words, so that the audit page shows this import as it shows that tool's.
    lines = [
        f"{type_}: {', '.join(f'{word} {count}' for word, count in sorted(kinds.items()))}"
        for type_, kinds in sorted(plan.counts().items())
    ]
    return {
        "RelatedDocumentIds": "",
        "ProjectId": None,
        "EnvironmentId": None,
        "TenantId": None,
        "Category": "Imported",
        "UserId": SYSTEM_USER,
        "Username": "system",
        "Occurred": world.now().isoformat(timespec="milliseconds"),
        "Message": "Configuration was imported from a directory",
        "JSON": event_json("\n".join(lines)),
    }


def report_of(plan: Plan, reserved: Mapping[int, str], options: ImportOptions, seconds: float) -> Report:
    """
    Return what ``--report`` writes about a plan that was applied with the *reserved* ids.
    """
    types = sorted({decision.document.map.type for decision in plan.decisions})
    # Forced, they are written all the same, so the report is the only place that still tells of them.
    ignored = [
        ReportedWarning("", problem.file, f"ignored with --force: {_line(problem)}") for problem in plan.problems
    ]
    warnings = [*plan.warnings, *(ignored if options.force else ())]
    return Report(
        plan.counts(),
        tuple(warnings),
        plan.ids.report(types, lambda text: plan.marks.settle(text, reserved.__getitem__)),
        seconds,
    )


def event_json(details: str) -> str:
    """
    Return the JSON of the audit event: the counts, and who is said to have done it.
    """
    return json.dumps(
        {
            "MessageReferences": [],
            "Comments": None,
            "Details": details,
            "IdentityEstablishedWith": "Command-line or tools",
        }
    )
