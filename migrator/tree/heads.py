"""
The heads of a tree: which exports stand in it, in which form, and whether the password opens them.

Several exports may be put together in one directory, each in a sub-directory of its own. Not here: documents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from migrator.credentials import Secret
from migrator.documents.canonical_json import decode
from migrator.documents.document import Body
from migrator.errors import OperatorError, SecretError, UnreadableDocument
from migrator.maps.document_map import DocumentMap
from migrator.octopus_format.form import OctopusMetadata, open_document
from migrator.secrets.ciphers import PasswordCipher
from migrator.secrets.sealing import SecretsMode, open_from_tree
from migrator.tree.metadata import NAME, Metadata
from migrator.tree.values import LeftOut, TreeFiles

NATIVE, OCTOPUS, MIXED = "native", "octopus", "mixed"

Opener = Callable[[DocumentMap, str, Body], tuple[Body, list[tuple[str, str]]]]
"""Opens the secrets of a document; gives it back with what is wrong with it as (place, message)."""


@dataclass(frozen=True)
class Head:
    """
    One export of a tree: its directory (``""``: the root), its form, its database's version, how its secrets open.
    """

    origin: str
    form: str
    version: str
    open: Opener
    left_out: LeftOut = field(default_factory=dict)
    server: str = ""
    """The name of the server that it is an export of, ``""`` where it does not say."""
    whole: bool = False
    """It is an export of a whole server."""
    nowhere: frozenset[str] = frozenset()
    """Lower-case ids that a partial export's documents mention, and that its server did not have either."""

    @property
    def root(self) -> str:
        """
        Return what its files' paths begin with.
        """
        return f"{self.origin}/" if self.origin else ""


def read_heads(files: TreeFiles, paths: Sequence[str], password: Secret | None, folders: frozenset[str]) -> list[Head]:
    """
    Return the exports of a tree; *folders* are the names that hold documents, and so no exports.

    Raises:
        OperatorError: there is no export, or it is of an unknown form.
        SecretError: the password does not open it.
    """
    # A head at the root speaks for all that is below it; one deeper is then a file like others.
    origins = [""] if NAME in paths else [path.removesuffix(f"/{NAME}") for path in paths if _is_head(path, folders)]
    if not origins:
        raise OperatorError(f"there is no {NAME}, so this is not an export; name the directory that holds it")
    return [_head(origin, files.read(f"{origin}/{NAME}" if origin else NAME), password) for origin in origins]


def _is_head(path: str, folders: frozenset[str]) -> bool:
    folder, _, file = path.partition("/")
    return file == NAME and folder.lower() not in folders and not folder.startswith(".")


def _head(origin: str, content: bytes, password: Secret | None) -> Head:
    try:
        # An editor may have put a mark before it.
        value = decode(content.decode("utf-8-sig"))
    except ValueError:
        raise OperatorError(f"{_shown(origin)} is not JSON; take it from the export again") from None
    keys = value if isinstance(value, dict) else {}
    try:
        # The word that the original tool seals to check a password by.
        if "Hello" in keys and "Format" not in keys:
            return _octopus_head(origin, OctopusMetadata.from_bytes(content), password)
        return _native_head(origin, Metadata.from_bytes(content), password)
    except SecretError as error:
        raise SecretError(f"{_shown(origin)}: {error}") from None


def _shown(origin: str) -> str:
    return f"{origin}/{NAME}" if origin else NAME


def _native_head(origin: str, metadata: Metadata, password: Secret | None) -> Head:
    cipher = None
    if metadata.derivation is not None and (password is not None or metadata.secrets is SecretsMode.ENCRYPT):
        cipher = metadata.open_with(_revealed(password))

    def opened(document_map: DocumentMap, identity: str, body: Body) -> tuple[Body, list[tuple[str, str]]]:
        wrong: list[tuple[str, str]] = []
        collecting = cast(PasswordCipher, _Collecting(cipher, wrong)) if cipher is not None else None
        try:
            return open_from_tree(document_map, identity, body, collecting), wrong
        except UnreadableDocument as error:
            return body, [*wrong, (error.path, error.message)]

    left_out, whole = left_out_of(metadata), metadata.partial is None
    nowhere = (metadata.partial or {}).get("LedNowhere")
    ids = nowhere if isinstance(nowhere, list) else []
    gone = frozenset(text.lower() for text in ids if isinstance(text, str))
    return Head(origin, NATIVE, metadata.database_version, opened, left_out, metadata.server, whole, gone)


def left_out_of(metadata: Metadata) -> LeftOut:
    """
    Return what a partial export left out on purpose; what does not have that form is ignored.
    """
    value = (metadata.partial or {}).get("LeftOut")
    types = value.items() if isinstance(value, dict) else ()
    return {
        type_: {identity: key if isinstance(key, dict) else None for identity, key in ids.items()}
        for type_, ids in types
        if isinstance(ids, dict)
    }


@dataclass(frozen=True)
class _Collecting:
    """
    Opens as the cipher does, but notes what does not open and goes on, so that all of it is told at once.
    """

    cipher: PasswordCipher
    wrong: list[tuple[str, str]]

    def open(self, text: str, context: tuple[str, str, str]) -> str:
        try:
            # A sealed value is never empty: it begins with what kind of secret it is.
            return self.cipher.open(text, context) or "?"
        except SecretError as error:
            self.wrong.append((context[2], str(error)))
            return "?"


def _octopus_head(origin: str, metadata: OctopusMetadata, password: Secret | None) -> Head:
    cipher = metadata.open_with(_revealed(password))
    return Head(
        origin,
        OCTOPUS,
        metadata.database_version,
        lambda document_map, identity, body: open_document(document_map, body, cipher),
    )


def _revealed(password: Secret | None) -> str:
    if password is None:
        raise SecretError(
            "the export's secrets are sealed; give its password with --password-file or MIGRATOR_PASSWORD"
        )
    return password.reveal()
