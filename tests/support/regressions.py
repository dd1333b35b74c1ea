"""
Makes docs/regressions.md: `make regressions`. Numbers are in the names of tests, rules in their docstrings.

The table of pains is written here by hand. Not here: what holds the page against this (tests/test_pages.py).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "regressions.md"

_HEAD = """\
# Regressions

Made from the tests by `make regressions`; a test holds this page against them. A test's place can be given to pytest as
it stands here.

## The vendor's issues

Numbers are those of the vendor's public issue list. Each row is a defect of the original tool (or of its kin) that a
test here keeps out.

| Issue | Rule | Test |
| --- | --- | --- |
"""
_PAINS = """
## Pains and their tests

What users of such tools complain of most, and the test that keeps it out. The numbers only tell the pains apart.

| Pain | Rule | Test |
| --- | --- | --- |
"""
PAINS = (
    (1, "a secret sealed anew is no change, a changed one always is", "test_a_secret_sealed_anew"),
    (4, "many small commits stay small", "test_many_small_commits_stay_small"),
    (6, "our tree goes on top of foreign commits, never by force", "test_foreign_commits"),
    (7, "a push counts only when the remote shows our commit", "test_a_remote_that_lies"),
    (8, "a kill at any step leaves nothing that needs a person", "test_crash_safety.py"),
    (8, "a lock file without its process is stale", "test_stale_locks"),
    (9, "a read that lost much is not committed", "test_a_share"),
    (10, "one unreadable document keeps its file, the rest is committed", "test_keeps_its_files"),
    (
        14,
        "commits are signed with a key file, and a key with a passphrase is an error, not a hang",
        "test_a_key_with_a_passphrase_is_an_error_not_a_hang",
    ),
    (15, "no run is left out silently, and a restart catches up once", "test_catch_up_once_after_a_restart"),
    (16, "cron's own weekdays and days, right over changes of the clock", "test_daily_job_runs_once_on_each_day"),
    (17, "a run beyond its limit is abandoned and its window closed", "test_a_run_beyond_its_limit_is_abandoned"),
    (17, "a hung run costs its own server only", "test_a_hung_run_costs_its_own_server_only"),
    (18, "readiness fails on age", "test_readiness_fails_on_age"),
    (19, "values never leave in a notification", "test_values_never_leave"),
    (22, "the same secrets give the same bytes, moved ones do not open", "test_ciphers.py"),
    (23, "one commit changes the password", "test_one_commit_that_says_so"),
    (29, "the window always closes, to the state that was found", "test_a_stuck_window_is_tried_until_it_works"),
    (30, "memory and open files stay flat over a simulated week", "test_soak.py"),
)


@dataclass(frozen=True)
class Proof:
    """
    A test function: where it is, as pytest takes it, and the first paragraph of its docstring as one line.
    """

    file: str
    name: str
    rule: str

    @property
    def place(self) -> str:
        """
        Return what pytest takes: file and name.
        """
        return f"{self.file}::{self.name}"

    @property
    def issues(self) -> list[int]:
        """
        Return the numbers that its name begins with.
        """
        found = re.match(r"test((?:_\d{4})+)_", self.name)
        return [int(number) for number in found.group(1).split("_")[1:]] if found else []


def tests() -> Iterator[Proof]:
    """
    Yield every test function below tests/, those of classes too.
    """
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = path.relative_to(ROOT).as_posix()
        # A class is a part of the place, so its tests are walked from it.
        yield from _of(ast.parse(path.read_text(encoding="utf-8")).body, file)


def _of(body: list[ast.stmt], place: str) -> Iterator[Proof]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _of(node.body, f"{place}::{node.name}")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            first = (ast.get_docstring(node) or "").partition("\n\n")[0]
            yield Proof(place, node.name, " ".join(first.split()).replace("|", "\\|"))


def page() -> str:
    """
    Return the page.

    Raises:
        LookupError: a test that a pain names is not there, or there are several.
    """
    found = list(tests())
    rows = sorted((number, test.place, test.rule) for test in found for number in test.issues)
    issues = "".join(f"| {number} | {rule} | `{place}` |\n" for number, place, rule in rows)
    pains = "".join(f"| {number} | {rule} | `{_place(name, found)}` |\n" for number, rule, name in PAINS)
    return f"{_HEAD}{issues}{_PAINS}{pains}"


def _place(name: str, found: list[Proof]) -> str:
    whole = name.endswith(".py")
    places = {
        test.file.partition("::")[0] if whole else test.place
        for test in found
        if (Path(test.file.partition("::")[0]).name if whole else test.name) == name
    }
    if len(places) != 1:
        raise LookupError(f"{name}: {len(places)} tests have this name; mend PAINS in {Path(__file__).name}")
    return places.pop()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
