"""
A run's commit: what differs from HEAD, put into words and committed, then taken into the index.

The branch moves only at the very end, so that whatever fails before leaves the history as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from auditor.changes.blocks import blocks
from auditor.changes.commit_message import Said, counted_only, message, said
from auditor.changes.outcomes import Change
from auditor.changes.state import State
from auditor.history.keeping import keep_up, names_at
from auditor.history.telling import MOST_FILES, Told, tell
from auditor.repository.fast_import import INCOMING
from auditor.repository.repository import Repository
from auditor.result import AuditResult
from auditor.run import Run
from migrator.documents.scripts import InlineScripts
from migrator.errors import OperatorError
from migrator.sql.server_facts import ServerFacts
from migrator.tree.metadata import Metadata

_FORMS = {
    InlineScripts.EXTRACT.value: "Scripts stand in files of their own now",
    InlineScripts.COPY.value: "Scripts stand in their documents and in files now",
    InlineScripts.LEAVE.value: "Scripts stand in their documents now",
}


class Made(NamedTuple):
    """
    A commit, and what was told in it.
    """

    commit: str
    """Empty where it was only to be told."""
    words: Said
    told: Told | None
    """``None``: all of it, or very much, is new, and is not told document by document."""


def commit(
    run: Run,
    repository: Repository,
    trees: tuple[str | None, str],
    state: State,
    changes: Sequence[Change],
    facts: ServerFacts,
    before: Metadata | None,
) -> Made:
    """
    Commit a tree on top of HEAD: *trees* is HEAD's commit and the new tree, *before* the metadata of HEAD.

    Raises:
        OperatorError: git failed, or the lock on the database was lost.
    """
    head, tree = trees
    told = _told(repository, head, tree, state)
    words = _words(told, changes, _note(run, before), first=head is None)
    if _upgraded(run, facts):
        words = words.after(f"Octopus upgraded from {run.status.version} to {facts.version or 'unknown'}")
    if run.options.dry_run:
        repository.git.run("update-ref", "-d", INCOMING)
        return Made("", words, told)
    text = message(words, _trailers(run, facts))
    made = repository.commit(tree, [head] if head else [], text, int(run.tools.now().timestamp()))
    run.tools.step("commit-made")
    run.lock.check()
    repository.advance(made, head)
    run.tools.step("branch-moved")
    # Last: until the branch has moved, this ref alone keeps the new objects from being pruned.
    repository.git.run("update-ref", "-d", INCOMING)
    return Made(made, words, told)


def _told(repository: Repository, head: str | None, tree: str, state: State) -> Told | None:
    if head is None:
        return None
    with names_at(repository.path, repository.git, head, state) as names:
        return tell(repository.git, repository.tree(head), tree, names, MOST_FILES)


def _words(told: Told | None, changes: Sequence[Change], note: str, *, first: bool) -> Said:
    if told is None:
        return counted_only(changes, note, first=first)
    return said(blocks(told.changes, told.sides), changes, note)


def _note(run: Run, before: Metadata | None) -> str:
    """
    Return what the commit does beside what people changed: another form of the same scripts.
    """
    form = run.settings.export.scripts_mode.value
    return "" if before is None or before.inline_scripts == form else f"{_FORMS[form]} (inline_scripts = {form})"


def _trailers(run: Run, facts: ServerFacts) -> list[tuple[str, str]]:
    trailers = [("Server", run.server), ("Octopus-Version", facts.version or "unknown")]
    if run.adopted_from is not None:
        trailers.append(("Adopted-From", run.adopted_from))
    if _upgraded(run, facts):
        trailers.append(("Octopus-Upgraded-From", str(run.status.version)))
    if run.went_back is not None:
        trailers.append(("Database-Went-Back", "from audit event {} to {}".format(*run.went_back)))
    if run.moved:
        trailers.append(("Changed-During-Read", ", ".join(run.moved)))
    return trailers


def _upgraded(run: Run, facts: ServerFacts) -> bool:
    # A status that was lost knows no version, which is no upgrade.
    return bool(run.status.version) and run.status.version != facts.version


def with_commit(result: AuditResult, made: Made, counts: Mapping[str, Mapping[str, int]]) -> AuditResult:
    """
    Return a run's result with what was committed; *counts* are documents by type and outcome.
    """
    return replace(
        result,
        outcome="changed",
        changes=counts,
        commits=(made.commit,) if made.commit else (),
        subject=made.words.bare_subject,
        told=made.words.bare,
        valued=made.words.valued,
    )


def index(run: Run, repository: Repository, head: str | None, made: Made) -> None:
    """
    Take the commit on top of *head* into the index, where there is one; that it cannot be is logged only.
    """
    if head is None or made.told is None or not made.commit:
        return
    try:
        with run.phase("index"):
            keep_up(repository.path, repository.git, head, made.told)
    except OperatorError as error:
        # It is derived: the next question makes it anew.
        run.tools.log.warning("index-not-kept", server=run.server, reason=str(error))
