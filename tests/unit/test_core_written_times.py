"""Times and lengths of time as people write them: one reading for commands, the API, the page and settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.lengths import is_length, read_length, read_seconds
from andon.core.models import utc_text
from andon.core.times import Skipped, at, local
from andon.core.written_times import Ambiguous, read_day, read_time

BERLIN = ZoneInfo("Europe/Berlin")
#: A Wednesday, in winter.
NOW = datetime(2025, 1, 15, 9, 30, tzinfo=BERLIN)
#: In UTC.
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31))  # noqa: DTZ001 - hypothesis wants them naive
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2025-01-15T02:00", "2025-01-15T01:00:00.000Z"),
        ("2025-01-15 02:00", "2025-01-15T01:00:00.000Z"),
        ("2025-01-15T02:00Z", "2025-01-15T02:00:00.000Z"),
        ("2025-01-15T02:00-05:00", "2025-01-15T07:00:00.000Z"),
        ("2025-01-15", "2025-01-14T23:00:00.000Z"),
        ("15.01.2025 02:00", "2025-01-15T01:00:00.000Z"),
        ("15/01/2025", "2025-01-14T23:00:00.000Z"),
        ("10 January 14:00", "2025-01-10T13:00:00.000Z"),
        ("2025-01-15 03:14:23.123 CET", "2025-01-15T02:14:23.123Z"),
        ("2025-01-15 02:00 UTC", "2025-01-15T02:00:00.000Z"),
        ("yesterday 14:00 Europe/London", "2025-01-14T14:00:00.000Z"),
        ("02:00", "2025-01-15T01:00:00.000Z"),
        ("14:00", "2025-01-14T13:00:00.000Z"),
        ("2 pm", "2025-01-14T13:00:00.000Z"),
        ("noon", "2025-01-14T11:00:00.000Z"),
        ("today", "2025-01-14T23:00:00.000Z"),
        ("yesterday", "2025-01-13T23:00:00.000Z"),
        ("Yesterday  14:00", "2025-01-14T13:00:00.000Z"),
        ("14:00 yesterday", "2025-01-14T13:00:00.000Z"),
        ("yesterday 24:00", "2025-01-14T23:00:00.000Z"),
        ("monday 06:00", "2025-01-13T05:00:00.000Z"),
        ("wednesday", "2025-01-14T23:00:00.000Z"),
        ("last wednesday", "2025-01-07T23:00:00.000Z"),
        ("gestern 14 Uhr", "2025-01-14T13:00:00.000Z"),
        ("vor 8 Stunden", "2025-01-15T00:30:00.000Z"),
        ("2h", "2025-01-15T06:30:00.000Z"),
        ("8 hours", "2025-01-15T00:30:00.000Z"),
        ("90 min", "2025-01-15T07:00:00.000Z"),
        ("1w", "2025-01-08T08:30:00.000Z"),
        ("30 minutes ago", "2025-01-15T08:00:00.000Z"),
        ("now", "2025-01-15T08:30:00.000Z"),
    ],
)
def test_a_moment_is_read_in_the_sites_zone(text: str, stored: str) -> None:
    assert read_time(text, "Europe/Berlin", NOW) == stored


@pytest.mark.parametrize(
    "text", ["soon", "", "99999w 3", "0001-01-01T00:00", "25:00", "2025-02-30", "2 months", "2025"]
)
def test_what_is_no_moment_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time: write 02:00, yesterday 14:00, 2025-01-15"):
        read_time(text, "Europe/Berlin", NOW)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("8", "'8' may be a clock time or an age: write 08:00, 8h or a date such as 2025-01-15"),
        ("90", "'90' may be a clock time or an age: write 90h or a date"),
        ("1/2/2025", "1/2/2025 may be two days: write 2025-01-02 or the other"),
        ("2025-01-15 02:00 CST", "'CST' is not the site's zone then: write it as 2025-01-15T02:00Z"),
    ],
)
def test_what_may_be_two_times_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(Ambiguous) as refused:
        read_time(text, "Europe/Berlin", NOW)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize("zone", ["Europe/Berlin", BERLIN])
@pytest.mark.parametrize("text", ["2025-03-30T02:30", "30.03.2025 02:30", "2025-03-30 2:30"])
def test_a_time_that_the_clock_skips_is_refused(zone: str | ZoneInfo, text: str) -> None:
    with pytest.raises(Skipped, match=r"2025-03-30 02:30 does not exist in Europe/Berlin.*03:30 follows at once"):
        read_time(text, zone, NOW)


def test_a_time_that_the_clock_shows_twice_is_the_first_unless_its_zone_is_written() -> None:
    found = [read_time(f"2024-10-27 02:30{name}", BERLIN, NOW) for name in ("", " CEST", " CET")]
    assert found == ["2024-10-27T00:30:00.000Z", "2024-10-27T00:30:00.000Z", "2024-10-27T01:30:00.000Z"]


def test_a_day_whose_midnight_the_clock_skips_begins_when_it_does() -> None:
    """Where summer time begins at midnight, as in Chile."""
    assert read_time("2024-09-08", "America/Santiago", NOW) == "2024-09-08T04:00:00.000Z"


def test_the_end_of_a_span_follows_its_begin() -> None:
    """From 06:00 to 14:00 is this day's, also before it is over."""
    begin = read_time("06:00", BERLIN, NOW)
    assert (begin, read_time("14:00", BERLIN, NOW, after=begin)) == (
        "2025-01-15T05:00:00.000Z",
        "2025-01-15T13:00:00.000Z",
    )
    night = read_time("22:00", BERLIN, NOW)
    assert (night, read_time("06:00", BERLIN, NOW, after=night)) == (
        "2025-01-14T21:00:00.000Z",
        "2025-01-15T05:00:00.000Z",
    )


