"""
The last look before anything is written: does a secret's plaintext stand in it?

The only user of pyahocorasick. Reports where, never what.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import ahocorasick

SHORTEST = 8
"""Shorter secrets are words that stand everywhere; they are not searched for."""
_PREFIX = 12
_SEALED = re.compile(r'"\$(?:secret|fingerprint)": "[A-Za-z0-9+/=]*"')


class LeakGuard:
    """
    Searches texts for the plaintexts of one run, in the forms in which they could stand in a file.
    """

    def __init__(self, plaintexts: Iterable[str]) -> None:
        self._whole: dict[str, list[str]] = {}
        for plain in plaintexts:
            if len(plain.strip()) >= SHORTEST:
                for form in _forms(plain):
                    known = self._whole.setdefault(form[:_PREFIX], [])
                    if form not in known:
                        known.append(form)
        self._automaton = ahocorasick.Automaton()
        for prefix in self._whole:
            self._automaton.add_word(prefix, prefix)
        if self._whole:
            self._automaton.make_automaton()

    def __repr__(self) -> str:
        return "LeakGuard(...)"

    def finds(self, content: bytes) -> bool:
        """
        Return whether a plaintext stands in *content*; sealed values that look alike by chance do not count.
        """
        if not self._whole:
            return False
        text = content.decode("utf-8", "surrogatepass")
        return self._hit(text) and self._hit(_SEALED.sub("", text))

    def _hit(self, text: str) -> bool:
        for end, prefix in self._automaton.iter(text):
            start = end - len(prefix) + 1
            if any(text.startswith(form, start) for form in self._whole[prefix]):
                return True
        return False


def _forms(plain: str) -> set[str]:
    once = json.dumps(plain, ensure_ascii=False)[1:-1]
    return {plain, once, json.dumps(once, ensure_ascii=False)[1:-1]}
