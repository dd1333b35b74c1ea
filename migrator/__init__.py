"""
Octopus Deploy configuration between a server's database and a canonical JSON tree.

This is the promise; everything else may change. Each part of it is loaded when it is first asked for, so that a command
line, which needs none of it for help and completion, answers at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrator.errors import OperatorError
    from migrator.exporter import ExportOptions, PartialReport, export, partial_export
    from migrator.importer import ImportOptions, ImportRefused, apply_import, describe, import_tree, plan_import
    from migrator.report import Report
    from migrator.selection.request import Selection
else:
    _HOMES = {
        "errors": ("OperatorError",),
        "exporter": ("ExportOptions", "PartialReport", "partial_export"),
        "importer": ("ImportOptions", "ImportRefused", "apply_import", "describe", "import_tree", "plan_import"),
        "report": ("Report",),
        "selection.request": ("Selection",),
    }

    # A class for the module, since ``export`` is a folder too: once that is imported, a ``__getattr__`` is not asked.
    class _Promise(ModuleType):
        def __getattr__(self, name: str) -> object:
            for home, names in _HOMES.items():
                if name in names:
                    return getattr(import_module(f"migrator.{home}"), name)
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

        @property
        def export(self) -> object:
            return import_module("migrator.exporter").export

        @export.setter
        def export(self, room: ModuleType) -> None:
            # Importing the folder of that name would put it in the function's place.
            pass

    sys.modules[__name__].__class__ = _Promise

__all__ = [
    "ExportOptions",
    "ImportOptions",
    "ImportRefused",
    "OperatorError",
    "PartialReport",
    "Report",
    "Selection",
    "apply_import",
    "describe",
    "export",
    "import_tree",
    "partial_export",
    "plan_import",
]