@given(
    MOMENTS,
    st.times(),
    st.sampled_from(ZONES),
)
def test_a_clock_time_is_the_last_time_that_the_clock_showed_it(now: datetime, clock: object, zone: str) -> None:
    """Never ahead, a day and the change of the clock ago at most, and shown so; or the clock skips it."""
    present = now.replace(tzinfo=UTC)
    text = f"{clock:%H:%M}"
    try:
        stored = read_time(text, zone, present)
    except Skipped:
        return
    found = datetime.fromisoformat(stored)
    assert timedelta() <= present - found <= timedelta(hours=26)
    shown = local(stored, zone)
    assert shown is not None
    assert f"{shown:%H:%M}" == text


@given(MOMENTS, st.sampled_from(ZONES))
def test_a_time_that_andon_shows_can_be_given_back(moment: datetime, zone: str) -> None:
    """With its zone's name, also of an hour that comes twice; to the minute, as lists show it."""
    exact = moment.replace(second=0, microsecond=0, tzinfo=UTC)
    site = ZoneInfo(zone)
    assert read_time(at(exact.timestamp(), site), site, NOW) == utc_text(exact)
    assert read_time(utc_text(exact), site, NOW) == utc_text(exact)


@given(st.text(max_size=30))
def test_any_text_is_a_stored_time_or_a_sentence(text: str) -> None:
    try:
        found = read_time(text, UTC, NOW)
    except ValueError as error:
        assert "write" in str(error)  # noqa: PT017 - either way
    else:
        assert found.endswith("Z")


@given(
    st.from_regex(
        r"(yesterday|monday|today|gestern|15\.1\.2025|8)? ?([0-9]{1,2}(:[0-9]{2})? ?(pm|h|uhr|CET|Z)?)?", fullmatch=True
    )
)
def test_any_mixture_of_time_words_is_a_stored_time_or_a_sentence(text: str) -> None:
    test_any_text_is_a_stored_time_or_a_sentence.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "day"),
    [("2025-01-13", "2025-01-13"), ("13.01.2025", "2025-01-13"), ("yesterday", "2025-01-14"), ("montag", "2025-01-13")],
)
def test_days(text: str, day: str) -> None:
    assert read_day(text, BERLIN, NOW).isoformat() == day


@pytest.mark.parametrize("text", ["", "8h", "2025-02-30", "soon"])
def test_what_is_no_day_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="is not a day: write 2025-01-15, yesterday or monday"):
        read_day(text, BERLIN, NOW)


@pytest.mark.parametrize(
    ("text", "hours"),
    [("30m", 0.5), ("8 h", 8), ("two days", 48), ("1w", 168), (" 90 minutes ", 1.5), ("1h 30min", 1.5), ("1y", 8760)],
)
def test_lengths(text: str, hours: float) -> None:
    assert read_length(text) == timedelta(hours=hours)
    assert is_length(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not a length of time: write 90m, 8h"),
        ("h", "is not a length of time"),
        ("2h ago", "is not a length of time"),
        ("999999999w", "is out of range"),
        ("-2h", "is not a length of time"),
        ("1.5h", "is not a length of time"),
        ("8", "'8' has no unit: write 90m, 8h"),
        ("3 months", "months differ in length, so write days"),
    ],
)
def test_what_is_no_length_says_what_is(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_length(text)


@given(st.text(max_size=12))
def test_any_text_is_a_length_or_refused(text: str) -> None:
    """Never anything but seconds or ValueError."""
    try:
        seconds = read_seconds(text)
    except ValueError:
        return
    assert 0 < seconds <= 100 * 365 * 86_400
