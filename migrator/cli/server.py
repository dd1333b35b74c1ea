"""
Which server a command works on, and with which secrets: flags first, then variables, then the configuration file.

Secrets are resolved here, as late as a command line can. Not here: what is done with the server.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from migrator.cli.options import Values
from migrator.credentials import MASTER_KEY_VARIABLE, PASSWORD_VARIABLE, Secret, holds_password, is_reference, resolve
from migrator.credentials import variable as of_environment
from migrator.errors import UsageError
from migrator.settings import InstanceSettings, find_file, load
from migrator.sql.engine import NO_LIMITS_GIVEN, Limits
from migrator.sql.rows import ROW_LIMITS, RowLimits
from migrator.wording import escaped_lines


@dataclass(frozen=True)
class ServerChoice:
    """
    A server's address, which may hold a password, and the secrets that were given for it.
    """

    address: str = field(repr=False)
    master_key: Secret | None = None
    password: Secret | None = None
    limits: Limits = NO_LIMITS_GIVEN
    row_limits: RowLimits = ROW_LIMITS


def choose_server(values: Values, *, master_key: bool = True, password: bool = True) -> ServerChoice:
    """
    Return the server that a command line names; *master_key* and *password* say which secrets are looked up.

    Raises:
        UsageError: no server, several, or a secret that cannot be had.
    """
    instance = _instance(values)
    address = _address(values, instance)
    # References are resolved last of all: one may start a command, which a flag or a variable makes needless.
    of_file = (instance.master_key, instance.password) if instance else (None, None)
    key = _secret(values, "master-key", MASTER_KEY_VARIABLE, of_file[0]) if master_key else None
    limits = instance.limits.limits if instance else NO_LIMITS_GIVEN
    row_limits = instance.limits.row_limits if instance else ROW_LIMITS
    return ServerChoice(address, key, _password(values, of_file[1]) if password else None, limits, row_limits)


def warn(text: str) -> None:
    """
    Tell a person of something that needs no answer.
    """
    sys.stderr.write(f"warning: {escaped_lines(text)}\n")


def _instance(values: Values) -> InstanceSettings | None:
    name, config = values.find("instance"), values.find("config")
    if values.has("database"):
        if name is not None or config is not None:
            raise UsageError("--database names the server itself; leave --instance and --config out, or leave it out")
        return None
    path = Path(config).expanduser() if config is not None else find_file()
    if path is None:
        raise UsageError(
            "no server was named: give --database URL, or write a configuration file (--config PATH) and name its "
            "server with --instance"
        )
    return load(path).instance(name)


def _address(values: Values, instance: InstanceSettings | None) -> str:
    address = instance.database if instance else values.text("database")
    if is_reference(address):
        return resolve(address, key="database").reveal()
    if holds_password(address):
        warn("the address holds a password, and other users can see it in the process list; use a configuration file")
    return address


def _password(values: Values, reference: str | None) -> Secret | None:
    plain = values.find("password")
    if plain is None:
        return _secret(values, "password", PASSWORD_VARIABLE, reference)
    if values.has("password-file"):
        raise UsageError("give --password or --password-file, not both")
    warn("other users can see --password in the process list; --password-file or MIGRATOR_PASSWORD hide it")
    return Secret(plain)


def _secret(values: Values, name: str, variable: str, reference: str | None) -> Secret | None:
    file = values.find(f"{name}-file")
    if file is not None:
        return resolve(f"file:{file}", key=f"--{name}-file")
    if given := of_environment(variable):
        return Secret(given)
    return resolve(reference, key=name.replace("-", "_")) if reference else None
