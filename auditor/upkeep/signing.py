"""
Signing with an SSH key from a file: a self-test that signs and verifies a dummy before the first commit needs it.

No agent, no prompt, no terminal: a key that wants a passphrase is an error, never a hang. The commit itself is made in
repository.py.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from auditor.repository.repository import SIGNING_ENVIRONMENT, Identity
from auditor.settings import ServerSettings
from auditor.wiring import reference_path
from migrator.credentials import without_secrets
from migrator.errors import OperatorError

# An SSH signature counts for one use only, and git calls its own so.
_NAMESPACE = "git"
_LIMIT = 30


def check_signing(settings: ServerSettings) -> bool:
    """
    Try a server's signing key; return whether it has one.

    Raises:
        OperatorError: the key cannot sign without help, or its signature does not verify.
    """
    reference = settings.repository.signing_key
    if reference is None:
        return False
    self_test(reference_path(reference), Identity.parse(settings.repository.committer))
    return True


def self_test(key: Path, who: Identity) -> None:
    """
    Sign a dummy with *key* and verify it as a signature by *who*.

    Raises:
        OperatorError: as above.
    """
    if not key.is_file():
        raise OperatorError(f"the signing key {key} does not exist or is not a file")
    with tempfile.TemporaryDirectory(prefix="auditor-") as name:
        folder = Path(name)
        dummy = folder / "dummy"
        dummy.write_bytes(b"a dummy to try the signing key on\n")
        allowed = folder / "allowed_signers"
        allowed.write_text(f'{who.email} namespaces="{_NAMESPACE}" {public_key(key)}\n', encoding="utf-8")
        _call(key, "-Y", "sign", "-n", _NAMESPACE, "-f", str(key), str(dummy))
        # ssh-keygen writes it there by itself.
        signature = dummy.with_suffix(".sig")
        verify = ("-Y", "verify", "-n", _NAMESPACE, "-f", str(allowed), "-I", who.email, "-s", str(signature))
        _call(key, *verify, stdin=dummy.read_bytes())


def public_key(key: Path) -> str:
    """
    Return the public half of a private key that has no passphrase.

    Raises:
        OperatorError: it has one, or is not a private key.
    """
    # An empty passphrase given outright: an encrypted key then fails instead of asking.
    return _call(key, "-y", "-P", "", "-f", str(key)).decode("utf-8", "replace").strip()


def _call(key: Path, *words: str, stdin: bytes = b"") -> bytes:
    try:
        done = subprocess.run(
            ["ssh-keygen", *words],
            input=stdin,
            capture_output=True,
            env={**without_secrets(os.environ), **SIGNING_ENVIRONMENT},
            timeout=_LIMIT,
            # Without a terminal there is nothing to ask on.
            start_new_session=True,
            check=False,
        )
    except FileNotFoundError:
        raise OperatorError("ssh-keygen is not installed, which signs commits; install openssh-client") from None
    except subprocess.TimeoutExpired:
        raise OperatorError(f"the signing key {key} gave no signature within {_LIMIT} seconds") from None
    if done.returncode:
        raise OperatorError(_sentence(key, done.stderr.decode("utf-8", "replace")))
    return done.stdout


def _sentence(key: Path, words: str) -> str:
    said = words.lower()
    if "incorrect passphrase" in said:
        return (
            f"the signing key {key} is protected by a passphrase, which nobody is there to type; "
            "take it off with `ssh-keygen -p`, or make a key of its own for the auditor"
        )
    if "too open" in said or "bad permissions" in said:
        return f"the signing key {key} can be read by others, so ssh-keygen refuses it; chmod 600 it"
    last = next((line.strip() for line in reversed(words.splitlines()) if line.strip()), "no reason given")
    return f"the signing key {key} cannot be used: {last}"
