"""
The world as a run and its notifications see it, one value: time, log, secrets, a way to be stopped and to be watched.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from auditor.stop import Stop
from migrator.credentials import Secret, resolve


@dataclass(frozen=True)
class Tools:
    """
    ``step`` is called with the name of each step as it begins; ``progress`` with a table and its number of rows;
    ``stuck`` with a sentence, from another thread, as soon as a window could not be closed in time; ``resolve`` with a
    reference and the key of the configuration that holds it.
    """

    stop: Stop = field(default_factory=Stop)
    # For durations: the clock on the wall may be set during a run.
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:12]
    log: Any = field(default_factory=lambda: structlog.get_logger("auditor"))
    step: Callable[[str], None] = lambda name: None
    progress: Callable[[str, int], None] = lambda table, rows: None
    stuck: Callable[[str], None] = lambda reason: None
    resolve: Callable[[str, str], Secret] = lambda reference, key: resolve(reference, key=key)

    def sleep(self, seconds: float) -> None:
        """
        Wait, but not past a request to stop.
        """
        self.stop.sleep(seconds)
