"""Time words and names in questions."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core.models import SiteNames
from andon.core.times import Skipped
from andon.explain.model.time_phrases import NoWindow, shown, window
from andon.insight.ask.name_filter import find_names

#: A Wednesday, in winter.
NOW = datetime(2025, 1, 15, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
NAMES = SiteNames(
    hosts=["press-7", "plc-03", "db-01", "line"],
    services=["drive", "mes", "error"],
    areas=["north"],
    lines=["line-3", "line-04"],
    machines=["7", "press-7"],
)


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("why did line 3 stop last night?", "14 18:00", "15 06:00"),
        ("overnight", "14 18:00", "15 06:00"),
        ("what was it yesterday", "14 00:00", "15 00:00"),
        ("yesterday's evening trouble", "14 17:00", "14 23:00"),
        ("since yesterday", "14 00:00", "15 09:30"),
        ("this morning", "15 05:00", "15 09:30"),
        ("errors today", "15 00:00", "15 09:30"),
        ("since 06:00", "15 06:00", "15 09:30"),
        ("in the last 8 hours", "15 01:30", "15 09:30"),
        ("the past half-hour, or the last hour", "15 08:30", "15 09:30"),
        ("two hours ago", "15 07:00", "15 08:00"),
        ("between 2:00 and 3:30", "15 02:00", "15 03:30"),
        ("from 22:00 to 06:00", "14 22:00", "15 06:00"),
        ("yesterday between 2 pm and 4 pm", "14 14:00", "14 16:00"),
        ("last night at 02:14", "15 01:44", "15 02:44"),
        ("last night between 23:00 and 2:00", "14 23:00", "15 02:00"),
        ("around 10 pm", "14 21:30", "14 22:30"),
        ("on Monday", "13 00:00", "14 00:00"),
        ("monday night", "13 18:00", "14 06:00"),
        ("since Friday", "10 00:00", "15 09:30"),
        ("on 2025-01-14 at 13:00", "14 12:30", "14 13:30"),
        ("since 2025-01-10", "10 00:00", "15 09:30"),
        ("before 8:00", "15 00:00", "15 08:00"),
        ("since 2025-01-10T22:00", "10 22:00", "15 09:30"),
        ("from 2025-01-10 22:00 to 2025-01-11 06:00", "10 22:00", "11 06:00"),
        ("between 2 and 4 pm", "14 14:00", "14 16:00"),
        ("since yesterday at 14:00", "14 14:00", "15 09:30"),
        ("since 6", "15 06:00", "15 09:30"),
        ("since 3 days", "12 09:30", "15 09:30"),
        ("since two hours ago", "15 07:30", "15 09:30"),
        ("from Monday to Tuesday", "13 00:00", "15 00:00"),
        ("the day before yesterday", "13 00:00", "14 00:00"),
        ("top 5 this week", "13 00:00", "15 09:30"),
        ("last Wednesday", "08 00:00", "09 00:00"),
        ("this month", "01 00:00", "15 09:30"),
        ("on 14 January at 13:00", "14 12:30", "14 13:30"),
        ("January 14th", "14 00:00", "15 00:00"),
        ("am 14.01.2025", "14 00:00", "15 00:00"),
        ("warum stand Linie 3 heute Nacht?", "14 18:00", "15 06:00"),
        ("was war letzte Nacht los", "14 18:00", "15 06:00"),
        ("heute früh", "15 05:00", "15 09:30"),
        ("gestern Abend", "14 17:00", "14 23:00"),
        ("vorgestern", "13 00:00", "14 00:00"),
        ("seit gestern 14 Uhr", "14 14:00", "15 09:30"),
        ("gestern zwischen 14 und 16 Uhr", "14 14:00", "14 16:00"),
        ("seit Montag", "13 00:00", "15 09:30"),
        ("am Montag um 14:30", "13 14:00", "13 15:00"),
        ("in den letzten 8 Stunden", "15 01:30", "15 09:30"),
        ("vor 2 Stunden", "15 07:00", "15 08:00"),
        ("seit 6 Uhr 15", "15 06:15", "15 09:30"),
    ],
)
def test_time_words_become_a_window(question: str, since: str, until: str) -> None:
    found = window(question, NOW)
    assert found is not None
    assert (f"{found.since:%d %H:%M}", f"{found.until:%d %H:%M}") == (since, until)


@pytest.mark.parametrize(
    "question",
    [
        "why is line 3 down?",
        "what was the last fault",
        "about 3 errors",
        "it may 3 times a day",
        "überlast am Motor",
        "at line 7",
        "",
    ],
)
def test_without_time_words_there_is_no_window(question: str) -> None:
    assert window(question, NOW) is None


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("on 2025-02-31", "outside the calendar"),
        ("at 25:99", "outside the calendar"),
        ("since 2026-01-01", "2026-01-01 00:00 is yet to come"),
        ("will line 3 stop tomorrow?", "'tomorrow' is yet to come"),
        ("was ist nächste Woche", "yet to come"),
        ("on 03/04/2024", "may be two days: write 2024-03-04 or"),
    ],
)
def test_a_time_that_no_log_can_be_of_is_told(question: str, said: str) -> None:
    with pytest.raises(NoWindow, match=said):
        window(question, NOW)


PIECES = st.sampled_from(
    ["last", "night", "since", "at", "25:99", "2025-13-40", "ago", "99999", "h", "yesterday", "between", "and", "3 pm"]
)


@given(st.text(max_size=80) | st.lists(PIECES, max_size=8).map(" ".join))
@settings(max_examples=150, deadline=None)
def test_any_text_gives_a_window_of_the_past_or_none(text: str) -> None:
    try:
        found = window(text, NOW)
    except NoWindow:
        return
    assert found is None or found.since < found.until <= NOW


def test_a_clock_time_that_the_clock_skips_is_refused() -> None:
    """At 02:00 on that night the clock of Berlin went to 03:00: no window would be what was meant."""
    with pytest.raises(Skipped, match="2025-03-30 02:30 does not exist in Europe/Berlin"):
        window("why did press 4 stop on 2025-03-30 at 02:30?", NOW.replace(month=4))


def test_stored_times_are_shown_in_the_sites_zone() -> None:
    assert shown("2025-01-15T01:00:00.000Z", NOW) == "2025-01-15 02:00:00 CET"
    assert shown("some day", NOW) == "some day"
    assert shown("2025-01-15T01:00:00Z", NOW.astimezone(UTC)) == "2025-01-15 01:00:00 UTC"


@pytest.mark.parametrize(
    ("question", "field", "expected"),
    [
        ("why did Line 3 stop?", "places", ["line-3"]),
        ("is line 4 ok", "places", ["line-04"]),
        ("what about press 7 and PLC-03", "hosts", ["press-7", "plc-03"]),
        ("is plc 3 alive", "hosts", ["plc-03"]),
        ("was ist mit der Presse 7", "hosts", ["press-7"]),
        ("warum steht Linie 3", "places", ["line-3"]),
        ("kritische Fehler", "severity", "CRITICAL"),
        ("machine 7", "places", ["7"]),
        ("the line stopped", "hosts", []),
        ("any error?", "services", []),
        ("mes drive faults", "services", ["drive", "mes"]),
        ("alarm SV0401 or F30005 at 02:14 on the 3rd", "codes", ["SV0401", "F30005"]),
        ("why 8h 2025-01-15T02:00", "codes", []),
        ("critical errors", "severity", "CRITICAL"),
        ("which faults", "severity", "ERROR"),
        ("why did it stop", "severity", None),
        ("why did the coolant pump leak last night?", "words", ["coolant", "pump", "leak"]),
        ("line 9 and press 7 and hall b", "unknown", ["no line is called 'line 9'; there are 2: line-04, line-3"]),
        (
            "line 9 and press 7 and hall b",
            "unclear",
            {
                "hall b": "no place or host is called 'hall b'; there are 9, the nearest: db-01, line, line-3, line-04, north"
            },
        ),
        ("is the machine a problem?", "unclear", {}),
        ("errors of service foo", "unclear", {"foo": "no service is called 'foo'; there are 3: drive, error, mes"}),
        (
            "what happened on plc-77",
            "unclear",
            {"plc-77": "no host is called 'plc-77'; there are 4: plc-03, press-7, db-01, line"},
        ),
        ("was war auf der Linie Nord", "unclear", {"Nord": "no line is called 'Nord'; there are 2: line-3, line-04"}),
        ('what is "token at line 12"?', "unclear", {}),
        ("what is wrong in the line since 5", "unclear", {}),
        ("Warum stand Linie 3?", "places", ["line-3"]),
        ("why did LINE_03 stop, and line-4?", "places", ["line-04", "line-3"]),
        ("what is 'no token at line 12'?", "unknown", []),
    ],
)
def test_names_in_a_question(question: str, field: str, expected: object) -> None:
    assert getattr(find_names(question, NAMES), field) == expected


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_names_are_found_in_any_text_without_trouble(text: str) -> None:
    found = find_names(text, NAMES)
    assert set(found.hosts) <= set(NAMES.hosts)
