"""What is analyzed, and when an explanation is made anew."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.app.wiring import analysis_policy
from andon.core.errors import ConfigError
from andon.core.models import PendingAnalysis, Rung, utc_text
from andon.core.settings.database_url import Database
from andon.core.settings.settings import load_settings
from andon.store import AnalysisPolicy, Rule, Store, queue
from andon.store.engine.database import writer_engine
from andon.store.engine.prepare import migrate, prepare
from support.store_data import NOW, Clock, a_log, an_answer, analysis_of, opened, query

pytest_plugins = ["support.databases"]

HOUR = 3600.0
DAILY = AnalysisPolicy(renew_after=30 * 24 * HOUR, renew_interval=24 * HOUR)
START = datetime(2025, 1, 10, tzinfo=UTC)


async def claimed(store: Store, now: float = NOW) -> PendingAnalysis:
    """The next job."""
    job = await store.write(queue.claim, "me", 60, now)
    assert job is not None
    return job


async def explained(store: Store, **fields: Any) -> None:
    """One log of pattern p1, with its explanation."""
    await store.record([a_log(1, timestamp=utc_text(START), **fields)], [])
    await store.write(queue.finish, await claimed(store), an_answer(), NOW)


def later(sequence: int, hours: float = 48, **fields: Any) -> Any:
    """A log of the same pattern, two days later."""
    return a_log(sequence, timestamp=utc_text(START + timedelta(hours=hours)), **fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"severity": "CRITICAL"}, "severity"),
        ({"hostname": "plc-99"}, "host"),
        ({"severity": "WARNING"}, None),
        ({}, None),
    ],
)
def test_an_explanation_is_renewed_when_the_problem_changes(
    database: Database, fields: dict[str, Any], reason: str | None
) -> None:
    """Not before the interval is over, and once."""

    async def work() -> None:
        clock = Clock()
        async with opened(database, clock=clock, policy=DAILY) as store:
            await explained(store)
            clock.now += 23 * HOUR
            assert (await store.record([later(2, **fields)], [])).queued == 0
            clock.now += 2 * HOUR
            # The change is noticed even where it happened within the interval.
            assert (await store.record([later(3)], [])).queued == (reason is not None)
            if reason is not None:
                assert (await store.record([later(4, **fields)], [])).queued == 0
                job = await claimed(store, now=clock.now)
                assert job.reason == reason
                await store.write(queue.finish, job, an_answer("renewed"), clock.now)
                clock.now += 25 * HOUR
                assert (await store.record([later(5, **fields)], [])).queued == 0

    asyncio.run(work())


def test_a_jump_of_the_rate_renews(database: Database) -> None:
    """Twenty logs in ten minutes where there was one in two days; not again while it stays so."""

    async def work() -> None:
        clock = Clock()
        async with opened(database, clock=clock, policy=DAILY) as store:
            await explained(store)
            clock.now += 48 * HOUR
            assert (await store.record([later(n) for n in range(2, 21)], [])).queued == 0
            assert (await store.record([later(21, 48.1)], [])).queued == 1
            job = await claimed(store, now=clock.now)
            assert job.reason == "rate"
            await store.write(queue.finish, job, an_answer(), clock.now)
            clock.now += 25 * HOUR
            assert (await store.record([later(100 + n, 73) for n in range(40)], [])).queued == 0

    asyncio.run(work())


def test_age_renews_and_what_people_said_does_not_age(database: Database) -> None:
    """Thirty days for a model's answer; a runbook's stays. A changed model or prompt version asks for nothing."""

    async def work() -> None:
        clock = Clock()
        async with opened(database, clock=clock, policy=DAILY) as store:
            await store.record([a_log(1, "m"), a_log(2, "r")], [])
            await store.write(queue.finish, await claimed(store, now=clock.now), an_answer(), clock.now)
            await store.write(
                queue.finish, await claimed(store, now=clock.now), an_answer("book", Rung.RUNBOOK), clock.now
            )
            clock.now += 29 * 24 * HOUR
            assert (await store.record([a_log(3, "m"), a_log(4, "r")], [])).queued == 0
            clock.now += 2 * 24 * HOUR
            assert (await store.record([a_log(5, "m"), a_log(6, "r", hostname="new")], [])).queued == 1
            assert (await claimed(store, now=clock.now)).reason == "age"

    asyncio.run(work())


def test_every_log_gets_an_analysis_of_its_own(database: Database) -> None:
    """As in the reference: each shows its own text, durable callers too; other services go by problem."""
    policy = AnalysisPolicy(services=(("press-*", Rule("every", "ERROR")), ("lab", Rule("none"))))

    async def work() -> None:
        async with opened(database, policy=policy) as store:
            batch = [
                a_log(1, service="press-1", reply_to="inbox"),
                a_log(2, service="press-2"),
                a_log(3, service="press-2", severity="INFO"),
                a_log(4, "lab", service="lab"),
                a_log(5, "other"),
            ]
            assert (await store.record(batch, [])).queued == 3
            for text in ("first", "second", "third"):
                job = await claimed(store)
                await store.write(queue.finish, job, an_answer(f"{text}: {job.question.logs[0].id}"), NOW)
            assert await store.write(queue.claim, "me", 60, NOW) is None
            assert [waiter.log_id for waiter, _, _ in await store.read(queue.explained_waiters, 5, NOW)] == [1]

    asyncio.run(work())
    assert query(database, "SELECT id, analysis FROM agent_logs ORDER BY id") == [
        (1, "first: 1"),
        (2, "third: 2"),
        (3, None),
        (4, None),
        (5, "second: 5"),
    ]


def test_criticality_raises_the_place_in_the_queue(database: Database) -> None:
    """A warning of a ten times as important asset goes before an error."""

    async def work() -> None:
        policy = AnalysisPolicy(services=(("kiln", Rule(criticality=10)),))
        async with opened(database, policy=policy) as store:
            await store.record([a_log(1, "a"), a_log(2, "b", service="kiln", severity="WARNING")], [])
            assert (await claimed(store)).log_id == 2

    asyncio.run(work())


def test_the_settings_say_what_is_analyzed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """andon.toml and the environment become rules, the first match counts; a wrong word is refused by name."""
    file = tmp_path / "andon.toml"
    file.write_text(
        'analyze_severity = "warning"\n[services."press-*"]\nanalyze = "every"\ncriticality = 3\n'
        '[services."press-1"]\nanalyze = "none"\n[services.lab]\nseverity = "CRITICAL"\n'
    )
    monkeypatch.setenv("ANDON_CONFIG", str(file))
    monkeypatch.setenv("ANDON_RENEW_AFTER", "2")
    policy = analysis_policy(load_settings())
    assert policy.rule("press-1") == Rule("every", "WARNING", 3)
    assert policy.rule("lab") == Rule("novel", "CRITICAL")
    assert policy.rule("x") == Rule("novel", "WARNING")
    assert (policy.renew_after, policy.renew_interval) == (2 * 24 * HOUR, 24 * HOUR)
    file.write_text('[services.lab]\nanalyse = "none"\n')
    with pytest.raises(ConfigError, match=r"\[services.lab\] in andon.toml, analyse: there is no such key"):
        load_settings()


def test_a_database_of_the_first_schema_comes_up_without_loss(tmp_path: Path) -> None:
    """Rows stay, what is explained is explained in its present state, and patterns can be merged at once."""
    path = tmp_path / "agent.db"
    engine = writer_engine(path, "normal")
    with engine.begin() as connection:
        migrate(connection, "0001")
        for sql in (
            "INSERT INTO streams (id, name) VALUES (1, 'AGENT_STREAM')",
            "INSERT INTO logs (id, stream_id, seq, stored_ns, timestamp, hostname, severity, service, message,"
            " pattern_id, created_at) VALUES (1, 1, 1, 5, '2025-01-10T00:00:00.000Z', 'h', 'ERROR', 's', 'm', 1, 9)",
            "INSERT INTO patterns VALUES (1, 'p1', 't', '2025-01-10T00:00:00.000Z', '2025-01-10T00:00:00.000Z', 1,"
            " 'ERROR', NULL, 1, '2025-01-10T00:00:00.000Z')",
            "INSERT INTO pattern_hosts VALUES (1, 'h', '2025-01-10T00:00:00.000Z', 1)",
            "INSERT INTO analyses (id, pattern_id, log_id, reason, status, caller, tier, score, not_before, attempts,"
            " rung, provisional, text, finished_at) VALUES (1, 1, 1, 'new', 'done', 0, 0, 60, 0, 1, 'model', 0,"
            " 'kept', '2025-01-10T00:00:01.000Z')",
        ):
            connection.exec_driver_sql(sql)
    engine.dispose()
    assert prepare(path, durability="normal").migrated_from == "0001"
    assert query(path, "SELECT explained_at, explained_severity, explained_hosts FROM patterns") == [
        (START.timestamp() + 1, "ERROR", 1)
    ]

    async def work() -> None:
        clock = Clock()
        async with opened(path, clock=clock, policy=DAILY) as store:
            assert (await store.record([a_log(2, hostname="h")], [])).queued == 0
            found = await analysis_of(store, 2)
            assert found is not None
            assert found.text == "kept"

    asyncio.run(work())
