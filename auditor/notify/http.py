"""
Telling people over HTTP: webhook, Slack, ping; and what all channels share.

Each raises ``Undelivered`` with a sentence that names the host at most: a URL may be a secret, and so may what a
library says about it. The home of httpx for notifications. Not here: mail (``mail``), when and what to send.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from auditor.notify.message import Message
from auditor.notify.settings import (
    NotifySettings,
    PingSettings,
    SlackSettings,
    WebhookSettings,
    is_literal,
)
from auditor.world import Tools
from migrator.credentials import Secret

ATTEMPTS = 4
LONGEST_PAUSE = 20


class Undelivered(Exception):
    """
    A notification did not get through; the message is one sentence without secrets.
    """


class Unsteady(Undelivered):
    """
    As above, and trying again may help.
    """


def http_client(settings: NotifySettings) -> httpx.Client:
    """
    Return a client that trusts the system's certificates and ``ca_file``, and honours proxies of the environment.

    Raises:
        Undelivered: ``ca_file`` holds no certificates that can be read.
    """
    # httpx writes each whole URL to its log at level info, whoever configures logging.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(verify=tls_context(settings), trust_env=True, timeout=settings.timeout)


def tls_context(settings: NotifySettings) -> ssl.SSLContext:
    """
    Return a context that verifies certificates and host names.

    Raises:
        Undelivered: ``ca_file`` holds no certificates that can be read.
    """
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        try:
            context.load_verify_locations(settings.ca_file)
        except OSError as error:
            # TLS's own errors are OSErrors with a jumble of a text.
            reason = "not PEM" if isinstance(error, ssl.SSLError) else error.strerror
            raise Undelivered(f"ca_file {settings.ca_file} holds no certificates that can be read ({reason})") from None
    return context


def address(url: str, key: str, tools: Tools) -> httpx.URL:
    """
    Return the URL that *url*, the value of *key*, is or refers to.

    Raises:
        UsageError: the reference cannot be resolved.
        Undelivered: what it holds is no http or https URL.
    """
    text = url if is_literal(url) else tools.resolve(url, key).reveal().strip()
    try:
        parsed = httpx.URL(text)
    except httpx.InvalidURL:
        raise Undelivered("its address is not a URL") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Undelivered("its address is not an http or https URL")
    return parsed


def signature(key: Secret, timestamp: str, body: bytes) -> str:
    """
    Return the value of X-Auditor-Signature: ``sha256=`` and the hex HMAC-SHA256 of timestamp, a full stop and body.

    The timestamp, sent as X-Auditor-Timestamp in whole seconds since the epoch, is signed too, so that a receiver
    can refuse an old delivery that somebody repeats.
    """
    digest = hmac.new(key.reveal().encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def send_webhook(webhook: WebhookSettings, content: Message, settings: NotifySettings, tools: Tools) -> None:
    """
    POST the payload as JSON; each attempt has its own timestamp and signature, the payload's run_id stays.
    """
    url = address(webhook.url, "webhook.url", tools)
    key = tools.resolve(webhook.secret, "webhook.secret") if webhook.secret else None
    body = json.dumps(dict(content.payload), ensure_ascii=False, sort_keys=True).encode()

    def attempt() -> None:
        timestamp = str(int(tools.now().timestamp()))
        headers = {"Content-Type": "application/json", "X-Auditor-Timestamp": timestamp}
        if key is not None:
            headers["X-Auditor-Signature"] = signature(key, timestamp, body)
        _request("POST", url, settings, tools, {"content": body, "headers": headers})

    _persist(attempt, tools)


def send_slack(slack: SlackSettings, content: Message, settings: NotifySettings, tools: Tools) -> None:
    """
    POST the text; a document's name cannot mention people or forge a link in it.
    """
    url = address(slack.url, "slack.url", tools)
    # The three signs of which Slack makes links and mentions; & first, or it would be doubled.
    text = content.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    _persist(lambda: _request("POST", url, settings, tools, {"json": {"text": text}}), tools)


def send_ping(ping: PingSettings, event: str, settings: NotifySettings, tools: Tools) -> None:
    """
    GET the address of *event*: start, success or fail; nothing where it has none.

    A start is tried once, since it must not hold the run up; the others are repeated like a message.
    """
    url = _ping_address(ping, event, tools)
    if url is None:
        return
    if event == "start":
        _request("GET", url, settings, tools, {"timeout": min(settings.timeout, 5.0)})
    else:
        _persist(lambda: _request("GET", url, settings, tools, {}), tools)


def _ping_address(ping: PingSettings, event: str, tools: Tools) -> httpx.URL | None:
    own = {"start": ping.start_url, "success": ping.success_url, "fail": ping.fail_url}[event]
    if own is not None:
        return address(own, f"ping.{event}_url", tools)
    if ping.url is None:
        return None
    url = address(ping.url, "ping.url", tools)
    # The path alone grows: a query, which may hold a token, stays where it is.
    return url if event == "success" else url.copy_with(path=f"{url.path.rstrip('/')}/{event}")


def _request(method: str, url: httpx.URL, settings: NotifySettings, tools: Tools, extra: Mapping[str, Any]) -> None:
    try:
        with http_client(settings) as client, client.stream(method, url, **extra) as response:
            # The body is of no interest and might be endless, so it is not read.
            status = response.status_code
    except httpx.ConnectError as error:
        raise Unsteady(f"{url.host} cannot be reached: {_reason(error)}") from None
    except httpx.TransportError as error:
        raise Unsteady(f"{url.host} gave no answer ({type(error).__name__})") from None
    if status == 429 or status >= 500:
        raise Unsteady(f"{url.host} answered {status}")
    if not 200 <= status < 300:
        raise Undelivered(f"{url.host} answered {status}")


def _reason(error: BaseException) -> str:
    cause: BaseException | None = error
    # What TLS or the kernel said is wrapped several times by the libraries above.
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message}); see ca_file"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _persist(attempt: Callable[[], None], tools: Tools) -> None:
    retrying = Retrying(
        retry=retry_if_exception_type(Unsteady),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=1, max=LONGEST_PAUSE),
        sleep=tools.sleep,
        reraise=True,
    )
    retrying(attempt)
