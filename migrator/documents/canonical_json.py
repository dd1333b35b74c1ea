"""
Values to canonical bytes and back: the same value always gives the same bytes.

UTF-8, LF, two blanks of indentation, a final line end; keys in code-point order, except that the keys named as
``first`` lead the outermost object. Numbers keep their own text (``1.10`` stays ``1.10``), big integers stay whole,
lone surrogates survive as escapes. Not here: what a document means.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from json.encoder import encode_basestring
from typing import Any

import orjson

# Without the last two orjson writes whatever has fields, and a secret that nobody sealed has: its plaintext is one.
_OPTIONS = (
    orjson.OPT_INDENT_2
    | orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)
_LONGEST_INT = 18
DEEPEST = 200
"""Levels of nesting that are read: the server's own libraries stop at 64, and each walk over a document at 400."""


class Number:
    """
    A JSON number with a fraction, an exponent or very many digits, kept as the text it had.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Number({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class TooDeep(ValueError):
    """
    A JSON text is nested deeper than is allowed.
    """


def decode(text: str | bytes, deepest: int = DEEPEST) -> Any:
    """
    Return the value of a JSON text; fractions and exponents come as ``Number``.

    Raises:
        TooDeep: objects and lists are nested deeper than *deepest*.
        ValueError: not JSON (``NaN`` and ``Infinity`` are not).
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        value = _decoder.decode(text)
    except RecursionError:
        raise _too_deep(deepest) from None
    # Without that many brackets it cannot be, which is seen without looking at each value.
    if text.count("{") + text.count("[") > deepest and _is_deeper(value, deepest):
        raise _too_deep(deepest)
    return value


def _too_deep(deepest: int) -> TooDeep:
    return TooDeep(f"the JSON is nested more than {deepest} levels deep")


def _is_deeper(value: Any, deepest: int) -> bool:
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(deepest):
        level = _containers(level)
        if not level:
            return False
    return True


def indentation(value: Any) -> int:
    """
    Return how many bytes of blanks the canonical form of *value* has before its lines.
    """
    level, depth, size = [value], 0, 0
    while level:
        depth += 1
        size += 2 * depth * sum(map(len, level))
        level = _containers(level)
    return size


def _containers(level: list[Any]) -> list[Any]:
    return [
        item
        for above in level
        for item in (above.values() if type(above) is dict else above)
        if type(item) is dict or type(item) is list
    ]


def encode(value: Any, first: Sequence[str] = ()) -> bytes:
    """
    Return the canonical bytes of *value*; a value has only dicts with text keys, lists, text, numbers, booleans, None.

    Raises:
        TypeError: another kind of value.
    """
    if isinstance(value, dict) and first and len(value) > 1:
        head = {key: value[key] for key in first if key in value}
        if head:
            rest = {key: item for key, item in value.items() if key not in head}
            return _spliced(head, rest)
    return _encode(value) + b"\n"


def encode_ordered(value: Any) -> bytes:
    """
    Return the bytes of *value* with its keys in the order they have, and no line end at the end.

    Raises:
        TypeError: another kind of value than ``encode`` takes.
    """
    try:
        # As they are: a foreign form has the order of its classes, and a row's JSON keeps the order it had.
        return orjson.dumps(value, default=_fragment, option=_OPTIONS & ~orjson.OPT_SORT_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        return _to_bytes("".join(_written(value, "\n", list)))


def _spliced(head: dict[str, Any], rest: dict[str, Any]) -> bytes:
    # orjson sorts every key, so those that lead are written alone and cut out of their braces.
    lines = b",\n".join(b"  " + _encode({key: item})[4:-2] for key, item in head.items())
    if not rest:
        return b"{\n" + lines + b"\n}\n"
    return b"{\n" + lines + b",\n" + _encode(rest)[2:] + b"\n"


def _encode(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_fragment, option=_OPTIONS)
    except (TypeError, orjson.JSONEncodeError):
        # Integers above 64 bits, lone surrogates and deep nesting: rare, so the slow way is good enough.
        return _to_bytes("".join(_written(value, "\n")))


def _fragment(value: Any) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _to_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text).encode("utf-8")


def _written(value: Any, newline: str, order: Callable[[Iterable[str]], list[str]] = sorted) -> list[str]:
    """
    Return the pieces of *value*'s text, byte for byte as the fast encoder would write them.
    """
    if isinstance(value, dict):
        return _object(value, newline, order)
    if isinstance(value, list):
        inner = newline + "  "
        items = [piece for item in value for piece in ("," + inner, *_written(item, inner, order))]
        return ["[" + inner, *items[1:], newline + "]"] if items else ["[]"]
    return [_scalar(value)]


def _object(value: dict[str, Any], newline: str, order: Callable[[Iterable[str]], list[str]]) -> list[str]:
    inner = newline + "  "
    pieces: list[str] = []
    for key in order(value):
        # Other scripts' letters as they are, as orjson leaves them.
        pieces += ("," + inner, encode_basestring(key), ": ", *_written(value[key], inner, order))
    return ["{" + inner, *pieces[1:], newline + "}"] if pieces else ["{}"]


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Number):
        return value.text
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _integer(text: str) -> int | Number:
    # Python converts no number of more than 4300 digits, and would make 0 of -0.
    return int(text) if len(text) < 4000 and text != "-0" else Number(text)


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


# parse_int is set only for the sake of integers longer than Python converts; see `decode`.
_decoder = json.JSONDecoder(parse_float=Number, parse_constant=_refuse, parse_int=_integer)


def is_utf8(text: str) -> bool:
    """
    Return whether a text has a UTF-8 form, which half a character (a lone surrogate) has not.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
