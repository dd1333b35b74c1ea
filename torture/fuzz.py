"""
One row at a time holds whatever a row can hold: every other document must come out as it was, and no secret in clear.

`make fuzz` runs it for as long as ``--seconds`` says; what it finds is printed as small as it can be made, and belongs
into a test. The suite runs a few of the same. Rows are changed in memory and not in a database, so that they
may hold what no driver of the embedded server would take.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from auditor.changes.commit_message import counted_only, message
from auditor.changes.outcomes import Change, Outcome
from migrator.documents.canonical_json import decode
from migrator.documents.document import DocumentId
from migrator.documents.file import File, check_path
from migrator.documents.layout import Layout
from migrator.export.read import look_at, reader_of
from migrator.export.render import Rendered, Renderer, RenderOptions
from migrator.export.spool import Spool
from migrator.export.stream import Stream
from migrator.maps import REGISTRY
from migrator.report import ReportedWarning
from migrator.secrets.ciphers import KeyDerivation, PasswordCipher, find_ciphertexts
from migrator.secrets.opened import OpenedSecrets
from migrator.secrets.plaintext_search import LeakGuard, is_strong
from migrator.secrets.sealing import RESERVED, SecretsMode, open_from_tree, sealer
from migrator.sql.reader import Names
from migrator.sql.rows import Row, RowLimits, Table
from tests.support.servers import CIPHER
from tests.support.templates import sample

PASSWORD = PasswordCipher.from_password("fuzz", KeyDerivation(b"fuzz", 2, 1, 1))
LIMITS = RowLimits(1 << 20, 1 << 20, 100)
DECOY = "A" * 22 + "==|" + "A" * 22 + "=="
SECRET = "Tr0ub4dor & 3 zebras"
"""A secret that the server is sure to have."""

_SEALED = CIPHER.seal(SECRET)
_HARD = [
    *("", " ", "\0", "a\0b", "..", "../../x", "/etc/passwd", ".git", "git~1", "con", "a/b", "a\\b", "x\nD x\ndone\n"),
    *("\ud800", "\udc00\ud800", "\u202etxt", "\x1b]0;x\x07", "\x85\u2028", "ß", "ſ", "K", "e\u0301", "x" * 300),
    *("\\" * 5000, "|" * 5000 + "==", "&#" * 2000, "%2" * 2000, "\\u00" * 2000, "[" * 300, "{}", "{dir}", "{0.x}"),
    *(_SEALED, DECOY, f"x {DECOY} y" * 40, _SEALED.replace("+", "\\u002B").replace("=", "\\u003D"), f"n{_SEALED}"),
    *(SECRET, f"it is {SECRET}!", SECRET.encode().hex(), f'{{"a": "{SECRET}"}}', "#{a}", "|a|b|", "Projects-1"),
    *("2024-01-01T00:00:00.0000000+00:00", "00000000-0000-0000-0000-000000000000", "true", "1e999", "-0"),
]
_NAMES = [
    *("Id", "Name", "Value", "Type", "SpaceId", "OwnerId", "ProjectId", "IsFrozen", "Version", "Variables", "Steps"),
    *(
        "Actions",
        "Properties",
        "Password",
        "SensitiveValue",
        "HasValue",
        "Scope",
        "$file",
        *sorted(RESERVED),
        "$secret:x",
    ),
]
texts = st.one_of(st.sampled_from(_HARD), st.text(st.characters(exclude_categories=()), max_size=30))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.sampled_from([10**3990, 10**4200]), texts
)
keys = st.one_of(st.sampled_from(_NAMES), texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=20,
)
depths = st.integers(min_value=1, max_value=1200).map(lambda n: '{"Deep": ' + "[" * n + "1" + "]" * n + "}")
raw = st.one_of(
    texts,
    depths,
    st.sampled_from(["{", "[]", "null", '{"a": NaN}', '{"a": 1, "a": 2}', '{"Id": {}}', "\ufeff{}", "{}{}"]),
)
columns = st.one_of(scalars, st.binary(max_size=30), st.sampled_from([b"\x1f\x8b", gzip.compress(b"{\0}\0" * 3)]))


@dataclass(frozen=True)
class Place:
    """
    One row of the server: the position of its table, and its own in it.
    """

    table: int
    row: int


class Server:
    """
    A server's rows in memory, and what they give when none was changed.
    """

    def __init__(self, database: Path) -> None:
        looked = look_at(f"sqlite:///{database}")
        self.tables: list[tuple[Table, list[Row]]] = []
        with reader_of(looked) as reader:
            for table in looked.schema.tables:
                self.tables.append((table, [row for batch in reader.batches(table) for row in batch]))
        looked.close()
        # One whose secret everybody knows.
        at, (table, rows) = next((n, item) for n, item in enumerate(self.tables) if item[0].map.type == "Account")
        body = json.loads(rows[0][-1]) | {"Password": _SEALED}
        rows[0] = (*rows[0][:-1], json.dumps(body))
        self.tables[at] = (table, rows)
        self.places = [Place(n, index) for n, (_, rows) in enumerate(self.tables) for index in range(len(rows))]

    @cached_property
    def usual(self) -> dict[DocumentId, tuple[File, ...]]:
        """
        Return the files of each document, as long as no row was changed.
        """
        rendered, stream = self.render(None, ())
        assert not stream.unreadable
        return {item.identity: item.files for item in rendered}

    def render(self, place: Place | None, changed: Row) -> tuple[list[Rendered], Stream]:
        """
        Return all documents, with one row in another one's place, and the stream that they came from.
        """
        clashes: set[tuple[str, str]] = set()
        with Spool() as spool:
            for position, (table, rows) in enumerate(self.tables):
                spool.begin(table)
                if place is not None and place.table == position:
                    rows = [*rows[: place.row], changed, *rows[place.row + 1 :]]
                names = Names(table)
                names.add(rows)
                clashes |= {(table.map.table, name) for name in names.clashing}
                spool.add(rows)
            secrets = OpenedSecrets(CIPHER)
            secrets.proven = True
            seal = sealer(SecretsMode.ENCRYPT, lambda: PASSWORD)
            renderer = Renderer(RenderOptions(limits=LIMITS), Layout(frozenset(clashes)), secrets, seal)
            stream = Stream(spool, renderer)
            stream.look_at_all()
            return list(stream.documents()), stream


def survive(server: Server, place: Place, changed: Row) -> None:
    """
    Raise ``AssertionError`` unless one changed row does no harm: to others, to the tree, to a secret, to a terminal.
    """
    table, rows = server.tables[place.table]
    own = DocumentId(table.map.type, str(rows[place.row][table.id_position]))
    rendered, stream = server.render(place, changed)
    known = {item.identity: item for item in rendered}
    guard = LeakGuard([SECRET])
    for identity, files in server.usual.items():
        if identity == own:
            continue
        assert identity in known, f"{identity} is not there any more"
        # Where it stands may follow from an owner's name; what it says may not, but for its secrets' seals.
        if known[identity].files[0].path == files[0].path:
            assert known[identity].files == files, f"{identity} is another document"
    for item in rendered:
        if item.identity in server.usual and item.files == server.usual[item.identity]:
            continue
        for file in item.files:
            check_path(file.path)
            assert item.findings or not guard.finds(file.content), f"{item.identity} shows a secret"
            assert not find_ciphertexts(file.content.decode("utf-8")), f"{item.identity} shows a ciphertext"
        opened = decode(item.files[0].content)
        open_from_tree(REGISTRY[item.identity.type], item.identity.id, opened, PASSWORD)
        told(ReportedWarning(found.path, found.path, found.message) for found in item.findings)
        words = counted_only([Change(item.identity.type, item.name, Outcome.CHANGED)])
        text = message(words, [("Server", "x")])
        assert text.replace("\n", "").isprintable()
    told(ReportedWarning(item.identity.id, item.path, item.message) for item in stream.unreadable)
    assert len(stream.unreadable) <= 1, stream.unreadable
    for left in stream.unreadable:
        check_path(left.files)
        assert "please report it" not in left.message, left.message


def told(warnings: Any) -> None:
    """
    Raise ``AssertionError`` unless warnings can be shown, and give nothing away.
    """
    for warning in warnings:
        words = (warning.document, warning.path, warning.message)
        assert all(word.isprintable() for word in words), words
        assert not any(is_strong(SECRET) and SECRET in word for word in words), words


@st.composite
def rows_of(draw: st.DrawFn, server: Server) -> tuple[Place, Row]:
    """
    Return a place, and what stands there in the place of its row.
    """
    place = draw(st.sampled_from(server.places))
    table, rows = server.tables[place.table]
    row = list(rows[place.row])
    body = table.body_positions[0]
    for _ in range(draw(st.integers(min_value=1, max_value=3))):
        if body is not None and draw(st.booleans()):
            row[body] = draw(st.one_of(raw, values.map(_text), _edited(row[body])))
        else:
            at = draw(st.integers(min_value=0, max_value=len(row) - 1))
            # Its id is the one thing by which a row is known to be this one.
            if at != table.id_position:
                row[at] = draw(columns)
    return place, tuple(row)


def _text(value: Any) -> str:
    return json.dumps(value)


def _edited(text: Any) -> st.SearchStrategy[str]:
    """
    Return texts of JSON in which something is another value than before.
    """
    try:
        before = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return st.just("{}")
    places = list(_places(before, ()))
    return st.builds(lambda at, value: _text(_put(before, at, value)), st.sampled_from(places or [()]), values)


def _places(value: Any, path: tuple[Any, ...]) -> Any:
    if isinstance(value, (dict, list)) and len(path) < 40:
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from _places(value[key], (*path, key))


def _put(value: Any, path: Sequence[Any], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _put(copy[path[0]], path[1:], new)
    return copy


def fuzz(server: Server, examples: int, number: int) -> None:
    """
    Try so many rows, the same ones for the same number; raises ``AssertionError`` with the smallest that does harm.
    """

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
    )
    @given(rows_of(server))
    def tried(changed: tuple[Place, Row]) -> None:
        survive(server, *changed)

    tried()


def main() -> int:
    """
    Run until the time is over.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None, help="the first seed; each round takes the next one")
    given_ = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(sample(Path(folder) / "server.db"))
        first = given_.seed if given_.seed is not None else random.SystemRandom().randrange(1 << 32)
        end, rounds = time.monotonic() + given_.seconds, 0
        while time.monotonic() < end:
            fuzz(server, 200, first + rounds)
            rounds += 1
            print(f"{rounds * 200} rows, seed {first + rounds - 1}: nothing found", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
