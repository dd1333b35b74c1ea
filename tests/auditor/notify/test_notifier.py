"""
The notifier against real servers and real child processes: what arrives, what is repeated, what never shows.
"""

import email
import email.policy
import hashlib
import hmac
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import structlog

from auditor.checks.notifications import check
from auditor.notify.notifier import Notifier
from auditor.notify.settings import NotifySettings
from auditor.result import AuditResult
from auditor.stop import Stop
from auditor.world import Tools
from migrator.credentials import Secret, resolve
from migrator.report import ReportedWarning
from tests.support.notification_servers import Certificate, http_stub, make_certificate, smtp_stub

KEY = "hmac-key-TOPSECRET"
PASSWORD = "smtp-TOPSECRET"
RESULT = AuditResult(
    run_id="r1",
    server="prod",
    started="2024-05-01T00:00:00Z",
    outcome="changed",
    changes={"Project": {"added": 1, "changed": 2, "removed": 0}},
    commits=("0123456789abcdef0123456789abcdef01234567",),
)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def lines() -> Iterator[list[dict[str, object]]]:
    with structlog.testing.capture_logs() as captured:
        yield captured  # type: ignore[misc]


class Noting(Stop):
    """
    Notes how long it should have slept, and does not sleep.
    """

    def __init__(self, pauses: list[float]) -> None:
        super().__init__()
        self.pauses = pauses

    def sleep(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return False


def tools(secrets: dict[str, str] | None = None, pauses: list[float] | None = None) -> Tools:
    known = {"KEY": KEY, "PASSWORD": PASSWORD, **(secrets or {})}

    def named(reference: str, key: str) -> Secret:
        return resolve(reference, known, key)

    now = datetime.fromtimestamp(1_700_000_000.5, UTC)
    return Tools(Noting(pauses if pauses is not None else []), now=lambda: now, resolve=named)


def notifier(table: dict[str, object], **options: object) -> Notifier:
    return Notifier(NotifySettings.model_validate({"timeout": 5} | table), tools(**options))  # type: ignore[arg-type]


def test_webhook_is_signed_over_timestamp_and_body() -> None:
    """A receiver who knows the key can prove who sent the body and when."""
    with http_stub() as stub:
        warnings = notifier({"webhook": {"url": stub.url("/hook?a=1"), "secret": "env:KEY"}}).finish(RESULT)

    (request,) = stub.requests
    expected = hmac.new(KEY.encode(), b"1700000000." + request.body, hashlib.sha256).hexdigest()
    assert warnings == []
    assert (request.method, request.path) == ("POST", "/hook?a=1")
    assert request.headers["X-Auditor-Timestamp"] == "1700000000"
    assert request.headers["X-Auditor-Signature"] == f"sha256={expected}"
    assert json.loads(request.body)["changes"] == {"Project": {"added": 1, "changed": 2, "removed": 0}}
    assert json.loads(request.body)["states"] == ["changed"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_what_may_pass_is_repeated_with_growing_pauses(status: int) -> None:
    """A server that is busy for a moment costs no message; the pauses grow."""
    pauses: list[float] = []
    with http_stub([status, status]) as stub:
        warnings = notifier({"webhook": {"url": stub.url()}}, pauses=pauses).finish(RESULT)

    assert warnings == []
    assert len(stub.requests) == 3
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 302])
def test_a_refusal_is_not_repeated(status: int) -> None:
    """What the receiver refuses once it refuses again; it is told as a warning that names status and host only."""
    with http_stub([status] * 9) as stub:
        warnings = notifier({"webhook": {"url": stub.url("/HOOKSECRET")}}).finish(RESULT)

    assert len(stub.requests) == 1
    assert [(item.kind, str(status) in item.message) for item in warnings] == [("webhook", True)]
    assert "HOOKSECRET" not in warnings[0].message


