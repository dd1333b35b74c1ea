"""
Telling people by mail, and the session with the mail server that ``auditor check`` tries as well.

The one home of smtplib. Like the other channels it raises ``Undelivered`` without secrets. Not here: what is told.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr

from auditor.notify.http import Undelivered, tls_context
from auditor.notify.message import Message
from auditor.notify.settings import EmailSettings, NotifySettings
from auditor.world import Tools


def send_email(email: EmailSettings, content: Message, settings: NotifySettings, tools: Tools) -> None:
    """
    Send the text as a plain mail. Not repeated: a mail relay does that itself, and a second mail is noise.
    """
    mail = EmailMessage()
    mail["Subject"] = f"[octopus-auditor] {content.title}"
    mail["From"] = email.sender
    mail["To"] = ", ".join(email.recipients)
    mail["Date"] = formatdate(tools.now().timestamp())
    # With a domain, or make_msgid would ask the resolver for this machine's name and tell it.
    mail["Message-ID"] = make_msgid(domain=parseaddr(email.sender)[1].rpartition("@")[2] or "localhost")
    # So that no absence note answers it (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(content.text)
    with mail_session(email, settings, tools) as session:
        refused = session.send_message(mail)
    # smtplib raises only where all of them were refused.
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
    password = tools.resolve(email.password, "email.password") if email.password else None
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
