"""Times of producers: every form names the moment it means, and what is no likely time is not believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.timestamps import AHEAD, EARLIEST, TimeReader

RECEIVED = datetime(2026, 1, 3, 8, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
MOMENT = datetime(2025, 3, 15, 2, 14, 23, tzinfo=UTC)
MINUTE, DAY = MOMENT.replace(second=0), MOMENT.replace(hour=0, minute=0, second=0)
AFTERNOON = MOMENT.replace(hour=14)


def read(value: Any, zone: ZoneInfo | None = None, *, day_first: bool = True) -> tuple[datetime | None, str | None]:
    """What a site's reader makes of a value received at RECEIVED."""
    return TimeReader(zone or UTC, day_first).read(value, RECEIVED)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (1742004863, MOMENT),
        ("1742004863", MOMENT),
        ("1742004863,0", MOMENT),
        ("1.742004863E9", MOMENT),
        ("@1742004863", MOMENT),
        (1742004863000.0, MOMENT),
        ("1742004863000", MOMENT),
        ("1742004863000000", MOMENT),
        (1742004863000000000, MOMENT),
        ("1742004863000000000", MOMENT),
        (133864784630000000, MOMENT),
        ("133864784630000000", MOMENT),
        (638776016630000000, MOMENT),
        ("638776016630000000", MOMENT),
        (45731093321.7593, MOMENT),
        ("45731093321,7593", MOMENT),
        ("/Date(1742004863000)/", MOMENT),
        ("/Date(1742004863000+0100)/", MOMENT),
        ("20250315", DAY),
        (20250315, DAY),
        ("202503150214", MINUTE),
        (20250315021423, MOMENT),
        ("20250315021423000", MOMENT),
        ("250315021423Z", MOMENT),
        ("250315  2:14:23", MOMENT),
        ("20250315T021423", MOMENT),
        ("20250315T031423+0100", MOMENT),
        ("20250315-02:14:23", MOMENT),
        ("2025-W11-6T02:14:23", MOMENT),
        ("2025-03-15 02:14:23,000", MOMENT),
        ("2025-03-15", DAY),
        ("2025-03-15Z", DAY),
        ("2025-03-15+01:00", DAY - timedelta(hours=1)),
        ("2025-03-15T03:14:23+01:00[Europe/Berlin]", MOMENT),
        ("2025-03-15T03:14:23[Europe/Berlin]", MOMENT),
        ("2025-03-15 03:14:23 Europe/Berlin", MOMENT),
        ("2025-03-15 03:14:23 CET", MOMENT),
        ("2025-03-15-03.14.23.000000+060", MOMENT),
        ("DT#2025-03-15-02:14:23", MOMENT),
        ("2025-03-15 02:14:23 PM", AFTERNOON),
        ("2025-03-15 14:14:23 PM", AFTERNOON),
        ("2025/3/15 下午 02:14:23", AFTERNOON),
        ("2025-03-15 오전 2:14:23", MOMENT),
        ("2025年3月15日 2時14分23秒", MOMENT),
        ("2025年03月15日(土) 02:14:23", MOMENT),
        ("2025. 03. 15. 02:14:23", MOMENT),
        ("15.03.2025 02:14:23", MOMENT),
        ("15.03.2025 02:14:23,000", MOMENT),
        ("Sa 15.3.2025, 2.14.23", MOMENT),
        ("15.03.25 02:14", MINUTE),
        ("15. März 2025 um 02:14:23 Uhr", MOMENT),
        ("15 mars 2025 à 02:14:23", MOMENT),
        ("15 de marzo de 2025, 2:14:23 p.\u202fm.", AFTERNOON),
        ("March 15, 2025 at 2:14:23 AM UTC", MOMENT),
        ("Mar 15, 2025 2:14:23 AM", MOMENT),
        ("Sat, 15 Mar 2025 03:14:23 +0100", MOMENT),
        ("Sat Mar 15 02:14:23.000 2025", MOMENT),
        ("Sat Mar 15 2025 03:14:23 GMT+0100 (Central European Standard Time)", MOMENT),
        ("[15/Mar/2025:03:14:23 +0100]", MOMENT),
        ("15-MAR-25 02.14.23.000000 AM", MOMENT),
        ("15MAR2025:02:14:23", MOMENT),
        ("2025 Mar 15 02:14:23", MOMENT),
        ("*Mar 15 02:14:23.000:", MOMENT),
        ("15 Mar 02:14:23", MOMENT),
        ("0315 02:14:23.000000", MOMENT),
        ("03-15 02:14:23.000", MOMENT),
        ("02:14:23.000 UTC Sat Mar 15 2025", MOMENT),
        ("02:14:23 15.03.2025", MOMENT),
        ("3/15/2025 2:14:23 AM", MOMENT),
        ("15/03/2025 2:14:23 AM", MOMENT),
        ([1742004863, 0], MOMENT),
        ([1742004863.0, {}], MOMENT),
        ([2025, 3, 15, 2, 14, 23, 0], MOMENT),
        ({"epochSecond": 1742004863, "nanoOfSecond": 0}, MOMENT),
        ({"seconds": "1742004863", "nanos": 0}, MOMENT),
        ({"$date": {"$numberLong": "1742004863000"}}, MOMENT),
        ({"repr": "2025", "timestamp": 1742004863.0}, MOMENT),
    ],
)  # fmt: skip
def test_a_form_names_the_moment_it_means(written: object, meant: datetime) -> None:
    """Without a note, to the millisecond."""
    moment, note = read(written)
    assert note is None
    assert moment is not None
    assert abs(moment - meant) < timedelta(milliseconds=1)


