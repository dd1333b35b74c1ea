"""
A warm process that forks one audit per order, so that a kill costs a fork and not the start of an interpreter.

Speaks lines of JSON: an order comes in; what the audit does goes out step by step, each waiting for a line of leave.
It stays without threads, so that its forks are clean. Which orders to give belongs in ``arena``.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from auditor.audit import RunOptions, audit
from auditor.settings import ServerSettings
from auditor.state_folder import StateFolder
from auditor.stop import Stop
from auditor.world import Tools
from tests.support.program import cheapen


class Hurried(Stop):
    """
    Sleeps a fiftieth of what it is told to, so that waiting for the next attempt takes no time.
    """

    def sleep(self, seconds: float) -> bool:
        """
        Wait a little.
        """
        return super().sleep(seconds / 50)


def main() -> None:
    """
    Serve orders until the input ends.
    """
    faulthandler.register(signal.SIGUSR2, file=sys.stderr)
    cheapen()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    orders = open(0, "rb", buffering=0)  # noqa: SIM115
    while line := orders.readline():
        order = json.loads(line)
        if order.get("warm"):
            _tell({"result": _audited(order, lambda name: None)})
            gc.collect()
            # The children's collectors leave these objects alone, so their pages stay shared.
            gc.freeze()
            _tell({"ended": 0})
            continue
        child = os.fork()
        if child == 0:
            _work(order, orders)
        _, status = os.waitpid(child, 0)
        _tell({"ended": status})


def _tell(value: dict[str, Any]) -> None:
    os.write(1, json.dumps(value).encode() + b"\n")


def _audited(order: dict[str, Any], step: Callable[[str], None]) -> dict[str, Any]:
    settings = ServerSettings.model_validate(order["settings"])
    options = RunOptions(full=order.get("full", False))
    tools = Tools(Hurried(), step=step)
    return audit("torture", settings, StateFolder(Path(order["folder"])), tools, options).as_json()


def _work(order: dict[str, Any], leave: Any) -> None:
    """
    Run one audit in this process and end it.
    """
    code = 1
    try:
        os.setsid()
        _tell({"pid": os.getpid()})
        if order.get("file_limit"):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"], order["file_limit"]))

        def step(name: str) -> None:
            if order.get("steps"):
                _tell({"step": name})
                leave.readline()

        _tell({"result": _audited(order, step)})
        code = 0
    except BaseException as error:
        import traceback

        traceback.print_exception(error)
        _tell({"bug": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
