"""
The command hook: a program of the operator's, with a time limit and bounded output.

Not here: what it is given.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

MAX_OUTPUT = 4096
_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True)
class Ended:
    """
    How a hook ended: ``code`` is ``None`` where its time was up; ``output`` is the first part of both streams.
    """

    code: int | None
    output: str


def hook_environment(environ: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """
    Return the environment a hook gets: the usual names, proxies and *extra*, but none of the daemon's secrets.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name in _PASSED_ON or name.startswith("LC_") or name.lower() in _PROXIES
    }
    return kept | dict(extra)


def run_hook(argv: tuple[str, ...], body: bytes, timeout: float, environ: Mapping[str, str]) -> Ended:
    """
    Run *argv* without a shell, *body* on its standard input; after *timeout* seconds its whole group is killed.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environ),
        # A group of its own, which can be ended with all that it started.
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    output = bytearray()
    # Threads, since a hook may neither read its input nor stop writing, and neither may hold the daemon up.
    threads = [
        threading.Thread(target=_feed, args=(process.stdin, body), daemon=True),
        threading.Thread(target=_drain, args=(process.stdout, output), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        code: int | None = process.wait(timeout)
    except subprocess.TimeoutExpired:
        code = None
        _kill_group(process)
    for thread in threads:
        # A child that the hook left in the background may hold the pipe open for ever.
        thread.join(1)
    return Ended(code, bytes(output).decode("utf-8", "replace"))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _feed(stream: IO[bytes], body: bytes) -> None:
    with contextlib.suppress(OSError), stream:
        stream.write(body)


def _drain(stream: IO[bytes], output: bytearray) -> None:
    with contextlib.suppress(OSError), stream:
        while chunk := os.read(stream.fileno(), 65536):
            # Read to its end though little is kept, since a full pipe would stop the hook.
            output += chunk[: MAX_OUTPUT - len(output)]