@pytest.mark.parametrize("digits", ["1760011231045", "1758011212300", "1712151030", "1201310000", "1736907263123456"])
def test_digits_that_look_like_a_date_are_since_1970_where_that_is_likelier(digits: str) -> None:
    """Thirteen digits are milliseconds, whatever ISO 8601 could be read into them, as text and as a number."""
    moment, note = read(digits)
    assert note is None
    assert moment == read(int(digits))[0]
    assert moment is not None
    assert abs(moment.timestamp() - int(digits) / 10 ** (len(digits) - 10)) < 1e-3


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (12345.678, "timestamp 12345.678 is before 2000, time of receipt used"),
        ("98765", "timestamp '98765' is before 2000, time of receipt used"),
        (0, "timestamp 0 is before 2000, time of receipt used"),
        ("1999-12-31T23:59:59Z", "timestamp '1999-12-31T23:59:59Z' is before 2000, time of receipt used"),
        ("1970-01-01 00:00:12", "timestamp '1970-01-01 00:00:12' is before 2000, time of receipt used"),
        ("2026-01-04T08:00:01Z", "timestamp '2026-01-04T08:00:01Z' is more than a day ahead, time of receipt used"),
        (2000000000, "timestamp 2000000000 is more than a day ahead, time of receipt used"),
        ("9999-12-31T23:59:59-12:00", "timestamp '9999-12-31T23:59:59-12:00' is more than a day ahead, "
         "time of receipt used"),
        (8e11, "timestamp 800000000000.0 out of range, time of receipt used"),
        ("0001-01-01T00:00:00Z", "timestamp in the year 1 means none, time of receipt used"),
        ("0001-01-01T00:00:00+14:00", "timestamp in the year 1 means none, time of receipt used"),
        ("/Date(-62135596800000)/", "timestamp in the year 1 means none, time of receipt used"),
        ("2025-03-15 02:14:23 CST", "timestamp '2025-03-15 02:14:23 CST' not understood, time of receipt used"),
        ("soon", "timestamp 'soon' not understood, time of receipt used"),
        (True, "timestamp of a wrong type, time of receipt used"),
        ({"seconds": None}, "timestamp of a wrong type, time of receipt used"),
    ],
)  # fmt: skip
def test_what_is_no_likely_time_is_not_believed(value: object, said: str) -> None:
    """The note says why and what was written."""
    assert read(value) == (None, said)


def test_nothing_has_no_note() -> None:
    """A log without a time came when it was received."""
    assert read(None) == (None, None)


def test_a_day_that_could_be_two_is_the_sites_and_noted() -> None:
    """The setting decides between the second of January and the first of February."""
    for day_first, month, said in ((True, 1, "day first"), (False, 2, "month first")):
        moment, note = read("02/01/2025 2:14 AM", day_first=day_first)
        assert moment == datetime(2025, month, 1 if month == 2 else 2, 2, 14, tzinfo=UTC)
        assert note == f"timestamp '02/01/2025 2:14 AM' could be two days, read as {said}"


@pytest.mark.parametrize("day_first", [True, False])
@pytest.mark.parametrize(
    ("written", "month", "day"),
    [("15/01/2025 02:14", 1, 15), ("01/15/2025 02:14", 1, 15), ("03/03/2025 02:14", 3, 3), ("15-01-2025 02:14", 1, 15)],
)
def test_one_reading_that_is_a_day_is_read_without_question(
    written: str, month: int, day: int, day_first: bool
) -> None:
    """Whatever the site's order."""
    assert read(written, day_first=day_first) == (datetime(2025, month, day, 2, 14, tzinfo=UTC), None)


def test_a_reading_that_would_lie_ahead_is_none() -> None:
    """Received on the third of January 2026, 03/01 was not written in March."""
    assert read("03/01/2026 02:14", day_first=False) == (datetime(2026, 1, 3, 2, 14, tzinfo=UTC), None)


@pytest.mark.parametrize(
    ("written", "meant"), [("26/01/02 02:14:23", (2026, 1, 2)), ("02/01/26 02:14:23", (2026, 1, 2))]
)
def test_of_short_years_the_recent_one_is_meant(written: str, meant: tuple[int, int, int]) -> None:
    """Spark writes the year first, others last; a log is young when it comes. Where it is old, the row is noted."""
    assert read(written) == (datetime(*meant, 2, 14, 23, tzinfo=UTC), None)
    moment, note = read("19/04/11 02:14:23")
    assert moment == datetime(2019, 4, 11, 2, 14, 23, tzinfo=UTC)
    assert note == "timestamp '19/04/11 02:14:23' could be two days, read as 2019-04-11"


