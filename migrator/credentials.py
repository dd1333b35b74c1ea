"""
Secrets by reference: a configuration names where a secret is, never the secret itself.

Also, whether an address holds a password, which then belongs behind a reference. Not here: what a secret is used for.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote_plus

from migrator.errors import UsageError

KINDS = ("env", "file", "systemd", "command")
_HOW = "write env:NAME, file:PATH, systemd:NAME or command:CMD"
MASTER_KEY_VARIABLE = "OCTOPUS_MASTER_KEY"
PASSWORD_VARIABLE = "MIGRATOR_PASSWORD"  # noqa: S105 - the variable's name
# Grows as references are checked, which is when a configuration is read and so before any child is started.
_VARIABLES = {MASTER_KEY_VARIABLE, PASSWORD_VARIABLE}
# What was taken out of the environment of a process of our own; ``None``: of somebody else's, which stays as it is.
_taken: dict[str, str] | None = None
# What has // behind the colon is a URL, whatever its scheme is called.
_REFERENCE = re.compile(rf"(?:{'|'.join(KINDS)}):(?!//)")
# SQLAlchemy takes everything up to the @ for the password, slashes and question marks too.
_LOGIN = re.compile(r"\s*[^:/?#]+://[^:/]*:[^@]+@")
_SETTING = re.compile(r"(?i)(?:^|[?&;])\s*(?:pwd|password|access_?token|client_?secret)\s*=\s*[^\s;&]")
_SHOWN = 300
_SECONDS = 60


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
    if kind == "env":
        _VARIABLES.add(name)
        _take()


def take_secrets() -> None:
    """
    Take secrets out of this process's environment, now and whenever a reference names one: children get what is left.

    Only for a process that is wholly this program's.
    """
    global _taken
    _taken = {} if _taken is None else _taken
    _take()


def _take() -> None:
    if _taken is not None:
        for name in _VARIABLES & os.environ.keys():
            _taken[name] = os.environ.pop(name)


def variable(name: str) -> str | None:
    """
    Return a variable of the environment that may have been taken out of it.
    """
    return os.environ.get(name) or (_taken or {}).get(name)


def secret_variables() -> frozenset[str]:
    """
    Return the environment's variables that hold secrets, as far as references told: no child process is given these.
    """
    return frozenset(_VARIABLES)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """
    Return an environment for a child process: all of *environ* but ``secret_variables``.
    """
    return {name: value for name, value in environ.items() if name not in _VARIABLES}


def is_reference(text: str) -> bool:
    """
    Return whether a text that may be an address is a reference to one.
    """
    return _REFERENCE.match(text) is not None


def holds_password(address: str) -> bool:
    """
    Return whether a URL or an ODBC connection string has a password in it, as SQLAlchemy and ODBC would read it.
    """
    # An ODBC connection string stands quoted within a URL, as ``odbc_connect=``.
    return bool(_LOGIN.match(address) or _SETTING.search(unquote_plus(address)))


def check_address(address: str) -> None:
    """
    Raise ``ValueError`` if *address* is a literal one with a password, or no reference that could be resolved.

    The message repeats none of it.
    """
    if is_reference(address):
        check_reference(address)
    elif holds_password(address):
        raise ValueError(f"the address holds a password; put the whole address where it can be referred to, and {_HOW}")


def resolve(reference: str, environ: Mapping[str, str] | None = None, key: str = "") -> Secret:
    """
    Return the secret that *reference* names; one trailing line end is dropped. *key* says in errors what it is for.

    Raises:
        UsageError: the reference is malformed, or what it names is missing or empty.
    """
    try:
        check_reference(reference)
        environ = {**(_taken or {}), **os.environ} if environ is None else environ
        kind, _, name = reference.partition(":")
        value = _READERS[kind](name, environ).removesuffix("\n").removesuffix("\r")
        if not value:
            raise ValueError("its command printed nothing" if kind == "command" else f"{reference} is empty")
    except ValueError as error:
        raise UsageError(f"{key or 'a secret'}: {error}") from None
    return Secret(value)


def _from_env(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ValueError(f"the environment variable {name} is not set; it should hold a secret")
    return environ[name]


def _from_file(name: str, environ: Mapping[str, str]) -> str:
    try:
        return Path(name).expanduser().read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"the secret file {name} cannot be read: it is not UTF-8") from None
    # A zero byte in a path is a ValueError, a user without a home a RuntimeError.
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there is no such place"
        raise ValueError(f"the secret file {name} cannot be read: {reason}") from None


def _from_systemd(name: str, environ: Mapping[str, str]) -> str:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ValueError(
            f"the credential {name} is given by systemd, but CREDENTIALS_DIRECTORY is not set: "
            "start the program from its unit, or use another kind of reference"
        )
    # It would lead out of the folder that systemd made for this unit.
    if "/" in name:
        raise ValueError(f"the credential name {name} must not hold a slash")
    return _from_file(str(Path(folder) / name), environ)


def _from_command(command: str, environ: Mapping[str, str]) -> str:
    try:
        # The operator's own command line, from a file that only the operator can write.
        done = subprocess.run(  # noqa: S602
            command,
            shell=True,
            # A password manager may log in by a variable of its own, but needs none of our secrets.
            env=without_secrets(environ),
            capture_output=True,
            timeout=_SECONDS,
            # A command that asks a person would hang an unattended run.
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"its command gave no answer within {_SECONDS} seconds") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"its command cannot be started ({type(error).__name__})") from None
    if done.returncode:
        said = _shown(done.stderr, done.stdout)
        raise ValueError(f"its command ended with exit code {done.returncode} and {said}")
    try:
        return done.stdout.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("its command printed something that is not UTF-8") from None


def _shown(stderr: bytes, stdout: bytes) -> str:
    """
    Return what a command said for people, on one line; what it printed, which may be a secret, is not among it.
    """
    text = stderr.decode("utf-8", "replace")
    printed = {line.strip() for line in stdout.decode("utf-8", "replace").splitlines()} - {""}
    # The longest first: a shorter one that is a part of it would leave the rest in clear.
    for line in sorted(printed, key=lambda item: (-len(item), item)):
        # A shell that traces what it does repeats the value there.
        text = text.replace(line, "***")
    # Control characters could move a terminal's cursor or begin a line of their own in a log.
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    if not words:
        return "said nothing on stderr"
    # The end, since a program tells last why it gave up.
    return f"said: {words if len(words) <= _SHOWN else f'... {words[-_SHOWN:]}'}"


_READERS = {"env": _from_env, "file": _from_file, "systemd": _from_systemd, "command": _from_command}
