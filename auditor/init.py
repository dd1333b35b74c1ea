"""
Setting up: answers in, a commented configuration and a systemd drop-in out. Asks nothing itself.

Secrets stay references: what is written names where each is, never what it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from migrator.errors import UsageError

DROP_IN = "octopus-auditor.credentials.conf"
_REFERENCE = "env:NAME, file:PATH, systemd:NAME or command:CMD"
QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("server", "A short name for the server", "prod"),
    ("database", "Its database (SQLAlchemy URL or ODBC connection string; with a password: a reference)", ""),
    ("master_key", f"Where its master key is ({_REFERENCE})", "systemd:master_key"),
    (
        "password",
        f"Where the password is that seals the secrets ({_REFERENCE})",
        "systemd:export_password",
    ),
    ("url", "Its web address, for maintenance mode (- for none)", "-"),
    ("api_key", f"Where an administrator's API key is ({_REFERENCE})", "systemd:api_key"),
    ("repository", "The folder of the git repository", "/var/lib/octopus-auditor/{server}.git"),
    ("remote", "The remote to push to (- for none)", "-"),
    ("signing_key", "Where an SSH key for signing commits is (file:PATH or systemd:NAME, - for none)", "-"),
    ("cron", "When to run (five fields of cron)", "*/15 * * * *"),
    ("timezone", "In which time zone", "UTC"),
)
"""What is asked for: the name of an answer, the question, the default; ``{server}`` is the first answer."""


@dataclass(frozen=True)
class Answers:
    """
    What was answered; an empty text means: not wanted.
    """

    server: str
    database: str
    master_key: str
    password: str
    repository: str
    url: str = ""
    api_key: str = ""
    remote: str = ""
    signing_key: str = ""
    cron: str = "*/15 * * * *"
    timezone: str = "UTC"


def configuration(answers: Answers) -> str:
    """
    Return the configuration file's text.
    """
    lines = [
        "# The configuration of the auditor, made by `auditor init`. `auditor check --config THIS` looks at all of it.",
        "#",
        "# A secret is never written here. It is a reference:",
        "#   env:NAME       an environment variable",
        "#   file:PATH      the content of a file that only you can read",
        "#   systemd:NAME   a credential of the unit (LoadCredential=)",
        "#   command:CMD    what a command prints, such as a password manager's",
        *server_tables(answers),
        "# Prometheus metrics, /healthz and /readyz.",
        "#[metrics]",
        '#listen = "127.0.0.1:9823"',
        "",
    ]
    return "\n".join(lines)


def server_tables(answers: Answers) -> list[str]:
    """
    Return the lines of one server's tables.
    """
    name = answers.server
    return [
        "",
        f"[servers.{name}]",
        "# A SQLAlchemy URL, or an ODBC connection string; where it holds a password, a reference to such a text.",
        f"database = {_quoted(answers.database)}",
        "# The master key as `Octopus.Server show-master-key` prints it.",
        f"master_key = {_quoted(answers.master_key)}",
        *_rest(answers),
        "# How long a whole run may take, in seconds.",
        "#run_limit = 3600",
        "",
        f"[servers.{name}.export]",
        "# Seals the secrets in the repository. Keep it: without it nobody can restore them.",
        f"password = {_quoted(answers.password)}",
        '#noise = "normal"             # strict | normal | raw',
        '#secrets = "encrypt"          # encrypt | fingerprint | omit',
        "",
        f"[servers.{name}.maintenance]",
        "# always: switch maintenance mode on while rows are read; when-changed: only if something moved; never.",
        f'mode = "{"always" if answers.url else "never"}"',
        "#limit = 600                  # seconds after which the window is closed and the run abandoned",
        "#drain = 0                    # seconds to wait for running tasks before reading",
        "",
        f"[servers.{name}.repository]",
        f"path = {_quoted(answers.repository)}",
        "# Leave it out to commit only.",
        _optional("remote", answers.remote, "git@git.example.com:ops/octopus.git"),
        "# Commits are signed with this SSH key, which must have no passphrase.",
        _optional("signing_key", answers.signing_key, "systemd:signing_key"),
        '#committer = "Octopus Auditor <octopus-auditor@example.com>"',
        "",
        f"[servers.{name}.schedule]",
        f"cron = {_quoted(answers.cron)}",
        f"timezone = {_quoted(answers.timezone)}",
        "",
    ]


def _rest(answers: Answers) -> list[str]:
    return [
        "# The REST interface, for maintenance mode; leave both out where there is none.",
        _optional("url", answers.url, "https://octopus.example.com"),
        _optional("api_key", answers.api_key if answers.url else "", "systemd:api_key"),
    ]


def _optional(key: str, value: str, example: str) -> str:
    return f"{key} = {_quoted(value)}" if value else f"#{key} = {_quoted(example)}"


def _quoted(text: str) -> str:
    # A basic string of TOML has JSON's escapes, but for DEL and lone surrogates, which no answer holds.
    return json.dumps(text, ensure_ascii=False)


def drop_in(answers: Answers) -> str:
    """
    Return the systemd drop-in that hands the unit its credentials.
    """
    lines = [
        "# Put this into /etc/systemd/system/octopus-auditor.service.d/credentials.conf, each secret into the file",
        "# named here (root, mode 0600), then: systemctl daemon-reload && systemctl enable --now octopus-auditor",
        "[Service]",
        *credential_lines(answers),
    ]
    return "\n".join(lines) + "\n"


def credential_lines(answers: Answers) -> list[str]:
    """
    Return a line of a unit for each credential that the answers refer to.
    """
    references = (answers.database, answers.master_key, answers.api_key, answers.password, answers.signing_key)
    names = dict.fromkeys(text.partition(":")[2] for text in references if text.startswith("systemd:"))
    return [f"LoadCredential={name}:/etc/credstore/octopus-auditor.{name}" for name in names]


def write(path: Path, answers: Answers, check: Callable[[Path], object]) -> None:
    """
    Write the configuration and the drop-in beside it, or add the server to those that are there, if *check* takes it.

    Raises:
        UsageError: they cannot be written, or the file would not load with that server in it.
    """
    beside, mode = path.with_name(DROP_IN), 0o600
    if credential_lines(answers):
        # The unit's user exists only while it runs, so nothing but "all" has it in; the file holds no secret.
        mode = 0o644
    if not path.exists():
        write_new(path, configuration(answers), mode)
        write_new(beside, drop_in(answers), mode)
        return
    before = path.read_text(encoding="utf-8-sig")
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    write_new(new, before.rstrip("\n") + "\n" + "\n".join(server_tables(answers)), path.stat().st_mode & 0o777)
    try:
        check(new)
        new.replace(path)
    except UsageError as error:
        raise UsageError(str(error).replace(str(new), str(path))) from None
    finally:
        new.unlink(missing_ok=True)
    if not beside.exists():
        write_new(beside, drop_in(answers), mode)
        return
    present = beside.read_text(encoding="utf-8")
    missing = [line for line in credential_lines(answers) if line not in present.splitlines()]
    with beside.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in missing)


def write_new(path: Path, text: str, mode: int = 0o600) -> None:
    """
    Write a file that does not exist yet, by default readable by its owner alone.

    Raises:
        UsageError: there is something at *path* already, or it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError:
        raise UsageError(f"{path} exists already and is not overwritten; name another with --output") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        # A strict umask may have taken the owner's own rights away.
        os.fchmod(file.fileno(), mode)
        file.write(text)