def test_the_sites_zone_is_that_of_times_that_name_none() -> None:
    """Also of WinCC's number, which is the panel's clock; a zone's short name means the site's first."""
    for written in ("15.03.2025 03:14:23", "2025-03-15T03:14:23", 45731134988.4259, "2025-03-15 03:14:23 CET"):
        moment, _ = read(written, BERLIN)
        assert moment is not None
        assert abs(moment - MOMENT) < timedelta(milliseconds=1)
    assert read("2025-03-15 10:14:23 CST", ZoneInfo("Asia/Shanghai"))[0] == MOMENT


def test_a_span_across_the_end_of_summer_time_has_its_true_length() -> None:
    """From 02:50 to 02:10 are twenty minutes: the end is the second 02:10 of that night."""
    reader, later = TimeReader(BERLIN), datetime(2025, 10, 27, tzinfo=UTC)
    start, _ = reader.read("26.10.2025 02:50", later)
    end, _ = reader.read("26.10.2025 02:10", later, after=start)
    assert start is not None
    assert end is not None
    assert end - start == timedelta(minutes=20)
    again, _ = reader.read("26.10.2025 02:55", later, after=start)
    assert again == start + timedelta(minutes=5)
    before, _ = reader.read("26.10.2025 01:10", later, after=start)
    assert before == start - timedelta(minutes=100)


def test_a_leap_second_and_midnight_at_24_are_in_the_calendar() -> None:
    """Both are valid ISO 8601, and Python has no place for them."""
    assert read("2016-12-31T23:59:60Z") == (datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC), None)
    assert read("2025-01-15T24:00:00Z") == (datetime(2025, 1, 16, tzinfo=UTC), None)


@pytest.mark.parametrize(
    ("written", "received", "meant"),
    [
        ("Dec 31 23:59:59", RECEIVED, datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Jan  4 07:00:00", RECEIVED, datetime(2026, 1, 4, 7, tzinfo=UTC)),
        ("Jan  1 00:30:00", datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, 0, 30, tzinfo=UTC)),
        ("Feb 29 12:00:00", datetime(2025, 1, 2, tzinfo=UTC), datetime(2024, 2, 29, 12, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_year_is_the_latest_that_is_not_ahead(
    written: str, received: datetime, meant: datetime
) -> None:
    """Syslog's December comes in January, and a clock that is an hour ahead writes the new year in the old one."""
    assert TimeReader().read(written, received) == (meant, None)


moments = st.datetimes(datetime(2000, 1, 2), datetime(2026, 1, 3))  # noqa: DTZ001


@given(
    moments,
    st.sampled_from(
        ["%Y-%m-%d %H:%M:%S.%f", "%Y%m%d%H%M%S%f", "%Y%m%dT%H%M%S.%f", "%d.%m.%Y %H:%M:%S,%f", "%d %b %Y %H:%M:%S.%f",
         "%Y/%m/%d %I:%M:%S.%f %p", "%b %d, %Y %I:%M:%S.%f %p", "%a %b %d %H:%M:%S.%f %Y", "%d-%b-%y %H.%M.%S.%f",
         "%Y-%m-%dT%H:%M:%S.%f+00:00[UTC]", "%H:%M:%S,%f %d.%m.%Y", "%A, %d-%b-%Y %H:%M:%S.%f GMT"],
    ),
)  # fmt: skip
def test_what_is_written_in_a_form_is_read_as_it_was_meant(moment: datetime, form: str) -> None:
    """There and back for every moment, to the microsecond."""
    assert read(moment.strftime(form)) == (moment.replace(tzinfo=UTC), None)


@given(moments, st.sampled_from([(1, 10**6), (10**3, 10**3), (10**6, 1), (10**9, 0)]), st.booleans())
def test_numbers_since_1970_are_read_in_any_unit(moment: datetime, unit: tuple[int, int], as_text: bool) -> None:
    """Whole numbers, as JSON has them and as text."""
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    value = int(whole.timestamp()) * unit[0]
    assert read(str(value) if as_text else value) == (whole, None)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.integers(0, 10**19)
near_times = st.text(alphabet="0123456789-/:., TZ+JanFebapmPM[]年月下午#@W", max_size=60)
several = st.lists(scalars, max_size=8) | st.dictionaries(st.sampled_from(["$date", "seconds", "nanos", "x"]), scalars)


@given(scalars | near_times | several, st.booleans())
def test_no_value_makes_reading_fail_and_none_is_believed_that_is_unlikely(value: object, day_first: bool) -> None:
    """Whatever it is, it is a time between 2000 and tomorrow, or none and a note."""
    moment, note = read(value, BERLIN, day_first=day_first)
    if moment is None:
        assert value is None or (note is not None and len(note) < 150)
    else:
        assert EARLIEST <= moment <= RECEIVED + AHEAD


@pytest.mark.parametrize(
    "value", ["2025-01-01 02:00", 1736906400, "Jan 5 10:00:00", "9999-12-31T23:59:59Z", 253402300799]
)
def test_a_log_that_came_on_the_last_day_of_the_calendar_is_read(value: object) -> None:
    """Nothing lies a day ahead of it."""
    TimeReader().read(value, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
