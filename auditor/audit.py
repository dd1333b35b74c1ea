"""
One run: open the window, read the rows, close the window, compare with HEAD, commit what differs, push and prove it.

All wiring of a run is here; each step is a function of its own, and the whole can be read on one screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from auditor.changes.files import FileChanges, Shrinking, StateBefore, TreeBefore
from auditor.changes.outcomes import counts
from auditor.changes.rows import changed_rows, changed_tables
from auditor.changes.state import State, StateError, Whole
from auditor.export_key import ExportKey, check_password, metadata_in
from auditor.recording.committing import commit, index, with_commit
from auditor.recording.opening import check_whose, open_repository, verify_repository
from auditor.repository.fast_import import FastImport
from auditor.repository.push import Published, publish
from auditor.repository.repository import METADATA, Busy, Repository, clear_stale, locked
from auditor.result import AuditResult, FileCounts
from auditor.run import MadeOn, Run, RunOptions
from auditor.scope import ATTEMPTS, IN_WINDOW, in_scope, read_scope, read_until_still
from auditor.settings import ServerSettings
from auditor.state_folder import StateFolder
from auditor.status import Status, after, read_status, write_status
from auditor.window.journal import Journal
from auditor.window.octopus_api import OctopusApi
from auditor.window.window import NoWindow, Window, WindowStuck, maintenance_window
from auditor.wiring import (
    api_options,
    database_address,
    export_options,
    release_window,
    window_options,
)
from auditor.world import Tools
from migrator.documents.document import number
from migrator.documents.file import File
from migrator.errors import OperatorError, folder_errors
from migrator.export.read import (
    Content,
    Server,
    kept_tables,
    look_at,
    probe,
    reads_one_state,
    table_warnings,
    tables_read,
)
from migrator.export.spool import Spool
from migrator.export.stream import Stream, Unreadable
from migrator.exporter import ExportOptions, metadata_of, renderer_of
from migrator.maps.system import EVENTS
from migrator.report import ReportedWarning
from migrator.secrets.ciphers import KeyDerivation
from migrator.secrets.opened import OpenedSecrets
from migrator.sql.locks import AlreadyLocked, application_lock
from migrator.sql.rows import Table

__all__ = ["RunOptions", "audit"]


def audit(
    server: str,
    settings: ServerSettings,
    folder: StateFolder,
    tools: Tools,
    options: RunOptions | None = None,
) -> AuditResult:
    """
    Audit one server once and return what was done; an error is a part of the result, never raised.

    *folder* holds the server's journal, state and lock. Only a bug comes out as an exception.
    """
    run = Run(server, settings, folder, tools, options or RunOptions(), Status(), tools.now())
    begun = tools.clock()
    result = AuditResult(tools.new_id(), server, run.started.isoformat(timespec="seconds"), "failed")
    try:
        with folder_errors(folder.path), locked(folder.lock, run.options.wait, tools.sleep):
            # Now, or what the run that held the lock before has remembered would be overwritten.
            run.status = read_status(folder)
            result = _ended(run, result, begun)
            _remember(run, result)
            return result
    except Busy as error:
        # Of the folder: who is at work there remembers its own run.
        result = replace(result, outcome="skipped", error=str(error))
    except OperatorError as error:
        result = replace(result, error=str(error))
    return _measured(run, result, begun)


def _ended(run: Run, result: AuditResult, begun: float) -> AuditResult:
    try:
        with folder_errors(run.folder.path):
            result = _locked(run, result)
    except (Busy, AlreadyLocked) as error:
        # No failure: whoever holds the lock does the work, or the next run catches up.
        result = replace(result, outcome="skipped", error=str(error))
    except WindowStuck as error:
        # Before its own kin: a server that stays in maintenance mode is told apart, since a person must act now.
        result = replace(result, window_stuck=True, error=str(error))
    except OperatorError as error:
        result = replace(result, error=str(error))
    # Of a failed run too: what was done to the repository may be why.
    tampered = (*run.tampered, *result.tampered)
    warnings = (*(ReportedWarning("", "repository", text) for text in tampered), *result.warnings)
    return _measured(run, replace(result, tampered=tampered, warnings=warnings), begun)


def _measured(run: Run, result: AuditResult, begun: float) -> AuditResult:
    seconds = round(run.tools.clock() - begun, 4)
    return replace(result, seconds=seconds, phases=run.phases, window_seconds=_rounded(run.window_seconds))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


def _remember(run: Run, result: AuditResult) -> None:
    if run.options.dry_run:
        return
    status = after(run.status, result, run.started.isoformat(timespec="seconds"))
    # The probe of a failed run must not stand, or the next one would find nothing moved and leave out what this one
    # missed.
    if result.outcome in ("changed", "unchanged") and run.probe:
        status = replace(status, probe=run.probe)
        if run.full:
            status = replace(status, last_full=run.started.isoformat(timespec="seconds"))
    try:
        write_status(run.folder, status)
    except OSError as error:
        # The commit stands already; without the status the next run only reads more than it must.
        run.tools.log.error("status-not-written", server=run.server, reason=error.strerror)


def _locked(run: Run, result: AuditResult) -> AuditResult:
    # First of all: a server that a killed run left in maintenance mode waits for neither database nor repository.
    with run.phase("release"):
        release_window(run.server, run.settings, run.folder, run.tools)
    with run.tools.stop.breaking_off(run.canceller.cancel), ExitStack() as stack:
        with run.phase("repository"):
            repository = open_repository(run, stack)
        with run.phase("look"):
            looked = look_at(
                database_address(run.settings),
                limits=run.settings.limits.limits,
                opened=run.canceller.watch,
                rules=run.settings.export.rules,
            )
            server = in_scope(looked, run.settings.export)
        stack.callback(server.close)
        # The locks on files keep out this machine's processes only; another machine's, or an import, are met in the
        # database.
        run.lock = stack.enter_context(application_lock(server.engine, run.folder.path))
        if _must_read(run, server, repository):
            verify_repository(run, repository)
            result = _audited(run, result, repository, server)
        else:
            result = replace(result, outcome="unchanged", files=FileCounts(unchanged=0))
            with State(run.folder.rows) as state:
                result = _with_findings(run, result, state)
            # Commits of earlier runs may still wait for a remote that was down.
            result = _published(run, repository, result)
        run.status = replace(run.status, last_commit=repository.head())
        return result


def _must_read(run: Run, server: Server, repository: Repository) -> bool:
    """
    Return whether the server must be read: only a probe that stands still, in the mode that asks for it, says no.
    """
    # Before the rows are read: what moves after it differs from it at the next run, and is not lost between two.
    with run.phase("probe"):
        run.probe = probe(server, thorough=run.settings.maintenance.mode == "when-changed")
    last = run.status.last_full
    due = last is None or run.started - datetime.fromisoformat(last) >= timedelta(
        seconds=run.settings.maintenance.full_run_every
    )
    run.full = due or run.options.full
    # The number of audit events only grows on one database, so a smaller one means that a backup was restored.
    newest, before = run.probe.get(EVENTS, ""), run.status.probe.get(EVENTS, "")
    now, then = number(newest), number(before)
    if now is not None and then is not None and now < then:
        run.went_back = (before, newest)
        run.tools.log.warning("database-went-back", server=run.server, audit_event=newest, before=before)
    # Without a commit there is nothing that could be unchanged, whatever the status remembers.
    if run.settings.maintenance.mode != "when-changed" or run.full or repository.head() is None:
        return True
    return run.probe != run.status.probe


def _audited(run: Run, result: AuditResult, repository: Repository, server: Server) -> AuditResult:
    options = export_options(run.settings, run.folder)
    master = options.master_cipher()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        head = repository.head()
        made_on = MadeOn(repository, options, master)
        before = metadata_in(repository, head)
        state = stack.enter_context(State(run.folder.rows))
        # Mostly nothing changed, and then the password's key is not needed; else it is derived while rows are read.
        likely = head is not None and not run.full and state.made_on().startswith(made_on(head))
        key = ExportKey(options, pool)
        if before and before.derivation and not likely:
            key.start(before.derivation)
        spool, content = _read(run, server, stack)
        facts, secrets = content.facts, OpenedSecrets(master) if master is not None else None
        check_whose(run, repository, before, facts.name)
        facts.judge(secrets)
        cipher = partial(key.cipher, derivation := KeyDerivation(facts.identity))
        known = state if head is not None and not run.full and state.made_on() == made_on(head, content) else None
        if known is None:
            state.clear()
        stream = Stream(spool, renderer_of(options, content, secrets, cipher))
        with run.phase("compare"):
            tables = changed_tables(stream, known, kept_tables(server, content))
            if tables.any:
                key.start(derivation)
            rows = changed_rows(stream, tables, known, run.tools.stop.check)
            moved = known is not None and rows.differ and _secrets_moved(stream, known, options)
            if moved:
                # One that came or went may stand in clear in any row, also in one that did not change.
                rows = changed_rows(stream, tables, known, run.tools.stop.check, every=True)
        changes = FileChanges(_before(repository, head, known, rows.gone), state, repository.algorithm)
        total = changes.before.files()
        changes.before.keep_tables(kept_tables(server, content))
        tree, made = None, None
        if known is None or rows.differ:
            with run.phase("render"):
                metadata = metadata_of(options, content, cipher())
                check_password(before, options, metadata)
                tree = _written(run, stream, changes, repository, head, File(METADATA, metadata.to_bytes()))
        if tree is not None and (head is None or tree != repository.tree(head)):
            with run.phase("commit"):
                made = commit(run, repository, (head, tree), state, changes.changes, facts, before)
        count = changes.counts(total)
        wholes = rows.wholes_but({item.identity.type for item in stream.unreadable})
        digest = secrets.digest(options.state_key()) if (moved or known is None) and secrets is not None else None
        _finish(run, state, made_on(repository.head(), content), count, wholes, digest)
        done = replace(result, documents=rows.documents, files=count)
        done = _looked_at(run, done, state, stream, (server, content), tables.unchanged)
    # Only now: the commit's words compare with the version of the run before.
    run.status = replace(run.status, version=facts.version)
    if made is None:
        return _published(run, repository, replace(done, outcome="unchanged"))
    done = _published(run, repository, with_commit(done, made, counts(changes.changes)))
    index(run, repository, head, made)
    return done


def _looked_at(
    run: Run,
    result: AuditResult,
    state: State,
    stream: Stream,
    read: tuple[Server, Content],
    unchanged: Mapping[int, int],
) -> AuditResult:
    """
    Return a result with what is to be told of the server beside what changed.
    """
    server, content = read
    told = replace(
        result,
        left_out=stream.left_out(unchanged),
        in_git={identity.id: str(place) for identity, place in stream.in_git},
        tables=tables_read(server, content) if content.partial is None else None,
        warnings=_warnings(run, stream.unreadable, server, content),
    )
    return _with_findings(run, told, state)


def _secrets_moved(stream: Stream, known: State, options: ExportOptions) -> bool:
    """
    Return whether the server has other secrets than when the state was made.
    """
    secrets = stream.renderer.secrets
    if secrets is None:
        return False
    stream.meet_all()
    return secrets.digest(options.state_key()) != known.secrets()


def _with_findings(run: Run, result: AuditResult, state: State) -> AuditResult:
    """
    Return a result with what the state knows of secrets in clear, and which of them are no longer found.
    """
    findings: list[ReportedWarning] = []
    broken: list[ReportedWarning] = []
    for document, is_broken, places in state.findings():
        told = broken if is_broken else findings
        told += [ReportedWarning(" ".join(document), item.path, item.message) for item in places]
    now = {(item.document, item.path) for item in findings}
    gone = [(document, path) for document, path in run.status.findings if (document, path) not in now]
    resolved = [ReportedWarning(*place, "no secret stands in clear here any longer") for place in gone]
    return replace(result, warnings=(*result.warnings, *broken), findings=tuple(findings), resolved=tuple(resolved))


def _finish(run: Run, state: State, made_on: str, count: FileCounts, wholes: list[Whole], digest: str | None) -> None:
    if run.options.dry_run:
        # Unfinished, the state stays what it was.
        return
    try:
        if digest is not None:
            state.knows(digest)
        state.finish(made_on, count.added + count.modified + count.unchanged, wholes)
    except StateError as error:
        # What was committed stands, and is still to be pushed; only the next run is slower.
        run.tools.log.warning("state-not-kept", server=run.server, reason=str(error))


def _read(run: Run, server: Server, stack: ExitStack) -> tuple[Spool, Content]:
    with run.phase("read"), _window(run, server) as window:

        def progress(table: str, rows: int) -> None:
            window.check()
            run.tools.progress(table, rows)

        def read() -> tuple[Spool, Content]:
            # A spool for each attempt, since a read that was thrown away has left its rows in it.
            spool = stack.enter_context(Spool(run.folder.path))
            return spool, read_scope(server, spool, run.settings.export, progress)

        if reads_one_state(server):
            return read()
        # A window keeps people out, but not an administrator, nor the server itself.
        patient = not run.opens_window
        found, run.moved = read_until_still(
            read,
            lambda: probe(server, thorough=True),
            ATTEMPTS if patient else IN_WINDOW,
            lambda seconds: run.tools.sleep(seconds if patient else 0),
        )
        return found


@contextmanager
def _window(run: Run, server: Server) -> Iterator[Window | NoWindow]:
    if not run.opens_window:
        yield NoWindow(run.tools.stop)
        return
    with OctopusApi(api_options(run.settings), run.tools.sleep) as api:
        options = window_options(run.server, run.settings)
        window: Window | None = None
        try:
            journal = Journal(run.folder.journal)
            with maintenance_window(api, journal, options, run.tools, run.canceller.cancel) as window:
                run.tools.step("window-open")
                yield window
        finally:
            # Of a failed run too: it held the server up no less.
            run.window_seconds = window.seconds if window is not None else None
            run.tools.step("window-closed")


def _before(
    repository: Repository, head: str | None, known: State | None, gone: Sequence[tuple[Table, str]]
) -> StateBefore | TreeBefore:
    """
    Return what HEAD holds: as the state knows it if that belongs to HEAD, else as its tree shows it.
    """
    if known is not None:
        return StateBefore(known, gone)
    return TreeBefore(repository.listing(head) if head else {}, partial(repository.find, head or ""))


def _written(
    run: Run, stream: Stream, changes: FileChanges, repository: Repository, head: str | None, metadata: File
) -> str | None:
    sink = FastImport(repository.git, head, run.tools.stop.check)
    # A first export has nothing that could be gone.
    accepted = head is None or run.options.accept_shrink
    limit = None if accepted else Shrinking(run.settings.export.shrink_limit, changes.before.counts())
    try:
        for document in stream.documents():
            run.tools.stop.check()
            changes.add(document, sink)
            changes.state.find(document.identity, document.findings, broken=document.broken)
        changes.add_metadata(metadata, sink)
        for item in stream.unreadable:
            changes.state.find(item.identity, ())
        changes.finish(stream.unreadable, sink, limit)
        run.tools.step("files-written")
        return sink.finish() if sink.started else None
    except BaseException:
        # However the run ends, git ends with it; half a pack is of no use to anybody.
        sink.abandon()
        clear_stale(repository.path)
        raise


def _published(run: Run, repository: Repository, result: AuditResult) -> AuditResult:
    remote = run.settings.repository.remote
    if remote is None or run.options.dry_run:
        return result
    with run.phase("push"):
        # Also where nothing is to be pushed: it may have been made anew, or have gone back.
        published = publish(repository, remote, run.tools.log, run.tools.sleep)
    return _with_push(result, published, repository.head())


def _with_push(result: AuditResult, published: Published, head: str | None) -> AuditResult:
    error, warnings = None, result.warnings
    if published.pushed is None:
        text = f"it could not be looked at ({published.error}); there was nothing to push"
        warnings = (*warnings, ReportedWarning("", "repository.remote", text))
    elif not published.pushed:
        error = (
            f"the commit is kept, but the remote does not have it ({published.error}); "
            "it is pushed again at the next run"
        )
    commits = result.commits
    if published.superseded and head is not None and head not in commits:
        # Going on top of foreign commits took one more commit, which is this run's as well.
        commits = (*commits, head)
    return replace(
        result,
        commits=commits,
        pushed=published.pushed,
        commits_ahead=published.ahead,
        oldest_unpushed=published.oldest,
        tampered=(*result.tampered, *published.tampered),
        warnings=warnings,
        error=result.error or error,
    )


def _warnings(
    run: Run, unreadable: Sequence[Unreadable], server: Server, content: Content
) -> tuple[ReportedWarning, ...]:
    back = []
    if run.went_back is not None:
        before, newest = run.went_back
        back = [
            ReportedWarning(
                "",
                "Event.AutoId",
                f"the database went back from audit event {before} to {newest}, as after a restore from a backup",
            )
        ]
    if run.moved:
        back.append(
            ReportedWarning(
                "",
                "",
                f"the database was changed during each read ({', '.join(run.moved)}), so what was read may mix two "
                "states; allow snapshot isolation on it (ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON)",
            )
        )
    left = [
        ReportedWarning(
            f"{item.identity.type} {item.identity.id}", item.path, f"{item.message}; its previous files were kept"
        )
        for item in unreadable
    ]
    schema = [ReportedWarning("", "", text) for text in server.schema.warnings]
    # What was there at the last run was told then, and needs no word each time.
    tables = table_warnings(server, content, run.status.probe) if content.partial is None else []
    return (*back, *left, *schema, *tables)
