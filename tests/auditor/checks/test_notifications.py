"""
The probes of ``auditor check`` against real servers: they find what is wrong and send nothing.
"""

import os
from pathlib import Path

import pytest

from auditor.checks.notifications import Probe, check
from auditor.notify.notifier import Notifier
from auditor.notify.settings import NotifySettings
from auditor.result import AuditResult
from auditor.world import Tools
from migrator.credentials import resolve
from tests.support.notification_servers import Certificate, http_stub, make_certificate, smtp_stub


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def probes(table: dict[str, object], **secrets: str) -> dict[str, Probe]:
    tools = Tools(resolve=lambda reference, key: resolve(reference, secrets, key))
    return {item.name: item for item in check(NotifySettings.model_validate({"timeout": 5} | table), tools)}


def test_everything_well_and_nothing_sent(certificate: Certificate) -> None:
    """Each channel is reached, down to TLS and the mail login, and nobody hears of it."""
    with http_stub(tls=certificate) as stub, smtp_stub(certificate, login=("a", "p")) as mail:
        found = probes(
            {
                "webhook": {"url": stub.url("/hook"), "secret": "env:KEY"},
                "slack": {"url": "env:SLACK"},
                "ping": {"url": stub.url("/ping")},
                "command": {"argv": ["/bin/sh", "-c", "exit 1"]},
                "email": {
                    "host": "localhost",
                    "port": mail.port,
                    "sender": "a@example.com",
                    "recipients": ["b@example.com"],
                    "username": "a",
                    "password": "env:PASSWORD",
                },
                "ca_file": str(certificate.certificate),
            },
            KEY="k",
            SLACK=stub.url("/slack"),
            PASSWORD="p",
        )

    assert [item for item in found.values() if not item.ok] == []
    assert list(found) == [
        "notify.ca_file",
        "notify.webhook.url",
        "notify.webhook.secret",
        "notify.slack.url",
        "notify.email",
        "notify.command",
        "notify.ping.url",
    ]
    assert stub.connections >= 3
    assert stub.requests == []
    assert mail.mails == []
    assert mail.verbs[-2:] == ["NOOP", "QUIT"]


def test_each_fault_has_a_remedy(certificate: Certificate, tmp_path: Path) -> None:
    """What does not work is named with what to do about it."""
    with http_stub() as gone:
        closed = gone.url()
    with http_stub(tls=certificate) as stub, smtp_stub(certificate, login=("a", "p")) as mail:
        found = probes(
            {
                "webhook": {"url": closed, "secret": "env:KEY"},
                "slack": {"url": "env:SLACK"},
                "ping": {"url": "http://no-such-host.invalid/TOPSECRET", "fail_url": "env:TEXT"},
                "command": {"argv": [str(tmp_path / "hook")]},
                "email": {
                    "host": "localhost",
                    "port": mail.port,
                    "sender": "a@example.com",
                    "recipients": ["b@example.com"],
                    "username": "a",
                    "password": "env:WRONG",
                },
            },
            SLACK=stub.url("/TOPSECRET"),
            TEXT="TOPSECRET",
            WRONG="TOPSECRET",
        )

    assert [item.name for item in found.values() if item.ok] == []
    assert "firewall" in found["notify.webhook.url"].remedy
    assert "KEY is not set" in found["notify.webhook.secret"].remedy
    assert "notify.ca_file" in found["notify.slack.url"].remedy
    assert "cannot be resolved" in found["notify.ping.url"].remedy
    assert "http" in found["notify.ping.fail_url"].remedy
    assert "not trusted" in found["notify.email"].remedy
    assert "hook" in found["notify.command"].remedy
    assert "TOPSECRET" not in repr(found)


def test_wrong_mail_password_is_found(certificate: Certificate) -> None:
    """The login itself is tried; the server's answer, which may repeat the password, is not shown."""
    with smtp_stub(certificate, login=("a", "p")) as mail:
        table = {
            "host": "localhost",
            "port": mail.port,
            "sender": "a@example.com",
            "recipients": ["b@example.com"],
            "username": "a",
            "password": "env:WRONG",
        }
        found = probes({"email": table, "ca_file": str(certificate.certificate)}, WRONG="TOPSECRET")

    assert "535" in found["notify.email"].remedy
    assert "TOPSECRET" not in repr(found)


def test_behind_a_proxy_only_the_proxy_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the way out is a proxy, names that only the proxy can resolve are no fault."""
    with http_stub() as stub:
        monkeypatch.setenv("https_proxy", stub.url())
        found = probes({"webhook": {"url": "https://no-such-host.invalid/x"}})

    assert found["notify.webhook.url"].ok
    assert stub.requests == []


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_ca_file_without_certificates_is_named(tmp_path: Path, text: str | None) -> None:
    """A wrong ca_file is told as such by the check, and by each delivery that it spoils."""
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    table = {"webhook": {"url": "https://127.0.0.1:9/x"}, "ca_file": str(path)}

    (warning,) = Notifier(NotifySettings.model_validate(table)).finish(AuditResult("r1", "prod", "", "changed"))

    assert str(path) in probes(table)["notify.ca_file"].remedy
    assert str(path) in warning.message
