"""
What a run needs from the world, as one value: time, sleep, log, a way to be stopped, and a way to watch the steps.
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


@dataclass(frozen=True)
class RunTools:
    """
    ``step`` is called with the name of each step as it begins; ``progress`` with a table and its number of rows.
    """

    stop: Stop = field(default_factory=Stop)
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:12]
    log: Any = field(default_factory=lambda: structlog.get_logger("auditor"))
    step: Callable[[str], None] = lambda name: None
    progress: Callable[[str, int], None] = lambda table, rows: None

    def sleep(self, seconds: float) -> None:
        """
        Wait, but not past a request to stop.
        """
        self.stop.sleep(seconds)
