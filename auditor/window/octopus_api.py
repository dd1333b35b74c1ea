"""
The server's REST interface, as much of it as maintenance mode needs. The only user of httpx for Octopus.

Connection errors and 5xx are tried again with back-off; 401 and 403 never. The key is in a header and nowhere else.

Sources: docs "Maintenance Mode", "Maintenance Configuration" (API), the client library's paths.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any

import httpx
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from migrator.credentials import Secret
from migrator.errors import OperatorError

ATTEMPTS = 4


class Refused(OperatorError):
    """
    The server understood and said no: the key or its rights; nothing was done, and asking again would not help.
    """


class _Passing(Exception):
    """
    A fault that may be gone at the next try; its text is fit for people.
    """


@dataclass(frozen=True)
class ApiOptions:
    """
    How the server is reached. ``timeout`` in seconds for each connect, write and answer.
    """

    url: str
    api_key: Secret = field(repr=False)
    timeout: float = 20
    ca_file: str | None = None
    attempts: int = ATTEMPTS


class OctopusApi:
    """
    A connection to one server's REST interface; close it or use it in a ``with`` block.

    ``answered_at`` is the server's own time at its last answer (the header Date), where it told one.
    """

    def __init__(self, options: ApiOptions, sleep: Callable[[float], Any]) -> None:
        self._options = options
        self._sleep = sleep
        self.answered_at: datetime | None = None
        verify: Any = True
        if options.ca_file:
            import ssl

            try:
                verify = ssl.create_default_context(cafile=options.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise OperatorError(f"ca_file {options.ca_file} cannot be used: {error}") from None
        self._client = httpx.Client(
            base_url=options.url.rstrip("/"),
            timeout=options.timeout,
            verify=verify,
            headers={"X-Octopus-ApiKey": options.api_key.reveal(), "Accept": "application/json"},
            # httpx takes only Authorization away on the way to another host; this key would be carried along.
            follow_redirects=False,
        )

    def __enter__(self) -> OctopusApi:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def version(self) -> str:
        """
        Return the server's version (``GET /api``).
        """
        return str(self._ask("GET", "/api").get("Version", ""))

    def in_maintenance(self) -> bool:
        """
        Return whether maintenance mode is on.
        """
        answer = self._ask("GET", "/api/maintenanceconfiguration")
        # Anything else must not pass for off, or the window of an administrator would be switched off at the end.
        if not isinstance(answer.get("IsInMaintenanceMode"), bool):
            raise OperatorError(
                f"{self._options.url} does not say whether it is in maintenance mode; is it an Octopus server?"
            )
        return bool(answer["IsInMaintenanceMode"])

    def switch_maintenance(self, on: bool) -> None:
        """
        Switch maintenance mode and make sure that it is as asked.
        """
        # The answer to PUT is the new state; where it is left out the server is asked for it.
        answer = self._ask("PUT", "/api/maintenanceconfiguration", {"IsInMaintenanceMode": on})
        state = answer.get("IsInMaintenanceMode")
        if (state if isinstance(state, bool) else self.in_maintenance()) is not on:
            raise OperatorError(f"{self._options.url} accepted the switch of maintenance mode but did not make it")

    def running_tasks(self) -> int:
        """
        Return how many tasks are executing or cancelling.
        """
        answer = self._ask("GET", "/api/tasks?states=Executing,Cancelling&take=1")
        total = answer.get("TotalResults")
        # Without a total, one item still tells that something runs.
        return total if isinstance(total, int) else len(answer.get("Items") or ())

    def may_administer(self) -> bool | None:
        """
        Return whether the key's user has AdministerSystem, ``None`` where the server does not tell.
        """
        me = self._ask("GET", "/api/users/me")
        answer = self._ask("GET", f"/api/users/{me.get('Id')}/permissions")
        system = answer.get("SystemPermissions")
        # A server that knows no spaces has all of them in the one object Permissions.
        spaces = answer.get("SpacePermissions") or answer.get("Permissions") or {}
        if not isinstance(system, list) and not spaces:
            return None
        return "AdministerSystem" in (system or ()) or "AdministerSystem" in spaces

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        # A switch may be asked for twice as well, since it sets a state and does not toggle one.
        retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=stop_after_attempt(self._options.attempts),
            wait=wait_exponential(multiplier=0.3, max=5),
            sleep=self._sleep,
        )
        try:
            return retrying(self._once, method, path, body)
        except RetryError as error:
            fault = error.last_attempt.exception()
            raise OperatorError(f"{self._options.url} {fault}") from None

    def _once(self, method: str, path: str, body: Any) -> dict[str, Any]:
        try:
            answer = (
                self._client.request(method, path, json=body)
                if body is not None
                else self._client.request(method, path)
            )
        except httpx.TimeoutException:
            raise _Passing(f"gave no answer within {self._options.timeout:g} seconds; is the server running?") from None
        except httpx.ConnectError as error:
            # httpx tells a failed handshake as a failed connection, but this one fails at every try.
            if "certificate" in str(error).lower():
                raise OperatorError(
                    f"{self._options.url} shows a certificate that is not trusted; give its authority with ca_file"
                ) from None
            raise _Passing("cannot be reached; check the address, the network and that it is running") from None
        except (httpx.TransportError, httpx.InvalidURL):
            raise _Passing("broke off the connection; is a proxy in between?") from None
        return self._understood(method, path, answer)

    def _understood(self, method: str, path: str, answer: httpx.Response) -> dict[str, Any]:
        url, status = self._options.url, answer.status_code
        with suppress(ValueError, TypeError):
            # A proxy may leave it out or write it in a way of its own; no answer is worse for that.
            self.answered_at = parsedate_to_datetime(answer.headers.get("Date", ""))
        if status == 401:
            raise Refused(f"{url} does not accept the API key (401); it is wrong, expired or disabled: make a new one")
        if status == 403:
            raise Refused(
                f"{url} refuses {method} {path} (403): the API key's user lacks the permission AdministerSystem"
            )
        if status >= 500 or status == 429:
            raise _Passing(f"answered {method} {path} with {status}; look at the server's own log")
        if status != 200:
            raise OperatorError(
                f"{url} answered {method} {path} with {status}; is it the address of an Octopus server?"
            )
        try:
            value = answer.json()
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise OperatorError(
                f"{url} answered {method} {path} with something else than JSON (a login page or a proxy?); check url"
            )
        return value
