"""
The story of a partial export: find the chosen projects and what they need, then as any export.

What is taken along is in ``selection*`` and ``history``; how a document looks is the same code as for a whole server.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from migrator.documents.file import File
from migrator.errors import OperatorError, UsageError
from migrator.export.history_layout import HistoryPlaces
from migrator.export.read import Server
from migrator.export.spool import Spool
from migrator.export.stream import Rendition
from migrator.export.task_logs import copy_task_logs
from migrator.exporter import (
    ExportOptions,
    Progress,
    key_derivation,
    metadata_of,
    renderer_of,
    report_of,
    stays,
)
from migrator.interchange import export_octopus
from migrator.maps import REGISTRY
from migrator.maps.document_map import Noise
from migrator.report import Report, ReportedWarning
from migrator.selection.read import Selected, look_for, read_selected
from migrator.selection.request import Selection
from migrator.selection.values import Key, Taken
from migrator.sql.server_facts import ServerFacts
from migrator.tree.folder import FolderSink
from migrator.tree.metadata import NAME, Metadata


@dataclass(frozen=True)
class PartialReport(Report):
    """
    What a partial export did, and for each document the shortest chain of references that brought it in.
    """

    chains: tuple[str, ...] = ()


def _silent(table: str, rows: int) -> None:
    """
    Show nothing.
    """


def partial_export(
    address: str,
    directory: Path,
    selection: Selection,
    options: ExportOptions,
    *,
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
    started = time.monotonic()
    options.check()
    selection.check()
    master = options.master_cipher()
    with ExitStack() as stack:
        sink = stack.enter_context(FolderSink(directory, clean=clean))
        spool = stack.enter_context(Spool(options.spool_directory))
        server = look_for(address, selection)
        selected = read_selected(
            server, spool, selection, noise=options.render.noise, progress=progress, directory=options.spool_directory
        )
        server = replace(server, clashes=selected.clashes)
        selected.facts.check_master_key(master)
        cipher = stack.enter_context(key_derivation(options, selected.facts))
        rendition = Rendition(spool, renderer_of(options, server, master, cipher.result))
        rendition.learn_owners()
        HistoryPlaces(spool, rendition.renderer.layout).settle()
        metadata = replace(
            metadata_of(options, selected.facts, cipher.result()), partial=partial_facts(selection, selected)
        )
        if not clean:
            check_other(directory, metadata)
        for document in rendition.documents():
            for file in document.files:
                sink.add(file)
        kept = {item.files: item.files.removesuffix(".json") + " - " for item in rendition.unreadable}
        strangers = sink.finish(File(NAME, metadata.to_bytes()), lambda path: stays(path, kept, options))
    if options.task_logs is not None:
        copy_task_logs(options.task_logs, directory, clean=clean, tasks=tasks_of(selected))
    return _with_selection(report_of(rendition, server, strangers, time.monotonic() - started), selected)


def export_octopus_partly(
    address: str,
    directory: Path,
    selection: Selection,
    options: ExportOptions,
    *,
    clean: bool = False,
    progress: Progress = _silent,
) -> PartialReport:
    """
    Export the chosen projects in the original tool's format, which has no place for what was left out but the report.

    Raises:
        UsageError, OperatorError: as ``partial_export``.
    """
    selection.check()
    if not clean and (directory / NAME).exists():
        raise _mixed(directory)
    kept: list[Selected] = []

    def read(server: Server, spool: Spool) -> ServerFacts:
        kept.append(read_selected(server, spool, selection, noise=Noise.RAW, progress=progress))
        return kept[0].facts

    report = export_octopus(
        address,
        directory,
        replace(options, task_logs=None),
        clean=clean,
        look=lambda text: look_for(text, selection),
        read=read,
    )
    if options.task_logs is not None:
        copy_task_logs(options.task_logs, directory, clean=clean, tasks=tasks_of(kept[0]))
    return _with_selection(report, kept[0])


def partial_facts(selection: Selection, selected: Selected) -> dict[str, Any]:
    """
    Return what the head of the tree says of a partial export.
    """
    facts: dict[str, Any] = {"Projects": sorted(item.name for item in selected.projects)}
    if selection.groups:
        facts["ProjectGroups"] = sorted(selection.groups)
    if selection.ignored:
        facts["Ignored"] = sorted(selection.ignored)
    return facts | {"LeftOut": selected.left_out_by_type()}


def check_other(directory: Path, metadata: Metadata) -> None:
    """
    Refuse to mix two exports in one directory.

    Raises:
        UsageError: it holds an export of another server or of another selection.
    """
    file = directory / NAME
    if not file.exists():
        return
    try:
        before = Metadata.from_bytes(file.read_bytes())
    except (OSError, OperatorError):
        before = None
    same = before is not None and before.server == metadata.server
    if same and before is not None and _asked(before.partial) == _asked(metadata.partial):
        return
    raise _mixed(directory)


def _mixed(directory: Path) -> UsageError:
    return UsageError(
        f"{directory} holds another export; whether two are to be mixed is yours to decide: name an empty directory, "
        "or give --clean to replace it"
    )


def _asked(facts: Mapping[str, Any] | None) -> Any:
    return None if facts is None else {name: value for name, value in facts.items() if name != "LeftOut"}


def tasks_of(selected: Selected) -> frozenset[str]:
    """
    Return the ids of the tasks that were taken, in lower case.
    """
    return frozenset(low for type_, low in selected.taken if REGISTRY[type_].task_logs)


def _with_selection(report: Report, selected: Selected) -> PartialReport:
    warnings = (*selection_warnings(selected), *report.warnings)
    return PartialReport(report.counts, warnings, {}, report.seconds, report.incomplete, tuple(chains(selected)))


def selection_warnings(selected: Selected) -> tuple[ReportedWarning, ...]:
    """
    Return what was cut or left out on purpose, place by place.
    """
    cut = [
        ReportedWarning(
            _id(selected, key), path, f"connections to projects outside this export were cut: {', '.join(ids)}"
        )
        for key, path, ids in selected.cut
    ]
    left = [
        ReportedWarning(item.document, item.path, f"{', '.join(item.ids)} is not in this export: {item.reason}")
        for item in selected.dangling
    ]
    empty = [
        ReportedWarning(
            _id(selected, key),
            "Phases",
            "the lifecycle has no phases, so it goes through all environments; targets were taken only from those that "
            "the projects name or were deployed to (--all-environments takes all)",
        )
        for key in selected.without_phases
    ]
    return (*empty, *cut, *left)


def _id(selected: Selected, key: Key) -> str:
    return selected.taken[key].id


def chains(selected: Selected) -> list[str]:
    """
    Return a line for each document: what brought it in, back to a project that was asked for.
    """
    lines = []
    for item in sorted(selected.taken.values(), key=lambda one: (REGISTRY.order(one.type), one.name, one.id)):
        steps = [f"{_called(item)}"]
        current = item
        while current.via.before is not None:
            before = selected.taken[current.via.before]
            steps.append(f"<- {_called(before)} ({current.via.place})")
            current = before
        lines.append(" ".join(steps) if len(steps) > 1 else f"{steps[0]} <- asked for")
    return lines


def _called(item: Taken) -> str:
    named = f" {item.name}" if item.name != item.id else ""
    return f"{REGISTRY[item.type].words}{named} [{item.id}]"
