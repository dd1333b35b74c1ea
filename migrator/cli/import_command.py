"""
The command ``import``: options to an ``ImportOptions``, the plan and the report to text and an exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from migrator.cli.options import Values
from migrator.cli.output import check_report_path, show_warnings, write_report
from migrator.cli.server import ServerChoice, choose_server
from migrator.errors import OperatorError, UsageError
from migrator.importer import Precautions, import_tree, master_cipher, undo_import
from migrator.plan.describe import GROUPS, describe
from migrator.plan.saved import check_saved, saved
from migrator.plan.values import MISSING, ImportOptions, Plan
from migrator.report import Report, ReportedWarning
from migrator.tree.files import FolderFiles, RevisionFiles
from migrator.tree.since import remember, remembered, settled
from migrator.tree.values import Tree, TreeFiles
from migrator.undo import DELETED, RESTORED, is_undo

_SHOWN = 20


def run_import(values: Values) -> int:
    """
    Import a directory; prints the preview with --dry-run or --plan, else the counts.

    Raises:
        OperatorError: what went wrong; nothing was imported.
    """
    report_path = Path(values.text("report")) if values.find("report") is not None else None
    check_report_path(report_path)
    if values.find("plan") is not None and values.find("apply") is not None:
        raise UsageError("--plan writes a plan and --apply uses one; give one of them")
    if values.has("strict") and values.has("force"):
        raise UsageError("--strict refuses what --force ignores; give one of them")
    server = choose_server(values)
    options = ImportOptions(
        password=server.password,
        master_key=server.master_key,
        overwrite=values.has("overwrite"),
        force=values.has("force"),
        strict=values.has("strict"),
        ignore_version_check=values.has("ignore-version-check"),
        # A plan is made by doing everything and undoing it; otherwise it would not know what the database refuses.
        dry_run=values.has("dry-run") or values.find("plan") is not None,
        projects=tuple(values.all("project")),
    )
    precautions = _precautions(values)
    precautions.check(options)
    given = values.find("apply")
    undo = _read(Path(given)) if given is not None else b""
    if is_undo(undo):
        return _take_back(values, server, options, undo)
    look = _Look(values, options)
    with _files(values) as files:
        flow = _flow(values, files)
        if flow is not None and flow.is_done():
            if not values.has("quiet"):
                sys.stdout.write(f"Nothing is new since {flow.last}, which was imported last\n")
            return 0
        report = import_tree(
            server.address,
            files,
            options,
            gate=look,
            prepare=flow or _whole,
            limits=server.limits,
            precautions=precautions,
        )
        if flow is not None:
            report = flow.finished(report, options)
    write_report(report, report_path)
    show_warnings(report)
    if not values.has("quiet") and not options.dry_run:
        sys.stdout.write(_summary(report, f"Imported in {report.seconds:.1f} s:", GROUPS))
    return 0


def _precautions(values: Values) -> Precautions:
    def tell(sentence: str) -> None:
        if not values.has("quiet"):
            sys.stdout.write(f"{sentence[:1].upper()}{sentence[1:]}.\n")

    undo = values.find("undo")
    return Precautions(tell, values.find("backup"), Path(undo) if undo is not None else None)


def _take_back(values: Values, server: ServerChoice, options: ImportOptions, content: bytes) -> int:
    others = ("directory", "repository", "revision", "project", "undo", "overwrite", "state", "strict")
    useless = [name for name in others if values.has(name)]
    if useless:
        raise UsageError(f"an undo file takes a whole import back, of which it knows all; leave out --{useless[0]}")
    report = undo_import(server.address, content, options, limits=server.limits, precautions=_precautions(values))
    path = values.find("report")
    write_report(report, Path(path) if path is not None else None)
    if not values.has("quiet"):
        head = "Would be taken back:" if options.dry_run else f"Taken back in {report.seconds:.1f} s:"
        sys.stdout.write(_summary(report, head, (DELETED, RESTORED)))
    return 0


def _whole(tree: Tree) -> Tree:
    return tree


def _flow(values: Values, files: TreeFiles) -> _Flow | None:
    state = values.find("state")
    if state is None:
        return None
    if not isinstance(files, RevisionFiles) or not files.commit:
        raise UsageError("--state goes with --repository PATH and --revision REV, and REV must be a commit")
    return _Flow(Path(state), files, remembered(Path(state)))


@dataclass
class _Flow:
    """
    A flow in one direction: which commit came last, and what of this one is new.
    """

    state: Path
    files: RevisionFiles
    last: str | None
    notes: list[str] = field(default_factory=list)

    def is_done(self) -> bool:
        """
        Return whether this commit was imported already.
        """
        return self.last == self.files.commit

    def __call__(self, tree: Tree) -> Tree:
        """
        Return the tree, what did not change since marked as such.
        """
        if self.last is None:
            return tree
        changed = self.files.changed_since(self.last)
        if changed is None:
            self.notes.append(f"the repository has no commit {self.last}, which was imported last; all was planned")
            return tree
        gone = sorted(path for path in changed - set(self.files.paths()) if path.endswith(".json"))
        self.notes += [f"{path} is gone since the last import; an import deletes nothing" for path in gone[:_SHOWN]]
        if len(gone) > _SHOWN:
            self.notes.append(f"{len(gone) - _SHOWN} more files are gone since the last import")
        return settled(tree, changed)

    def finished(self, report: Report, options: ImportOptions) -> Report:
        """
        Keep the commit, unless something of it is still to come; return the report with what a person should know.
        """
        if not options.dry_run:
            if any(kinds.get(MISSING) for kinds in report.counts.values()):
                self.notes.append("documents were left out, so that the next import plans all of this one again")
            else:
                remember(self.state, self.files.commit)
        warnings = (*report.warnings, *(ReportedWarning("", "", note) for note in self.notes))
        return replace(report, warnings=warnings)


@contextmanager
def _files(values: Values) -> Iterator[TreeFiles]:
    directory, repository, revision = (values.find(name) for name in ("directory", "repository", "revision"))
    # Not required by the option itself, since a commit of a repository stands in for a directory.
    if (directory is None) == (repository is None):
        raise UsageError("give --directory DIR, or --repository PATH with --revision REV")
    if (repository is None) != (revision is None):
        raise UsageError("--repository PATH and --revision REV go together")
    if directory is not None:
        yield FolderFiles(Path(directory))
        return
    with RevisionFiles(Path(str(repository)), str(revision)) as files:
        yield files


@dataclass(frozen=True)
class _Look:
    """
    Shows, saves or compares the plan before it is applied.
    """

    values: Values
    options: ImportOptions

    def __call__(self, plan: Plan, tree: Tree) -> None:
        wanted, given = self.values.find("plan"), self.values.find("apply")
        if self.options.dry_run and not self.values.has("quiet"):
            sys.stdout.write(describe(plan))
        if wanted is not None:
            _write(Path(wanted), saved(plan, tree, master_cipher(self.options)))
        if given is not None:
            check_saved(_read(Path(given)), plan, tree, master_cipher(self.options))


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OperatorError(f"the plan {path} cannot be written: {error.strerror}") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OperatorError(f"the plan {path} cannot be read: {error.strerror}") from None


def _summary(report: Report, head: str, words: Sequence[str]) -> str:
    total = {word: sum(kinds.get(word, 0) for kinds in report.counts.values()) for word in words}
    lines = [f"  {count:>6} {word}" for word, count in total.items() if count]
    return "\n".join([head, *lines]) + "\n"
