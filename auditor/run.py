"""
What the steps of one run hand to each other, what a caller asks of it, and what its state is made on.

The steps themselves are in audit.py.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from auditor.repository.repository import Repository
from auditor.settings import ServerSettings
from auditor.state_folder import StateFolder
from auditor.status import Status
from auditor.world import Tools
from migrator.export.read import Content
from migrator.export.render import FORMAT
from migrator.exporter import ExportOptions
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.sql.engine import Canceller
from migrator.sql.locks import Lock


@dataclass(frozen=True)
class RunOptions:
    """
    What a caller asks of one run. ``full``: the first level of change detection is not trusted; ``adopt``: the history
    of another server is to go on with this one.

    ``dry_run``: read, compare and tell, without maintenance mode; nothing is committed, pushed or remembered.
    """

    accept_shrink: bool = False
    full: bool = False
    wait: float = 0
    reason: str = "demand"
    adopt: bool = False
    dry_run: bool = False


@dataclass
class Run:
    """
    What the steps of one run hand to each other.
    """

    server: str
    settings: ServerSettings
    folder: StateFolder
    tools: Tools
    options: RunOptions
    status: Status
    started: datetime
    phases: dict[str, float] = field(default_factory=dict)
    window_seconds: float | None = None
    probe: dict[str, str] = field(default_factory=dict)
    full: bool = False
    went_back: tuple[str, str] | None = None
    moved: tuple[str, ...] = ()
    adopted_from: str | None = None
    tampered: tuple[str, ...] = ()
    canceller: Canceller = field(default_factory=Canceller)
    lock: Lock = field(default_factory=Lock)

    @property
    def opens_window(self) -> bool:
        """
        Return whether the server is put into maintenance mode for this run.
        """
        return self.settings.opens_window and not self.options.dry_run

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


@dataclass(frozen=True)
class MadeOn:
    """
    What a state must have been made on to count: HEAD's tree, and all that files depend on beside the rows.

    The password stands in it as a digest under the master key, so that it cannot be guessed by who has not the server's
    secrets anyway.
    """

    repository: Repository
    options: ExportOptions
    master: MasterKeyCipher | None

    def __call__(self, head: str | None, content: Content | None = None) -> str:
        """
        Return it as one text; without what was read it is the beginning of that.
        """
        tree = self.repository.tree(head) if head else ""
        options, render = self.options, self.options.render
        password = options.password.reveal() if options.password else ""
        # Without a master key secrets are left out, and the password seals nothing.
        key = self.master.key if self.master else b"none"
        # Bytes of the environment that are no UTF-8 are half surrogates in Python.
        digest = hmac.digest(key, password.encode("utf-8", "surrogatepass"), "sha256")
        words = [
            tree,
            str(FORMAT),
            render.noise.value,
            render.inline_scripts.value,
            render.plaintext.value,
            options.secrets.value,
            digest.hex(),
        ]
        if options.rules.volatile:
            words.append(repr(options.rules.volatile))
        if content is not None:
            # metadata.json holds these three, so it differs with them although no row does.
            words += [content.facts.name, content.facts.version, repr(content.partial)]
        return " ".join(words)
