"""
Taking an import back: what its documents were before is kept in a file, sealed under the tree's password.

What the import made is deleted again, what it replaced gets its row back, column by column. The file is written before
the import is committed, and fits only what came of that import. Audit events stay, as does the count of ids.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from migrator.documents.canonical_json import decode, encode
from migrator.errors import OperatorError, UsageError
from migrator.plan.values import Outcome, Plan
from migrator.secrets.ciphers import KeyDerivation, PasswordCipher
from migrator.secrets.sealing import SecretsMode
from migrator.sql.target import Target
from migrator.sql.writer import Writer
from migrator.tree.metadata import Metadata

FORMAT = "octopus-migrator undo"
VERSION = 1
DELETED, RESTORED = "Deleted", "Restored"
_SHOWN = 10
_NOT_OURS = "the undo file was not written by this program, or was changed"


@dataclass(frozen=True)
class Kept:
    """
    One document that an import wrote: its row and edges before (``None``: it was not there), a digest of those after.
    """

    type: str
    id: str
    before: Mapping[str, Any] | None = field(repr=False)
    edges: tuple[tuple[str, str], ...]
    after: str


@dataclass(frozen=True)
class Undo:
    """
    All that one import wrote, in its order, and the identity of the server it wrote to.
    """

    server: str
    documents: tuple[Kept, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """
        Return how many documents of each type are deleted and restored by it.
        """
        counts: dict[str, dict[str, int]] = {}
        for item in self.documents:
            word = DELETED if item.before is None else RESTORED
            kinds = counts.setdefault(item.type, {})
            kinds[word] = kinds.get(word, 0) + 1
        return counts


class Keeper:
    """
    Keeps what one import is about to write over, within its transaction.
    """

    def __init__(self, plan: Plan, target: Target) -> None:
        self._plan, self._target = plan, target
        self._ids: list[tuple[str, str, bool]] = []
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}
        self._edges: dict[str, list[tuple[str, str]]] = {}

    def before(self, reserved: Mapping[int, str]) -> None:
        """
        Read the rows that are to be replaced; *reserved* are the new documents' ids by the numbers in their marks.
        """
        for decision in self._plan.decisions:
            if decision.final is not None:
                identity = self._plan.marks.settle(decision.target_id, reserved.__getitem__)
                made = decision.outcome is Outcome.CREATE
                self._ids.append((decision.document.map.type, identity, made))
        replaced = [(type_, identity) for type_, identity, made in self._ids if not made]
        self._rows = _rows(self._target, replaced)
        self._edges = self._target.edges(identity for _, identity in replaced)

    def after(self) -> Undo:
        """
        Return what takes back all that was written since.
        """
        rows = _rows(self._target, [(type_, identity) for type_, identity, _ in self._ids])
        edges = self._target.edges(identity for _, identity, _ in self._ids)
        return Undo(
            self._target.facts.name,
            tuple(
                Kept(
                    type_,
                    identity,
                    None if made else self._rows[type_, identity.lower()],
                    () if made else tuple(self._edges.get(identity, ())),
                    _digest(rows[type_, identity.lower()], edges.get(identity, ())),
                )
                for type_, identity, made in self._ids
            ),
        )


def _rows(target: Target, ids: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    by_type: dict[str, list[str]] = {}
    for type_, identity in ids:
        by_type.setdefault(type_, []).append(identity)
    return {
        (type_, identity.lower()): row
        for type_, some in by_type.items()
        for identity, row in target.rows(type_, some).items()
    }


def _digest(row: Mapping[str, Any], edges: Sequence[tuple[str, str]]) -> str:
    text = json.dumps([_plain(row), [list(edge) for edge in edges]], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in row.items()
    }


def _raw(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: base64.b64decode(value["$bytes"]) if isinstance(value, dict) else value for name, value in row.items()
    }


def write_undo(path: Path, undo: Undo, password: str) -> None:
    """
    Write the file, for its owner alone, whole or not at all; rows and secrets are sealed under *password*.

    Raises:
        OperatorError: it cannot be written.
    """
    cipher = PasswordCipher.from_password(password, KeyDerivation(os.urandom(16)))
    documents = [
        [item.type, item.id, None if item.before is None else _plain(item.before), item.edges, item.after]
        for item in undo.documents
    ]
    head = Metadata("", undo.server, SecretsMode.ENCRYPT, cipher.derivation, cipher.check)
    content = {
        "Format": FORMAT,
        "FormatVersion": VERSION,
        "Head": decode(head.to_bytes()),
        "Documents": undo.counts(),
        "Content": cipher.seal(json.dumps(documents), (FORMAT, undo.server)),
    }
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(encode(content, ("Format", "FormatVersion")))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise OperatorError(f"the undo file {path} cannot be written: {error.strerror}; nothing was imported") from None


def is_undo(content: bytes) -> bool:
    """
    Return whether a file says that it takes an import back.
    """
    try:
        value = decode(content)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("Format") == FORMAT


def read_undo(content: bytes, password: str | None) -> Undo:
    """
    Return what an undo file holds.

    Raises:
        UsageError: there is no password.
        SecretError: it is another one, or the content was changed.
        OperatorError: it is none of this program's.
    """
    if password is None:
        raise UsageError("an undo file is sealed under the tree's password: give --password-file or MIGRATOR_PASSWORD")
    try:
        value = decode(content)
        if value["FormatVersion"] != VERSION:
            raise OperatorError("the undo file is of another version of this program; use that one")
        head = Metadata.from_bytes(encode(value["Head"]))
        text = head.open_with(password).open(value["Content"], (FORMAT, head.server))
        documents = tuple(
            Kept(type_, identity, None if row is None else _raw(row), tuple((a, b) for a, b in edges), after)
            for type_, identity, row, edges, after in json.loads(text)
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OperatorError(_NOT_OURS) from None
    return Undo(head.server, documents)


def take_back(undo: Undo, target: Target, writer: Writer, *, force: bool = False) -> None:
    """
    Delete what the import made and restore what it replaced, in the target's open transaction.

    Raises:
        OperatorError: it was another server's, or its documents were changed since, or are used by others now; with
            *force* only the first.
    """
    if undo.server != target.facts.name:
        raise OperatorError("the undo file is of another server; nothing was taken back")
    touched = [(item.type, item.id) for item in undo.documents]
    rows, edges = _rows(target, touched), target.edges(identity for _, identity in touched)
    if not force:
        _check(undo, target, rows, edges)
    # Restored first, since what was replaced may refer to what was made.
    for item in undo.documents:
        now = rows.get((item.type, item.id.lower()))
        if item.before is not None and now is not None:
            # Only what differs: some columns are the server's own to fill.
            columns = {name: old for name, old in item.before.items() if name in now and now[name] != old}
            if columns:
                writer.restore(item.type, item.id, columns)
            if edges.get(item.id, []) != list(item.edges):
                writer.relate(item.type, {item.id: item.edges}, [item.id])
    made = [item for item in reversed(undo.documents) if item.before is None and target.has(item.type)]
    for type_, group in groupby(made, key=lambda item: item.type):
        ids = [item.id for item in group]
        writer.relate(type_, dict.fromkeys(ids, ()), ids)
        writer.remove(type_, ids)


def _check(
    undo: Undo,
    target: Target,
    rows: Mapping[tuple[str, str], Mapping[str, Any]],
    edges: Mapping[str, Sequence[tuple[str, str]]],
) -> None:
    changed = [
        f"{item.type} {item.id}"
        for item in undo.documents
        if (row := rows.get((item.type, item.id.lower()))) is None or _digest(row, edges.get(item.id, ())) != item.after
    ]
    if changed:
        raise OperatorError(
            f"{_some(changed)} changed since the import, or the import never was; nothing was taken back. "
            "Look at them, and give --force to lose those changes"
        )
    made = {item.id for item in undo.documents if item.before is None}
    users = sorted(target.users(made) - {item.id for item in undo.documents})
    if users:
        raise OperatorError(
            f"{_some(users)} came to use what the import made; nothing was taken back. Change them first, or give "
            "--force to leave their references dangling"
        )


def _some(names: Sequence[str]) -> str:
    def shown() -> Iterator[str]:
        yield from names[:_SHOWN]
        if len(names) > _SHOWN:
            yield f"{len(names) - _SHOWN} more"

    return ", ".join(shown())
