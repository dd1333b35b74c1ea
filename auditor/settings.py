"""
The configuration file: one schema, one loader, one frozen value; all errors at once, each with its place.

Secrets are references and stay references here; ``migrator.credentials`` resolves them at the last moment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from auditor.cron import Cron
from auditor.monitoring.status_server import MetricsSettings
from auditor.notify.settings import NotifySettings
from auditor.state_folder import StateFolder
from migrator.credentials import holds_password
from migrator.documents.scripts import InlineScripts
from migrator.errors import UsageError
from migrator.maps.document_map import Noise
from migrator.secrets.sealing import SecretsMode
from migrator.selection.request import type_names
from migrator.settings import LimitsTable
from migrator.sql.tables import ROW_LIMIT, TableRules
from migrator.toml_file import Address, Place, Reference, Table, TomlFile, Wrong
from migrator.wording import did_you_mean

# Also fit for the instance of a unit: octopus-auditor@NAME.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Less than git allows: a name that begins with a hyphen would be taken for an option.
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
# git's format of a commit cannot hold <, > or a line end within a name or an address.
_COMMITTER = re.compile(r"[^<>\n]+ <[^<>\n\s]+>")


def check_server_name(name: str) -> str:
    """
    Return *name*, which may stand in the names of files.

    Raises:
        ValueError: it may not; the message has one that may.
    """
    if not _NAME.fullmatch(name):
        fitting = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:64] or "prod"
        raise ValueError(
            f"a server's name has letters, digits, _ and - only, 64 at most, since files are called by it: {fitting}"
        )
    return name


def check_web_address(url: str) -> str:
    """
    Return *url*, which leads to a server's web interface.

    Raises:
        ValueError: it does not, or holds a password.
    """
    scheme, _, host = url.partition("://")
    if scheme.lower() not in ("http", "https") or not host.strip("/"):
        raise ValueError("a web address begins with https:// or http://, as https://octopus.example.com")
    if any(sign.isspace() for sign in url):
        raise ValueError("a web address has no blanks")
    if holds_password(url):
        raise ValueError("a web address must not hold a password; Octopus asks for an api_key only")
    try:
        # Read by asking for it: it may be no number, or too large a one.
        fits = urlsplit(url).hostname and urlsplit(url).port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            "a web address has a host, and a port from 1 to 65535 if any, as https://octopus.example.com:8443"
        )
    return url


def _zone(name: str) -> str:
    # It knows the zones, and says which one is near.
    Cron.parse("@daily", name)
    return name


def _types(words: tuple[str, ...]) -> tuple[str, ...]:
    try:
        type_names(words)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return words


def _excluded(names: tuple[str, ...]) -> tuple[str, ...]:
    _rules(names, ())
    return names


def _volatile(places: tuple[VolatileTable, ...]) -> tuple[VolatileTable, ...]:
    _rules((), places)
    return places


def _rules(names: tuple[str, ...], places: tuple[VolatileTable, ...], limit: int = ROW_LIMIT) -> TableRules:
    rules = TableRules(names, tuple((item.type, item.path) for item in places), limit)
    try:
        rules.check()
    except UsageError as error:
        raise ValueError(str(error)) from None
    return rules


def _inline(text: str) -> str:
    return InlineScripts.parse(text).value


def _remote(url: str) -> str:
    scheme = url.partition("://")[0] if "://" in url else ""
    # "ext::COMMAND" is a remote that git runs, and a leading hyphen an option; http and git:// prove nothing of who
    # answers.
    if scheme not in ("", "https", "ssh", "file") or url.startswith("-") or "::" in url:
        raise ValueError("a remote is https://..., ssh://..., user@host:path, file://... or a path")
    if holds_password(url):
        raise ValueError("a remote must not hold a password; use a credential helper or an SSH key")
    return url


def _branch(name: str) -> str:
    if not _BRANCH.fullmatch(name):
        raise ValueError("a branch's name begins with a letter or a digit and has letters, digits, . _ / and - only")
    return name


def _identity(text: str) -> str:
    if not _COMMITTER.fullmatch(text):
        raise ValueError('a committer is written as "Name <mail@example.com>"')
    return text


Seconds = Annotated[float, Field(gt=0, le=86400)]


class VolatileTable(Table):
    """
    A place of a type that changes by itself and is left out.
    """

    type: str = Field(min_length=1)
    path: str = Field(min_length=1)


class ExportTable(Table):
    """
    What of the server goes into the tree.
    """

    password: Reference | None = None
    noise: Literal["strict", "normal", "raw"] = "normal"
    secrets: Literal["encrypt", "fingerprint", "omit"] = "encrypt"
    plaintext: Literal["seal", "warn", "stop"] = "seal"
    inline_scripts: Annotated[str, AfterValidator(_inline)] = "ExtractToFiles"
    shrink_limit: Annotated[float, Field(gt=0, le=1)] = 0.3
    projects: tuple[str, ...] = ()
    project_groups: tuple[str, ...] = ()
    spaces: tuple[str, ...] = ()
    leave_out: Annotated[tuple[str, ...], AfterValidator(_types)] = ()
    exclude_tables: Annotated[tuple[str, ...], AfterValidator(_excluded)] = ()
    volatile: Annotated[tuple[VolatileTable, ...], AfterValidator(_volatile)] = ()
    table_rows: Annotated[int, Field(ge=0, le=10_000_000)] = ROW_LIMIT

    @property
    def rules(self) -> TableRules:
        """
        Return what is said of tables as the migrator knows it.
        """
        return _rules(self.exclude_tables, self.volatile, self.table_rows)

    @property
    def noise_level(self) -> Noise:
        """
        Return the level as the migrator knows it.
        """
        return Noise(self.noise)

    @property
    def secrets_mode(self) -> SecretsMode:
        """
        Return the mode as the migrator knows it.
        """
        return SecretsMode(self.secrets)

    @property
    def scripts_mode(self) -> InlineScripts:
        """
        Return the mode as the migrator knows it.
        """
        return InlineScripts.parse(self.inline_scripts)


class MaintenanceTable(Table):
    """
    Whether and how a run switches maintenance mode; times in seconds.
    """

    mode: Literal["always", "when-changed", "never"] = "always"
    limit: Seconds = 600
    drain: Annotated[float, Field(ge=0, le=86400)] = 0
    drain_then: Literal["go-on", "give-up"] = "go-on"
    request_timeout: Seconds = 20
    release_limit: Seconds = 600
    full_run_every: Seconds = 86400


class RepositoryTable(Table):
    """
    Where the history goes.
    """

    path: str
    branch: Annotated[str, AfterValidator(_branch)] = "main"
    remote: Annotated[str, AfterValidator(_remote)] | None = None
    committer: Annotated[str, AfterValidator(_identity)] = "Octopus Auditor <octopus-auditor@localhost>"
    signing_key: Reference | None = None
    ssh_key_file: str | None = None
    push_timeout: Seconds = 120
    maintenance_every: Seconds = 86400


class ScheduleTable(Table):
    """
    When a server is audited.
    """

    # Above cron, since pydantic hands to the check of a field only those before it.
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    cron: str = "*/15 * * * *"
    jitter: Annotated[float, Field(ge=0, le=3600)] = 0
    catch_up: bool = True

    @field_validator("cron")
    @classmethod
    def _parses(cls, text: str, info: ValidationInfo) -> str:
        Cron.parse(text, info.data.get("timezone", "UTC"))
        return text


class ServerSettings(Table):
    """
    One Octopus server. ``run_limit`` is how many seconds a whole run of the daemon may take.
    """

    database: Address = Field(min_length=1, repr=False)
    master_key: Reference | None = None
    url: Annotated[str, AfterValidator(check_web_address)] | None = None
    api_key: Reference | None = None
    ca_file: str | None = None
    run_limit: Seconds = 3600
    limits: LimitsTable = LimitsTable()
    export: ExportTable = ExportTable()
    maintenance: MaintenanceTable = MaintenanceTable()
    repository: RepositoryTable
    schedule: ScheduleTable = ScheduleTable()
    notify: NotifySettings = NotifySettings()

    @model_validator(mode="after")
    def _fits_together(self) -> ServerSettings:
        if self.export.secrets != "omit" and self.export.password is None:
            raise ValueError('export.password is missing: give a reference, or set export.secrets = "omit"')
        if self.export.secrets != "omit" and self.master_key is None:
            raise ValueError('master_key is missing: give a reference, or set export.secrets = "omit"')
        if self.url is not None and self.api_key is None and self.maintenance.mode != "never":
            raise ValueError(
                'api_key is missing: it is needed for maintenance mode (or set maintenance.mode = "never")'
            )
        return self

    @property
    def opens_window(self) -> bool:
        """
        Return whether a run switches maintenance mode at all.
        """
        return self.url is not None and self.maintenance.mode != "never"


class DaemonTable(Table):
    """
    What all servers of one process share; ``state_directory`` defaults to a folder beside each repository.
    """

    concurrent_runs: Annotated[int, Field(ge=1, le=64)] = 4
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    state_directory: str | None = None
    ready_age: Seconds = 86400


class Settings(Table):
    """
    A whole configuration file.
    """

    daemon: DaemonTable = DaemonTable()
    metrics: MetricsSettings | None = None
    servers: dict[Annotated[str, AfterValidator(check_server_name)], ServerSettings] = Field(min_length=1)

    def chosen(self, server: str | None) -> dict[str, ServerSettings]:
        """
        Return the server of that name; without a name all of them.

        Raises:
            UsageError: there is none of that name.
        """
        if server is None:
            return dict(self.servers)
        if server not in self.servers:
            hint = did_you_mean(server, self.servers, f"it has {', '.join(sorted(self.servers))}")
            raise UsageError(f"the configuration has no server {server}{hint}")
        return {server: self.servers[server]}

    def state_folder(self, server: str) -> StateFolder:
        """
        Return the folder for a server's journal, state and lock.
        """
        if self.daemon.state_directory:
            return StateFolder(Path(self.daemon.state_directory) / server)
        return StateFolder.beside(Path(self.servers[server].repository.path))


_DEFAULTED = ("limits", "export", "maintenance", "repository", "schedule", "notify")


def load(path: Path) -> Settings:
    """
    Read and check a configuration file.

    Raises:
        UsageError: everything that is wrong in it, one line each with its place.
    """
    file = TomlFile.read(path)
    values = dict(file.values)
    defaults = values.pop("defaults", {})

    def origin(place: Place) -> Place:
        # What no server wrote itself was written once, for all of them.
        default: Place = ("defaults", *place[2:])
        return default if place[:1] == ("servers",) and place not in file.lines and default in file.lines else place

    filled = _with_defaults(values, defaults)
    return file.into(Settings, filled, [*_default_errors(defaults), *_shared(filled)], origin)


def _with_defaults(values: dict[str, Any], defaults: Any) -> dict[str, Any]:
    servers = values.get("servers")
    # What is no table is told by the schema, with its place.
    if not isinstance(servers, dict) or not isinstance(defaults, dict):
        return values
    # A wrong default is told once in its own place, not again for each server.
    used = {name: table for name, table in defaults.items() if name in _DEFAULTED and isinstance(table, dict)}
    filled = {name: _merged(used, server) if isinstance(server, dict) else server for name, server in servers.items()}
    return {**values, "servers": filled}


def _merged(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return *own* with what it leaves out, key by key, in tables of tables too.
    """
    both = {
        key: _merged(defaults[key], value) if isinstance(value, dict) and isinstance(defaults[key], dict) else value
        for key, value in own.items()
        if key in defaults
    }
    return {**defaults, **own, **both}


