"""
The ciphers of the two worlds a secret lives in: the server's database and an export.

The only user of ``cryptography``. Knows values and contexts, not documents. A cipher's ``repr`` shows no key.

Sources: docs "Data encryption", two independent public decryption scripts, and real exports of the original tool.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.padding import PKCS7

from migrator.errors import SecretError
from migrator.wording import counted

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BODY = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_VECTOR = re.compile(r"\|[A-Za-z0-9+/]{22}==")
# In JSON a slash may be written with a backslash before it, and in JSON inside JSON with several.
_VECTOR_IN_JSON = re.compile(r"\|[A-Za-z0-9+/\\]{22,400}==")
# What .NET's serializers write for +, /, = and |, at any depth of JSON inside JSON.
_ESCAPE = re.compile(r"(?<!\\)\\+(?:u00(?:2[bBfF]|3[dD]|7[cC])|/)")


def is_ciphertext(text: str) -> bool:
    """
    Return whether *text* has the shape of a stored secret: base64 of whole blocks, a bar, base64 of a 16-byte IV.

    The salted digests of audit events (20 bytes | 12 bytes) do not.
    """
    # Its end first: nearly every text fails there, however long it is.
    return text[-25:-24] == "|" and _VECTOR.fullmatch(text[-25:]) is not None and _is_blocks(text[:-25])


def may_hold_ciphertext(text: str) -> bool:
    """
    Return quickly whether something in a text, or in what JSON writes so without ``\\u``, may be a stored secret.
    """
    return "==" in text and _VECTOR_IN_JSON.search(text) is not None


def _is_blocks(body: str) -> bool:
    if len(body) % 4 or _BODY.fullmatch(body) is None:
        return False
    return (len(body) * 3 // 4 - body[-2:].count("=")) % 16 == 0


def find_ciphertexts(text: str) -> list[tuple[int, int]]:
    """
    Return start and end of everything in *text* that has the shape of a stored secret; linear in its length.

    Also where it is written as JSON inside JSON has it, with ``\\u002B`` for a plus; ``as_stored`` undoes that.
    """
    if "==" not in text and "\\u00" not in text:
        return []
    if "\\" not in text or _ESCAPE.search(text) is None:
        return _find(text)
    plain, where = _without_escapes(text)
    return [(_back(where, start), _back(where, end)) for start, end in _find(plain)]


def as_stored(text: str) -> str:
    """
    Return a found ciphertext as the database holds one, without escapes.
    """
    return _ESCAPE.sub(_sign, text) if "\\" in text else text


def _find(text: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    floor = 0
    for match in _VECTOR.finditer(text):
        before = text[floor : match.start()]
        # A body holds no bar, so the next one begins behind this one, whether or not this is a secret.
        floor = match.start() + 1
        run = before[len(before.rstrip("=").rstrip(_ALPHABET)) :]
        if blocks := _blocks_at_end(run):
            found.append((match.start() - blocks, match.end()))
            floor = match.end()
    return found


def _blocks_at_end(run: str) -> int:
    """
    Return how many characters at the end of a run of base64 are whole blocks, 0 if there is none.

    What stands before may be no part of it: the n of a line end that is written ``\\n``, say.
    """
    padding = len(run) - len(run.rstrip("="))
    # 16, 32 and 48 bytes are 24, 44 and 64 characters with 2, 1 and 0 signs at the end; then it begins anew.
    least = {2: 24, 1: 44, 0: 64}.get(padding)
    return least + (len(run) - least) // 64 * 64 if least is not None and len(run) >= least else 0


def _without_escapes(text: str) -> tuple[str, list[tuple[int, int]]]:
    """
    Return a text without escapes, and from which place in it on how much further a place in the original is.
    """
    pieces: list[str] = []
    where = [(0, 0)]
    end = size = 0
    for match in _ESCAPE.finditer(text):
        pieces += (text[end : match.start()], _sign(match))
        size += match.start() - end + 1
        end = match.end()
        where.append((size, end - size))
    return "".join((*pieces, text[end:])), where


def _back(where: list[tuple[int, int]], place: int) -> int:
    return place + where[bisect_right(where, place, key=itemgetter(0)) - 1][1]


def _sign(found: re.Match[str]) -> str:
    return "/" if found[0].endswith("/") else chr(int(found[0][-2:], 16))


def _cbc_decrypt(key: bytes, text: str) -> bytes:
    body, _, iv = text.partition("|")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(base64.b64decode(iv, validate=True))).decryptor()
    padded = decryptor.update(base64.b64decode(body, validate=True)) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def _cbc_encrypt(key: bytes, plain: bytes, iv: bytes) -> str:
    padder = PKCS7(128).padder()
    padded = padder.update(plain) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    body = encryptor.update(padded) + encryptor.finalize()
    return f"{base64.b64encode(body).decode()}|{base64.b64encode(iv).decode()}"


@dataclass(frozen=True)
class MasterKeyCipher:
    """
    Opens and seals secrets as the server's database holds them: AES-CBC, PKCS#7, UTF-8, ``body|IV`` in base64.

    A 16-byte key means AES-128, 32 bytes AES-256.
    """

    key: bytes = field(repr=False)
    random: Callable[[int], bytes] = field(default=os.urandom, repr=False)

    @classmethod
    def from_base64(cls, text: str, random: Callable[[int], bytes] = os.urandom) -> MasterKeyCipher:
        """
        Make the cipher from the key as ``show-master-key`` prints it; the last line counts.

        Raises:
            SecretError: not base64, or of a length that is neither 16 nor 32 bytes.
        """
        # Old versions print a banner before the key.
        lines = text.strip().splitlines()
        try:
            key = base64.b64decode(lines[-1].strip() if lines else "", validate=True)
        except (binascii.Error, ValueError):
            raise SecretError(
                "the master key is not base64; copy it as `Octopus.Server show-master-key` prints it"
            ) from None
        if len(key) not in (16, 32):
            raise SecretError(
                f"the master key has {counted(len(key), 'byte')}, but 16 or 32 are needed; "
                "copy it as `Octopus.Server show-master-key` prints it"
            )
        return cls(key, random)

    def open(self, text: str) -> str:
        """
        Return the plaintext of a stored secret.

        Raises:
            SecretError: it does not open under this key.
        """
        try:
            return _cbc_decrypt(self.key, text).decode("utf-8", "surrogatepass")
        # Nothing authenticates the value: a wrong key shows as bad padding or bad UTF-8, and now and then as neither.
        except (ValueError, binascii.Error):
            raise SecretError("the value does not open under this master key") from None

    def seal(self, plain: str) -> str:
        """
        Return *plain* as the database stores it, under a fresh random IV.
        """
        # A fresh IV, as the server does it: an equal one would show which secrets are equal.
        return _cbc_encrypt(self.key, plain.encode("utf-8", "surrogatepass"), self.random(16))


COST = 1 << 15
"""scrypt's N for new exports: a guess at a password takes a quarter of a second and 32 MiB."""


