"""
Telling people of a run: which channels hear of it, and that none of them can break it.

Not here: the settings, the words, the channels themselves, and the probes of ``auditor check``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

from auditor.notify.command import hook_environment, run_hook
from auditor.notify.http import Undelivered, send_ping, send_slack, send_webhook
from auditor.notify.mail import send_email
from auditor.notify.message import Message, link_of, message, states_of
from auditor.notify.settings import CommandSettings, NotifySettings
from auditor.result import AuditResult
from auditor.world import Tools
from migrator.errors import OperatorError

__all__ = ["Message", "NotificationWarning", "Notifier", "link_of", "message", "states_of"]


@dataclass(frozen=True)
class NotificationWarning:
    """
    A notification that did not get through: which ``kind``, and one sentence without secrets.
    """

    kind: str
    message: str


class Notifier:
    """
    The notifications of one server. Nothing here raises: what fails becomes a warning, and a line in the log.
    """

    def __init__(self, settings: NotifySettings, tools: Tools | None = None) -> None:
        self._settings = settings
        self._tools = Tools() if tools is None else tools

    def start(self, server: str) -> list[NotificationWarning]:
        """
        Say that a run begins, to the dead man's switch alone.
        """
        return self._all(server, [("ping", self._ping("start"))])

    def finish(self, result: AuditResult, previous_outcome: str | None = None) -> list[NotificationWarning]:
        """
        Tell each channel that wants one of the run's states; one message a channel.

        The dead man's switch hears of success or failure; of a skipped run it hears nothing, so that a server which
        is skipped for too long raises its alarm.
        """
        states = states_of(result, previous_outcome)
        content = message(result, link_of(self._settings.link, result), states, values=self._settings.values)
        jobs = [("ping", self._ping(_ping_event(states)))]
        jobs += [(kind, send) for kind, wanted, send in self._channels(result, content, states) if states & set(wanted)]
        return self._all(result.server, jobs)

    def _channels(
        self, result: AuditResult, content: Message, states: Collection[str]
    ) -> list[tuple[str, Collection[str], Callable[[], None]]]:
        settings, tools = self._settings, self._tools
        found: list[tuple[str, Collection[str], Callable[[], None]]] = []
        if (webhook := settings.webhook) is not None:
            found.append(("webhook", webhook.states, lambda: send_webhook(webhook, content, settings, tools)))
        if (slack := settings.slack) is not None:
            found.append(("slack", slack.states, lambda: send_slack(slack, content, settings, tools)))
        if (email := settings.email) is not None:
            found.append(("email", email.states, lambda: send_email(email, content, settings, tools)))
        if (command := settings.command) is not None:
            found.append(("command", command.states, lambda: self._hook(command, result, states)))
        return found

    def _ping(self, event: str | None) -> Callable[[], None]:
        ping = self._settings.ping
        if ping is None or event is None:
            return lambda: None
        return lambda: send_ping(ping, event, self._settings, self._tools)

    def _hook(self, command: CommandSettings, result: AuditResult, states: Collection[str]) -> None:
        extra = {
            "AUDITOR_SERVER": result.server,
            "AUDITOR_RUN_ID": result.run_id,
            "AUDITOR_OUTCOME": result.outcome,
            "AUDITOR_STATES": ",".join(sorted(states)),
        }
        body = json.dumps(result.as_json(), ensure_ascii=False, default=dict).encode()
        try:
            ended = run_hook(command.argv, body, command.timeout, hook_environment(os.environ, extra))
        except (OSError, ValueError) as error:
            raise Undelivered(f"{command.argv[0]} cannot be started ({type(error).__name__})") from None
        self._tools.log.info(
            "notification command ended",
            server=result.server,
            command=command.argv[0],
            exit_code=ended.code,
            output=ended.output,
        )
        if ended.code is None:
            raise Undelivered(f"{command.argv[0]} was ended after {command.timeout:g} seconds")
        if ended.code:
            raise Undelivered(f"{command.argv[0]} ended with exit code {ended.code}")

    def _all(self, server: str, jobs: list[tuple[str, Callable[[], None]]]) -> list[NotificationWarning]:
        warnings = [warning for kind, send in jobs if (warning := _attempt(kind, send)) is not None]
        for warning in warnings:
            self._tools.log.warning("notification failed", server=server, kind=warning.kind, reason=warning.message)
        return warnings


def _ping_event(states: Collection[str]) -> str | None:
    if "failed" in states or "window-stuck" in states:
        return "fail"
    return "success" if states else None


def _attempt(kind: str, send: Callable[[], None]) -> NotificationWarning | None:
    try:
        send()
    except (Undelivered, OperatorError) as error:
        return NotificationWarning(kind, f"the {kind} notification was not delivered: {str(error).rstrip('.')}.")
    except Exception as error:
        # Even a bug here must not cost a run that worked; its text is not shown, since it may hold an address.
        return NotificationWarning(kind, f"the {kind} notification was not delivered: {type(error).__name__}.")
    return None