def test_nobody_listening_is_a_warning_after_some_attempts() -> None:
    """A receiver that is gone does not fail the run, and is not tried for ever."""
    with http_stub() as stub:
        gone = stub.url()
    pauses: list[float] = []

    warnings = notifier({"webhook": {"url": gone}}, pauses=pauses).finish(RESULT)

    assert len(pauses) == 3
    assert "cannot be reached" in warnings[0].message


def test_only_wanted_states_are_told() -> None:
    """A channel hears of the states it asked for, and of a quiet run only if it asked for that."""
    with http_stub() as stub:
        table = {"webhook": {"url": stub.url("/failed"), "states": ["failed", "recovered"]}}
        quiet = replace(RESULT, outcome="unchanged", changes={}, commits=())
        notifier(table).finish(RESULT, "changed")
        notifier(table).finish(quiet, "unchanged")
        assert stub.requests == []
        notifier(table).finish(quiet, "failed")
        notifier(table).finish(replace(RESULT, outcome="failed", error="no disk space"))

    assert [json.loads(item.body)["states"] for item in stub.requests] == [["recovered", "unchanged"], ["failed"]]


def test_slack_gets_text_in_which_names_stay_names() -> None:
    """A document's name cannot call a whole channel."""
    result = replace(RESULT, changes={"<!channel> & co": {"added": 1}})
    with http_stub() as stub:
        notifier({"slack": {"url": "env:SLACK"}}, secrets={"SLACK": stub.url("/services/T/B")}).finish(result)

    (request,) = stub.requests
    body = json.loads(request.body)
    assert list(body) == ["text"]
    assert "&lt;!channel&gt; &amp; co: 1 added" in body["text"]


def test_ping_says_start_success_and_fail_by_suffix() -> None:
    """The dead man's switch hears of each step; a query stays where it was; a skipped run is silence."""
    with http_stub() as stub:
        pings = notifier({"ping": {"url": stub.url("/uuid?k=1")}})
        pings.start("prod")
        pings.finish(RESULT)
        pings.finish(replace(RESULT, outcome="unchanged"))
        pings.finish(replace(RESULT, outcome="failed"))
        pings.finish(replace(RESULT, window_stuck=True))
        pings.finish(replace(RESULT, outcome="skipped"))

    asked = [f"{item.method} {item.path}" for item in stub.requests]
    good, bad = "GET /uuid?k=1", "GET /uuid/fail?k=1"
    assert asked == ["GET /uuid/start?k=1", good, good, bad, bad]


def test_ping_with_addresses_of_its_own() -> None:
    """Explicit addresses, also by reference, take the place of the suffixes; what has none is not pinged."""
    with http_stub() as stub:
        pings = notifier(
            {"ping": {"success_url": "env:UP", "fail_url": stub.url("/down")}}, secrets={"UP": stub.url("/up\n")[:-1]}
        )
        pings.start("prod")
        pings.finish(RESULT)
        pings.finish(replace(RESULT, outcome="failed"))

    assert [item.path for item in stub.requests] == ["/up", "/down"]


def test_start_ping_is_tried_once() -> None:
    """A switch that is down does not hold the run up."""
    pauses: list[float] = []
    with http_stub([503, 503]) as stub:
        warnings = notifier({"ping": {"url": stub.url()}}, pauses=pauses).start("prod")

    assert len(stub.requests) == 1
    assert pauses == []
    assert [item.kind for item in warnings] == ["ping"]


def test_tls_is_verified_and_a_ca_file_is_trusted(certificate: Certificate) -> None:
    """An unknown authority is refused with a hint; named in ca_file it is trusted."""
    with http_stub(tls=certificate) as stub:
        refused = notifier({"webhook": {"url": stub.url()}}).finish(RESULT)
        taken = notifier({"webhook": {"url": stub.url()}, "ca_file": str(certificate.certificate)}).finish(RESULT)

    assert "not trusted" in refused[0].message
    assert "ca_file" in refused[0].message
    assert taken == []
    assert len(stub.requests) == 1