def _shared(values: Mapping[str, Any]) -> Iterator[Wrong]:
    """
    Yield where servers have one history between them, in which each would undo what the other wrote.
    """
    paths: dict[str, str] = {}
    branches: dict[tuple[str, str], str] = {}
    servers = values.get("servers")
    for name, server in servers.items() if isinstance(servers, dict) else ():
        table = server.get("repository") if isinstance(server, dict) else None
        if not isinstance(table, dict):
            continue
        place = ("servers", name, "repository")
        path, remote, branch = table.get("path"), table.get("remote"), table.get("branch", "main")
        if isinstance(path, str) and (first := paths.setdefault(os.path.realpath(path), name)) != name:
            yield (*place, "path"), f"is the repository of {first} too; give each server its own"
        elif isinstance(remote, str):
            there = (remote.rstrip("/").removesuffix(".git"), str(branch))
            if (first := branches.setdefault(there, name)) != name:
                what = f"{first} pushes to this remote's branch {branch} too"
                yield (*place, "remote"), f"{what}; give each server a remote of its own, or a repository.branch"


def _default_errors(defaults: Any) -> Iterator[Wrong]:
    if not isinstance(defaults, dict):
        yield ("defaults",), "must be a table"
        return
    for name, table in defaults.items():
        if name not in _DEFAULTED:
            hint = did_you_mean(name, _DEFAULTED, f"known are {', '.join(_DEFAULTED)}")
            yield ("defaults", name), f"unknown key{hint}"
        elif not isinstance(table, dict):
            yield ("defaults", name), "must be a table"
