"""
The server's REST interface: what is tried again, what never is, and what a wrong answer is called.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.demo.stub import RestStub
from auditor.window.octopus_api import ApiOptions, BrokenOff, OctopusApi, Refused
from migrator.credentials import Secret
from migrator.errors import OperatorError
from tests.support.notification_servers import http_stub, make_certificate


@pytest.fixture
def api(stub: RestStub) -> Iterator[OctopusApi]:
    with OctopusApi(ApiOptions(stub.url, Secret(stub.options.api_key), 0.3), lambda seconds: None) as api:
        yield api


def test_reads_and_switches(api: OctopusApi, stub: RestStub) -> None:
    """
    The mode is what the server says, before and after.
    """
    assert not api.in_maintenance()
    api.switch_maintenance(True)
    assert api.in_maintenance()
    assert stub.in_maintenance
    assert api.version() == stub.options.version
    assert api.running_tasks() == 0
    assert api.may_administer() is True


@pytest.mark.parametrize("status", ["401", "403"])
def test_a_refusal_is_final(api: OctopusApi, stub: RestStub, status: str) -> None:
    """
    401 and 403 are asked once.
    """
    stub.fault = status

    with pytest.raises(Refused, match=status):
        api.in_maintenance()
    assert len(stub.requests) == 1


@pytest.mark.parametrize("fault", ["500", "503", "429", "drop"])
def test_a_passing_fault_is_tried_again(api: OctopusApi, stub: RestStub, fault: str) -> None:
    """
    5xx, 429 and broken connections are tried four times in all, and one that passes is no error.
    """
    stub.fault = fault
    with pytest.raises(OperatorError):
        api.in_maintenance()
    assert len(stub.requests) == 4

    stub.fault = f"{fault}-once"
    assert not api.in_maintenance()


@pytest.mark.parametrize("fault", ["html", "404", "302"])
def test_not_an_octopus_server(api: OctopusApi, stub: RestStub, fault: str) -> None:
    """
    A page, a wrong path and a redirection are told at once.
    """
    stub.fault = fault

    with pytest.raises(OperatorError):
        api.in_maintenance()
    assert len(stub.requests) == 1


@pytest.mark.parametrize("fault", ["hang", "drip", "after-drip", "endless"])
def test_a_request_has_one_deadline(stub: RestStub, fault: str) -> None:
    """
    A peer that sends a byte now and then, or an answer without end, is given up after the time of the whole request.
    """
    stub.fault = fault
    options = ApiOptions(stub.url, Secret(stub.options.api_key), 0.3, attempts=1)
    begun = time.monotonic()

    with OctopusApi(options, lambda seconds: None) as api, pytest.raises(OperatorError, match=r"0\.3 seconds|1 MiB"):
        api.in_maintenance()

    assert time.monotonic() - begun < 5
    # The thread of a request that was given up ends with it.
    for thread in threading.enumerate():
        if thread.name == "octopus-api":
            thread.join(5)
            assert not thread.is_alive()


def test_what_is_asked_is_given_up(api: OctopusApi, stub: RestStub) -> None:
    """
    Once abandoned, what is being asked ends at once, nothing more is asked, but by who names a limit.
    """
    stub.fault = "hang"
    patient = OctopusApi(ApiOptions(stub.url, Secret(stub.options.api_key), 30), lambda seconds: None)
    threading.Timer(0.1, patient.abandon).start()
    begun = time.monotonic()

    with pytest.raises(BrokenOff):
        patient.in_maintenance()
    assert time.monotonic() - begun < 5
    with pytest.raises(BrokenOff):
        patient.in_maintenance()
    stub.fault = None
    assert patient.in_maintenance(1.0) is False
    assert len(stub.requests) == 2


def test_tls_that_fails_is_told_as_tls(stub: RestStub, tmp_path: Path) -> None:
    """
    A certificate that is not trusted, and a server that does not speak TLS, are told as that, at once.
    """
    certificate = make_certificate(tmp_path)
    with http_stub(tls=certificate) as server, pytest.raises(OperatorError, match=r"TLS certificate .* ca_file"):
        OctopusApi(ApiOptions(server.url(), Secret("x")), lambda seconds: None).version()
    with pytest.raises(OperatorError, match=r"no TLS connection .* is it http://"):
        OctopusApi(ApiOptions(stub.url.replace("http", "https"), Secret("x")), lambda seconds: None).version()


@pytest.mark.parametrize("url", ["https://host:abc", "https://[::1"])
def test_an_address_that_is_none(url: str) -> None:
    """
    What is no web address is told as that, and is no bug.
    """
    with pytest.raises(OperatorError, match="is no web address"):
        OctopusApi(ApiOptions(url, Secret("x"), 1, attempts=1), lambda seconds: None).version()


def test_the_key_is_never_told(stub: RestStub) -> None:
    """
    Neither an error nor a repr holds the key.
    """
    options = ApiOptions(stub.url, Secret("API-WRONG-AND-SECRET"), 1)
    with OctopusApi(options, lambda seconds: None) as api, pytest.raises(OperatorError) as caught:
        api.in_maintenance()

    assert "API-WRONG" not in str(caught.value) + repr(options) + repr(api)
