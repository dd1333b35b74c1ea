"""
The configuration file: one schema, one loader, one frozen value; all errors at once, each with its place.

Secrets are references and stay references here; ``migrator.credentials`` resolves them at the last moment.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from auditor.cron import Cron
from auditor.monitoring.status_server import MetricsSettings
from auditor.notify.settings import NotifySettings
from migrator.credentials import check_reference
from migrator.documents.scripts import InlineScripts
from migrator.errors import UsageError
from migrator.maps.document_map import Noise
from migrator.secrets.sealing import SecretsMode
from migrator.selection.request import type_names


def _reference(text: str) -> str:
    check_reference(text)
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name} is not a time zone; write one as Europe/Berlin") from None
    return name


def _types(words: tuple[str, ...]) -> tuple[str, ...]:
    try:
        type_names(words)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return words


def _inline(text: str) -> str:
    return InlineScripts.parse(text).value


def _remote(url: str) -> str:
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme not in ("", "https", "ssh", "file") or url.startswith("-") or "::" in url:
        raise ValueError("a remote is https://..., ssh://..., user@host:path, file://... or a path")
    if scheme == "https" and "@" in url.split("/")[2] and ":" in url.split("/")[2].split("@")[0]:
        raise ValueError("a remote must not hold a password; use a credential helper or an SSH key")
    return url


_COMMITTER = re.compile(r"^[^<>\n]+ <[^<>\n\s]+>$")


def _identity(text: str) -> str:
    if not _COMMITTER.match(text):
        raise ValueError('a committer is written as "Name <mail@example.com>"')
    return text


Reference = Annotated[str, AfterValidator(_reference)]
Seconds = Annotated[float, Field(gt=0, le=86400)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ExportTable(_Table):
    """
    What of the server goes into the tree.
    """

    password: Reference | None = None
    noise: Literal["strict", "normal", "raw"] = "normal"
    secrets: Literal["encrypt", "fingerprint", "omit"] = "encrypt"
    inline_scripts: Annotated[str, AfterValidator(_inline)] = "CopyToFiles"
    shrink_limit: Annotated[float, Field(gt=0, le=1)] = 0.3
    projects: tuple[str, ...] = ()
    project_groups: tuple[str, ...] = ()
    spaces: tuple[str, ...] = ()
    leave_out: Annotated[tuple[str, ...], AfterValidator(_types)] = ()

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


class MaintenanceTable(_Table):
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


class RepositoryTable(_Table):
    """
    Where the history goes.
    """

    path: str
    branch: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")] = "main"
    remote: Annotated[str, AfterValidator(_remote)] | None = None
    committer: Annotated[str, AfterValidator(_identity)] = "Octopus Auditor <octopus-auditor@localhost>"
    signing_key: Reference | None = None
    ssh_key_file: str | None = None
    push_timeout: Seconds = 120
    maintenance_every: Seconds = 86400


class ScheduleTable(_Table):
    """
    When a server is audited.
    """

    cron: str = "*/15 * * * *"
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    jitter: Annotated[float, Field(ge=0, le=3600)] = 0
    catch_up: bool = True

    @model_validator(mode="after")
    def _parses(self) -> ScheduleTable:
        Cron.parse(self.cron, self.timezone)
        return self


class ServerSettings(_Table):
    """
    One Octopus server. ``run_limit`` is how many seconds a whole run of the daemon may take.
    """

    database: str
    master_key: Reference | None = None
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    api_key: Reference | None = None
    ca_file: str | None = None
    run_limit: Seconds = 3600
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


class DaemonTable(_Table):
    """
    What all servers of one process share; ``state_directory`` defaults to a folder beside each repository.
    """

    concurrent_runs: Annotated[int, Field(ge=1, le=64)] = 4
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    state_directory: str | None = None
    ready_age: Seconds = 86400


class Settings(_Table):
    """
    A whole configuration file.
    """

    daemon: DaemonTable = DaemonTable()
    metrics: MetricsSettings | None = None
    servers: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], ServerSettings], Field(min_length=1)
    ]

    def state_folder(self, server: str) -> Path:
        """
        Return the folder for a server's journal, state and lock.
        """
        if self.daemon.state_directory:
            return Path(self.daemon.state_directory) / server
        return Path(self.servers[server].repository.path + ".state")


_DEFAULTED = ("export", "maintenance", "repository", "schedule", "notify")


def load(path: Path) -> Settings:
    """
    Read and check a configuration file.

    Raises:
        UsageError: everything that is wrong in it, one line each with its place.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"the configuration {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the configuration {path} is not TOML: {error}") from None
    defaults = values.pop("defaults", {})
    errors = list(_default_errors(defaults))
    try:
        settings = Settings.model_validate(_with_defaults(values, defaults))
    except ValidationError as error:
        errors += [_told(item) for item in error.errors(include_input=False, include_url=False)]
    if errors:
        lines = _line_numbers(text)
        told = "\n".join(f"  {_place(path, where, lines)}: {what}" for where, what in dict.fromkeys(errors))
        raise UsageError(f"the configuration {path} has {len(dict.fromkeys(errors))} error(s):\n{told}")
    return settings


