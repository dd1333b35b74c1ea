"""
Signing with real keys: self-test, signed commits, and keys that cannot sign without help.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from auditor.repository.repository import Identity
from auditor.upkeep.signing import public_key, self_test
from migrator.errors import OperatorError
from tests.support.audits import git
from tests.support.daemons import Site, site, small_database  # noqa: F401

WHO = Identity("Octopus Auditor", "auditor@example.com")


def make_key(path: Path, passphrase: str = "") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(path)], check=True, timeout=20
    )
    return path


def test_commits_are_signed_and_verify(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """
    With a key from a file every commit verifies against an allowed-signers file, whatever agent the environment names.
    """
    monkeypatch.setenv("SSH_AUTH_SOCK", str(site.root / "no-agent"))
    key = make_key(site.root / "key")
    site.add("prod", repository={"signing_key": f"file:{key}", "committer": f"{WHO.name} <{WHO.email}>"})
    assert site.audit("prod").error is None
    allowed = site.root / "allowed"
    allowed.write_text(f"{WHO.email} {public_key(key)}\n")
    verify = ("-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", "main")
    git(site.root / "prod.git", *verify)
    findings = {item.name: item.level.value for item in check_of(site)}
    assert findings["signing"] == "pass"


def check_of(site: Site) -> list[object]:  # noqa: F811
    from auditor.cli.check import everything

    return list(everything(site.load(), site.config, ["prod"]))


def test_a_key_with_a_passphrase_is_an_error_not_a_hang(site: Site) -> None:  # noqa: F811
    """
    Nobody is asked for a passphrase: the self-test and the run fail at once and say what to do.
    """
    key = make_key(site.root / "key", "a passphrase")
    start = time.monotonic()
    with pytest.raises(OperatorError, match="passphrase, which nobody is there to type"):
        self_test(key, WHO)
    site.add("prod", repository={"signing_key": f"file:{key}"})
    result = site.audit("prod")
    assert result.outcome == "failed"
    assert time.monotonic() - start < 20
    with site.daemon() as daemon:
        assert "ssh-keygen -p" in daemon.event("signing-key-unusable")["reason"]
        daemon.event("started")
        assert daemon.end() == 0


def test_other_keys_that_cannot_sign(tmp_path: Path) -> None:
    """
    A missing key, one that others can read, and something that is no key: a sentence each, naming the file.
    """
    with pytest.raises(OperatorError, match="does not exist"):
        self_test(tmp_path / "none", WHO)
    key = make_key(tmp_path / "key")
    self_test(key, WHO)
    key.chmod(0o644)
    with pytest.raises(OperatorError, match="chmod 600"):
        self_test(key, WHO)
    noise = tmp_path / "noise"
    noise.write_text("not a key\n")
    noise.chmod(0o600)
    with pytest.raises(OperatorError, match=f"the signing key {noise} cannot be used"):
        self_test(noise, WHO)
