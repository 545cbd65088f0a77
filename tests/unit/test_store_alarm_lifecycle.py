"""The course of an alarm: late, repeated and disordered logs make the times they should."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from andon.store.alarms.lifecycle import LATE_SECONDS, MOST, Alarm
from andon.store.alarms.states import SILENT, Report

RAISED, CLEARED = Report(active=True), Report(active=False)
ACKED = Report(acknowledged=True)
MEDIUM = 2


def span(started: float, ended: float | None) -> Report:
    return Report(spans=True, started=started, ended=ended)


def told(*events: tuple[float, Report]) -> Alarm:
    """An alarm after these logs."""
    alarm = Alarm()
    for number, (at, report) in enumerate(events, 1):
        alarm.tell(report, at, MEDIUM, number)
    return alarm


def times(alarm: Alarm) -> list[tuple[float, float | None]]:
    return [(one.started, one.ended) for one in alarm.times]


def test_active_then_cleared_is_one_time() -> None:
    """And the alarm is cleared."""
    alarm = told((10, RAISED), (25, CLEARED))
    assert times(alarm) == [(10, 25)]
    assert (alarm.state, alarm.active_since, alarm.cleared_at) == ("cleared", None, 25)


def test_active_again_while_active_is_no_new_time() -> None:
    """Only its first start counts."""
    alarm = told((10, RAISED), (20, RAISED), (900, RAISED))
    assert times(alarm) == [(10, None)]
    assert (alarm.state, alarm.active_since, alarm.last_seen) == ("active", 10, 900)


def test_a_repetition_may_be_more_urgent() -> None:
    """The time has its highest priority."""
    alarm = Alarm()
    alarm.tell(RAISED, 10, 3, 1)
    alarm.tell(RAISED, 11, 1, 2)
    assert alarm.times[0].priority == 1


def test_a_clear_without_an_activation_is_remembered() -> None:
    """The activation that arrives later and is older ended with it; one that is newer is active."""
    alarm = told((25, CLEARED))
    assert (alarm.state, times(alarm)) == ("cleared", [])
    assert times(told((25, CLEARED), (10, RAISED))) == [(10, 25)]
    assert times(told((25, CLEARED), (30, RAISED))) == [(30, None)]


def test_an_activation_that_comes_late_moves_the_start() -> None:
    """Some minutes late it is the same time, still one."""
    alarm = told((100, RAISED), (40, RAISED))
    assert times(alarm) == [(40, None)]
    assert alarm.gone == {100}


def test_an_activation_from_long_before_is_a_time_of_its_own() -> None:
    """Its end is not known until its clear arrives; the present state stays."""
    late = 10_000 + LATE_SECONDS
    alarm = told((late + 1, RAISED), (9_000, RAISED))
    assert times(alarm) == [(9_000, None), (late + 1, None)]
    assert [one.clears for one in alarm.times] == [False, True]
    alarm.tell(CLEARED, 9_500, MEDIUM, 3)
    assert times(alarm) == [(9_000, 9_500), (late + 1, None)]
    assert (alarm.state, alarm.active_since) == ("active", late + 1)


def test_a_late_clear_that_is_earlier_counts() -> None:
    """It had ended by then."""
    assert times(told((10, RAISED), (50, CLEARED), (30, CLEARED))) == [(10, 30)]


def test_clearing_twice_changes_nothing() -> None:
    """The end stays."""
    assert times(told((10, RAISED), (20, CLEARED), (30, CLEARED))) == [(10, 20)]


def test_acknowledged_while_active() -> None:
    """The time and the alarm know it; a second acknowledgement changes neither's first moment of the time."""
    alarm = told((10, RAISED), (15, ACKED), (18, ACKED))
    assert alarm.times[0].acknowledged == 15
    assert alarm.acked_at == 18


def test_acknowledged_before_active() -> None:
    """It counts for the activation that arrives later and is older, not for a newer one."""
    assert told((15, ACKED), (10, RAISED)).times[0].acknowledged == 15
    newer = told((15, ACKED), (20, RAISED))
    assert (newer.times[0].acknowledged, newer.acked_at) == (None, None)


def test_a_new_activation_wants_attention_again() -> None:
    """What was acknowledged was the time before; a log without any state is an activation by itself."""
    assert told((10, RAISED), (12, ACKED), (20, CLEARED), (30, RAISED)).acked_at is None
    silent = Alarm(acked_at=10.0, acked_by="Meier")
    silent.tell(SILENT, 9, MEDIUM, 1)
    assert silent.acked_at == 10
    silent.tell(SILENT, 11, MEDIUM, 2)
    assert (silent.acked_at, silent.acked_by, silent.state) == (None, None, "unknown")


