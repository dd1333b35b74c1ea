"""
The story of an export: look at the server, copy its rows, render them, hand the files to a folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrator.credentials import Secret
from migrator.documents.file import File
from migrator.documents.layout import Layout
from migrator.errors import UsageError
from migrator.export.history_layout import HistoryPlaces
from migrator.export.read import Server, look_at, read_rows
from migrator.export.render import Renderer, RenderOptions
from migrator.export.spool import Spool
from migrator.export.stream import Rendition
from migrator.export.task_logs import copy_task_logs, is_task_log
from migrator.report import Report, ReportedWarning
from migrator.secrets.ciphers import KeyDerivation, MasterKeyCipher, PasswordCipher
from migrator.secrets.sealing import SecretsMode, sealer
from migrator.sql.server_facts import ServerFacts
from migrator.tree.folder import FolderSink
from migrator.tree.metadata import NAME, Metadata


@dataclass(frozen=True)
class ExportOptions:
    """
    How a server is exported. ``spool_directory`` holds the private temporary file (``None``: the system's);
    ``export.task_logs`` is the server's folder of task logs, if they are to be copied too.
    """

    password: Secret | None = None
    master_key: Secret | None = None
    secrets: SecretsMode = SecretsMode.ENCRYPT
    render: RenderOptions = field(default_factory=RenderOptions)
    history: bool = False
    spool_directory: Path | None = None
    task_logs: Path | None = None

    def master_cipher(self) -> MasterKeyCipher | None:
        """
        Return the cipher of the server's database, ``None`` where secrets are omitted.

        Raises:
            UsageError: no master key was given, but the mode needs one.
            SecretError: it is malformed.
        """
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


Progress = Callable[[str, int], None]


def _silent(table: str, rows: int) -> None:
    """
    Show nothing.
    """


def export(
    address: str, directory: Path, options: ExportOptions, *, clean: bool = False, progress: Progress = _silent
) -> Report:
    """
    Export a whole server into *directory*; the same server state always gives the same bytes.

    A document that cannot be read keeps its previous file, is named in the report's warnings, and makes the report
    ``incomplete``. On any error the directory is left as it was.

    Raises:
        OperatorError: what went wrong and what to do.
    """
    started = time.monotonic()
    options.check()
    master = options.master_cipher()
    with FolderSink(directory, clean=clean) as sink, Spool(options.spool_directory) as spool:
        server = look_at(address, history=options.history)
        facts = read_rows(server, spool, progress, frozen=options.history)
        facts.check_master_key(master)
        with key_derivation(options, facts) as cipher:
            rendition = Rendition(spool, renderer_of(options, server, master, cipher.result))
            rendition.learn_owners()
            if options.history:
                HistoryPlaces(spool, rendition.renderer.layout).settle()
            for document in rendition.documents():
                for file in document.files:
                    sink.add(file)
            kept = {item.files: item.files.removesuffix(".json") + " - " for item in rendition.unreadable}
            metadata = metadata_of(options, facts, cipher.result())
        strangers = sink.finish(File(NAME, metadata.to_bytes()), lambda path: stays(path, kept, options))
    if options.task_logs is not None:
        copy_task_logs(options.task_logs, directory, clean=clean)
    return report_of(rendition, server, strangers, time.monotonic() - started)


def stays(path: str, kept: Mapping[str, str], options: ExportOptions) -> bool:
    """
    Return whether a file that this run did not write belongs to the tree all the same.
    """
    if options.task_logs is not None and is_task_log(path):
        return True
    return path in kept or path.startswith(tuple(kept.values()))


@contextmanager
def key_derivation(options: ExportOptions, facts: ServerFacts) -> Any:
    """
    Yield a future of the password's cipher, derived while other work goes on; ``None`` where none is needed.
    """
    with ThreadPoolExecutor(1) as pool:
        yield derive(options, KeyDerivation(facts.identity), pool)


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
    server: Server,
    master: MasterKeyCipher | None,
    cipher: Callable[[], PasswordCipher | None],
) -> Renderer:
    """
    Return the renderer for one server and one set of options; *cipher* is asked at the first secret.
    """
    return Renderer(options.render, Layout(server.clashes), master, sealer(options.secrets, cipher))


def metadata_of(options: ExportOptions, facts: ServerFacts, cipher: PasswordCipher | None) -> Metadata:
    """
    Return the head of the tree.
    """
    return Metadata(
        facts.version,
        facts.name,
        options.secrets,
        cipher.derivation if cipher else None,
        cipher.check if cipher else None,
        options.render.noise.value,
        options.render.inline_scripts.value,
    )


def report_of(rendition: Rendition, server: Server, strangers: int, seconds: float) -> Report:
    """
    Return what an export did; *strangers* is how many files of the directory are no part of it.
    """
    counts = {name: {"Exported": count} for name, count in sorted(rendition.counts.items())}
    warnings = [ReportedWarning("", "", text) for text in server.schema.warnings]
    for item in rendition.unreadable:
        kinds = counts.setdefault(item.identity.type, {})
        kinds["Kept (unreadable)"] = kinds.get("Kept (unreadable)", 0) + 1
        warnings.append(ReportedWarning(item.identity.id, item.path, f"{item.message}; its previous file was kept"))
    if strangers:
        warnings.append(
            ReportedWarning(
                "", "", f"{strangers} files in the directory are no part of this export; --clean removes them"
            )
        )
    return Report(counts, tuple(warnings), {}, seconds, incomplete=bool(rendition.unreadable))
