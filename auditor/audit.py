"""
One run: open the window, read the rows, close the window, compare with HEAD, commit what differs, push and prove it.

All wiring of a run is here; each step is a function of its own, and the whole can be read on one screen.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from auditor.changes import SUBJECT, counts, message, subject
from auditor.comparison import Comparison
from auditor.fast_import import INCOMING, FastImport
from auditor.git import GitError, GitOptions
from auditor.journal import Journal
from auditor.maintenance import Tools, Window, WindowOptions, WindowStuck, maintenance_window, release
from auditor.octopus_api import ApiOptions, OctopusApi
from auditor.publishing import Published, adopt, backlog, is_published, publish
from auditor.repository import (
    METADATA,
    Busy,
    Identity,
    Repository,
    RepositoryOptions,
    check_is_ours,
    clear_stale,
    configure,
    create,
    locked,
)
from auditor.result import AuditResult, FileCounts, RunWarning
from auditor.row_changes import RowChanges
from auditor.settings import ServerSettings
from auditor.state import State, StateError
from auditor.status import Status, after, read_status, write_status
from auditor.steady import read_steady
from auditor.tools import RunTools
from migrator.ciphers import KeyDerivation
from migrator.credentials import resolve
from migrator.errors import OperatorError, SecretError
from migrator.exporter import ExportOptions, derive, metadata_of, renderer_of
from migrator.folder import folder_errors
from migrator.metadata import Metadata
from migrator.reading import Server, look_at, probe, read_rows, reads_one_state
from migrator.rendering import FORMAT, File, RenderOptions
from migrator.rendition import Rendition
from migrator.server_facts import ServerFacts
from migrator.spool import Spool
from migrator.sql.locks import AlreadyLocked, application_lock


@dataclass(frozen=True)
class RunOptions:
    """
    What a caller asks of one run. ``full``: the first level of change detection is not trusted.
    """

    accept_shrink: bool = False
    full: bool = False
    wait: float = 0
    reason: str = "demand"


@dataclass
class _Run:
    """
    What the steps of one run hand to each other.
    """

    server: str
    settings: ServerSettings
    folder: Path
    tools: RunTools
    options: RunOptions
    status: Status
    started: datetime
    phases: dict[str, float] = field(default_factory=dict)
    window_seconds: float | None = None
    probe: dict[str, str] = field(default_factory=dict)
    full: bool = False
    went_back: tuple[str, str] | None = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """
        Time a step and tell that it begins.
        """
        self.tools.stop.check()
        self.tools.step(name)
        start = self.tools.clock()
        try:
            yield
        finally:
            self.phases[name] = round(self.phases.get(name, 0.0) + self.tools.clock() - start, 4)


def audit(
    server: str,
    settings: ServerSettings,
    folder: Path,
    tools: RunTools,
    options: RunOptions = RunOptions(),
) -> AuditResult:
    """
    Audit one server once and return what was done; an error is a part of the result, never raised.

    *folder* holds the server's journal, state and lock. Only a bug comes out as an exception.
    """
    run = _Run(server, settings, folder, tools, options, read_status(folder), tools.now())
    begun = tools.clock()
    result = AuditResult(tools.new_id(), server, run.started.isoformat(timespec="seconds"), "failed")
    try:
        with folder_errors(folder):
            result = _locked(run, result)
    except (Busy, AlreadyLocked) as error:
        result = replace(result, outcome="skipped", error=str(error))
    except WindowStuck as error:
        result = replace(result, window_stuck=True, error=str(error))
    except OperatorError as error:
        result = replace(result, error=str(error))
    result = replace(
        result, seconds=round(tools.clock() - begun, 4), phases=run.phases, window_seconds=_rounded(run.window_seconds)
    )
    _remember(run, result)
    return result


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


def _remember(run: _Run, result: AuditResult) -> None:
    status = after(run.status, result, run.started.isoformat(timespec="seconds"))
    if result.outcome in ("changed", "unchanged") and run.probe:
        status = replace(status, probe=run.probe)
        if run.full:
            status = replace(status, last_full=run.started.isoformat(timespec="seconds"))
    try:
        write_status(run.folder, status)
    except OSError as error:
        run.tools.log.error("status-not-written", server=run.server, reason=error.strerror)


def _locked(run: _Run, result: AuditResult) -> AuditResult:
    with locked(run.folder, "auditor.lock", run.options.wait, run.tools.sleep):
        with run.phase("release"):
            release_window(run.server, run.settings, run.folder, run.tools)
        with ExitStack() as stack:
            with run.phase("repository"):
                repository = _open_repository(run, stack)
            with run.phase("look"):
                server = look_at(database_address(run.settings))
            stack.callback(server.engine.dispose)
            stack.enter_context(application_lock(server.engine, run.folder))
            if not _must_read(run, server, repository):
                done = replace(result, outcome="unchanged", files=FileCounts(unchanged=0))
                return _published(run, repository, done)
            return _audited(run, result, repository, server)


def _must_read(run: _Run, server: Server, repository: Repository) -> bool:
    """
    Return whether the server must be read: only a probe that stands still, in the mode that asks for it, says no.
    """
    with run.phase("probe"):
        run.probe = probe(server)
    last = run.status.last_full
    due = last is None or run.started - datetime.fromisoformat(last) >= timedelta(
        seconds=run.settings.maintenance.full_run_every
    )
    run.full = due or run.options.full
    newest, before = run.probe.get("Event", ""), run.status.probe.get("Event", "")
    if newest.isdigit() and before.isdigit() and int(newest) < int(before):
        run.went_back = (before, newest)
        run.tools.log.warning("database-went-back", server=run.server, audit_event=newest, before=before)
    if run.settings.maintenance.mode != "when-changed" or run.full or repository.head() is None:
        return True
    return run.probe != run.status.probe


def _audited(run: _Run, result: AuditResult, repository: Repository, server: Server) -> AuditResult:
    options = export_options(run.settings, run.folder)
    options.check()
    master = options.master_cipher()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        head = repository.head()
        before = _metadata(repository, head)
        early = derive(options, before.derivation, pool) if before and before.derivation else None
        spool, facts = _read(run, server, stack)
        state = stack.enter_context(State(run.folder / "rows.sqlite"))
        facts.check_master_key(master)
        wanted = KeyDerivation(facts.identity)
        deriving = early if early and before and before.derivation == wanted else derive(options, wanted, pool)
        basis = _basis(repository, head, options, facts)
        trusted = head is not None and not run.full and state.is_of(basis)
        if not trusted:
            state.clear()
        listing = None if trusted else repository.listing(head) if head else {}
        total = state.total_files() if trusted else len(listing or ())
        rendition = Rendition(spool, renderer_of(options, server, master, deriving.result))
        rows = RowChanges(spool)
        comparison = Comparison(rendition, rows, state, listing, repository.algorithm, run.tools.stop.check)
        with run.phase("compare"):
            comparison.find()
            cipher = deriving.result()
            metadata = metadata_of(options, facts, cipher)
            _check_password(before, options, metadata)
        with run.phase("render"):
            tree = _written(run, comparison, repository, head, File(METADATA, metadata.to_bytes()))
        commit = None
        if tree is not None and (head is None or tree != repository.tree(head)):
            with run.phase("commit"):
                commit = _committed(run, comparison, repository, head, tree, facts)
        count = comparison.file_counts(total)
        _finish(run, state, _basis(repository, repository.head(), options, facts), count)
        done = replace(
            result,
            outcome="changed" if commit else "unchanged",
            documents=comparison.rows.documents,
            files=count,
            changes=counts(comparison.changes) if commit else {},
            commits=(commit,) if commit else (),
            subject=_subject(run, comparison, facts, head) if commit else "",
            warnings=_warnings(run, rendition, server),
        )
    run.status = replace(run.status, version=facts.version)
    return _published(run, repository, done)


def _finish(run: _Run, state: State, basis: str, count: FileCounts) -> None:
    try:
        state.finish(basis, count.added + count.modified + count.unchanged)
    except StateError as error:
        # What was committed stands, and is still to be pushed; only the next run is slower.
        run.tools.log.warning("state-not-kept", server=run.server, reason=str(error))


def _read(run: _Run, server: Server, stack: ExitStack) -> tuple[Spool, ServerFacts]:
    with run.phase("read"), _window(run, server) as window:

        def progress(table: str, rows: int) -> None:
            window.check()
            run.tools.progress(table, rows)

        def read() -> tuple[Spool, ServerFacts]:
            spool = stack.enter_context(Spool(run.folder))
            return spool, read_rows(server, spool, progress)

        if run.settings.opens_window or reads_one_state(server):
            return read()
        # Neither a window nor a snapshot keeps the rows still, so a read counts only if nothing moved during it.
        return read_steady(read, lambda: probe(server), lambda seconds: run.tools.sleep(seconds))


class _NoWindow:
    """
    Stands for a window where none is opened: only a request to stop ends the read.
    """

    def __init__(self, tools: RunTools) -> None:
        self._tools = tools

    def check(self) -> None:
        """
        Raise if the process is to stop.
        """
        self._tools.stop.check()


@contextmanager
def _window(run: _Run, server: Server) -> Iterator[Window | _NoWindow]:
    if not run.settings.opens_window:
        yield _NoWindow(run.tools)
        return
    with OctopusApi(api_options(run.settings), run.tools.sleep) as api:
        options = window_options(run.server, run.settings)
        tools = Tools(run.tools.stop, run.tools.clock, run.tools.log)
        window: Window | None = None
        try:
            with maintenance_window(api, Journal(run.folder / "journal.json"), options, tools) as window:
                run.tools.step("window-open")
                yield window
        finally:
            run.window_seconds = window.seconds if window is not None else None
            run.tools.step("window-closed")


def _basis(repository: Repository, head: str | None, options: ExportOptions, facts: ServerFacts) -> str:
    """
    Return what a state must have been made on to count: HEAD's tree, and all that files depend on beside the rows.
    """
    tree = repository.tree(head) if head else ""
    render = options.render
    return " ".join(
        [tree, str(FORMAT), render.noise.value, render.inline_scripts.value, options.secrets.value, facts.name]
    )


def _metadata(repository: Repository, head: str | None) -> Metadata | None:
    content = repository.read(METADATA, head) if head else None
    return Metadata.from_bytes(content) if content is not None else None


def _check_password(before: Metadata | None, options: ExportOptions, metadata: Metadata) -> None:
    if before is None or options.password is None:
        return
    if before.check is None or metadata.check is None:
        return
    if before.derivation == metadata.derivation:
        if before.check != metadata.check:
            raise SecretError(
                "the export password is not the one that this repository was written with; give that one, or change it "
                "with `auditor rekey`"
            )
    else:
        before.open_with(options.password.reveal())


def _written(run: _Run, comparison: Comparison, repository: Repository, head: str | None, metadata: File) -> str | None:
    sink = FastImport(repository.git, head, run.tools.stop.check)
    accepted = head is None or run.options.accept_shrink
    try:
        comparison.write(sink, metadata, None if accepted else run.settings.export.shrink_limit)
        run.tools.step("files-written")
        return sink.finish() if sink.started else None
    except BaseException:
        sink.abandon()
        clear_stale(repository.path)
        raise


def _committed(
    run: _Run, comparison: Comparison, repository: Repository, head: str | None, tree: str, facts: ServerFacts
) -> str:
    trailers = [("Server", run.server), ("Octopus-Version", facts.version or "unknown")]
    if _upgraded(run, facts):
        trailers.append(("Octopus-Upgraded-From", str(run.status.version)))
    if run.went_back is not None:
        trailers.append(("Database-Went-Back", "from audit event {} to {}".format(*run.went_back)))
    text = message(comparison.changes, trailers, first=head is None)
    text = f"{_subject(run, comparison, facts, head)}\n{text.partition(chr(10))[2]}"
    commit = repository.commit(tree, [head] if head else [], text, int(run.tools.now().timestamp()))
    run.tools.step("commit-made")
    repository.advance(commit, head)
    run.tools.step("branch-moved")
    repository.git.run("update-ref", "-d", INCOMING)
    return commit


def _upgraded(run: _Run, facts: ServerFacts) -> bool:
    return bool(run.status.version) and run.status.version != facts.version


def _subject(run: _Run, comparison: Comparison, facts: ServerFacts, head: str | None) -> str:
    line = subject(comparison.changes, first=head is None)
    if _upgraded(run, facts):
        line = f"Octopus upgraded from {run.status.version} to {facts.version or 'unknown'}; {line}"
    return line[:SUBJECT]


def _published(run: _Run, repository: Repository, result: AuditResult) -> AuditResult:
    remote = run.settings.repository.remote
    if remote is None:
        return result
    with run.phase("push"):
        # A full run looks at the remote even so: it may have been made anew, or have gone back.
        if not result.commits and not run.full and is_published(repository, remote):
            return replace(result, pushed=True)
        published = publish(repository, remote, run.tools.log, run.tools.sleep)
    return _with_push(result, published, repository.head())


def _with_push(result: AuditResult, published: Published, head: str | None) -> AuditResult:
    error = None
    if not published.pushed:
        error = (
            f"the commit is kept, but the remote does not have it ({published.error}); "
            "it is pushed again at the next run"
        )
    commits = result.commits
    if published.superseded and head is not None and head not in commits:
        commits = (*commits, head)
    return replace(
        result,
        commits=commits,
        pushed=published.pushed,
        commits_ahead=published.ahead,
        oldest_unpushed=published.oldest,
        error=result.error or error,
    )


def _warnings(run: _Run, rendition: Rendition, server: Server) -> tuple[RunWarning, ...]:
    back = []
    if run.went_back is not None:
        before, newest = run.went_back
        back = [
            RunWarning(
                "",
                "Event.AutoId",
                f"the database went back from audit event {before} to {newest}, as after a restore from a backup",
            )
        ]
    left = [
        RunWarning(
            f"{item.identity.type} {item.identity.id}", item.path, f"{item.message}; its previous files were kept"
        )
        for item in rendition.unreadable
    ]
    return (*back, *left, *(RunWarning("", "", text) for text in server.schema.warnings))


def release_window(server: str, settings: ServerSettings, folder: Path, tools: RunTools) -> bool:
    """
    Restore maintenance mode if a killed run left it on; return whether there was anything to restore.

    Raises:
        OperatorError: it could not be done.
    """
    journal = Journal(folder / "journal.json")
    if journal.read() is None:
        return False
    if settings.url is None:
        raise OperatorError(f"{journal.path} says that maintenance mode was left on, but {server} has no url any more")
    with OctopusApi(api_options(settings), tools.sleep) as api:
        return release(api, journal, window_options(server, settings), Tools(tools.stop, tools.clock, tools.log))


def _open_repository(run: _Run, stack: ExitStack) -> Repository:
    """
    Return the server's repository, locked as long as *stack*, made or taken over from the remote if there is none yet.
    """
    options, remote = repository_options(run.settings), run.settings.repository.remote
    create(options)
    repository = check_is_ours(options)
    stack.enter_context(locked(repository.path, "auditor.lock", run.options.wait, run.tools.sleep))
    # First of all, since a lock that a killed run left would stop everything else.
    if stale := clear_stale(repository.path):
        run.tools.log.warning("stale-files-removed", repository=str(repository.path), files=stale)
    configure(repository)
    if repository.head() is None and remote is not None:
        try:
            if adopt(repository, remote):
                run.tools.log.warning("history-taken-over", remote=remote, head=repository.head())
        except GitError as error:
            run.tools.log.warning("remote-not-reached", reason=str(error))
    return repository


def repository_options(settings: ServerSettings) -> RepositoryOptions:
    """
    Return how a server's repository is kept.
    """
    table = settings.repository
    key = table.signing_key
    return RepositoryOptions(
        Path(table.path),
        table.branch,
        Identity.parse(table.committer),
        GitOptions(table.push_timeout, table.ssh_key_file),
        reference_path(key) if key else None,
    )


def reference_path(reference: str) -> Path:
    """
    Return the file that a reference to a key names: git reads signing keys from files only.

    Raises:
        OperatorError: the reference is not one to a file.
    """
    import os

    kind, _, name = reference.partition(":")
    if kind == "file":
        return Path(name).expanduser()
    if kind == "systemd" and "CREDENTIALS_DIRECTORY" in os.environ:
        return Path(os.environ["CREDENTIALS_DIRECTORY"]) / name
    raise OperatorError(
        "signing_key must name a file (file:PATH or systemd:NAME), since git reads keys from files only"
    )


def database_address(settings: ServerSettings) -> str:
    """
    Return the database's address; it may itself be given by reference, since it can hold a password.
    """
    kind = settings.database.partition(":")[0]
    return resolve(settings.database).reveal() if kind in ("env", "file", "systemd", "command") else settings.database


def api_options(settings: ServerSettings) -> ApiOptions:
    """
    Return how a server's REST interface is reached.
    """
    assert settings.url is not None and settings.api_key is not None
    return ApiOptions(settings.url, resolve(settings.api_key), settings.maintenance.request_timeout, settings.ca_file)


def window_options(server: str, settings: ServerSettings) -> WindowOptions:
    """
    Return the limits of a server's window.
    """
    table = settings.maintenance
    return WindowOptions(
        server, settings.url or "", table.limit, table.drain, table.drain_then == "give-up", table.release_limit
    )


def export_options(settings: ServerSettings, folder: Path) -> ExportOptions:
    """
    Return how a server is exported, with its secrets resolved.
    """
    table = settings.export
    return ExportOptions(
        resolve(table.password) if table.password else None,
        resolve(settings.master_key) if settings.master_key else None,
        table.secrets_mode,
        RenderOptions(table.noise_level, table.scripts_mode),
        spool_directory=folder,
    )


def commits_waiting(repository: Repository, remote: str | None) -> tuple[int, str | None]:
    """
    Return how many commits wait to be pushed, and since when.
    """
    return backlog(repository, remote) if remote else (0, None)
