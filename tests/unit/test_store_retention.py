"""Retention on SQLite and PostgreSQL: what stays is what the rules say, and nothing that is needed goes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.core.errors import InUseError, StoreError
from andon.core.models import STREAM, LogQuery, LogRecord, Merge, NewPicture, Recorded, Reject
from andon.core.settings.database_url import Database
from andon.store import (
    KeepPolicy,
    KeepRule,
    Visitor,
    compact,
    counts,
    deleted_by_others,
    lock_database,
    prepare,
    queue,
    recording,
    retention,
    search,
    set_floor,
)
from andon.store.retention.delete import used_bytes
from andon.store.rules.retention import CAP, Judge, hour_of
from support.retaining import answer_all, fill, keeping, retain
from support.store_data import NS, Clock, a_log, an_answer, query

pytest_plugins = ["support.databases"]

_HOUR, _DAY = 3600.0, 86_400.0
_SEVERITIES = ("DEBUG", "INFO", "WARNING", "ERROR")


def _rules(*rules: KeepRule, **options: Any) -> KeepPolicy:
    return KeepPolicy(rules, **options)


def _mixed(count: int, first: int = 1) -> list[LogRecord]:
    """Logs of four severities and three patterns over some hours."""
    return [
        a_log(
            n,
            f"p{n % 3}",
            severity=_SEVERITIES[n % 4],
            service=f"svc-{n % 5}",
            line=f"line-{n % 2}",
            timestamp=f"2025-01-15T{n // 20 % 24:02d}:{n % 60:02d}:00.000Z",
        )
        for n in range(first, first + count)
    ]


def _stored(path: Database) -> Counter[str]:
    return Counter(row[0] for row in query(path, "SELECT severity FROM logs"))


def test_a_time_that_has_passed_deletes(database: Database) -> None:
    """By the time of storing, not by the timestamps; counts and patterns stay."""

    async def work() -> None:
        clock = Clock()
        async with keeping(database, _rules(KeepRule("infos", _HOUR, frozenset({"INFO"}))), clock) as store:
            await fill(store, clock, _mixed(200))
            await answer_all(store)
            assert (await retain(store))[0] == {}
            clock.now += _HOUR
            await fill(store, clock, _mixed(40, 201))
            deleted, last = await retain(store)
            assert (deleted, last.over) == ({"infos": 50}, False)
            assert (await store.read(counts.sizes)).logs == 190
            assert (await retain(store))[0] == {}
        assert _stored(database) == {"DEBUG": 60, "INFO": 10, "WARNING": 60, "ERROR": 60}
        for total in ("SELECT SUM(count) FROM patterns", "SELECT SUM(count) FROM pattern_minutes"):
            assert query(database, total) == [(240,)]

    asyncio.run(work())


def test_what_is_never_stored_is_counted(database: Database) -> None:
    """Neither a row nor a pattern nor a count by the minute; a second delivery changes nothing."""

    async def work() -> None:
        clock = Clock()
        policy = _rules(KeepRule("noise", "none", frozenset({"DEBUG"})))
        batch = [a_log(n, f"p-{_SEVERITIES[n % 4]}", severity=_SEVERITIES[n % 4]) for n in range(1, 41)]
        async with keeping(database, policy, clock) as store:
            first = await store.record(batch, [])
            assert (first.stored, first.dropped, len(first.left_out)) == (30, {"noise": 10}, 10)
            assert [place for place, log_id in enumerate(first.log_ids) if log_id is None] == sorted(first.left_out)
            again = await store.record(batch, [])
            assert (again.stored, again.duplicates, again.dropped) == (0, 40, {})
            assert await store.read(recording.newest_sequence, STREAM) == 40
        assert query(database, "SELECT COUNT(*) FROM patterns WHERE fingerprint = 'p-DEBUG'") == [(0,)]
        assert query(database, "SELECT SUM(count) FROM pattern_minutes") == [(30,)]
        assert query(database, "SELECT value FROM counters WHERE name = 'dropped:noise'") == [(10,)]
        with Visitor(database) as visitor:
            assert visitor.read(retention.state).dropped == {"noise": 10}

    asyncio.run(work())


def test_a_message_left_out_is_known_after_a_restart(database: Database) -> None:
    """Also where it was the newest of its stream; one that took its sequence later is another."""

    async def work() -> None:
        clock = Clock()
        policy = _rules(KeepRule("all", "none"))
        async with keeping(database, policy, clock) as store:
            await store.record([a_log(n) for n in range(1, 11)], [])
        async with keeping(database, _rules(), clock) as store:
            assert await store.read(recording.newest_sequence, STREAM) == 10
            again = await store.record([a_log(n) for n in range(1, 11)], [])
            assert (again.stored, again.duplicates) == (0, 10)
            assert (await store.record([a_log(7, stored_ns=NS + 10**12)], [])).stored == 1

    asyncio.run(work())


def test_a_deleted_message_is_not_stored_anew(database: Database) -> None:
    """While its stream may deliver it again; what the stream dropped is forgotten."""

    async def work() -> None:
        clock = Clock()
        async with keeping(database, _rules(KeepRule("r", 60.0)), clock) as store:
            await fill(store, clock, [a_log(n) for n in range(1, 101)])
            await store.write(set_floor, STREAM, 51, clock.now)
            job = await store.write(queue.claim, "me", 60, clock.now)
            assert job is not None
            await store.write(queue.finish, job, an_answer(), clock.now)
            clock.now += 60
            assert (await retain(store))[0] == {"r": 100}
            assert query(database, "SELECT first_seq, last_seq FROM gone") == [(51, 100)]
            again = await store.record([a_log(n) for n in range(45, 101)], [])
            assert (again.stored, again.duplicates) == (6, 50)
            await store.write(set_floor, STREAM, 101, clock.now)
        assert query(database, "SELECT COUNT(*) FROM gone") == [(0,)]

    asyncio.run(work())


def test_what_came_after_a_lost_tail_is_not_taken_for_handled(database: Database) -> None:
    """Its sequences were used again while the broker was away: between the ranges of before and after lie others."""

    async def work() -> None:
        clock = Clock()
        later = 60 * 10**9
        async with keeping(database, _rules(KeepRule("all", "none")), clock) as store:
            await store.record([a_log(n) for n in range(1, 11)], [])
            await store.record([a_log(n, stored_ns=NS + later + n) for n in range(11, 21)], [])
            await store.record([a_log(10, stored_ns=NS + 10), a_log(21, stored_ns=NS + later + 21)], [])
            others = [(n, NS + later // 2 + n) for n in range(5, 21)]
            assert await store.read(recording.unknown, STREAM, others) == set(others)
            handled = [(n, NS + (later if n > 10 else 0) + n) for n in range(1, 22)]
            assert await store.read(recording.unknown, STREAM, handled) == set()

    asyncio.run(work())


def test_a_caller_that_waits_gets_its_answer(database: Database) -> None:
    """Its log is stored although a rule says none, and goes once it is answered."""

    async def work() -> None:
        clock = Clock()
        async with keeping(database, _rules(KeepRule("r", "none")), clock) as store:
            await fill(store, clock, [a_log(1, reply_to="me.1"), a_log(2)])
            assert (await store.read(counts.sizes)).logs == 1
            assert (await retain(store))[0] == {}
            job = await store.write(queue.claim, "me", 60, clock.now)
            assert job is not None
            await store.write(queue.finish, job, an_answer(), clock.now)
            waiters = await store.read(queue.explained_waiters, 10, clock.now)
            assert len(waiters) == 1
            await store.write(queue.remove_waiters, [one[0] for one in waiters])
            assert (await retain(store))[0] == {"r": 1}
            assert query(database, "SELECT COUNT(*) FROM retention_later") == [(0,)]

    asyncio.run(work())


def test_what_a_shown_explanation_cites_stays(database: Database) -> None:
    """With the log of an open question; both go when they are no longer needed. Explanations outlive rows."""

    async def work() -> None:
        clock = Clock()
        async with keeping(database, _rules(KeepRule("r", _HOUR)), clock) as store:
            await fill(store, clock, [a_log(n, f"p{n % 2}") for n in range(1, 21)])
            job = await store.write(queue.claim, "me", 60, clock.now)
            assert job is not None
            cited = {log.id for log in job.question.logs[:2]}
            answer = an_answer()
            answer.finding = {"summary": "s", "evidence": sorted(cited)}
            await store.write(queue.finish, job, answer, clock.now)
            clock.now += _HOUR
            assert (await retain(store))[0] == {"r": 17}
            left = {row[0] for row in query(database, "SELECT id FROM logs")}
            assert cited < left
            assert len(left) == 3
            other = await store.write(queue.claim, "me", 60, clock.now)
            assert other is not None
            assert other.question.logs
            await store.write(queue.finish, other, an_answer(), clock.now)
            assert (await retain(store))[0] == {"r": 1}
            assert {row[0] for row in query(database, "SELECT id FROM logs")} == cited
            assert len(await store.read(queue.shown_for, [1, 2])) == 2

    asyncio.run(work())


def test_one_of_each_pattern_and_hour_stays(database: Database) -> None:
    """The first that was stored, in however many runs; those of other severities are not touched."""

    async def work() -> None:
        clock = Clock()
        policy = _rules(KeepRule("s", "sample", frozenset({"INFO", "WARNING"}), older_than=_DAY))
        deleted = 0
        async with keeping(database, policy, clock) as store:
            for first in (1, 301):
                await fill(store, clock, _mixed(300, first))
                await answer_all(store)
                clock.now += _DAY
                deleted += (await retain(store))[0]["s"]
        rows = query(database, "SELECT id, pattern_id, timestamp, severity FROM logs ORDER BY id")
        kept = Counter((pattern, hour_of(time)) for _, pattern, time, severity in rows if severity[0] in "IW")
        assert deleted + len(kept) == 300
        assert set(kept.values()) == {1}
        assert sum(severity in ("DEBUG", "ERROR") for *_, severity in rows) == 300

    asyncio.run(work())


def test_deleted_logs_are_found_by_no_word(database: Database) -> None:
    """The index of words holds nothing of them any more."""

    async def work() -> None:
        clock = Clock()
        policy = _rules(KeepRule("r", 60.0, frozenset({"INFO"})))
        async with keeping(database, policy, clock) as store:
            contexts = '{"firmware":"2.1.4","lot":"L7","nested":{"a":1}}'
            await fill(
                store,
                clock,
                [
                    a_log(
                        n,
                        f"p{n % 2}",
                        severity="INFO" if n % 2 else "ERROR",
                        context=contexts,
                        message=f"Überdruck {n}",
                    )
                    for n in range(1, 41)
                ],
            )
            clock.now += 60
            await answer_all(store)
            assert (await retain(store))[0] == {"r": 20}
        with Visitor(database) as visitor:
            found = visitor.read(search.find, LogQuery(text="überdruck", limit=100))
            assert [log.severity for log in found] == ["ERROR"] * 20
        if isinstance(database, Path):
            held = query(database, "SELECT COUNT(*) FROM log_words WHERE log_words MATCH 'uberdruck'")
            assert held == query(database, "SELECT COUNT(*) FROM logs")

    asyncio.run(work())


def test_a_picture_goes_with_the_last_log_that_shows_it(database: Database) -> None:
    """And its bytes with it; the number of pictures is right."""
    one, two = (NewPicture(name * 64, "image/png", 1, 1, b"x" * 2000) for name in "ab")

    async def work() -> None:
        clock = Clock()
        async with keeping(database, _rules(KeepRule("r", 60.0, frozenset({"INFO"}))), clock) as store:
            await fill(
                store,
                clock,
                [
                    a_log(1, severity="ERROR", pictures=(one,)),
                    a_log(2, severity="INFO", pictures=(one,)),
                    a_log(3, severity="INFO", pictures=(two,)),
                ],
            )
            clock.now += 60
            assert (await retain(store))[0] == {"r": 2}
        assert query(database, "SELECT sha256 FROM pictures") == [(one.sha256,)]
        assert query(database, "SELECT log_id FROM log_pictures") == [(1,)]
        assert query(database, "SELECT value FROM counters WHERE name = 'pictures'") == [(1,)]

    asyncio.run(work())


def test_changed_rules_look_at_everything_again(database: Database) -> None:
    """A mark belongs to the rules it was made under."""

    async def work() -> None:
        clock = Clock()
        async with keeping(database, _rules(KeepRule("r", _HOUR, frozenset({"INFO"}))), clock) as store:
            await fill(store, clock, _mixed(80))
            await answer_all(store)
            clock.now += _HOUR
            assert (await retain(store))[0] == {"r": 20}
        async with keeping(database, _rules(KeepRule("r", _HOUR, frozenset({"INFO", "DEBUG"}))), clock) as store:
            assert (await retain(store))[0] == {"r": 20}

    asyncio.run(work())


def test_a_rule_names_a_problem(database: Database) -> None:
    """With everything merged into it, when storing and later."""

    async def work() -> None:
        clock = Clock()
        async with keeping(database, _rules(), clock) as store:
            merge = Merge("p2", "p1", 1, ("a", "b"))
            await store.record([a_log(n, f"p{n % 3}") for n in range(1, 31)], [], [merge])
            await answer_all(store)
            (root,) = query(database, "SELECT id FROM patterns WHERE fingerprint = 'p1'")[0]
        async with keeping(database, _rules(KeepRule("r", "none", pattern=root)), clock) as store:
            one: Recorded = await store.record([a_log(100 + n, f"p{n}") for n in range(3)], [])
            assert (one.dropped, one.left_out) == ({"r": 2}, {1, 2})
            await fill(store, clock, [])
            assert (await retain(store))[0] == {"r": 20}

    asyncio.run(work())


def test_the_cap_takes_the_oldest_of_the_least_severe(database: Database) -> None:
    """Until the database is small enough; what was stored within the hour and what a rule keeps for ever stays."""

    async def work() -> None:
        clock = Clock()
        keep = KeepRule("keep", "forever", frozenset({"DEBUG"}), "svc-0")
        async with keeping(database, _rules(), clock) as store:
            dice = random.Random(6)  # what is the same everywhere, a server would keep in little space
            big = [_with(record, context=f'{{"text":"{dice.randbytes(1500).hex()}"}}') for record in _mixed(1200)]
            for start in range(0, 1200, 300):
                await fill(store, clock, big[start : start + 300])
            used = _used(database)
        async with keeping(database, _rules(keep, max_bytes=used - 1_000_000), clock) as store:
            assert await store.retention.over()
            deleted, last = await retain(store)
            assert (deleted, last.over) == ({}, True)
            clock.now += 2 * _HOUR
            deleted, last = await retain(store)
            assert not last.over
            assert not await store.retention.over()
            assert 100 < deleted[CAP] < 600
        left = _stored(database)
        assert left["WARNING"] == left["ERROR"] == 300
        assert left["DEBUG"] >= 60
        assert query(database, "SELECT COUNT(*) FROM logs WHERE severity = 'DEBUG' AND service = 'svc-0'") == [(60,)]
        gone = 300 - left["DEBUG"]
        others = query(database, "SELECT MIN(id) FROM logs WHERE severity = 'DEBUG' AND service <> 'svc-0'")[0][0]
        assert others is None or others > gone * 4

    asyncio.run(work())


def _with(record: LogRecord, **changes: Any) -> LogRecord:
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def _used(database: Database) -> int:
    with Visitor(database) as visitor:
        return visitor.read(retention.state).used


def test_free_space_goes_back_to_the_disk(tmp_path: Path) -> None:
    """The file is smaller afterwards, without being made anew."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        clock = Clock()
        async with keeping(path, _rules(KeepRule("r", _HOUR)), clock) as store:
            big = [_with(record, context='{"text":"' + "x" * 3000 + '"}') for record in _mixed(1000)]
            await fill(store, clock, big)
            clock.now += _HOUR
            await retain(store)

    asyncio.run(work())
    assert path.stat().st_size < 1_500_000
    assert query(path, "PRAGMA auto_vacuum") == [(2,)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def test_the_index_of_words_shrinks_too(tmp_path: Path) -> None:
    """Where much was deleted its segments are merged, a few pages at a time."""
    path = tmp_path / "agent.db"
    size = "SELECT SUM(LENGTH(block)) FROM log_words_data"

    async def work() -> None:
        clock = Clock()
        async with keeping(path, _rules(KeepRule("r", _HOUR, frozenset({"DEBUG", "INFO", "WARNING"}))), clock) as store:
            for start in range(1, 4001, 500):
                await fill(store, clock, _mixed(500, start))
            await answer_all(store)
            before = query(path, size)[0][0]
            clock.now += _HOUR
            assert (await retain(store))[0] == {"r": 3000}
            assert query(path, size)[0][0] < before / 2
            assert query(path, "SELECT value FROM counters WHERE name = 'unmerged'") == [(0,)]
        held = query(path, "SELECT COUNT(*) FROM log_words WHERE log_words MATCH 'fault'")
        assert held == [(1000,)]

    asyncio.run(work())


def test_a_file_of_before_learns_to_shrink(tmp_path: Path) -> None:
    """A small one on start; any on being compacted, which no running service allows."""
    path = tmp_path / "agent.db"
    prepare(path, durability="normal")
    with contextlib.closing(__import__("sqlite3").connect(path)) as old:
        old.execute("PRAGMA journal_mode=DELETE")
        old.execute("PRAGMA auto_vacuum=NONE")
        old.execute("VACUUM")
    assert query(path, "PRAGMA auto_vacuum") == [(0,)]
    prepare(path, durability="normal")
    assert query(path, "PRAGMA auto_vacuum") == [(2,)]
    with lock_database(path), pytest.raises(InUseError):
        compact(path)
    before, after = compact(path)
    assert after <= before


def test_a_server_is_not_compacted(server: Any) -> None:
    """It says what to do instead."""
    with pytest.raises(StoreError, match="VACUUM FULL"):
        compact(server.prepared())


def test_a_log_of_the_future_is_looked_at_later(tmp_path: Path) -> None:
    """A wrong clock at the time of storing holds nothing else up, and the log goes when its time has come."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        clock = Clock()
        async with keeping(path, _rules(KeepRule("r", _HOUR)), clock) as store:
            clock.now += 100 * _DAY
            await store.record([a_log(n) for n in range(1, 4)], [])
            clock.now -= 100 * _DAY
            await fill(store, clock, [a_log(n) for n in range(11, 21)])
            await answer_all(store)
            clock.now += _HOUR
            assert (await retain(store))[0] == {"r": 10}
            clock.now += 100 * _DAY
            assert (await retain(store))[0] == {"r": 3}

    asyncio.run(work())


_SERVICES = ("svc-0", "svc-1", "drive", "[x]")
_GLOBS = ("svc-*", "svc-?", "drive", "*", "[x]")

_rule = st.builds(
    KeepRule,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["forever", "sample", "none", _HOUR, 5 * _HOUR, _DAY]),
    st.sampled_from([frozenset(), frozenset({"DEBUG"}), frozenset({"INFO", "WARNING"})]),
    st.sampled_from([None, *_GLOBS]),
    st.tuples(st.none(), st.none(), st.sampled_from([None, "line-?", "line-0"]), st.none()),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([0.0, _HOUR, 2 * _HOUR, 2 * _DAY]),
)
_log = st.tuples(
    st.integers(0, 3), st.sampled_from(_SEVERITIES), st.sampled_from(_SERVICES), st.integers(0, 1), st.integers(0, 2)
)
#: Logs, each after so many hours.
_history = st.lists(st.tuples(st.integers(0, 3), st.lists(_log, max_size=5)), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules=st.lists(_rule, max_size=4), history=_history, later=st.integers(0, 60))
def test_what_stays_is_what_the_rules_say(rules: list[KeepRule], history: Any, later: int) -> None:
    """For any rules and logs, in however many runs; the totals add up, and another run finds nothing."""
    policy = KeepPolicy(tuple(rules))

    async def work(path: Path) -> None:
        clock = Clock()
        async with keeping(path, policy, clock) as store:
            await store.record([a_log(900 + n, f"p{n}", severity="CRITICAL", service="seed") for n in range(3)], [])
            given_in, deleted, dropped, sequence = 3, Counter[str](), Counter[str](), 1000
            for hours, batch in history:
                clock.now += hours * _HOUR
                records = []
                for pattern, severity, service, line, hour in batch:
                    sequence += 1
                    records.append(
                        a_log(
                            sequence, f"p{pattern}", severity=severity, service=service, line=f"line-{line}",
                            timestamp=f"2025-01-15T{hour:02d}:00:00.000Z",
                        )
                    )  # fmt: skip
                done = await store.record(records, [])
                dropped.update(done.dropped)
                given_in += len(records)
                await fill(store, clock, [])
                await answer_all(store)
                deleted.update((await retain(store))[0])
            clock.now += later * _HOUR
            await _foretold(store, path, policy, clock, deleted)
            assert (await retain(store))[0] == {}
            found = await store.read(counts.sizes)
        rows = query(
            path, "SELECT id, severity, service, site, area, line, machine, pattern_id, created_at, timestamp FROM logs"
        )
        assert found.logs == len(rows) == given_in - sum(deleted.values()) - sum(dropped.values())
        _check(policy, rows, clock.now)
        noted = query(path, "SELECT subject, detail FROM audit")
        assert sum(_logs(detail) for _, detail in noted) == sum(deleted.values())

    with tempfile.TemporaryDirectory() as place:
        asyncio.run(work(Path(place) / "agent.db"))


async def _foretold(store: Any, path: Path, policy: KeepPolicy, clock: Clock, deleted: Counter[str]) -> None:
    """The forecast is what then happens."""
    with Visitor(path) as visitor:
        told = visitor.read(retention.predict, policy, clock.now)
    happened = (await retain(store))[0]
    assert told.logs == happened
    deleted.update(happened)


def _logs(detail: str) -> int:
    import json

    return int(json.loads(detail)["logs"])


def _check(policy: KeepPolicy, rows: Sequence[tuple[Any, ...]], now: float) -> None:
    """Nothing is left that had to go, and of what is sampled one of each kind."""
    judge = Judge(policy, {named: frozenset({named}) for named in policy.named_patterns})
    sampled: Counter[tuple[int, str]] = Counter()
    for row in rows:
        age = now - row[8]
        rule = judge.rule(judge.looks(row[1], row[2], row[3:7], row[7]), age)
        fate = "keep" if rule is None else rule.fate(age)
        assert fate != "go"
        if fate == "sample":
            sampled[row[7], hour_of(row[9])] += 1
    assert all(count == 1 for count in sampled.values())


_KILLED = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from andon.store import KeepPolicy, KeepRule
from support.retaining import keeping
from support.store_data import Clock

async def work():
    clock = Clock(); clock.now += 100_000
    policy = KeepPolicy((KeepRule("r", 60.0, frozenset({{"INFO", "DEBUG"}})),))
    async with keeping(Path({path!r}), policy, clock) as store:
        while (await store.retention.step()).more:
            print("step", flush=True)
            sys.stdin.readline()

asyncio.run(work())
"""


def test_killed_in_the_middle_it_goes_on(tmp_path: Path) -> None:
    """Rows, index, counters and the book agree afterwards, and the next run does the rest."""
    path = tmp_path / "agent.db"
    clock = Clock()

    async def before() -> None:
        async with keeping(path, _rules(), clock) as store:
            for start in range(1, 4001, 500):
                await fill(store, clock, _mixed(500, start))

    asyncio.run(before())
    script = _KILLED.format(tests=str(Path(__file__).parents[1]), path=str(path))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("step"):
                far = query(path, "SELECT COUNT(*) FROM logs")[0][0] < 3800
                child.stdin.write("\n")  # the next step begins
                if far:
                    break
        child.kill()
    left = query(path, "SELECT COUNT(*) FROM logs")[0][0]
    assert 2000 < left < 4000
    assert query(path, "SELECT value FROM counters WHERE name = 'logs'") == [(left,)]
    assert sum(_logs(row[0]) for row in query(path, "SELECT detail FROM audit")) == 4000 - left
    assert query(path, "PRAGMA integrity_check") == [("ok",)]

    async def after() -> None:
        clock.now += 100_000
        policy = _rules(KeepRule("r", 60.0, frozenset({"INFO", "DEBUG"})))
        async with keeping(path, policy, clock) as store:
            again = await store.record(_mixed(4000), [])
            assert again.stored == 0
            await retain(store)

    asyncio.run(after())
    assert _stored(path)["WARNING"] == _stored(path)["ERROR"] == 1000
    assert _stored(path)["INFO"] + _stored(path)["DEBUG"] <= 3  # logs of open questions
    held = query(path, "SELECT COUNT(*) FROM log_words WHERE log_words MATCH 'fault'")
    assert held == query(path, "SELECT COUNT(*) FROM logs")


def test_steps_are_short(tmp_path: Path) -> None:
    """A run is many small transactions, however much there is to delete."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        clock = Clock()
        async with keeping(path, _rules(KeepRule("r", 60.0)), clock) as store:
            for start in range(1, 3001, 500):
                await fill(store, clock, _mixed(500, start))
            clock.now += 60
            removed = []
            while (done := await store.retention.step()).more:
                removed.append(sum(done.deleted.values()))
                assert len(removed) < 1000
            assert 0 < max(removed) <= 500
            assert 0 < sum(removed) <= 3000

    asyncio.run(work())


def test_deletions_by_a_command_are_told_apart(database: Database) -> None:
    """The audit book names who asked; services count what others deleted, and not what services did."""

    async def work() -> None:
        clock = Clock()
        async with keeping(database, _rules(KeepRule("r", 60.0)), clock) as store:
            await fill(store, clock, [a_log(n) for n in range(1, 21)])
            await answer_all(store)
            clock.now += 60
            assert (await retain(store))[0] == {"r": 20}
            assert await store.read(deleted_by_others) == []
            await fill(store, clock, [a_log(n) for n in range(21, 26)])
            await answer_all(store)
            clock.now += 60
            store.retention.actor = "andon retention --run (eva)"
            assert (await retain(store))[0] == {"r": 5}
            assert [(label, logs) for _, label, logs in await store.read(deleted_by_others)] == [("r", 5)]
        told = query(database, "SELECT actor FROM audit ORDER BY id")
        assert told == [("retention",), ("andon retention --run (eva)",)]

    asyncio.run(work())


def _rejects(count: int, first: int = 1) -> list[Reject]:
    return [
        Reject(STREAM, n, NS + n, "agent.technical.support", "is empty", b"?" * 100)
        for n in range(first, first + count)
    ]


def test_what_was_not_understood_goes_at_its_age(database: Database) -> None:
    """With rules or without; a message that its stream still holds is not taken in again, logs are not touched."""

    async def work() -> None:
        clock = Clock()
        async with keeping(database, KeepPolicy(rejects=_DAY), clock) as store:
            await store.record(_mixed(5, 1000), _rejects(300))
            clock.now += _HOUR
            await store.record([], _rejects(10, 301))
            assert (await retain(store))[0] == {}
            clock.now += _DAY - _HOUR + 1
            assert (await retain(store))[0] == {"rejects": 300}
            sizes = await store.read(counts.sizes)
            assert (sizes.rejects, sizes.logs) == (10, 5)
            again = await store.record([], _rejects(310))
            assert (again.rejected, again.duplicates) == (0, 310)
            entries = (await store.read(retention.state)).deletions
            assert [(one.subject, one.detail["logs"]) for one in entries] == [("rejects", 300)]
        assert query(database, "SELECT MIN(id), COUNT(*) FROM rejects") == [(301, 10)]

    asyncio.run(work())


def test_rejects_are_kept_for_ever_where_the_site_says_so(database: Database) -> None:
    """And none is forecast to go."""

    async def work() -> None:
        clock = Clock()
        async with keeping(database, KeepPolicy(), clock) as store:
            await store.record([], _rejects(3))
            clock.now += 400 * _DAY
            assert (await retain(store))[0] == {}
            assert (await store.read(retention.predict, KeepPolicy(), clock.now)).logs == {}
            forecast = await store.read(retention.predict, KeepPolicy(rejects=_DAY), clock.now)
            assert (forecast.logs, forecast.bytes) == ({"rejects": 3}, {"rejects": 300})

    asyncio.run(work())


def test_the_cap_takes_what_was_not_understood_before_any_log(tmp_path: Path) -> None:
    """A flood of garbage costs no log, and what came within the hour stays."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        clock = Clock()
        async with keeping(path, KeepPolicy(max_bytes=1), clock) as probe:
            empty = await probe.read(used_bytes)
        async with keeping(path, KeepPolicy(max_bytes=empty + 600_000), clock) as store:
            large = [msgspec.structs.replace(one, data=b"?" * 20_000) for one in _rejects(60)]
            await store.record(_mixed(20, 1000), large[:50])
            clock.now += 2 * _HOUR
            await store.record([], large[50:])
            deleted, last = await retain(store)
            assert set(deleted) == {CAP}
            sizes = await store.read(counts.sizes)
            assert (sizes.logs, last.over) == (20, False)
            assert 10 <= sizes.rejects == 60 - deleted[CAP] < 50

    asyncio.run(work())
