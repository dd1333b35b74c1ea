"""
The story of an export in the original tool's own format, for exchange with it.

The same story as ``exporter``'s, with another form, another cipher and another head. How a document looks in that form
is in ``octopus_format.form``; the tree is read back by ``tree.reader``.

Layout and format: exports of Octopus.Migrator 3.4 to 3.15. Differences, all accepted by that tool: names that no file
system holds are made safe as in the native format, releases stand in no folder of their channel, and line ends are LF.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from migrator.documents.document import Body
from migrator.documents.file import File
from migrator.documents.layout import Layout
from migrator.documents.scripts import InlineScripts
from migrator.errors import OperatorError, UsageError
from migrator.export.history_layout import HistoryPlaces
from migrator.export.read import Server, look_at, read_rows
from migrator.export.render import Renderer
from migrator.export.spool import Spool
from migrator.export.stream import Rendition
from migrator.export.task_logs import copy_task_logs
from migrator.exporter import ExportOptions, Progress, report_of, stays
from migrator.maps.document_map import DocumentMap, Kind, Noise
from migrator.octopus_format.classes import FILES
from migrator.octopus_format.form import OctopusMetadata, as_stored, octopus_metadata, write_document
from migrator.report import Report
from migrator.secrets.ciphers import InterchangeCipher
from migrator.secrets.sealing import SecretsMode, SecretText
from migrator.sql.server_facts import ServerFacts
from migrator.tree.folder import FolderSink
from migrator.tree.metadata import NAME

Clock = Callable[[], datetime]
Look = Callable[[str], Server]
Read = Callable[[Server, Spool], ServerFacts]


def _now() -> datetime:
    return datetime.now(UTC)


def _silent(table: str, rows: int) -> None:
    """
    Show nothing.
    """


@dataclass
class OctopusLayout(Layout):
    """
    The layout with the original's file names where these are not simply the id.
    """

    def path(self, document_map: DocumentMap, identity: str, body: Body) -> str:
        """
        Return a document's path below the root.
        """
        identity = FILES.get(document_map.type, {}).get(identity.lower(), identity)
        return super().path(document_map, identity, body)


def export_octopus(
    address: str,
    directory: Path,
    options: ExportOptions,
    *,
    clean: bool = False,
    clock: Clock = _now,
    progress: Progress = _silent,
    look: Look | None = None,
    read: Read | None = None,
) -> Report:
    """
    Export a server into *directory* in the original tool's format: the whole, unless *look* and *read* say less.

    The same server state gives the same bytes, but for ``Created`` in metadata.json, which stays while nothing else
    in the directory changes. Nothing is left out as noise. *clock* gives a time with an offset.

    Raises:
        OperatorError: what went wrong and what to do; the directory was left as it was.
    """
    started = time.monotonic()
    cipher = _cipher(options)
    master = options.master_cipher()
    with FolderSink(directory, clean=clean) as sink, Spool(options.spool_directory) as spool:
        server = look(address) if look else look_at(address, history=options.history)
        facts = (read or _read_all(options, progress))(server, spool)
        server = _as_stored(server)
        for item in spool.tables:
            item.table = replace(item.table, map=as_stored(item.table.map))
        facts.check_master_key(master)
        render = replace(options.render, noise=Noise.RAW)
        renderer = Renderer(render, OctopusLayout(server.clashes), master, _unused)
        renderer.write = lambda document_map, body: write_document(document_map, body, cipher)
        rendition = Rendition(spool, renderer)
        rendition.learn_owners()
        if any(item.table.map.kind is Kind.HISTORY for item in spool.tables):
            HistoryPlaces(spool, renderer.layout).settle()
        for document in rendition.documents():
            for file in document.files:
                sink.add(file)
        kept = {item.files: item.files.removesuffix(".json") + " - " for item in rendition.unreadable}

        def keeps(path: str) -> bool:
            return stays(path, kept, options)

        head = octopus_metadata(facts.name, facts.version, cipher, clock())
        if not sink.changes(keeps):
            head = _as_before(directory / NAME, head)
        strangers = sink.finish(File(NAME, head.to_bytes()), keeps)
    if options.task_logs is not None:
        copy_task_logs(options.task_logs, directory, clean=clean)
    return report_of(rendition, server, strangers, time.monotonic() - started)


def _read_all(options: ExportOptions, progress: Progress) -> Read:
    return lambda server, spool: read_rows(server, spool, progress, frozen=options.history)


def _cipher(options: ExportOptions) -> InterchangeCipher:
    if options.secrets is not SecretsMode.ENCRYPT:
        raise UsageError(
            "the original tool's format always carries the secrets; use --secrets encrypt, or --format native"
        )
    if options.render.inline_scripts is InlineScripts.EXTRACT:
        raise UsageError(
            "the original tool's format has no links to script files; use --inline-scripts CopyToFiles or LeaveInline"
        )
    options.check()
    assert options.password is not None
    return InterchangeCipher.from_password(options.password.reveal())


def _unused(secret: SecretText, context: tuple[str, str, str]) -> dict[str, Any]:
    """
    Refuse to seal in the native form: the renderer's ``write`` seals.
    """
    raise AssertionError(f"a secret of {context} was to be sealed in another format")


def _as_stored(server: Server) -> Server:
    tables = tuple(replace(table, map=as_stored(table.map)) for table in server.schema.tables)
    return replace(server, schema=replace(server.schema, tables=tables))


def _as_before(file: Path, head: OctopusMetadata) -> OctopusMetadata:
    """
    Return the head with the time of the previous one, if nothing else in it differs.
    """
    try:
        previous = OctopusMetadata.from_bytes(b"" if file.is_symlink() else file.read_bytes())
    except (OSError, OperatorError):
        return head
    return previous if replace(previous, created=head.created) == head else head
