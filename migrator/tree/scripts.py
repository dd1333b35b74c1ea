"""
Scripts of a tree put back into their documents: links replaced by the file's text, edited copies taken over.

A script file belongs to a document when its name is the one an export gives it; nothing is parsed out of the name.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field

from migrator.documents.document import Body, Place, places, spelled
from migrator.documents.scripts import LINK, find_scripts, script_owner
from migrator.errors import OperatorError
from migrator.maps.document_map import DocumentMap
from migrator.tree.values import Problem


@dataclass
class ScriptFiles:
    """
    Puts scripts back and remembers which files it ``used``; what is wrong goes to ``problems``.
    """

    paths: Container[str]
    read: Callable[[str], bytes]
    problems: list[Problem]
    used: set[str] = field(default_factory=set)

    def follow_links(self, document_map: DocumentMap, body: Body, file: str) -> None:
        """
        Replace each link to a script by the script, in place; do it before secrets are opened.
        """
        for pattern in document_map.scripts:
            for place in places(body, f"{pattern}/*"):
                if isinstance(place.value, dict) and set(place.value) == {LINK}:
                    self._follow(place, file)

    def _follow(self, place: Place, file: str) -> None:
        name = place.value[LINK]
        at = spelled(place.path)
        # A tree is hostile: a path would read a file that is none of it.
        if not isinstance(name, str) or not name or "/" in name or "\\" in name:
            self.problems.append(Problem(file, at, "a link to a script names a file of the same folder, nothing else"))
            return
        path = _beside(file, name)
        if path not in self.paths:
            self.problems.append(
                Problem(file, at, f"the script file {name} is missing; put it back beside the document")
            )
            return
        text = self._text(path)
        if text is not None:
            place.container[place.key] = text

    def take_edited(self, document_map: DocumentMap, body: Body, file: str) -> tuple[str, ...]:
        """
        Put the script files that differ from the body's copy into the body; return their paths.

        Files that differ only in line ends are copies: git may have changed these at checkout.
        """
        edited = []
        for script in find_scripts(document_map, body, script_owner(file.rpartition("/")[2])):
            path = _beside(file, script.file)
            # A link that was followed has put the file's text in already.
            linked = path in self.used
            text = self._text(path) if path in self.paths and not linked else None
            if text is not None and _lines(text) != _lines(script.text):
                script.place.container[script.place.key] = text
                edited.append(path)
        return tuple(edited)

    def _text(self, path: str) -> str | None:
        self.used.add(path)
        try:
            return self.read(path).decode("utf-8")
        except UnicodeDecodeError:
            self.problems.append(Problem(path, "", "the script is not UTF-8; save it as UTF-8"))
        except OperatorError as error:
            self.problems.append(Problem(path, "", str(error)))
        return None


def _beside(file: str, name: str) -> str:
    folder = file.rpartition("/")[0]
    return f"{folder}/{name}" if folder else name


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")
