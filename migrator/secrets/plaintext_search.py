"""
The last look before anything is written: does a secret's plaintext stand in it?

The only user of ahocorasick_rs. Reports where, never what.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from ahocorasick_rs import BytesAhoCorasick, Implementation

SHORTEST = 8
"""Shorter secrets are words that stand everywhere; they are not searched for."""
# The automaton knows beginnings alone, since a certificate's plaintext has thousands of bytes.
_PREFIX = 12
_PIECE = 1 << 18
"""How much is searched at once: a text that hits everywhere must not fill the memory with hits."""
_SEALED = re.compile(rb'"\$(?:secret|fingerprint)": "[A-Za-z0-9+/=]*"')


class LeakGuard:
    """
    Searches files for the plaintexts of one run, in the forms in which they could stand in a file.
    """

    def __init__(self, plaintexts: Iterable[str]) -> None:
        forms: dict[bytes, set[bytes]] = {}
        for plain in plaintexts:
            if len(plain.strip()) >= SHORTEST:
                for form in _forms(plain):
                    forms.setdefault(form[:_PREFIX], set()).add(form)
        self._forms = [tuple(sorted(known)) for known in forms.values()]
        # A full table of states would be a third faster, and nine times as large.
        self._automaton = BytesAhoCorasick(list(forms), implementation=Implementation.ContiguousNFA) if forms else None

    def __repr__(self) -> str:
        return "LeakGuard(...)"

    def finds(self, content: bytes) -> bool:
        """
        Return whether a plaintext stands in *content*; sealed values that look alike by chance do not count.
        """
        return self._hit(content) and self._hit(_SEALED.sub(b"", content))

    def _hit(self, content: bytes) -> bool:
        if self._automaton is None:
            return False
        # Pieces overlap by a beginning, which may lie across a border.
        for begin in range(0, len(content), _PIECE):
            piece = content if len(content) <= _PIECE else content[begin : begin + _PIECE + _PREFIX - 1]
            for index, start, _ in self._automaton.find_matches_as_indexes(piece, overlapping=True):
                if any(content.startswith(form, begin + start) for form in self._forms[index]):
                    return True
        return False


def _forms(plain: str) -> set[bytes]:
    # Also as text of JSON inside a text of JSON, as an extension's settings and step packages keep it.
    once = json.dumps(plain, ensure_ascii=False)[1:-1]
    return {text.encode("utf-8", "surrogatepass") for text in (plain, once, json.dumps(once, ensure_ascii=False)[1:-1])}
