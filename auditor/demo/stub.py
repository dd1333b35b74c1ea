"""
A REST stub of the server on a loopback port: version, maintenance mode, tasks, the current user; and faults on demand.

Knows no database. Also a program: ``python -m auditor.demo.stub --port N --state FILE --api-key KEY``.

Sources: the REST paths and shapes of a public client library, docs "Maintenance Mode".
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

INSTALLATION_ID = "5c2f0f0e-7a53-4f0c-9a4b-3d1f6f2a9b11"
"""The identity that the stub tells at ``/api``; the sample content uses the same."""

_DRIP = 0.05
PERMISSIONS = ("AdministerSystem", "ProjectView", "TaskView", "EventView")
"""What the stub's user may do, unless told otherwise."""


@dataclass(frozen=True)
class Request:
    """
    One request as it came in; ``time`` is of the monotonic clock, in seconds.
    """

    method: str
    path: str
    body: str
    time: float


@dataclass(frozen=True)
class Window:
    """
    One time in maintenance mode, monotonic seconds; ``end`` is ``None`` while it is open.
    """

    start: float
    end: float | None


@dataclass
class StubOptions:
    """
    How the stub answers; change it while the stub runs.

    ``fault`` is ``None``, an HTTP status such as ``"401"`` or ``"500"`` (with ``-once`` for the next request only),
    ``"html"``, ``"hang"`` (no answer until the stub stops), ``"drip"`` (an answer of which a byte comes now and then),
    ``"endless"`` (one without end), ``"drop"`` (the connection closes without an answer). With ``after-`` before it the
    request takes effect. ``fault_method`` and ``fault_path`` (a prefix) narrow it. ``state_file`` keeps the maintenance
    mode over restarts.
    """

    api_key: str
    version: str = "2018.8.12"
    installation_id: str = INSTALLATION_ID
    permissions: Sequence[str] = PERMISSIONS
    tasks: list[dict[str, Any]] = field(default_factory=list)
    fault: str | None = None
    fault_method: str | None = None
    fault_path: str | None = None
    state_file: Path | None = None


class RestStub:
    """
    The running stub: ``url``, ``requests``, ``windows``, ``in_maintenance``, and ``options`` to make it misbehave.

    A context manager; the port is free again when it ends. ``port`` 0 takes any free one.
    """

    def __init__(self, api_key: str = "API-DEMO", port: int = 0, **options: Any) -> None:
        self.options = StubOptions(api_key, **options)
        self.requests: list[Request] = []
        self.windows: list[Window] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._in_maintenance = _remembered(self.options.state_file)
        if self._in_maintenance:
            self.windows.append(Window(time.monotonic(), None))
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.stub = self

    @property
    def url(self) -> str:
        """
        Return the address without a trailing slash.
        """
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def in_maintenance(self) -> bool:
        """
        Return whether maintenance mode is on.
        """
        return self._in_maintenance

    @in_maintenance.setter
    def in_maintenance(self, on: bool) -> None:
        with self._lock:
            now = time.monotonic()
            if on and not self._in_maintenance:
                self.windows.append(Window(now, None))
            elif self._in_maintenance and not on:
                self.windows[-1] = Window(self.windows[-1].start, now)
            self._in_maintenance = on
            if self.options.state_file:
                self.options.state_file.write_text(json.dumps({"IsInMaintenanceMode": on}), encoding="utf-8")

    @property
    def fault(self) -> str | None:
        """
        Return how the stub misbehaves at present; see StubOptions.
        """
        return self.options.fault

    @fault.setter
    def fault(self, fault: str | None) -> None:
        self.options.fault = fault

    def start(self) -> RestStub:
        """
        Answer requests in a thread of its own from now on.
        """
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """
        Free the port; a request that hangs is let go.
        """
        self._stopping.set()
        if self._thread:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def wait(self) -> None:
        """
        Block until another thread or a signal ends the stub.
        """
        if self._thread:
            self._thread.join()

    def hang(self) -> None:
        """
        Block until the stub stops.
        """
        self._stopping.wait()

    def pour(self, stream: Any, head: bytes, piece: bytes, pause: float) -> None:
        """
        Write *head*, then *piece* again and again until the stub stops or nobody takes it; *pause* is in seconds.
        """
        try:
            stream.write(head)
            while not self._stopping.wait(pause):
                stream.write(piece)
        except OSError:
            return

    def take_fault(self, method: str, path: str) -> str | None:
        """
        Return the fault that this request shall meet, and use up a fault that is for once.
        """
        with self._lock:
            options = self.options
            narrowed = (options.fault_method or method) != method or not path.startswith(options.fault_path or "")
            if options.fault is None or narrowed:
                return None
            fault = options.fault
            if fault.endswith("-once"):
                options.fault = None
            return fault.removesuffix("-once")

    def __enter__(self) -> RestStub:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # The default of five refuses connections when many runs begin at once.
    request_queue_size = 64
    stub: RestStub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """
        Say nothing of a client that went away: killed clients are what the stub is for.
        """


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """
        Say nothing: requests are recorded, not printed.
        """

    def _serve(self) -> None:
        stub = self.server.stub
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        stub.requests.append(Request(self.command, self.path, body, time.monotonic()))
        fault = stub.take_fault(self.command, self.path)
        if fault is None or fault.startswith("after-"):
            status, answer = _answer(stub, self.command, self.path, self.headers.get("X-Octopus-ApiKey"), body)
            if fault is None:
                self._send(status, json.dumps(answer))
        if fault is not None:
            self._misbehave(fault.removeprefix("after-"))

    def _misbehave(self, fault: str) -> None:
        stub = self.server.stub
        if fault.isdigit():
            self._send(int(fault), json.dumps({"ErrorMessage": f"The stub was told to answer {fault}."}))
            return
        if fault == "html":
            self._send(200, "<html><body><h1>Sign in to the proxy</h1></body></html>", "text/html")
            return
        self.close_connection = True
        if fault == "hang":
            stub.hang()
        elif fault == "drip":
            # From the very first byte of the answer on: no header ever ends.
            stub.pour(self.wfile, b"HTTP/1.1 200 OK\r\nX-Slow: ", b".", _DRIP)
        elif fault == "endless":
            stub.pour(self.wfile, b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536, 0)

    def _send(self, status: int, text: str, kind: str = "application/json") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


