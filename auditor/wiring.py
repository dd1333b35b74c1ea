"""
What a server's settings mean to each part of a run: addresses, limits, secrets resolved at the last moment.

No step of a run belongs here.
"""

from __future__ import annotations

import os
from pathlib import Path

from auditor.repository.git import GitOptions
from auditor.repository.repository import Identity, RepositoryOptions
from auditor.settings import ServerSettings
from auditor.state_folder import StateFolder
from auditor.stop import Stop
from auditor.window.journal import Journal
from auditor.window.octopus_api import ApiOptions, OctopusApi
from auditor.window.window import WindowOptions, release
from auditor.world import Tools
from migrator.credentials import is_reference, resolve
from migrator.errors import OperatorError
from migrator.export.render import RenderOptions
from migrator.exporter import ExportOptions


def repository_options(settings: ServerSettings, stop: Stop | None = None) -> RepositoryOptions:
    """
    Return how a server's repository is kept; *stop* breaks off what talks to its remote.
    """
    table = settings.repository
    key = table.signing_key
    return RepositoryOptions(
        Path(table.path),
        table.branch,
        Identity.parse(table.committer),
        GitOptions(table.push_timeout, table.ssh_key_file, stop or Stop()),
        reference_path(key) if key else None,
    )


def reference_path(reference: str) -> Path:
    """
    Return the file that a reference to a key names: git reads signing keys from files only.

    Raises:
        OperatorError: the reference is not one to a file.
    """
    kind, _, name = reference.partition(":")
    if kind == "file":
        return Path(name).expanduser()
    if kind == "systemd" and "CREDENTIALS_DIRECTORY" in os.environ:
        return Path(os.environ["CREDENTIALS_DIRECTORY"]) / name
    raise OperatorError(
        "signing_key must name a file (file:PATH or systemd:NAME), since git reads keys from files only"
    )


def database_address(settings: ServerSettings) -> str:
    """
    Return the database's address; it may itself be given by reference, since it can hold a password.
    """
    address = settings.database
    return resolve(address, key="database").reveal() if is_reference(address) else address


def api_options(settings: ServerSettings) -> ApiOptions:
    """
    Return how a server's REST interface is reached.
    """
    assert settings.url is not None and settings.api_key is not None
    key = resolve(settings.api_key, key="api_key")
    return ApiOptions(settings.url, key, settings.maintenance.request_timeout, settings.ca_file)


def window_options(server: str, settings: ServerSettings) -> WindowOptions:
    """
    Return the limits of a server's window.
    """
    table = settings.maintenance
    return WindowOptions(
        server, settings.url or "", table.limit, table.drain, table.drain_then == "give-up", table.release_limit
    )


def export_options(settings: ServerSettings, folder: StateFolder) -> ExportOptions:
    """
    Return how a server is exported, with its secrets resolved.
    """
    table = settings.export
    return ExportOptions(
        resolve(table.password, key="export.password") if table.password else None,
        resolve(settings.master_key, key="master_key") if settings.master_key else None,
        table.secrets_mode,
        RenderOptions(table.noise_level, table.scripts_mode),
        spool_directory=folder.path,
        limits=settings.limits.limits,
        rules=table.rules,
    )


def release_window(server: str, settings: ServerSettings, folder: StateFolder, tools: Tools) -> bool:
    """
    Restore maintenance mode if a killed run left it on; return whether there was anything to restore.

    Raises:
        OperatorError: it could not be done.
    """
    journal = Journal(folder.journal)
    # Mostly nothing is left, and then neither the key nor the server is asked for.
    if journal.read() is None:
        return False
    if settings.url is None:
        raise OperatorError(f"{journal.path} says that maintenance mode was left on, but {server} has no url any more")
    with OctopusApi(api_options(settings), tools.sleep) as api:
        return release(api, journal, window_options(server, settings), tools)
