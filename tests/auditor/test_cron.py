"""
Rules of ``auditor.cron``: cron's own meaning, and each clock change against a slow reference that walks the minutes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from auditor.cron import Cron

ZONES = ("US/Pacific", "Europe/Berlin", "Australia/Sydney", "Pacific/Auckland", "America/Santiago")
Field = tuple[str, frozenset[int]]
MINUTE = timedelta(minutes=1)
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def local_runs(expression: str, zone: str, day: date, days: int = 1) -> list[str]:
    """Return the runs of some local days as local text with the offset."""
    start = datetime.combine(day, time(), ZoneInfo(zone)) - MINUTE
    end = datetime.combine(day + timedelta(days=days), time(), ZoneInfo(zone)) - MINUTE
    return [f"{run.astimezone(ZoneInfo(zone)):%d %H:%M %z}" for run in Cron.parse(expression, zone).between(start, end)]


# -- the reference: every minute, one after another --


@dataclass(frozen=True)
class Written:
    """An expression and, made beside it and not parsed from it, what it means."""

    text: str
    fields: tuple[frozenset[int], ...]
    stars: tuple[bool, ...]

    def matches(self, wall: datetime) -> bool:
        """Compare one wall-clock minute, by the text of crontab(5)."""
        minutes, hours, days, months, weekdays = self.fields
        if wall.minute not in minutes or wall.hour not in hours or wall.month not in months:
            return False
        in_month, in_week = wall.day in days, (wall.weekday() + 1) % 7 in weekdays
        return (in_month and in_week) if self.stars[2] or self.stars[4] else (in_month or in_week)

    def every_hour(self) -> bool:
        """Return whether the hour field lets each real hour count."""
        return self.stars[1] or len(self.fields[1]) == 24


def walk(written: Written, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return the fire times in [start, end] by looking at each minute; a day is spent before on what was passed."""
    runs, instant = [], start - timedelta(days=1)
    passed = instant.astimezone(zone).replace(tzinfo=None)
    while instant <= end:
        wall = instant.astimezone(zone).replace(tzinfo=None)
        if written.every_hour():
            due = written.matches(wall)
        else:
            fresh = int((wall - passed) / MINUTE)
            due = any(written.matches(passed + step * MINUTE) for step in range(1, fresh + 1))
        passed = max(passed, wall)
        if due and instant >= start:
            runs.append(instant)
        instant += MINUTE
    return runs


@st.composite
def field(draw: st.DrawFn, low: int, high: int, names: Sequence[str] = (), star: bool = True) -> Field:
    """Write one field together with the set it means."""

    def word(value: int) -> str:
        name = names[value - low] if names and value - low < len(names) else str(value)
        return draw(st.sampled_from([str(value), name, name.lower()]))

    if star and draw(st.booleans()):
        step = draw(st.integers(1, high - low + 1))
        return ("*" if step == 1 else f"*/{step}"), frozenset(range(low, high + 1, step))
    items, values = [], set()
    for _ in range(draw(st.integers(1, 3))):
        first = draw(st.integers(low, high))
        last = draw(st.integers(first, high))
        step = draw(st.integers(1, 5)) if high - low > 5 else 1
        shape = draw(st.sampled_from(["value", "range", "step"]))
        if shape == "value" or first == last:  # croniter takes 0-0 for every day
            items.append(word(first))
            values.add(first)
        else:
            span = range(first, last + 1, step if shape == "step" else 1)
            items.append(f"{word(first)}-{word(last)}" + (f"/{step}" if shape == "step" else ""))
            values |= set(span)
    return ",".join(items), frozenset(values)


@st.composite
def expressions(draw: st.DrawFn) -> Written:
    """Write a whole expression."""
    parts = [
        draw(field(0, 59)),
        draw(st.one_of(field(0, 23), field(0, 4, star=False))),
        draw(st.one_of(st.just(("*", frozenset(range(1, 32)))), field(1, 31))),
        draw(st.one_of(st.just(("*", frozenset(range(1, 13)))), field(1, 12, MONTHS))),
        draw(st.one_of(st.just(("*", frozenset(range(7)))), field(0, 6, WEEKDAYS))),
    ]
    texts = [text for text, _ in parts]
    return Written(" ".join(texts), tuple(values for _, values in parts), tuple(text.startswith("*") for text in texts))


