"""
README.md and docs/: what they name exists, what they link to is there, and what is made from the sources is up to date.

Not here: whether what they tell to type works (test_quick_start.py), and the page of the rooms (test_house.py).
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from auditor.cli.main import PROGRAM as AUDITOR
from auditor.monitoring.metrics import Metrics
from migrator.cli.main import PROGRAM as MIGRATOR
from migrator.maps import REGISTRY
from tests.support import known_types, regressions

PROGRAMS = {"auditor": AUDITOR, "migrator": MIGRATOR}
ROOT = Path(__file__).parents[1]
PAGES = [Path("README.md"), Path("CHANGELOG.md"), *(path.relative_to(ROOT) for path in sorted(ROOT.glob("docs/*.md")))]
HERE = {page.as_posix() for page in PAGES}
UNITS = sorted((ROOT / "systemd").glob("*.service"))


def text(page: str | Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str | Path) -> list[str]:
    """
    Return the blocks of code of a page: fenced ones, and those that four blanks indent.
    """
    parts = re.split(r"^```.*\n", text(page), flags=re.MULTILINE)
    indented = re.compile(r"(?:^ {4}\S.*\n(?: {8}.*\n)*)+", re.MULTILINE)
    loose = [
        "".join(f"{line[4:]}\n" for line in found.splitlines())
        for part in parts[::2]
        for found in indented.findall(part)
    ]
    return parts[1::2] + loose


def commands(page: str | Path) -> list[list[str]]:
    """
    Return the words of each command of ours on a page, in blocks and between backticks in a line.
    """
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL))
    lines = [line for block in blocks(page) for line in block.replace("\\\n", " ").splitlines()] + spans
    ours = [line for line in lines if re.match(r"(/\S+/|\.\S+/)?(auditor|migrator) [a-z]", line)]
    return [shlex.split(line, comments=True) for line in ours]


@cache
def help_of(program: str, *words: str) -> str:
    """
    Return what `PROGRAM help` says, of all or of one command.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert PROGRAMS[program].start(["help", *words]) == 0
    return said.getvalue()


def known(program: str) -> set[str]:
    """
    Return the names of a program's commands.
    """
    return set(PROGRAMS[program].commands)


def options(program: str, command: str) -> set[str]:
    """
    Return the options that a command's own help shows.
    """
    return set(re.findall(r"--[A-Za-z-]+", help_of(program, command)))


def anchors(page: str | Path) -> set[str]:
    """
    Return the anchors of a page's headings, as the hosts of git make them.
    """
    heads = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        yield from ((page, target) for target in re.findall(r"\]\(([^)]+)\)", text(page)) if "://" not in target)


@pytest.mark.parametrize(("page", "target"), [pytest.param(*link, id=f"{link[0]}-{link[1]}") for link in links()])
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    """A link between pages leads to a file of the project, and its anchor to a heading there."""
    name, _, anchor = target.partition("#")
    place = (ROOT / page).parent / name if name else ROOT / page

    assert place.exists()
    assert place.resolve().is_relative_to(ROOT)
    assert not anchor or anchor in anchors(place)


def test_every_page_is_found_from_the_readme() -> None:
    """The README links to each page of docs/."""
    linked = {target.partition("#")[0] for page, target in links() if page == Path("README.md")}

    assert HERE - {"README.md"} <= linked


def test_the_readme_fits_on_a_screen_or_two() -> None:
    """The README has 7 to 9 KB; what is more goes to docs/."""
    assert 7_000 <= len((ROOT / "README.md").read_bytes()) <= 9_000


@pytest.mark.parametrize("program", ["migrator", "auditor"])
def test_the_pages_name_each_command(program: str) -> None:
    """Every command of both programs is in the README's list and in the reference, and none that does not exist."""
    tables = "".join(part.partition("\n\n")[0] for part in text("docs/reference.md").split(f"| `{program}` | |\n")[1:])

    assert set(re.findall(rf"^\| `{program} ([a-z-]+)", text("README.md"), re.MULTILINE)) == known(program)
    assert set(re.findall(r"^\| `([a-z-]+)` \|", tables, re.MULTILINE)) == known(program)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=str)
def test_every_option_on_a_page_exists(page: Path) -> None:
    """A command that a page shows is one of ours, with options that its help knows."""
    unknown = [
        " ".join(words)
        for words in commands(page)
        for given in [{word.partition("=")[0] for word in words[2:] if word.startswith("--")}]
        if words[1] != "COMMAND" and not given - {"--help"} <= options(Path(words[0]).name, words[1])
    ]

    assert unknown == []
    # So that the line above proves something.
    assert page.name not in ("README.md", "running.md", "reference.md") or commands(page)


