"""
Secrets by reference: a configuration names where a secret is, never the secret itself.

Not here: what a secret is used for.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from migrator.errors import UsageError

KINDS = ("env", "file", "systemd", "command")
_HOW = "write env:NAME, file:PATH, systemd:NAME or command:CMD"


class Secret:
    """
    A secret's value that does not show itself in ``repr``, ``str`` or a traceback.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """
        Return the value, for the one call that needs it.
        """
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def check_reference(reference: str) -> None:
    """
    Raise ``ValueError`` unless *reference* has the form of a reference.

    The message does not repeat the text, since a literal secret may stand there.
    """
    kind, colon, name = reference.partition(":")
    if not colon or kind not in KINDS or not name:
        raise ValueError(f"a secret is given by reference, not as a literal: {_HOW}")


def resolve(reference: str, environ: Mapping[str, str] | None = None) -> Secret:
    """
    Return the secret that *reference* names; one trailing line end is dropped.

    Raises:
        UsageError: the reference is malformed, or what it names is missing or empty.
    """
    environ = os.environ if environ is None else environ
    try:
        check_reference(reference)
    except ValueError as error:
        raise UsageError(str(error)) from None
    kind, _, name = reference.partition(":")
    value = _READERS[kind](name, environ)
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise UsageError(f"the secret {kind}:{name} is empty")
    return Secret(value)


def _from_env(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise UsageError(f"the environment variable {name} is not set; it should hold a secret")
    return environ[name]


def _from_file(name: str, environ: Mapping[str, str]) -> str:
    try:
        return Path(name).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"the secret file {name} cannot be read: {reason}") from None


def _from_systemd(name: str, environ: Mapping[str, str]) -> str:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise UsageError(
            f"the credential {name} is given by systemd, but CREDENTIALS_DIRECTORY is not set: "
            "start the program from its unit, or use another kind of reference"
        )
    if "/" in name:
        raise UsageError(f"the credential name {name} must not hold a slash")
    return _from_file(str(Path(folder) / name), environ)


def _from_command(command: str, environ: Mapping[str, str]) -> str:
    try:
        # The operator's own command line, from a file that only the operator can write.
        done = subprocess.run(  # noqa: S602
            command,
            shell=True,
            env=dict(environ),
            capture_output=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UsageError("a secret's command gave no answer within 60 seconds") from None
    if done.returncode:
        raise UsageError(f"a secret's command ended with exit code {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


_READERS = {"env": _from_env, "file": _from_file, "systemd": _from_systemd, "command": _from_command}