Answer = tuple[int, Any]


def _answer(stub: RestStub, method: str, target: str, api_key: str | None, body: str) -> Answer:
    path = urlsplit(target).path.rstrip("/").lower()
    # As the server does: the version is told without a key.
    if path == "/api" and method == "GET":
        return _root(stub)
    if api_key != stub.options.api_key:
        return 401, {"ErrorMessage": "You must be logged in to perform this action. Provide a valid API key."}
    if method == "PUT" and path == "/api/maintenanceconfiguration":
        return _switch(stub, body)
    answers: dict[str, Callable[[], Answer]] = {
        "/api/maintenanceconfiguration": lambda: (200, _maintenance(stub)),
        "/api/serverstatus": lambda: (200, {"IsInMaintenanceMode": stub.in_maintenance, "Links": {}}),
        "/api/tasks": lambda: _tasks(stub, target),
        "/api/users/me": lambda: (200, _USER),
        "/api/users/users-41/permissions": lambda: _permissions(stub),
        "/api/users/me/permissions": lambda: _permissions(stub),
    }
    if method != "GET" or path not in answers:
        return 404, {"ErrorMessage": f"The resource '{path}' was not found."}
    return answers[path]()


_USER = {
    "Id": "Users-41",
    "Username": "octopus-auditor",
    "DisplayName": "Octopus Auditor",
    "IsActive": True,
    "IsService": True,
    "Links": {"Self": "/api/users/Users-41", "Permissions": "/api/users/Users-41/permissions"},
}


def _root(stub: RestStub) -> Answer:
    return 200, {
        "Application": "Octopus Deploy",
        "Version": stub.options.version,
        "ApiVersion": "3.0.0",
        "InstallationId": stub.options.installation_id,
        "Links": {"Self": "/api", "MaintenanceConfiguration": "/api/maintenanceconfiguration"},
    }


def _maintenance(stub: RestStub) -> dict[str, Any]:
    links = {"Self": "/api/maintenanceconfiguration"}
    return {"Id": "maintenance", "IsInMaintenanceMode": stub.in_maintenance, "Links": links}


def _switch(stub: RestStub, body: str) -> Answer:
    if "AdministerSystem" not in stub.options.permissions:
        return 403, {"ErrorMessage": "You do not have permission to perform this action: AdministerSystem is missing."}
    try:
        on = json.loads(body)["IsInMaintenanceMode"]
    except (ValueError, KeyError, TypeError):
        return 400, {"ErrorMessage": "The body must be an object with IsInMaintenanceMode."}
    stub.in_maintenance = bool(on)
    return 200, _maintenance(stub)


def _tasks(stub: RestStub, target: str) -> Answer:
    asked = ",".join(parse_qs(urlsplit(target).query).get("states", [])).split(",")
    states = {state.strip().lower() for state in asked if state.strip()}
    items = [task for task in stub.options.tasks if not states or str(task.get("State", "")).lower() in states]
    return 200, {"ItemType": "Task", "TotalResults": len(items), "ItemsPerPage": 30, "Items": items, "Links": {}}


def _permissions(stub: RestStub) -> Answer:
    granted: dict[str, Any] = {name: [{"RestrictedToProjectIds": []}] for name in stub.options.permissions}
    return 200, {
        "Id": _USER["Id"],
        "Permissions": granted,
        "SpacePermissions": granted,
        "SystemPermissions": list(granted),
    }


def _remembered(state_file: Path | None) -> bool:
    if state_file is None or not state_file.exists():
        return False
    return bool(json.loads(state_file.read_text(encoding="utf-8"))["IsInMaintenanceMode"])


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run the stub until a signal ends it; prints its address first.
    """
    parser = argparse.ArgumentParser(prog="python -m auditor.demo.stub", description="A stub of the server's REST API.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path, help="a small file that keeps the maintenance mode over restarts")
    parser.add_argument("--api-key", default="API-DEMO")
    options = parser.parse_args(arguments)
    with RestStub(options.api_key, options.port, state_file=options.state) as stub:
        # Whoever started it waits for the address.
        print(stub.url, flush=True)  # noqa: T201
        try:
            stub.wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
