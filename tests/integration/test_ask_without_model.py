"""What ``andon ask`` answers by itself: totals of all of the time, problems by weight, and what was asked for."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from andon.app.investigation import investigator
from andon.app.web.page.screens.ask import for_the_floor
from andon.core.errors import UnknownName
from andon.core.models import utc_text
from andon.core.settings.settings import Settings
from andon.insight.ask.investigator import Investigated
from andon.insight.ask.retrieval import Inquiry
from andon.store import Visitor, alarms, change, period, problems
from support.line_three import ASKED_AT, CHECKS, DAY, fill, records
from support.store_data import a_log, opened, query

ON_L3 = "what happened on L3 since 00:00"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The day, and what people did about it."""
    path = fill(tmp_path_factory.mktemp("line-three") / "agent.db")
    problem = of(path, "Weld current")
    change(path, problems.resolve, problem, "Replaced the caps of gun 4", "Worn caps", "Mia", ASKED_AT.timestamp())
    with Visitor(path) as visitor:
        active = visitor.read(alarms.listing, "active", ASKED_AT.timestamp())
    change(path, alarms.acknowledge, active[0].id, "Noah", "fitter is on his way", now=ASKED_AT.timestamp())
    return path


def of(path: Path, text: str) -> int:
    """The id of the problem with this text."""
    return int(query(path, "SELECT id FROM patterns WHERE template LIKE ?", (f"%{text}%",))[0][0])


def asked(site: Path, question: str, now: datetime = ASKED_AT, **filters: str) -> Investigated:
    async def work() -> Investigated:
        settings = Settings(db_path=str(site), data_dir=site.parent, provider="PLAYBOOK", runbooks=site.parent / "rb")
        async with investigator(settings) as made:
            return await made.answer(Inquiry(text=question, now=now, **filters))

    return asyncio.run(work())


def counted(since: datetime, until: datetime, line: str | None = None) -> Counter[str]:
    """Logs by the key of their problem, counted here."""
    inside = (one for one in records() if utc_text(since) <= one.timestamp < utc_text(until))
    return Counter(one.fingerprint for one in inside if line in (None, one.line))


def test_the_totals_are_those_of_all_of_the_time_and_every_problem_is_named(site: Path) -> None:
    expected = counted(DAY, ASKED_AT, "L3")
    answer = asked(site, ON_L3)
    assert f"place L3: {expected.total():,} logs of {len(expected)} problems" in answer.text.splitlines()[0]
    assert answer.facts["totals"]["logs"] == expected.total() == 837
    heads = answer.facts["problems"]
    every = [one for head in heads for one in (head, *head["look_alikes"])]
    assert sorted(one["logs"] for one in every) == sorted(expected.values())
    assert heads[0]["logs"] == expected["weld"]
    assert [head["weight"] for head in heads] == sorted((head["weight"] for head in heads), reverse=True)
    for head in heads:
        assert f"roblem {head['id']}" in answer.text
    assert re.search(rf"1\. WARNING, {expected['weld']} times on weld-31: Weld current", answer.text)


def test_look_alikes_are_folded_into_the_heavier_one(site: Path) -> None:
    answer = asked(site, ON_L3)
    closed = of(site, "door closed")
    (opened,) = (head for head in answer.facts["problems"] if head["id"] == of(site, "door opened"))
    assert [one["id"] for one in opened["look_alikes"]] == [closed]
    assert f"1 look-alike: #{closed} (1 log)" in answer.text
    assert f"\nproblem {closed}" not in answer.text


def test_the_floods_first_out_and_what_is_active_are_told(site: Path) -> None:
    answer = asked(site, ON_L3)
    (flood,) = answer.facts["first_out"]
    assert flood["log"]["message"] == "Weld current below limit on gun 4"
    assert f"at {DAY:%Y-%m-%d} 01:00:00 UTC, weld-31" in answer.text
    assert "First-out of the flood from" in answer.text
    assert {one["code"] for one in answer.facts["active"]} == {"E-4711", "E-4712"}
    assert "Active now: 2 alarms, 1 of them acknowledged: conveyor-3: E-471" in answer.text


