"""
Where do secrets stand in clear? The one search for them, in every spelling in which people and programs write them.

The only user of ahocorasick_rs. Reports where, never what. Not here: what is done about it.

Both sides are compared in their *plain spelling*: without white space and backslashes, escapes of JSON, URL and HTML
undone. So a key pasted without its line ends, or JSON inside JSON, is the same text as the secret itself.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

from ahocorasick_rs import BytesAhoCorasick, Implementation

SHORTEST = 8
"""Shorter secrets are words that stand everywhere: only a value that is nothing else counts."""
_SHORTEST_WORD = 4
_SHORTEST_NUMBER = 6
_NO_SECRETS = frozenset(b"true false none null default password secret enabled disabled".split())
"""What stands everywhere for reasons of its own."""
_LONGEST_WORD, _LONGEST_NUMBER, _FEW_SIGNS = 16, 12, 5
# The automaton knows a piece of each alone, since a certificate's plaintext has thousands of bytes.
_NEEDLE = 16
_LONG = 1024
_PIECE = 1 << 18
"""How much is searched at once: a text that hits everywhere must not fill the memory with hits."""
_LONGEST_PARTED = 1 << 18
_MOST_PARTS = 64
"""A text with more secrets in it is taken for one as a whole."""

_SEALED = re.compile(rb'"\$(?:secret|fingerprint)(?:": "|:)[A-Za-z0-9+/=]*"')
_SEALED_WORDS = frozenset(("$secret", "$fingerprint"))
_SEALED_KEYS = tuple(f"{word}:" for word in sorted(_SEALED_WORDS))
_UNICODE = re.compile(rb"(?<!\\)(?:\\+u[0-9a-fA-F]{4})+")
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")
_ENTITY = re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});")
_CONTROL = re.compile(rb"(?<!\\)\\+[nrtbf]")
_DROPPED = b"\\ \t\r\n\x08\x0b\x0c"
_DROPPED_COARSELY = _DROPPED + b"nrtbf"
_TIMES = 3
_HEX = re.compile(rb"[0-9a-fA-F-]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_RUN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-")
_PEM = re.compile(rb"-----BEGIN[^-]*-----([^-]+)-----END")


def plain_spelling(content: bytes) -> bytes:
    """
    Return a text without whatever one way to write it adds; equal for all ways to write the same.
    """
    return _CONTROL.sub(b"", _unescaped(content)).translate(None, _DROPPED)


def _coarse(content: bytes) -> bytes:
    """
    Return what is left of a plain spelling without the letters of escapes too: found twenty times as quickly.

    Where one text has another in its plain spelling, it has it in this one.
    """
    return _unescaped(content).lower().translate(None, _DROPPED_COARSELY)


def _unescaped(content: bytes) -> bytes:
    if b"\\u" in content:
        content = _UNICODE.sub(_characters, content)
    content = _undone(content, b"%", _PERCENT, _byte)
    return _undone(content, b"&", _ENTITY, _entity)


def _undone(content: bytes, sign: bytes, pattern: re.Pattern[bytes], put: Callable[[re.Match[bytes]], bytes]) -> bytes:
    for _ in range(_TIMES):
        if sign not in content:
            break
        before, content = content, pattern.sub(put, content)
        if before == content:
            break
    return content


def _characters(found: re.Match[bytes]) -> bytes:
    codes = [int(code, 16).to_bytes(2, "little") for code in re.findall(rb"u([0-9a-fA-F]{4})", found[0])]
    return b"".join(codes).decode("utf-16-le", "surrogatepass").encode("utf-8", "surrogatepass")


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes((int(found[1], 16),))


def _entity(found: re.Match[bytes]) -> bytes:
    return html.unescape(found[0].decode("ascii")).encode("utf-8", "surrogatepass")


def is_strong(plain: str) -> bool:
    """
    Return whether a secret is no word or number that may stand in any text for reasons of its own.
    """
    text = plain.strip()
    if len(plain_spelling(_bytes(text))) < SHORTEST or len(set(text)) < _FEW_SIGNS:
        return False
    if text.isdigit():
        return len(text) >= _LONGEST_NUMBER
    word = text.isalpha() and (text.islower() or text.isupper() or text.istitle())
    return not word or len(text) >= _LONGEST_WORD


def is_looked_for(plain: str) -> bool:
    """
    Return whether a secret is looked for at all: the shortest words are not, nor what is a setting's usual value.
    """
    text = plain_spelling(_bytes(plain))
    if text.isdigit():
        return len(text) >= _SHORTEST_NUMBER
    return len(text) >= _SHORTEST_WORD and text.lower() not in _NO_SECRETS


class _Form(NamedTuple):
    """
    One spelling of one secret. ``folded``: the letters' case says nothing; ``encoded``: base64, of which the
    neighbouring letters may be part; ``word``: only a value that is nothing else.
    """

    secret: int
    text: bytes
    folded: bool = False
    encoded: bool = False
    word: bool = False


class LeakGuard:
    """
    Searches files and texts for the secrets of one run.
    """

    def __init__(self, plaintexts: Iterable[str]) -> None:
        secrets = sorted({item for item in plaintexts if is_looked_for(item)})
        self._all = [form for number, plain in enumerate(secrets) for form in _forms(number, plain)]
        self._whole = {plain_spelling(_bytes(plain)) for plain in secrets}
        coarse = {_middle(_coarse(form.text))[1] for form in self._all}
        # What is nothing but letters of escapes leaves nothing to look for, so that every file is looked at closely.
        self._filter = _automaton(coarse) if coarse and b"" not in coarse else None

    def __repr__(self) -> str:
        return "LeakGuard(...)"

    @cached_property
    def _needles(self) -> dict[bytes, list[_Form]]:
        needles: dict[bytes, list[_Form]] = {}
        for form in self._all:
            needles.setdefault(_middle(form.text)[1].lower(), []).append(form)
        return needles

    @cached_property
    def _exact(self) -> tuple[BytesAhoCorasick, list[list[_Form]]]:
        # Most runs never need it.
        return _automaton(self._needles), list(self._needles.values())

    def finds(self, content: bytes) -> bool:
        """
        Return whether a secret stands in a file; sealed values that look alike by chance do not count.
        """
        if not self._may_stand_in(content):
            return False
        return next(self._hits(plain_spelling(_SEALED.sub(b"", content))), None) is not None

    def _may_stand_in(self, content: bytes) -> bool:
        if self._filter is None:
            return bool(self._all)
        coarse = _coarse(content)
        pieces = range(0, len(coarse), _PIECE)
        return any(self._filter.find_matches_as_indexes(coarse[at : at + _PIECE + _NEEDLE - 1]) for at in pieces)

    def hits(self, content: bytes) -> frozenset[int]:
        """
        Return which secrets stand in a file, each as a number; sealed values do not count.
        """
        return frozenset(form.secret for form, _ in self._hits(plain_spelling(_SEALED.sub(b"", content))))

    def hits_in(self, value: Any) -> frozenset[int]:
        """
        Return which secrets stand in the texts and keys of a JSON value, sealed ones left out.

        Text by text: what only the signs between two of them spell is none.
        """
        return frozenset[int]().union(
            *(self.hits(f'"{text}"'.encode("utf-8", "surrogatepass")) for text in _texts(value))
        )

    def is_one(self, text: str) -> bool:
        """
        Return whether a text is nothing but a secret.
        """
        return plain_spelling(_bytes(text)) in self._whole

    def parts(self, text: str) -> list[tuple[int, int]]:
        """
        Return where secrets stand in a text, as start and end: the whole text where it is very long or has very many.
        Words do not count.
        """
        if len(text) > _LONGEST_PARTED:
            return [(0, len(text))] if self._first(text) is not None else []
        found: list[tuple[int, int]] = []
        at = 0
        while (form := self._first(rest := text[at:])) is not None:
            if len(found) >= _MOST_PARTS:
                return [(0, len(text))]
            start, end = _extent(rest, form)
            found.append((at + start, at + end))
            at += end
        return found

    def _first(self, text: str) -> _Form | None:
        strong = [(at, -len(form.text), form) for form, at in self._hits(plain_spelling(_bytes(text))) if not form.word]
        return min(strong)[2] if strong else None

    def _hits(self, content: bytes) -> Iterator[tuple[_Form, int]]:
        if not self._all:
            return
        automaton, known = self._exact
        lowered = content.lower()
        # Pieces overlap by a needle, which may lie across a border.
        for begin in range(0, len(content), _PIECE):
            piece = lowered if len(content) <= _PIECE else lowered[begin : begin + _PIECE + _NEEDLE - 1]
            for index, start, _ in automaton.find_matches_as_indexes(piece, overlapping=True):
                for form in known[index]:
                    at = begin + start - _middle(form.text)[0]
                    if at >= 0 and (lowered if form.folded else content).startswith(form.text, at):
                        yield form, at


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        # What is sealed is no text of the document.
        if len(value) == 1 and not _SEALED_WORDS.isdisjoint(value):
            return
        for key, item in value.items():
            if not key.startswith(_SEALED_KEYS):
                yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _automaton(needles: Iterable[bytes]) -> BytesAhoCorasick:
    # A full table of states would be a third faster, and nine times as large.
    return BytesAhoCorasick(list(needles), implementation=Implementation.ContiguousNFA)


def _middle(text: bytes) -> tuple[int, bytes]:
    """
    Return where the middle of a text begins, and it: how keys and certificates begin is the same for all of them.
    """
    at = max(0, (len(text) - _NEEDLE) // 2)
    return at, text[at : at + _NEEDLE]


def _extent(text: str, form: _Form) -> tuple[int, int]:
    """
    Return the smallest part of a text that has a form in it.
    """

    def holds(start: int, end: int) -> bool:
        spelling = plain_spelling(_bytes(text[start:end]))
        return form.text in (spelling.lower() if form.folded else spelling)

    low, end = 0, len(text)
    while end - low > 1:
        middle = (low + end) // 2
        low, end = (low, middle) if holds(0, middle) else (middle, end)
    start, high = 0, end
    while high - start > 1:
        middle = (start + high) // 2
        start, high = (middle, high) if holds(middle, end) else (start, middle)
    if form.encoded:
        while start and text[start - 1] in _RUN:
            start -= 1
        while end < len(text) and text[end] in _RUN:
            end += 1
    return start, end


def _forms(number: int, plain: str) -> Iterator[_Form]:
    spelling = plain_spelling(_bytes(plain))
    if not is_strong(plain):
        yield _Form(number, b'"' + spelling + b'"', word=True)
        return
    texts = {spelling}
    if (pem := _PEM.search(spelling)) is not None:
        texts.add(pem[1])
    if any(sign.isspace() for sign in plain.strip()):
        # As forms on the web write a blank.
        texts.add(plain_spelling(re.sub(rb"\s", b"+", _bytes(plain.strip()))))
    if (decoded := _decoded(spelling)) is not None:
        texts.add(decoded)
    for text in sorted(text for text in texts if len(text) >= SHORTEST):
        folded = _HEX.fullmatch(text) is not None
        yield _Form(number, text.lower() if folded else text, folded=folded)
    for raw in sorted({_bytes(plain), _bytes(plain.strip())}):
        yield _Form(number, raw.hex().encode(), folded=True)
        for source in (
            (raw,)
            if len(raw) > _LONG
            else (raw, raw.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass"))
        ):
            for text in _encoded(source):
                yield _Form(number, text, encoded=True)


def _encoded(raw: bytes) -> set[bytes]:
    """
    Return what of base64 tells a text wherever it begins in the groups of three bytes, in both alphabets.
    """
    found = set()
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + raw).rstrip(b"=")
        # What the neighbours on either side have a share in is left out.
        sure = text[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        found |= {sure, sure.translate(bytes.maketrans(b"+/", b"-_"))}
    return {text for text in found if len(text) > SHORTEST}


def _decoded(spelling: bytes) -> bytes | None:
    if len(spelling) % 4 or _BASE64.fullmatch(spelling) is None:
        return None
    try:
        text = base64.b64decode(spelling, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return (
        plain_spelling(_bytes(text)) if is_strong(text) and all(c.isprintable() or c.isspace() for c in text) else None
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
