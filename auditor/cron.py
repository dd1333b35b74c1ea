"""
Five-field cron expressions with cron's own meaning, and the instants they name in a time zone.

Pure: no clock, no threads. Running something at those instants belongs in ``schedule``.

When the clocks change (a day's rule is decided by its hour field):

- *Fixed hour* (``0 0 * * *``, ``*/15 2 * * *``): each wall-clock time of a day counts once. A time the clocks skip
  runs at the first instant after the gap, together with whatever else falls on that instant; a time that is
  repeated runs at its first occurrence only.
- *Every hour* (the hour field starts with ``*``, or names all 24): the expression is compared with the clock on the
  wall at every real minute, as Vixie cron does. ``*/15 * * * *`` so keeps its distance of 15 real minutes through
  both changes; a skipped time does not run and a repeated one runs twice.

Unlike Vixie cron a ``*`` in the minute field does not make a fixed hour an "every hour": ``*/15 2 * * *`` would
run not at all on one day of the year.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from migrator.wording import did_you_mean

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_WORD = r"[0-9A-Z]+"
# Digits are [0-9] throughout, since \d takes those of every script.
_ITEM = re.compile(rf"(?:\*|(?P<low>{_WORD})(?:-(?P<high>{_WORD}))?)(?:/(?P<step>[0-9]{{1,4}}))?")
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
# The 29th of February comes in some years, so a schedule for it does run.
_LONGEST = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


@dataclass(frozen=True)
class _Field:
    """
    One of the five columns: its name, what is legal in it, and the names it knows.
    """

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def legal(self) -> str:
        words = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        sunday = ", where 0 and 7 are Sunday" if self.high == 7 else ""
        return f"legal are {self.low} to {self.high}{words}{sunday}, as *, lists, ranges and steps"


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day-of-month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True)
class Cron:
    """
    A parsed expression in a time zone; equal when written alike.

    ``times`` are minutes since midnight, ascending; ``weekdays`` counts Sunday as 0; ``either_day`` says that
    day-of-month OR weekday is enough; ``every_hour`` picks the rule for clock changes, see the module.
    """

    expression: str
    timezone: str
    times: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    every_hour: bool

    @classmethod
    def parse(cls, text: str, timezone: str = "UTC") -> Cron:
        """
        Read five fields or a macro such as ``@daily``; *timezone* is a name of the IANA database.

        When day-of-month and weekday are both set, either is enough; when one of them starts with ``*``, both
        must fit (so ``0 0 */2 * MON`` means the Mondays on odd days), as in Vixie cron.

        Raises:
            ValueError: one sentence that names the field and what is legal in it.
        """
        _zone(timezone)
        # In one spelling, so that a reload with other blanks is the same schedule.
        expression = " ".join(text.split())
        columns = _columns(expression)
        minutes, hours, days, months, weekdays = (
            _values(field, column, expression) for field, column in zip(_FIELDS, columns, strict=True)
        )
        cron = cls(
            expression=expression,
            timezone=timezone,
            times=tuple(hour * 60 + minute for hour in sorted(hours) for minute in sorted(minutes)),
            days=days,
            months=months,
            weekdays=frozenset(day % 7 for day in weekdays),
            either_day=not (columns[2].startswith("*") or columns[4].startswith("*")),
            every_hour=columns[1].startswith("*") or len(hours) == 24,
        )
        # Where either day is enough, the weekday makes it run whatever the day of the month says.
        if not cron.either_day and all(min(days) > _LONGEST.get(month, 31) for month in months):
            raise ValueError(
                f"the schedule {expression!r} never runs: the day-of-month field asks for day {min(days)}, "
                "but no month that the month field names is that long"
            )
        return cron

    def next_after(self, moment: datetime) -> datetime:
        """
        Return the first fire time strictly later than *moment* (aware, any zone), in UTC.

        Raises:
            ValueError: *moment* has no time zone, or there is no fire time before the year 9999.
        """
        if moment.utcoffset() is None:
            raise ValueError("a moment without a time zone cannot be placed on a schedule; give it one")
        # Python's arithmetic within one zone goes by the clock on the wall; only in UTC is a minute always a minute.
        moment = moment.astimezone(UTC)
        # From the day before: clocks put back over midnight return to it.
        start = moment.astimezone(_zone(self.timezone)).date() - _DAY
        for day in self._days(start):
            found = self._first_on(day, moment)
            if found is not None:
                # Same reason: the next day's midnight may come before this day's repeated last hour.
                other = self._first_on(day + _DAY, moment) if self._matches(day + _DAY) else None
                return min(found, other or found)
        raise ValueError(f"the schedule {self.expression!r} has no fire time between {moment} and the year {MAXYEAR}")

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """
        Yield the fire times later than *start* and not later than *end*, ascending, in UTC.
        """
        moment = self.next_after(start)
        while moment <= end:
            yield moment
            moment = self.next_after(moment)

    def next_runs(self, moment: datetime, count: int = 5) -> list[datetime]:
        """
        Return the next *count* fire times after *moment*, in UTC.
        """
        return list(islice(self.between(moment, datetime.max.replace(tzinfo=UTC)), count))

    def _matches(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either_day else in_month and in_week

    def _days(self, start: date) -> Iterator[date]:
        # Without the last year that Python knows: a day is looked at together with the days after it.
        for year in range(start.year, MAXYEAR):
            for month in sorted(self.months):
                if (year, month) < (start.year, start.month):
                    continue
                for number in range(1, calendar.monthrange(year, month)[1] + 1):
                    day = date(year, month, number)
                    if day >= start and self._matches(day):
                        yield day

    def _first_on(self, day: date, moment: datetime) -> datetime | None:
        zone = _zone(self.timezone)
        midnight = datetime.combine(day, time(), UTC)
        # Wide enough for any offset from UTC; two changes within so few days are not on record since 1970.
        low, high = midnight - 2 * _DAY, midnight + 3 * _DAY
        old, new = _offset(low, zone), _offset(high, zone)
        # Nearly every day of the year, and a search in its minutes is all that it takes.
        if old == new:
            return self._at_offset(midnight - old, moment)
        turn = _turn(low, high, zone)
        if self.every_hour:
            found = self._at_offset(midnight - old, moment)
            # From the turn on the wall shows the new offset; a time at the very turn belongs to it.
            if found is None or found >= turn:
                found = self._at_offset(midnight - new, max(moment, turn - timedelta.resolution))
            return found
        walls = [midnight + minute * _MINUTE for minute in self.times]
        index = bisect_right(walls, moment, key=lambda wall: _one_instant(wall, turn, zone))
        return _one_instant(walls[index], turn, zone) if index < len(walls) else None

    def _at_offset(self, midnight: datetime, moment: datetime) -> datetime | None:
        index = bisect_right(self.times, (moment - midnight) // _MINUTE)
        return midnight + self.times[index] * _MINUTE if index < len(self.times) else None


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _turn(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """
    Return the first instant, to the second, that has the offset of *high*.
    """
    # zoneinfo does not tell when its changes are, so the one between the two is searched for.
    new = _offset(high, zone)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (low, middle) if _offset(middle, zone) == new else (middle, high)
    return high


def _one_instant(wall: datetime, turn: datetime, zone: ZoneInfo) -> datetime:
    # fold=0 is the first of a repeated time; a skipped one comes back from UTC as another time.
    local = wall.replace(tzinfo=zone, fold=0)
    instant = local.astimezone(UTC)
    exists = instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
    return instant if exists else turn


def _columns(expression: str) -> list[str]:
    columns = MACROS.get(expression.lower(), expression).split(" ")
    if expression.startswith("@") and len(columns) == 1:
        raise ValueError(f"the schedule {expression!r} is not known; legal are {', '.join(MACROS)}, or five fields")
    if len(columns) != 5 or not expression:
        names = ", ".join(field.name for field in _FIELDS)
        found = len(expression.split())
        raise ValueError(f"the schedule {expression!r} has {found} fields, but cron has five: {names}")
    return columns


def _values(field: _Field, column: str, expression: str) -> frozenset[int]:
    values: set[int] = set()
    for item in column.split(","):
        try:
            values |= _item(field, item)
        except ValueError as error:
            raise ValueError(f"the {field.name} field of the schedule {expression!r} {error}; {field.legal}") from None
    return frozenset(values)


def _item(field: _Field, item: str) -> set[int]:
    match = _ITEM.fullmatch(item.upper())
    if match is None:
        raise ValueError(f"holds {item!r}, which is no value, range or step" if item else "has a gap in its list")
    # The weekday 7 must not count as an eighth day for "*/n".
    low, high = field.low, 6 if field.high == 7 else field.high
    span = high - low + 1
    if match["low"]:
        low = high = _number(field, match["low"])
    if match["high"]:
        high = _number(field, match["high"])
        # At the end of a range Sunday is the week's last day, as in FRI-SUN.
        if field.high == 7 and high == 0 and low > 0:
            high = 7
    if low > high:
        raise ValueError(f"holds {item!r}, which runs backwards: write it as two ranges")
    if match["step"] is None:
        return set(range(low, high + 1))
    # What 5/15 means depends on the scheduler (Quartz goes on from 5), so nobody is left to guess.
    if match["low"] and not match["high"]:
        raise ValueError(f"holds {item!r}, but a step needs a range or *")
    step = int(match["step"])
    if not 1 <= step <= span:
        raise ValueError(f"holds {item!r}, but a step is 1 to {span}")
    return set(range(low, high + 1, step))


def _number(field: _Field, word: str) -> int:
    if word in field.names:
        return field.names.index(word) + field.low
    if not re.fullmatch(r"[0-9]{1,4}", word) or not field.low <= int(word) <= field.high:
        raise ValueError(f"holds {word!r}")
    return int(word)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # A folder of the database, such as Europe, fails as reading a folder does.
        zones = sorted(available_timezones())
        # A city alone is the commonest slip after case and spelling.
        known = {zone.rpartition("/")[2].lower(): zone for zone in zones} | {zone.lower(): zone for zone in zones}
        hint = did_you_mean(name, known, "names look like Europe/Berlin or UTC", meaning=known)
        raise ValueError(f"there is no time zone {name!r}{hint}") from None
