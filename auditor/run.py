"""
What the steps of one run hand to each other, and what a caller asks of it.

The steps themselves are in audit.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from auditor.settings import ServerSettings
from auditor.status import Status
from auditor.world import RunTools


@dataclass(frozen=True)
class RunOptions:
    """
    What a caller asks of one run. ``full``: the first level of change detection is not trusted.
    """

    accept_shrink: bool = False
    full: bool = False
    wait: float = 0
    reason: str = "demand"


@dataclass
class Run:
    """
    What the steps of one run hand to each other.
    """

    server: str
    settings: ServerSettings
    folder: Path
    tools: RunTools
    options: RunOptions
    status: Status
    started: datetime
    phases: dict[str, float] = field(default_factory=dict)
    window_seconds: float | None = None
    probe: dict[str, str] = field(default_factory=dict)
    full: bool = False
    went_back: tuple[str, str] | None = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """
        Time a step and tell that it begins.
        """
        self.tools.stop.check()
        self.tools.step(name)
        start = self.tools.clock()
        try:
            yield
        finally:
            self.phases[name] = round(self.phases.get(name, 0.0) + self.tools.clock() - start, 4)
