"""
Documents to paths. A document's path depends on that document and its owner alone, never on its neighbours.

Names are made safe for every file system; whenever that loses something, or the type's names need not be unique,
`` [Id]`` ends the name. Meaning is never parsed back out of a path.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import NamedTuple

from migrator.documents.document import Body
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, Role

SPACES = REGISTRY.of(Role.SPACE).folder
"""The folder of spaces, each of which is a folder of its own in it."""
NAME_CHARACTERS = 80
# File systems take 255 bytes; the rest is for what follows a name, as -DeploymentProcess.json.
NAME_BYTES = 180
# Windows refuses a path of more than 260 characters, in which several of these stand.
SEGMENT_CHARACTERS = 120
_ID_CHARACTERS = 44
_DEEPEST = 4
"""Owners above an owner: a runbook's project is one."""

# Windows's reserved signs, control characters, and half characters, which have no UTF-8.
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_PLAIN = re.compile(r"[A-Za-z0-9_(](?:[A-Za-z0-9 ._()&+,@#-]{0,78}[A-Za-z0-9_)])?")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_. -]{0,42}[A-Za-z0-9_-])?")
# Windows takes these for devices whatever their ending is, with superscript digits too; git~1 is its name for .git.
_DEVICE = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|git~\d+)\s*(\.|$)")
# A name that ends so by itself could be another document's name with its id behind it.
_ENDS_LIKE_ID = re.compile(r"\[[^\[\]]*\]$")


@dataclass(frozen=True, slots=True)
class OwnerPlace:
    """
    Where an owner's files are: its folder below the root, its name as a file, and what people call it.
    """

    directory: str
    name: str
    title: str = ""


def safe_name(name: str, identity: str, *, unique: bool = True, reserved: tuple[str, ...] = ()) -> str:
    """
    Return *name* as one segment of a path that every file system can hold.

    At most 80 characters and 180 bytes. Two different names of documents with different ids give different
    segments, also blind to case, provided that the names differ blind to case.
    """
    if (
        unique
        and _PLAIN.fullmatch(name)
        and not _DEVICE.match(name)
        and not (reserved and name.lower().endswith(reserved))
    ):
        return name  # The common case, decided quickly; the rest decides the same for it.
    # macOS decomposes names by itself, so two spellings of one name would be one file there.
    safe = unicodedata.normalize("NFC", name)
    # Format characters are invisible, and what is unassigned may be folded otherwise by a later Unicode.
    safe = _UNSAFE.sub("_", "".join("_" if unicodedata.category(c) in ("Cf", "Cn", "Co") else c for c in safe))
    # Windows drops blanks and dots at a name's end without a word.
    safe = safe.strip(" ").rstrip(". ")
    # What begins with a dot is hidden, or git's own.
    if safe.startswith(".") or _DEVICE.match(safe):
        safe = "_" + safe.lstrip(".")
    lossy = safe != name or not safe or _ENDS_LIKE_ID.search(safe) is not None
    lossy = lossy or any(safe.lower().endswith(ending) for ending in reserved)
    too_long = len(safe) > NAME_CHARACTERS or len(safe.encode()) > NAME_BYTES
    if unique and not lossy and not too_long:
        return safe
    suffix = f" [{safe_id(identity)}]"
    return _cut(safe, NAME_CHARACTERS - len(suffix), NAME_BYTES - len(suffix.encode())) + suffix


def _cut(text: str, characters: int, size: int) -> str:
    text = text[: max(characters, 0)]
    while len(text.encode()) > size:
        text = text[:-1]
    return text.rstrip(". ") or "_"


