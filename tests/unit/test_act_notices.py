"""What is decided about notices, whatever happens in whatever order; conditions, quiet hours, and how they are written."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from andon.act.news import FLOOD_GROUP, HOLD, Thing, hold
from andon.act.notice_decisions import decide
from andon.act.quiet_hours import QuietHours
from andon.act.routing import mistakes
from andon.act.rule_matching import Candidate, Spot, fits
from andon.core.models.actions import Notice
from andon.core.settings.connectors.action_settings import Route, Where
from support.settings import settings_of
from support.told import COMMON, Paper, Setup

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()
STATES = st.sampled_from(["waiting", "acknowledged", "over", "gone"])
SEVERITIES = st.sampled_from(["WARNING", "ERROR", "CRITICAL"])
#: What happens: to which of five problems, which state and severity it has then, in a flood or not; and for how long.
STEPS = st.lists(
    st.tuples(st.integers(0, 4), STATES, SEVERITIES, st.booleans(), st.sampled_from([1.0, 30.0, 130.0, 700.0, 4000.0, 40_000.0])),
    min_size=1,
    max_size=25,
)  # fmt: skip
ROUTES = st.builds(
    Route,
    to=st.just(["chat"]),
    severity=st.sampled_from([None, "ERROR", "CRITICAL"]),
    quiet=st.sampled_from(["", "22:00-06:00"]),
    group=st.sampled_from(["2m", "never", "30m"]),
    states=st.sampled_from([["raised", "ended"], ["raised"], ["raised", "acknowledged", "ended"]]),
)


def problem(number: int, state: str, severity: str, flood: bool, since: float, now: float) -> Thing:
    return Thing(
        about=f"problem-{number}",
        kind="problem",
        seen=Candidate(title=f"Fault {number}", severity=severity),
        state=state,  # type: ignore[arg-type]
        since=since,
        over_at=now if state == "over" else None,
        with_flood=flood,
        problem_id=number,
    )


@given(route=ROUTES, steps=STEPS)
def test_nothing_is_told_twice_and_no_critical_is_left_out(route: Route, steps: Any) -> None:
    """Asked again at once it has nothing to tell; an end follows a beginning; what waits long enough was told."""
    known: dict[str, Notice] = {}
    standing: dict[int, tuple[str, str, bool, float]] = {}
    told: dict[str, list[str]] = {}
    now = BEGIN
    quiet = QuietHours(route.quiet, BERLIN)

    def look(moment: float) -> list[str]:
        things = [
            problem(n, state, severity, flood, since, moment) for n, (state, severity, flood, since) in standing.items()
        ]
        decision = decide(route, quiet, known, things, moment)
        for one in decision.changed:
            known[one.about] = one
        for telling in decision.tellings:
            for member in telling.members:
                told.setdefault(member.notice.about, []).append(telling.phase)
        return [telling.phase for telling in decision.tellings]

    for number, state, severity, flood, seconds in steps:
        before = standing.get(number)
        if state == "gone":
            standing.pop(number, None)
        else:
            since = before[3] if before is not None and before[0] != "over" else now
            standing[number] = (state, severity, flood, since)
        look(now)
        look(now)  # what came and went while an end was due is told after that
        assert look(now) == []
        now += seconds
    for _ in range(4):  # long enough for each group, flood and night
        now += max(FLOOD_GROUP, 1800.0) + 12 * 3600.0
        look(now)
        look(now + FLOOD_GROUP + 1900.0)
    for about, phases in told.items():
        assert phases[0] in ("raised", "told"), (about, phases)
        assert all(
            later in ("raised", "told") or earlier not in ("ended", "told") for earlier, later in pairwise(phases)
        ), (about, phases)
    for number, (state, severity, _, _) in standing.items():
        if state == "waiting" and severity == "CRITICAL":
            assert "raised" in told.get(f"problem-{number}", []), number


def test_conditions_hold_of_one_place() -> None:
    """Two alarms of a problem at two places are not one alarm at both."""
    both = Candidate(
        title="Servo overload 12",
        severity="ERROR",
        spots=(Spot(line="Line 3", machine="Press 7", host="plc-3"), Spot(line="Line 4", machine="Robot 1")),
        services=("drive",),
    )
    yes = [
        {}, {"line": "3"}, {"line": "LINE-03", "machine": "press*"}, {"machine": "robot 1"}, {"text": "servo"},
        {"text": "*overload ??"}, {"service": "dr?ve"}, {"severity": "error"}, {"host": "PLC*"},
    ]  # fmt: skip
    no = [
        {"line": "13"}, {"line": "3", "machine": "robot 1"}, {"text": "overload"[::-1]}, {"text": "servo?"},
        {"service": "plc"}, {"severity": "critical"}, {"site": "*"},
    ]  # fmt: skip
    assert [one for one in yes if not fits(Where(**one), both)] == []
    assert [one for one in no if fits(Where(**one), both)] == []


def test_quiet_hours_follow_the_clock_on_the_wall() -> None:
    """In the night in which an hour is left out they are an hour shorter; at their end they are over."""
    quiet = QuietHours("22:00-06:00", BERLIN)
    begin = datetime(2026, 3, 28, 22, tzinfo=BERLIN).timestamp()
    end = datetime(2026, 3, 29, 6, tzinfo=BERLIN).timestamp()
    assert end - begin == 7 * 3600
    assert [quiet.end(moment) for moment in (begin - 1, begin, end - 1, end)] == [None, end, end, None]
    noon = QuietHours("12:00-13:30", BERLIN)
    assert noon.end(datetime(2026, 7, 1, 13, tzinfo=BERLIN).timestamp()) is not None
    assert noon.end(datetime(2026, 7, 1, 14, tzinfo=BERLIN).timestamp()) is None
    assert QuietHours("", BERLIN).end(begin) is None


@pytest.mark.parametrize(
    ("route", "sentence"),
    [
        ({"quiet": "22-6"}, 'quiet must be a time of day such as "22:00-06:00"'),
        ({"quiet": "22:00-22:00"}, "quiet begins and ends at the same time"),
        ({"group": "soon"}, "is not a length of time"),
        ({"escalate_after": "15m"}, "escalate_after says when, and escalate_to says who is told then: set both"),
        ({"states": ["ended"]}, 'states must include "raised"'),
        ({"about": ["weather"]}, "about"),
    ],
)
def test_a_route_that_makes_no_sense_is_a_sentence(route: dict[str, Any], sentence: str) -> None:
    """Before anything is told."""
    with pytest.raises(ValidationError, match="notify") as error:
        settings_of(**COMMON, notify=[{"to": ["chat"], **route}])
    assert sentence in str(error.value)


def test_two_routes_of_one_name_would_tell_each_others_things() -> None:
    """Their rows are by name: each needs one of its own."""
    with pytest.raises(ValidationError, match=r"two tables \[\[notify\]\] are called chat: give each a different name"):
        settings_of(**COMMON, notify=[{"to": ["chat"]}, {"to": ["chat"]}])


def test_a_route_to_what_cannot_be_told_is_found_by_the_doctor() -> None:
    """A system without messages, and places that nobody has."""

    class Deaf(Paper):
        abilities = {}  # type: ignore[assignment]  # noqa: RUF012

    settings = settings_of(
        **COMMON,
        notify=[{"to": ["chat"], "where": "#plant"}, {"to": ["phone"]}],
        action_rules=[{"name": "r", "target": "desk", "where": "OPS"}],
    )
    kinds = {"chat": Paper, "phone": Deaf, "desk": Deaf}
    connectors = {one.name: kinds[one.name](Setup(settings, one)) for one in settings.targets}
    assert list(mistakes(settings, connectors)) == [
        "[[notify]] chat names the place '#plant', which none of its systems has; there are: none",
        "[[notify]] phone names phone, which accepts neither messages nor events: name another system",
        "[[action_rules]] r wants a ticket of desk, which does nothing: it is only read",
        "[[action_rules]] r names the place 'OPS', which desk does not have; there are: none",
    ]


def test_a_hold_grows_with_how_often_it_comes() -> None:
    """Up to four hours."""
    assert [hold(count) for count in (0, 1, 3, 1000)] == [HOLD, HOLD, 3 * HOLD, 4 * 3600.0]


def test_the_examples_of_the_docs_are_settings() -> None:
    """As they stand there, with systems of the names that they use."""
    text = Path(__file__).parents[2].joinpath("docs", "actions.md").read_text("utf-8")
    examples = [tomllib.loads(one) for one in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    systems = [{"name": name, "kind": "paper"} for name in ("jira", "ntfy", "pagerduty", "email")]
    made = [settings_of(connectors=systems, **one) for one in examples]
    assert [len(one.action_rules) + len(one.notify) for one in made] == [2, 2]
