"""
What a state file must have been made on to count: HEAD's tree, and all that files depend on beside the rows.
"""

from __future__ import annotations

import hmac

from auditor.repository.repository import Repository
from auditor.scope import SliceRead
from migrator.export.render import FORMAT
from migrator.exporter import ExportOptions


def basis_of(repository: Repository, head: str | None, options: ExportOptions, read: SliceRead | None = None) -> str:
    """
    Return what a state must have been made on to count: HEAD's tree, and all that files depend on beside the rows.

    Without what was *read* it is the beginning of that. The password stands in it as a digest under the master key, so
    that it cannot be guessed by who has not the server's secrets anyway.
    """
    tree = repository.tree(head) if head else ""
    render, master = options.render, options.master_cipher()
    password = options.password.reveal() if options.password else ""
    digest = hmac.digest(master.key if master else b"none", password.encode("utf-8", "surrogatepass"), "sha256")
    words = [tree, str(FORMAT), render.noise.value, render.inline_scripts.value, options.secrets.value, digest.hex()]
    if read is not None:
        words += [read.facts.name, read.facts.version, repr(read.partial)]
    return " ".join(words)