@dataclass(frozen=True)
class KeyDerivation:
    """
    How an export's key comes from its password: scrypt, public parameters.

    ``cost`` is scrypt's N; with r = 8 it takes ``cost`` KiB of memory.
    """

    salt: bytes
    cost: int = field(default_factory=lambda: COST)
    block: int = 8
    parallel: int = 3

    @property
    def is_ours(self) -> bool:
        """
        Return whether an export of this program, of whatever version, may have these parameters.
        """
        # A change of COST keeps the old one here.
        return self.cost in (1 << 15, COST) and (self.block, self.parallel) == (8, 3) and len(self.salt) == 16


@dataclass(frozen=True)
class PasswordCipher:
    """
    Seals secrets for a native export: AES-SIV (RFC 5297), deterministic, bound to the place it stands in.

    The same password, salt, context and plaintext always give the same text; a sealed value that was moved to
    another context does not open.
    """

    derivation: KeyDerivation
    _seal: AESSIV = field(repr=False)
    _digest_key: bytes = field(repr=False)
    check: str = field(repr=False)

    @classmethod
    def from_password(cls, password: str, derivation: KeyDerivation) -> PasswordCipher:
        """
        Derive the keys; takes a few tenths of a second.
        """
        try:
            root = hashlib.scrypt(
                password.encode("utf-8", "surrogatepass"),
                salt=derivation.salt,
                n=derivation.cost,
                r=derivation.block,
                p=derivation.parallel,
                # OpenSSL refuses by itself what needs more than 32 MiB, and these parameters do.
                maxmem=256 * derivation.block * (derivation.cost + derivation.parallel + 2),
                dklen=64,
            )
        except ValueError as error:
            if "malloc" in str(error):
                raise MemoryError from None
            raise
        # A key for each purpose, so that the check value, which everybody can read, tells nothing of the others.
        check = hmac.digest(_expand(root, "check", 32), b"octopus export", "sha256")
        return cls(
            derivation,
            AESSIV(_expand(root, "seal", 64)),
            _expand(root, "fingerprint", 32),
            base64.b64encode(check).decode(),
        )

    def seal(self, plain: str, context: Sequence[str]) -> str:
        """
        Return *plain* sealed for *context* (document type, document id, path), in base64.
        """
        return base64.b64encode(self._seal.encrypt(_bytes(plain), _context(context))).decode()

    def open(self, text: str, context: Sequence[str]) -> str:
        """
        Return the plaintext of a sealed value.

        Raises:
            SecretError: wrong password, changed text, or a value that was moved here from another place.
        """
        try:
            sealed = base64.b64decode(text, validate=True)
            return self._seal.decrypt(sealed, _context(context)).decode("utf-8", "surrogatepass")[1:]
        except (InvalidTag, binascii.Error, ValueError):
            raise SecretError("the sealed value does not open: it was changed or moved here from elsewhere") from None

    def fingerprint(self, plain: str, context: Sequence[str]) -> str:
        """
        Return a keyed one-way digest of *plain* at *context*: shows that a secret changed, cannot be opened.
        """
        mac = hmac.new(self._digest_key, digestmod="sha256")
        for part in (*_context(context), _bytes(plain)):
            # The length too, else two places whose parts read the same in a row would give one digest.
            mac.update(len(part).to_bytes(8, "big") + part)
        return base64.b64encode(mac.digest()).decode()


