"""
The notify table: what it accepts, and that it never shows a secret.
"""

import pytest
from pydantic import ValidationError

from auditor.notify.settings import STATES, NotifySettings

SLACK = "https://hooks.slack.example/services/T0/B0/SLACKSECRET"


def test_defaults_are_the_states_a_person_wants() -> None:
    """Without states a channel hears of changes, failures, recoveries and stuck windows, not of quiet runs."""
    settings = NotifySettings.model_validate({"webhook": {"url": "https://example.com/hook"}})

    assert settings.webhook is not None
    assert settings.webhook.states == STATES
    assert "unchanged" not in STATES


@pytest.mark.parametrize(
    "table",
    [
        {"webhook": {"url": "https://example.com", "sates": ["failed"]}},
        {"webhook": {"url": "https://example.com", "states": ["broken"]}},
        {"webhook": {"url": "https://example.com", "states": []}},
        {"webhook": {"url": "example.com/hook"}},
        {"slack": {"url": SLACK}},
        {"email": {"host": "mail", "sender": "a@example.com", "recipients": []}},
        {"email": {"host": "mail", "sender": "a@example.com", "recipients": ["b"]}},
        {"email": {"host": "mail", "sender": "a@example.com", "recipients": ["b@example.com"], "username": "a"}},
        {"command": {"argv": []}},
        {"ping": {}},
        {"ping": {"fail_url": "https://example.com"}},
        {"link": "https://git.example.com/{branch}"},
        {"link": "https://git.example.com/{commit.__class__}"},
        {"link": "https://git.example.com/{commit"},
        {"link": "git.example.com/{commit}"},
        {"pager": {}},
    ],
)
def test_what_is_wrong_is_refused(table: dict[str, object]) -> None:
    """A table that cannot work is told at start, not at the first failure at night."""
    with pytest.raises(ValidationError):
        NotifySettings.model_validate(table)


def test_password_needs_tls() -> None:
    """A password is never configured to cross a network in the clear; a relay on this machine is another matter."""
    table = {
        "host": "mail.example.com",
        "sender": "a@example.com",
        "recipients": ["b@example.com"],
        "starttls": False,
        "username": "a",
        "password": "env:PASSWORD",
    }
    with pytest.raises(ValidationError, match="TLS"):
        NotifySettings.model_validate({"email": table})
    assert NotifySettings.model_validate({"email": table | {"host": "localhost"}}).email is not None


def test_literal_secret_is_refused_without_repeating_it() -> None:
    """A Slack URL written out is refused by a sentence that does not hold it."""
    with pytest.raises(ValidationError) as caught:
        NotifySettings.model_validate({"slack": {"url": SLACK}})

    assert "SLACKSECRET" not in str(caught.value)
    assert "env:NAME" in str(caught.value)


def test_repr_holds_no_address_that_may_be_secret() -> None:
    """The settings may be logged whole: URLs that carry a key do not show."""
    settings = NotifySettings.model_validate(
        {
            "ping": {"url": "https://hc.example.com/PINGSECRET", "fail_url": "https://hc.example.com/PINGSECRET/no"},
            "webhook": {"url": "https://example.com/HOOKSECRET"},
        }
    )

    assert "SECRET" not in repr(settings) + str(settings)
