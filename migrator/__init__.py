"""
Octopus Deploy configuration between a server's database and a canonical JSON tree.

This is the promise; everything else may change.
"""

from migrator.errors import OperatorError
from migrator.exporter import ExportOptions, Report, export

__all__ = ["ExportOptions", "OperatorError", "Report", "export"]