def _bytes(plain: str) -> bytes:
    # AES-SIV refuses empty data, and an empty secret is a real value: one byte goes before each.
    return b"=" + plain.encode("utf-8", "surrogatepass")


def _context(context: Sequence[str]) -> list[bytes]:
    return [part.encode("utf-8", "surrogatepass") for part in context]


def _expand(root: bytes, purpose: str, length: int) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=length, info=f"octopus-migrator {purpose} v1".encode()).derive(root)


@dataclass(frozen=True)
class InterchangeCipher:
    """
    The original tool's envelope: PBKDF2-HMAC-SHA1 of the password, AES-128-CBC, an IV of zeros.

    Equal secrets look equal and a weak password can be guessed offline; only for exchange with that tool.
    Verified against real exports of Octopus.Migrator 3.x.
    """

    key: bytes = field(repr=False)

    @classmethod
    def from_password(cls, password: str) -> InterchangeCipher:
        """
        Derive the key as the original tool does.
        """
        text = password.encode("utf-8", "surrogatepass")
        return cls(hashlib.pbkdf2_hmac("sha1", text, b"Octopuss", 1000, 16))

    def seal(self, plain: str) -> str:
        """
        Return *plain* sealed, always the same text for the same plaintext.
        """
        return _cbc_encrypt(self.key, plain.encode("utf-8"), bytes(16))

    def open(self, text: str) -> str:
        """
        Return the plaintext; any IV is accepted.

        Raises:
            SecretError: it does not open under this password.
        """
        try:
            return _cbc_decrypt(self.key, text).decode("utf-8")
        except (ValueError, binascii.Error):
            raise SecretError("the value does not open under this password") from None