def change_days(zone: str, first: int = 2019, last: int = 2030) -> list[datetime]:
    """Return the UTC midnights of the days on which a zone's offset changes."""
    instant, found = datetime(first, 1, 1, tzinfo=UTC), []
    while instant.year < last:
        following = instant + timedelta(days=1)
        if instant.astimezone(ZoneInfo(zone)).utcoffset() != following.astimezone(ZoneInfo(zone)).utcoffset():
            found.append(instant)
        instant = following
    return found


CHANGES = {zone: change_days(zone) for zone in (*ZONES, "Australia/Lord_Howe", "America/Havana")}


@settings(max_examples=60, deadline=None, phases=[Phase.reuse, Phase.generate])
@given(expressions(), st.sampled_from(sorted(CHANGES)), st.data())
def test_random_expressions_around_clock_changes(written: Written, zone: str, data: st.DataObject) -> None:
    """Around every clock change an expression fires when a walk over all minutes says so, and never else."""
    try:
        cron = Cron.parse(written.text, zone)
    except ValueError as error:
        assert "never runs" in str(error)
        return
    start = data.draw(st.sampled_from(CHANGES[zone])) - data.draw(st.integers(0, 1440)) * MINUTE
    end = start + timedelta(hours=40)
    wrong = set(cron.between(start - MINUTE, end)) ^ set(walk(written, ZoneInfo(zone), start, end))
    assert sorted(wrong)[:3] == [], written.text


@settings(max_examples=60, deadline=None)
@given(expressions(), st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))
def test_random_expressions_agree_with_croniter_in_utc(written: Written, moment: datetime) -> None:
    """Where the clocks never change, the next run is the one another implementation names."""
    try:
        cron = Cron.parse(written.text, "UTC")
    except ValueError as error:
        assert "never runs" in str(error)
        return
    start = moment.replace(tzinfo=UTC)
    other = croniter(written.text, start, implement_cron_bug=True, max_years_between_matches=60)
    assert cron.next_after(start) == other.get_next(datetime)


@settings(max_examples=60, deadline=None)
@given(expressions(), st.sampled_from(ZONES), st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)))
def test_next_is_strictly_later_and_nothing_lies_between(written: Written, zone: str, moment: datetime) -> None:
    """``next_after`` moves forward, and asking from anywhere before its answer gives the same answer."""
    try:
        cron = Cron.parse(written.text, zone)
    except ValueError:
        return
    start = moment.replace(tzinfo=UTC)
    found = cron.next_after(start)
    assert found > start
    assert found.tzinfo is UTC
    assert cron.next_after(start + (found - start) / 2) == found
    assert cron.next_after(found - timedelta.resolution) == found


# -- the clock changes, spelled out --


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", ["0 0 * * *", "@daily", "30 2 * * *", "59 23 * * *", "30 1 * * *", "15 0 * * *"])
def test_daily_job_runs_once_on_each_day(zone: str, expression: str) -> None:
    """A job with a fixed time runs exactly once on every local day of three years."""
    start = datetime(2025, 1, 1, tzinfo=ZoneInfo(zone))
    end = datetime(2028, 1, 1, tzinfo=ZoneInfo(zone)) - MINUTE
    runs = Cron.parse(expression, zone).between(start - MINUTE, end)
    days = [run.astimezone(ZoneInfo(zone)).date() for run in runs]
    assert days == [date(2025, 1, 1) + timedelta(days=number) for number in range(365 + 365 + 365)]


def test_skipped_hour_runs_once_at_the_end_of_the_gap() -> None:
    """All times the clocks skip fall together on the first instant after the gap, with what is due there anyway."""
    spring = date(2026, 3, 29)
    assert local_runs("30 2 * * *", "Europe/Berlin", spring) == ["29 03:00 +0200"]
    assert local_runs("*/15 2 * * *", "Europe/Berlin", spring) == ["29 03:00 +0200"]
    assert local_runs("0,30 2,3 * * *", "Europe/Berlin", spring) == ["29 03:00 +0200", "29 03:30 +0200"]
    assert local_runs("0 0 * * *", "America/Santiago", date(2026, 9, 6)) == ["06 01:00 -0300"]
    assert local_runs("15 2 * * *", "Australia/Lord_Howe", date(2026, 10, 4)) == ["04 02:30 +1100"]


