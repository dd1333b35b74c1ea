"""
Choosing: names as the collation compares them, spaces, types by their words, versions of releases.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.errors import UsageError
from migrator.selection.release_versions import check_versions, chooser, semantic
from migrator.selection.request import Choices, Named, Selection, chosen_projects, type_names

PROJECTS = (
    Named("Projects-1", "Shop", None, "ProjectGroups-1"),
    Named("Projects-2", "Größe ", None, "ProjectGroups-1"),
    Named("Projects-3", "Mill", None, "ProjectGroups-2"),
)
CHOICES = Choices(PROJECTS, (Named("ProjectGroups-1", "Web"), Named("ProjectGroups-2", "Data")))


def names(**selection: tuple[str, ...]) -> list[str]:
    return [item.name for item in chosen_projects(CHOICES, Selection(**selection))]


def test_projects_and_groups_are_united() -> None:
    """
    A project that is named and stands in a named group comes once.
    """
    assert names(projects=("Mill", "Shop"), groups=("Web",)) == ["Shop", "Größe ", "Mill"]


def test_names_match_as_the_collation_does() -> None:
    """
    Case and trailing blanks do not count; accents do.
    """
    assert names(projects=("SHOP  ",)) == ["Shop"]
    assert names(projects=("grÖße",)) == ["Größe "]
    with pytest.raises(UsageError, match="did you mean Größe"):
        names(projects=("Grosse",))


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"projects": ("Shpo",)}, "did you mean Shop"),
        ({"groups": ("Wbe",)}, "no project group Wbe; did you mean Web"),
        ({"projects": ("Shop",), "spaces": ("One",)}, "no spaces"),
    ],
)
def test_unknown_names_are_refused(chosen: dict[str, tuple[str, ...]], said: str) -> None:
    """
    A name that nothing has is an error with the nearest ones.
    """
    with pytest.raises(UsageError, match=said):
        names(**chosen)


@pytest.mark.parametrize("selection", [Selection(), Selection(projects=(" ",))])
def test_nothing_chosen_is_wrong_usage(selection: Selection) -> None:
    """
    Without a project or a group there is nothing to export.
    """
    with pytest.raises(UsageError):
        selection.check()


def test_types_have_many_words() -> None:
    """
    A type is meant by its name, its folder, or what people call several of it.
    """
    assert type_names(["Tenant", "machines", "MachinePolicys", "step templates"]) == {
        "Tenant",
        "Machine",
        "MachinePolicy",
        "ActionTemplate",
    }
    with pytest.raises(UsageError, match="did you mean Tenant"):
        type_names(["Tenent"])


KNOWN = ["1.0.0-beta", "1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "2.0.0", "2018-08", "hot-fix"]


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("", KNOWN),
        ("*", KNOWN),
        ("1.2.0", ["1.2.0"]),
        ("1.0.0-BETA", ["1.0.0-beta"]),
        ("hot-fix", ["hot-fix"]),
        ("2018-08", ["2018-08"]),
        ("1.0.0-1.10.0", ["1.0.0", "1.2.0", "1.10.0"]),
        ("1.0.0-beta-1.2.0", ["1.0.0-beta", "1.0.0", "1.2.0"]),
        ("1.2.0-2.0.0-rc.1", ["1.2.0", "1.10.0", "2.0.0-rc.1"]),
        ("1.0.0-beta - 1.0.0", ["1.0.0-beta", "1.0.0"]),
    ],
)
def test_versions_are_chosen(expression: str, chosen: list[str]) -> None:
    """
    One version, a range in the order of semver, or all; a hyphen inside a version is no range.
    """
    wanted = chooser(expression, KNOWN)
    assert [version for version in KNOWN if wanted(version)] == chosen


def test_a_range_is_cut_between_two_releases() -> None:
    """
    Where a text could be cut at several places, it is cut where both sides are releases, the first cut or a later one.
    """
    known = ["1.0.0-1.5.0", "1.0.0", "1.8.0", "2.0.0"]
    wanted = chooser("1.0.0-1.5.0-2.0.0", known)
    assert [version for version in known if wanted(version)] == known
    # Cut at the first hyphen, the range would end before 1.8.0.
    assert not chooser("1.0.0-1.5.0-2.0.0", ["1.0.0", "1.5.0-2.0.0"])("1.8.0")


def test_what_is_not_semantic_is_ordered_as_text() -> None:
    """
    Ranges also work for versions that are no numbers.
    """
    wanted = chooser("alpha-gamma", ["alpha", "beta", "zeta"])
    assert [version for version in ("alpha", "beta", "zeta") if wanted(version)] == ["alpha", "beta"]


@pytest.mark.parametrize("expression", ["-1.0.0", "1.0.0-", "2.0.0-1.0.0", "-"])
def test_a_range_that_is_none_is_refused_early(expression: str) -> None:
    """
    A missing end or ends the wrong way round are errors before anything is read.
    """
    with pytest.raises(UsageError, match="not a range"):
        check_versions(expression)


@pytest.mark.parametrize("expression", ["9.9.9", "1.0.0-1.1.0-1.2.0"])
def test_versions_that_are_not_there_or_ambiguous_are_refused(expression: str) -> None:
    """
    A version without a release, and a text that may be several ranges, are errors.
    """
    with pytest.raises(UsageError):
        chooser(expression, KNOWN)


versions = st.tuples(*[st.integers(0, 12)] * 3, st.sampled_from(["", "-a", "-a.1", "-a.2", "-1", "-a.b"])).map(
    lambda v: f"{v[0]}.{v[1]}.{v[2]}{v[3]}"
)


@given(st.lists(versions, min_size=2, max_size=6, unique=True))
def test_a_range_holds_its_ends_and_what_is_between(found: list[str]) -> None:
    """
    For any two releases in order, the range of both has both, and nothing outside of them.
    """
    ordered = sorted(found, key=lambda text: semantic(text) or ())
    wanted = chooser(f"{ordered[0]} - {ordered[-2]}", found)
    assert [version for version in ordered if wanted(version)] == ordered[:-1]


def test_an_endless_version_stops_nothing() -> None:
    """
    A version of more digits than a number may have is compared as a text; the others are chosen as ever.
    """
    wanted = chooser("1.0.0 - 2.0.0", ["1.0.0", "1.5.0", "9" * 5000])
    assert [version for version in ("1.0.0", "1.5.0", "9" * 5000) if wanted(version)] == ["1.0.0", "1.5.0"]
