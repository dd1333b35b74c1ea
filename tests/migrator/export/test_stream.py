"""
The way from rows to files: two looks at a row at most, and nothing written that a secret stands in.
"""

from __future__ import annotations

import gc
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents.layout import Layout
from migrator.errors import SecretError
from migrator.export.history_layout import HistoryPlaces
from migrator.export.read import look_at, read_rows
from migrator.export.render import Renderer, RenderOptions, Signs
from migrator.export.spool import Packed, RawHead, Spool
from migrator.export.stream import HASH, Stream
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, Sensitive
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.secrets.opened import OpenedSecrets
from migrator.secrets.sealing import open_stored
from migrator.sql.rows import Table, body_text, compact, to_body
from tests.support.servers import CIPHER, KEY, SampleServer
from tests.support.values import stored_values


class Watched(Spool):
    """
    Counts how often each row is handed out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[int, int]] = Counter()

    def rows(self, position: int, wanted: bytearray | None = None) -> Iterator[tuple[int, RawHead, Packed]]:
        for index, head, packed in super().rows(position, wanted):
            self.seen[position, index] += 1
            yield index, head, packed


def stream_of(server: SampleServer, spool: Spool, *, history: bool = False, key: bytes = KEY) -> Stream:
    looked = look_at(server.address, history=history)
    layout = Layout(read_rows(looked, spool, frozen=history).clashes)
    renderer = Renderer(
        RenderOptions(), layout, OpenedSecrets(MasterKeyCipher(key)), lambda secret, context: {"$omitted": True}
    )
    return Stream(spool, renderer, HistoryPlaces(layout) if history else None)


@pytest.mark.parametrize("history", [False, True])
def test_a_row_is_looked_at_twice_at_most(server: SampleServer, history: bool) -> None:
    """
    Once to learn from it, once to render it, whatever it owns, holds, or happened.
    """
    with Watched() as spool:
        stream = stream_of(server, spool, history=history)
        stream.look_at_all()
        count = sum(1 for _ in stream.documents())

        assert count > 100
        assert max(spool.seen.values()) == 2


def test_rows_that_are_not_chosen_are_not_rendered(server: SampleServer) -> None:
    """
    Only what the judge gives a hash comes out, with that hash, and each owner's name is known all the same.
    """

    def judge(head: RawHead, packed: Packed) -> bytes | None:
        return hash_of(str(head[0])) if head[1] in ("Projects-1", "Projects-3") else None

    with Spool() as spool:
        stream = stream_of(server, spool)
        position = next(at for at, item in stream.tables() if item.table.name == "VariableSet")
        documents, chosen = stream.look(position, judge)
        rendered = list(stream.documents())

    assert documents > chosen == 2
    assert [(item.row_hash, item.owner_name) for item in rendered] == [
        (hash_of("variableset-Projects-1"), "Web Shop"),
        (hash_of("variableset-Projects-3"), "Search & Index"),
    ]


def hash_of(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=HASH).digest()


def test_a_plaintext_is_found_in_a_document_before_its_own(server: SampleServer) -> None:
    """
    A secret that comes last is searched for in the first file, also one that the database holds unsealed.
    """
    server.edit("Project", "Projects-1", lambda body: body.update(Description="it is: never sealed"))
    ((account,),) = server.run("SELECT Id FROM Account LIMIT 1")
    server.edit("Account", account, lambda body: body.update(Password="never sealed"))
    with Spool() as spool:
        stream = stream_of(server, spool)
        stream.look_at_all()
        assert exposed(stream) == {("Project", "Projects-1"): ["Description"]}


def exposed(stream: Stream) -> dict[tuple[str, str], list[str]]:
    """
    Return the places at which something was found, and insist that no file shows it.
    """
    for item in stream.documents():
        assert not any(b"never sealed" in file.content or b"seldom sealed" in file.content for file in item.files)
    return {tuple(document): [item.path for item in found] for document, found in stream.findings.items()}


def test_a_broken_row_gives_its_secrets_away_nowhere(server: SampleServer) -> None:
    """
    What opens in a row that is no JSON is searched for in all others.
    """
    server.edit("Project", "Projects-1", lambda body: body.update(Description="it is: seldom sealed"))
    server.run("UPDATE Project SET JSON = ? WHERE Id = 'Projects-3'", f'{{"broken": "{CIPHER.seal("seldom sealed")}')
    with Spool() as spool:
        stream = stream_of(server, spool)
        stream.look_at_all()
        assert exposed(stream) == {("Project", "Projects-1"): ["Description"]}


def test_a_key_that_opens_nothing_is_told_before_anything_is_written(server: SampleServer) -> None:
    """
    Also where the server's own certificate does not tell: the first document is not yielded.
    """
    with Spool() as spool:
        stream = stream_of(server, spool, key=b"another key, 16b")
        stream.look_at_all()
        with pytest.raises(SecretError, match="the master key does not open this database"):
            next(stream.documents())


def test_a_secret_that_was_not_met_is_never_written(server: SampleServer) -> None:
    """
    A row that nobody looked at has secrets that no file was searched for: rendering it is a bug that shows.
    """
    with Spool() as spool:
        stream = stream_of(server, spool)
        position = next(at for at, item in stream.tables() if item.table.name == "Account")
        _, _, packed = next(stream.spool.rows(position))
        with pytest.raises(AssertionError, match="was not met"):
            stream.renderer.render(stream.spool.tables[position].table, Spool.unpack(packed))


def test_rows_that_are_never_exported_are_no_documents(server: SampleServer) -> None:
    """
    They are not counted, not rendered, and nobody is asked about them.
    """
    table = next(item for item in REGISTRY.maps if item.excluded_ids)
    start = next(iter(table.excluded_ids))
    server.run(f'INSERT INTO "{table.table}" (Id, JSON) VALUES (?, ?)', f"{start}-more", "{}")
    asked: list[str] = []
    with Spool() as spool:
        stream = stream_of(server, spool)
        position = next(at for at, item in stream.tables() if item.table.map is table)
        documents, chosen = stream.look(position, lambda head, packed: asked.append(head[0]) or bytes(HASH))
        rendered = [document.identity.id for document in stream.documents()]

    assert documents == chosen == len(asked) == len(rendered)
    assert not any(one.lower().startswith(start) for one in (*asked, *rendered))


def test_the_collector_is_what_it_was_afterwards(server: SampleServer, tmp_path: Path) -> None:
    """
    While documents are rendered garbage is looked for less often, and as before once they are, or broke off.
    """
    before = gc.get_threshold()
    with Spool() as spool:
        stream = stream_of(server, spool)
        stream.look_at_all()
        documents = stream.documents()
        next(documents)
        assert gc.get_threshold() > before
        documents.close()

    assert gc.get_threshold() == before


SAMPLE = DocumentMap(
    "Sample",
    "Samples/{id}",
    "Samples-",
    sensitive=(Sensitive("Value", (("Type", "Sensitive"), ("IsSensitive", True))), Sensitive("Keys/*")),
)
SECRETS = [(item, sensitive) for item in (*REGISTRY.maps, SAMPLE) for sensitive in item.sensitive]


@given(
    place=st.sampled_from(SECRETS),
    value=stored_values,
    spelled=st.sampled_from(["=", "/", "|", ""]),
    number=st.sampled_from([0, -1]),
)
def test_signs_are_never_wrongly_false(
    place: tuple[DocumentMap, Sensitive], value: Any, spelled: str, number: int
) -> None:
    """
    A row that is passed over because no sign stands in it has no secret, at whichever place, however JSON spells it.
    """
    document_map, sensitive = place
    body: dict[str, Any] = {}
    _put(
        body,
        re.sub(r"\*$", "any", sensitive.path).split("/"),
        value,
        dict([sensitive.when[number]] if sensitive.when else ()),
    )
    # These three stand in texts only, where JSON may write them in more than one way.
    other = f"\\{spelled}" if spelled == "/" else f"\\u{ord(spelled or ' '):04x}"
    text = compact(body).replace(spelled, other) if spelled else compact(body)
    table, row = Table(document_map.type, ("Id", "JSON"), document_map), ("X-1", text)
    with Spool() as spool:
        spool.begin(table)
        spool.add([row])
        ((_, _, packed),) = spool.rows(0)
        signs = Signs.of(table)
        if not signs.may_stand_in(packed) or not signs.stand_in(text):
            stored = to_body(table, row, body_text(table, row))
            assert open_stored(document_map, "X-1", stored, CIPHER, strict=False) is stored


@pytest.mark.parametrize("columns", [("Value",), ("Type",), ("IsSensitive",), ("Keys",)])
def test_secrets_in_columns_have_no_sign(columns: tuple[str, ...]) -> None:
    """
    Where a declared place, or what makes it one, is a column, every row of the table is looked into.
    """
    assert Signs.of(Table("Sample", ("Id", "JSON"), SAMPLE)).marks == ('"Sensitive"', '"IsSensitive"', '"Keys"')
    assert Signs.of(Table("Sample", ("Id", "JSON", *columns), SAMPLE)).marks is None


def _put(body: dict[str, Any], path: list[str], value: Any, siblings: dict[str, object]) -> None:
    *way, last = path
    here: Any = body
    for segment, after in zip(way, path[1:], strict=True):
        fresh: Any = [{}] if after == "*" else {}
        if segment == "*":
            here = here[0] if isinstance(here, list) else here.setdefault("any", fresh)
        else:
            here = here.setdefault(segment, fresh)
    here.update({last: value, **siblings})
