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
from pathlib import Path

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
from migrator.sql.locks import LockLost
from migrator.sql.target import Held, Target, begin_import, hold_target
from migrator.sql.writer import Writer
from migrator.tree.reader import read_tree
from migrator.tree.restrict import restrict
from migrator.tree.values import Problem, Tree, TreeFiles
from migrator.undo import Keeper, read_undo, take_back, write_undo
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
    "undo_import",
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
    What is done before an import, so that it can be taken back.

    ``tell`` gets a sentence about the target's last backup, ``backup`` is where to make one, ``undo`` is the file that
    keeps what the import writes over.
    """

    tell: Callable[[str], None] = lambda sentence: None
    backup: str | None = None
    undo: Path | None = None

    def check(self, options: ImportOptions) -> None:
        """
        Raise ``UsageError`` where they cannot be taken.
        """
        if options.dry_run and (self.backup is not None or self.undo is not None):
            raise UsageError("--backup and --undo come before an import; leave them out with --dry-run and --plan")
        if self.undo is not None:
            if options.password is None:
                raise UsageError("--undo seals under the tree's password: give --password-file or MIGRATOR_PASSWORD")
            if self.undo.exists() or not self.undo.absolute().parent.is_dir():
                raise UsageError(f"--undo {self.undo} is there already, or its folder is not; name another file")

    def before(self, held: Held) -> None:
        """
        Tell of the last backup, and make one where it is asked for.

        Raises:
            OperatorError: it could not be made.
        """
        self.tell(last_backup(held.engine))
        if self.backup is not None:
            # Under the lock, so that no other import comes between; outside the transaction, where none can be made.
            make_backup(held.engine, self.backup)


def import_tree(
    address: str,
    files: TreeFiles,
    options: ImportOptions,
    *,
    gate: Gate = lambda plan, tree: None,
    prepare: Callable[[Tree], Tree] = lambda tree: tree,
    world: Surroundings | None = None,
    limits: Limits = NO_LIMITS_GIVEN,
    precautions: Precautions = Precautions(),
) -> Report:
    """
    Import the tree of *files* into the database at *address*: all of it, or nothing.

    With ``dry_run`` everything is done and undone. *gate* sees the plan before anything is written; *prepare* gets the
    tree as it was read and returns what is to be imported of it.

    Raises:
        AlreadyLocked: another import or an audit is at work on the database.
        ImportRefused: what is wrong with the tree, all at once.
        OperatorError: what went wrong and what to do.
    """
    precautions.check(options)
    master = master_cipher(options)
    # Outside the attempts: only what the database says can differ the next time.
    tree = prepare(read_tree(files, options.password))
    if options.projects:
        tree = restrict(tree, options.projects)
    with hold_target(address, limits) as held:
        precautions.before(held)
        for attempt in range(1, options.attempts + 1):
            try:
                return _once(held, tree, options, master, (gate, world or Surroundings(), precautions.undo))
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
    given: tuple[Gate, Surroundings, Path | None],
) -> Report:
    gate, world, undo = given
    started = world.monotonic()
    with begin_import(held, master) as target:
        # A wrong key would seal each secret so that the server could never open it.
        target.facts.check_master_key(master)
        plan = plan_import(tree, target, options)
        with plan.bodies:
            gate(plan, tree)
            keeper = Keeper(plan, target) if undo is not None else None
            report = apply_import(
                plan, target, options, world=world, seconds=lambda: world.monotonic() - started, keeper=keeper
            )
            if undo is not None and keeper is not None and options.password is not None:
                # Before the commit: an import without its undo is undone itself.
                write_undo(undo, keeper.after(), options.password.reveal())
        # What is not committed is rolled back when the target is closed, so a preview writes and undoes like an import.
        if not options.dry_run:
            try:
                target.commit()
            except LockLost:
                # After any other failure nobody knows whether the server has committed, and the file may be needed.
                if undo is not None:
                    undo.unlink(missing_ok=True)
                raise
    return report


def undo_import(
    address: str,
    content: bytes,
    options: ImportOptions,
    *,
    world: Surroundings | None = None,
    limits: Limits = NO_LIMITS_GIVEN,
    precautions: Precautions = Precautions(),
) -> Report:
    """
    Take the import back whose undo file has this *content*, from the database at *address*: all of it, or nothing.

    Raises:
        AlreadyLocked: another import or an audit is at work on the database.
        SecretError: the password is another than the import's.
        OperatorError: it is another server, or its documents were changed since and ``force`` was not given.
    """
    world = world or Surroundings()
    started = world.monotonic()
    undo = read_undo(content, options.password.reveal() if options.password else None)
    with hold_target(address, limits) as held:
        precautions.before(held)
        with begin_import(held, None) as target:
            with write_errors(held.engine):
                writer = Writer(target, world.now, world.new_guid)
                take_back(undo, target, writer, force=options.force)
                if undo.documents:
                    writer.record(_event(undo.counts(), "An import of configuration was taken back", world))
            if not options.dry_run:
                target.commit()
    return Report(undo.counts(), seconds=world.monotonic() - started)


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
    keeper: Keeper | None = None,
) -> Report:
    """
    Write what *plan* decided, in the target's open transaction, and return the report; committing is the caller's.

    A *keeper* sees what is to be written over, before it is.

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
        if keeper is not None:
            keeper.before(reserved)
        # Without a row no event: importing the same tree again leaves the database as it was.
        if write(plan, reserved, writer, master):
            writer.record(_event(plan.counts(), "Configuration was imported from a directory", world))
    return report_of(plan, reserved, options, seconds())


def _event(counts: Mapping[str, Mapping[str, int]], message: str, world: Surroundings) -> dict[str, object]:
    # The original tool's category and words, so that the audit page shows this import as it shows that tool's.
    lines = [
        f"{type_}: {', '.join(f'{word} {count}' for word, count in sorted(kinds.items()))}"
        for type_, kinds in sorted(counts.items())
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
        "Message": message,
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
