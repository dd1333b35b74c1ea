"""
The library's names.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_promise_is_what_it_says() -> None:
    """
    Each name of the library is found when it is asked for, also beside a folder of the same name; no other is.
    """
    script = (
        "import migrator.export.read, migrator; from migrator import *; "
        "assert all(callable(getattr(migrator, name)) for name in migrator.__all__); "
        "assert export is migrator.export is migrator.exporter.export; assert not hasattr(migrator, 'nothing')"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