def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a corporate proxy a webhook goes through it."""
    with http_stub() as stub:
        monkeypatch.setenv("http_proxy", stub.url())
        warnings = notifier({"webhook": {"url": "http://hooks.example.com/x"}}).finish(RESULT)

    assert warnings == []
    assert stub.requests[0].path == "http://hooks.example.com/x"


def mail_table(port: int, certificate: Certificate, **more: object) -> dict[str, object]:
    table = {"host": "localhost", "port": port, "sender": "auditor@example.com", "recipients": ["ops@example.com"]}
    return {"email": table | more, "ca_file": str(certificate.certificate)}


def test_mail_goes_out_encrypted_and_logged_in(certificate: Certificate) -> None:
    """A mail is plain text, sent after STARTTLS and the login, marked as a machine's."""
    with smtp_stub(certificate, login=("auditor", PASSWORD)) as stub:
        table = mail_table(stub.port, certificate, username="auditor", password="env:PASSWORD")
        warnings = notifier(table).finish(RESULT)

    mail = email.message_from_string(stub.mails[0], policy=email.policy.default)
    assert warnings == []
    assert stub.encrypted == [True]
    assert stub.verbs.index("STARTTLS") < stub.verbs.index("AUTH") < stub.verbs.index("DATA")
    assert mail["Subject"] == "[octopus-auditor] prod: changed - 1 added, 2 changed"
    assert mail["To"] == "ops@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert "Project: 1 added, 2 changed" in mail.get_content()


def test_mail_is_not_sent_in_the_clear_by_mistake(certificate: Certificate) -> None:
    """A server that offers no STARTTLS, or one nobody vouches for, gets no mail; only starttls = false allows that."""
    with smtp_stub(certificate, offers_starttls=False) as stub:
        stripped = notifier(mail_table(stub.port, certificate)).finish(RESULT)
        assert stub.mails == []
        allowed = notifier(mail_table(stub.port, certificate, starttls=False)).finish(RESULT)
        assert len(stub.mails) == 1
    with smtp_stub(certificate) as stub:
        distrusted = notifier({"email": mail_table(stub.port, certificate)["email"]}).finish(RESULT)

    assert "STARTTLS" in stripped[0].message
    assert allowed == []
    assert "not trusted" in distrusted[0].message
    assert stub.mails == []


def test_refused_recipients_are_counted(certificate: Certificate) -> None:
    """That one of two people got no mail is told."""
    with smtp_stub(certificate, refused={"gone@"}) as stub:
        table = mail_table(stub.port, certificate, recipients=["ops@example.com", "gone@example.com"])
        warnings = notifier(table).finish(RESULT)

    assert len(stub.mails) == 1
    assert "1 of 2 recipients" in warnings[0].message


def test_command_gets_the_run_on_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook reads the run's JSON, knows the states, and inherits none of the daemon's secrets."""
    monkeypatch.setenv("OCTOPUS_API_KEY", "API-TOPSECRET")
    out = tmp_path / "out.json"
    code = (
        "import json, os, sys; told = {'run': json.load(sys.stdin), 'env': dict(os.environ)}; "
        "json.dump(told, open(sys.argv[1], 'w'))"
    )

    warnings = notifier({"command": {"argv": [sys.executable, "-c", code, str(out)]}}).finish(RESULT, "failed")

    told = json.loads(out.read_text())
    assert warnings == []
    assert told["run"] == json.loads(json.dumps(RESULT.as_json()))
    assert told["env"]["AUDITOR_STATES"] == "changed,recovered"
    assert "OCTOPUS_API_KEY" not in told["env"]


def test_command_is_no_shell(tmp_path: Path) -> None:
    """What looks like shell in an argument is an argument."""
    argv = [sys.executable, "-c", "import sys; print(sys.argv[1])", f"$(touch {tmp_path}/made); *"]

    assert notifier({"command": {"argv": argv}}).finish(RESULT) == []
    assert list(tmp_path.iterdir()) == []


def test_command_output_is_bounded_and_never_blocks(lines: list[dict[str, object]]) -> None:
    """A hook that ignores a large input and writes without end neither hangs the daemon nor floods the log."""
    many = replace(
        RESULT, warnings=tuple(ReportedWarning(f"projects-{number}", "", "x" * 100) for number in range(5000))
    )
    code = "import sys; sys.stdout.write('y' * 3_000_000)"

    warnings = notifier({"command": {"argv": [sys.executable, "-c", code]}}).finish(many)

    (line,) = [line for line in lines if line["event"] == "notification command ended"]
    assert warnings == []
    assert line["output"] == "y" * 4096


def test_command_that_hangs_is_killed_with_its_children() -> None:
    """At the time limit the hook's whole process group ends, and a warning says so."""
    table = {"argv": ["/bin/sh", "-c", "sleep 600 & echo $!; wait"], "timeout": 1}

    with structlog.testing.capture_logs() as captured:
        warnings = notifier({"command": table}).finish(RESULT)

    assert "after 1 seconds" in warnings[0].message
    assert _ends(int(captured[0]["output"]))