def safe_id(identity: str) -> str:
    """
    Return an id as a part of a file name, one to one; long ones end in a digest.
    """
    if _PLAIN_ID.fullmatch(identity) and not _DEVICE.match(identity):
        return identity
    escaped = "".join(c if c.isascii() and (c.isalnum() or c in "-_. ") else f"%{ord(c):x};" for c in identity)
    plain = escaped.strip(" .") == escaped and escaped and not _DEVICE.match(escaped) and not escaped.startswith(".")
    if plain and len(escaped) <= _ID_CHARACTERS:
        return escaped
    # Blind to case, as the server compares ids and some file systems compare names.
    digest = hashlib.blake2b(identity.lower().encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{_cut(escaped, _ID_CHARACTERS - 17, 100)}~{digest}".lstrip(". ")


class Owner(NamedTuple):
    """
    A document that may own others, or a space; as small as can be, since there may be very many.
    """

    map: DocumentMap
    id: str
    name: str | None
    space: str | None = None
    owner: str | None = None


@dataclass
class Layout:
    """
    Knows the owners and spaces met so far, and gives each document its path.

    ``clashes`` holds names (type, lower case) that several documents of one type bear but for case; their
    files carry the id, as names that need not be unique do.
    """

    clashes: frozenset[tuple[str, str]] = frozenset()
    fixed: dict[tuple[str, str], str] = field(default_factory=dict)
    """Paths, by type and lower-case id, of documents whose place follows from others: what happened to a release."""
    _known: dict[str, Owner] = field(default_factory=dict)
    _places: dict[str, OwnerPlace] = field(default_factory=dict)
    _origins: dict[str, bytes] = field(default_factory=dict)
    _spaces: dict[str, str] = field(default_factory=dict)

    def base(self, document_map: DocumentMap, identity: str, name: str | None) -> str:
        """
        Return a document's own name as a segment.
        """
        # The server's own collation forbids such names, but one may run under a collation that knows case.
        unique = document_map.unique_name and (document_map.table, (name or "").lower()) not in self.clashes
        return safe_name(name or "", identity, unique=unique, reserved=document_map.reserved_endings)

    def learn(self, owner: Owner) -> None:
        """
        Remember a document that may own others, or a space; all of them, before places are asked for.
        """
        # The server's collation finds an owner whatever the case in which others mention it.
        self._known[owner.id.lower()] = owner
        if owner.map.role is Role.SPACE:
            self._spaces[owner.id.lower()] = self._place(owner).name

    def owner_place(self, owner: str | None) -> OwnerPlace | None:
        """
        Return where an owner's files are, ``None`` if it is not known.
        """
        if not owner:
            return None
        key = owner.lower()
        if key not in self._places and key in self._known:
            known = self._known[key]
            # What stands here while the place is found ends the search where owners own each other.
            self._places[key] = OwnerPlace("", safe_id(known.id), known.id)
            self._places[key] = self._place(known)
        return self._places.get(key)

    def _place(self, known: Owner) -> OwnerPlace:
        body: Body = {"Id": known.id, known.map.name_property: known.name, "SpaceId": known.space}
        if known.map.owner:
            body[known.map.owner] = known.owner
        folder = self.path(known.map, known.id, body).rpartition("/")[0]
        return OwnerPlace(folder, self.base(known.map, known.id, known.name), known.name or known.id)

    def origin(self, owner: str | None, depth: int = 0) -> bytes:
        """
        Return a hash that changes whenever an owner's place may, and costs less to make; ``b""`` if it is not known.
        """
        if not owner or depth > _DEEPEST or (known := self._known.get(key := owner.lower())) is None:
            return b""
        if (found := self._origins.get(key)) is None:
            clash = (known.map.table, (known.name or "").lower()) in self.clashes
            above = self.origin(known.owner, depth + 1)
            text = repr((known.map.table, known.id, known.name, clash, self.space_folder(known.space), above))
            found = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            self._origins[key] = found
        return found

    def space_folder(self, space: str | None) -> str:
        """
        Return the folder of a space, with a slash at its end; ``""`` for what belongs to the whole server.
        """
        if not space:
            return ""
        return f"{SPACES}/{self._spaces.get(space.lower()) or safe_id(space)}/"

    def path(self, document_map: DocumentMap, identity: str, body: Body) -> str:
        """
        Return a document's path below the root.
        """
        if self.fixed and (settled := self.fixed.get((document_map.table, identity.lower()))) is not None:
            return settled
        owner = body.get(document_map.owner) if document_map.owner else None
        place = self.owner_place(owner if isinstance(owner, str) else None)
        template = document_map.file
        if place is None and "{dir}" in template:
            # An owner that does not exist (any more): the document stands by itself.
            template = f"{document_map.table}s/{{id}}"
        name, version = body.get(document_map.name_property), body.get("Version")
        space = body.get("SpaceId")
        values: dict[str, str] = {"id": safe_id(identity)}
        if "{name}" in template:
            values["name"] = self.base(document_map, identity, name if isinstance(name, str) else None)
        if "{version}" in template:
            values["version"] = safe_name(str(version), identity)
        if document_map.owner:
            values["owner"] = place.name if place else safe_id(str(owner or "none"))
            values["dir"] = place.directory if place else ""
        path = template.format_map(values) + ".json"
        # The owner's folder stands in its space's already, and a space in none.
        if "{dir}" in template or document_map.role is Role.SPACE or not document_map.known:
            return path
        return self.space_folder(space if isinstance(space, str) else None) + path


def bounded_segment(parts: list[str], identity: str, ending: str) -> str:
    """
    Return *parts* joined by `` - `` as one segment of at most 120 characters that ends in *ending*.

    Where anything was lost, the id stands before the ending.
    """
    joined = " - ".join(parts)
    safe = safe_name(joined, identity) if len(joined) <= NAME_CHARACTERS else ""
    if safe == joined and len(safe + ending) <= SEGMENT_CHARACTERS:
        return safe + ending
    suffix = f" [{safe_id(identity)}]"
    cleaned = _UNSAFE.sub("_", unicodedata.normalize("NFC", joined))
    cleaned = "".join("_" if unicodedata.category(c) in ("Cf", "Cn", "Co") else c for c in cleaned).lstrip(". ")
    if _DEVICE.match(cleaned):
        cleaned = "_" + cleaned
    room = SEGMENT_CHARACTERS - len(suffix) - len(ending)
    return _cut(cleaned, room, 240 - len((suffix + ending).encode())) + suffix + ending
