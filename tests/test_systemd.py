"""
The units of systemd/: sound to systemd itself where it is installed, and by their own structure everywhere.
"""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.checks.unit import inside_the_unit

FOLDER = Path(__file__).parent.parent / "systemd"
DAEMON, ONCE, TIMER = "octopus-auditor.service", "octopus-auditor@.service", "octopus-auditor@.timer"
ADDRESSES = "octopus-auditor-addresses.conf"
PROGRAM = "/opt/octopus-auditor/bin/auditor"
SECRETS = ("database", "master_key", "api_key", "export_password", "signing_key")
HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateUsers": "yes",
    "ProtectHostname": "yes",
    "ProtectClock": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "ProtectProc": "invisible",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
}


def unit(name: str) -> dict[str, dict[str, list[str]]]:
    """Read a unit as systemd does: comments dropped, a repeated key is a list."""
    sections: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), {})
        elif line.strip() and line[0] not in "#;":
            key, equals, value = line.partition("=")
            assert equals and re.fullmatch(r"[A-Za-z]+", key), f"{name}: {line!r} is no setting"
            current.setdefault(key, []).append(value.strip())
    return sections


def problems(folder: Path) -> list[str]:
    """Return what systemd says against the units, or what can be seen without it."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return [f"{name}: no [{part}]" for name, part in _parts() if part not in unit(name)]
    # Instances are named as systemd would load them; the programs of the units are not installed where tests run.
    for name in (DAEMON, ONCE, TIMER):
        text = (FOLDER / name).read_text(encoding="utf-8").replace(PROGRAM, "/bin/true")
        (folder / name.replace("@.", "@prod.")).write_text(text, encoding="utf-8")
    names = [str(folder / name.replace("@.", "@prod.")) for name in (DAEMON, ONCE, TIMER)]
    environ = os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"}
    verify = subprocess.run([analyze, "verify", "--man=no", *names], capture_output=True, text=True, env=environ)
    # Units of the machine itself may have faults of their own.
    found = [line for line in (verify.stdout + verify.stderr).splitlines() if "octopus-auditor" in line]
    for name in names[:2]:
        secure = subprocess.run(
            [analyze, "security", "--offline=true", "--threshold=12", name], capture_output=True, text=True
        )
        if secure.returncode:
            found.append((secure.stdout + secure.stderr).strip().splitlines()[-1])
    return found


def _parts() -> list[tuple[str, str]]:
    return [(name, part) for name in (DAEMON, ONCE) for part in ("Unit", "Service")] + [(TIMER, "Timer")]


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """systemd accepts each line, and rates the exposure of both services at 1.2 or better."""
    assert problems(tmp_path) == []


def test_the_drop_in_of_addresses_is_a_drop_in(tmp_path: Path) -> None:
    """The drop-in for allowed addresses denies all others, and systemd takes it with either service."""
    service = unit(ADDRESSES)["Service"]
    assert service["IPAddressDeny"] == ["any"]
    assert "localhost" in service["IPAddressAllow"]
    for name in (DAEMON, ONCE):
        folder = tmp_path / f"{name.replace('@.', '@prod.')}.d"
        folder.mkdir()
        (folder / "addresses.conf").write_text((FOLDER / ADDRESSES).read_text(encoding="utf-8"), encoding="utf-8")
    assert problems(tmp_path) == []


def test_each_credential_of_the_checks_own_command_is_the_units(tmp_path: Path) -> None:
    """The command by which `auditor check` looks inside the unit has the unit's user, folders and program."""
    service = unit(DAEMON)["Service"]
    words = shlex.split(inside_the_unit(["database"], Path("/etc/octopus-auditor/auditor.toml")))
    given = {word.removeprefix("--property=") for word in words if word.startswith("--property=")}

    for key in ("DynamicUser", "User", "StateDirectory", "ConfigurationDirectory", "UMask"):
        assert f"{key}={service[key][0]}" in given
    assert f"LoadCredential={service['LoadCredential'][0].replace(':', ':/etc/credstore/')}" in given
    assert PROGRAM in words


@pytest.mark.parametrize("name", [DAEMON, ONCE])
def test_services_are_hardened(name: str) -> None:
    """Each line of the hardening stands in both services, whatever version of systemd checks it."""
    service = unit(name)["Service"]

    assert {key: service.get(key) for key in HARDENING} == {key: [value] for key, value in HARDENING.items()}
    assert service["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]


@pytest.mark.parametrize("name", [DAEMON, ONCE])
def test_secrets_come_by_credentials_only(name: str) -> None:
    """Every secret is a credential that may be absent; none is in the environment or on a command line."""
    service = unit(name)["Service"]

    assert service["LoadCredential"] == [f"{secret}:octopus-auditor.{secret}" for secret in SECRETS]
    assert "EnvironmentFile" not in service
    assert not any(secret in " ".join(service["Environment"]).lower() for secret in (*SECRETS, "password", "token"))


@pytest.mark.parametrize("name", [DAEMON, ONCE])
def test_a_server_is_let_out_of_maintenance_whatever_happens(name: str) -> None:
    """However a run ends, release follows, with the same configuration and for the same server."""
    service = unit(name)["Service"]
    start, release = service["ExecStart"][0], service["ExecStopPost"][0]

    assert release.startswith(f"{PROGRAM} release ")
    assert start.split(" --config ")[1] == release.split(" --config ")[1]


def test_both_services_live_in_the_same_place() -> None:
    """The daemon and single runs share user, state and configuration, so one can take over from the other."""
    daemon, once = unit(DAEMON)["Service"], unit(ONCE)["Service"]
    shared = ("DynamicUser", "User", "StateDirectory", "RuntimeDirectory", "ConfigurationDirectory", "WorkingDirectory")

    assert [daemon[key] for key in shared] == [once[key] for key in shared]
    assert daemon["StateDirectory"] == ["octopus-auditor"]


def test_daemon_is_watched_and_reloadable() -> None:
    """systemd knows when the daemon is ready, when it hangs and how to reload it; a bad configuration is no loop."""
    service = unit(DAEMON)["Service"]

    assert service["Type"] == ["notify"]
    assert service["WatchdogSec"] == ["5min"]
    assert service["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert service["ExecStart"] == [f"{PROGRAM} run --config ${{CONFIGURATION_DIRECTORY}}/auditor.toml"]
    assert service["RestartPreventExitStatus"] == ["2"]
    assert service["Restart"] == ["on-failure"]


def test_timer_catches_up_and_spreads() -> None:
    """A missed run is made up for after the machine was off, and instances do not start in the same second."""
    timer, once = unit(TIMER)["Timer"], unit(ONCE)["Service"]

    assert timer["Persistent"] == ["yes"]
    assert timer["OnCalendar"]
    assert timer["RandomizedDelaySec"]
    assert once["Type"] == ["oneshot"]
    assert once["ExecStart"][0].endswith("--server %i")
    assert unit(TIMER)["Install"]["WantedBy"] == ["timers.target"]