def test_what_to_check_is_told_whole(site: Path) -> None:
    lines = [line.strip() for line in asked(site, ON_L3).text.splitlines()]
    for number, check in enumerate(CHECKS, 1):
        assert f"{number}. {check}" in lines


def test_what_a_technician_confirmed_goes_before_an_explanation(site: Path) -> None:
    answer = asked(site, ON_L3)
    assert "Confirmed fix: Replaced the caps of gun 4 (cause: Worn caps)" in answer.text
    assert "Dress the electrode caps" not in answer.text


def test_every_log_that_is_cited_is_stored(site: Path) -> None:
    answer = asked(site, ON_L3)
    ids = {int(one) for one in re.findall(r"\[log (\d+)\]", answer.text)}
    assert ids == {one.id for one in answer.cited}
    assert len(ids) > 8


@pytest.mark.parametrize(
    "question",
    [
        "why did line 3 stop last night?",
        "Line-3 last night",
        "warum stand Linie 3 heute Nacht?",
        "was war letzte Nacht an l3 los",
        "what happened on line 03 between 18:00 and 06:00",
    ],
)
def test_a_night_on_a_line_however_it_is_asked(site: Path, question: str) -> None:
    answer = asked(site, question)
    expected = counted(DAY - timedelta(hours=6), DAY + timedelta(hours=6), "L3")
    assert answer.facts["totals"]["logs"] == expected.total()
    assert "Line stopped by emergency chain" in answer.text
    assert "Label roll" not in answer.text


@pytest.mark.parametrize(
    ("question", "route", "said"),
    [
        ("the most frequent?", "frequent", "1. WARNING, 800 times, problem"),
        ("die häufigsten Störungen dieser Woche", "frequent", "1. WARNING, 800 times, problem"),
        ("what about log 514", "log", "Log 514: WARNING at 2025-01-15"),
        ("what is in log 99999", "log", "There is no log 99999: ids go from 1 to 848."),
        ("log #514", "log", "Log 514: WARNING at 2025-01-15"),
        ("compare logs 5, 6 and 7", "log", "Log 7: WARNING at 2025-01-15"),
        ("what about #1", "problem", "Problem 1 (ERROR): 18 logs"),
        (
            "what was the last fault on L3",
            "last",
            "The last one is log 546, ERROR at 2025-01-15 02:07:20 UTC on conv-33",
        ),
        ("top 2 machines", "where", "2. conveyor-3: 18 logs of 2 problems"),
        ("tell me about problems 1 and 12", "problem", "There is no problem 12. 10 are known"),
        ("what is new since yesterday", "new", "9 problems seen for the first time then"),
        ("was ist neu seit gestern", "new", "9 problems seen for the first time then"),
        ("what is active now", "active", "2 alarms are active now:"),
        ("was steht an?", "active", "2 alarms are active now:"),
        ("what was first?", "first", "First-out of the flood from"),
        ("was war zuerst?", "first", "First-out of the flood from"),
        ("how do I fix E-4711", "fix", "No fix is confirmed for it yet"),
        ("wie behebe ich E4711?", "fix", "A part lies across gate 2."),
        ("which fix worked for the weld current", "fix", "by Mia: Replaced the caps of gun 4"),
        ("what did we do last time", "fix", "by Mia: Replaced the caps of gun 4"),
        ("has E-4711 happened before?", "before", "Yes: problem 1 occurred 7 times with 18 logs"),
        ("how often did the feeder run empty", "count", "Feeder of press empty"),
        ("how often did the gripper slip", "count", "None."),
        ("wie viele Fehler heute", "count", "ERROR and worse: 35 logs of 6 problems"),
        ("which machine has most alarms", "where", "1. welder-1: 800 logs of 1 problem"),
        ("welche Linie hat die meisten Störungen", "where", "1. L3: 834 logs of 7 problems"),
        ("what changed since Monday", "changed", "More than before: 843 logs of 10 problems, against 2 logs"),
        ("is it getting worse?", "rising", "Rising beyond chance:"),
        ("who acknowledged the jam", "acknowledged", "by Noah (fitter is on his way): conveyor-3"),
        ("anything critical?", "overview", "CRITICAL: 1 log of 1 problem"),
        ("temperature alarm oven 2", "overview", "4 logs with 'oven 2' of 1 problem"),
        ("what is wrong with press 4", "overview", "place press-4: 12 logs of 2 problems"),
        ("hello", "help", "Ask about a time, a place"),
        ("asdf qwer zxcv", "overview", "No problem mentions 'asdf' or 'qwer' or 'zxcv', then or at any other time."),
        ("?!", "overview", "842 logs of 10 problems"),
        ("will line 3 stop tomorrow?", "overview", "'tomorrow' is yet to come"),
        ("what happened on 2025-02-30", "overview", "The time that the question names is outside the calendar."),
        ("errors on 03/04/2024", "overview", "may be two days"),
        ("how do I fix F-9", "fix", "No stored log has 'F-9'"),
        ("why " * 700, "overview", "842 logs of 10 problems"),
    ],
)
def test_questions_go_to_what_answers_them(site: Path, question: str, route: str, said: str) -> None:
    answer = asked(site, question)
    assert answer.facts["route"] == route
    assert said in answer.text
    assert answer.mode == "none"


