"""
The same server gives the same bytes, for ever: the trees of fixed servers by the ids that git gives them.

An id that changes is a commit in every user's history with nothing in it that anybody did. Where the sample content or
the format changes on purpose, the failing test shows the new id.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditor.demo.content.server import fill
from auditor.demo.show import Talk, demonstrate
from bench.generate import change, generate
from migrator.documents.scripts import InlineScripts
from migrator.export.render import RenderOptions
from migrator.exporter import Octopus, export, partial_export
from migrator.maps.document_map import Noise
from migrator.secrets.sealing import SecretsMode
from migrator.selection.request import Selection
from tests.support.audits import folder_tree, git
from tests.support.servers import KEY, SampleServer

Writes = Callable[[SampleServer, Path], Any]

RAW, STRICT = RenderOptions(Noise.RAW, InlineScripts.EXTRACT), RenderOptions(Noise.STRICT, InlineScripts.LEAVE)
SHOP, OFFICE = Selection(("Web Shop",)), Selection(groups=("Payments & Billing",), spaces=("Default",))
LESS = Selection(("Ledger", "Web Shop"), ignored=frozenset(("Tenant",)), history=False)
THEN = datetime(2018, 9, 3, 8, tzinfo=UTC)


def whole(**options: Any) -> Writes:
    return lambda server, folder: export(server.address, folder, server.options(**options))


def part(selection: Selection) -> Writes:
    return lambda server, folder: partial_export(server.address, folder, selection, server.options())


def octopus(server: SampleServer, folder: Path) -> None:
    export(server.address, folder, server.options(history=True), form=partial(Octopus, clock=lambda: THEN))


def octopus_part(server: SampleServer, folder: Path) -> None:
    partial_export(server.address, folder, SHOP, server.options(), form=Octopus)
    # It holds the time of the export.
    (folder / "metadata.json").unlink()


KINDS: dict[str, tuple[bool, Writes, str]] = {
    "whole": (False, whole(), "4de5d971a99334a72034d3a546bf842dca846827"),
    "whole, spaces and history": (True, whole(history=True), "090ee4562c14c1241678d6119d6c9633db383130"),
    "raw, scripts as links": (True, whole(render=RAW), "506a691448cc455ecc86ef2fb34cb75df9f04ea2"),
    "strict, scripts inside": (False, whole(render=STRICT), "74c65c3969e80fded6788e8550e3e7bb68132f1e"),
    "digests of secrets": (False, whole(secrets=SecretsMode.FINGERPRINT), "b6d0cf6e4b9902cc24f7aea307e45851f631a291"),
    "no secrets": (False, whole(secrets=SecretsMode.OMIT, password=None), "29558d087e36f2328fd7046324b042195aaee62d"),
    "octopus": (False, octopus, "fceaedaabeee863b5038465aaca1c7faa8d274bd"),
    "octopus, spaces": (True, octopus, "50d4529a04712f7a175cd201abef5d7f1c5da919"),
    "a project": (False, part(SHOP), "cc721bb087980737c943bbf192eaf946e5d694fb"),
    "a group in a space": (True, part(OFFICE), "7e2edd8bd8c3e4008368dbe665ee5d1a69a9aab3"),
    "two projects without tenants and history": (False, part(LESS), "c2ccd3d0d8499fa718a124d19f71ef895ab8bcec"),
    "a project, octopus": (False, octopus_part, "327899ea9f7bffab049a62144dbad5b843a6634b"),
}
"""Whether the server has spaces, what writes the tree, and the tree's id."""

DEMO = """
61ce3023be32c853a1604e928896b963edb77cd7
030acef7725c64f32212c902baecb3c5e0faf342
""".strip()
BENCH = """
e795713c6e93ab854c9f0a0cfe0e2f9c09caa8b6
63bb3f7de9015c46385b5f8491827ce8820e96c4
""".strip()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> tuple[SampleServer, SampleServer]:
    """
    The sample server without and with spaces.
    """
    folder = tmp_path_factory.mktemp("same-bytes")
    for spaces in (False, True):
        fill(folder / f"{spaces}.db", KEY, spaces=spaces)
    return SampleServer(folder / "False.db"), SampleServer(folder / "True.db")


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_is_what_it_always_was(kind: str, servers: tuple[SampleServer, SampleServer], tmp_path: Path) -> None:
    """
    Each kind of export of the sample server is a known tree, to the byte.
    """
    spaces, write, tree = KINDS[kind]
    write(servers[spaces], tmp_path / "tree")

    assert folder_tree(tmp_path / "tree") == tree


def test_the_demonstration_is_what_it_always_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Every commit of `auditor demo` has a known tree, once its keys are no longer random.
    """
    source = random.Random("demo")
    monkeypatch.setattr(secrets, "token_bytes", source.randbytes)
    monkeypatch.setattr(secrets, "token_hex", lambda size: source.randbytes(size).hex())
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: source.randbytes(size).hex())
    demonstrate(tmp_path / "demo", Talk(lambda line: None, lambda diff: None))

    trees = git(tmp_path / "demo" / "history.git", "log", "--reverse", "--format=%T", "main")
    assert trees == DEMO


def test_a_generated_server_is_what_it_always_was(tmp_path: Path) -> None:
    """
    A server of the benchmarks has a known tree, before and after a tenth of its documents was changed.
    """
    server = SampleServer(tmp_path / "server.db")
    generate(server.path, 120, KEY, seed=1)
    whole()(server, tmp_path / "before")
    change(server.path, 0.1, KEY, seed=2)
    whole()(server, tmp_path / "after")

    assert f"{folder_tree(tmp_path / 'before')}\n{folder_tree(tmp_path / 'after')}" == BENCH
