"""
The container's recipe, as far as it can be judged without building it.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", code)
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in joined.splitlines() if line.strip()]


def test_it_runs_as_nobody_special_on_a_slim_base() -> None:
    """The image is small, and what runs in it is not root: the user is a number, as Kubernetes wants to see it."""
    steps = instructions()
    users = [value for name, value in steps if name == "USER"]

    assert all(":${PYTHON}-slim" in value for name, value in steps if name == "FROM")
    assert users
    assert all(user.isdecimal() and user != "0" for user in users)
    assert [name for name, _ in steps].index("USER") < [name for name, _ in steps].index("ENTRYPOINT")


def test_no_licence_is_accepted_for_anybody() -> None:
    """FreeTDS is installed; Microsoft's driver is a documented step, since its licence is the builder's to accept."""
    installed = " ".join(value for name, value in instructions() if name == "RUN")
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert "tdsodbc" in installed
    assert "ACCEPT_EULA" not in installed
    assert "# " in text and "msodbcsql18" in text


def test_no_secret_goes_into_the_image() -> None:
    """Neither a build argument nor the environment holds a secret, and only sources are copied."""
    named = " ".join(value for name, value in instructions() if name in ("ARG", "ENV")).lower()
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert not any(word in named for word in ("password", "secret", "token", "api_key", "master"))
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} <= {
        "auditor",
        "migrator",
        "pyproject.toml",
        "constraints.txt",
        "README.md",
    }


def test_it_is_what_was_tested_and_compiled() -> None:
    """The versions are those of constraints.txt, and the bytecode is in the image, which may be read-only."""
    built = next(value for name, value in instructions() if name == "RUN" and "pip install" in value)

    assert "--constraint constraints.txt" in built
    assert "compileall" in built


def test_it_starts_the_daemon() -> None:
    """Without arguments the container is the daemon with the configuration where the units look for it too."""
    steps = dict(instructions())

    assert steps["ENTRYPOINT"] == '["auditor"]'
    assert steps["CMD"] == '["run", "--config", "/etc/octopus-auditor/auditor.toml"]'
