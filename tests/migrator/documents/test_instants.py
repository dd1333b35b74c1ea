"""
Laws of instants and GUIDs: one text for one value, whichever way it was written.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents.instants import canonical_guid, canonical_instant, same_instant

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes)))
moments = st.datetimes(timezones=zones)
sevenths = st.integers(0, 9_999_999)


def written(moment: datetime.datetime, ticks: int, digits: int, *, between: str = "T", zone: bool = True) -> str:
    """
    Return a moment with so many digits of a second, as a datetimeoffset of that precision is converted.
    """
    fraction = f".{ticks:07d}"[: digits + 1] if digits else ""
    offset = moment.isoformat()[-6:] if zone else ""
    return (
        f"{moment:%Y}".zfill(4)
        + f"{moment:-%m-%d}{between}{moment:%H:%M:%S}{fraction}"
        + (f"{' ' if between == ' ' else ''}{offset}" if offset else "")
    )


@given(moments, sevenths)
def test_each_precision_and_form_gives_one_text(moment: datetime.datetime, ticks: int) -> None:
    """
    Style 121 and ISO 8601, with as many digits as the column keeps, give the text that the server itself writes.
    """
    moment = moment.replace(microsecond=0)
    for digits in range(8):
        kept = ticks // 10 ** (7 - digits) * 10 ** (7 - digits)
        texts = {
            canonical_instant(written(moment, kept, many, between=between))
            for many in range(digits, 8)
            for between in ("T", " ")
        }
        (text,) = texts
        fraction = f"{kept:07d}".rstrip("0").ljust(3, "0")
        assert text == f"{written(moment, 0, 0)[:19]}.{fraction}{moment.isoformat()[-6:]}"
        assert canonical_instant(text) == text


@given(st.datetimes(), sevenths)
def test_the_seventh_digit_is_kept(moment: datetime.datetime, ticks: int) -> None:
    """
    A datetime2 has no offset, and no digit of it is lost.
    """
    text = canonical_instant(written(moment, ticks, 7, between=" ", zone=False))
    assert text[19:].ljust(8, "0") == f".{ticks:07d}"


@given(moments, zones, sevenths, st.integers(0, 7))
def test_one_instant_is_the_same_in_every_zone(
    moment: datetime.datetime, zone: datetime.timezone, ticks: int, digits: int
) -> None:
    """
    Whatever offset and form two texts have, they are equal if and only if they mean the same moment.
    """
    moment = moment.replace(microsecond=0)
    try:
        other = moment.astimezone(zone)
        moment.astimezone(datetime.UTC)
    except OverflowError:
        return
    one, two = written(moment, ticks, 7), written(other, ticks, 7, between=" ")
    assert same_instant(one) == same_instant(two)
    assert same_instant(one) != same_instant(written(moment, (ticks + 1) % 10_000_000, 7))
    assert same_instant(same_instant(one)) == same_instant(one)


@given(st.text() | st.none() | st.integers() | st.booleans())
def test_what_is_no_instant_stays(value: Any) -> None:
    """
    Texts of other kinds, numbers and nothing at all pass as they are.
    """
    assert same_instant(value) == canonical_instant(value) == canonical_guid(value) == value


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("2018-08-01 10:00:00 +00:00", "2018-08-01T10:00:00.000+00:00"),
        ("2018-08-01T10:00:00Z", "2018-08-01T10:00:00.000+00:00"),
        ("2018-08-01T10:00:00.000-00:00", "2018-08-01T10:00:00.000+00:00"),
        ("2018-08-01T10:00:00.1234567+0200", "2018-08-01T10:00:00.1234567+02:00"),
        ("2018-08-01T10:00:00.000+00:00", "2018-08-01T10:00:00.000+00:00"),
        ("2018-08-01 10:00:00.5", "2018-08-01T10:00:00.500"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00.000+14:00"),
        ("2018-13-41T10:00:00+00:00", "2018-13-41T10:00:00.000+00:00"),
        ("2018-08-01", "2018-08-01"),
        ("Release 2018-08-01T10:00:00Z", "Release 2018-08-01T10:00:00Z"),
        ("２018-08-01T10:00:00Z", "２018-08-01T10:00:00Z"),
    ],
)
def test_forms_that_were_seen(text: str, one: str) -> None:
    """
    What drivers, files and people write; a moment that no calendar has, or that lies before the first, stays one too.
    """
    assert canonical_instant(text) == one
    assert same_instant(text) == same_instant(one)


@given(st.uuids())
def test_a_guid_has_one_text(guid: uuid.UUID) -> None:
    """
    Upper and lower case are one GUID.
    """
    assert canonical_guid(str(guid).upper()) == str(guid)
