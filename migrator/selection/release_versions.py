"""
Which releases an expression chooses: one version, a range ``a-b``, or ``*``. Pure.

A hyphen also stands inside versions (``1.0.0-beta.1``), so a text that is a release's very version is that release;
else it is cut where both sides are versions. Versions are compared by the rules of semver.org where both are semantic
(up to four numbers), else as the collation orders texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from migrator.errors import UsageError
from migrator.maps.natural_keys import fold

_SEMANTIC = re.compile(r"v?(\d+(?:\.\d+){0,3})(?:-([0-9a-z.-]+))?(?:\+[0-9a-z.-]*)?", re.IGNORECASE)
_LONGEST = 1000
"""No version is as long; more digits than some thousand are none that ``int`` takes."""
# In a range each side has a dot, else the hyphen of 1.0.0-2 could be the range's.
_DOTTED = re.compile(r"v?\d+(\.\d+){1,3}(-[0-9a-z][0-9a-z.-]*)?(\+[0-9a-z.-]+)?", re.IGNORECASE)


def check_versions(expression: str) -> None:
    """
    Say what is wrong with an expression that needs no release to be seen.

    Raises:
        UsageError: a range with one end, or whose ends are the wrong way round.
    """
    text = expression.strip()
    if text.startswith("-") or text.endswith("-"):
        raise UsageError(f"--releaseVersion {expression} is not a range; write both ends, as 1.0.0-1.9.0")
    cuts = _cuts(text)
    if len(cuts) == 1 and _compare(*cuts[0]) > 0:
        first, last = cuts[0]
        raise UsageError(
            f"--releaseVersion {expression} is not a range: {first} comes after {last}; write it as {last}-{first}"
        )


def chooser(expression: str, known: Iterable[str]) -> Callable[[str], bool]:
    """
    Return whether a version is chosen; *known* are the versions that there are.

    Raises:
        UsageError: no such version, or a text that could be several ranges.
    """
    text = expression.strip()
    if text in ("", "*"):
        return lambda version: True
    check_versions(text)
    versions = {fold(version) for version in known}
    if fold(text) in versions:
        return lambda version: fold(version) == fold(text)
    cuts = _cuts(text) or _plain_cuts(text)
    if not cuts:
        raise UsageError(f"there is no release {text} of these projects; * exports all, --ignore-history none")
    both = [cut for cut in cuts if fold(cut[0]) in versions and fold(cut[1]) in versions]
    if len(cuts) > 1 and len(both) != 1:
        shown = " or ".join(f"{first} to {last}" for first, last in cuts)
        raise UsageError(f"--releaseVersion {text} may mean {shown}; write blanks around the hyphen of the range")
    first, last = (both or cuts)[0]
    if _compare(first, last) > 0:
        raise UsageError(f"--releaseVersion {text} is not a range: {first} comes after {last}")
    return lambda version: _compare(first, version) <= 0 <= _compare(last, version)


def _cuts(text: str) -> list[tuple[str, str]]:
    """
    Return where a text can be cut into two semantic versions.
    """
    first, blank, last = text.partition(" - ")
    if blank:
        return [(first.strip(), last.strip())]
    sides = [(text[:at].strip(), text[at + 1 :].strip()) for at, sign in enumerate(text) if sign == "-"]
    return [(first, last) for first, last in sides if _DOTTED.fullmatch(first) and _DOTTED.fullmatch(last)]


def _plain_cuts(text: str) -> list[tuple[str, str]]:
    if text.count("-") != 1 or _DOTTED.fullmatch(text):
        return []
    first, _, last = text.partition("-")
    return [(first.strip(), last.strip())] if first.strip() and last.strip() else []


def _compare(one: str, other: str) -> int:
    mine, theirs = semantic(one), semantic(other)
    if mine is None or theirs is None:
        mine, theirs = (fold(one),), (fold(other),)
    return (mine > theirs) - (mine < theirs)


def semantic(version: str) -> tuple[Any, ...] | None:
    """
    Return a value that orders versions as semver.org does, ``None`` for a text that is no such version.
    """
    match = _SEMANTIC.fullmatch(version.strip())
    if match is None or len(version) > _LONGEST:
        return None
    numbers = [int(part) for part in match[1].split(".")]
    padded = tuple(numbers + [0] * (4 - len(numbers)))
    if match[2] is None:
        return (*padded, (1,))
    # A number comes before a word, and a release after all that lead to it.
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in match[2].split("."))
    return (*padded, (0, *parts))