def test_repeated_hour_runs_once_at_its_first_occurrence() -> None:
    """A fixed time in the repeated hour runs at its first occurrence only."""
    autumn = date(2026, 10, 25)
    assert local_runs("30 2 * * *", "Europe/Berlin", autumn) == ["25 02:30 +0200"]
    assert local_runs("30 23 * * *", "America/Santiago", date(2026, 4, 4)) == ["04 23:30 -0300"]
    assert local_runs("0 0 * * *", "America/Havana", date(2026, 11, 1)) == ["01 00:00 -0400"]


def test_every_hour_keeps_real_distances() -> None:
    """With a star in the hour field the real distance of two runs stays the same through both changes."""
    for expression, distance in (("*/15 * * * *", 15), ("0 * * * *", 60), ("7 0-23 * * *", 60), ("@hourly", 60)):
        for day in (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)):
            runs = list(Cron.parse(expression, "Europe/Berlin").between(day, day + timedelta(days=2)))
            assert {later - earlier for earlier, later in itertools.pairwise(runs)} == {distance * MINUTE}


def test_a_whole_skipped_day_runs_once_after_it() -> None:
    """Samoa had no 30 December 2011: what was due on it runs once when the 31st begins."""
    start = datetime(2011, 12, 29, 12, tzinfo=ZoneInfo("Pacific/Apia"))
    runs = Cron.parse("0 12 * * *", "Pacific/Apia").next_runs(start, 2)
    assert [f"{run.astimezone(ZoneInfo('Pacific/Apia')):%d %H:%M}" for run in runs] == ["31 00:00", "31 12:00"]


def test_clocks_put_back_over_midnight() -> None:
    """When midnight is reached and left again backwards, a daily job at midnight does not run a second time."""
    start = datetime(2010, 11, 6, 0, 0, tzinfo=ZoneInfo("America/St_Johns"))
    fixed = Cron.parse("0 0 * * *", "America/St_Johns").next_runs(start, 2)
    assert [later - earlier for earlier, later in itertools.pairwise(fixed)] == [timedelta(hours=25)]
    runs = Cron.parse("*/30 * * * *", "America/St_Johns").next_runs(start + timedelta(hours=20), 16)
    assert {later - earlier for earlier, later in itertools.pairwise(runs)} == {30 * MINUTE}


# -- the language --


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("0 3 * * 0", {0}),
        ("0 3 * * 7", {0}),
        ("0 3 * * sun", {0}),
        ("0 3 * * 0-0", {0}),
        ("0 3 * * 1-5", {1, 2, 3, 4, 5}),
        ("0 3 * * FRI-SUN", {5, 6, 0}),
        ("0 3 * * 5-7", {5, 6, 0}),
        ("0 3 * * 0-7", {0, 1, 2, 3, 4, 5, 6}),
        ("0 3 * * Mon,Wed-Fri", {1, 3, 4, 5}),
        ("0 3 * * */2", {0, 2, 4, 6}),
        ("0 3 * * 1-7/2", {1, 3, 5, 0}),
    ],
)
def test_weekdays_are_cron_s(text: str, meaning: set[int]) -> None:
    """Weekday 0 and 7 are Sunday and 1 is Monday; names and ranges up to Sunday are understood."""
    runs = Cron.parse(text).next_runs(datetime(2026, 1, 1, tzinfo=UTC), 14)
    assert {run.isoweekday() % 7 for run in runs} == meaning


def test_day_of_month_or_weekday() -> None:
    """With both set either is enough; a field that starts with a star makes it both."""
    start = datetime(2026, 1, 31, 12, tzinfo=UTC)
    either = Cron.parse("0 0 13 * FRI").next_runs(start, 5)
    assert [run.day for run in either] == [6, 13, 20, 27, 6]
    assert [run.day for run in Cron.parse("0 0 10 * FRI").next_runs(start, 4)] == [6, 10, 13, 20]
    both = Cron.parse("0 0 */2 * MON").next_runs(start, 3)
    assert [(run.day % 2, run.weekday()) for run in both] == [(1, 0)] * 3


