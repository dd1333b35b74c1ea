"""
Sample content for the embedded server: an invented retailer's installation, the same on every run.

What each part holds is in the ``content_*`` modules.
"""

from __future__ import annotations

from pathlib import Path

from auditor.demo.builder import builder
from auditor.demo.content.access import add_access
from auditor.demo.content.history import add_history
from auditor.demo.content.infrastructure import add_infrastructure
from auditor.demo.content.library import add_library
from auditor.demo.content.newest import add_newest
from auditor.demo.content.newest_server import add_newest_server
from auditor.demo.content.projects import add_projects
from auditor.demo.content.sets import add_sets
from auditor.demo.content.spaces import add_spaces
from auditor.demo.content.system import add_system
from auditor.demo.content.tenants import add_tenants
from auditor.demo.schema import create_database


def fill(path: Path, master_key: bytes, spaces: bool = False, *, newest: bool = False) -> None:
    """
    Make a new database at *path* full of sample content, secrets sealed with *master_key* (16 or 32 bytes).

    ``spaces`` makes it a newer server's, with bodies in JSONBlob; ``newest`` one of 2026.1, which has spaces too.

    Raises:
        FileExistsError: there is a file at *path* already.
    """
    create_database(path, spaces, newest=newest)
    with builder(path, master_key, "sample content", spaces or newest, newest) as build:
        if build.spaces:
            add_spaces(build)
        for add in (add_library, add_sets, add_infrastructure, add_access, add_projects, add_tenants, add_system):
            add(build)
        add_history(build)
        if newest:
            add_newest(build)
            add_newest_server(build)
