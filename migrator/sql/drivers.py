"""
Which ODBC driver is used: one that the system knows, else the one of the package ``mssql-python-odbc``.

That package is Microsoft's; it holds the library of ODBC driver 18, which needs no entry in odbcinst.ini when the
connection string names its path. Not here: opening a database.
"""

from __future__ import annotations

import importlib
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from migrator.sql.address import is_data_source, is_freetds, names_driver

DRIVER_HELP = (
    "install unixODBC and a driver for SQL Server: octopus-auditor[driver] from PyPI, the package msodbcsql18 (or "
    "msodbcsql17) from Microsoft, or tdsodbc with FreeTDS"
)
PACKAGE = "mssql_python_odbc"
DATA_SOURCE = "as the data source says"
_MICROSOFT = re.compile(r"ODBC Driver (\d+) for SQL Server", re.IGNORECASE)
_ARCHITECTURES = {"amd64": "x86_64", "aarch64": "arm64"}
_FAMILIES = (("alpine", "alpine"), ("rhel", "rhel"), ("fedora", "rhel"), ("suse", "suse"), ("", "debian_ubuntu"))


@dataclass(frozen=True)
class Driver:
    """
    A driver: its name, or the path of its library; ``packaged``: it came from PyPI and not from the system.
    """

    name: str
    packaged: bool = False

    def is_missing(self, present: Sequence[str]) -> bool:
        """
        Return whether it is neither among the drivers that the system knows nor a library that exists.
        """
        return self.name not in (*present, DATA_SOURCE) and not Path(self.name).is_file()

    def __str__(self) -> str:
        return f"{self.name} (of the package mssql-python-odbc)" if self.packaged else self.name


def odbc_drivers() -> list[str] | None:
    """
    Return the names of the drivers that the system knows, ``None`` without a driver manager.
    """
    try:
        # Here, since importing it fails where the machine has no driver manager, and SQLite needs none.
        import pyodbc
    except ImportError:
        return None
    return sorted(pyodbc.drivers())


def packaged_library(package: str = PACKAGE) -> Path | None:
    """
    Return the library of the driver in the package for this machine, ``None`` where there is none.
    """
    try:
        libraries = Path(importlib.import_module(package).get_libs_dir())
    except (ImportError, AttributeError):
        return None
    machine = platform.machine().lower()
    found = [
        path
        for path in sorted(libraries.rglob("*msodbcsql*"))
        if path.is_file()
        and re.search(r"\.so(\.|$)|\.dylib$|\.dll$", path.name)
        and _ARCHITECTURES.get(machine, machine) in path.parts
    ]
    family = _family()
    return next((path for path in found if family in path.parts), found[0] if found else None)


def _family() -> str:
    try:
        # The package holds a library for each family of systems, which have libraries of their own, Alpine even of C.
        facts = platform.freedesktop_os_release()
    except OSError:
        return ""
    words = f"{facts.get('ID', '')} {facts.get('ID_LIKE', '')}"
    return next(family for word, family in _FAMILIES if word in words)


def choose(url: URL | None = None) -> Driver | None:
    """
    Return the driver for an address: the one it names, else the best that there is; ``None`` where there is none.

    Microsoft's driver goes before FreeTDS, a newer before an older one, the system's before the package's. Where the
    address names one of Microsoft's that the system does not have, the package's stands in for it.
    """
    present = odbc_drivers()
    if present is None:
        return None
    wanted = _named(url) if url is not None else ""
    if wanted and (wanted in present or not _MICROSOFT.search(wanted)):
        return Driver(wanted)
    known = sorted((name for name in present if _MICROSOFT.search(name)), key=_version, reverse=True)
    if known and not wanted:
        return Driver(known[0])
    if (library := packaged_library()) is not None:
        return Driver(str(library), packaged=True)
    free = [name for name in present if is_freetds(name)]
    return Driver(wanted) if wanted else Driver(free[0]) if free else None


def _named(url: URL) -> str:
    if "odbc_connect" in url.query:
        text = str(url.query["odbc_connect"])
        found = re.search(r"(?:^|;)\s*driver\s*=\s*(?:\{([^}]*)\}|([^;]*))", text, re.IGNORECASE)
        return (found[1] or found[2] or "").strip() if found else DATA_SOURCE if names_driver(text) else ""
    if is_data_source(url):
        return DATA_SOURCE
    return str(url.query.get("driver", ""))


def _version(name: str) -> int:
    found = _MICROSOFT.search(name)
    return int(found[1]) if found else 0
