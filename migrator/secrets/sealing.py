"""
Secrets in a document: opened with one cipher, sealed with the other, bound to the place they stand in.

Between the two a secret is a ``SecretText``, which does not show itself. Which places are secret is in the document
map; besides, any text that has the shape of the server's ciphertext is one, wherever it stands (fail closed).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from migrator.documents.document import Body, holders, places, spelled
from migrator.documents.document import element_names as _element_names
from migrator.errors import SecretError, UnreadableDocument
from migrator.maps.document_map import DocumentMap
from migrator.secrets.ciphers import (
    MasterKeyCipher,
    PasswordCipher,
    as_stored,
    find_ciphertexts,
    is_ciphertext,
    may_hold_ciphertext,
)

SECRET, PARTS, DIGEST, OMITTED, ESCAPED = "$secret", "$parts", "$fingerprint", "$omitted", "$escaped"
RESERVED = frozenset((SECRET, PARTS, DIGEST, OMITTED, ESCAPED, "$file"))
_RESERVED_KEY = re.compile(r"\$(?:secret|fingerprint|omitted|escaped):")
_RESERVED_WORD = re.compile(
    "|".join(re.escape(f'"{word}"') for word in sorted(RESERVED)) + f'|"{_RESERVED_KEY.pattern}'
)
# Sealed with the value, so that an import knows how its database holds it, whatever somebody wrote around it.
_AS_IT_STOOD, _UNDER_MASTER_KEY = "p", "m"


class SecretsMode(Enum):
    """
    What an export says of a secret: the sealed value, a keyed digest, or only that there is one.
    """

    ENCRYPT = "encrypt"
    FINGERPRINT = "fingerprint"
    OMIT = "omit"


class Opaque(Enum):
    """
    What is sealed as it stands: a declared secret that does not open, another text that looks like one, or a key.
    """

    DECLARED = "declared"
    ELSEWHERE = "elsewhere"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class SecretText:
    """
    A secret's plaintext between two ciphers; ``encrypted`` says whether the database holds it under the master key.
    """

    plain: str
    encrypted: bool = True

    def __repr__(self) -> str:
        return "SecretText(...)"


@dataclass(frozen=True, slots=True)
class MixedText:
    """
    A text in which secrets stand among other words, as JSON inside a property.
    """

    parts: tuple[str | SecretText, ...]

    def __repr__(self) -> str:
        return "MixedText(...)"


class Opens(Protocol):
    """
    Opens what the database holds.
    """

    def open(self, text: str) -> str:
        """
        Return the plaintext of a stored secret; raises ``SecretError`` where it does not open.
        """
        ...


class Sealer(Protocol):
    """
    Makes of a secret what a tree says of it.
    """

    def __call__(self, secret: SecretText, context: tuple[str, str, str]) -> dict[str, Any]:
        """
        Return the object that stands in the secret's place.
        """
        ...


def may_hold_secret(text: str) -> bool:
    """
    Return quickly whether a text can hold a secret at an undeclared place, or a reserved word; never wrongly false.
    """
    # A serializer may write =, | and $ as escapes.
    return may_hold_ciphertext(text) or "\\u00" in text or ('"$' in text and _RESERVED_WORD.search(text) is not None)


def open_stored(
    document_map: DocumentMap,
    identity: str,
    body: Body,
    cipher: Opens | None,
    *,
    thorough: bool = True,
    strict: bool = True,
    opaque: list[tuple[str, Opaque]] | None = None,
) -> Body:
    """
    Return a document as the database holds it with its secrets opened.

    Without a cipher their plaintext stays empty (for an export that omits them). Not *thorough*: the row is known
    to hold none at undeclared places. Not *strict*: what does not open stays as it is. With *opaque* it becomes a
    secret as it stands, and its place is put there; those of keys that look like one, too. A document without secrets
    is returned as it is, the very same object.

    Raises:
        UnreadableDocument: a secret does not open.
    """
    declared = _declared(document_map, body)
    if not declared and not thorough:
        return body
    opener = _Opener(identity, cipher, strict, opaque=opaque)
    opened: Body = _opened(body, (), declared, opener)
    return opened if opener.met else body


def _declared(document_map: DocumentMap, body: Body) -> frozenset[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for item in document_map.sensitive:
        # Most documents of a type have none, which is seen without the cost of naming every place.
        if any(_applies(container, item.when) for container, _ in holders(body, item.path)):
            found.update(p.path for p in places(body, item.path) if _applies(p.container, item.when))
    for pattern in document_map.confidential:
        found.update(p.path for p in places(body, pattern))
    return frozenset(found)


def declared_secrets(document_map: DocumentMap, body: Body) -> int:
    """
    Return how many encrypted values stand where the map declares a secret.
    """
    return sum(
        is_ciphertext(container[key])
        for item in document_map.sensitive
        for container, key in holders(body, item.path)
        if isinstance(container[key], str) and _applies(container, item.when)
    )


def _applies(container: Any, when: tuple[tuple[str, object], ...]) -> bool:
    return not when or any(container.get(name) == value for name, value in when)


@dataclass
class _Opener:
    identity: str
    cipher: Opens | None
    strict: bool = True
    met: bool = False
    opaque: list[tuple[str, Opaque]] | None = None

    def whole(self, text: str, path: tuple[str, ...], *, declared: bool) -> Any:
        self.met = True
        if self.cipher is None:
            return SecretText("")
        try:
            return SecretText(self.cipher.open(text))
        except SecretError:
            if self.opaque is not None:
                self.opaque.append((told(path), Opaque.DECLARED if declared else Opaque.ELSEWHERE))
                return SecretText(text, encrypted=False)
            if not self.strict:
                return text
            raise UnreadableDocument(
                self.identity, told(path), "its secret does not open under the master key that opens others"
            ) from None

    def mixed(self, text: str, path: tuple[str, ...]) -> Any:
        parts: list[str | SecretText] = []
        end = 0
        for start, stop in find_ciphertexts(text):
            try:
                secret = SecretText(self.cipher.open(as_stored(text[start:stop])) if self.cipher else "")
            except SecretError:
                if self.opaque is None:
                    continue  # It only looks like one; what this key does not open is no secret of this server.
                self.opaque.append((told(path), Opaque.ELSEWHERE))
                secret = SecretText(text[start:stop], encrypted=False)
            self.met = True
            parts += (text[end:start], secret)
            end = stop
        return MixedText((*parts, text[end:])) if parts else text

    def keys(self, body: Body, path: tuple[str, ...]) -> None:
        if self.opaque is not None and self.cipher is not None:
            self.opaque += [(told((*path, key)), Opaque.KEY) for key in body if find_ciphertexts(key)]


def _opened(value: Any, path: tuple[str, ...], declared: frozenset[tuple[str, ...]], opener: _Opener) -> Any:
    if isinstance(value, str):
        # By its shape and before the map is asked: a secret at a place that nobody knows is sealed all the same.
        if is_ciphertext(value):
            return opener.whole(value, path, declared=path in declared)
        if value and path in declared:
            opener.met = True
            return SecretText(value, encrypted=False)
        return opener.mixed(value, path)
    if isinstance(value, dict):
        opener.keys(value, path)
        return {key: _opened(item, (*path, key), declared, opener) for key, item in value.items()}
    if isinstance(value, list):
        names = _element_names(value)
        return [_opened(item, (*path, name), declared, opener) for item, name in zip(value, names, strict=True)]
    return value


def told(path: tuple[str, ...]) -> str:
    """
    Return a path as people read it, without what in it looks like an encrypted value.
    """
    return spelled([segment if not find_ciphertexts(segment) else "(encrypted key)" for segment in path])


def plaintexts(value: Any) -> list[str]:
    """
    Return the plaintexts of all secrets in an opened body; what did not open has none.
    """
    if isinstance(value, SecretText):
        return [] if not value.encrypted and is_ciphertext(value.plain) else [value.plain]
    if isinstance(value, MixedText):
        return [plain for part in value.parts for plain in plaintexts(part)]
    if isinstance(value, dict):
        return [plain for item in value.values() for plain in plaintexts(item)]
    if isinstance(value, list):
        return [plain for item in value for plain in plaintexts(item)]
    return []


def sealer(mode: SecretsMode, cipher: Callable[[], PasswordCipher | None]) -> Sealer:
    """
    Return what makes a tree's form of a secret; *cipher* is asked at the first one.

    The sealer raises ``SecretError`` where the mode needs a password and there is none.
    """
    if mode is SecretsMode.OMIT:
        return lambda secret, context: {OMITTED: True}

    def sealed(secret: SecretText, context: tuple[str, str, str]) -> dict[str, Any]:
        known = cipher()
        if known is None:
            raise SecretError("an export with secrets needs a password; give one, or leave the secrets out")
        if mode is SecretsMode.FINGERPRINT:
            return {DIGEST: known.fingerprint(_marked(secret), context)}
        return {SECRET: known.seal(_marked(secret), context)}

    return sealed


def _marked(secret: SecretText) -> str:
    return (_UNDER_MASTER_KEY if secret.encrypted else _AS_IT_STOOD) + secret.plain


def seal_for_tree(document_map: DocumentMap, identity: str, body: Body, seal: Sealer) -> Body:
    """
    Return an opened document as it stands in a tree.
    """

    def sealed(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, SecretText):
            return seal(value, (document_map.type, identity, spelled(path)))
        if isinstance(value, MixedText):
            return {PARTS: [sealed(part, (*path, str(i))) for i, part in enumerate(value.parts)]}
        if isinstance(value, dict):
            # A document's own object of this form would be opened as ours by an import.
            if len(value) == 1 and not RESERVED.isdisjoint(value):
                return {ESCAPED: {key: sealed(item, (*path, ESCAPED, key)) for key, item in value.items()}}
            return {key_of(key, path, at): sealed(item, (*path, key)) for at, (key, item) in enumerate(value.items())}
        if isinstance(value, list):
            return [sealed(item, (*path, name)) for item, name in zip(value, _element_names(value), strict=True)]
        return value

    def key_of(key: str, path: tuple[str, ...], at: int) -> str:
        if find_ciphertexts(key):
            # As it stands, since what a key means is its spelling.
            secret = seal(SecretText(key, encrypted=False), (document_map.type, identity, key_place(path)))
            ((kind, inner),) = secret.items()
            return f"{kind}:{inner if isinstance(inner, str) else at}"
        # A document's own key of this form would be opened as ours by an import.
        return f"{ESCAPED}:{key}" if key[:1] == "$" and _RESERVED_KEY.match(key) else key

    result: Body = sealed(body, ())
    return result


def key_place(path: tuple[str, ...]) -> str:
    """
    Return what the sealed keys of the dictionary at *path* are bound to; no value's path is spelled so.
    """
    return spelled(path) + "~key"


def open_from_tree(document_map: DocumentMap, identity: str, body: Body, cipher: PasswordCipher | None) -> Body:
    """
    Return a document of a tree with its secrets opened; the inverse of ``seal_for_tree``.

    Raises:
        UnreadableDocument: a secret does not open, or the tree holds only digests.
    """

    def opened(text: Any, path: tuple[str, ...]) -> SecretText:
        if cipher is None or not isinstance(text, str):
            raise UnreadableDocument(identity, spelled(path), "a sealed secret needs the password of its export")
        try:
            plain = cipher.open(text, (document_map.type, identity, spelled(path)))
        except SecretError as error:
            raise UnreadableDocument(identity, spelled(path), str(error)) from None
        return SecretText(plain[1:], plain[0] == _UNDER_MASTER_KEY)

    def walk(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            if len(value) == 1 and not RESERVED.isdisjoint(value):
                return _marker(value, path)
            pairs = [(key_of(key, path), item) for key, item in value.items()]
            return {key: walk(item, (*path, key)) for key, item in pairs}
        if isinstance(value, list):
            return [walk(item, (*path, name)) for item, name in zip(value, _element_names(value), strict=True)]
        return value

    def key_of(key: str, path: tuple[str, ...]) -> str:
        if key[:1] != "$" or _RESERVED_KEY.match(key) is None:
            return key
        kind, _, inner = key.partition(":")
        if kind == ESCAPED:
            return inner
        if kind != SECRET:
            raise UnreadableDocument(identity, spelled(path), "this export does not hold the sealed key itself")
        if cipher is None:
            raise UnreadableDocument(identity, spelled(path), "a sealed key needs the password of its export")
        try:
            return cipher.open(inner, (document_map.type, identity, key_place(path)))[1:]
        except SecretError as error:
            raise UnreadableDocument(identity, spelled(path), str(error)) from None

    def _marker(value: Any, path: tuple[str, ...]) -> Any:
        ((kind, inner),) = value.items()
        if kind == SECRET:
            return opened(inner, path)
        if kind == PARTS and isinstance(inner, list):
            return MixedText(tuple(walk(part, (*path, str(i))) for i, part in enumerate(inner)))
        if kind == ESCAPED and isinstance(inner, dict):
            return {key: walk(item, (*path, ESCAPED, key)) for key, item in inner.items()}
        if kind in (DIGEST, OMITTED):
            raise UnreadableDocument(identity, spelled(path), "this export does not hold the secret itself")
        return {kind: walk(inner, (*path, kind))}

    result: Body = walk(body, ())
    return result


def seal_for_database(body: Any, cipher: MasterKeyCipher) -> Any:
    """
    Return an opened document as a database holds it, each secret under a fresh IV.
    """
    if isinstance(body, SecretText):
        return cipher.seal(body.plain) if body.encrypted else body.plain
    if isinstance(body, MixedText):
        return "".join(part if isinstance(part, str) else seal_for_database(part, cipher) for part in body.parts)
    if isinstance(body, dict):
        return {key: seal_for_database(item, cipher) for key, item in body.items()}
    if isinstance(body, list):
        return [seal_for_database(item, cipher) for item in body]
    return body