def _ends(pid: int) -> bool:
    # A signal is delivered when the kernel gets to it, and a container's first process may never collect the child.
    for _ in range(500):
        try:
            if psutil.Process(pid).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def test_command_failures_are_warnings(tmp_path: Path) -> None:
    """A hook that is missing or fails is told by name and exit code."""
    missing = notifier({"command": {"argv": [str(tmp_path / "none")]}}).finish(RESULT)
    failing = notifier({"command": {"argv": [sys.executable, "-c", "raise SystemExit(7)"]}}).finish(RESULT)

    assert "cannot be started" in missing[0].message
    assert "exit code 7" in failing[0].message


def test_one_failing_channel_does_not_silence_the_others() -> None:
    """Each channel is tried, whatever became of the one before; a missing secret is a warning as well."""
    with http_stub([400]) as stub:
        warnings = notifier(
            {"webhook": {"url": stub.url("/first")}, "slack": {"url": "env:SECOND"}, "ping": {"url": "env:NONE"}},
            secrets={"SECOND": stub.url("/second")},
        ).finish(RESULT)

    assert [item.path for item in stub.requests] == ["/first", "/second"]
    assert [item.kind for item in warnings] == ["ping", "webhook"]


def test_no_secret_in_warnings_logs_or_repr(
    certificate: Certificate, caplog: pytest.LogCaptureFixture, lines: list[dict[str, object]]
) -> None:
    """Whether a delivery works or fails, key, addresses and password show nowhere, not even in a library's log."""
    caplog.set_level(logging.DEBUG)
    with http_stub([200, 400, 500, 500, 500, 500]) as stub, smtp_stub(certificate, login=("a", "other")) as mail:
        secrets = {"SLACK": stub.url("/services/T0/TOPSECRET"), "PING": "TOPSECRET://nonsense\x00"}
        table = {
            "webhook": {"url": stub.url("/TOPSECRET"), "secret": "env:KEY"},
            "slack": {"url": "env:SLACK"},
            "ping": {"url": "env:PING"},
            **mail_table(mail.port, certificate, username="a", password="env:PASSWORD"),
        }
        told = notifier(table, secrets=secrets)
        warnings = [*told.start("prod"), *told.finish(RESULT), *told.finish(RESULT)]
        probes = check(NotifySettings.model_validate(table), tools(secrets))

    assert len(warnings) >= 6
    shown = [repr(warnings), repr(probes), repr(told), repr(vars(told)), caplog.text, repr(lines)]
    assert "TOPSECRET" not in "".join(shown)
    assert any(line["event"] == "notification failed" for line in lines)


def test_unexpected_errors_do_not_fail_the_run() -> None:
    """Even a bug on the way to a channel is a warning; what it says is not shown."""

    def broken(reference: str, key: str) -> Secret:
        raise ZeroDivisionError("https://TOPSECRET")

    told = Notifier(
        NotifySettings.model_validate({"webhook": {"url": "https://example.com", "secret": "env:KEY"}}),
        replace(tools(), resolve=broken),
    )

    (warning,) = told.finish(RESULT)
    assert "ZeroDivisionError" in warning.message
    assert "TOPSECRET" not in warning.message
