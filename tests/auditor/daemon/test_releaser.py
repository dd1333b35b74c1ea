"""
Who looks after a window that a killed run left open.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import CapturingLogger

from auditor.daemon.releaser import Releaser, ReleaserOptions
from auditor.state_folder import StateFolder
from tests.support.daemons import eventually


class Broken:
    """
    Settings by which nothing can be released, for a reason of their own.
    """

    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


@pytest.mark.parametrize("gone", [True, False])
def test_only_a_server_that_left_the_configuration_is_let_go(tmp_path: Path, gone: bool) -> None:
    """
    A server that is no longer configured cannot be reached; any other failure, a KeyError too, leaves it watched.
    """
    told: list[str] = []

    def find(server: str) -> Any:
        if gone:
            raise KeyError(server)
        return Broken(), StateFolder(tmp_path)

    StateFolder(tmp_path).journal.write_text("{}")
    options = ReleaserOptions(find, lambda server: told.append("released"), lambda server, why: told.append(why), 60)
    releaser = Releaser(options, CapturingLogger())
    releaser.watch("prod", told=False)
    eventually(lambda: told)
    assert (told == ["released"]) is gone
    releaser.stop(5)