def test_a_whole_time_counts_once() -> None:
    """The same record again is the same time; an open one is completed by a later record with its end."""
    assert times(told((30, span(10, 20)), (30, span(10, 20)))) == [(10, 20)]
    assert times(told((10, span(10, None)), (40, span(10, 35)))) == [(10, 35)]


def test_whole_times_may_come_in_any_order() -> None:
    """Each is its own."""
    assert times(told((90, span(50, 60)), (91, span(10, 20)), (92, span(30, 40)))) == [(10, 20), (30, 40), (50, 60)]


def test_a_time_without_an_end_is_given_up_when_the_next_begins() -> None:
    """It ended at some time before, and nobody said when."""
    alarm = told((10, span(10, None)), (50, span(50, None)))
    assert [(one.started, one.ended, one.clears) for one in alarm.times] == [(10, None, False), (50, None, True)]


def test_information_is_no_activation() -> None:
    """A log below WARNING may clear, and never raises."""
    alarm = Alarm()
    assert alarm.tell(RAISED, 10, 0, 1) == []
    assert alarm.tell(SILENT, 11, 0, 2) == []
    assert alarm.times == []


def test_the_most_within_a_minute() -> None:
    """60 s from first to last is within; far more than a few are not told apart."""
    alarm = Alarm()
    assert [alarm.most(at) for at in (0, 30, 60, 61)] == [1, 2, 3, 3]
    assert max(alarm.most(100 + n / 100) for n in range(200)) == MOST


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 2_000).map(float),
        st.sampled_from([RAISED, CLEARED, ACKED, SILENT, span(100, 200), span(150, None), span(1_500, 1_700)]),
    ),
    max_size=12,
)


@given(EVENTS)
def test_whatever_comes_times_stay_in_order(events: list[tuple[float, Any]]) -> None:
    """No time ends before it starts, each start is there once, and the state is that of the newest."""
    alarm = told(*events)
    starts = [one.started for one in alarm.times]
    assert starts == sorted(set(starts))
    assert all(one.ended is None or one.ended >= one.started for one in alarm.times)
    assert (alarm.state == "active") == bool(alarm.times and alarm.times[-1].ended is None)
    assert not alarm.gone & set(starts)


def test_the_past_makes_nothing_active() -> None:
    """An alarm that is known from old logs only is over; its times are counted, with ends that nobody knows or told."""
    alarm = Alarm(fresh=True)
    assert alarm.tell(RAISED, 10, MEDIUM, 1, past=True) == [10]
    assert (alarm.state, alarm.active_since, alarm.last_seen) == ("cleared", None, 0.0)
    assert [(one.started, one.ended, one.clears) for one in alarm.times] == [(10, None, False)]
    alarm.tell(CLEARED, 25, MEDIUM, 2, past=True)
    assert times(alarm) == [(10, 25)]
    alarm.tell(RAISED, 900, MEDIUM, 3)
    assert (alarm.state, alarm.active_since, times(alarm)) == ("active", 900, [(10, 25), (900, None)])


def test_the_past_wakes_nobody_and_ends_what_it_says_ended() -> None:
    """What was acknowledged stays so; a late log of the end is believed."""
    alarm = told((10, RAISED), (20, ACKED))
    alarm.tell(RAISED, 500, MEDIUM, 3, past=True)
    assert (alarm.acked_at, alarm.state, alarm.last_seen) == (20, "active", 20)
    alarm.tell(CLEARED, 600, MEDIUM, 4, past=True)
    assert (alarm.state, times(alarm)) == ("cleared", [(10, 600)])


def test_an_alarm_without_states_is_open_again_with_a_log_of_now() -> None:
    """Old logs of it close nothing that is open, and open nothing."""
    alarm = Alarm(fresh=True)
    alarm.tell(SILENT, 10, MEDIUM, 1, past=True)
    assert alarm.state == "cleared"
    alarm.tell(SILENT, 5_000, MEDIUM, 2)
    assert (alarm.state, alarm.last_seen) == ("unknown", 5_000)
    alarm.tell(SILENT, 20, MEDIUM, 3, past=True)
    assert (alarm.state, alarm.last_seen) == ("unknown", 5_000)
