"""
What of a document may live in a git repository in place of the database: shapes, and where it says so.

Source: the vendor's reference of what configuration as code keeps where. Not here: what is told of it, and when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class InGit:
    """
    A property that says whether, and where; all places are names below it.

    ``sign`` is the name and value by which a document is such a one. ``always`` are the parts that live in git then;
    ``where`` further ones, each with the way to the flag that says so.
    """

    settings: str
    sign: tuple[str, str]
    always: tuple[str, ...]
    where: tuple[tuple[str, str], ...] = ()
    url: str = "Url"
    branch: str = "DefaultBranch"
    folder: str = "BasePath"


@dataclass(frozen=True)
class GitPlace:
    """
    Where a document's parts live; ``url`` is without a name or password.
    """

    parts: tuple[str, ...]
    url: str
    branch: str
    folder: str

    def __str__(self) -> str:
        *most, last = self.parts
        parts = f"{', '.join(most)} and {last}" if most else last
        return f"its {parts} live in git ({self.url}, branch {self.branch}, folder {self.folder})"


def place_in_git(in_git: InGit | None, body: Mapping[str, Any]) -> GitPlace | None:
    """
    Return where parts of a document live in git, ``None`` where none does.
    """
    settings = body.get(in_git.settings) if in_git is not None else None
    if in_git is None or not isinstance(settings, dict) or settings.get(in_git.sign[0]) != in_git.sign[1]:
        return None
    parts = (*in_git.always, *_further(in_git, settings))
    texts = (str(settings.get(name) or "unknown") for name in (in_git.url, in_git.branch, in_git.folder))
    url, branch, folder = texts
    return GitPlace(parts, without_login(url), branch, folder)


def _further(in_git: InGit, settings: Mapping[str, Any]) -> Iterator[str]:
    for part, way in in_git.where:
        value: Any = settings
        for name in way.split("/"):
            value = value.get(name) if isinstance(value, dict) else None
        if value is True:
            yield part


def without_login(url: str) -> str:
    """
    Return an address without the name and the password that may stand in it.
    """
    try:
        found = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    if not found.scheme or "@" not in found.netloc:
        return url
    return found._replace(netloc=found.netloc.rpartition("@")[2]).geturl()
