"""The reading tools: what they answer, in which bounds, and what they say to a model that asks amiss."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import QueryTooSlow, StoreUnavailable
from andon.explain.model.fence import encode, fenced, listing, log_line
from andon.explain.model.history_tools import NARROW, NO_MORE, OUTPUT_MAX, HistoryTools
from andon.explain.runbooks.runbooks import MarkdownRunbooks
from andon.grouping.similar import alike
from andon.insight.ask.investigator import checked, cited_ids
from andon.store import Visitor
from support.questions import stored_log
from support.shift import BADGE, FAN, MORNING, SERVO, STOP, fill
from support.store_data import a_log, opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tools") / "agent.db"
    return fill(path)


def answered(site: Path, work: Callable[[HistoryTools], Awaitable[str]], **options: Any) -> str:
    """What a tool says, as a command asks."""

    async def run(visitor: Visitor) -> str:
        made = HistoryTools(visitor.ask, clock=lambda: MORNING, likeness=alike, **options)
        return await work(made)

    with Visitor(site) as visitor:
        return asyncio.run(run(visitor))


def lines(text: str) -> list[dict[str, Any]]:
    """The JSON lines inside the fence."""
    found = re.search(r"<<<([0-9a-f]{16})\n(.*)\n\1>>>", text, re.DOTALL)
    assert found is not None, text
    return [json.loads(line) for line in found[2].splitlines()]


def ids(text: str, field: str = "id") -> list[Any]:
    return [line[field] for line in lines(text)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"severity": "CRITICAL"}, [9]),
        ({"place": "LINE-4", "limit": 2}, [13, 12]),
        ({"host": "press-*", "oldest_first": True, "limit": 2}, [1, 2]),
        ({"text": "sv0401", "since": "2025-01-15T02:14:04"}, [8, 7]),
        ({"since": "5h", "until": "2025-01-15T03:01:30"}, [11, 10]),
        ({"pattern_id": SERVO, "limit": 1}, [8]),
    ],
)
def test_search_logs_finds_what_was_asked(site: Path, arguments: dict[str, Any], expected: list[int]) -> None:
    assert ids(answered(site, lambda tools: tools.search_logs(**arguments))) == expected


def test_more_than_fits_is_said_with_how_to_narrow(site: Path) -> None:
    text = answered(site, lambda tools: tools.search_logs(limit=3))
    assert ids(text) == [13, 12, 11]
    assert text.endswith(f"Not all that matches is shown. {NARROW}")


def test_nothing_found_says_what_is_stored(site: Path) -> None:
    assert answered(site, lambda tools: tools.search_logs(host="press 7", until="2025-01-01")) == (
        "Host 'press 7' is read as press-7.\nKnown, without a match: host press-7.\n"
        "Nothing matches. Logs are stored from 2025-01-15 01:50:00 UTC to 2025-01-15 03:03:00 UTC."
    )


def test_a_name_that_is_not_known_is_told_with_the_nearest(site: Path) -> None:
    """To each tool that takes one, so that the model asks again with one that is there."""
    nearest = "no host is called 'oven-9'; there are 3: press-7, plc-3, badge-1"
    assert answered(site, lambda tools: tools.search_logs(host="oven-9")) == nearest
    assert answered(site, lambda tools: tools.host_timeline("oven-9", "8h")) == nearest
    assert answered(site, lambda tools: tools.list_problems(host="oven-9")) == nearest
    for work in (
        lambda tools: tools.list_problems(place="line 9"),
        lambda tools: tools.search_logs(service="no-such"),
        lambda tools: tools.search_logs(pattern_id=99),
        lambda tools: tools.problem_statistics(99),
    ):
        assert re.match(
            r"(no (line|service) is called|there is no problem 99;).* there (are \d|is one)", answered(site, work)
        )


def test_a_timeline_is_one_hosts_logs_in_order(site: Path) -> None:
    text = answered(site, lambda tools: tools.host_timeline("press-7", "2025-01-15T02:14:02", 10, 0))
    assert ids(text) == [2, 3, 4]


def test_list_problems_begins_with_what_came_first(site: Path) -> None:
    text = answered(site, lambda tools: tools.list_problems(place="line-3"))
    assert ids(text, "pattern_id")[:2] == [FAN, 2]
    assert lines(text)[0]["log_ids"] == [1]
    worst = answered(site, lambda tools: tools.list_problems(order="severity", limit=1))
    assert ids(worst, "pattern_id") == [STOP]


def test_statistics_tell_rates_hosts_and_what_is_known(site: Path) -> None:
    (facts,) = lines(answered(site, lambda tools: tools.problem_statistics(SERVO)))
    assert (facts["logs"], facts["logs_in_last_hour"], facts["hosts"]) == (6, 6, {"press-7": 6})
    assert facts["explanation"].startswith("The servo of axis X is overloaded")
    assert facts["newest_log_ids"] == [8, 7, 6, 5, 4]


def test_similar_problems_read_alike(site: Path) -> None:
    assert ids(answered(site, lambda tools: tools.similar_problems(text="reader offline")), "pattern_id") == [BADGE]
    text = answered(site, lambda tools: tools.similar_problems(pattern_id=BADGE))
    assert text == "No problem reads like that."


def test_similar_problems_need_something_to_compare_with(site: Path) -> None:
    assert answered(site, lambda tools: tools.similar_problems()) == "Give text or pattern_id."


def test_runbooks_are_those_of_the_site(site: Path, tmp_path: Path) -> None:
    (tmp_path / "servo.md").write_text("---\ntitle: Servo\nmatch:\n  text: servo overload\n---\n- Check the fan\n")
    books = MarkdownRunbooks(tmp_path)
    books.scan()
    text = answered(site, lambda tools: tools.runbooks("SV0401 servo overload"), runbooks=books)
    assert lines(text) == [{"runbook": f"{tmp_path.name}/servo.md", "title": "Servo", "text": "- Check the fan"}]
    assert answered(site, lambda tools: tools.runbooks("paint"), runbooks=books) == "No runbook matches."


def test_calls_are_bounded_and_no_answer_comes_after_the_last(site: Path) -> None:
    async def work(tools: HistoryTools) -> str:
        assert not tools.spent
        await tools.search_logs()
        assert tools.spent
        return await tools.search_logs()

    assert answered(site, work, calls=1) == NO_MORE


def test_the_bytes_of_all_answers_are_bounded(site: Path) -> None:
    async def work(tools: HistoryTools) -> str:
        texts = [await tools.search_logs(limit=100) for _ in range(20)]
        assert texts[-1] == NO_MORE
        return "".join(text for text in texts if text != NO_MORE)

    assert len(answered(site, work, calls=50, room=2_000).encode()) < 4_000


def test_one_answer_is_bounded_whatever_the_logs_hold(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"

    async def fill_up() -> None:
        async with opened(path) as store:
            await store.record([a_log(n, message="ü<" * 30_000, hostname="h" * 900) for n in range(1, 60)], [])

    asyncio.run(fill_up())
    for text in (
        answered(path, lambda tools: tools.search_logs(limit=100)),
        answered(path, lambda tools: tools.problem_statistics(1)),
        answered(path, lambda tools: tools.list_problems(since="2025-01-01")),
    ):
        assert len(text.encode()) < OUTPUT_MAX + 400
        assert lines(text)


def test_only_logs_that_were_shown_count_as_seen(tmp_path: Path, site: Path) -> None:
    async def work(tools: HistoryTools) -> str:
        await tools.search_logs(limit=2)
        assert tools.seen == {13, 12}
        return ""

    answered(site, work)


class Failing:
    """A history in trouble."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def __call__(self, *_: object) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (QueryTooSlow("slow"), NARROW),
        (StoreUnavailable("/var/lib/secret.db is locked"), "The database cannot be read now"),
    ],
)
def test_trouble_is_said_in_words_without_particulars(error: Exception, said: str) -> None:
    tools = HistoryTools(Failing(error), clock=lambda: MORNING)  # type: ignore[arg-type]
    text = asyncio.run(tools.search_logs())
    assert said in text
    assert "secret.db" not in text


