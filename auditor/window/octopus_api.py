"""
The server's REST interface, as much of it as maintenance mode needs. The only user of httpx for Octopus.

Connection errors and 5xx are tried again with back-off; 401 and 403 never. The key is in a header and nowhere else.
Each request has a connection of its own and one deadline for all of it, which a peer that sends a byte now and then
does not move.

Sources: docs "Maintenance Mode", "Maintenance Configuration" (API), the client library's paths.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
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
LARGEST = 1 << 20
"""Bytes of the largest answer that is taken; those that are asked for are far below it."""


class Refused(OperatorError):
    """
    The server understood and said no: the key or its rights; nothing was done, and asking again would not help.
    """


class BrokenOff(OperatorError):
    """
    What was asked for was given up by ``abandon``; it may have been done all the same.
    """


class _Passing(Exception):
    """
    A fault that may be gone at the next try; its text is fit for people.
    """


@dataclass(frozen=True)
class ApiOptions:
    """
    How the server is reached. ``timeout`` in seconds for each request, from the connection to the answer's last byte.
    """

    url: str
    api_key: Secret = field(repr=False)
    timeout: float = 20
    ca_file: str | None = None
    attempts: int = ATTEMPTS


class OctopusApi:
    """
    One server's REST interface; used from any thread.

    ``answered_at`` is the server's own time at its last answer (the header Date), where it told one. *within* is a
    limit in seconds for an attempt that is not repeated and that ``abandon`` does not end.
    """

    def __init__(self, options: ApiOptions, sleep: Callable[[float], Any]) -> None:
        self._options = options
        self._sleep = sleep
        self.answered_at: datetime | None = None
        self._abandoned = False
        self._under_way: set[_Exchange] = set()
        self._lock = threading.Lock()
        try:
            # Once for all connections: reading the authorities takes longer than a request.
            self._verify = (
                ssl.create_default_context(cafile=options.ca_file) if options.ca_file else httpx.create_ssl_context()
            )
        except (OSError, ssl.SSLError) as error:
            raise OperatorError(f"ca_file {options.ca_file} cannot be used: {error}") from None

    def __enter__(self) -> OctopusApi:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.abandon()

    def abandon(self) -> None:
        """
        Give up what is being asked in other threads, and ask nothing more but with a limit.
        """
        with self._lock:
            self._abandoned = True
            exchanges = list(self._under_way)
        for exchange in exchanges:
            exchange.give_up()

    def version(self) -> str:
        """
        Return the server's version (``GET /api``).
        """
        return str(self._ask("GET", "/api").get("Version", ""))

    def in_maintenance(self, within: float | None = None) -> bool:
        """
        Return whether maintenance mode is on.
        """
        answer = self._ask("GET", "/api/maintenanceconfiguration", within=within)
        # Anything else must not pass for off, or the window of an administrator would be switched off at the end.
        if not isinstance(answer.get("IsInMaintenanceMode"), bool):
            raise OperatorError(
                f"{self._options.url} does not say whether it is in maintenance mode; is it an Octopus server?"
            )
        return bool(answer["IsInMaintenanceMode"])

    def switch_maintenance(self, on: bool, within: float | None = None) -> None:
        """
        Switch maintenance mode and make sure that it is as asked.
        """
        # The answer to PUT is the new state; where it is left out the server is asked for it.
        answer = self._ask("PUT", "/api/maintenanceconfiguration", {"IsInMaintenanceMode": on}, within)
        state = answer.get("IsInMaintenanceMode")
        if (state if isinstance(state, bool) else self.in_maintenance(within)) is not on:
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

    def _ask(self, method: str, path: str, body: Any = None, within: float | None = None) -> dict[str, Any]:
        # A switch may be asked for twice as well, since it sets a state and does not toggle one.
        retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=stop_after_attempt(1 if within is not None else self._options.attempts),
            wait=wait_exponential(multiplier=0.3, max=5),
            sleep=self._sleep,
        )
        try:
            return retrying(self._once, method, path, body, within)
        except RetryError as error:
            fault = error.last_attempt.exception()
            raise OperatorError(f"{self._options.url} {fault}") from None

    def _once(self, method: str, path: str, body: Any, within: float | None) -> dict[str, Any]:
        seconds = self._options.timeout if within is None else min(within, self._options.timeout)
        exchange = _Exchange(self._options, self._verify, (method, path, body), seconds)
        with self._counted(exchange, final=within is not None):
            exchange.start()
            exchange.wait()
        if self._abandoned and within is None:
            raise BrokenOff(f"{method} {path} at {self._options.url} was broken off")
        if exchange.error is not None:
            raise self._of_fault(exchange.error)
        if exchange.answer is None:
            raise _Passing(f"gave no answer within {seconds:g} seconds; is the server running?")
        return self._understood(method, path, exchange.answer)

    @contextmanager
    def _counted(self, exchange: _Exchange, *, final: bool) -> Iterator[None]:
        with self._lock:
            if self._abandoned and not final:
                raise BrokenOff(f"{self._options.url} was not asked any more")
            if not final:
                self._under_way.add(exchange)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(exchange)

    def _of_fault(self, error: BaseException) -> Exception:
        url = self._options.url
        if isinstance(error, _TooLarge):
            return OperatorError(f"{url} answers with more than {LARGEST >> 20} MiB; is it an Octopus server?")
        if (tls := _tls_error(error)) is not None:
            # httpx tells a failed handshake as a failed connection, but this one fails at every try.
            if isinstance(tls, ssl.SSLCertVerificationError):
                return OperatorError(
                    f"{url} shows a TLS certificate that is not trusted ({tls.verify_message}); give its authority "
                    "with ca_file"
                )
            return OperatorError(
                f"no TLS connection to {url} could be made ({_reason(tls)}); is it http://, or a proxy in between?"
            )
        if isinstance(error, httpx.TimeoutException):
            return _Passing(f"gave no answer within {self._options.timeout:g} seconds; is the server running?")
        if isinstance(error, httpx.ConnectError):
            return _Passing("cannot be reached; check the address, the network and that it is running")
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
            return OperatorError(f"{url} is no web address; write it as https://octopus.example.com")
        if isinstance(error, httpx.TransportError):
            return _Passing("broke off the connection; is a proxy in between?")
        if isinstance(error, Exception):
            return error
        raise error

    def _understood(self, method: str, path: str, answer: _Answer) -> dict[str, Any]:
        url, status = self._options.url, answer.status
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
            value = json.loads(answer.content)
        # A page nested without end is no answer of an Octopus server either.
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise OperatorError(
                f"{url} answered {method} {path} with something else than JSON (a login page or a proxy?); check url"
            )
        return value


class _TooLarge(Exception):
    """
    An answer has no end.
    """


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


class _Exchange(threading.Thread):
    """
    One request over a connection of its own, in a thread that is left behind when its time is over.

    The limits of httpx begin anew with each byte, and a name that does not resolve has none.
    """

    def __init__(
        self, options: ApiOptions, verify: ssl.SSLContext, asked: tuple[str, str, Any], seconds: float
    ) -> None:
        super().__init__(name="octopus-api", daemon=True)
        self._options, self._verify, self._asked = options, verify, asked
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        self._socket: Any = None
        self._over = threading.Event()
        self.answer: _Answer | None = None
        self.error: BaseException | None = None

    def wait(self) -> None:
        """
        Wait for the answer, but not beyond the deadline.
        """
        if not self._over.wait(max(0.0, self._deadline - time.monotonic())):
            self.give_up()

    def give_up(self) -> None:
        """
        Leave it behind; its connection is cut, so that its thread ends.
        """
        self._over.set()
        if self._socket is not None:
            with suppress(OSError):
                # Not the method of a TLS socket, which would let go of what its own thread is reading from.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def run(self) -> None:
        """
        Ask, and take what comes.
        """
        try:
            answer = self._answered()
            if not self._over.is_set():
                self.answer = answer
        except BaseException as error:
            if not self._over.is_set():
                self.error = error
        finally:
            self._over.set()

    def _answered(self) -> _Answer:
        method, path, body = self._asked
        key = self._options.api_key.reveal()
        content = bytearray()
        with (
            httpx.Client(
                base_url=self._options.url.rstrip("/"),
                timeout=self._seconds,
                verify=self._verify,
                # Nothing that unpacks to more than its size.
                headers={"X-Octopus-ApiKey": key, "Accept": "application/json", "Accept-Encoding": "identity"},
                # httpx takes only Authorization away on the way to another host; this key would be carried along.
                follow_redirects=False,
            ) as client,
            client.stream(method, path, json=body, extensions={"trace": self._seen}) as answer,
        ):
            for chunk in answer.iter_raw():
                content += chunk
                if len(content) > LARGEST:
                    raise _TooLarge
        return _Answer(answer.status_code, answer.headers, bytes(content))

    def _seen(self, name: str, info: Mapping[str, Any]) -> None:
        # httpcore, "Extensions": trace, network_stream.
        if name.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    seen = 0
    while error is not None and seen < 8:
        if isinstance(error, ssl.SSLError):
            return error
        error, seen = error.__cause__ or error.__context__, seen + 1
    return None


def _reason(error: ssl.SSLError) -> str:
    return str(error.reason or type(error).__name__).replace("_", " ").lower()
