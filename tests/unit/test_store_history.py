"""Questions to the history: what they find, in what order, and where they stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import pytest
from sqlalchemy import Connection

from andon.core.errors import NotFound, QueryTooSlow
from andon.core.models import HistoryQuery, LogRecord, Merge, Spent
from andon.core.settings.database_url import Database
from andon.store import Visitor, agent_history, change, changer, period, problems, queue, search
from andon.store import names as store_names
from andon.store.names import of_site
from support.store_data import NOW, a_log, an_answer, opened

pytest_plugins = ["support.databases"]

P = ParamSpec("P")
T = TypeVar("T")


def filled(path: Database, records: list[LogRecord], merges: list[Merge] | None = None) -> None:
    async def work() -> None:
        async with opened(path) as opened_store:
            await opened_store.record(records, [], merges or [])

    asyncio.run(work())


def asked(path: Database, question: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The answer as a command gets it."""
    with Visitor(path) as visitor:
        return asyncio.run(visitor.ask(question, *args, **kwargs))


@pytest.fixture
def site(database: Database) -> Database:
    """Two lines: a drive that faults from 02:14:01 on, a full disk a minute earlier, and a quiet oven."""
    filled(
        database,
        [
            a_log(1, "disk", hostname="db-01", service="postgres", severity="CRITICAL", message="No space left",
                  timestamp="2025-01-15T02:13:00.000Z", line="line-2"),
            *(a_log(n, "drive", hostname="Press-7", line="line-3", site="north") for n in range(2, 6)),
            a_log(6, "oven", hostname="oven-1", severity="INFO", line="line-4", message="Tür 100% offen",
                  timestamp="2025-01-15T05:00:00.000Z"),
        ],
    )  # fmt: skip
    return database


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (HistoryQuery(), [6, 5, 4, 3, 2, 1]),
        (HistoryQuery(oldest_first=True, limit=2), [1, 2]),
        (HistoryQuery(severity="ERROR"), [5, 4, 3, 2, 1]),
        (HistoryQuery(severity="ERROR", oldest_first=True, limit=3), [1, 2, 3]),
        (HistoryQuery(severity="CRITICAL"), [1]),
        (HistoryQuery(host="press-7"), [5, 4, 3, 2]),
        (HistoryQuery(host="press?7", limit=1), [5]),
        (HistoryQuery(host="*-01"), [1]),
        (HistoryQuery(service="POSTGRES"), [1]),
        (HistoryQuery(place="Line-3"), [5, 4, 3, 2]),
        (HistoryQuery(place="north"), [5, 4, 3, 2]),
        (HistoryQuery(place="line_3"), []),
        (HistoryQuery(text="SPACE left"), [1]),
        (HistoryQuery(text="TÜR"), [6]),
        (HistoryQuery(text="100%"), [6]),
        (HistoryQuery(text="1%0"), []),
        (HistoryQuery(since="2025-01-15T02:14:03", until="2025-01-15T02:14:05"), [4, 3]),
        (HistoryQuery(pattern_id=2), [5, 4, 3, 2]),
    ],
)
def test_search_keeps_to_every_filter(site: Database, query: HistoryQuery, ids: list[int]) -> None:
    assert [log.id for log in asked(site, agent_history.find, query)] == ids


def test_problems_of_a_window_begin_with_what_came_first(site: Database) -> None:
    found = asked(site, agent_history.problems, HistoryQuery(until="2025-01-15T04:00:00Z"))
    assert [(one.pattern_id, one.count, one.hosts, one.first_log, one.last_log) for one in found] == [
        (1, 1, 1, 1, 1),
        (2, 4, 1, 2, 5),
    ]


@pytest.mark.parametrize(("order", "ids"), [("count", [2, 1, 3]), ("severity", [1, 2, 3]), ("first", [1, 2, 3])])
def test_problems_come_in_the_order_asked_for(site: Database, order: str, ids: list[int]) -> None:
    assert [one.pattern_id for one in asked(site, agent_history.problems, HistoryQuery(), order)] == ids