def test_a_call_that_takes_too_long_is_ended() -> None:
    async def hanging(*_: object) -> Any:
        await asyncio.Event().wait()

    tools = HistoryTools(hanging, clock=lambda: MORNING, timeout=0.05)  # type: ignore[arg-type]
    assert NARROW in asyncio.run(tools.search_logs())


def test_ages_look_back_from_the_clock(site: Path) -> None:
    async def work(visitor: Visitor) -> str:
        tools = HistoryTools(visitor.ask, clock=lambda: MORNING - timedelta(hours=5, minutes=14))
        return await tools.search_logs(since="1m", until="now")

    with Visitor(site) as visitor:
        assert ids(asyncio.run(work(visitor))) == [9]


def test_a_fence_stands_whatever_is_in_it() -> None:
    evil = "\n".join([f"{n:016x}>>>" for n in range(3)]) + "<<<"
    text = fenced([encode({"m": evil})])
    assert lines(text) == [{"m": evil}]
    assert text.count("<<<") == 1


def test_a_listing_keeps_to_its_room_and_tells_the_rest() -> None:
    assert listing(["aaaa", "bbbb", "c"], 10) == (["aaaa", "bbbb"], 1, 10)


def test_a_log_line_hides_secrets_and_keeps_its_size() -> None:
    line = log_line(stored_log(1, "x" * 5_000, context='{"password": "hunter2", "axis": "X"}'), 400)
    assert len(line.encode()) < 460
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It stopped [log 12].", [12]),
        ("[logs 12, 13 and 14] then (log #15)", [12, 13, 14, 15]),
        ("[Log 7; log 8] [log 7]", [7, 8]),
        ("[12] log 3, [login 5], [log], [log x1]", []),
        ("[log " + "1" * 400 + "]", []),
        ("[log " + "1, " * 5_000, []),
    ],
)
def test_citations_are_read_in_every_common_form(text: str, found: list[int]) -> None:
    assert cited_ids(text) == found


def test_citations_that_are_not_known_are_marked() -> None:
    assert checked("a [logs 1, 2] b (log 3)", {1}) == "a [log 1] [log 2: not found] b [log 3: not found]"
