"""
The driver that comes as a package: where its library is found, and who says so.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from types import ModuleType

import pytest

from migrator.command_line.version import version_facts
from migrator.exporter import export
from migrator.sql.drivers import DRIVER_HELP, choose, packaged_library
from tests.support.recording import ADDRESS, recorded
from tests.support.servers import SampleServer


def package(root: Path, *libraries: str) -> ModuleType:
    """
    Return a package laid out as Microsoft's, with some libraries in it.
    """
    for name in libraries:
        path = root / "libs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    module = ModuleType("mssql_python_odbc")
    module.get_libs_dir = lambda: str(root / "libs")  # type: ignore[attr-defined]
    return module


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """
    A package with a library for this kind of machine, in the place of the real one.
    """
    name = "linux/debian_ubuntu/x86_64/lib/libmsodbcsql-18.6.so.2.1"
    others = (
        "linux/rhel/x86_64/lib/libmsodbcsql-18.6.so.2.1",
        "linux/debian_ubuntu/arm64/lib/libmsodbcsql-18.6.so.2.1",
    )
    resource = "linux/debian_ubuntu/x86_64/share/resources/en_US/msodbcsqlr18.rll"
    monkeypatch.setitem(sys.modules, "mssql_python_odbc", package(tmp_path / "package", name, *others, resource))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "debian"})
    return tmp_path / "package" / "libs" / name


@pytest.mark.parametrize(
    ("machine", "release", "part"),
    [
        ("x86_64", {"ID": "debian"}, "debian_ubuntu/x86_64"),
        ("aarch64", {"ID": "ubuntu", "ID_LIKE": "debian"}, "debian_ubuntu/arm64"),
        ("x86_64", {"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "rhel/x86_64"),
        ("x86_64", {"ID": "something"}, "debian_ubuntu/x86_64"),
        ("riscv64", {"ID": "debian"}, None),
    ],
)
def test_the_library_fits_the_machine(
    library: Path, monkeypatch: pytest.MonkeyPatch, machine: str, release: dict[str, str], part: str | None
) -> None:
    """
    The library for this processor and family of systems is taken; none where none fits.
    """
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    found = packaged_library()
    assert (part is None) == (found is None)
    assert part is None or part in str(found)


def test_without_a_system_driver_the_package_is_used(
    library: Path, server: SampleServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    An address that names Microsoft's driver works where only the package has it, and `version` says what is used.
    """
    recording = recorded(monkeypatch, server.path)
    recording.installed = []
    export(ADDRESS, tmp_path / "tree", server.options())
    assert f"DRIVER={{{library}}};" in recording.strings[0]
    assert version_facts("migrator")["odbc_driver"] == f"{library} (of the package mssql-python-odbc)"


def test_a_system_driver_goes_first(library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    What the machine's owner installed is used, and the package is not.
    """
    recorded(monkeypatch, tmp_path, drivers=["ODBC Driver 17 for SQL Server"])
    assert str(choose()) == "ODBC Driver 17 for SQL Server"


def test_without_any_driver_help_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without the package nothing is found, and the advice says that there is one.
    """
    monkeypatch.setitem(sys.modules, "mssql_python_odbc", None)
    assert packaged_library() is None
    assert "octopus-auditor[driver]" in DRIVER_HELP


def test_the_real_package_has_a_library_where_it_is_looked_for() -> None:
    """
    Where Microsoft's package is installed, its library is found; elsewhere there is none to find.
    """
    try:
        import mssql_python_odbc  # noqa: F401
    except ImportError:
        assert packaged_library() is None
    else:
        found = packaged_library()
        assert found is not None and found.is_file()