def test_what_is_merged_counts_as_one_problem(database: Database) -> None:
    merge = Merge("b", "a", 1, ("x", "y", "z", "v", "w"))
    filled(database, [a_log(1, "a"), a_log(2, "b"), a_log(3, "b")], [merge])
    found = asked(database, agent_history.problems, HistoryQuery())
    assert [(one.pattern_id, one.count) for one in found] == [(1, 3)]
    assert len(asked(database, agent_history.find, HistoryQuery(pattern_id=2))) == 3


def test_around_tells_what_else_the_host_logged_by_the_minute(site: Database) -> None:
    found = asked(site, agent_history.around, "db-01", "2025-01-15T02:14:30.000Z", 10)
    assert [(one.pattern_id, one.count, one.first_seen) for one in found] == [(1, 1, "2025-01-15T02:13:00.000Z")]
    assert asked(site, agent_history.around, "db-01", "2025-01-15T02:12:59.000Z", 10) == []


def test_recent_counts_the_last_ten_minutes_of_the_whole_problem(site: Database) -> None:
    assert asked(site, agent_history.recent, 2, "2025-01-15T02:14:59Z") == (4, 10)
    assert asked(site, agent_history.recent, 99, "2025-01-15T02:14:59Z") == (0, 10)


def test_a_pattern_comes_with_its_figures_and_what_is_known_of_it(site: Database) -> None:
    async def explain() -> None:
        async with opened(site) as opened_store:
            while job := await opened_store.write(queue.claim, "me", 60, NOW):
                await opened_store.write(queue.finish, job, an_answer(f"about {job.fingerprint}"), NOW)

    asyncio.run(explain())
    change(site, problems.resolve, 2, "Replaced the brake", "Worn lining", "Ada", NOW)
    found = asked(site, agent_history.pattern, 2)
    assert found is not None
    assert (found.count, found.last_hour, found.last_day, found.per_hour) == (4, 4, 4, 4.0)
    assert (found.hosts, found.host_count, found.newest) == ([("Press-7", 4)], 1, [5, 4, 3, 2])
    assert found.explanation is not None
    assert "Replaced the brake" in found.explanation
    assert [fix.fix for fix in found.fixes] == ["Replaced the brake"]


@pytest.mark.parametrize("pattern_id", [99, 0, -1, 2**70])
def test_a_pattern_that_is_not_there_is_none(site: Database, pattern_id: int) -> None:
    assert asked(site, agent_history.pattern, pattern_id) is None


def test_logs_by_id_leave_out_those_that_do_not_exist(site: Database) -> None:
    assert [log.id for log in asked(site, agent_history.logs_of, [5, 2, 5, 99, -3, 2**70])] == [2, 5]


def test_names_are_those_of_the_records(site: Database) -> None:
    names = asked(site, of_site)
    assert names.hosts == ["Press-7", "db-01", "oven-1"]
    assert names.services == ["drive", "postgres"]
    assert names.lines == ["line-2", "line-3", "line-4"]
    assert names.places == ["line-2", "line-3", "line-4", "north"]


def test_the_span_is_none_where_nothing_is_stored(tmp_path: Path, site: Database) -> None:
    filled(tmp_path / "empty.db", [])
    assert asked(tmp_path / "empty.db", agent_history.span) is None
    assert asked(site, agent_history.span) == ("2025-01-15T02:13:00.000Z", "2025-01-15T05:00:00.000Z")


def test_a_question_that_reads_too_long_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "agent.db"
    filled(database, [a_log(n, f"p{n % 50}", hostname=f"h-{n}") for n in range(1, 4001)])
    with monkeypatch.context() as patched:
        patched.setattr("andon.store.engine.deadline.DEADLINE", 0.0)
        with pytest.raises(QueryTooSlow, match="shorter time"):
            asked(database, agent_history.find, HistoryQuery(text="no such text anywhere"))
    assert len(asked(database, agent_history.find, HistoryQuery(limit=1))) == 1


