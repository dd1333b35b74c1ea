"""
The REST stub, asked by a real HTTP client.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from auditor.demo.stub import RestStub

KEY = {"X-Octopus-ApiKey": "API-TEST"}
MAINTENANCE = "/api/maintenanceconfiguration"


@pytest.fixture
def stub() -> Iterator[RestStub]:
    with RestStub(api_key="API-TEST") as running:
        yield running


@pytest.fixture
def client(stub: RestStub) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stub.url, headers=KEY, timeout=5) as client:
        yield client


def test_root_needs_no_key(stub: RestStub) -> None:
    """
    The version and the identity are told without a key.
    """
    answer = httpx.get(stub.url + "/api").json()
    assert answer["Application"] == "Octopus Deploy"
    assert {"Version", "InstallationId"} <= answer.keys()


def test_wrong_key_is_refused(stub: RestStub) -> None:
    """
    Everything but the root needs the key.
    """
    assert httpx.get(stub.url + MAINTENANCE, headers={"X-Octopus-ApiKey": "API-OTHER"}).status_code == 401
    assert httpx.get(stub.url + MAINTENANCE).status_code == 401


def test_maintenance_switches_and_is_recorded(stub: RestStub, client: httpx.Client) -> None:
    """
    A PUT switches maintenance mode; each time in it is one window; each request is recorded with its body.
    """
    assert client.put(MAINTENANCE, json={"IsInMaintenanceMode": True}).json()["IsInMaintenanceMode"] is True
    assert stub.in_maintenance
    assert client.get("/api/serverstatus").json()["IsInMaintenanceMode"] is True
    client.put(MAINTENANCE, json={"IsInMaintenanceMode": False})
    assert client.get(MAINTENANCE).json()["IsInMaintenanceMode"] is False
    (window,) = stub.windows
    assert window.end is not None
    assert window.start <= window.end
    assert [request.method for request in stub.requests] == ["PUT", "GET", "PUT", "GET"]
    assert "true" in stub.requests[0].body


def test_missing_permission(stub: RestStub, client: httpx.Client) -> None:
    """
    Without AdministerSystem maintenance mode cannot be switched, and the permissions say so.
    """
    stub.options.permissions = ("ProjectView",)
    user = client.get("/api/users/me").json()
    assert "AdministerSystem" not in client.get(user["Links"]["Permissions"]).json()["Permissions"]
    assert client.put(MAINTENANCE, json={"IsInMaintenanceMode": True}).status_code == 403


def test_tasks_by_state(stub: RestStub, client: httpx.Client) -> None:
    """
    Tasks are filtered by the states asked for.
    """
    stub.options.tasks = [{"Id": "ServerTasks-1", "State": "Executing"}, {"Id": "ServerTasks-2", "State": "Success"}]
    found = client.get("/api/tasks", params={"states": "Executing,Cancelling"}).json()
    assert [task["Id"] for task in found["Items"]] == ["ServerTasks-1"]


@pytest.mark.parametrize("status", ["401", "403", "500"])
def test_status_faults_last(stub: RestStub, client: httpx.Client, status: str) -> None:
    """
    A status as fault is given for each request until it is taken back.
    """
    stub.fault = status
    assert [client.get(MAINTENANCE).status_code for _ in range(2)] == [int(status)] * 2
    stub.fault = None
    assert client.get(MAINTENANCE).status_code == 200


def test_fault_for_once(stub: RestStub, client: httpx.Client) -> None:
    """
    A fault that ends in -once meets one request only.
    """
    stub.fault = "503-once"
    assert [client.get(MAINTENANCE).status_code for _ in range(2)] == [503, 200]


def test_fault_for_one_method(stub: RestStub, client: httpx.Client) -> None:
    """
    A fault can be narrowed to a method and a path.
    """
    stub.fault, stub.options.fault_method, stub.options.fault_path = "500", "PUT", MAINTENANCE
    assert client.get(MAINTENANCE).status_code == 200
    assert client.put(MAINTENANCE, json={"IsInMaintenanceMode": True}).status_code == 500
    assert not stub.in_maintenance


def test_html_drop_and_hang(stub: RestStub, client: httpx.Client) -> None:
    """
    A proxy's page, a closed connection, and silence can be had.
    """
    stub.fault = "html"
    assert client.get(MAINTENANCE).text.startswith("<html")
    stub.fault = "drop"
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(MAINTENANCE)
    stub.fault = "hang"
    with pytest.raises(httpx.ReadTimeout):
        client.get(MAINTENANCE, timeout=0.1)
    stub.fault = "after-drop"
    with pytest.raises(httpx.RemoteProtocolError):
        client.put(MAINTENANCE, json={"IsInMaintenanceMode": True})
    assert stub.in_maintenance


def test_state_outlives_a_killed_child(tmp_path: Path) -> None:
    """
    With a state file, a stub started anew remembers maintenance mode, even after SIGKILL.
    """
    command = [sys.executable, "-m", "auditor.demo.stub", "--state", str(tmp_path / "state"), "--api-key", "API-TEST"]
    for expected in (False, True):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            url = child.stdout.readline().strip()
            assert httpx.get(url + MAINTENANCE, headers=KEY).json()["IsInMaintenanceMode"] is expected
            httpx.put(url + MAINTENANCE, headers=KEY, json={"IsInMaintenanceMode": True})
            child.send_signal(signal.SIGKILL)
