"""
The story of an export: look at the server, copy its rows, render them, hand the files to a folder.

Every export is this one story with three values: what is exported (a whole server or chosen projects), in which form
(our own or the original tool's), and the folder that receives it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from migrator.credentials import Secret
from migrator.documents.document import Body
from migrator.documents.file import File
from migrator.documents.layout import Layout
from migrator.documents.scripts import InlineScripts
from migrator.errors import UsageError
from migrator.export.history_layout import HistoryPlaces
from migrator.export.read import Content, Progress, Server, Whole, kept_tables, table_warnings, tables_read
from migrator.export.render import Renderer, RenderOptions
from migrator.export.spool import Spool
from migrator.export.stream import Stream
from migrator.export.task_logs import copy_task_logs, is_task_log
from migrator.maps import REGISTRY
from migrator.maps.document_map import UNMAPPED, DocumentMap, Noise
from migrator.octopus_format.form import OctopusLayout, as_stored, octopus_metadata, write_document
from migrator.report import Report, ReportedWarning
from migrator.secrets.ciphers import InterchangeCipher, KeyDerivation, MasterKeyCipher, PasswordCipher
from migrator.secrets.opened import OpenedSecrets
from migrator.secrets.sealing import SecretsMode, SecretText, sealer
from migrator.selection.read import Chosen
from migrator.selection.request import Selection
from migrator.sql.engine import NO_LIMITS_GIVEN, Limits
from migrator.sql.server_facts import ServerFacts
from migrator.sql.tables import NO_RULES, TableRules
from migrator.tree.folder import FolderSink, check_same, mixed
from migrator.tree.metadata import NAME, Metadata


@dataclass(frozen=True)
class ExportOptions:
    """
    How a server is exported. ``spool_directory`` holds the private temporary file (``None``: the system's);
    ``task_logs`` is the server's folder of task logs, if they are to be copied too. ``limits``: of waiting for it.
    ``rules``: what is said of its tables beside the maps.
    """

    password: Secret | None = None
    master_key: Secret | None = None
    secrets: SecretsMode = SecretsMode.ENCRYPT
    render: RenderOptions = field(default_factory=RenderOptions)
    history: bool = False
    spool_directory: Path | None = None
    task_logs: Path | None = None
    limits: Limits = NO_LIMITS_GIVEN
    rules: TableRules = NO_RULES

    def master_cipher(self) -> MasterKeyCipher | None:
        """
        Return the cipher of the server's database, ``None`` where secrets are omitted.

        Raises:
            UsageError: no master key was given, but the mode needs one.
            SecretError: it is malformed.
        """
        # Who is not given the key can still export what is not secret.
        if self.secrets is SecretsMode.OMIT:
            return None
        if self.master_key is None:
            raise UsageError(
                "the server's master key is needed to read its secrets: give --master-key-file or OCTOPUS_MASTER_KEY, "
                "or leave the secrets out with --secrets omit"
            )
        return MasterKeyCipher.from_base64(self.master_key.reveal())

    def check(self) -> None:
        """
        Say what is missing, before anything is read.

        Raises:
            UsageError: no password.
        """
        if self.secrets is not SecretsMode.OMIT and (self.password is None or not self.password.reveal()):
            raise UsageError("a password is needed to seal the secrets: give --password-file or MIGRATOR_PASSWORD")


@dataclass(frozen=True)
class PartialReport(Report):
    """
    What a partial export did, and for each document the shortest chain of references that brought it in.
    """

    chains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Native:
    """
    Our own form.
    """

    options: ExportOptions

    @property
    def noise(self) -> Noise:
        """
        Return what the options leave out.
        """
        return self.options.render.noise

    def check(self, sink: FolderSink, *, part: bool) -> None:
        """
        Raise ``UsageError`` without a password.
        """
        self.options.check()

    def tables(self, server: Server) -> Server:
        """
        Return the server as it is.
        """
        return server

    def begin(self, content: Content, secrets: OpenedSecrets | None, pool: ThreadPoolExecutor) -> NativeTree:
        """
        Begin a tree; the password's key is derived while rows are looked at.
        """
        cipher = derive(self.options, KeyDerivation(content.facts.identity), pool)
        return NativeTree(self.options, content, cipher, renderer_of(self.options, content, secrets, cipher.result))


@dataclass(frozen=True)
class NativeTree:
    """
    One tree in our own form.
    """

    options: ExportOptions
    content: Content
    cipher: Future[PasswordCipher | None]
    renderer: Renderer

    def check(self, sink: FolderSink) -> None:
        """
        Raise ``UsageError`` where a part of a server would go to the tree of another part, or of another server.
        """
        # A directory that is cleaned keeps nothing of another tree, so that nothing can be mixed.
        if self.content.partial is not None and not sink.clean:
            check_same(sink.directory, self._metadata())

    def head(self, sink: FolderSink, keep: Callable[[str], bool]) -> File:
        """
        Return metadata.json.
        """
        return File(NAME, self._metadata().to_bytes())

    def _metadata(self) -> Metadata:
        return metadata_of(self.options, self.content, self.cipher.result())


@dataclass(frozen=True)
class Octopus:
    """
    The original tool's form; what *clock* gives, a time with an offset, stays in a tree while nothing else changes.
    """

    options: ExportOptions
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    # The original tool imports a file as it stands, so nothing may be missing from it.
    noise: Noise = Noise.RAW

    def check(self, sink: FolderSink, *, part: bool) -> None:
        """
        Raise ``UsageError`` where the form has no place for what was asked for, or would mix a part with another tree.
        """
        if part and not sink.clean and (sink.directory / NAME).exists():
            raise mixed(sink.directory)
        if self.options.secrets is not SecretsMode.ENCRYPT:
            raise UsageError(
                "the original tool's format always carries the secrets; use --secrets encrypt, or --format native"
            )
        if self.options.render.inline_scripts is InlineScripts.EXTRACT:
            raise UsageError(
                "the original tool's format has no links to script files; use --inline-scripts CopyToFiles or "
                "LeaveInline"
            )
        self.options.check()

    def tables(self, server: Server) -> Server:
        """
        Return the server with maps that leave nothing out and sort nothing.
        """
        tables = tuple(replace(table, map=as_stored(table.map)) for table in server.schema.tables)
        return replace(server, schema=replace(server.schema, tables=tables))

    def begin(self, content: Content, secrets: OpenedSecrets | None, pool: ThreadPoolExecutor) -> OctopusTree:
        """
        Begin a tree.
        """
        assert self.options.password is not None
        cipher = InterchangeCipher.from_password(self.options.password.reveal())

        def write(document_map: DocumentMap, body: Body) -> bytes:
            return write_document(document_map, body, cipher)

        render = replace(self.options.render, noise=self.noise)
        renderer = Renderer(render, OctopusLayout(content.clashes), secrets, _unused, write)
        return OctopusTree(content.facts, cipher, self.clock, renderer)


@dataclass(frozen=True)
class OctopusTree:
    """
    One tree in the original tool's form.
    """

    facts: ServerFacts
    cipher: InterchangeCipher
    clock: Callable[[], datetime]
    renderer: Renderer

    def check(self, sink: FolderSink) -> None:
        """
        Do nothing: the form cannot tell whose a tree is, so that ``Octopus.check`` decided.
        """

    def head(self, sink: FolderSink, keep: Callable[[str], bool]) -> File:
        """
        Return metadata.json, with the time of the previous one if no file of the tree changes.
        """
        head = octopus_metadata(self.facts.name, self.facts.version, self.cipher, self.clock())
        if not sink.changes(keep):
            head = head.as_before(sink.previous(NAME))
        return File(NAME, head.to_bytes())


def _unused(secret: SecretText, context: tuple[str, str, str]) -> dict[str, Any]:
    """
    Refuse to seal in the native form: the renderer's ``write`` seals.
    """
    raise AssertionError(f"a secret of {context} was to be sealed in another format")


Source = Whole | Chosen
Form = Native | Octopus
FormOf = Callable[[ExportOptions], Form]
FORMS: dict[str, FormOf] = {"native": Native, "octopus": Octopus}
"""The forms by the names that people give them."""


def _silent(table: str, rows: int) -> None:
    """
    Show nothing.
    """


def export(
    address: str,
    directory: Path,
    options: ExportOptions,
    *,
    form: FormOf = Native,
    clean: bool = False,
    progress: Progress = _silent,
) -> Report:
    """
    Export a whole server into *directory*; the same server state always gives the same bytes.

    A document that cannot be read keeps its previous file, is named in the report's warnings, and makes the report
    ``incomplete``. On any error the directory is left as it was.

    Raises:
        OperatorError: what went wrong and what to do.
    """
    sink = FolderSink(directory, clean=clean)
    return _export(
        Whole(address, options.history, options.limits, options.rules), form(options), sink, options, progress
    )[0]


def partial_export(
    address: str,
    directory: Path,
    selection: Selection,
    options: ExportOptions,
    *,
    form: FormOf = Native,
    clean: bool = False,
    progress: Progress = _silent,
) -> PartialReport:
    """
    Export the chosen projects and what they need into *directory*; each document has the bytes of a full export.

    Tenants alone differ: their connections to other projects are cut. On any error the directory is left as it was.

    Raises:
        UsageError: an unknown or ambiguous name; the directory holds another export and is not to be cleaned.
        OperatorError: what went wrong and what to do.
    """
    sink = FolderSink(directory, clean=clean)
    report, content = _export(
        Chosen(address, selection, options.limits, options.rules), form(options), sink, options, progress
    )
    return PartialReport(report.counts, report.warnings, {}, report.seconds, report.incomplete, chains=content.chains)


def _export(
    source: Source, form: Form, sink: FolderSink, options: ExportOptions, progress: Progress
) -> tuple[Report, Content]:
    started = time.monotonic()
    # What needs no database is found wrong before one is asked.
    form.check(sink, part=isinstance(source, Chosen))
    source.check()
    master = options.master_cipher()
    secrets = OpenedSecrets(master) if master is not None else None
    with ExitStack() as stack:
        stack.enter_context(sink)
        spool = stack.enter_context(Spool(options.spool_directory))
        pool = stack.enter_context(ThreadPoolExecutor(1))
        server = form.tables(source.look())
        stack.callback(server.close)
        content = source.read(server, spool, form.noise, progress)
        # At once: rendering takes far longer than the read, and must hold neither connection nor snapshot meanwhile.
        server.close()
        # A wrong key would make every document with a secret unreadable; here it is one sentence.
        content.facts.check_master_key(secrets)
        tree = form.begin(content, secrets, pool)
        stream = Stream(spool, tree.renderer, HistoryPlaces(tree.renderer.layout) if source.history else None)
        # All of it before the first file: owners give paths, and the search for plaintexts must know every secret.
        stream.look_at_all()
        tree.check(sink)
        for document in stream.documents():
            for file in document.files:
                sink.add(file)
        keep = _keeper(stream, options, kept_tables(server, content))
        strangers = sink.finish(tree.head(sink, keep), keep)
    if options.task_logs is not None:
        # After the tree stands: what fails here costs nothing of it.
        copy_task_logs(options.task_logs, sink.directory, clean=sink.clean, tasks=content.tasks)
    return _report(stream, server, content, strangers, time.monotonic() - started), content


def _keeper(stream: Stream, options: ExportOptions, unread: frozenset[str]) -> Callable[[str], bool]:
    """
    Return what tells whether a file that this run did not write belongs to the tree all the same.
    """
    mains = frozenset(item.files for item in stream.unreadable)
    # What its scripts are called now cannot be read, so whatever is named after the document stays with it.
    scripts = tuple(main.removesuffix(".json") + " - " for main in mains)
    tables = tuple(f"{UNMAPPED}/{name}/" for name in unread)

    def keep(path: str) -> bool:
        return (
            path in mains
            or path.startswith((*scripts, *tables))
            or (options.task_logs is not None and is_task_log(path))
        )

    return keep


def derive(
    options: ExportOptions, derivation: KeyDerivation, pool: ThreadPoolExecutor
) -> Future[PasswordCipher | None]:
    """
    Start deriving the password's cipher; the salt of a server's tree is the server's identity.
    """
    password = options.password
    if options.secrets is SecretsMode.OMIT or password is None:
        return pool.submit(lambda: None)
    return pool.submit(PasswordCipher.from_password, password.reveal(), derivation)


def renderer_of(
    options: ExportOptions,
    content: Content,
    secrets: OpenedSecrets | None,
    cipher: Callable[[], PasswordCipher | None],
) -> Renderer:
    """
    Return the renderer for what was read and one set of options; *cipher* is asked at the first secret.
    """
    return Renderer(options.render, Layout(content.clashes), secrets, sealer(options.secrets, cipher))


def metadata_of(options: ExportOptions, content: Content, cipher: PasswordCipher | None) -> Metadata:
    """
    Return the head of the tree.
    """
    return Metadata(
        content.facts.version,
        content.facts.name,
        options.secrets,
        cipher.derivation if cipher else None,
        cipher.check if cipher else None,
        options.render.noise.value,
        options.render.inline_scripts.value,
        content.partial,
    )


def _report(stream: Stream, server: Server, content: Content, strangers: int, seconds: float) -> Report:
    counts = {name: {"Exported": count} for name, count in sorted(stream.counts.items())}
    warnings = [*content.warnings, *(ReportedWarning("", "", text) for text in server.schema.warnings)]
    for (type_, reason), count in sorted(stream.passing.items()):
        message = f"{count} {REGISTRY[type_].called(count)} left out: {reason}; --noise raw takes them"
        warnings.append(ReportedWarning("", "", message))
    for identity, place in sorted(stream.in_git, key=lambda item: item[0].id):
        text = f"{place}, not in this export; rows of them in the database are left from before, and are not what runs"
        warnings.append(ReportedWarning(identity.id, REGISTRY[identity.type].in_git_settings, text))
    if content.partial is None:
        # What chosen projects need is never in a table that nobody has facts about.
        warnings += table_warnings(server, content)
    for item in stream.unreadable:
        kinds = counts.setdefault(item.identity.type, {})
        kinds["Kept (unreadable)"] = kinds.get("Kept (unreadable)", 0) + 1
        warnings.append(ReportedWarning(item.identity.id, item.path, f"{item.message}; its previous file was kept"))
    if strangers:
        warnings.append(
            ReportedWarning(
                "", "", f"{strangers} files in the directory are no part of this export; --clean removes them"
            )
        )
    tables = tables_read(server, content) if content.partial is None else None
    return Report(counts, tuple(warnings), {}, seconds, bool(stream.unreadable), tables)
