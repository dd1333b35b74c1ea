"""
Task logs: copied as they are, only what is new or changed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migrator.errors import OperatorError, UsageError
from migrator.export.task_logs import check_source, copy_task_logs
from migrator.exporter import export
from migrator.secrets.sealing import SecretsMode
from tests.support.servers import SampleServer, contents


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "server-logs"
    folder.mkdir()
    for name in ("servertasks-1_a.txt", "servertasks-2_b.txt", "index.db"):
        (folder / name).write_text(f"log {name}\r\n")
    return folder


def test_only_new_and_changed_logs_are_copied(logs: Path, tmp_path: Path) -> None:
    """
    A second copy does nothing; a changed log is copied again; other files and links are not.
    """
    (logs / "link.txt").symlink_to("/etc/hostname")
    assert copy_task_logs(logs, tmp_path) == 2
    assert copy_task_logs(logs, tmp_path) == 0
    with (logs / "servertasks-1_a.txt").open("a") as file:
        file.write("more")
    os.utime(logs / "servertasks-2_b.txt", ns=(5, 5))
    assert copy_task_logs(logs, tmp_path) == 2
    assert contents(tmp_path / "TaskLogs") == {
        path.name: path.read_bytes() for path in logs.iterdir() if path.name.startswith("servertasks")
    }


def test_logs_are_part_of_an_export(logs: Path, empty_server: SampleServer, tmp_path: Path) -> None:
    """
    They are no strangers in the tree, stay over a clean export, and go when their file is gone; without them a clean
    export removes them.
    """
    directory = tmp_path / "out"
    options = {"secrets": SecretsMode.OMIT, "task_logs": logs}
    for clean in (False, True):
        report = export(empty_server.address, directory, empty_server.options(**options), clean=clean)
        assert not [item for item in report.warnings if "no part of this export" in item.message]
        assert len(contents(directory / "TaskLogs")) == 2
    (logs / "servertasks-1_a.txt").unlink()
    export(empty_server.address, directory, empty_server.options(**options), clean=True)
    assert len(contents(directory / "TaskLogs")) == 1
    export(empty_server.address, directory, empty_server.options(secrets=SecretsMode.OMIT), clean=True)
    assert not (directory / "TaskLogs").exists()


def test_wrong_folders_are_refused(logs: Path, tmp_path: Path) -> None:
    """
    A folder that is missing, or that is the copy itself, is wrong usage; a link in the place of the copy is refused.
    """
    with pytest.raises(UsageError, match="is not a folder"):
        check_source(tmp_path / "missing", tmp_path)
    (tmp_path / "TaskLogs").mkdir()
    with pytest.raises(UsageError, match="its copies"):
        check_source(tmp_path / "TaskLogs", tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "x/TaskLogs").symlink_to(logs)
    with pytest.raises(OperatorError, match="is a link"):
        copy_task_logs(logs, tmp_path / "x")
