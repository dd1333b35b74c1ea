"""
Secrets that stand in clear in the database: found place by place, and sealed as they stand.

Not here: secrets that the database holds encrypted (sealing.py), and how one is found in a text (plaintext_search.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from migrator.documents.document import Body, element_names, places, spelled
from migrator.maps.document_map import DocumentMap
from migrator.maps.shared import NEVER_SEALED
from migrator.secrets.ciphers import find_ciphertexts
from migrator.secrets.plaintext_search import LeakGuard, is_strong
from migrator.secrets.sealing import MixedText, Opaque, SecretText

MOST = 20
"""Findings of one document that are told one by one."""


class Plaintext(Enum):
    """
    What becomes of a secret that stands in clear in the database: sealed in the tree, written as it is, or a stop.
    """

    SEAL = "seal"
    WARN = "warn"
    STOP = "stop"


class Finding(NamedTuple):
    """
    A place of a document with something to tell of it, never its value.
    """

    path: str
    message: str


SEALED = "a secret stands here in clear in the database; the tree has it sealed. Use a sensitive variable"
SHOWN = "a secret stands here in clear in the database, and in the tree. Use a sensitive variable, or change the secret"
NAMED = (
    "a secret stands in clear in a name, an id or a key, which are not sealed: the tree shows it. Rename it, or change "
    "the secret"
)
SEALED_AS_IT_IS = {
    Opaque.DECLARED: "this secret does not open under the master key; the tree has it sealed as it is. Enter it anew "
    "on the server",
    Opaque.ELSEWHERE: "this looks like an encrypted value but does not open under the master key; the tree has it "
    "sealed as it is",
    Opaque.KEY: "a key here looks like an encrypted value; the tree has it sealed as it is",
}


def bounded(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """
    Return the findings of one document, of very many only the first and how many more there are.
    """
    if len(findings) <= MOST:
        return tuple(findings)
    return (*findings[:MOST], Finding("", f"{len(findings) - MOST} more places of this document are like those"))


def seal_exposed(document_map: DocumentMap, body: Body, guard: LeakGuard, *, seal: bool) -> tuple[Body, list[Finding]]:
    """
    Return an opened document with the secrets that stand in clear in it as ``SecretText``, and the places of these.

    Without *seal* it stays as it is. Names, ids, keys and enumerations always do.
    """
    kept = frozenset(place.path for pattern in _kept(document_map) for place in places(body, pattern))
    walk = _Walk(guard, kept, seal)
    exposed: Body = walk.value(body, (), ())
    return exposed, walk.found


def _kept(document_map: DocumentMap) -> set[str]:
    own = {*document_map.key, *document_map.match_key, *document_map.told_apart_by, document_map.name_property}
    own |= {item.path for item in (*document_map.references, *document_map.inner)}
    return own - {""} | ({document_map.owner} if document_map.owner else set())


@dataclass
class _Walk:
    guard: LeakGuard
    kept: frozenset[tuple[str, ...]]
    seal: bool
    found: list[Finding] = field(default_factory=list)

    def value(self, value: Any, path: tuple[str, ...], shown: tuple[str, ...]) -> Any:
        if isinstance(value, str):
            return self._text(value, path, shown)
        if isinstance(value, MixedText):
            parts = [self._text(part, path, shown) if isinstance(part, str) else part for part in value.parts]
            return _mixed(parts)
        if isinstance(value, dict):
            return {
                key: self.value(item, (*path, key), (*shown, self._key(key, at, shown)))
                for at, (key, item) in enumerate(value.items())
            }
        if isinstance(value, list):
            names = element_names(value)
            return [
                self.value(item, (*path, n), (*shown, self._shown(n, at)))
                for at, (n, item) in enumerate(zip(names, value, strict=True))
            ]
        return value

    def _key(self, key: str, at: int, shown: tuple[str, ...]) -> str:
        name = self._shown(key, at)
        if name != key and not find_ciphertexts(key):
            self.found.append(Finding(spelled((*shown, name)), NAMED))
        return name

    def _shown(self, name: str, at: int) -> str:
        # A path is told to people, so that a key that holds a secret must not stand in it.
        return f"key {at + 1}" if self.guard.parts(name) or find_ciphertexts(name) else name

    def _text(self, text: str, path: tuple[str, ...], shown: tuple[str, ...]) -> Any:
        whole = self.guard.is_one(text)
        parts = [(0, len(text))] if whole else self.guard.parts(text)
        if not parts:
            return text
        if path in self.kept or any(segment.lower().endswith(NEVER_SEALED) for segment in path):
            # That a name is also somebody's weak password says nothing.
            if is_strong(text):
                self.found.append(Finding(spelled(shown), NAMED))
            return text
        self.found.append(Finding(spelled(shown), SEALED if self.seal else SHOWN))
        if not self.seal:
            return text
        if parts == [(0, len(text))]:
            return SecretText(text, encrypted=False)
        pieces: list[Any] = []
        end = 0
        for start, stop in parts:
            pieces += (text[end:start], SecretText(text[start:stop], encrypted=False))
            end = stop
        return MixedText((*pieces, text[end:]))


def _mixed(parts: list[Any]) -> MixedText:
    flat: list[Any] = []
    for part in parts:
        flat += part.parts if isinstance(part, MixedText) else (part,)
    return MixedText(tuple(flat))