def _with_defaults(values: dict[str, Any], defaults: Any) -> dict[str, Any]:
    servers = values.get("servers")
    if not isinstance(servers, dict) or not isinstance(defaults, dict):
        return values
    filled = {
        name: {
            **server,
            **{
                table: _merged(defaults.get(table, {}), server.get(table, {}))
                for table in _DEFAULTED
                if table in server or table in defaults
            },
        }
        if isinstance(server, dict)
        else server
        for name, server in servers.items()
    }
    return {**values, "servers": filled}


def _merged(low: Any, high: Any) -> Any:
    if isinstance(low, dict) and isinstance(high, dict):
        return {key: _merged(low.get(key, {}), high[key]) if key in high else low[key] for key in {**low, **high}}
    return high


def _default_errors(defaults: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(defaults, dict):
        yield "defaults", "must be a table"
        return
    for table, value in defaults.items():
        if table not in _DEFAULTED:
            yield f"defaults.{table}", f"unknown key{_nearest(table, _DEFAULTED)}"
            continue
        fields = ServerSettings.model_fields[table].annotation
        for key in value if isinstance(value, dict) else ():
            if isinstance(fields, type) and issubclass(fields, BaseModel) and key not in fields.model_fields:
                yield f"defaults.{table}.{key}", f"unknown key{_nearest(key, fields.model_fields)}"


def _told(error: Any) -> tuple[str, str]:
    where = [str(part) for part in error["loc"]]
    if error["type"] == "extra_forbidden":
        return ".".join(where), f"unknown key{_nearest(where[-1], _known_keys(where[:-1]))}"
    if error["type"] == "missing":
        return ".".join(where), "is missing"
    return ".".join(where), str(error["msg"]).removeprefix("Value error, ")


def _known_keys(where: list[str]) -> list[str]:
    model: Any = Settings
    for part in where:
        if get_origin(model) is dict:
            model = get_args(model)[1]
            continue
        annotation = model.model_fields[part].annotation if part in getattr(model, "model_fields", {}) else None
        options = [
            item
            for item in (annotation, *get_args(annotation))
            if isinstance(item, type) and issubclass(item, BaseModel)
        ]
        model = options[0] if options and get_origin(annotation) is not dict else annotation
    return list(getattr(model, "model_fields", {}))


def _nearest(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}" if known else ""


def _line_numbers(text: str) -> Mapping[str, int]:
    """
    Return the line of each table and key of a TOML text, by dotted name.
    """
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = header.group(1).replace('"', "").replace(" ", "")
            lines.setdefault(table, number)
        elif key := re.match(r'\s*"?([A-Za-z0-9_.-]+)"?\s*=', line):
            lines.setdefault(f"{table}.{key.group(1)}".lstrip("."), number)
    return lines


def _place(path: Path, where: str, lines: Mapping[str, int]) -> str:
    name = where
    while name and name not in lines:
        name = name.rpartition(".")[0]
    return f"line {lines[name]}, {where}" if name else where or str(path)