def test_where_nothing_was_logged_it_says_what_was_searched_and_what_is_nearest(site: Path) -> None:
    later = ASKED_AT + timedelta(days=40)
    answer = asked(site, "why did line 3 stop last night?", now=later)
    first, second, third = answer.text.splitlines()[:3]
    assert first == "From 2025-02-23 18:00:00 UTC to 2025-02-24 06:00:00 UTC, place L3: no log."
    assert second.startswith("The last log before that time: 2025-01-15 05:50:00 UTC, hmi-3: Guard door closed [log ")
    assert third == "What follows covers the same hours of the nearest day with logs."
    assert "From 2025-01-14 18:00:00 UTC to 2025-01-15 06:00:00 UTC, place L3: 837 logs" in answer.text
    assert answer.facts["nearest"]["timestamp"] == "2025-01-15T05:50:00.000Z"
    assert answer.facts["window"]["asked"]["since"] == "2025-02-23T18:00:00.000Z"


def test_before_all_that_is_stored_the_first_log_is_the_nearest(site: Path) -> None:
    answer = asked(site, "what happened on 2024-06-01?")
    assert "From 2024-06-01 00:00:00 UTC to 2024-06-02 00:00:00 UTC: no log." in answer.text
    assert "The first log after that time: 2025-01-08 03:00:00 UTC" in answer.text


def test_words_that_nothing_of_the_time_has_are_found_at_another(site: Path) -> None:
    answer = asked(site, "why was the label roll empty since 08:00?")
    assert "no log with 'label' or 'roll' or 'empty'" in answer.text
    assert "ERROR, 5 times on label-41: Label roll empty" in answer.text


def test_words_are_no_condition_that_all_must_hold(site: Path) -> None:
    answer = asked(site, "why is the oil so terribly warm today")
    assert "Of these, 4 logs of 1 problem have 'oil' or" in answer.text
    assert [head["text"] for head in answer.facts["problems"]] == ["Oil temperature high on oven 2"]


@pytest.mark.parametrize(
    ("question", "refusal"),
    [
        ("why did line 9 stop?", r"no line is called 'line 9'; there are 2: L\d, L\d"),
        ("what happened on L77 last night", r"no line is called 'L77'; there are 2: L\d, L\d"),
        ("what happened on host nosuch?", r"no host is called 'nosuch'; there are \d+"),
        ("is press 99 all right", r"no place or host is called 'press 99'; there are \d+"),
        ("tell me about problem 12", r"there is no problem 12; there are 10"),
    ],
)
def test_what_no_log_names_is_refused_with_what_is_known(site: Path, question: str, refusal: str) -> None:
    with pytest.raises(UnknownName, match=refusal):
        asked(site, question)


