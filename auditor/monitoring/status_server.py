"""
The daemon's window for monitoring: /metrics, /healthz and /readyz over plain HTTP, on loopback.

Read-only; no document and no name of one passes here. Not here: the figures (metrics.py).
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field, model_validator

from auditor.monitoring.metrics import Metrics
from migrator.errors import UsageError
from migrator.toml_file import Table

_TEXT = "text/plain; charset=utf-8"


class MetricsSettings(Table):
    """
    The ``[metrics]`` table: where to listen, and when the main loop counts as dead.

    ``heartbeat_seconds`` is how old the loop's heartbeat may be. ``allow_remote`` must be said to listen anywhere but
    on loopback, since there is neither login nor TLS.
    """

    listen: str
    heartbeat_seconds: float = Field(default=900.0, gt=0)
    allow_remote: bool = False

    @model_validator(mode="after")
    def _is_loopback(self) -> MetricsSettings:
        host, _ = split_listen(self.listen)
        if not (self.allow_remote or ipaddress.ip_address(host).is_loopback):
            raise ValueError(f"{host} is not a loopback address: use 127.0.0.1 or [::1], or say allow_remote = true")
        return self


def split_listen(listen: str) -> tuple[str, int]:
    """
    Return the IP address and the port of ``127.0.0.1:9823``, ``localhost:9823`` or ``[::1]:9823``.

    Raises:
        ValueError: it is neither.
    """
    host, colon, port = listen.rpartition(":")
    # Not looked up: what a resolver makes of the name need not be loopback.
    host = {"localhost": "127.0.0.1"}.get(host, host.removeprefix("[").removesuffix("]"))
    try:
        ipaddress.ip_address(host)
    except ValueError:
        colon = ""
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{listen!r} is not an address to listen on: write 127.0.0.1:9823 or [::1]:9823")
    return host, int(port)


class Heartbeat:
    """
    When the main loop last came by; *clock* is in seconds and only differences count.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """
        Say that the main loop is alive.
        """
        self._last = self._clock()

    def age(self) -> float:
        """
        Return the seconds since the last beat.
        """
        return self._clock() - self._last


class StatusServer:
    """
    Answers GET and HEAD in threads of its own, from ``with`` to its end.
    """

    def __init__(self, settings: MetricsSettings, metrics: Metrics, heartbeat: Heartbeat) -> None:
        self._settings = settings
        self._metrics = metrics
        self._heartbeat = heartbeat
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """
        Return the port listened on, also where the settings say 0.
        """
        assert self._server is not None
        return int(self._server.server_address[1])

    def __enter__(self) -> StatusServer:
        host, port = split_listen(self._settings.listen)
        try:
            self._server = _server_class(host)((host, port), _handler(self._answer))
        except OSError as error:
            raise UsageError(
                f"metrics.listen = {self._settings.listen!r} cannot be listened on: {error.strerror}; "
                "choose a free port"
            ) from None
        # So often it looks whether it is to end, which the end of the daemon waits for.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="status", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        match path.partition("?")[0]:
            case "/metrics":
                return 200, CONTENT_TYPE_LATEST, self._metrics.text()
            case "/healthz":
                return self._health()
            case "/readyz":
                stale = self._metrics.stale()
                return (503, _TEXT, _lines(stale)) if stale else (200, _TEXT, b"ready\n")
            case _:
                return 404, _TEXT, b"not found\n"

    def _health(self) -> tuple[int, str, bytes]:
        age = self._heartbeat.age()
        if age <= self._settings.heartbeat_seconds:
            return 200, _TEXT, b"alive\n"
        return 503, _TEXT, _lines([f"the main loop gave no sign of life for {age:.0f} s"])


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _server_class(host: str) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # A client that hangs must not hold up the daemon's end.
        daemon_threads = True
        block_on_close = False

    return Server


def _handler(answer: Callable[[str], tuple[int, str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # A client that says nothing is not to keep a thread for ever.
        timeout = 10

        def do_GET(self) -> None:
            self._send(*answer(self.path))

        def do_HEAD(self) -> None:
            self._send(*answer(self.path))

        def _refuse(self) -> None:
            self.close_connection = True
            self._send(405, _TEXT, b"only GET and HEAD\n")

        def __getattr__(self, name: str) -> Callable[[], None]:
            # The standard library looks for a method named after the request's and answers 501 where it finds none.
            if name.startswith("do_"):
                return self._refuse
            raise AttributeError(name)

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            if status == 405:
                self.send_header("Allow", "GET, HEAD")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def version_string(self) -> str:
            # In place of the versions of Python and its library.
            return "octopus-auditor"

        def log_message(self, format: str, *args: object) -> None:
            """A probe every few seconds is not worth a line."""

    return Handler
