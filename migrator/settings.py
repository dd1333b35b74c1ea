"""
The migrator's configuration file (TOML): which servers there are, and where their secrets are.

Secrets are references (see ``credentials``) and stay so; nothing is resolved here. Options of one run are not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from migrator.errors import UsageError
from migrator.sql.engine import Limits
from migrator.sql.rows import ROW_LIMITS, RowLimits
from migrator.toml_file import Address, Reference, Table, TomlFile
from migrator.wording import did_you_mean

DEFAULT_PATHS = (Path("~/.config/octopus-migrator.toml"), Path("/etc/octopus-migrator/migrator.toml"))
DEFAULT_INSTANCE = "default"


class LimitsTable(Table):
    """
    How many seconds to wait at a database: for a connection, for somebody else's lock, for one statement. And what one
    row may hold: megabytes of its document, of a compressed body that is unpacked, levels of nested JSON.
    """

    connect: Annotated[float, Field(ge=1, le=3600)] = Limits.connect
    lock: Annotated[float, Field(ge=0.1, le=86400)] = Limits.lock
    statement: Annotated[float, Field(ge=1, le=86400)] = Limits.statement

    largest_document: Annotated[int, Field(ge=1, le=4096)] = ROW_LIMITS.document >> 20
    largest_unpacked: Annotated[int, Field(ge=1, le=4096)] = ROW_LIMITS.unpacked >> 20
    deepest: Annotated[int, Field(ge=16, le=ROW_LIMITS.depth)] = ROW_LIMITS.depth

    @property
    def row_limits(self) -> RowLimits:
        """
        Return what one row may hold.
        """
        return RowLimits(self.largest_document << 20, self.largest_unpacked << 20, self.deepest)

    @property
    def limits(self) -> Limits:
        """
        Return them as the database takes them.
        """
        return Limits(self.connect, self.lock, self.statement)


class InstanceSettings(Table):
    """
    One server. ``database`` is an address, or a reference to one that holds a password.
    """

    database: Address = Field(min_length=1, repr=False)
    master_key: Reference | None = None
    password: Reference | None = None
    limits: LimitsTable = LimitsTable()


class Settings(Table):
    """
    The whole file.
    """

    instances: dict[str, InstanceSettings] = Field(min_length=1)

    def instance(self, name: str | None) -> InstanceSettings:
        """
        Return the server called *name*; without a name the one called ``default``, or the only one.

        Raises:
            UsageError: there is none of that name, or several to choose from.
        """
        known = ", ".join(self.instances)
        if name is None:
            if len(self.instances) == 1:
                return next(iter(self.instances.values()))
            # The original tool too works on the default instance where none is named.
            name = DEFAULT_INSTANCE
            if name not in self.instances:
                raise UsageError(f"the configuration file names several servers ({known}); choose one with --instance")
        if name not in self.instances:
            hint = did_you_mean(name, self.instances, f"it has {known}")
            raise UsageError(f"the configuration file has no [instances.{name}]{hint}")
        return self.instances[name]


def find_file(paths: Sequence[Path] = DEFAULT_PATHS) -> Path | None:
    """
    Return the first of the usual files that exists, or ``None``.
    """
    return next((path for path in (item.expanduser() for item in paths) if path.is_file()), None)


def load(path: Path) -> Settings:
    """
    Read a configuration file.

    Raises:
        UsageError: it cannot be read, or something in it is wrong; all of that at once, each with its place.
    """
    return TomlFile.read(path).into(Settings)