def test_filters_that_are_given_go_before_what_the_question_says(site: Path) -> None:
    answer = asked(site, "what happened", place="L4", since="2025-01-15T00:00:00.000Z")
    assert answer.facts["totals"] == {"logs": 5, "problems": 1, "severities": {"ERROR": 5}}


def test_a_time_with_too_many_logs_is_told_from_the_counts(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from andon.core.errors import QueryTooSlow

    def slow(*_: object) -> None:
        raise QueryTooSlow("too much")

    monkeypatch.setattr(period, "period", slow)
    answer = asked(site, "what happened since 00:00")
    assert answer.facts["totals"]["logs"] == counted(DAY, ASKED_AT).total()
    assert "counted by whole minutes" in answer.text


def test_nothing_is_written(site: Path) -> None:
    before = query(site, "SELECT count(*) FROM audit")
    asked(site, ON_L3)
    assert query(site, "SELECT count(*) FROM audit") == before


def test_the_time_of_an_answer_is_told(site: Path) -> None:
    began = time.perf_counter()
    assert 0 < asked(site, ON_L3).latency <= time.perf_counter() - began


@pytest.mark.parametrize(
    ("question", "route", "said"),
    [
        ("compare line 3 with line 4 today", "changed", "L4: 5 logs of 1 problem."),
        ("compare today with yesterday", "changed", "from 2025-01-14 00:00:00 UTC to 2025-01-14 09:30:00 UTC"),
        ("is it worse than yesterday", "rising", "against 0 logs of 0 problems from 2025-01-14 00:00:00 UTC"),
        ("more alarms than yesterday?", "rising", "against 0 logs of 0 problems from 2025-01-14 00:00:00 UTC"),
        ("who fixed the weld current", "fix", "Replaced the caps of gun 4"),
        ("how long was E-4711 active", "duration", "and still is (1 time, problem"),
        ("wie lange war der Feeder leer", "duration", "8 times"),
        ("which alarms are not acknowledged", "active", "1 alarm is active and not acknowledged now:"),
        ("any emergancy today", "overview", "'emergancy' is read as 'emergency'."),
        ("what did the night shift see", "overview", "This is about shift night of 2025-01-14, 22:00 to 06:00."),
        ("when did the guard door last open", "before", "Last at 2025-01-15"),
    ],
)
def test_what_technicians_ask(site: Path, question: str, route: str, said: str) -> None:
    answer = asked(site, question)
    assert answer.facts["route"] == route
    assert said in "\n".join([*answer.notes, answer.text])


def test_only_alarms_of_what_is_asked_about_are_told_as_active(site: Path) -> None:
    assert {one["code"] for one in asked(site, "E-4711").facts["active"]} == {"E-4711"}
    assert asked(site, "what about the feeder").facts["active"] == []


def test_how_long_an_alarm_was_active_is_counted_within_the_time(tmp_path: Path) -> None:
    """From its state to the next; also of one that began before."""
    path = tmp_path / "agent.db"
    day = DAY + timedelta(hours=1)
    stated = [(0, "active"), (20, "cleared"), (30, "active"), (90, "cleared")]

    async def fill_it() -> None:
        async with opened(path) as store:
            rows = [
                a_log(
                    number,
                    "estop",
                    timestamp=utc_text(day + timedelta(minutes=minute)),
                    message="E-77 Emergency stop",
                    template="E-77 Emergency stop",
                    machine="press-4",
                    context=json.dumps({"alarm_code": "E-77", "state": state}),
                )
                for number, (minute, state) in enumerate(stated, 1)
            ]
            await store.record(rows, [])
            while (await store.index(700))[1]:
                pass

    asyncio.run(fill_it())
    whole = asked(path, "how long was the emergency stop active today", now=DAY + timedelta(hours=9))
    assert "1 h 20 min (2 times" in whole.text
    part = asked(path, "how long was E-77 active between 1:10 and 1:25", now=DAY + timedelta(hours=9))
    assert "10 min (1 time" in part.text


@pytest.mark.parametrize(
    "question", ["why did line 3 stop?", "what stopped L3 last night", "warum stand Linie 3 heute Nacht?"]
)
def test_why_a_line_stopped_is_answered_before_anything_else(site: Path, question: str) -> None:
    """The alarm that began the flood, then the log that names the stop and what came right before it, in order."""
    answer = asked(site, question)
    assert answer.facts["route"] == "stop"
    lines = [line for line in answer.text.splitlines() if not line.startswith("This is about")]
    assert lines[0] == "First-out, the alarm that began each flood (the largest flood first):"
    assert lines[1].startswith("- 2025-01-15 01:00:00 UTC, weld-31: Weld current below limit on gun 4 [log ")
    assert "Confirmed fix: Replaced the caps of gun 4" in lines[2]
    at = lines.index("Logs that say that something stopped, the worst first:")
    assert "CRITICAL plc-l3: Line stopped by emergency chain" in lines[at + 1]
    before = [line.split(": ", 1)[1].split(" [")[0] for line in lines[at + 3 : at + 6]]
    assert lines[at + 2] == "In the ten minutes before the first of these, in order:"
    assert before == ["Port 12 is down", "E-4711 Part jammed at gate 2", "Feeder of press empty"]
    assert next(at for at, line in enumerate(lines) if "logs of" in line) > at  # the totals come behind


def test_reported_stops_are_told_by_the_time_they_cost(tmp_path: Path) -> None:
    """Of the line and the time that are asked about; how often they happened is told first where that is asked for."""
    path = tmp_path / "agent.db"
    day = DAY + timedelta(hours=1)
    stated = [
        (0, "robot-1", "E-1", "Gripper lost part", "active"), (30, "robot-1", "E-1", "Gripper lost part", "cleared"),
        (40, "press-9", "E-2", "Guard open", "active"), (41, "press-9", "E-2", "Guard open", "cleared"),
        (50, "press-9", "E-2", "Guard open", "active"), (51, "press-9", "E-2", "Guard open", "cleared"),
    ]  # fmt: skip

    async def fill_it() -> None:
        async with opened(path) as store:
            rows = [
                a_log(
                    number,
                    text,
                    timestamp=utc_text(day + timedelta(minutes=minute)),
                    hostname=machine,
                    message=text,
                    template=text,
                    machine=machine,
                    line="L7",
                    context=json.dumps({"alarm_code": code, "state": state, "stopped": True}),
                )
                for number, (minute, machine, code, text, state) in enumerate(stated, 1)
            ]
            await store.record(rows, [])
            while (await store.index(700))[1]:
                pass

    asyncio.run(fill_it())
    now = DAY + timedelta(hours=9)
    lines = asked(path, "why did line 7 stop today?", now=now).text.splitlines()
    assert lines[0] == "Stops of production in that time: 3, 32 min lost. The most time was lost by:"
    assert lines[1].startswith("- 30 min in 1 stop: robot-1: E-1 Gripper lost part (problem ")
    assert lines[2].startswith("- 2 min in 2 stops: press-9: E-2 Guard open (problem ")
    often = asked(path, "what stopped line 7 most often today?", now=now).text
    assert "1. 2 stops, 2 min lost: press-9: E-2 Guard open" in often
    assert "Stops of production" not in asked(path, "why did line 7 stop on 2025-01-10?", now=now).text.splitlines()[0]


@pytest.mark.parametrize(
    "question",
    [ON_L3, "why did line 3 stop?", "what is active now", "what changed since Monday", "which fix worked for the jam",
     "what did we do last time", "tell me about problems 1 and 12", "who acknowledged the feeder", "asdf qwer zxcv"],
)  # fmt: skip
def test_the_page_suggests_no_command(site: Path, question: str) -> None:
    """Who reads an answer there has no terminal; what is left are whole sentences."""
    shown = for_the_floor(asked(site, question).text)
    assert "`" not in shown
    assert "andon " not in shown
    assert not re.search(r"(?m)[:;]\s*\.$", shown)