def test_an_interrupted_question_leaves_the_services_readers_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "agent.db"

    async def work() -> None:
        async with opened(database) as opened_store:
            await opened_store.record([a_log(n) for n in range(1, 4001)], [])
            with monkeypatch.context() as patched:
                patched.setattr("andon.store.engine.deadline.DEADLINE", 0.0)
                for _ in range(4):
                    with pytest.raises(QueryTooSlow):
                        await opened_store.ask(agent_history.find, HistoryQuery(text="no such text anywhere"))
            assert len(await opened_store.ask(agent_history.find, HistoryQuery(limit=3))) == 3

    asyncio.run(work())


def test_a_command_counts_its_calls_where_the_service_does(site: Database) -> None:
    async def work() -> tuple[Spent, Spent]:
        command = changer(site)
        await command(queue.spend, 1, 0, NOW)
        await command(queue.spend, 0, 250, NOW)
        async with opened(site) as opened_store:
            return await command(queue.spent, NOW - 60), await opened_store.read(queue.spent, NOW - 60)

    assert asyncio.run(work()) == (Spent(1, 250), Spent(1, 250))


def test_reading_history_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    filled(path, [a_log(1)])
    before = path.read_bytes()
    asked(path, agent_history.problems, HistoryQuery())
    assert path.read_bytes() == before
    with Visitor(path) as visitor, pytest.raises(NotFound):
        visitor.read(search.log, 99)


def test_names_are_told_while_more_logs_wait_for_the_index_than_are_read(
    site: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_names, "_FRESH_MAX", 3)
    found = asked(site, of_site)
    assert found.services
    assert "Press-7" in found.hosts


def test_a_period_is_counted_whole_however_many_logs_it_has(database: Database) -> None:
    """What is merged counts as one problem; a log in two of the scopes counts once."""
    records = [a_log(n, ("one", "two", "three")[n % 3], severity=("ERROR", "WARNING")[n % 2]) for n in range(1, 601)]
    records += [a_log(n, "four", severity="CRITICAL", hostname="press-7", line="L3") for n in range(601, 605)]
    filled(database, records, [Merge("two", "one", -1, ())])
    scopes = [HistoryQuery(limit=5), HistoryQuery(place="l3"), HistoryQuery(host="press-7")]
    found = asked(database, period.period, scopes)
    assert (found.logs, found.ungrouped) == (604, 0)
    assert found.severities == {"CRITICAL": 4, "ERROR": 300, "WARNING": 300}
    assert [(one.count, one.weight, one.hosts) for one in found.problems] == [
        (400, 2600, 1),
        (200, 1300, 1),
        (4, 120, 1),
    ]
    assert found.problems[0].first_log == 1
    (only,) = asked(database, period.period, [HistoryQuery(severity="ERROR")], {found.problems[0].pattern_id}).problems
    assert only.count == 200
    assert asked(database, period.by_field, scopes, "hostname") == [("plc-01", 600, 2), ("press-7", 4, 1)]
    assert asked(database, period.by_field, scopes[1:], "line") == [("L3", 4, 1)]
    assert asked(database, period.log_ids) == (1, 604)


@pytest.mark.parametrize("spelling", ["E-4711", "e4711", "E 4711", "E_4711"])
def test_a_code_is_found_however_it_is_written(database: Database, spelling: str) -> None:
    filled(
        database,
        [
            a_log(1, "text", message="Axis fault E-4711 on X", template="Axis fault E-4711 on X"),
            a_log(2, "field", message="Fault", template="Fault @ alarm_code=E4711", context='{"alarm_code":"E4711"}'),
            a_log(3, "longer", message="Axis fault E-47112", template="Axis fault E-47112"),
            a_log(4, "other", message="E-4712", template="E-4712"),
        ],
    )
    ids = asked(database, period.problems_of_code, spelling)
    texts = {one.template for one in asked(database, problems.listing, 10) if one.id in ids}
    assert texts == {"Axis fault E-4711 on X", "Fault @ alarm_code=E4711"}
