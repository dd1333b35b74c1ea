"""
Inline scripts beside their document: which properties hold one, its file's name, its body.

The extension follows the script's declared syntax, or the property's own name. Source: action properties as seen in
real exports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from migrator.documents.canonical_json import is_utf8
from migrator.documents.document import Body, Place, holders, places
from migrator.documents.layout import bounded_segment
from migrator.maps.document_map import DocumentMap

BODY = "Octopus.Action.Script.ScriptBody"
SYNTAX = "Octopus.Action.Script.Syntax"
CUSTOM = "Octopus.Action.CustomScripts."
EXTENSIONS = {
    "powershell": "ps1",
    "bash": "sh",
    "python": "py",
    "csharp": "csx",
    "fsharp": "fsx",
}
LINK = "$file"
_EXTENSION = re.compile(r"(?!json$)[a-z0-9]{1,8}", re.IGNORECASE)
"""What a property's name may end in; documents alone are ``.json``."""


class InlineScripts(Enum):
    """
    What happens to a script that stands in a process.
    """

    COPY = "CopyToFiles"
    EXTRACT = "ExtractToFiles"
    LEAVE = "LeaveInline"

    @classmethod
    def parse(cls, text: str) -> InlineScripts:
        """
        Return the mode of that name, blind to case and hyphens.

        Raises:
            ValueError: there is none.
        """
        wanted = text.replace("-", "").lower()
        for mode in cls:
            if mode.value.lower() == wanted:
                return mode
        raise ValueError(f"inline scripts are one of {', '.join(mode.value for mode in cls)}")


@dataclass(frozen=True)
class Script:
    """
    One inline script: where it stands in the body, and its file's name.
    """

    place: Place
    file: str

    @property
    def text(self) -> str:
        """
        Return the script itself.
        """
        text: str = self.place.value
        return text


def find_scripts(document_map: DocumentMap, body: Body, owner: str) -> list[Script]:
    """
    Return the inline scripts of a document; *owner* is the name its files begin with. No two files are the same.
    """
    found: list[Script] = []
    taken: set[str] = set()
    for pattern in document_map.scripts:
        # Most processes have none, which is seen without the cost of naming every place.
        for holder in places(body, pattern) if _any_script(body, pattern) else ():
            found.extend(_scripts_of(body, holder, owner, taken))
    return found


def _any_script(body: Body, pattern: str) -> bool:
    return any(
        BODY in container[key] or any(name.startswith(CUSTOM) for name in container[key])
        for container, key in holders(body, pattern)
        if isinstance(container[key], dict)
    )


def _scripts_of(body: Body, holder: Place, owner: str, taken: set[str]) -> Iterator[Script]:
    properties = holder.value
    if not isinstance(properties, dict):
        return
    names = _step_names(body, holder.path)
    identity = "-".join(part.strip("[]") for part in holder.path[-2:-1]) or "script"
    # By name and not as they came: which of two equal names is numbered must not hang on the server's order.
    for key in sorted(properties):
        text, kind = properties[key], _kind(key, properties)
        # Half a character cannot be written as UTF-8; such a script stays in its document alone.
        if kind is None or not isinstance(text, str) or not text or not is_utf8(text):
            continue
        file = bounded_segment([owner, *names, kind[0]], identity, f".{kind[1]}")
        number = 0
        # Blind to case, since two files that differ in it alone are one on Windows and macOS.
        while file.lower() in taken:
            # Two steps of one name: each file says which action it is of.
            number += 1
            unique = f"{identity} {key}" + (f" {number}" if number > 1 else "")
            file = bounded_segment([owner, *names, f"{kind[0]} [{identity}]"], unique, f".{kind[1]}")
        taken.add(file.lower())
        yield Script(Place(properties, key, (*holder.path, key)), file)


def _kind(key: str, properties: dict[str, Any]) -> tuple[str, str] | None:
    if key == BODY:
        return "Script", EXTENSIONS.get(str(properties.get(SYNTAX) or "PowerShell").lower(), "txt")
    if key.startswith(CUSTOM):
        name, dot, extension = key[len(CUSTOM) :].rpartition(".")
        return (name, extension) if dot and _EXTENSION.fullmatch(extension) else (key[len(CUSTOM) :], "txt")
    return None


def _step_names(body: Body, path: tuple[str, ...]) -> list[str]:
    """
    Return the names of step and action on the way to a dictionary of properties.
    """
    names: list[str] = []
    value: Any = body
    for part in path:
        if isinstance(value, list):
            value = next((v for i, v in enumerate(value) if part in (str(i), f"[{_own_id(v)}]")), None)
            if isinstance(value, dict) and isinstance(value.get("Name"), str):
                names.append(value["Name"])
        elif isinstance(value, dict):
            value = value.get(part)
    return names


def _own_id(value: Any) -> Any:
    return value.get("Id") if isinstance(value, dict) else None


def script_owner(file: str) -> str:
    """
    Return the name that the script files of a document's file begin with: its owner's, as people know it.
    """
    base = file.removesuffix(".json")
    for ending in ("-DeploymentProcess", "-RunbookProcess"):
        base = base.removesuffix(ending)
    return base
