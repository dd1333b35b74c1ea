"""
The server's REST interface: what is tried again, what never is, and what a wrong answer is called.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from auditor.demo.stub import RestStub
from auditor.window.octopus_api import ApiOptions, OctopusApi, Refused
from migrator.credentials import Secret
from migrator.errors import OperatorError


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


def test_the_key_is_never_told(stub: RestStub) -> None:
    """
    Neither an error nor a repr holds the key.
    """
    options = ApiOptions(stub.url, Secret("API-WRONG-AND-SECRET"), 1)
    with OctopusApi(options, lambda seconds: None) as api, pytest.raises(OperatorError) as caught:
        api.in_maintenance()

    assert "API-WRONG" not in str(caught.value) + repr(options) + repr(api)