def test_the_makefile_has_each_target_that_a_page_names() -> None:
    """A `make` command on a page is a target of the Makefile, and `make help` names every target."""
    named = {name for page in PAGES for name in re.findall(r"(?:`|^ {4})make ([a-z-]+)\b", text(page), re.MULTILINE)}
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))

    assert {"demo", "test", "test-pythons", "regressions"} <= named <= targets
    assert targets - {"help"} <= set(re.findall(r"make ([a-z-]+)", text("Makefile")))


def test_the_page_of_regressions_is_up_to_date() -> None:
    """docs/regressions.md is what `make regressions` makes of the tests' names and docstrings."""
    assert regressions.PAGE.read_text(encoding="utf-8") == regressions.page(), "run: make regressions"


def test_the_page_of_types_is_up_to_date() -> None:
    """docs/types.md is what `make pages` makes of the document map; each guess is about something there is."""
    assert known_types.PAGE.read_text(encoding="utf-8") == known_types.page(), "run: make pages"
    words = {"table", "prefix", "key", "columns", "joined order"}
    for item in REGISTRY.maps:
        paths = [rule.path for rule in (*item.references, *item.inner, *item.sensitive, *item.volatile)]
        paths += [*item.sets, *item.confidential, *item.columns, *(item.owner_type or ())]
        loose = [word for word in item.inferred if word not in words and not any(p.startswith(word) for p in paths)]
        assert [word for word in loose if not word.endswith("/Inputs")] == [], item.table


def test_regressions_are_read_from_names() -> None:
    """Each number that a test's name begins with is a row; other numbers are not."""
    several = regressions.Proof("tests/test_a.py", "test_1192_4601_nothing_of_2018_is_lost", "A rule.")

    assert several.issues == [1192, 4601]
    assert regressions.Proof("tests/test_a.py", "test_a_read_of_2018", "A rule.").issues == []
    assert len({test.place for test in regressions.tests() if test.issues}) > 90


def test_install_and_units_have_one_path() -> None:
    """What the README installs is what the units start, the Dockerfile builds and the pages name."""
    started = {
        line.split("=")[1].split()[0]
        for unit in UNITS
        for line in unit.read_text(encoding="utf-8").splitlines()
        if line.startswith(("ExecStart=", "ExecStopPost="))
    }
    made = re.findall(r"-m venv (/\S+)", text("README.md") + text("Dockerfile"))
    named = {
        path
        for page in PAGES[:1] + PAGES[2:]
        for path in re.findall(r"(/[\w./-]+/bin)/(?:auditor|migrator|pip)\b", text(page))
    }

    assert started == {f"{made[0]}/bin/auditor"}
    assert set(made) == {"/opt/octopus-auditor"}
    assert named == {f"{made[0]}/bin"}


def test_pages_and_units_name_one_configuration_state_and_credentials() -> None:
    """Folders and credentials that the pages tell to fill are those that the units hand to the program."""
    unit = UNITS[0].read_text(encoding="utf-8")
    folder = re.findall(r"^ConfigurationDirectory=(\S+)$", unit, re.MULTILINE)[0]
    state = re.findall(r"^StateDirectory=(\S+)$", unit, re.MULTILINE)[0]
    credentials = dict(re.findall(r"^LoadCredential=(\w+):(\S+)$", unit, re.MULTILINE))
    running = text("docs/running.md")

    for page in ("README.md", "docs/running.md"):
        assert set(re.findall(r"/etc/(octopus-[a-z]+)/", text(page))) - {"octopus-migrator"} == {folder}
        assert set(re.findall(r"/var/lib/([a-z-]+)/", text(page))) == {state}
    filled = re.findall(r"^ +mv \S+ /etc/credstore/(\S+)$", running, re.MULTILINE)
    assert filled
    assert set(filled) <= set(credentials.values())
    assert set(re.findall(r'= "systemd:(\w+)"', running)) == {
        name for name, file in credentials.items() if file in filled
    }


def test_every_metric_on_a_page_is_served() -> None:
    """A metric that docs/running.md names is one that /metrics has."""
    served = Metrics(lambda: 0.0)
    served.expect("prod")
    names = set(re.findall(r"^# TYPE (auditor_\w+)", served.text().decode(), re.MULTILINE))
    named = set(re.findall(r"\bauditor_[a-z_]+", text("docs/running.md")))

    assert len(named) > 8
    assert named - names == set()


def test_the_cronjob_goes_on_after_missed_starts() -> None:
    """The CronJob has a deadline, without which a hundred missed starts would end its schedule, and never overlaps."""
    job = next(block for block in blocks("docs/running.md") if "kind: CronJob" in block)

    assert "concurrencyPolicy: Forbid" in job
    assert int(re.findall(r"startingDeadlineSeconds: (\d+)", job)[0]) >= 60
