"""
What can be known of notifications before the first one is sent: names, connections, TLS, logins.

Nothing here sends a message or pings a switch: HTTP addresses are connected to and not asked. Not here: printing.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple
from urllib.request import getproxies, proxy_bypass

import httpx

from auditor.notify.http import Undelivered, address, tls_context
from auditor.notify.mail import mail_session
from auditor.notify.settings import CommandSettings, EmailSettings, NotifySettings
from auditor.world import Tools
from migrator.errors import OperatorError


class Probe(NamedTuple):
    """
    One thing that was tried: its name, whether it works, and what to do if not (else empty).
    """

    name: str
    ok: bool
    remedy: str


def check(settings: NotifySettings, tools: Tools | None = None) -> list[Probe]:
    """
    Try every channel of the settings without sending anything; no remedy holds a secret.
    """
    tools = Tools() if tools is None else tools
    return [_probe(name, attempt) for name, attempt in _attempts(settings, tools)]


def _attempts(settings: NotifySettings, tools: Tools) -> list[tuple[str, Callable[[], None]]]:
    found: list[tuple[str, Callable[[], None]]] = []

    def reach(name: str, url: str) -> None:
        found.append((name, lambda: _reach(address(url, name, tools), settings)))

    if settings.ca_file is not None:
        found.append(("notify.ca_file", lambda: _read_ca_file(settings)))
    if (webhook := settings.webhook) is not None:
        reach("notify.webhook.url", webhook.url)
        if (secret := webhook.secret) is not None:
            found.append(("notify.webhook.secret", lambda: _resolve(secret, "notify.webhook.secret", tools)))
    if settings.slack is not None:
        reach("notify.slack.url", settings.slack.url)
    if (email := settings.email) is not None:
        found.append(("notify.email", lambda: _greet(email, settings, tools)))
    if (command := settings.command) is not None:
        found.append(("notify.command", lambda: _find(command)))
    if (ping := settings.ping) is not None:
        for key in ("url", "start_url", "success_url", "fail_url"):
            value = getattr(ping, key)
            if value is not None:
                reach(f"notify.ping.{key}", value)
    return found


def _probe(name: str, attempt: Callable[[], None]) -> Probe:
    try:
        attempt()
    except (Undelivered, OperatorError) as error:
        return Probe(name, False, f"{error}.")
    except Exception as error:
        # One odd answer must not hide the other probes; its text may hold an address.
        return Probe(name, False, f"it cannot be tried ({type(error).__name__}): check the address.")
    return Probe(name, True, "")


def _resolve(reference: str, key: str, tools: Tools) -> None:
    tools.resolve(reference, key)


def _read_ca_file(settings: NotifySettings) -> None:
    tls_context(settings)


def _reach(url: httpx.URL, settings: NotifySettings) -> None:
    port = url.port or (443 if url.scheme == "https" else 80)
    proxy = getproxies().get(url.scheme) or getproxies().get("all")
    if proxy and not proxy_bypass(url.host):
        # Behind a proxy only the way to the proxy can be tried without asking for the address itself.
        through = httpx.URL(proxy if "://" in proxy else f"http://{proxy}")
        _connect(through.host, through.port or 80, settings).close()
        return
    with _connect(url.host, port, settings) as plain:
        if url.scheme == "https":
            _shake_hands(plain, url.host, settings)


def _connect(host: str, port: int, settings: NotifySettings) -> socket.socket:
    try:
        return socket.create_connection((host, port), settings.timeout)
    except socket.gaierror:
        raise Undelivered(f"the name {host} cannot be resolved: check its spelling and the resolver") from None
    except OSError as error:
        reason = error.strerror or "no answer"
        raise Undelivered(f"{host}:{port} cannot be connected to ({reason}): check firewall and proxy") from None


def _shake_hands(plain: socket.socket, host: str, settings: NotifySettings) -> None:
    try:
        with tls_context(settings).wrap_socket(plain, server_hostname=host):
            return
    except ssl.SSLCertVerificationError as error:
        raise Undelivered(
            f"the certificate of {host} is not trusted ({error.verify_message}): name its authority in notify.ca_file"
        ) from None
    except OSError as error:
        raise Undelivered(f"{host} does not speak TLS as it should ({type(error).__name__})") from None


def _greet(email: EmailSettings, settings: NotifySettings, tools: Tools) -> None:
    with mail_session(email, settings, tools) as session:
        code, _ = session.noop()
    if code != 250:
        raise Undelivered(f"{email.host} answered {code} to NOOP: it is not ready for mail")


def _find(command: CommandSettings) -> None:
    if shutil.which(command.argv[0], path=os.environ.get("PATH")) is None:
        raise Undelivered(f"{command.argv[0]} is no program that can be started: check its path and its x permission")
