"""
One function for each way of telling people: webhook, Slack, mail, command, ping.

Each raises ``Undelivered`` with a sentence that names the host at most: a URL may be a secret, and so may what a
library says about it. The one home of smtplib, and of httpx for notifications. Not here: when and what to send.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import TYPE_CHECKING, Any

import httpx
import structlog
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from auditor.notification_message import Message
from auditor.notification_settings import (
    EmailSettings,
    NotifySettings,
    PingSettings,
    SlackSettings,
    WebhookSettings,
    is_literal,
)
from auditor.run_log import Log
from migrator.credentials import Secret, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        OSError: ``ca_file`` cannot be read.
    """
    # httpx writes each whole URL to its log at level info, whoever configures logging.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(verify=tls_context(settings), trust_env=True, timeout=settings.timeout)


def tls_context(settings: NotifySettings) -> ssl.SSLContext:
    """
    Return a context that verifies certificates and host names.

    Raises:
        OSError: ``ca_file`` cannot be read.
    """
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        context.load_verify_locations(settings.ca_file)
    return context


def _default_log() -> Log:
    log: Log = structlog.get_logger("auditor.notifications")
    return log


@dataclass(frozen=True)
class Tools:
    """
    The outside world as notifications see it; *sleep* takes seconds, *clock* gives seconds since the epoch.
    """

    client: Callable[[NotifySettings], httpx.Client] = http_client
    resolve: Callable[[str], Secret] = resolve
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    log: Log = field(default_factory=_default_log)


def address(url: str, tools: Tools) -> httpx.URL:
    """
    Return the URL that *url* is or refers to.

    Raises:
        UsageError: the reference cannot be resolved.
        Undelivered: what it holds is no http or https URL.
    """
    text = url if is_literal(url) else tools.resolve(url).reveal().strip()
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
    url = address(webhook.url, tools)
    key = tools.resolve(webhook.secret) if webhook.secret else None
    body = json.dumps(dict(content.payload), ensure_ascii=False, sort_keys=True).encode()

    def attempt() -> None:
        timestamp = str(int(tools.clock()))
        headers = {"Content-Type": "application/json", "X-Auditor-Timestamp": timestamp}
        if key is not None:
            headers["X-Auditor-Signature"] = signature(key, timestamp, body)
        _request("POST", url, settings, tools, {"content": body, "headers": headers})

    _persist(attempt, tools)


def send_slack(slack: SlackSettings, content: Message, settings: NotifySettings, tools: Tools) -> None:
    """
    POST the text; a document's name cannot mention people or forge a link in it.
    """
    url = address(slack.url, tools)
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
        return address(own, tools)
    if ping.url is None:
        return None
    url = address(ping.url, tools)
    return url if event == "success" else url.copy_with(path=f"{url.path.rstrip('/')}/{event}")


def send_email(email: EmailSettings, content: Message, settings: NotifySettings, tools: Tools) -> None:
    """
    Send the text as a plain mail. Not repeated: a mail relay does that itself, and a second mail is noise.
    """
    mail = EmailMessage()
    mail["Subject"] = f"[octopus-auditor] {content.title}"
    mail["From"] = email.sender
    mail["To"] = ", ".join(email.recipients)
    mail["Date"] = formatdate(tools.clock())
    mail["Message-ID"] = make_msgid(domain=parseaddr(email.sender)[1].rpartition("@")[2] or "localhost")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(content.text)
    with mail_session(email, settings, tools) as session:
        refused = session.send_message(mail)
    if refused:
        raise Undelivered(f"{email.host} refused {len(refused)} of {len(email.recipients)} recipients")


@contextmanager
def mail_session(email: EmailSettings, settings: NotifySettings, tools: Tools) -> Iterator[smtplib.SMTP]:
    """
    Yield a session with the mail server, encrypted and logged in as the settings say.

    Raises:
        Undelivered: the server cannot be reached, has no trusted TLS, or refuses.
        UsageError: the password cannot be resolved.
    """
    password = tools.resolve(email.password) if email.password else None
    place = f"{email.host}:{email.port}"
    try:
        with smtplib.SMTP(email.host, email.port, timeout=settings.timeout) as session:
            if email.starttls:
                session.starttls(context=tls_context(settings))
            if email.username is not None and password is not None:
                session.login(email.username, password.reveal())
            yield session
    except smtplib.SMTPResponseException as error:
        # The server's words may repeat what was sent to it; the number is enough.
        raise Undelivered(f"{place} refused with code {error.smtp_code}") from None
    except smtplib.SMTPNotSupportedError:
        wanted = "STARTTLS" if email.starttls else "the login"
        raise Undelivered(f"{place} does not offer {wanted} as needed") from None
    except smtplib.SMTPException as error:
        raise Undelivered(f"{place} did not take the mail ({type(error).__name__})") from None
    except ssl.SSLCertVerificationError as error:
        raise Undelivered(f"the certificate of {place} is not trusted: {error.verify_message}") from None
    except OSError as error:
        raise Undelivered(f"{place} cannot be reached ({error.strerror or type(error).__name__})") from None


def _request(method: str, url: httpx.URL, settings: NotifySettings, tools: Tools, extra: Mapping[str, Any]) -> None:
    try:
        with tools.client(settings) as client, client.stream(method, url, **extra) as response:
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
