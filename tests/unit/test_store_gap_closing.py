"""Deleting some logs here and there: the space they took becomes free, and the logs that stay are what they were."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from andon.core.models import LogQuery, LogRecord
from andon.store import KeepPolicy, KeepRule, Visitor, retention, search
from andon.store.retention.gap_closing import STRETCH, WORTH, Gaps
from andon.store.rules.retention import CAP
from support.retaining import answer_all, fill, keeping, retain
from support.store_data import Clock, a_log, query

_SEVERITIES = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_COUNT = 5_000
_HOURS = 7_200.0


def _logs(large: int = 0) -> list[LogRecord]:
    """One of five of each severity; every ``large``-th has a context of many pages."""
    return [
        a_log(
            n,
            f"p{n % 3}",
            severity=_SEVERITIES[n % 5],
            message=f"fault {n} of a drive",
            context=json.dumps({"serial": f"S{n * 7919}", "text": "x" * (20_000 if large and n % large == 0 else 200)}),
        )
        for n in range(1, _COUNT + 1)
    ]


async def _filled(path: Path, clock: Clock, logs: list[LogRecord]) -> None:
    async with keeping(path, KeepPolicy(()), clock) as store:
        for start in range(0, len(logs), 1_000):
            await fill(store, clock, logs[start : start + 1_000])
            await answer_all(store)
    clock.now += _HOURS


def _used(path: Path) -> int:
    with Visitor(path) as visitor:
        return visitor.read(retention.state).used


def test_space_between_logs_that_stay_becomes_free(tmp_path: Path) -> None:
    """What stays is the same to the letter, is found as before, and takes less room."""
    path = tmp_path / "agent.db"
    kept = "SELECT * FROM logs WHERE severity NOT IN ('DEBUG', 'INFO') ORDER BY id"

    async def work() -> None:
        clock = Clock()
        await _filled(path, clock, _logs())
        before, rows = _used(path), query(path, kept)
        rules = KeepPolicy((KeepRule("few", 60.0, frozenset({"DEBUG", "INFO"})),))
        async with keeping(path, rules, clock) as store:
            assert (await retain(store))[0] == {"few": _COUNT * 2 // 5}
            assert (await store.record([a_log(_COUNT + 1)], [])).stored == 1
        assert query(path, kept)[: len(rows)] == rows
        assert _used(path) < 0.75 * before

    asyncio.run(work())
    assert query(path, "SELECT MAX(id) FROM logs") == [(_COUNT + 1,)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    with Visitor(path) as visitor:
        assert [log.sequence for log in visitor.read(search.find, LogQuery(text='"fault 4 of"'))] == [4]
        assert visitor.read(search.find, LogQuery(text='"fault 5 of"')) == []


@pytest.mark.parametrize("share", [0.95, 0.7])
def test_the_cap_takes_little_more_than_it_must(tmp_path: Path, share: float) -> None:
    """Of logs of all severities mixed, the least severe go, and about as many as the size asks for."""
    path = tmp_path / "agent.db"

    async def work() -> dict[str, int]:
        clock = Clock()
        await _filled(path, clock, _logs())
        most = int(share * _used(path))
        async with keeping(path, KeepPolicy((), max_bytes=most), clock) as store:
            deleted, last = await retain(store)
        assert not last.over
        assert _used(path) <= most
        return deleted

    deleted = asyncio.run(work())[CAP]
    assert deleted < _COUNT * (1 - share) * 2 + 500
    left = dict(query(path, "SELECT severity, COUNT(*) FROM logs GROUP BY severity"))
    assert left["ERROR"] == left["CRITICAL"] == _COUNT // 5


def test_large_logs_are_left_where_they_are(tmp_path: Path) -> None:
    """Their pages are their own; moving them would only take time."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        clock = Clock()
        await _filled(path, clock, _logs(large=10)[: STRETCH * 2])
        async with keeping(path, KeepPolicy((KeepRule("d", 60.0, frozenset({"DEBUG"})),)), clock) as store:
            assert sum((await retain(store))[0].values()) > STRETCH // 3

    asyncio.run(work())
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def test_which_stretch_is_worth_it() -> None:
    """One from which enough went, and from which nothing more is about to go."""
    gaps = Gaps()
    gaps.note(range(STRETCH, STRETCH + WORTH - 1))
    assert gaps.next() is None
    gaps.note([STRETCH + WORTH])
    assert gaps.next() == 1
    assert gaps.next(before=STRETCH + WORTH + 1) is None
    assert gaps.next(before=2 * STRETCH) == 1
