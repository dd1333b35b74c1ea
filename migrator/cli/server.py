"""
Which server a command works on, and with which secrets: flags first, then variables, then the configuration file.

Secrets are resolved here, as late as a command line can. Not here: what is done with the server.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from migrator.cli.options import Values
from migrator.credentials import Secret, resolve
from migrator.errors import UsageError
from migrator.settings import InstanceSettings, find_file, is_reference, load

MASTER_KEY_VARIABLE = "OCTOPUS_MASTER_KEY"
PASSWORD_VARIABLE = "MIGRATOR_PASSWORD"  # noqa: S105 - the variable's name


@dataclass(frozen=True)
class ServerChoice:
    """
    A server's address, which may hold a password, and the secrets that were given for it.
    """

    address: str = field(repr=False)
    master_key: Secret | None = None
    password: Secret | None = None


def choose_server(values: Values, *, master_key: bool = True, password: bool = True) -> ServerChoice:
    """
    Return the server that a command line names; *master_key* and *password* say which secrets are looked up.

    Raises:
        UsageError: no server, several, or a secret that cannot be had.
    """
    environ = os.environ
    instance = _instance(values)
    reference = instance.database
    from_file = not values.has("database")
    if is_reference(reference):
        address = resolve(reference, environ).reveal()
    else:
        address = reference
        if not from_file and _holds_password(address):
            warn(
                "the address holds a password, and other users can see it in the process list; use a configuration file"
            )
    key = _master_key(values, instance, environ) if master_key else None
    return ServerChoice(address, key, _password(values, instance, environ) if password else None)


def warn(text: str) -> None:
    """
    Tell a person of something that needs no answer.
    """
    sys.stderr.write(f"warning: {text}\n")


def _instance(values: Values) -> InstanceSettings:
    address, name, config = values.find("database"), values.find("instance"), values.find("config")
    if address is not None:
        if name is not None or config is not None:
            raise UsageError("--database names the server itself; leave --instance and --config out, or leave it out")
        return InstanceSettings(database=address)
    path = Path(config).expanduser() if config is not None else find_file()
    if path is None:
        raise UsageError(
            "no server was named: give --database URL, or write a configuration file (--config PATH) and name its "
            "server with --instance"
        )
    return load(path).instance(name)


def _holds_password(address: str) -> bool:
    low = address.lower()
    login = low.partition("://")[2].partition("@")[0] if "@" in low else ""
    return "pwd=" in low or "password=" in low or ("/" not in login and ":" in login)


def _master_key(values: Values, instance: InstanceSettings, environ: Mapping[str, str]) -> Secret | None:
    file = values.find("master-key-file")
    if file is not None:
        return resolve(f"file:{file}", environ)
    if environ.get(MASTER_KEY_VARIABLE):
        return Secret(environ[MASTER_KEY_VARIABLE])
    return resolve(instance.master_key, environ) if instance.master_key else None


def _password(values: Values, instance: InstanceSettings, environ: Mapping[str, str]) -> Secret | None:
    plain, file = values.find("password"), values.find("password-file")
    if plain is not None and file is not None:
        raise UsageError("give --password or --password-file, not both")
    if plain is not None:
        warn("other users can see --password in the process list; --password-file or MIGRATOR_PASSWORD hide it")
        return Secret(plain)
    if file is not None:
        return resolve(f"file:{file}", environ)
    if environ.get(PASSWORD_VARIABLE):
        return Secret(environ[PASSWORD_VARIABLE])
    return resolve(instance.password, environ) if instance.password else None
