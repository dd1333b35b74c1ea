"""
Documents in the original tool's own form: to bytes and back, and where their files stand. Pure.

The form: ``$type`` first, properties in the order of their class, nulls and empty lists written, no line end at the
end, secrets as ``base64|IV`` under a key of the password alone. Its weaknesses are the ``InterchangeCipher``'s; it is
there for exchange with that tool. Differences, all accepted by it: names that no file system holds are made safe as in
our own format, releases stand in no folder of their channel, and line ends are LF.

Sources: exports of Octopus.Migrator 3.4 to 3.15.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from migrator.documents.canonical_json import decode, encode_ordered
from migrator.documents.document import Body, element_names, places, spelled
from migrator.documents.layout import Layout
from migrator.errors import OperatorError, SecretError, UnreadableDocument
from migrator.maps.document_map import Column, DocumentMap
from migrator.octopus_format.classes import (
    ASSEMBLY,
    CLASSES,
    FILES,
    LEADING,
    METADATA_TYPES,
    NAMESPACE,
    OMITTED,
    TRAILING,
    TYPE,
    VARIED,
    WITHOUT_EMPTY,
)
from migrator.secrets.ciphers import InterchangeCipher, find_ciphertexts, is_ciphertext
from migrator.secrets.sealing import SECRET, MixedText, SecretText

HELLO = "Hello"


@dataclass(frozen=True)
class OctopusMetadata:
    """
    The head of a tree in the original's form; ``hello`` is the word Hello, sealed, and checks the password.
    """

    name: str
    created: str
    database_version: str
    hello: str

    def to_bytes(self) -> bytes:
        """
        Return the file's content.
        """
        value = {
            TYPE: METADATA_TYPES[0],
            "Id": self.name,
            "Name": self.name,
            "Created": self.created,
            "DatabaseVersion": self.database_version,
            HELLO: self.hello,
        }
        return encode_ordered(value)

    @classmethod
    def from_bytes(cls, content: bytes) -> OctopusMetadata:
        """
        Read a metadata.json of the original's form, whatever edition wrote it.

        Raises:
            OperatorError: it is none.
        """
        try:
            value = decode(content.decode("utf-8-sig"))
            hello = value[HELLO]
            name = value.get("Name") or value.get("Id") or ""
            # The class's namespace is another since 2020; its name is not.
            if not isinstance(hello, str) or ".ServerMetadata," not in value[TYPE]:
                raise TypeError(HELLO)
            return cls(str(name), str(value.get("Created") or ""), str(value.get("DatabaseVersion") or ""), hello)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise OperatorError("metadata.json was not written by Octopus.Migrator, or was changed") from None

    def as_before(self, content: bytes | None) -> OctopusMetadata:
        """
        Return this head with the time of an earlier one, if nothing else in that differs.
        """
        try:
            previous = OctopusMetadata.from_bytes(content or b"")
        except OperatorError:
            return self
        return previous if replace(previous, created=self.created) == self else self

    def open_with(self, password: str) -> InterchangeCipher:
        """
        Return the cipher that opens the tree's secrets.

        Raises:
            SecretError: the password is another.
        """
        cipher = InterchangeCipher.from_password(password)
        try:
            fits = cipher.open(self.hello) == HELLO
        except SecretError:
            fits = False
        if not fits:
            raise SecretError("the password does not fit this export; give the one it was written with")
        return cipher


@dataclass
class OctopusLayout(Layout):
    """
    The layout with the original's file names where these are not simply the id.
    """

    def path(self, document_map: DocumentMap, identity: str, body: Body) -> str:
        """
        Return a document's path below the root.
        """
        identity = FILES.get(document_map.type, {}).get(identity.lower(), identity)
        return super().path(document_map, identity, body)


def is_octopus(content: bytes) -> bool:
    """
    Return whether a metadata.json is of the original's form.
    """
    try:
        OctopusMetadata.from_bytes(content)
    except OperatorError:
        return False
    return True


def octopus_metadata(name: str, version: str, cipher: InterchangeCipher, created: datetime) -> OctopusMetadata:
    """
    Return the head of a tree that is written now; *created* is with an offset.
    """
    # .NET writes seven digits of a second.
    stamp = f"{created:%Y-%m-%dT%H:%M:%S}.{created.microsecond:06d}0{_offset(created)}"
    return OctopusMetadata(name, stamp, version, cipher.seal(HELLO))


def _offset(moment: datetime) -> str:
    text = f"{moment:%z}" or "+0000"
    return f"{text[:3]}:{text[3:5]}"


def as_stored(document_map: DocumentMap) -> DocumentMap:
    """
    Return the map by which rows are read for this form: nothing left out, nothing sorted, hashes as they stand.
    """
    return replace(document_map, confidential=(), sets=(), volatile=(), catalogue="")


def class_name(document_map: DocumentMap, body: Body) -> str | None:
    """
    Return a document's ``$type``, ``None`` where it is not known.
    """
    name = CLASSES.get(document_map.type)
    varied = VARIED.get(document_map.type)
    if varied is not None:
        value = str(body.get(varied.property) or varied.missing)
        name = varied.classes.get(value) or varied.classes.get(value.lower()) or varied.otherwise.format(value)
    return f"{NAMESPACE}{name}{ASSEMBLY}" if name else None


def write_document(document_map: DocumentMap, body: Body, cipher: InterchangeCipher) -> bytes:
    """
    Return the file of a document whose secrets are opened; the same document always gives the same bytes.

    Raises:
        UnreadableDocument: a secret has no UTF-8.
    """
    as_they_stand = _confidential(document_map, body)

    def sealed(secret: SecretText, path: tuple[str, ...]) -> str:
        try:
            return cipher.seal(secret.plain)
        except UnicodeEncodeError:
            raise UnreadableDocument(str(body.get("Id")), spelled(path), "the secret is not valid Unicode") from None

    def written(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, SecretText):
            # The original tool has hashes and the like in clear; what the server failed to encrypt is sealed.
            return value.plain if not value.encrypted and path in as_they_stand else sealed(value, path)
        if isinstance(value, MixedText):
            return "".join(part if isinstance(part, str) else sealed(part, path) for part in value.parts)
        if isinstance(value, dict):
            return {key: written(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [written(item, (*path, name)) for item, name in zip(value, element_names(value), strict=True)]
        return value

    return encode_ordered(_ordered(document_map, _without_defaults(document_map, written(body, ()))))


def _without_defaults(document_map: DocumentMap, body: Body) -> Body:
    lists = {name for name, form in document_map.columns.items() if form is Column.IDS}
    omitted = OMITTED.get(document_map.type, {})
    kept = {
        # It writes a list also where the column is NULL.
        key: [] if value is None and key in lists else value
        for key, value in body.items()
        if not (key in omitted and (value is None or value == omitted[key]))
    }
    elements, name = WITHOUT_EMPTY.get(document_map.type, (None, ""))
    if elements and isinstance(kept.get(elements), list):
        kept[elements] = [_without_empty(element, name) for element in kept[elements]]
    return kept


def _without_empty(element: Any, name: str) -> Any:
    if isinstance(element, dict) and name in element and not element[name]:
        return {key: value for key, value in element.items() if key != name}
    return element


def _ordered(document_map: DocumentMap, body: Body) -> Body:
    # What was stored wins, since class names of newer types are guesses.
    name = body.get(TYPE) or class_name(document_map, body)
    leading = LEADING.get(document_map.type, "" if document_map.type in TRAILING else "Id Name").split()
    trailing = TRAILING.get(document_map.type, "").split()
    named = {TYPE, *leading, *trailing}
    rest = [key for key in body if key not in named]
    head: Body = {TYPE: name} if name else {}
    return head | {key: body[key] for key in (*leading, *rest, *trailing) if key in body}


def open_document(
    document_map: DocumentMap, body: Body, cipher: InterchangeCipher
) -> tuple[Body, list[tuple[str, str]]]:
    """
    Return a document of a tree with its secrets opened, and what is wrong with it as (place, message).

    The root's ``$type`` goes where the type is known, since the stored JSON has none; others are kept.
    """
    declared = frozenset(
        place.path
        for item in document_map.sensitive
        for place in places(body, item.path)
        if not item.when or any(place.container.get(name) == value for name, value in item.when)
    )
    opener = _Opener(cipher, declared, _confidential(document_map, body))
    result: Body = opener.value(body, ())
    if document_map.known:
        result.pop(TYPE, None)
    return result, opener.wrong


def _confidential(document_map: DocumentMap, body: Body) -> frozenset[tuple[str, ...]]:
    return frozenset(place.path for pattern in document_map.confidential for place in places(body, pattern))


@dataclass
class _Opener:
    """
    Opens the secrets of one document; ``wrong`` collects what does not open.
    """

    cipher: InterchangeCipher
    declared: frozenset[tuple[str, ...]]
    confidential: frozenset[tuple[str, ...]]
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def value(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, dict):
            if path in self.declared and SECRET in value:
                self.wrong.append(
                    (spelled(path), "this secret is sealed in another format; export again into an empty directory")
                )
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, name)) for item, name in zip(value, element_names(value), strict=True)]
        return value

    def _text(self, text: str, path: tuple[str, ...]) -> Any:
        if is_ciphertext(text):
            try:
                return SecretText(self.cipher.open(text))
            except SecretError:
                self.wrong.append((spelled(path), "the sealed value does not open under this export's password"))
        # Before what is declared secret: in this form it stands as it is.
        elif text and path in self.confidential:
            return SecretText(text, encrypted=False)
        elif text and path in self.declared:
            self.wrong.append(
                (spelled(path), "a sealed secret was expected, but this text is none; seal it, or write null")
            )
        elif "|" in text and "==" in text:
            return self._mixed(text)
        return text

    def _mixed(self, text: str) -> Any:
        parts: list[str | SecretText] = []
        end = 0
        for start, stop in find_ciphertexts(text):
            try:
                secret = SecretText(self.cipher.open(text[start:stop]))
            except SecretError:
                continue  # It only looks like one; what the password does not open is no secret of this export.
            parts += (text[end:start], secret)
            end = stop
        return MixedText((*parts, text[end:])) if parts else text
