"""
Words for people that both programs need: counts with their noun, what somebody most likely meant, and texts from
elsewhere made fit to be shown. Pure.

What types of documents are called is in the maps.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_UNCOUNTED = ("history", "information", "settings")
_CUTOFF = 0.5


def plural(words: str) -> str:
    """
    Return what several of *words* are called: ``files``, ``proxies``, ``keys``, ``processes``, ``build information``.
    """
    if words.endswith(_UNCOUNTED):
        return words
    if words.endswith("y") and words[-2:-1] not in "aeiou":
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith(("s", "x", "z", "ch", "sh")) else f"{words}s"


def counted(number: int, words: str) -> str:
    """
    Return a number with its noun: ``1 file``, ``3 files``.
    """
    return f"{number} {words if number == 1 else plural(words)}"


def nearest(word: str, known: Iterable[str], limit: int = 1) -> list[str]:
    """
    Return at most *limit* of *known* that *word* most likely meant, best first.

    Only letters and digits are compared, blind to case.
    """
    by_plain: dict[str, str] = {}
    for name in known:
        by_plain.setdefault(plain(name), name)
    return [by_plain[found] for found in difflib.get_close_matches(plain(word), by_plain, limit, _CUTOFF)]


def did_you_mean(
    word: str,
    known: Iterable[str],
    otherwise: str = "",
    *,
    before: str = "; ",
    limit: int = 1,
    meaning: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """
    Return the question whether one of *known* was meant, after *before*; *otherwise* where nothing is near.

    *meaning* has what is to be told in place of a name.
    """
    near = [meaning.get(name, name) for name in nearest(word, known, limit)]
    hint = f"did you mean {' or '.join(near)}?" if near else otherwise
    return f"{before}{hint}" if hint else ""


def plain(word: str) -> str:
    """
    Return a word as words are compared here: its letters and digits in lower case.
    """
    return "".join(sign for sign in word.casefold() if sign.isalnum())


def escaped(text: str) -> str:
    """
    Return *text* with control and bidirectional characters as escapes: shown, never obeyed.
    """
    if text.isprintable():
        return text
    # U+3000 is the blank of Chinese and Japanese text, which Python does not count as printable.
    return "".join(c if c.isprintable() or c == "\u3000" else _escape(c) for c in text)


def _escape(char: str) -> str:
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return known.get(char) or (f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")


def escaped_lines(text: str) -> str:
    """
    Return a text of several lines, each as ``escaped`` gives it.
    """
    return text if text.isprintable() else "\n".join(map(escaped, text.split("\n")))
