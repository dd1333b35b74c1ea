"""
The ``[servers.X.notify]`` table: whom a server's runs are told to, and of which states.

Addresses that are secrets (a Slack URL, the URL of a ping) may be, or must be, references. Not here: sending.
"""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from migrator.credentials import check_reference, holds_password
from migrator.toml_file import Reference, Table

State = Literal["changed", "unchanged", "failed", "recovered", "window-stuck", "tampered"]
# Most runs change nothing, and to be told so each time is noise.
STATES: tuple[State, ...] = ("changed", "failed", "recovered", "window-stuck", "tampered")
LINK_FIELDS = ("commit", "server", "run_id")
# On the way to the machine itself nobody listens in.
_LOCAL = ("localhost", "127.0.0.1", "::1")


def is_literal(url: str) -> bool:
    """
    Return whether *url* is an address itself and not a reference to one.
    """
    return url.lower().startswith(("http://", "https://"))


def _url_or_reference(text: str) -> str:
    if not is_literal(text):
        try:
            check_reference(text)
        except ValueError:
            raise ValueError("write a URL that begins with https:// or http://, or a reference to one") from None
    elif holds_password(text):
        raise ValueError("the URL holds a password; write a reference to it: env:NAME, file:PATH or systemd:NAME")
    return text


def _link(text: str) -> str:
    try:
        # format() reaches into attributes by {a.b}, so only whole known names are let through.
        names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError:
        names = ["?"]
    if not is_literal(text) or any(name not in LINK_FIELDS for name in names):
        known = ", ".join(f"{{{name}}}" for name in LINK_FIELDS)
        raise ValueError(f"a link is a URL with nothing in braces but {known}")
    return text


Url = Annotated[str, AfterValidator(_url_or_reference)]
States = Annotated[tuple[State, ...], Field(min_length=1)]


class WebhookSettings(Table):
    """
    A JSON POST to ``url``, signed with the key that ``secret`` refers to, if given.
    """

    url: Url = Field(repr=False)
    secret: Reference | None = None
    states: States = STATES


class SlackSettings(Table):
    """
    A ``{"text": ...}`` POST as Slack, Mattermost and Rocket.Chat take it; who has the URL can post, so it is a secret.
    """

    url: Reference
    states: States = STATES


class EmailSettings(Table):
    """
    A plain-text mail. STARTTLS with a verified certificate is required unless ``starttls = false``.
    """

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    starttls: bool = True
    username: str | None = None
    password: Reference | None = None
    sender: str = Field(min_length=3)
    recipients: tuple[str, ...] = Field(min_length=1)
    states: States = STATES

    @model_validator(mode="after")
    def _is_sound(self) -> EmailSettings:
        if (self.username is None) != (self.password is None):
            raise ValueError("give both username and password, or neither")
        if self.password is not None and not self.starttls and self.host not in _LOCAL:
            raise ValueError("a password only goes out over TLS: leave starttls on, or leave the password out")
        for address in (self.sender, *self.recipients):
            # A line end would write headers of its own.
            if "@" not in address or any(sign in address for sign in "\r\n"):
                raise ValueError("sender and recipients are mail addresses, such as ops@example.com")
        return self


class CommandSettings(Table):
    """
    A program that gets the run's JSON on standard input; ``argv`` is run as it is, without a shell.
    """

    argv: tuple[str, ...] = Field(min_length=1)
    states: States = STATES
    timeout: float = Field(default=30.0, gt=0, le=3600)


class PingSettings(Table):
    """
    A dead man's switch: ``{url}/start``, ``{url}`` after a good run, ``{url}/fail`` after a bad one.

    ``start_url``, ``success_url`` and ``fail_url`` take the place of what is made of ``url``.
    """

    url: Url | None = Field(default=None, repr=False)
    start_url: Url | None = Field(default=None, repr=False)
    success_url: Url | None = Field(default=None, repr=False)
    fail_url: Url | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _pings_something(self) -> PingSettings:
        if self.url is None and self.success_url is None:
            raise ValueError("give url, or at least success_url")
        return self


class NotifySettings(Table):
    """
    All of a server's notifications. ``timeout`` is in seconds, for each request and each answer of a mail server.

    ``ca_file`` holds certificates to trust beside the system's. ``link`` is put into every message.
    ``values``: what changed is told with the values that are no secret; without it by names alone.
    """

    webhook: WebhookSettings | None = None
    slack: SlackSettings | None = None
    email: EmailSettings | None = None
    command: CommandSettings | None = None
    ping: PingSettings | None = None
    link: Annotated[str, AfterValidator(_link)] | None = None
    values: bool = False
    ca_file: Path | None = None
    timeout: float = Field(default=10.0, gt=0, le=120)