@pytest.mark.parametrize(
    ("macro", "first"),
    [
        ("@yearly", "2027-01-01 00:00"),
        ("@annually", "2027-01-01 00:00"),
        ("@monthly", "2026-06-01 00:00"),
        ("@weekly", "2026-05-17 00:00"),
        ("@daily", "2026-05-14 00:00"),
        ("@Midnight", "2026-05-14 00:00"),
        ("@hourly", "2026-05-13 11:00"),
    ],
)
def test_macros(macro: str, first: str) -> None:
    """Each macro means what crontab(5) says, in any case."""
    run = Cron.parse(macro).next_after(datetime(2026, 5, 13, 10, 30, tzinfo=UTC))
    assert f"{run:%Y-%m-%d %H:%M}" == first


def test_leap_days_over_a_century_are_found_fast() -> None:
    """29 February is found across 2100, which has none, and with a weekday as well, without a walk over minutes."""
    assert Cron.parse("0 0 29 2 *").next_after(datetime(2096, 3, 1, tzinfo=UTC)).date() == date(2104, 2, 29)
    sunday = Cron.parse("0 0 29 2 */7").next_after(datetime(2076, 3, 1, tzinfo=UTC))
    assert (sunday.month, sunday.day, sunday.weekday()) == (2, 29, 6)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("60 * * * *", "minute field"),
        ("* 24 * * *", "hour field"),
        ("* * 0 * *", "day-of-month field"),
        ("* * * 13 *", "month field"),
        ("* * * * 8", "0 and 7 are Sunday"),
        ("* * * FOO *", "JAN to DEC"),
        ("? * * * *", "minute field"),
        ("*/0 * * * *", "a step is 1 to 60"),
        ("*/90 * * * *", "a step is 1 to 60"),
        ("5/15 * * * *", "a step needs a range"),
        ("* 22-2 * * *", "runs backwards"),
        ("1,,2 * * * *", "minute field"),
        ("-5 * * * *", "minute field"),
        ("１ * * * *", "minute field"),
        ("* * * *", "has 4 fields"),
        ("* * * * * *", "has 6 fields"),
        ("", "has 0 fields"),
        ("@reboot", "@hourly"),
        ("0 0 30 2 *", "never runs"),
        ("0 0 31 4,6,9,11 *", "never runs"),
    ],
)
def test_bad_expressions_are_refused(text: str, part: str) -> None:
    """What cron cannot mean is refused in one sentence that names the field and what is legal."""
    with pytest.raises(ValueError, match="schedule") as caught:
        Cron.parse(text)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=30), st.text("0123456789*/,-@ SUNMON", max_size=30)))
def test_any_text_parses_or_is_a_value_error(text: str) -> None:
    """No text raises anything but ValueError, and what parses has a next run."""
    try:
        cron = Cron.parse(text)
    except ValueError:
        return
    assert cron.next_after(datetime(2026, 1, 1, tzinfo=UTC)) > datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "near"),
    [("Europe/Berln", "Europe/Berlin"), ("europe/berlin", "Europe/Berlin"), ("Sydney", "Australia/Sydney")],
)
def test_unknown_zone_names_the_nearest(name: str, near: str) -> None:
    """A misspelt time zone is answered with the nearest real name."""
    with pytest.raises(ValueError, match=near):
        Cron.parse("@daily", name)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a\0b", "/etc/localtime", "America"])
def test_odd_zone_names_are_value_errors(name: str) -> None:
    """A zone name that is a path, a folder or nothing is refused like any other."""
    with pytest.raises(ValueError, match="no time zone"):
        Cron.parse("@daily", name)


def test_naive_moment_is_refused() -> None:
    """A moment without a zone is refused instead of guessed."""
    with pytest.raises(ValueError, match="without a time zone"):
        Cron.parse("@daily").next_after(datetime(2026, 1, 1))
