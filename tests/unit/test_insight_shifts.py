"""Shifts in wall-clock time: over midnight, at weekends, and when the clock is changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from andon.insight.shifts.calendar import Shift, last_before, moment, previous, window_at

BERLIN = ZoneInfo("Europe/Berlin")
EARLY = Shift("early", time(6), time(14))
LATE = Shift("late", time(14), time(22))
NIGHT = Shift("night", time(22), time(6))
ALL = (EARLY, LATE, NIGHT)


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def test_a_night_shift_belongs_to_the_day_it_begins() -> None:
    """03:00 lies in the shift that began the evening before."""
    window = window_at(ALL, at("2026-02-10T03:00"), BERLIN)
    assert window is not None
    assert (window.name, window.start, window.end) == ("night", at("2026-02-09T22:00"), at("2026-02-10T06:00"))


def test_the_end_belongs_to_the_next_shift() -> None:
    """14:00 sharp is the late shift."""
    window = window_at(ALL, at("2026-02-10T14:00"), BERLIN)
    assert window is not None
    assert window.name == "late"


def test_nights_of_the_clock_change_are_an_hour_longer_or_shorter() -> None:
    """22:00 to 06:00 are seven hours in March and nine in October."""
    spring = NIGHT.on(date(2026, 3, 28), BERLIN)
    autumn = NIGHT.on(date(2026, 10, 24), BERLIN)
    assert spring is not None
    assert autumn is not None
    assert (spring.end - spring.start, autumn.end - autumn.start) == (7 * 3600, 9 * 3600)


def test_a_skipped_time_is_as_long_after_midnight() -> None:
    """02:30 does not exist on that night: the shift begins at what the clock calls 03:30."""
    began = moment(date(2026, 3, 29), time(2, 30), BERLIN)
    assert datetime.fromtimestamp(began, UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_between_shifts_and_at_weekends_nobody_works() -> None:
    """A site with one shift on weekdays: Sunday has none, and the last one before is Friday's."""
    day = Shift("day", time(8), time(16), frozenset(range(5)))
    sunday = at("2026-02-15T12:00")
    assert window_at([day], sunday, BERLIN) is None
    before = last_before([day], sunday, BERLIN)
    assert before is not None
    assert before.start == at("2026-02-13T08:00")
    earlier = previous([day], before, BERLIN)
    assert earlier is not None
    assert earlier.start == at("2026-02-12T08:00")


def test_the_previous_working_of_the_same_shift() -> None:
    """Monday's early shift is compared with Sunday's, not with the night before."""
    window = window_at(ALL, at("2026-02-16T07:00"), BERLIN)
    assert window is not None
    before = previous(ALL, window, BERLIN)
    assert before is not None
    assert (before.name, before.start) == ("early", at("2026-02-15T06:00"))


@given(
    st.integers(1_577_836_800, 2_051_222_400),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
)
def test_three_shifts_cover_every_moment_once(instant: int, name: str) -> None:
    """Whatever the zone and the night: each moment lies in one shift, and the next begins where it ends."""
    zone = ZoneInfo(name)
    window = window_at(ALL, instant, zone)
    assert window is not None
    following = window_at(ALL, window.end, zone)
    assert following is not None
    assert following.start == window.end
