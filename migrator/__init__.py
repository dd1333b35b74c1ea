"""
Octopus Deploy configuration between a server's database and a canonical JSON tree.

This is the promise; everything else may change.
"""

from migrator.errors import OperatorError
from migrator.exporter import ExportOptions, PartialReport, export, partial_export
from migrator.importer import ImportOptions, ImportRefused, apply_import, describe, import_tree, plan_import
from migrator.report import Report
from migrator.selection.request import Selection

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
